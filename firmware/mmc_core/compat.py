"""The one place that knows which interpreter runs the core.

Out: `micropython` (for the decorator `@micropython.viper`, which the device's compiler recognises by its text),
     `const`, and the pointer names that annotate viper functions. Under CPython the decorators return the function
     unchanged and arrays are indexed as they are, so the same text is the specification. `unsigned` shows counts as
     viper loads them.
"""

import sys

try:
    import micropython  # type: ignore[assignment]
    from micropython import const  # type: ignore[assignment]

    _is_device = True
except ImportError:
    _is_device = False

    class micropython:
        """CPython's stand-in: the decorators of the device's compiler, as identities."""

        @staticmethod
        def viper(function):
            return function

    def const(value):
        return value


def unsigned(words):
    """An array('h') as the unsigned words that viper loads from it."""
    return words if _is_device else memoryview(words).cast("B").cast("H")


def let_go(name):
    """Forget a module that was imported for a while, so that its heap is free again; CPython has no need to."""
    if _is_device and name in sys.modules:
        package, _, leaf = name.rpartition(".")
        del sys.modules[name]
        if package:
            delattr(sys.modules[package], leaf)


def ptr32(words):
    """Viper makes a pointer to 32-bit words of an array here; elsewhere it is the array itself."""
    return words


ptr8 = ptr16 = ptr32  # viper knows these names by heart

__all__ = ("const", "let_go", "micropython", "ptr8", "ptr16", "ptr32", "unsigned")
