"""analysis of sets: what a hand-written list of events comes to."""

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event
from mmc_host import session
from mmc_host.analysis.sets import Noticed, sets

REASON = {name[7:].lower(): code for name, code in vars(event).items() if name.startswith("REASON_")}


def begin(side=2, kind=1):
    builder = SessionBuilder().header(channels=4).channel(0, side=side, kind=kind)
    builder.channel(1, "triceps brachii", side=2).channel(2, "deltoideus anterior", side=0)
    return builder.channel(3, "biceps brachii", side=1).setting("target_channel", 0)


def tell(builder, kind, at, value=0, threshold=0, reason="", channel=0):
    code = vars(event)[f"EVENT_{kind.upper()}"]
    return builder.event(code, at, channel, value, threshold, REASON[reason] if reason else 0)


def rep(builder, number, at, peak, wanted=0, reason="below", told=None):
    """A repetition of 2 s; `told`: numbers that become certain at its end."""
    tell(builder, "rep_start", at, 20, 0, "effort")
    tell(builder, "peak", at + 2000, peak, wanted, reason)
    tell(builder, "rep_end", at + 2000, 2000, 0, "effort")
    for certain in [number] if told is None else told:
        tell(builder, "rep", at + 2000, certain, 0, "motion")
    return builder


def of(builder):
    return sets(session.decode(builder.bytes()))


def curls(builder, first=1000):
    """Four repetitions, 3 s apart: tops of 40, 50, 60 and 70 %; from the fourth on 50 % are wanted."""
    rep(builder, 1, first, 400, told=[])
    rep(builder, 2, first + 3000, 500, told=[])
    rep(builder, 3, first + 6000, 600, told=[1, 2, 3])
    return rep(builder, 4, first + 9000, 700, 500, "held")


def test_a_set_of_repetitions():
    (one,) = of(tell(curls(begin()), "set", 33_000, 4, 0))
    assert (one.channel, one.unit, one.complete) == (0, "%MVC", True)
    # From the first contraction to the last one's end; the set is told only 20 s later.
    assert (one.start_s, one.end_s, one.duration_s) == (1.0, 12.0, 11.0)
    assert (one.reps, one.by_motion, one.by_effort, one.held_s) == (4, None, None, 0.0)
    assert (one.mean_peak, one.best_peak, one.wanted_peak) == (pytest.approx(55), pytest.approx(70), 50)
    assert (one.squeezed_pct, one.passive, one.dug_in) == (100.0, 0, False)


def test_what_was_not_told_is_none():
    holds = tell(tell(begin(), "hold_start", 1000, 400), "hold_end", 9000)
    assert of(holds) == []  # without an end, and without repetitions, the hold says it all
    (one,) = of(tell(holds, "set", 29_000, 0, 8))
    assert (one.held_s, one.reps, one.complete, one.start_s, one.end_s) == (pytest.approx(8.0), 0, True, 1.0, 9.0)
    for name in (
        "by_motion by_effort mean_peak best_peak wanted_peak squeezed_pct passive engagement_pct isolation_pct "
        "cocontraction_pct sides_pct sides tiring_pct dug_in"
    ).split():
        assert getattr(one, name) is None, name
    assert one.leaks == one.sleepers == one.worse_form == one.advice == ()


def test_only_tops_that_something_was_wanted_of_are_judged():
    builder = curls(begin())
    rep(builder, 5, 13_000, 450, 500, "below")
    rep(builder, 6, 16_000, 480, 500, "below")
    assert of(builder)[0].squeezed_pct == pytest.approx(100 / 3)


def test_the_witnesses_may_not_agree():
    builder = tell(curls(begin()), "rep_disputed", 33_000, 6, 4, "motion")
    (one,) = of(tell(builder, "set", 33_000, 6))
    assert (one.reps, one.by_motion, one.by_effort) == (6, 6, 4)


