"""Heart beats over a quiet muscle are neither repetitions nor holds, and give no cue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import truth_heart
from truth_heart import Case

from mmc_core import event
from mmc_core.coach import effort


@pytest.mark.slow
def test_hearts_are_not_trained() -> None:
    """Of 540 hearts one in a hundred counts repetitions, where beats run into each other; hardly any gives a cue."""
    found = truth_heart.run((1, 2))
    assert found["heart_cases"] == 540
    assert found["heart_with_holds"] == 0 and found["heart_with_cues"] <= 1
    assert found["heart_with_reps"] <= 6
    assert found["heart_silent_share"] >= 0.98
    rows: dict[str, list[int]] = found["heart_by_ratio"]
    assert sum(row[0] for row in rows.values()) == 540
    assert [row[1:] for row in list(rows.values())[:3]] == [[0, 0, 0]] * 3  # up to three times the reference


def test_a_shorter_contraction_would_let_hearts_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is their shortness that keeps them out: a beat takes the detector 200 to 330 ms."""
    case = Case(500, 80, 150, 90)
    assert truth_heart.judge(case) == {"ratio": pytest.approx(10 / 3), "reps": 0, "holds": 0, "cues": 0}
    monkeypatch.setattr(effort, "_SHORTEST", 20)
    assert truth_heart.judge(case)["reps"] >= 30


def test_what_begins_while_the_last_ends_begins_after_it() -> None:
    """Beats that run into each other: each beginning is dated within the time since the one before was over."""
    played = truth_heart.play(Case(1000, 125, 400, 80), 4)
    starts = played.of(event.EVENT_REP_START)
    assert len(starts) >= 20
    assert all(0 <= told.told_t - told.t_samples <= 300 for told in starts)
    dates = [told.t_samples for told in starts]
    assert dates == sorted(set(dates))


def test_beats_are_of_the_size_and_rate_asked_for() -> None:
    uv = truth_heart.beats_uv(60_000, Case(1000, 75, 200, 90), np.random.default_rng(1))
    tops = np.flatnonzero((uv[1:-1] > 900) & (uv[1:-1] >= uv[:-2]) & (uv[1:-1] > uv[2:]))
    assert abs(len(tops) - 75) <= 2
    assert np.median(uv[tops + 1]) == pytest.approx(1000, rel=0.02)
    assert np.std(np.diff(tops)) == pytest.approx(0.03 * 800, rel=0.3)
    # QRS from the first to the last tenth of its height takes 90 ms and a little: Q, R and S together.
    first = int(tops[3]) + 1
    strong = np.flatnonzero(np.abs(uv[first - 100 : first + 100]) > 50)
    assert 70 <= strong[-1] - strong[0] <= 110


def test_the_summary_counts_cases() -> None:
    rows: list[dict[str, Any]] = [
        {"ratio": 0.5, "reps": 0, "holds": 0, "cues": 0},
        {"ratio": 3.5, "reps": 4, "holds": 0, "cues": 2},
        {"ratio": 3.9, "reps": 0, "holds": 1, "cues": 0},
        {"ratio": 9.0, "reps": 7, "holds": 0, "cues": 0},
    ]
    found = truth_heart.summarise(rows)
    assert [found[f"heart_with_{key}"] for key in ("reps", "holds", "cues")] == [2, 1, 1]
    assert found["heart_silent_share"] == 0.25
    assert found["heart_by_ratio"]["0-1"] == [1, 0, 0, 0]
    assert found["heart_by_ratio"]["3-4"] == [2, 1, 1, 1]
    assert found["heart_by_ratio"]["6-14"] == [1, 1, 0, 0]
