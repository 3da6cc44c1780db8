"""Repetitions from EMG alone on real recordings: one set of constants, judged by the arrays in each file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import truth_effort
import truth_kernel

from mmc_core.coach import effort

Files = dict[str, tuple[truth_kernel.Arrays, dict[str, Any]]]


@cache
def deciding(data_dir: Path) -> list[truth_effort.Case]:
    return truth_effort.cases(data_dir)


@pytest.fixture(scope="module")
def files(data_dir: Path) -> Files:
    return truth_kernel.judge_all(data_dir, truth_effort.judge)


def of_kind(files: Files, kind: str) -> dict[str, dict[str, Any]]:
    return {name: row for name, (_, row) in files.items() if row["rep_kind"] == kind}


def test_labelled_repetitions_of_a_joint_are_counted(files) -> None:
    """Exact in at least 11 of 12 and never off by more than one."""
    rows = of_kind(files, "joint")
    assert len(rows) == 12 and all("angle" in files[name][0] for name in rows)
    off = {name: row["reps_off"] for name, row in rows.items()}
    assert sum(value == 0 for value in off.values()) >= 11, off
    assert all(abs(value) <= 1 for value in off.values()), off


@pytest.mark.parametrize(
    ("name", "count"),
    [("fatigue_biceps_01", 30), ("burst_biceps_01", 9), ("burst_bmc_01", 3), ("bilat_sub03_pushing", 5)],
)
def test_bursts_are_counted(files, name: str, count: int) -> None:
    _, row = files[name]
    assert row["reps_told"] == row["reps_true"] == count


def test_what_is_as_short_as_a_heart_beat_is_none(files) -> None:
    """Twitches of a thumb and blows of an arm, 200 to 340 ms long as the detector sees them."""
    for name in ("burst_thumb_01", "bilat_sub03_hamering"):
        assert files[name][1]["reps_told"] == 0


def test_no_repetition_in_a_labelled_hold(files) -> None:
    rows = {name: row for name, (_, row) in files.items() if "reps_in_holds" in row}
    assert len(rows) == 35
    assert {name: row["reps_in_holds"] for name, row in rows.items() if row["reps_in_holds"]} == {}
    holds = of_kind(files, "hold")
    assert len(holds) == 23 and sum(row["reps_told"] for row in holds.values()) == 0


def test_rest_and_noise_confirm_none(files, data_dir: Path) -> None:
    """Every channel of a file of rest; of the others the muscle of the file."""
    quiet = [case for case in deciding(data_dir) if truth_effort.kind_of(case.arrays) in ("rest", "other")]
    assert sum(truth_effort.kind_of(case.arrays) == "rest" for case in quiet) >= 8
    assert [case.name for case in quiet if truth_effort.follow(case.shown).confirmed] == []
    assert files["noise_biosppy_lowsnr"][1]["reps_told"] == 0


def test_dates_of_bursts(files) -> None:
    """Abrupt ones begin within 60 ms of their labels, slow ones within what those are good for, 100 ms and a block."""
    for name, most_ms in (("burst_bmc_01", 60), ("burst_biceps_01", 110)):
        assert files[name][1]["rep_start_abs_error_ms_median"] <= most_ms, name
    turns = [row["rep_turn_abs_error_ms_median"] for row in of_kind(files, "joint").values()]
    assert sorted(turns)[len(turns) // 2] <= 400  # a goniometer's, where muscle and joint need not agree


def test_inside_a_hold_means_begin_and_end(files) -> None:
    arrays, _ = files["iso_elder_s02_VL"]
    first, last = arrays["hold_intervals_s"][0]
    rep = truth_effort.Rep(float(first) + 0.1, 0.0, float(last) - 0.1, 0, 0, False)
    assert truth_effort.inside_holds([rep, rep._replace(start_s=first - 0.1)], arrays) == 1


def test_variant_is_the_detector_itself(data_dir: Path) -> None:
    """With the default constants it says the same, with others it does not, and the grid is around the default."""
    assert tuple(vars(effort)[name] for name in truth_effort.CONSTANTS) == truth_effort.DEFAULT
    same = truth_effort.variant(dict(zip(truth_effort.CONSTANTS, truth_effort.DEFAULT, strict=True)))
    for case in deciding(data_dir):
        assert truth_effort.follow(case.shown, same()) == truth_effort.follow(case.shown)
    assert truth_effort.passes(deciding(data_dir), effort.Effort)
    assert not truth_effort.passes(deciding(data_dir), truth_effort.variant({"_END_PCT": 2}))
    assert not truth_effort.passes(deciding(data_dir), truth_effort.variant({"_LONGEST": 5000}))
    with pytest.raises(ValueError, match="_NOTHING"):
        truth_effort.variant({"_NOTHING": 1})


def test_count_does_not_hang_on_single_constants(data_dir: Path) -> None:
    for name, values in truth_effort.CONSTANTS.items():
        for value in values:
            assert truth_effort.passes(deciding(data_dir), truth_effort.variant({name: value})), (name, value)
    summary = truth_effort.summarise_grid(truth_effort.grid(deciding(data_dir)))
    assert summary["effort_grid_settings"] == truth_effort.GRID_SETTINGS
    assert summary["effort_grid_share"] >= 0.85


def test_summary_has_a_row_per_kind(files) -> None:
    found = truth_effort.summarise([row for _, row in files.values()])
    assert found["joint"]["files"] == 12 and found["hold"]["files"] == 23 and found["rest"]["files"] == 1
    assert found["joint"]["reps_exact"] >= 11 and found["joint"]["reps_off_most"] <= 1
    assert found["burst"]["files"] == 7 and found["burst"]["reps_exact"] == 4
    assert truth_effort.summarise([]) == {} and truth_effort.summarise_grid({}) == {}
