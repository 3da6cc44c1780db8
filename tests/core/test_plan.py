"""A program's course: what is said, and when to the sample, in sets written by hand; and what holds for any history."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmc_core import event, program
from mmc_core.coach import plan
from mmc_core.coach.outbox import Outbox
from mmc_core.coach.plan import Plan
from mmc_core.settings import Settings

START, STOP, TICK = event.CUE_START, event.CUE_STOP, event.CUE_TICK
HOLD_START, HOLD_END = (event.EVENT_HOLD_START, 0), (event.EVENT_HOLD_END, 0)
REP_START, LOST = (event.EVENT_REP_START, 0), (event.EVENT_ACTIVATION_LOST, 0)
WORK, REST, DONE = event.REASON_WORK, event.REASON_REST, event.REASON_DONE
TIGHTEN, RELAX = event.REASON_TIGHTEN, event.REASON_RELAX
LEAD_IN = 3000


class Course:
    """A plan and its blocks; `told` and `commands` are what it said, by the block's time."""

    def __init__(self, mode: int, ticks: int = 1, **numbers: int) -> None:
        found = array("H", bytes(2 * program.ROWS))
        for name, value in {"sets": 1, "reps": 1, **numbers}.items():
            found[getattr(program, name.upper())] = value
        found[program.MODE] = mode
        config = Settings()
        for name, value in (("cue_tick", "on" if ticks else "off"), ("target_low_pct", 30), ("target_high_pct", 60)):
            config.put(name, value)
        self.box = Outbox()
        self.plan = Plan(found, config, self.box)
        self.t = 0
        self.told: list[tuple[int, int, int, int, int]] = []  # time, kind, value, threshold, reason
        self.commands: list[tuple[int, int]] = []
        self.over: list[int] = []  # when a set was

    def block(self, *events: tuple[int, int], level: int = 0, usable: bool = True) -> None:
        """A block in which the coach told these events: kind and value."""
        self.t += 10
        self._hear(events)
        self.plan.step(level, level, usable, self.t)
        if self.plan.command:
            self.commands.append((self.t, self.plan.command))
        if self.plan.set_is_over:
            self.over.append(self.t)
        self._note(len(events))

    def until(self, t: int, level: int = 0) -> None:
        """Blocks without events, up to a time."""
        while self.t < t:
            self.block(level=level)

    def close(self, *events: tuple[int, int]) -> None:
        self._hear(events)
        self.plan.close(self.t)
        self._note(len(events))

    def _hear(self, events: tuple[tuple[int, int], ...]) -> None:
        self.box.clear()
        for kind, value in events:
            self.box.tell(kind, 0, value, 0, 0, self.t)

    def _note(self, first: int) -> None:
        box = self.box
        rows = zip(box.kinds, box.values, box.thresholds, box.reasons, strict=True)
        self.told += [(self.t, *row) for row in list(rows)[first : box.count]]

    def of(self, kind: int) -> list[tuple[int, ...]]:
        """What was told of a kind: time, value, threshold, reason."""
        return [(t, *values) for t, found, *values in self.told if found == kind]

    @property
    def milestones(self) -> list[tuple[int, int]]:
        return [(t, value) for t, value, *_ in self.of(event.EVENT_MILESTONE)]

    @property
    def course(self) -> list[tuple[int, ...]]:
        return self.of(event.EVENT_PLAN)


# Holds


def hold_twice() -> Course:
    """Two sets of two holds of 10 s, 5 s to relax and 20 s of rest; the first hold begins at 1000."""
    made = Course(program.MODE_HOLD, sets=2, reps=2, hold_s=10, relax_s=5, rest_s=20)
    made.until(990)
    made.block(HOLD_START, level=400)
    return made


