"""A board without hardware: real MicroPython on a pseudo-terminal, real LittleFS in a file.

The file is the whole flash, so that what a flashing tool writes into it is what MicroPython finds when it starts.
"""

import os
import subprocess
import tempfile
import threading
import time
import tty
from pathlib import Path

BLOCK_BYTES = 4096

# What the ESP32 port does at power-on: mount the partition `vfs` (or make its file system, but only where the first
# block is blank), run boot.py, run main.py of the current folder; then comes the prompt.
_START = """
import os, sys
import vfs
class Flash:
    def __init__(self):
        self.file = open(sys.argv[1], "r+b")
    def _seek(self, block, offset):
        self.file.seek(int(sys.argv[2]) + block * 4096 + offset)
    def readblocks(self, block, data, offset=0):
        self._seek(block, offset)
        self.file.readinto(data)
    def writeblocks(self, block, data, offset=0):
        self._seek(block, offset)
        self.file.write(data)
        self.file.flush()
    def ioctl(self, operation, argument):
        return {4: int(sys.argv[3]), 5: 4096}.get(operation, 0)
class Pin:
    IN, PULL_UP, PULL_DOWN = 0, 2, 1
    def __init__(self, number, mode, pull):
        self.number, self.pull = number, pull
    def value(self):
        held = self.number in HELD
        return int(held) if self.pull == 1 else int(not held)
class machine:
    Pin = Pin
    def reset():
        raise SystemExit
HELD = [int(number) for number in sys.argv[4].split()]
sys.modules["machine"] = machine
flash, start = Flash(), bytearray(4096)
flash.readblocks(0, start)
if start == b"\\xff" * 4096:
    vfs.VfsLfs2.mkfs(flash)
disk = vfs.VfsLfs2(flash)
vfs.umount("/")
vfs.mount(disk, "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
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
del Flash, start
run("boot.py")
run("main.py")
"""


class FlashBoard:
    """One board; `port` stays the same over resets. A context manager that ends it."""

    def __init__(self, micropython: Path, flash: Path, offset: int, blocks: int):
        """Power it on.

        Args:
            micropython: the interpreter.
            flash: file that is the flash, written before or after.
            offset: of the partition `vfs` in it.
            blocks: of that partition, `BLOCK_BYTES` each.
        """
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
        self._thread = threading.Thread(target=self._live, name="board", daemon=True)
        self._thread.start()
        self._wait_for_start(1)

    def _live(self) -> None:
        while not self._ends:
            self._process = subprocess.Popen(
                [*map(str, (self._micropython, "-i", "start.py", self._flash, *self._place)), self._held()],
                cwd=self._folder.name,
                stdin=self._master,
                stdout=self._master,
                stderr=self._master,
                start_new_session=True,
            )
            self.starts += 1
            self._process.wait()

    def _held(self) -> str:
        return " ".join(map(str, self.held))

    def _wait_for_start(self, count: int) -> None:
        end = time.monotonic() + 10.0
        while self.starts < count:
            assert time.monotonic() < end, "the board does not start"
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def reset(self) -> None:
        """Power off, and on."""
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
