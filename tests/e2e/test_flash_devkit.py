"""`mmc-host flash devkit_myoware` from a blank chip to a second run that changes nothing, with its own board.py.

Its parts are the strict models of `tests/boards/bench.py`; the machine code is x64, because that is what runs here.
"""

import hashlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_board import with_parts
from flash_board import FlashBoard, blank
from flash_facts import IMAGE, MIB, toml
from host.command_line import run
from simulated import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAME = "devkit_myoware"
# In front of the board's own board.py, which is devkit.py here: the bench is what `machine` and its like are.
BOARD_PY = '''"""A board on a bench."""
import sys

import bench

stand = bench.Bench("esp32", 64, bench.RIGS["devkit_myoware"], ("imu",))
for name in ("machine", "esp32", "micropython"):
    sys.modules[name] = stand.port
import devkit


def open_board():
    """The board's roles."""
    return stand.open(devkit)
'''


@pytest.fixture
def board(mpy64: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FlashBoard, Path, Path]]:
    if sys.maxsize < 1 << 32:
        pytest.skip("the stand-in runs machine code for x64")
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    with_parts(monkeypatch)
    folder, image, flash = tmp_path / NAME, tmp_path / "image.bin", blank(tmp_path / "flash.bin", 4 * MIB)
    folder.mkdir()
    text = (ROOT / "boards" / NAME / "board.toml").read_text(encoding="utf-8")
    test = toml(architecture="x64")
    text = text.replace('"xtensawin"', '"x64"')
    text = (
        text[: text.index("[image]")]
        + test[test.index("[image]") : test.index("[boot]")]
        + text[text.index("[boot]") :]
    )
    (folder / "board.toml").write_text(text, encoding="utf-8")
    (folder / "devkit.py").write_bytes((ROOT / "boards" / NAME / "board.py").read_bytes())
    (folder / "board_facts.py").write_bytes((ROOT / "boards" / NAME / "board_facts.py").read_bytes())
    (folder / "bench.py").write_bytes((ROOT / "tests/boards/bench.py").read_bytes())
    (folder / "board.py").write_text(BOARD_PY)
    image.write_bytes(IMAGE)
    with FlashBoard(mpy64, flash, 0, 0) as powered:
        monkeypatch.setenv("ESPTOOL", str(powered.esptool))
        yield powered, folder, image


def test_end_to_end_and_a_second_run_changes_nothing(board: tuple[FlashBoard, Path, Path]) -> None:
    powered, folder, image = board
    begin = time.monotonic()
    first = run("flash", str(folder), "--port", powered.port, "--image", str(image))
    print(first.output, f"{time.monotonic() - begin:.1f} s")
    assert first.exit_code == 0, first.output
    rows = dict(re.findall(r"^(\S.*?)  +(ok|worth a look|missing)  ", first.output, re.M))
    assert rows["motion sensor"] == "missing"
    assert {rows[name] for name in ("sampling", "button", "battery", "journal", "last start", "motor")} == {"ok"}
    assert "A part is missing; mend that" in first.output
    powered.calls()
    powered.held = [27]  # the bench has a line of its own: the button keeps its app from starting
    powered.reset()
    before = hashlib.sha256((folder.parent / "flash.bin").read_bytes()).digest()
    second = run("flash", str(folder), "--port", powered.port, "--image", str(image))
    assert second.exit_code == 0 and second.output.strip().endswith("is already up to date."), second.output
    assert powered.calls() == []
    assert hashlib.sha256((folder.parent / "flash.bin").read_bytes()).digest() == before
