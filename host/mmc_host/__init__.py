"""What users install: pull sessions from the wearable, simulate it, and read what happened."""


def __getattr__(name: str) -> str:
    """Give `__version__` on demand: looking it up costs a tenth of the start of `mmc-host --help`."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("mmc-host")
        except PackageNotFoundError:  # run from its folder, not installed
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
