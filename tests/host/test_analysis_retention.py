"""What stays without cues: units with and without them, told apart, each good or at fault."""

from __future__ import annotations

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event
from mmc_host.analysis.retention import Retention, retention
from mmc_host.analysis.sets import sets
from mmc_host.report.sets import columns, retained
from mmc_host.session import Session, decode


def built(*happened: tuple) -> Session:
    builder = SessionBuilder().header(channels=1).channel(0, kind=1).setting("cue_band_pct", 15)
    for at, (kind, *rest) in enumerate(happened):
        builder.event(kind, 1000 * at, 0, *rest)
    return decode(builder.end().bytes())


HOLD, LOST = (event.EVENT_HOLD_START, 300, 200), (event.EVENT_ACTIVATION_LOST, 50, 90)
BACK, DONE = (event.EVENT_ACTIVATION_REGAINED, 200, 90), (event.EVENT_HOLD_END, 50, 90)
REP, END, PROBE = (event.EVENT_REP_START, 0), (event.EVENT_REP_END, 900), (event.EVENT_PROBE, 2)


def test_without_a_probe_nothing_is_known() -> None:
    assert retention(built(HOLD, LOST, BACK, DONE)) is None
    assert retained(None) == []


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        ((HOLD, DONE, HOLD, PROBE, LOST, DONE), Retention(1, 0, 1, 1)),
        ((HOLD, LOST, DONE, HOLD, PROBE, DONE), Retention(1, 1, 1, 0)),
        # A repetition that turns out to be held is one unit.
        ((REP, PROBE, HOLD, END, DONE), Retention(1, 1, 0, 0)),
        # Within the band of 15 % nothing is at fault.
        ((REP, PROBE, (event.EVENT_SQUEEZE, 430, 500), END), Retention(1, 1, 0, 0)),
        ((REP, PROBE, (event.EVENT_SQUEEZE, 420, 500), END), Retention(1, 0, 0, 0)),
        ((REP, PROBE, (event.EVENT_LEAK, 570, 500), END), Retention(1, 1, 0, 0)),
        ((REP, PROBE, (event.EVENT_LEAK, 580, 500), END), Retention(1, 0, 0, 0)),
        ((REP, PROBE, (event.EVENT_DRIFT, 200, 150), END, REP, END, REP, PROBE, END), Retention(2, 1, 1, 1)),
    ],
)
def test_units_are_told_apart(happened: tuple, expected: Retention) -> None:
    assert retention(built(*happened)) == expected


def test_in_words() -> None:
    assert retained(Retention(5, 4, 15, 12)) == [
        "Without cues 4 of 5 holds or repetitions went without a fault; of the others 12 of 15: that is what stays."
    ]


def test_tempo_and_range_of_a_set() -> None:
    """Two movements: 1.0 s out, 0.5 s at the turn, 2.0 s back; 1.4, 0.3 and 1.6 s; 60 and 50 degrees."""
    happened = []
    for out_ms, stood_ms, back_ms, range_deg in ((1000, 500, 2000, 60), (1400, 300, 1600, 50)):
        happened += [REP, (event.EVENT_TEMPO, out_ms, back_ms), (event.EVENT_RANGE, range_deg, stood_ms), END]
    (one,) = sets(built(*happened, (event.EVENT_REP, 1), (event.EVENT_REP, 2), (event.EVENT_SET, 2, 0)))
    assert (one.out_ms, one.stood_ms, one.back_ms, one.range_deg) == (1200, 400, 1800, 55)
    shown = {column.heading: column.cells for column in columns([one])}
    assert shown["Range"] == ("55°",) and shown["Tempo"][0] is not None
    assert [part.split()[0].split("\u202f")[0] for part in shown["Tempo"][0].split(" / ")] == ["1.2", "0.4", "1.8"]