def test_a_program_of_holds_from_its_first_block_to_done() -> None:
    made = hold_twice()
    made.until(12_000, level=400)  # longer than was asked
    made.block(LOST, HOLD_END)
    made.until(16_990)
    made.block(HOLD_START, level=700)
    made.until(28_000, level=700)
    made.block(HOLD_END)
    made.until(48_990)
    made.block(HOLD_START, level=500)
    made.until(60_000, level=500)
    made.block(HOLD_END)
    made.until(64_990)
    made.block(HOLD_START, level=500)
    made.until(80_000, level=500)
    began, said = (1_000, 17_000, 49_000, 65_000), ((5_000, 500), (10_000, 1000))
    assert made.milestones == [(t + after, value) for t in began for after, value in said]
    # The pause within a set ends after 5 s, the rest between sets after 20.
    assert made.commands == [(16_000, START), (27_000, STOP), (47_000, START), (64_000, START), (75_000, STOP)]
    assert made.over == [27_000, 75_000]
    assert made.course == [(10, 1, 0, WORK), (27_000, 1, 2, REST), (47_000, 2, 2, WORK), (75_000, 2, 4, DONE)]
    assert (made.plan.units, made.plan.in_band, made.plan.phase) == (4, 3, plan.DONE)
    made.close()
    assert made.of(event.EVENT_BAND) == [(80_000, 750, 4, 0)]


def test_a_hold_that_ends_early_is_a_unit_of_what_was_held() -> None:
    made = hold_twice()
    made.until(3_990, level=400)
    made.block(HOLD_END, level=400)
    made.until(20_000)
    assert (made.plan.units, made.plan.in_band, made.milestones) == (1, 1, [])
    assert made.commands == [(9_000, START)]  # 5 s later


def test_a_hold_that_ends_in_the_very_block_in_which_its_time_is_up_counts_once() -> None:
    made = hold_twice()
    made.until(10_990, level=400)
    made.block(HOLD_END)
    assert made.milestones == [(6_000, 500), (11_000, 1000)] and made.plan.units == 1
    made.until(20_000)
    assert made.commands == [(16_000, START)]


def test_a_hold_without_a_length_lasts_as_long_as_it_lasts() -> None:
    made = Course(program.MODE_HOLD, reps=2)
    made.block(HOLD_START, level=400)
    made.until(700_000, level=400)  # the mean is of its first ten minutes
    made.block(HOLD_END)
    assert (made.plan.units, made.plan.in_band, made.milestones, made.over) == (1, 1, [], [])
    made.block(HOLD_START)
    made.block(HOLD_END)
    assert (made.plan.units, made.plan.in_band, made.over) == (2, 1, [700_030])


def test_blocks_that_are_not_to_be_trusted_are_no_part_of_the_mean() -> None:
    made = hold_twice()
    for _ in range(800):
        made.block(level=4095, usable=False)
    made.until(11_000, level=400)
    assert (made.plan.units, made.plan.in_band) == (1, 1)


@pytest.mark.parametrize(("level", "inside"), [(299, 0), (300, 1), (600, 1), (601, 0)])
def test_the_bands_edges_belong_to_it(level: int, inside: int) -> None:
    made = Course(program.MODE_HOLD, hold_s=1)
    made.block(HOLD_START, level=level)
    made.until(1010, level=level)
    assert (made.plan.units, made.plan.in_band) == (1, inside)


# Repetitions


def repetition(made: Course, number: int, peak: int = 500) -> None:
    made.block(REP_START)
    made.block((event.EVENT_PEAK, peak), (event.EVENT_REP, number))


def test_a_set_of_repetitions_is_over_exactly_at_the_last_one() -> None:
    made = Course(program.MODE_REPS, sets=2, reps=6, rest_s=30)
    for number in range(1, 7):
        repetition(made, number, 200 if number == 2 else 500)
    assert made.milestones == [(60, 500), (100, 833)]  # the third and the fifth
    assert made.over == [120] and made.commands == [(120, STOP)]
    made.until(30_110)
    assert made.plan.phase == plan.RESTING
    made.block()
    assert made.commands == [(120, STOP), (30_120, START)]
    assert made.course == [(10, 1, 0, WORK), (120, 1, 6, REST), (30_120, 2, 6, WORK)]
    assert (made.plan.units, made.plan.in_band) == (6, 5)


