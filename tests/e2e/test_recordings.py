"""Real muscle through the firmware: recordings with known truth, played, pulled, loaded, compared.

The figures come from `tools/truth.py`, which decides by each file's arrays alone, with one set of default settings. The
reference of each muscle stands in for a calibration: it looks ahead (98th percentile over that subject's recordings).
"""

from __future__ import annotations

import pytest
import truth


@pytest.fixture(scope="module")
def found(data_dir, mpy32) -> dict:
    """All recordings, once."""
    found = truth.run(data_dir, seed=1, only="", jobs=2)
    assert found["micropython"] == "32-bit"
    return found


def test_every_recording_runs_and_every_sample_is_accounted_for(found):
    assert "failed" not in found["kinds"], found["kinds"]["failed"]
    played = [row for row in found["files"].values() if row["kind"] != "skipped"]
    assert played
    assert all(row["accounted"] for row in played)


def test_holds_are_told_where_the_force_says_so_and_better_than_by_any_dummy(found):
    hold = found["kinds"]["hold"]
    assert hold["kappa_median"] >= 0.88
    for dummy in ("always", "clock", "whole_file"):
        assert hold["kappa_median"] >= hold[f"kappa_{dummy}_median"] + 0.04


def test_a_lost_contraction_is_seen_in_every_file_early_and_not_where_there_is_none(found):
    hold = found["kinds"]["hold"]
    assert hold["lost_seen"] == hold["files"]
    assert hold["lost_delay_ms_median"] <= 120
    assert hold["false_lost_per_minute"] <= 1


def test_rest_gives_neither_hold_nor_cue(found):
    assert found["kinds"]["rest"]["holds_told"] == 0
    assert found["kinds"]["rest"]["cues"] == 0


def test_without_a_reference_nothing_is_scored(found):
    unscored = [row for row in found["files"].values() if row.get("scored") is False]
    assert all(row["holds_told"] == 0 and row["cues"] == 0 for row in unscored)
    assert unscored
