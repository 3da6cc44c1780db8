"""The procedure for hardware on the stand-in, over TCP: what it asks of a board works, and tells the truth."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flash_board import FlashBoard, blank
from flash_facts import IMAGE, MIB, toml
from hardware import procedure
from serial_bridge import Bridge

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def bench(mpy64: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    if sys.maxsize < 1 << 32:
        pytest.skip("the stand-in runs machine code for x64")
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    with FlashBoard(mpy64, blank(tmp_path / "flash.bin", 4 * MIB), 0, 0) as board, Bridge(board.port) as bridge:
        monkeypatch.setenv("ESPTOOL", str(board.esptool))
        yield bridge


def test_flash_hold_pull_compare(bench: Bridge, mpy32: Path, tmp_path: Path) -> None:
    text = toml(architecture="x64")
    folder = procedure.write_board(tmp_path / "played", text[text.index("[flash]") :])
    image = tmp_path / "image.bin"
    image.write_bytes(IMAGE)
    said = procedure.flash(str(folder), bench.url, "--image", str(image))
    print(said)
    for part in ("front end", "motion sensor", "motor"):
        assert f"{part}  " in said and "missing" in said
    assert "/body.bin is not there" in said
    procedure.put_body(bench.url)
    found = procedure.hold(bench.url, tmp_path / "board")
    facts = procedure.doctor(bench.url)
    device = facts["device"]
    assert isinstance(device, dict) and device["health"]["missing"] == ["imu", "motor"]
    wanted = procedure.hold_on_the_simulator(tmp_path / "state", mpy32, tmp_path / "simulator")
    print(procedure.told(found))
    print(procedure.told(wanted))
    procedure.check_alike(found, wanted)
    assert [kind for kind, _, _ in procedure.told(found)].count("hold_start") == 2
    assert bench.clients > 10