@pytest.mark.parametrize(
    ("reps", "said"),
    [(1, []), (2, [500]), (3, [666]), (4, [500, 750]), (5, [600, 800]), (7, [571, 857]), (15, [533, 933])],
)
def test_half_is_said_of_an_odd_number_too(reps: int, said: list[int]) -> None:
    made = Course(program.MODE_REPS, reps=reps)
    for number in range(reps):
        assert made.over == []
        repetition(made, number + 1)
    assert [value for _, value in made.milestones] == said and len(made.over) == 1


def test_a_repetition_within_the_rest_begins_the_next_set() -> None:
    made = Course(program.MODE_REPS, sets=2, reps=2, rest_s=30)
    repetition(made, 1)
    repetition(made, 2)
    made.until(5_000)
    repetition(made, 1)
    assert made.course[2:] == [(5_010, 2, 2, WORK)] and made.commands == [(40, STOP)]
    made.until(60_000)  # nothing is due
    repetition(made, 2)
    assert made.course[3:] == [(60_020, 2, 4, DONE)] and made.commands == [(40, STOP), (60_020, STOP)]


def test_a_coach_that_counts_anew_in_a_set_takes_nothing_away() -> None:
    """Twenty seconds of rest between two repetitions end its set, not the program's."""
    made = Course(program.MODE_REPS, reps=5)
    for number in (1, 2, 3, 1, 2):
        assert made.over == []
        repetition(made, number)
    assert made.over == [100]


def test_what_is_counted_late_is_no_repetition_of_a_rest() -> None:
    made = Course(program.MODE_REPS, sets=2, reps=4, rest_s=30)
    repetition(made, 1)
    made.plan.skips = True
    made.block()
    made.block((event.EVENT_REP, 2), (event.EVENT_REP, 3), LOST, (event.EVENT_TIRING, 900))
    assert made.milestones == [] and made.of(event.EVENT_ADVICE) == []
    made.block((event.EVENT_PEAK, 500))  # the last one's top is still heard of
    assert made.plan.units == 2


def beats_of(*phases: int, ticks: int = 1, until: int = 12_000) -> Course:
    down, pause, up = phases
    tempo = {"tempo_down_ms": down, "tempo_pause_ms": pause, "tempo_up_ms": up}
    made = Course(program.MODE_REPS, ticks, sets=2, reps=9, rest_s=10, **tempo)
    made.until(990)
    made.block(REP_START)
    made.until(until)
    return made


@pytest.mark.parametrize(
    ("phases", "beats"),
    [
        ((3000, 500, 2000), [4000, 4500, 6500, 9500, 10_000, 12_000]),
        ((3000, 0, 2000), [4000, 6000, 9000, 11_000]),
        ((0, 500, 2000), [1500, 3500, 4000, 6000, 6500, 8500, 9000, 11_000, 11_500]),
        ((0, 0, 4000), [5000, 9000]),
        ((3333, 0, 0), [4340, 7670, 11_000]),  # the next block, and no drift
        ((0, 0, 0), []),
    ],
)
def test_the_tempo_beats_at_the_end_of_each_phase(phases: tuple[int, ...], beats: list[int]) -> None:
    assert beats_of(*phases).commands == [(t, TICK) for t in beats]


def test_the_tempo_is_silent_where_it_is_not_wanted_and_in_a_rest() -> None:
    assert beats_of(3000, 500, 2000, ticks=0).commands == []
    made = beats_of(3000, 0, 2000, until=5_000)
    for number in range(1, 10):
        made.block((event.EVENT_REP, number))
    made.until(15_080)
    assert made.commands == [(4_000, TICK), (5_090, STOP)]
    made.until(30_000)
    assert made.commands[2:] == [(15_090, START)]  # it waits for a repetition, and begins with the first phase
    made.block(REP_START)
    made.until(34_000)
    assert made.commands[3:] == [(33_010, TICK)]


