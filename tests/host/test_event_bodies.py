"""Synthetic bodies with known truth, and how events are matched with it."""

from __future__ import annotations

from xml.etree import ElementTree

import bench_events
import event_bodies
import event_curves
import event_scenes
import numpy as np
import pytest
from bench_events import Count, Told
from event_bodies import Question, Truth

from mmc_core import event

LOST = Question(event.EVENT_ACTIVATION_LOST, 100, 250)


def lost(*times: int) -> list[Told]:
    return [Told(event.EVENT_ACTIVATION_LOST, event.REASON_LOST, 0, t) for t in times]


@pytest.mark.parametrize(
    ("truths", "told", "matched"),
    [
        ([1000], [1250], 1),
        ([1000], [1251], 0),
        ([1000], [900], 1),
        ([1000], [899], 0),
        ([1000], [950, 1000, 1100], 1),
        ([1000, 1100], [1050], 1),
        ([1000, 1200], [1240, 1300], 2),
        ([], [500], 0),
    ],
)
def test_an_event_answers_one_truth_within_its_time(truths: list[int], told: list[int], matched: int) -> None:
    count = bench_events.match(LOST, [Truth(t) for t in truths], lost(*told))
    assert count == Count(len(truths), len(told), matched)


def test_kind_reason_and_value_decide_too() -> None:
    sides = Question(event.EVENT_SIDES, 0, 0, (event.REASON_BELOW, event.REASON_ABOVE))
    truths = [Truth(5, 75.0), Truth(9, high=-75.0)]
    told = [
        Told(event.EVENT_SIDES, 0, 100, 5),  # even, says the coach
        Told(event.EVENT_SIDES, event.REASON_ABOVE, 100, 5),
        Told(event.EVENT_SIDES, event.REASON_ABOVE, 100, 9),  # the wrong side
        Told(event.EVENT_LEAK, event.REASON_ABOVE, 100, 9),
    ]
    assert bench_events.match(sides, truths, told) == Count(2, 2, 1)


def test_only_the_first_event_of_a_body_counts_where_it_says_so() -> None:
    once = Question(event.EVENT_ACTIVATION_LOST, 100, 100, first=True)
    assert bench_events.match(once, [Truth(1000)], lost(3000, 1000, 2000)) == Count(1, 1, 1)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 0, 0, 1), (10, 10, 0.7225, 1), (190, 200, 0.9104, 0.9726), (0, 20, 0, 0.1611)]
)
def test_wilson_interval(hits: int, of: int, low: float, high: float) -> None:
    """By hand from Wilson's formula with z = 1.96."""
    assert bench_events.wilson(hits, of) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("snr_db", [6, 15, 30])
def test_noise_has_the_ratio_to_a_working_contraction(snr_db: int) -> None:
    body = event_bodies.build(np.random.default_rng(1), np.full((60_000, 1), bench_events.WORK), {})
    ratio = np.var(body.emg_uv) / np.var(bench_events.noise_uv(snr_db) * body.noise)
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.3)


@pytest.mark.parametrize("scene", list(event_scenes.SCENES))
def test_a_body_is_the_same_for_the_same_seed_and_ends_behind_its_truths(scene: str) -> None:
    one, again, other = (event_scenes.make(scene, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.emg_uv, again.emg_uv) and np.array_equal(one.noise, again.noise)
    assert one.truths == again.truths != other.truths
    if one.imu is not None and again.imu is not None:
        assert np.array_equal(one.imu, again.imu)
        assert len(one.imu) * event_bodies.IMU_MS == len(one.emg_uv)
    times = [truth.t_ms for truths in one.truths.values() for truth in truths]
    assert min(times) > 0 and max(times) <= len(one.emg_uv) + 10
    assert set(one.truths) <= set(event_bodies.QUESTIONS)


def test_hump_and_ramps_and_where_they_cross() -> None:
    slope = event_bodies.ramps(1000, 100, 900, 200, 400)
    assert event_bodies.crossing(slope, 0.5, 100, 900, rising=True) == 200
    assert event_bodies.crossing(slope, 0.5, 300, 900, rising=False) == 701
    curve = event_bodies.hump(2000, 100, 600, 300, 900)
    assert (curve[100], curve[400], curve[700], curve[1000], curve[1450]) == pytest.approx((0, 0.5, 1, 1, 0.5))
    with pytest.raises(ValueError, match="does not pass"):
        event_bodies.crossing(slope, 2.0, 0, 1000, rising=True)


def test_curves_are_drawn_for_every_kind() -> None:
    row = {"truths": 9, "told": 0, "matched": 0, "recall": 0.5, "recall_interval": (0.2, 0.8)}
    row |= {"precision": None, "precision_interval": (0.0, 1.0)}
    text = event_curves.draw({"hold & rep": {6: row, 15: row}, "leak": {6: row, 15: row}}, 0.95, 15, "Title")
    root = ElementTree.fromstring(text)
    tag = "{http://www.w3.org/2000/svg}"
    assert "hold & rep" in [one.text for one in root.iter(f"{tag}text")]
    lines = [one.get("points", "").split() for one in root.iter(f"{tag}polyline")]
    assert [len(points) for points in lines] == [0, 2, 0, 2]
    assert {point.split(",")[1] for points in lines for point in points} == {f"{event_curves.PANEL_HEIGHT / 2:.1f}"}
