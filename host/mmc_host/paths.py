"""Where the program keeps things: sessions, and what lasts no longer than a process (locks, running simulators).

Out: folders, made when something is written, never by looking. `MMC_HOME` moves all of them below one folder.
     UsageError where a folder can't be read or written: only what is missing counts as empty
"""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mmc_core.errors import UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def home() -> Path:
    """Return the folder of everything that this program keeps: `$MMC_HOME`, else the platform's place for user data."""
    named = os.environ.get("MMC_HOME")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("mmc")


def runtime_dir() -> Path:
    """Return the folder for locks and running simulators; it may not be there yet."""
    return home() / "run"


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, by name; nothing when it is missing.

    Raises:
        UsageError: it is there and can't be read.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path, error: OSError) -> UsageError:
    """Return the error for a folder that is there and can't be read."""
    return UsageError(f"{folder} can't be read ({error.strerror}): mend that, or let MMC_HOME name another folder")


@contextmanager
def writing_in(folder: Path, hint: str = "let MMC_HOME name a folder that you may write to") -> Generator[None]:
    """Say in words what keeps the context from writing in a folder, which is made first.

    Args:
        folder: where the context writes.
        hint: what to do, if it is not room that lacks.

    Raises:
        UsageError: it can't be made or written to, or the disk is full.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UsageError(f"the disk is full: make room for {folder}, then run the command again") from error
        why = "there is a file of that name" if folder.is_file() else error.strerror or str(error)
        raise UsageError(f"{folder} can't be written ({why}): {hint}") from error