def test_indexes_are_means_over_the_set():
    builder = curls(begin())
    for isolation, both in ((700, 200), (800, 300)):
        tell(builder, "isolation", 12_000, isolation, 500)
        tell(builder, "cocontraction", 12_000, both, 400, channel=1)
    for at in (3000, 6000):
        tell(builder, "passive", at, 30, 100, "below")
    tell(builder, "engagement", 33_000, 500)
    (one,) = of(tell(builder, "set", 33_000, 4))
    assert (one.isolation_pct, one.cocontraction_pct) == (pytest.approx(75), pytest.approx(25))
    assert (one.passive, one.engagement_pct) == (2, pytest.approx(50))


@pytest.mark.parametrize(
    ("side", "index", "words"),
    [
        (1, 160, "left does more"),
        (1, -160, "right does more"),
        (2, -160, "left does more"),
        (2, 75, "even"),
        (2, -75, "even"),
        (0, 76, "the target side does more"),
        (0, -76, "the other side does more"),
    ],
)
def test_sides_have_a_direction(side, index, words):
    builder = curls(begin(side=side))
    (one,) = of(tell(builder, "sides", 12_000, index, 75, channel=3))
    assert (one.sides_pct, one.sides) == (pytest.approx(index / 10), words)


def test_muscles_that_take_over_or_sleep_are_counted_by_name():
    builder = curls(begin())
    for at in (4000, 8000):
        tell(builder, "leak", at, 900, 800, "above", channel=2)
    tell(builder, "stabiliser", 8000, 50, 100, "below", channel=1)
    (one,) = of(builder)
    assert one.leaks == (Noticed(2, "deltoideus anterior", "not stated", 2),)
    assert one.sleepers == (Noticed(1, "triceps brachii", "right", 1),)


def test_tiring_is_the_index_as_it_was_last_told_and_form_is_no_index():
    builder = curls(begin())
    tell(builder, "tiring", 8000, 250, 240, "fatigue")
    tell(builder, "tiring", 9000, 130, 240, "recovery")
    tell(builder, "tiring", 9000, 600, 300, "slowing")
    tell(builder, "advice", 9500, 250, 120, "less_load")
    tell(builder, "advice", 9600, 500, 400, "stop")
    (one,) = of(builder)
    assert (one.tiring_pct, one.worse_form, one.advice) == (pytest.approx(13), ("slowing",), ("less_load", "stop"))


def test_afterwords_belong_to_the_set_that_has_ended():
    builder = tell(curls(begin()), "set", 33_000, 4)
    tell(builder, "dig_in", 33_000, 700, 650, "above")
    tell(builder, "advice", 33_000, 3, 2, "fewer_reps")
    curls(builder, 60_000)
    first, second = of(tell(builder, "set", 92_000, 4))
    assert (first.dug_in, first.advice, first.reps) == (True, ("fewer_reps",), 4)
    assert (second.dug_in, second.advice, second.reps) == (False, (), 4)
    assert (second.start_s, second.end_s) == (60.0, 71.0)


def test_a_lost_end_still_parts_two_sets():
    first, second = of(curls(curls(begin()), 60_000))
    assert (first.reps, second.reps, first.complete, second.complete) == (4, 4, False, False)
    assert second.dug_in is None


def test_what_became_neither_repetition_nor_hold_makes_no_set():
    builder = tell(rep(begin(), 0, 1000, 300, told=[]), "set", 23_000, 0, 0)
    tell(builder, "advice", 0, 2, 2, "not_today", channel=event.NO_CHANNEL)
    curls(builder, 30_000)
    (one,) = of(tell(builder, "set", 62_000, 4))
    assert (one.start_s, one.advice) == (30.0, ())


def test_repetitions_that_only_the_motion_sensor_saw():
    builder = begin()
    for number in (1, 2, 3):
        tell(builder, "passive", 9000, 20, 100, "below")
        tell(builder, "rep", 9000, number, 0, "motion")
    tell(builder, "engagement", 29_000, 0)
    (one,) = of(tell(builder, "set", 29_000, 3))
    assert (one.start_s, one.reps, one.passive, one.engagement_pct, one.mean_peak) == (9.0, 3, 3, 0.0, None)
