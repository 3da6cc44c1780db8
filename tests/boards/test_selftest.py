"""The self-test after flashing on every board, with its own drivers on strict models: sound parts are ok, each that is
missing has its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmc_device import selftest
from mmc_host.flash.selftest import LOOK, MISSING, OK, judge

# The models' IMU does not feel the motor, and CPython does not tell its heap.
UNTOLD = {"motor", "heap"}


def table(board: Any) -> dict[str, tuple[str, str]]:
    lines: list[str] = []
    selftest.run(board, lambda *words: lines.append(" ".join(map(str, words))))
    return {finding.what: (finding.verdict, finding.measured) for finding in judge("\n".join(lines))}


def test_sound_parts_are_ok(opened: Callable[..., Any], name: str) -> None:
    board, bench = opened()
    began_us = bench.time.now_us
    found = table(board)
    took_s = (bench.time.now_us - began_us) / 1e6
    looks = {what: row for what, row in found.items() if row[0] != OK}
    # The signals of the models are flat or square.
    assert {what for what in looks if not what.startswith("EMG")} <= UNTOLD, looks
    assert found["motion sensor"][1] == "gravity is 1.00 g"
    assert "0 were lost" in found["sampling"][1]
    assert 2.5 < took_s < 5
    drive_pct = bench.motor.drive_pct if hasattr(bench, "motor") else bench.pins[bench.motor_pin].duty_pct
    assert drive_pct == 0


@pytest.mark.parametrize("role", ["emg", "imu", "motor", "power"])
def test_a_part_that_is_missing_has_its_row(opened: Callable[..., Any], role: str) -> None:
    board, _ = opened((role,))
    if role not in {missing for missing, _ in board.missing}:
        pytest.skip("this board can't tell, or has none")
    what = {"emg": "front end", "imu": "motion sensor", "motor": "motor", "power": "battery gauge"}[role]
    found = table(board)
    assert found[what][0] == MISSING
    assert not any(row[0] == LOOK for part, row in found.items() if part not in UNTOLD | {what} and part[:3] != "EMG")
