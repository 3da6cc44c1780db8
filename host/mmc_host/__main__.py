"""`python -m mmc_host` is `mmc-host`."""

from mmc_host.cli import main

if __name__ == "__main__":
    main()
