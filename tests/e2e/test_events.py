"""Every kind of event on synthetic bodies with known truth at 15 dB: precision and recall, seeded."""

from __future__ import annotations

from typing import Any

import bench_events
import pytest

# Right more often than not, but not at 95 % of 200 truths: an overlap that noise moves by more than 100 permille, and
# tiredness that noise hides, or shows, for longer than the truth allows. DESIGN has the figures.
SHORT = {"cocontraction": 0.7, "tiring": 0.9, "stop": 0.8, "tiring in a hold": 0.8, "stop in a hold": 0.7}
TRUTHS = 24


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return {name: row[15] for name, row in bench_events.measure(TRUTHS, (15,)).items()}


@pytest.mark.slow
def test_precision_and_recall_at_15_db(found: dict[str, Any]) -> None:
    assert set(found) == set(bench_events.QUESTIONS) and set(SHORT) < set(found)
    low = {
        name: (row["precision"], row["recall"])
        for name, row in found.items()
        if not min(row["precision"], row["recall"]) >= SHORT.get(name, bench_events.GOAL)
    }
    assert low == {}


@pytest.mark.slow
def test_every_kind_was_asked_often_enough(found: dict[str, Any]) -> None:
    assert {name for name, row in found.items() if row["truths"] < TRUTHS} == set()
    assert all(row["matched"] <= min(row["truths"], row["told"]) for row in found.values())