# Drills


def drill(sets: int = 1, reps: int = 12) -> Course:
    return Course(program.MODE_CONTRACT_RELAX, sets=sets, reps=reps, hold_s=2, relax_s=1, rest_s=5)


def test_a_drill_says_how_long_the_muscle_took() -> None:
    made = drill(reps=2)
    made.until(LEAD_IN + 10)
    assert made.commands == [(3_010, TICK)]
    made.until(3_250)
    made.until(5_010, level=500)  # on for the first time at 3260, which is 240 ms of blocks after the signal
    assert made.commands[1:] == [(5_010, TICK)]
    made.until(5_200, level=120)
    made.until(6_000, level=99)
    assert made.of(event.EVENT_REACTION) == [(3_280, 240, 0, TIGHTEN), (5_230, 190, 0, RELAX)]


def test_a_twitch_is_no_reaction_and_none_is_minus_one() -> None:
    made = drill(reps=1)
    made.until(LEAD_IN + 10)
    made.block(level=500)
    made.block(level=500)
    made.until(5_010)
    made.until(9_000, level=500)  # tightens when it should relax
    ends = made.over[0]
    assert made.of(event.EVENT_REACTION) == [(5_010, -1, 0, TIGHTEN), (ends, -1, 0, RELAX)]
    assert 5_010 + 1000 <= ends <= 5_010 + 1000 + 2047 + 10 and made.commands[2:] == [(ends, STOP)]


def waits(made: Course, level: int = 0) -> list[int]:
    """How long each pause of a drill is beyond the second that it has at least."""
    while made.plan.phase != plan.DONE:
        made.block(level=level if made.plan.phase == plan.TIGHT else 0)
    ticks = [t for t, command in made.commands if command == TICK]
    return [later - now - 1000 for now, later in zip(ticks[1::2], ticks[2::2], strict=False)]


def test_nobody_knows_when_a_drill_goes_on() -> None:
    made = drill(sets=2, reps=40)
    jitter = waits(made)
    assert jitter.pop(39) > 5_000 + LEAD_IN  # from one set to the next
    first, second = jitter[:39], jitter[39:]
    assert all(0 <= wait < 2048 + 10 for wait in jitter) and len({*first}) > 30
    assert min(jitter) < 200 and max(jitter) > 1850
    assert len(second) == 39 and first != second
    another = waits(drill(sets=1, reps=40), level=501)  # another day the muscle's level is another
    assert another != waits(drill(sets=1, reps=40), level=500) != first


def test_a_drill_that_is_broken_off_tells_of_no_reaction() -> None:
    made = drill(sets=2)
    made.until(3_100)
    made.plan.skips = True
    made.until(4_000)
    assert made.of(event.EVENT_REACTION) == [] and made.over == [3_110]


def test_what_moves_in_the_rest_of_a_drill_does_not_end_it() -> None:
    made = drill(sets=2)
    made.until(100)
    made.plan.skips = True
    made.block()
    made.block(REP_START)
    made.block(HOLD_START)
    assert made.plan.phase == plan.RESTING
    made.until(5_110)
    assert made.course[1:] == [(110, 1, 0, REST), (5_110, 2, 0, WORK)]


def test_a_drills_loss_counts_only_while_the_muscle_should_be_on() -> None:
    made = Course(program.MODE_CONTRACT_RELAX, reps=5, hold_s=2, relax_s=1, stop_lost_count=1)
    made.until(5_010)
    made.block(LOST)
    assert made.over == []
    while made.plan.phase != plan.TIGHT:
        made.block()
    made.block(LOST)
    assert made.over == [made.t]


# Sense tests


