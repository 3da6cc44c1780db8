"""Where the program keeps what lasts no longer than a process: locks of ports, and the list of running simulators.

Out: folders, made on demand. `MMC_HOME` moves everything of this program below one folder, this too.
"""

import os
from pathlib import Path


def runtime_dir() -> Path:
    """Return the folder for locks and running simulators: `$MMC_HOME/run`, else the platform's own place for such."""
    home = os.environ.get("MMC_HOME")
    if home:
        path = Path(home) / "run"
    else:
        from platformdirs import user_runtime_path

        path = user_runtime_path("mmc-host")
    path.mkdir(parents=True, exist_ok=True)
    return path
