"""Programs that flashing runs: what they print, or the lines in which they say what went wrong.

In:    a command line
Out:   its standard output, `Failed` with the tool's own words, or `TimedOut`
State: none
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

TimedOut = subprocess.TimeoutExpired


class Failed(Exception):
    """The program ended with a failure; `lines`: what it said, at least one."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[-1])
        self.lines = lines


def run_tool(command: Sequence[str], timeout_s: float) -> str:
    """Run a program that is asked nothing; return what it printed.

    Raises:
        Failed, TimedOut: see above.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise Failed((done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines())
    return done.stdout
