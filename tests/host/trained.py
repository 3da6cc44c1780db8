"""A session to look at: two sets of curls with a program, helpers, another side, tiring, answers and a check."""

from host.session_builder import SessionBuilder

from mmc_core import event, record
from mmc_host.programs import load
from mmc_host.programs.compiling import compile_program

NOBODY = event.NO_CHANNEL


def begin(program="", kind=1, shift=0, streak=0):
    """Four channels, the right biceps first, the left one last; and a program."""
    builder = SessionBuilder().header(channels=4).channel(0, kind=kind).channel(1, "triceps brachii", kind=kind)
    builder.channel(2, "deltoideus anterior", kind=kind).channel(3, kind=kind, side=1)
    builder.setting("target_low_pct", 45).setting("target_high_pct", 75).setting("target_channel", 0)
    if program:
        data = compile_program(load(program))
        builder.add(record.PROGRAM, (3, shift, streak), data, len(data))
    return builder


def curls(kind=1, program="biceps-curl", end=1):
    """Set 1: 4 repetitions from 2 to 13 s, tops of 40 to 70 %. Set 2: 5 from 40 to 54 s, one passive."""
    builder = begin(program, kind, shift=5 if program else 0, streak=1 if program else 0)
    builder.event(event.EVENT_ANSWER, 0, NOBODY, 6, event.QUESTION_ENERGY, event.REASON_BEFORE)
    builder.event(event.EVENT_CONTACT, 0, 1, 80, 0, event.REASON_LEAD_OFF).event(event.EVENT_CONFIRMED, 0, 0, 3)
    _set(builder, 2000, (400, 500, 600, 700))
    builder.event(event.EVENT_SIDES, 13_000, 3, -160, 75, event.REASON_BELOW)
    builder.event(event.EVENT_REP_DISPUTED, 33_000, 0, 3, 4, event.REASON_EFFORT)
    builder.event(event.EVENT_ENGAGEMENT, 33_000, 0, 1000).event(event.EVENT_SET, 33_000, 0, 4)
    _set(builder, 40_000, (500, 500, 500, 500, 30))
    builder.event(event.EVENT_LEAK, 45_000, 2, 700, 600, event.REASON_ABOVE)
    builder.event(event.EVENT_STABILISER, 46_000, 1, 50, 100, event.REASON_BELOW)
    builder.event(event.EVENT_CUE, 46_000, 0, 450, 500, event.CUE_SQUEEZE)
    builder.event(event.EVENT_PASSIVE, 54_000, 0, 30, 100, event.REASON_BELOW)
    builder.event(event.EVENT_TIRING, 54_000, 0, 250, 240, event.REASON_FATIGUE)
    builder.event(event.EVENT_ADVICE, 54_000, 0, 250, 120, event.REASON_LESS_LOAD)
    builder.event(event.EVENT_ENGAGEMENT, 74_000, 0, 800).event(event.EVENT_SET, 74_000, 0, 5)
    builder.event(event.EVENT_MARK, 75_000, NOBODY, 1)
    if program:
        builder.event(event.EVENT_PLAN, 13_000, 0, 1, 4, event.REASON_REST)
        builder.event(event.EVENT_BAND, 76_000, 0, 778, 9)
    builder.level(76.0, 50, 10, 10, 10, frame_samples=250)
    builder.event(event.EVENT_ANSWER, 76_000, NOBODY, 8, event.QUESTION_EFFORT, event.REASON_AFTER)
    return builder.end(end)


def _set(builder, first, tops):
    for number, top in enumerate(tops, 1):
        at = first + 3000 * (number - 1)
        builder.event(event.EVENT_REP_START, at)
        wanted = 500 if number > 3 else 0
        reason = event.REASON_HELD if top >= wanted else event.REASON_BELOW
        builder.event(event.EVENT_PEAK, at + 2000, 0, top, wanted, reason)
        builder.event(event.EVENT_REP_END, at + 2000, 0, 2000)
        builder.event(event.EVENT_REP, at + 2000, 0, number, 0, event.REASON_MOTION)
