"""A simulator's state folder belongs to one simulator at a time: two would write into one flash.

In:    the folder; it is made when it is missing
State: a lock on the folder itself, held as long as the process lives
"""

import fcntl
import os
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host.paths import writing_in


class StateLock:
    """Keeps a state folder to one simulator; a context manager that lets go of it."""

    def __init__(self, state: Path):
        """Take the lock of `state`.

        Raises:
            UsageError: another simulator has it, or it can't be made.
        """
        with writing_in(state, "choose another folder for --state"):
            self._folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise UsageError(
                f"{state} is in use by another simulator: end that one, or choose another folder"
            ) from None

    def __enter__(self) -> "StateLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others have the folder; twice is once."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
