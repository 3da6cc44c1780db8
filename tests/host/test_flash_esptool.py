"""esptool as a program: how it is called, word by word, and what is read from its words."""

import json
import sys
from pathlib import Path

import pytest

from mmc_core.errors import UsageError
from mmc_host.errors import LinkError
from mmc_host.flash import esptool, partitions
from mmc_host.flash.esptool import Esptool
from mmc_host.flash.image import Piece
from mmc_host.flash.partitions import Partition

# As esptool 5.6.0 prints it for an ESP32-S3 with 16 MiB.
FLASH_ID = """esptool v5.6.0
Connected to ESP32-S3 on /dev/ttyACM0:
Chip type:          ESP32-S3 (QFN56) (revision v0.2)
Features:           Wi-Fi, BT 5 (LE), Dual Core + LP Core, 240MHz, Embedded PSRAM 8MB (AP_3v3)
Crystal frequency:  40MHz

Flash Memory Information:
=========================
Manufacturer: 46
Device: 4018
Detected flash size: 16MB
Flash type set in eFuse: quad (4 data lines)

Staying in bootloader.
"""

TABLE = (Partition("nvs", 1, 2, 0x9000, 0x6000), Partition("factory", 0, 0, 0x10000, 0x1F0000))

STAND_IN = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
arguments = sys.argv[1:]
files = [name for name in arguments if name.endswith(".bin")] if "write-flash" in arguments else []
contents = [pathlib.Path(name).read_bytes().hex() for name in files]
with (folder / "calls").open("a") as file:
    file.write(json.dumps([arguments, contents]) + "\\n")
if "read-flash" in arguments:
    pathlib.Path(arguments[-1]).write_bytes((folder / "flash").read_bytes())
print((folder / "says").read_text())
sys.exit(int((folder / "code").read_text()))
"""


class Recorder:
    """An esptool that says what it is told to, and notes its calls."""

    def __init__(self, folder: Path):
        self.folder = folder
        program = folder / "esptool"
        program.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.tool = Esptool("/dev/ttyACM0", str(program))
        self.say(FLASH_ID)

    def say(self, text: str, code: int = 0) -> None:
        (self.folder / "says").write_text(text)
        (self.folder / "code").write_text(str(code))

    def flash(self, data: bytes) -> None:
        (self.folder / "flash").write_bytes(data)

    def calls(self) -> list[tuple[list[str], list[str]]]:
        return [tuple(json.loads(line)) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


FIRST = ["--port", "/dev/ttyACM0", "--baud", "460800", "--after"]


def test_chip_flash_and_table(recorder: Recorder) -> None:
    recorder.flash(partitions.encode(TABLE))
    chip = recorder.tool.ask()
    assert (chip.name, chip.flash_bytes, chip.table) == ("esp32s3", 16 << 20, TABLE)
    (first, _), (second, _) = recorder.calls()
    assert first == [*FIRST, "no-reset", "flash-id"]
    assert second[:-1] == [*FIRST, "no-reset", "read-flash", "0x8000", "0xc00"]


@pytest.mark.parametrize("flash", [b"\xff" * 3072, b"\0" * 3072, partitions.encode(TABLE)[:-1] + b"\0"])
def test_a_table_that_cannot_be_read_is_none(recorder: Recorder, flash: bytes) -> None:
    recorder.flash(flash)
    assert recorder.tool.ask().table == (TABLE if flash[:2] == b"\xaa\x50" else None)


@pytest.mark.parametrize(("said", "size"), [("512KB", 512 << 10), ("4MB", 4 << 20), ("128MB", 128 << 20)])
def test_sizes(recorder: Recorder, said: str, size: int) -> None:
    recorder.flash(b"\xff" * 3072)
    recorder.say(FLASH_ID.replace("16MB", said))
    assert recorder.tool.ask().flash_bytes == size


def test_what_it_does_not_say_is_no_guess(recorder: Recorder) -> None:
    recorder.flash(b"\xff" * 3072)
    for text in ("", FLASH_ID.replace("16MB", "Unknown"), FLASH_ID.replace("Connected to", "Found")):
        recorder.say(text)
        with pytest.raises(LinkError, match="does not name chip and flash size"):
            recorder.tool.ask()


def test_pieces_are_written_in_their_order(recorder: Recorder) -> None:
    recorder.tool.write([Piece("program", 0x10000, b"\xe9p"), Piece("partition-table", 0x8000, b"\xaa\x50")])
    ((arguments, contents),) = recorder.calls()
    assert arguments[:7] == [*FIRST, "no-reset", "write-flash"]
    # Stock images name 4 MB in the boot loader's header, or whatever they were built for.
    assert arguments[7:11] == ["--flash-size", "detect", "--skip-flashed", "0x10000"]
    assert Path(arguments[11]).name == "0-program.bin"
    assert arguments[12] == "0x8000" and Path(arguments[13]).name == "1-partition-table.bin"
    assert len(arguments) == 14
    assert contents == ["e970", "aa50"]
    assert not Path(arguments[11]).exists()


def test_only_the_restart_leaves_the_boot_loader(recorder: Recorder) -> None:
    recorder.tool.restart()
    assert recorder.calls() == [([*FIRST, "hard-reset", "read-mac"], [])]


def test_a_short_read_is_no_read(recorder: Recorder) -> None:
    recorder.flash(b"\xff" * 100)
    with pytest.raises(LinkError, match="read 100 bytes at 0x200000, not 4096"):
        recorder.tool.read(0x200000, 0x1000)


def test_its_own_words_are_told(recorder: Recorder) -> None:
    recorder.say("Connecting......\nA fatal error occurred: Failed to connect to ESP32: Wrong boot mode.\nHint: x", 2)
    with pytest.raises(LinkError) as caught:
        recorder.tool.restart()
    assert str(caught.value) == (
        "/dev/ttyACM0: esptool read-mac: A fatal error occurred: Failed to connect to ESP32: Wrong boot mode; if the "
        "board does not answer, hold its BOOT button while you try again"
    )


def test_which_program(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPTOOL", str(tmp_path / "esptool"))
    assert esptool.program() == str(tmp_path / "esptool")
    monkeypatch.setenv("ESPTOOL", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="is no program that can be run"):
        esptool.program()
    monkeypatch.delenv("ESPTOOL")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert esptool.program() == str(tmp_path / "esptool")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"esptool is missing: pip install 'mmc-host\[flash\]'"):
        esptool.program()


def test_the_real_esptool_knows_every_option_and_command() -> None:
    import subprocess

    def help_of(*words: str) -> str:
        program = Path(sys.executable).with_name("esptool")
        done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True)
        return done.stdout

    told = help_of()
    for word in ("--port", "--baud", "--after", "hard-reset", "no-reset", "flash-id", "read-flash", "read-mac"):
        assert word in told
    for word in ("--skip-flashed", "--flash-size", "detect"):
        assert word in help_of("write-flash")
