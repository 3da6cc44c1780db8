"""Nothing of a program's course leaves 31 bits, whatever the program, the events and the levels.

small_int_plan.py says what the proof takes for granted; test_small_ints.py what such a proof is. As there, it is run,
shown to fail where it should, and held against the code as it runs.
"""

from __future__ import annotations

import random
from array import array
from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from interval_values import Ref, State, Words
from small_int_plan import plan_proof
from small_int_watch import Watch, any_settings, catches, levels, tell_any

from mmc_core import event, program
from mmc_core.coach.outbox import Outbox
from mmc_core.coach.plan import Plan

ENDS = ((3, 3), (0, 0))  # of the numbers of levels and beats


def any_numbers(rng: random.Random) -> array[int]:
    """A program's numbers, each at an end of its range or anywhere within."""
    ranges: list[tuple[int, int]] = [(0, 0)] * program.ROWS

    def take(place: int, low: int, high: int, _: int) -> None:
        ranges[place] = low, high

    program.Program.rows(None, take)  # pyright: ignore[reportArgumentType]
    assert ranges[program.PROGRESS_LIMIT_PCT] == (1, 200)  # the last row
    return array("H", [rng.choice([low, low, high, rng.randint(low, high)]) for low, high in ranges])


def test_the_plans_integers_hold_on_any_input() -> None:
    told, _ = plan_proof().check()
    assert told == []


@given(st.integers(0, 2**32))
def test_a_new_plan_is_within_its_invariant(seed: int) -> None:
    """Its constructor allocates, and so is run and not read; of what it makes every block may make use."""
    rng = random.Random(seed)
    config = any_settings(rng)
    config.put("cue_tick", rng.choice(["off", "on"]))
    made = Plan(any_numbers(rng), config, Outbox())
    mine: State = {}
    for name, value in vars(made).items():
        if isinstance(value, int):
            mine[f"self.{name}"] = int(value), int(value)
        elif isinstance(value, bytes | tuple):
            mine[f"self.{name}"] = Words(tuple((word, word) for word in value))
    counts = len(vars(made)["_levels"]), len(vars(made)["_beats"])
    invariant = plan_proof([counts]).invariant
    others = {path: value for path, value in invariant.fields.items() if path.startswith("in.")}
    assert invariant.misses({**others, **mine, "self._outbox": Ref("in.outbox")}) == []
    assert vars(made).keys() == {path[5:] for path in invariant.fields if path.startswith("self.")}


MUTANTS = [
    ("_NEVER = const((1 << 30) - 1)", "_NEVER = const(1 << 30)"),
    ("_MOST_BLOCKS = const(60000)", "_MOST_BLOCKS = const(600000)"),
    ("* 75 + 74 + self._sum) % 65537", "* 75 + 74 + self._sum)"),
    ("self._draw * 75", "self._draw * 16384"),
    ("self._draw & _JITTER", "self._draw << _JITTER"),
    ("        self._set += 1\n", "        self._set += 2\n"),
    ("if self._set < self._sets:", "if self._set <= self._sets:"),
    ("        if age >= self._hold:", "        if age >= self._hold << 10:"),
    ("1000 * self._done // self._reps", "10000000 * self._done // self._reps"),
    ("1000 * self.in_band //", "10000 * self.in_band //"),
    ("        if self.units:\n", "        if self._blocks:\n"),
    ("max(1, self._blocks), asked", "self._blocks, asked"),
    ("self._judge(self._sum // max(1, self._blocks))", "self._judge(self._sum // self._blocks)"),
    ("(self._beat + 1) % len(self._beats)", "self._beat + 1"),
    ("event.EVENT_REP_START and self._beats and", "event.EVENT_REP_START and"),
    ("self._levels[self._done % len(self._levels)] if self._levels else 0", "self._levels[self._done % 3]"),
    ("        elif self._levels:\n", "        else:\n"),
    ("self.command += 16 *", "self.command += 32 *"),
    ("self._began, self._signal, self._beat_t = -1, -1, _NEVER", "self._began, self._beat_t = -1, _NEVER"),
    ("for at in range(self._outbox.count):", "for at in range(self._outbox.count + 1):"),
    ("t_samples - _SURE_BLOCKS * BLOCK_SAMPLES - self._signal", "t_samples - (self._signal << 1)"),
    ("self._due += self._draw", "self._due += self._beat_t + self._draw"),
]


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[old.strip()[:40] for old, _ in MUTANTS])
def test_a_slip_in_the_text_fails_the_proof(old: str, new: str) -> None:
    assert catches(plan_proof(ENDS), old, new)


@cache
def watch() -> Watch:
    return Watch(plan_proof(ENDS))


def run_plan(seed: int) -> None:
    """Events that no coach would tell, in a session that misses hours and may be near its longest."""
    rng = random.Random(seed)
    config = any_settings(rng)
    config.put("cue_tick", rng.choice(["off", "on"]))
    outbox = Outbox()
    made = watch().names["Plan"](any_numbers(rng), config, outbox)
    t_samples = rng.choice([10, 1_000_000_000])
    kinds = [event.EVENT_HOLD_START, event.EVENT_HOLD_END, event.EVENT_REP_START, event.EVENT_REP, event.EVENT_PEAK]
    for envelope, fast in zip(levels(rng, 4095), levels(rng, 4095), strict=False):
        tell_any(rng, outbox, t_samples)
        if rng.random() < 0.3:
            outbox.tell(rng.choice([*kinds, event.EVENT_ACTIVATION_LOST]), 0, rng.randrange(4096), 0, 0, t_samples)
        made.skips = made.skips or rng.random() < 0.005
        made.step(envelope, fast, rng.random() < 0.9, t_samples)
        t_samples += rng.choice([10] * 30 + [3000, 600_000])
    made.close(t_samples)


@profile(max_examples=20)
@given(st.integers(0, 2**32))
def test_plans_run_within_their_proof(seed: int) -> None:
    run_plan(seed)


def test_every_lemma_on_plans_is_watched() -> None:
    for seed in range(40):
        run_plan(seed)
    assert watch().unseen_lemmas() == set()