def test_a_sense_test_asks_for_each_level_and_tells_the_end_of_what_was_held() -> None:
    numbers = {"sense_1_pct": 30, "sense_3_pct": 70}  # the second is left out
    made = Course(program.MODE_SENSE, reps=2, hold_s=5, relax_s=4, **numbers)
    held = (310, 650, 290, 720)
    for number, level in enumerate(held):
        made.until(LEAD_IN + 10 + 9000 * number)
        made.until(made.t + 3000, level=4000)  # what is found on the way to the level does not count
        made.until(made.t + 2000, level=level)
    made.until(60_000)
    starts = [(3_010 + 9000 * n, START + 16 * (n % 2 + 1)) for n in range(4)]
    stops = [(8_010 + 9000 * n, STOP) for n in range(4)]
    assert made.commands == sorted([*starts, *stops, (39_010, STOP)])
    asked = (300, 700, 300, 700)
    assert made.of(event.EVENT_LEVEL) == [(8_010 + 9000 * n, held[n], asked[n], 0) for n in range(4)]
    assert made.course == [(10, 1, 0, WORK), (39_010, 1, 4, DONE)]
    assert (made.plan.units, made.plan.in_band) == (4, 1)  # 300 to 600


@pytest.mark.parametrize("mode", [program.MODE_MVC, program.MODE_REST])
def test_other_tests_are_led_without_a_level_and_last_a_second_at_least(mode: int) -> None:
    made = Course(mode, reps=1)
    made.until(3_010)
    made.until(20_000, level=1200)
    assert made.commands == [(3_010, START), (4_010, STOP), (5_010, STOP)]
    assert made.of(event.EVENT_LEVEL) == [(4_010, 1200, 0, 0)]


# Stop rules, skipping, the end


def test_a_muscle_that_let_go_so_often_ends_the_set() -> None:
    made = Course(program.MODE_HOLD, sets=2, reps=3, hold_s=30, relax_s=5, rest_s=60, stop_lost_count=3)
    made.block(HOLD_START)
    made.until(1_000, level=400)
    made.block(LOST, LOST)
    made.until(30_010, level=400)  # its time is up
    made.block(LOST, HOLD_END)  # and letting go is as it should be
    assert made.over == []
    made.block(HOLD_START)
    made.block(LOST)
    assert made.of(event.EVENT_ADVICE) == [(30_040, 3, 3, event.REASON_STOP)] and made.over == [30_040]
    assert made.course[1:] == [(30_040, 1, 1, REST)]
    made.block(HOLD_START, LOST, LOST)  # counts from zero
    assert made.over == [30_040]
    made.block(LOST)
    assert made.over == [30_040, 30_060] and made.course[-1] == (30_060, 2, 1, DONE)


def test_a_muscle_that_tires_ends_the_set_where_the_program_says_how_much() -> None:
    made = Course(program.MODE_REPS, sets=2, reps=9, rest_s=60, stop_fatigue_permille=250)
    made.block(REP_START, (event.EVENT_TIRING, 249))
    assert made.over == []
    made.block((event.EVENT_TIRING, 250), (event.EVENT_TIRING, 400))
    assert made.of(event.EVENT_ADVICE) == [(20, 250, 250, event.REASON_STOP)] and made.over == [20]
    made = Course(program.MODE_REPS, reps=9)
    made.block(REP_START, (event.EVENT_TIRING, 1000), *[LOST] * 9)
    assert made.over == [] and made.of(event.EVENT_ADVICE) == []


