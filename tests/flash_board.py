"""A board without hardware: real MicroPython on a pseudo-terminal, real LittleFS in a file.

The file is the whole flash, so that what a flashing tool writes into it is what MicroPython finds when it starts.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

BLOCK_BYTES = 4096

# What the ESP32 port does at power-on: find the partition `vfs`, mount it (or make its file system, but only where the
# first blocks are blank), run boot.py, run main.py of the current folder; then comes the prompt.
_START = """
import os, struct, sys, time
import vfs
flash_file = open(sys.argv[1], "r+b")
class Flash:
    def __init__(self, offset, blocks):
        self.offset, self.blocks = offset, blocks
    def _seek(self, block, offset):
        flash_file.seek(self.offset + block * 4096 + offset)
    def readblocks(self, block, data, offset=0):
        self._seek(block, offset)
        flash_file.readinto(data)
    def writeblocks(self, block, data, offset=0):
        self._seek(block, offset)
        flash_file.write(data)
        flash_file.flush()
    def ioctl(self, operation, argument):
        return {4: self.blocks, 5: 4096}.get(operation, 0)
class Partition:
    TYPE_APP, TYPE_DATA = 0, 1
    all = []
    def __init__(self, raw):
        self.kind, subtype, offset, size, label = struct.unpack("<BBII16s", raw[2:28])
        self.facts = self.kind, subtype, offset, size, label.rstrip(bytes(1)).decode(), False
        self.flash = Flash(offset, size // 4096)
        self.readblocks, self.writeblocks = self.flash.readblocks, self.flash.writeblocks
    def info(self):
        return self.facts
    def ioctl(self, operation, argument):
        if operation == 6:
            self.flash.writeblocks(argument, bytes([255]) * 4096)
        return self.flash.ioctl(operation, argument)
    def find(kind, label=None):
        return [one for one in Partition.all if one.kind == kind and label in (None, one.facts[4])]
class Pin:
    IN, PULL_UP, PULL_DOWN = 0, 2, 1
    def __init__(self, number, mode, pull):
        self.number, self.pull = number, pull
    def value(self):
        held = self.number in HELD
        return int(held) if self.pull == 1 else int(not held)
    __call__ = value
class WDT:
    def __init__(self, timeout):
        pass
    def feed(self):
        pass
class machine:
    Pin, WDT = Pin, WDT
    mem32 = {0x3FF48034: 1}
    UART = lambda number, rate: None
    lightsleep = time.sleep_ms
    reset_cause = lambda: 1
    unique_id = lambda: bytes(6)
    def reset():
        os.system("kill -9 $PPID")  # whatever runs, also within main.py
class esp32:
    Partition = Partition
    wake_on_ext0 = lambda pin, level: None
def dead(why):
    print(why)
    while True:
        time.sleep(60)
def run(name):
    try:
        with open(name) as file:
            text = file.read()
    except OSError:
        return
    try:
        exec(text, globals())
    except SystemExit:
        pass
    except Exception as error:
        sys.print_exception(error)
HELD = [int(number) for number in sys.argv[4].split()]
outside = vfs.VfsPosix(sys.argv[5]) if len(sys.argv) > 5 and sys.argv[5] else None
sys.modules["machine"] = machine
place = int(sys.argv[2]), int(sys.argv[3])
if place == (0, 0):
    for number in range(95):
        flash_file.seek(0x8000 + 32 * number)
        raw = flash_file.read(32)
        if raw[:2] != bytes([0xaa, 0x50]):
            break
        Partition.all.append(Partition(raw))
    places = {one.facts[4]: one.facts[2:4] for one in Partition.all}
    if "vfs" not in places or "factory" not in places:
        dead("invalid header")
    flash_file.seek(places["factory"][0])
    if flash_file.read(1) != b"\\xe9":
        dead("no program")
    place = places["vfs"][0], places["vfs"][1] // 4096
    sys.modules["esp32"] = esp32
flash, start = Flash(*place), bytearray(8192)
flash.readblocks(0, start)
if start == b"\\xff" * 8192:
    vfs.VfsLfs2.mkfs(flash)
try:
    disk = vfs.VfsLfs2(flash)
except OSError:
    dead("filesystem appears to be corrupted")
vfs.umount("/")
vfs.mount(disk, "/")
if outside:
    vfs.mount(outside, "/outside")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
del place, start
run("boot.py")
run("main.py")
"""

# An esptool that has the flash as a file. Like the real one it stops what runs, and what is in flash starts only with
# `--after hard-reset`. It notes how it was called.
_ESPTOOL = """#!{python}
import hashlib, json, os, pathlib, signal, sys
folder = pathlib.Path({folder!r})
arguments = sys.argv[1:]
with (folder / "calls.jsonl").open("a") as file:
    file.write(json.dumps(arguments) + "\\n")
facts = json.loads((folder / "chip.json").read_text())
options, rest = {{}}, arguments
while rest and rest[0].startswith("--"):
    options[rest[0]], rest = rest[1], rest[2:]
command, *rest = rest
if facts.get("dies_at") == command:
    sys.exit("A fatal error occurred: Failed to connect to ESP32: No serial data received.")
(folder / "boot-loader").touch()
try:
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
except ProcessLookupError:
    pass
print("esptool v5.6.0\\nConnected to " + facts["chip"] + " on " + options["--port"] + ":")
flash = open(facts["flash"], "r+b")
if command == "flash-id":
    print("Manufacturer: 5e\\nDevice: 4016\\nDetected flash size: " + facts["size"])
elif command == "read-flash":
    flash.seek(int(rest[0], 0))
    pathlib.Path(rest[2]).write_bytes(flash.read(int(rest[1], 0)))
elif command == "write-flash":
    assert (rest.pop(0), rest.pop(0), rest.pop(0)) == ("--flash-size", "detect", "--skip-flashed")
    for number, (address, name) in enumerate(zip(rest[::2], rest[1::2])):
        if number == facts.get("cut_at"):
            sys.exit("A fatal error occurred: the chip stopped responding.")
        data = pathlib.Path(name).read_bytes()
        flash.seek(int(address, 0))
        flash.write(data)
else:
    assert command == "read-mac", command
flash.close()
if options["--after"] == "hard-reset":
    (folder / "boot-loader").unlink()
"""


class FlashBoard:
    """One board; `port` stays the same over resets. A context manager that ends it."""

    def __init__(self, micropython: Path, flash: Path, offset: int, blocks: int, outside: Path | None = None):
        """Power it on.

        Args:
            micropython: the interpreter.
            flash: file that is the flash, written before or after.
            offset: of the partition `vfs` in it; 0 with 0 blocks: what the partition table in it says.
            blocks: of that partition, `BLOCK_BYTES` each.
            outside: a folder that a simulated board finds as `/outside`.
        """
        self._outside = str(outside or "")
        self.held: list[int] = []  # pins of buttons that are pressed
        self.starts = 0
        self._micropython, self._flash, self._place = micropython, flash, (offset, blocks)
        self._folder = tempfile.TemporaryDirectory(prefix="mmc-board-")
        (Path(self._folder.name) / "start.py").write_text(_START)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._ends = False
        self._process: subprocess.Popen[bytes] | None = None
        self.esptool = self._make_esptool()
        self.chip(chip="ESP32", size="4MB")
        self._thread = threading.Thread(target=self._live, name="board", daemon=True)
        self._thread.start()
        self._wait_for_start(1)

    def _live(self) -> None:
        while not self._ends:
            while self._file("boot-loader").exists() and not self._ends:
                time.sleep(0.01)
            if self._ends:
                break
            self._process = subprocess.Popen(
                [
                    *map(str, (self._micropython, "-i", "start.py", self._flash, *self._place)),
                    self._held(),
                    self._outside,
                ],
                cwd=self._folder.name,
                stdin=self._master,
                stdout=self._master,
                stderr=self._master,
                start_new_session=True,
            )
            self._file("pid").write_text(str(self._process.pid))
            self.starts += 1
            self._process.wait()

    def _file(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _make_esptool(self) -> Path:
        path = self._file("esptool")
        path.write_text(_ESPTOOL.format(python=sys.executable, folder=self._folder.name))
        path.chmod(0o755)
        return path

    def chip(self, **facts: str | int) -> None:
        """Set what esptool finds: `chip`, `size`; and where it fails: `dies_at` a command, `cut_at` a piece."""
        known = self._file("chip.json")
        before = json.loads(known.read_text()) if known.exists() else {"flash": str(self._flash)}
        known.write_text(json.dumps({**before, **facts}))

    def calls(self) -> list[list[str]]:
        """How esptool was called since this was last asked."""
        file = self._file("calls.jsonl")
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def _held(self) -> str:
        return " ".join(map(str, self.held))

    def _wait_for_start(self, count: int) -> None:
        end = time.monotonic() + 10.0
        while self.starts < count:
            assert time.monotonic() < end, "the board does not start"
            time.sleep(0.01)

    def printed(self, timeout_s: float) -> str:
        """What arrives at the line until it is still."""
        found = b""
        while select.select([self._slave], [], [], timeout_s if not found else 0.3)[0]:
            found += os.read(self._slave, 4096)
        return found.decode(errors="replace")

    def reset(self) -> None:
        """Power off, and on."""
        self._file("boot-loader").unlink(missing_ok=True)
        count = self.starts
        assert self._process is not None
        self._process.kill()
        self._wait_for_start(count + 1)

    def __enter__(self) -> "FlashBoard":
        return self

    def __exit__(self, *rest: object) -> None:
        self._ends = True
        assert self._process is not None
        self._process.kill()
        self._thread.join(10.0)
        os.close(self._slave)
        os.close(self._master)
        self._folder.cleanup()


def started(micropython: Path, flash: Path, offset: int, blocks: int, held: str = "", then: str = "") -> str:
    """Power a board on without a line, run `then` as if typed, and power it off; return what it printed."""
    with tempfile.TemporaryDirectory(prefix="mmc-board-") as folder:
        (Path(folder) / "start.py").write_text(_START + then)
        done = subprocess.run(
            [str(micropython), "start.py", str(flash), str(offset), str(blocks), held],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blank(path: Path, size: int) -> Path:
    """Make a flash that is erased; return its path."""
    path.write_bytes(b"\xff" * size)
    return path
