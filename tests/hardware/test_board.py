"""On a real board, or an emulated one: `MMC_PORT=... make test ARGS=tests/hardware` (README.md says how)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hardware import procedure

from mmc_host.flash import boards

pytestmark = pytest.mark.hardware

DEVKIT = "devkit_myoware"


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    found = procedure.port_of_the_bench()
    if found is None:
        pytest.skip("no board: set MMC_PORT to its serial port, or to any serial URL such as socket://host:port")
    monkeypatch.setenv("MMC_HOME", os.environ.get("MMC_HOME", str(tmp_path / "home")))
    return found


@pytest.fixture
def image() -> tuple[str, ...]:
    """IMAGE, for whoever has MicroPython as a file."""
    named = os.environ.get("IMAGE")
    return ("--image", named) if named else ()


def test_the_board_is_flashed_and_says_what_is_missing(port: str, image: tuple[str, ...]) -> None:
    """BOARD names it; the default needs nothing but an ESP32, and has to start without any of its parts."""
    board = os.environ.get("BOARD", DEVKIT)
    said = procedure.flash(board, port, *image)
    print(said)
    assert "already up to date" in said or "Done, and started." in said
    facts: dict[str, Any] = procedure.doctor(port)
    assert facts["device"]["board"] == board and facts["device"]["health"] is not None
    print(facts["device"]["health"], facts["findings"])
    assert "already up to date" in procedure.flash(board, port, *image)


def test_a_hold_that_is_played_to_it_is_the_simulators(
    port: str, image: tuple[str, ...], mpy32: Path, tmp_path: Path
) -> None:
    if boards.find_board(os.environ.get("BOARD", DEVKIT), boards.boards_folder()).chip != "esp32":
        pytest.skip("the board that plays is an ESP32")
    folder = procedure.write_board(tmp_path / "played")
    procedure.flash(str(folder), port, *image)
    procedure.put_body(port)
    found = procedure.hold(port, tmp_path / "board")
    wanted = procedure.hold_on_the_simulator(tmp_path / "state", mpy32, tmp_path / "simulator")
    procedure.check_alike(found, wanted)
    print(procedure.told(found), found.vitals)