def test_the_button_in_each_phase() -> None:
    made = hold_twice()
    made.plan.skips = True
    made.block(level=400)  # within a hold: enough of the set
    made.until(2_000)
    assert made.course[1:] == [(1_010, 1, 0, REST)] and made.commands == [(1_010, STOP)]
    made.plan.skips = True
    made.block()  # within the rest: no more of it
    assert made.course[2:] == [(2_010, 2, 0, WORK)] and made.commands[1:] == [(2_010, START)]
    made.block(HOLD_START)
    made.block(HOLD_END)
    made.plan.skips = True
    made.block()  # between two holds
    assert made.commands[2:] == [(2_040, START)] and made.plan.phase == plan.WORKING
    made.plan.skips = True
    made.block()  # before the next one: enough
    assert made.course[3:] == [(2_050, 2, 1, DONE)] and made.over == [1_010, 2_050]
    made.plan.skips = True
    made.block(HOLD_START)
    assert made.plan.phase == plan.DONE and made.commands[3:] == [(2_050, STOP)]


@pytest.mark.parametrize("t", [100, 3_100, 5_500])
def test_the_button_ends_a_drills_set_in_all_of_it(t: int) -> None:
    made = drill(sets=2)
    made.until(t)
    made.plan.skips = True
    made.block()
    assert made.over == [t + 10] and made.plan.phase == plan.RESTING


def test_a_session_that_ends_within_a_hold_has_it() -> None:
    made = hold_twice()
    made.until(5_000, level=400)
    made.close(HOLD_END)
    assert made.of(event.EVENT_BAND) == [(5_000, 1000, 1, 0)]
    nothing = hold_twice()
    nothing.close()
    assert nothing.of(event.EVENT_BAND) == []


# Any history

KINDS = st.sampled_from(
    [event.EVENT_HOLD_START, event.EVENT_HOLD_END, event.EVENT_REP_START, event.EVENT_PEAK, event.EVENT_REP,
     event.EVENT_ACTIVATION_LOST, event.EVENT_TIRING, event.EVENT_SET, event.EVENT_REP_END]
)  # fmt: skip
BLOCK = st.tuples(
    st.lists(st.tuples(KINDS, st.integers(-1, 1100)), max_size=4), st.integers(0, 1200), st.booleans(),
    st.integers(0, 19), st.sampled_from([0, 0, 990, 30_000]),
)  # fmt: skip
NUMBERS = st.fixed_dictionaries(
    {
        "sets": st.integers(1, 3), "reps": st.integers(0, 4), "hold_s": st.integers(0, 3),
        "relax_s": st.integers(0, 2), "rest_s": st.integers(0, 3), "sense_2_pct": st.integers(0, 100),
        "tempo_up_ms": st.sampled_from([0, 7, 1500]), "stop_fatigue_permille": st.sampled_from([0, 400]),
        "stop_lost_count": st.integers(0, 2),
    }
)  # fmt: skip


@given(st.integers(program.MODE_HOLD, program.MODE_REST), NUMBERS, st.lists(BLOCK, max_size=120))
def test_whatever_happens(mode: int, numbers: dict[str, int], history: list[Any]) -> None:
    made = Course(mode, **numbers)
    ended = None
    for events, level, usable, button, gap in history:
        made.t += gap
        made.plan.skips = made.plan.skips or button == 0
        made.block(*events, level=level, usable=usable)
        assert 0 <= made.plan.in_band <= made.plan.units
        now = (made.plan.units, len(made.commands), len(made.told))
        assert ended is None or now == ended, "done is done"
        ended = now if made.plan.phase == plan.DONE else None
    made.close((event.EVENT_PEAK, 500), HOLD_START)
    assert ended is None or made.plan.units == ended[0]
    assert {command & 15 for _, command in made.commands} <= {START, STOP, TICK}
    assert all(command >> 4 == 0 or command in (START + 16, START + 32, START + 48) for _, command in made.commands)
    reasons = [row[3] for row in made.course]
    assert reasons.count(WORK) <= numbers["sets"] and reasons.count(DONE) <= 1
    assert all((a == WORK) == (b != WORK) for a, b in pairwise(reasons))  # sets begin and end in turn
    assert [row[1] for row in made.course if row[3] == WORK] == list(range(1, reasons.count(WORK) + 1))
