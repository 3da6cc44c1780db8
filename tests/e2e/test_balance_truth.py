"""How left and right work, on real recordings: one set of defaults, judged by the arrays in each file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth_balance
import truth_kernel

from mmc_core.coach import balance

Judged = dict[str, tuple[truth_kernel.Arrays, dict[str, Any]]]


@pytest.fixture(scope="module")
def files(data_dir: Path) -> Judged:
    return truth_kernel.judge_all(data_dir, truth_balance.judge)


def test_patterns_of_all_files_that_say_how_the_sides_work(files) -> None:
    """With and without references, at the end and ever since the first verdict, and not by a hair."""
    summary = truth_balance.summarise([figures for _, figures in files.values()])
    known = {str(arrays["lr_pattern"]) for arrays, _ in files.values() if "lr_pattern" in arrays}
    assert known == {"together", "alternating"}
    assert summary["pairs_with_truth"] >= 4
    assert summary["pattern_right"] == summary["pairs_with_truth"]
    assert summary["pattern_right_share_min"] == 1
    assert summary["pattern_margin_min"] >= 0.3


def test_patterns_do_not_hang_on_single_constants(data_dir, files) -> None:
    """Every 17th point of a grid around the defaults: all files right at 95 % of them."""
    cases = [
        case for name, (arrays, _) in files.items() for case in truth_balance.cases_of(data_dir / f"{name}.npz", arrays)
    ]
    passed = truth_balance.grid(cases, every=17)
    assert len(cases) >= 4 and len(passed) >= 100 and passed[0]
    assert np.mean(passed) >= 0.95


def test_grid_begins_with_the_defaults_and_a_wrong_line_fails(data_dir, files) -> None:
    first = next(truth_balance.combinations())
    working = first.pop("working")
    assert first == {name: getattr(balance, name) for name in first}
    assert working == 10 * truth_balance.settings()["hold_leave_pct"]
    name = next(name for name, (arrays, _) in files.items() if str(arrays.get("lr_pattern", "")) == "alternating")
    ((pair, truth), *_) = truth_balance.cases_of(data_dir / f"{name}.npz", files[name][0])
    point = next(truth_balance.combinations())
    assert truth_balance.passes(pair, truth, point)
    assert not truth_balance.passes(pair, truth, {**point, "_ALTERNATING_TENTHS": 0, "_TOGETHER_TENTHS": 0})
    assert first["_ALTERNATING_TENTHS"] == balance._ALTERNATING_TENTHS


def test_clipped_moments_are_left_out_and_the_rest_decides(files) -> None:
    clipped = [row for arrays, row in files.values() if "rail" in arrays for row in row["pairs"].values()]
    assert max(row["unusable_share"] for row in clipped) > 0.3
    with_truth = [row for row in clipped if "pattern_right" in row]
    assert with_truth and all(row["unusable_share"] > 0.1 and row["pattern_right"] for row in with_truth)


def test_rest_has_no_pattern(files) -> None:
    rests = [row for arrays, row in files.values() if bool(arrays.get("rest", False)) for row in row["pairs"].values()]
    assert rests and all(row["pattern"] == "none" for row in rests)


def test_names_of_channels_tell_muscle_and_side() -> None:
    named = {"channels": np.array(["R-Bic", "L-Tri", "R-Tri", "tibialis left", "tibialis right", "left_VL", "force"])}
    assert truth_balance.pairs_of(named) == {"tri": (1, 2), "tibialis": (3, 4)}
    assert truth_balance.pairs_of({"emg": np.zeros((5, 2))}) == {}
