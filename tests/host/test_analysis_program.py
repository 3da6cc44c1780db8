"""analysis of a program, of what the wearer said, and of the check: against hand-written events."""

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event, record
from mmc_host import session
from mmc_host.analysis.checks import Artefact, Confirmed, Contact, checks
from mmc_host.analysis.program import Answers, course
from mmc_host.analysis.scoring import Band
from mmc_host.analysis.wearer import Answer, Mark, answers, is_not_today, marks
from mmc_host.programs import load
from mmc_host.programs.compiling import compile_program

NOBODY = event.NO_CHANNEL


def begin(name=None, shift=0, streak=0, data=None, kind=1):
    builder = SessionBuilder().header(channels=2).channel(0, kind=kind).channel(1, "triceps brachii", kind=0, side=0)
    builder.setting("target_low_pct", 45).setting("target_high_pct", 75)
    if name or data:
        data = compile_program(load(name)) if name else data
        builder.add(record.PROGRAM, (3, shift, streak), data, len(data))
    return builder


def of(builder):
    return course(session.decode(builder.bytes()))


def test_without_a_program_there_is_none():
    assert of(begin()) is None


def test_sets_units_and_the_band():
    builder = begin("biceps-curl", shift=5, streak=2)
    for number, done in ((1, 0), (2, 10)):
        builder.event(event.EVENT_PLAN, value=number, threshold=done, reason=event.REASON_WORK)
        builder.event(event.EVENT_PLAN, value=number, threshold=done + 10, reason=event.REASON_REST)
    builder.event(event.EVENT_PLAN, value=3, threshold=20, reason=event.REASON_WORK)
    found = of(builder.event(event.EVENT_BAND, value=869, threshold=23))
    exercise = load("biceps-curl")
    assert (found.name, found.mode, found.problem, found.slot) == (exercise.name, "reps", "", 3)
    assert (found.sets_done, found.sets_planned, found.finished) == (2, exercise.numbers["sets"], False)
    assert (found.units, found.in_band_pct) == (23, pytest.approx(86.9))
    assert (found.band, found.shift_pct, found.streak) == (Band(0, 45.0, 75.0), 5, 2)
    assert (found.tighten, found.relax, found.levels, found.mean_error_pct) == (None, None, (), None)


def test_a_session_that_was_cut_knows_its_units_but_no_share():
    builder = begin("biceps-curl").event(event.EVENT_PLAN, value=1, threshold=9, reason=event.REASON_DONE)
    found = of(builder)
    assert (found.units, found.in_band_pct, found.sets_done, found.finished) == (9, None, 1, True)


def test_a_drill_has_times_and_signals_that_nothing_followed():
    builder = begin("contract-relax")
    for ms in (300, 240, -1, 260):
        builder.event(event.EVENT_REACTION, value=ms, reason=event.REASON_TIGHTEN)
    builder.event(event.EVENT_REACTION, value=-1, reason=event.REASON_RELAX)
    found = of(builder)
    assert (found.mode, found.tighten, found.relax) == ("contract_relax", Answers(4, 1, 260.0), Answers(1, 1, None))


def test_a_sense_test_has_an_error_per_level():
    builder = begin("sense-test")
    for asked, held in ((300, 420), (500, 530), (700, 610)):
        builder.event(event.EVENT_LEVEL, value=held, threshold=asked)
    found = of(builder.event(event.EVENT_BAND, value=333, threshold=3))
    assert [(level.asked_pct, level.held_pct) for level in found.levels] == [
        (pytest.approx(30), pytest.approx(42)),
        (pytest.approx(50), pytest.approx(53)),
        (pytest.approx(70), pytest.approx(61)),
    ]
    assert [level.error_pct for level in found.levels] == pytest.approx([12, 3, -9])
    assert found.mean_error_pct == pytest.approx(8)
    assert (found.in_band_pct, found.band) == (None, None)  # the band means nothing to it


def test_a_maximum_was_not_asked_for_in_percent():
    found = of(begin("mvc-test").event(event.EVENT_LEVEL, value=980, threshold=0))
    assert (found.levels[0].asked_pct, found.levels[0].error_pct, found.mean_error_pct) == (None, None, None)
    assert found.levels[0].held_pct == pytest.approx(98)


def test_a_program_that_cannot_be_read_says_so():
    data = bytearray(compile_program(load("biceps-curl")))
    data[3] ^= 1
    found = of(begin(data=bytes(data)).event(event.EVENT_PLAN, value=1, threshold=9, reason=event.REASON_REST))
    assert (found.name, found.mode, found.sets_planned) == (None, None, None)
    assert (found.problem, found.sets_done, found.units) == ("program checksum does not match", 1, 9)


def test_marks_and_answers():
    builder = begin()
    for question, value in ((event.QUESTION_ENERGY, 2), (event.QUESTION_PAIN, 0), (9, 1)):
        builder.event(event.EVENT_ANSWER, 0, NOBODY, value, question, event.REASON_BEFORE)
    builder.event(event.EVENT_MARK, 4500, NOBODY, 1).event(event.EVENT_MARK, 9000, NOBODY, 2)
    builder.event(event.EVENT_ANSWER, 9500, NOBODY, 8, event.QUESTION_EFFORT, event.REASON_AFTER)
    s = session.decode(builder.bytes())
    assert marks(s) == [Mark(4.5, 1), Mark(9.0, 2)]
    assert answers(s) == [
        Answer("energy", 2, "before"),
        Answer("pain", 0, "before"),
        Answer("unknown_9", 1, "before"),
        Answer("effort", 8, "after"),
    ]
    assert not is_not_today(s)
    builder.event(event.EVENT_ADVICE, 0, NOBODY, 2, event.QUESTION_ENERGY, event.REASON_NOT_TODAY)
    assert is_not_today(session.decode(builder.bytes()))


def test_what_the_check_found():
    builder = begin()
    builder.event(event.EVENT_ARTEFACT, 0, 0, 40).event(event.EVENT_CONTACT, 0, 0, 310, 0, event.REASON_RESTLESS)
    builder.event(event.EVENT_CONTACT, 0, 1, 80, 0, event.REASON_MAINS)
    builder.event(event.EVENT_CONTACT, 0, 7, 80, 0, event.REASON_MAINS)  # a channel that is not there
    builder.event(event.EVENT_CONFIRMED, 0, 0, 1, 0).event(event.EVENT_CONFIRMED, 0, 0, 0, 1)
    builder.event(event.EVENT_CONFIRMED, 0, 1, -1, 0)
    found = checks(session.decode(builder.bytes()))
    assert found.contact == (
        Contact(0, "biceps brachii", "right", "restless", 310.0, "uV"),
        Contact(1, "triceps brachii", "not stated", "mains", 80.0, "uV"),
    )
    # The second try counts.
    assert found.confirmed == (
        Confirmed(0, "biceps brachii", "right", 0),
        Confirmed(1, "triceps brachii", "not stated", None),
    )
    assert [one.is_right for one in found.confirmed] == [True, False]
    assert found.artefact == (Artefact(0, "biceps brachii", "right", 40.0),)
