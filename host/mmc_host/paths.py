"""Where the program keeps things: sessions, and what lasts no longer than a process (locks, running simulators).

Out: folders. `MMC_HOME` moves all of them below one folder.
"""

import os
from pathlib import Path


def home() -> Path:
    """Return the folder of everything that this program keeps: `$MMC_HOME`, else the platform's place for user data."""
    named = os.environ.get("MMC_HOME")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("mmc")


def runtime_dir() -> Path:
    """Return the folder for locks and running simulators."""
    path = home() / "run"
    path.mkdir(parents=True, exist_ok=True)
    return path
