#!/usr/bin/env python3
"""Show the product in a minute: a wearable on a simulated wearer, calibrated, trained, pulled, looked at.

Every command line is shown before it runs, as a user would type it. All that it writes stays in build/demo; sessions of
yours are not touched. The simulator is stopped in the end, whatever happens.

Usage: python tools/demo.py [--speed max|N] [--no-open]
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "demo" / "home"
REPORT = Path("build/demo/report.html")
SCENARIO = "holds"
START_TIMEOUT_S = 30.0
SCRIPT_TIMEOUT_S = 80.0
STOP_TIMEOUT_S = 10.0


def show(words: list[str]) -> None:
    """Print a command line as a user would type it."""
    print(
        f"\n\033[1m$ mmc-host {shlex.join(words)}\033[0m" if colours() else f"\n$ mmc-host {shlex.join(words)}",
        flush=True,
    )


def colours() -> bool:
    """Whether the terminal wants colour."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def environment() -> dict[str, str]:
    """The environment of all commands: a store of the demo's own, unbuffered output."""
    return {**os.environ, "MMC_HOME": str(HOME), "PYTHONUNBUFFERED": "1"}


def run(*words: str) -> None:
    """Show and run a command; end the demo with its exit code if it fails."""
    show(list(words))
    code = subprocess.run(
        [sys.executable, "-m", "mmc_host", *words], cwd=ROOT, env=environment(), check=False
    ).returncode
    if code:
        raise SystemExit(code)


class Wearable:
    """`mmc-host sim` in the background, its lines in the terminal as they come."""

    def __init__(self, speed: str):
        words = ["sim", "--scenario", SCENARIO, "--speed", speed]
        show(words)
        self.is_up = threading.Event()
        self.is_done = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mmc_host", *words],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        threading.Thread(target=self._relay, daemon=True).start()

    def _relay(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            print(f"    [wearable] {line}", end="", flush=True)
            if line.startswith("wearable on "):
                self.is_up.set()
            if "script is done" in line:
                self.is_done.set()

    def wait(self, event: threading.Event, timeout_s: float, what: str) -> None:
        """Wait for one of the two events; end the demo when it does not come."""
        end = time.monotonic() + timeout_s
        while not event.wait(0.1):
            if self._process.poll() is not None:
                raise SystemExit(self._process.returncode or 1)
            if time.monotonic() > end:
                raise SystemExit(f"waited {timeout_s:.0f} s for the simulated wearable to {what}")

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def has_display() -> bool:
    """Whether a browser could show something here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description="A wearable, simulated: calibrate, train, pull, report.")
    parser.add_argument("--speed", default="10", help="max, or how many times real time (default: 10)")
    parser.add_argument("--no-open", action="store_true", help="do not open the report in a browser")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    print("The wearable's own firmware runs under MicroPython, on a simulated board and a simulated wearer.")
    wearable = Wearable(options.speed)
    try:
        wearable.wait(wearable.is_up, START_TIMEOUT_S, "start")
        run("devices", "--ask")
        run("calibrate")
        wearable.wait(wearable.is_done, SCRIPT_TIMEOUT_S, "finish its workout")
        run("pull", "--stop")
        run("sessions")
        run("show", "last")
        run("report", "last", "-o", str(REPORT), *(["--open"] if has_display() and not options.no_open else []))
    finally:
        wearable.stop()
    print(f"\nThat took {time.monotonic() - began:.0f} s. The report: {ROOT / REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
