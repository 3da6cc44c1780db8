"""Repetitions from the motion sensor on real recordings: one set of constants, judged by the arrays in each file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth_kernel
import truth_motion

Files = dict[str, tuple[truth_kernel.Arrays, dict[str, Any]]]


@pytest.fixture(scope="module")
def files(data_dir: Path) -> Files:
    return truth_kernel.judge_all(data_dir, truth_motion.judge)


def test_protocols_of_twenty_are_counted_within_one(files) -> None:
    rows = {name: row for name, (arrays, row) in files.items() if arrays["imu"].shape[1] == 6}
    assert len(rows) == 16 and all(row["motion_sets_true"] == [20] for row in rows.values())
    assert {name: row["motion_off"] for name, row in rows.items() if row["motion_off"] > 1} == {}
    assert {name: row["motion_off_as_is"] for name, row in rows.items() if row["motion_off_as_is"] > 1} == {}
    assert sum(row["motion_off"] == 0 for row in rows.values()) >= 15


@pytest.mark.parametrize(("name", "sets"), [("imu_squat_w1", [12, 10]), ("imu_jumpingjack_w1", [18, 22])])
def test_sets_from_the_accelerometer_alone_are_counted_within_one(files, name: str, sets: list[int]) -> None:
    arrays, row = files[name]
    assert arrays["imu"].shape[1] == 3 and row["motion_sets_true"] == sets
    assert row["motion_off"] <= 1 and row["motion_off_as_is"] <= 1
    assert row["motion_turn_abs_error_ms_median"] <= 60


def test_other_movement_confirms_none(files) -> None:
    quiet = {name: row for name, (_, row) in files.items() if row.get("motion_sets_true") == []}
    assert "imu_other_w1" in quiet and quiet["imu_other_w1"]["motion_provisional"] >= 3
    assert {name: row["motion_sets_told"] for name, row in quiet.items() if row["motion_sets_told"]} == {}


def test_pauses_confirm_none(files) -> None:
    """From the end of the last repetition of a set to the next set, and from the last set to the end of the file."""
    for name in ("imu_squat_w1", "imu_jumpingjack_w1"):
        arrays, _ = files[name]
        mids, first = np.ravel(arrays["rep_mid_s"]), int(arrays["reps_per_set"][0])
        counts = truth_motion.counts_of(arrays)
        for begin, end in ((mids[first - 1] + 1.5, mids[first] - 1.5), (mids[-1] + 1.5, len(counts) / 100)):
            assert truth_motion.follow(counts[round(100 * begin) : round(100 * end)]).sets == [], name


def test_three_repetitions_of_a_set_count(files) -> None:
    """Cut out of the middle of a recording, where nothing is known of what came before."""
    for name in ("imu_abd_s02R", "imu_fel_s02L", "imu_row_s06R", "imu_squat_w1"):
        arrays, _ = files[name]
        counts = truth_motion.counts_of(arrays)
        reps = truth_motion.follow(counts, truth_motion.STAND_BLOCKS).reps[5:8]
        cut = counts[reps[0].start_t // 10 : reps[-1].end_t // 10]
        assert truth_motion.follow(cut, truth_motion.STAND_BLOCKS).sets == [3], name


def test_figures_can_be_wrong() -> None:
    assert truth_motion.off_most([20], [20]) == 0
    assert truth_motion.off_most([17, 22], [18, 22]) == 1
    assert truth_motion.off_most([40], [18, 22]) == 2
    assert truth_motion.off_most([3], []) == 3
    assert truth_motion.judge(Path("none"), {"emg": np.zeros((10, 1))}) == {}
    assert truth_motion.summarise([]) == {}


def test_summary(files) -> None:
    found = truth_motion.summarise([row for _, row in files.values()])
    assert found["motion_files"] == found["motion_within_one"] == 18 and found["motion_sets"] == 20
    assert found["motion_quiet_files"] == 1 and found["motion_quiet_confirmed"] == 0
    assert found["motion_exact"] >= 16


def test_count_does_not_hang_on_one_constant(data_dir: Path) -> None:
    decide = truth_motion.cases(data_dir)
    defaults = {name: values[1] for name, values in truth_motion.CONSTANTS.items()}
    with truth_motion.constants(defaults):
        assert truth_motion.misses(decide) == []
    with truth_motion.constants({"_LIKE_ANGLE_PCT": 97}):
        assert truth_motion.misses(decide) != []
    for name, values in truth_motion.CONSTANTS.items():
        for value in (values[0], values[-1]):
            with truth_motion.constants({name: value}):
                assert truth_motion.misses(decide) == [], (name, value)
