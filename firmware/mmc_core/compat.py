"""The one place that knows which interpreter runs the core.

Out: `micropython` (for the decorator `@micropython.viper`, which the device's compiler recognises by its text),
     `const`, and the pointer names that annotate viper functions. Under CPython the decorators return the function
     unchanged and arrays are indexed as they are, so the same text is the specification.
"""

try:
    import micropython  # type: ignore[assignment]
    from micropython import const  # type: ignore[assignment]
except ImportError:

    class micropython:
        """CPython's stand-in: the decorators of the device's compiler, as identities."""

        @staticmethod
        def viper(function):
            return function

    def const(value):
        return value


# Viper reads these names at compile time; elsewhere they are plain annotations.
ptr8 = ptr16 = ptr32 = None

__all__ = ("const", "micropython", "ptr8", "ptr16", "ptr32")
