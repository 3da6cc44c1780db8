"""Nothing of what looks at movements, units and sets leaves 31 bits, on any input, for as long as a session may last.

small_int_movement.py and small_int_units.py say what the proofs take for granted; test_small_ints.py what they are. As
there, they are run, shown to fail where they should, and held against the code as it runs.
"""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import small_int_coach
import small_int_movement
import small_int_units
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from interval_values import Ref, State, Words
from simulated import load_facts
from small_int_watch import Watch, any_settings, catches, levels

from mmc_core import chain, event, features, onset, settings
from mmc_core.coach.balance import Balance
from mmc_core.coach.motion import Motion
from mmc_core.coach.outbox import Outbox
from mmc_core.coach.team import Coach

PROOFS = {**small_int_movement.PROOFS, **small_int_units.PROOFS}


@pytest.mark.parametrize("name", PROOFS)
def test_no_intermediate_leaves_its_integers_on_any_input(name: str) -> None:
    told, _ = PROOFS[name]().check()
    assert told == []


def state_of(made: object, path: str = "self") -> State:
    """What an object remembers, as a proof has it; lists are of numbers, or of arrays that lie in rows."""
    state: State = {}
    for name, value in vars(made).items():
        place = f"{path}.{name}"
        if isinstance(value, int):
            state[place] = int(value), int(value)
        elif isinstance(value, list) and not isinstance(value[0], int):
            state[place] = Words(tuple(Ref(f"row.{at}") for at in range(len(value))))
            for at, row in enumerate(value):
                state[f"row.{at}"] = Words(tuple((word, word) for word in row))
        elif isinstance(value, list | array):
            state[place] = Words(tuple((word, word) for word in value))
        else:
            state[place] = Ref(place)
    return state


ROLES = st.lists(st.sampled_from([0, 2, 3, 4]), max_size=3)


@given(ROLES, st.integers(0, 3), st.booleans(), st.integers(0, 2**32))
def test_a_new_balance_is_within_its_invariant(others: list[int], at: int, twin: bool, seed: int) -> None:
    """Its constructor allocates, and so is run and not read."""
    roles = [*others[:at], 1, *others[at:]]
    if twin and len(others) < 3:
        roles.append(5)
    made = state_of(Balance(roles, [0, 1000, 5, 9][: len(roles)], any_settings(random.Random(seed)), None))
    made["self._outbox"] = Ref("in.outbox")
    assert PROOFS[f"balance of {len(roles)}"]().invariant.misses(made) == []


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("target", [0, 3])
def test_a_new_coach_is_within_its_invariant(channels: int, target: int) -> None:
    config = settings.Settings()
    config.put("target_channel", target)
    config.put("ch0_reference_kind", "mvc")
    made = Coach(config, SimpleNamespace(**{**vars(load_facts()), "EMG_CHANNELS": channels}))
    invariant = PROOFS[f"team of {channels}"]().invariant
    parts = {path: value for path, value in invariant.fields.items() if path.count(".") == 2}  # of the questions
    assert invariant.misses({**state_of(made), **parts}) == []


MUTANTS = [
    ("effort", " or length >= _LONGEST", ""),
    ("effort", "self._run = self.set_count = period = 0", "self._run = self.set_count = 0"),
    ("effort", "((display << _SHIFT) - level) >> _SMOOTH", "(display << _SHIFT) >> _SMOOTH"),
    ("effort", "min(top, 2 * self._peak)", "2 * self._peak"),
    ("effort", "min(top, 2 * like)", "2 * like"),
    ("effort", "self._under >= _END_BLOCKS", "level < 0"),
    ("effort", "max(0, (level >> 1) - low)", "level"),
    ("effort", "(self._peak - _PEAK) >> _FADE", "(_PEAK - self._peak) >> _FADE"),
    ("motion", "x = clamp(x, self._most_turned)", "pass"),
    ("motion", "2928 // gyro", "29280 // gyro"),
    ("motion", "clamp(rate // length, 3 * _MOST)", "rate // length"),
    ("motion", "_FARTHEST = const(1 << 23)", "_FARTHEST = const(1 << 24)"),
    ("motion", "x - (x >> _AXIS) +", "x +"),
    ("motion", "_AXIS = const(8)", "_AXIS = const(9)"),
    ("motion", "x if -_MOST < x < _MOST else clamp(x, _MOST)", "x"),
    ("motion", "max(1, (self._length + square", "max(0, (self._length + square"),
    ("motion", "clamp(a[0] >> 4, 2047)", "clamp(a[0] >> 4, 32767)"),
    ("motion", "imu[3] >> 2,", "imu[3],"),
    ("cycle", "max(motion.rate, 1)", "motion.rate"),
    ("cycle", "back * 100 >=", "back * 10000 >="),
    ("cycle", "max(400, self.rep_turn_t - self.rep_start_t)", "self.rep_turn_t - self.rep_start_t"),
    ("cycle", "min(end_t - self.rep_start_t, _LONGEST_MS)", "end_t - self.rep_start_t"),
    ("cycle", "min(t - self._start_t, _LONGEST_MS)", "t - self._start_t"),
    ("cycle", "self._base, self._low = self._low, self._base", "self._base = self._low"),
    ("cycle", "max(-1023, min(1023, self._way[i]))", "self._way[i]"),
    ("cycle", "(max(rest, 0) << 10)", "(max(rest, 0) << 12)"),
    ("cycle", "(back - self._usual) >> 1", "back"),
    ("cycle", "min(max(leg_ms, 0), 5000)", "max(leg_ms, 0)"),
    ("balance of 2", " or self._looks == _MOST_LOOKS", ""),
    ("balance of 2", "row[_USUAL] * _LEAK_HABIT // 1000", "row[_USUAL] * _LEAK_HABIT"),
    ("balance of 2", "own // count << 8", "own // count << 20"),
    ("balance of 2", "while whole >= 1 << 20:", "while whole >= 1 << 26:"),
    ("balance of 2", "            self._gap_own = row[_OWN]", "            self._gap_own = row[_OWN] * 2"),
    ("balance of 2", "- row[_USUAL]) // row[_LEARNT]", "+ row[_USUAL]) // row[_LEARNT]"),
    ("pairs of balance", "a >>= 2", "a >>= 1"),
    ("pairs of balance", "if n == _MOST_PAIRS:", "if n > _MOST_PAIRS:"),
    ("pairs of balance", "pairs[n] >>= 1", "pairs[n] >>= 0"),
    ("pairs of balance", "pairs[3] // n * 10", "pairs[3] * 10 // n"),
    ("fatigue", " or self._blocks >= _MOST_BLOCKS", ""),
    ("fatigue", "while swings >> 15:", "while swings >> 17:"),
    ("fatigue", "self._slow += level - (self._slow >> _SLOW_SHIFT)", "self._slow += level"),
    ("fatigue", "if self.units <= REFERENCE_UNITS:", "if self.units <= 4:"),
    ("fatigue", "if self.units and at < _MOST_PEAKS:", "if self.units:"),
    ("fatigue", "while at and peaks[at - 1] > before:", "while peaks[at - 1] > before:"),
    ("fatigue", "min(4000, value * 1000 // max(1, reference // REFERENCE_UNITS))", "value * 1000 // max(1, reference)"),
    ("fatigue", "min(60000, duration_ms)", "duration_ms"),
    ("fatigue", "self.amplitude_permille + rise) >> 1", "self.amplitude_permille + rise)"),
    ("team of 2", "self._tops[self._moves % _SURE]", "self._tops[self._moves]"),
    ("team of 2", "if top >= 0:", "if sure:"),
    ("team of 2", "not self.hold.in_hold else envelope", "not self.hold.in_hold else envelope << 1"),
    ("team of 2", "self._held // 1000", "self._held * 1000"),
    ("team of 2", "self.target, self._reps, 0, reason", "self.target, self._reps << 11, 0, reason"),
    ("team of 2", "self._sensor_t = t_samples", "self._sensor_t = t_samples << 1"),
]


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS, ids=[f"{name}: {old[:30]}" for name, old, _ in MUTANTS])
def test_a_slip_in_the_text_fails_the_proof(name: str, old: str, new: str) -> None:
    assert catches(PROOFS[name](), old, new)


@given(st.one_of(st.integers(0, 2**30 - 1), st.integers(0, 2**15 - 1).map(lambda n: n * n)))
def test_the_lemmas_on_newtons_roots(square: int) -> None:
    """Those of cycle.root, of any number that is no negative one."""
    guess = 1 << 15
    while square and guess > square // guess:
        assert square // guess <= 2**15 and guess + square // guess >> 1 in range(1, 2**15 + 1)
        guess = (guess + square // guess) >> 1


@given(st.tuples(*[st.one_of(st.integers(0, 16383), st.integers(0, 3))] * 3))
def test_the_lemma_on_newtons_lengths(components: tuple[int, int, int]) -> None:
    """That of motion.length, of any vector but none."""
    square, guess = sum(x * x for x in components), max(components)
    for _ in range(3 if guess else 0):
        assert square // guess in range(1, 3 * 16383 + 1)
        guess = (guess + square // guess) >> 1


def test_the_lemma_on_turned_angles() -> None:
    for counts_per_dps in range(1, 513):
        made = vars(Motion(4096, counts_per_dps))
        assert 0 < made["_most_turned"] * made["_rad_q24"] <= 2**29


# What runs lies within what was proved


@cache
def watch(name: str) -> Watch:
    return Watch({**PROOFS, **small_int_coach.PROOFS}[name]())


def times(rng: random.Random) -> Iterator[int]:
    """Of blocks, of which a session may miss a few or hours, from its beginning or near its longest."""
    t_samples = rng.choice([10, 1_000_000_000])
    while True:
        yield t_samples
        t_samples += rng.choice([10] * 999 + [10_000, 30_000, 600_000])


def humps(rng: random.Random, count: int) -> list[int]:
    """Contractions that are alike, and some that are not."""
    found: list[int] = []
    while len(found) < count:
        for top, length in rng.choice([[(900, 60)] * 4, [(900, 60)] * 4, [(4095, 200)], [(60, 100)], [(4095, 1600)]]):
            found += [0] * rng.choice([40, 60]) + [top] * length
        found += [0] * rng.choice([0, 0, 1600])
    return found


@profile(max_examples=12)
@given(st.integers(0, 2**32))
def test_efforts_run_within_their_proof(seed: int) -> None:
    rng = random.Random(seed)
    made = watch("effort").names["Effort"](rng.choice([0, 1000]))
    shown = [*[0] * 60, *([900] * 60 + [0] * 60) * 4, *humps(rng, 1500), *levels(rng, 4095), *humps(rng, 500)]
    t_samples = 0
    for level, t_samples in zip(shown, times(rng), strict=False):
        made.step(level, level, t_samples)
    made.close(t_samples + rng.choice([10, 10_000_000]))
    assert watch("effort").unseen_lemmas() == set()  # there is a set of four in each


def reading(rng: random.Random) -> list[int]:
    """Counts of a sensor at either end, still, or anything between."""
    return rng.choice(
        [[32767] * 6, [-32768] * 6, [4096, 0, 0, 0, 0, 0], [rng.randrange(-32768, 32768) for _ in range(6)]]
    )


def swings(dps: int, blocks: int) -> list[list[int]]:
    """A limb that is still, then turns to and fro four times."""
    still, turn = [4096, 0, 0, 0, 0, 0], [4096, 0, 0, 16 * dps, 0, 0]
    back = [4096, 0, 0, -16 * dps, 0, 0]
    return [still] * 70 + ([turn] * blocks + [back] * blocks) * 4


def move(motion: Any, cycle: Any, readings: Iterable[list[int]], rng: random.Random) -> None:
    for counts, t_samples in zip(readings, times(rng), strict=False):
        motion.step(counts)
        cycle.step(t_samples)
        assert motion.drift_deg10 in range(1801)
        if rng.random() < 0.01:
            motion.mark_pose()
    cycle.close()


@profile(max_examples=6)
@given(st.integers(0, 2**32))
def test_movements_run_within_their_proofs(seed: int) -> None:
    rng = random.Random(seed)
    motion = watch("motion").names["Motion"](rng.choice([128, 4096, 16384]), rng.choice([1, 16, 512]))
    readings = swings(rng.choice([30, 200, 2000]), rng.choice([40, 90]))
    for _ in range(20):
        readings += [reading(rng) for _ in range(rng.choice([1, 8]))] * rng.choice([1, 9])
    move(motion, watch("cycle").names["Cycle"](motion), readings, rng)


def test_every_lemma_on_movements_is_watched() -> None:
    motion = watch("motion").names["Motion"](4096, 16)
    cycle = watch("cycle").names["Cycle"](motion)
    move(motion, cycle, swings(60, 60), random.Random(0))
    assert cycle.set_count == 4
    assert watch("motion").unseen_lemmas() | watch("cycle").unseen_lemmas() == set()


def any_angle(*_: object) -> int:
    return small_int_movement.TURNED_DEG[1]


@profile(max_examples=12)
@given(st.integers(0, 2**32))
def test_cycles_of_any_motion_run_within_their_proof(seed: int) -> None:
    """A sensor whose place jumps from one end to the other."""
    rng = random.Random(seed)
    motion = SimpleNamespace(at=0, rate=0, calm_blocks=0, now=[0] * 6, turn_axis=lambda: None, turned_deg=any_angle)
    made = watch("cycle").names["Cycle"](motion)
    for t_samples, _ in zip(times(rng), range(2000), strict=False):
        if rng.random() < 0.1:
            motion.at = rng.choice([-(2**18), 2**18, rng.randrange(-2000, 2000), rng.randrange(-(2**18), 2**18)])
        motion.rate = rng.choice([0, 24573, -24573, rng.randrange(-24573, 24574)])
        motion.calm_blocks = rng.choice([0, 60])
        motion.now[rng.randrange(6)] = rng.choice([-(2**22), 2**22, rng.randrange(-(2**22), 2**22)])
        made.step(t_samples)
    made.close()


def words_of(rng: random.Random, level: int) -> list[int]:
    """A kernel's words for one channel at some level."""
    words = [0] * onset.ALL_WORDS
    words[chain.OUT_ENVELOPE] = words[chain.OUT_FAST] = words[chain.OUT_DISPLAY] = level
    words[chain.OUT_LEVEL_Q3] = rng.choice([level << 7, 2**19])
    words[features.OUT_MOBILITY_Q12] = rng.choice([0, 2**14 + 15, rng.randrange(2**14)])
    words[chain.OUT_QUALITY] = rng.choice([0] * 30 + [63])
    return words


def run_units(rng: random.Random) -> None:
    """Their begin and end in any order."""
    config, outbox = any_settings(rng), Outbox()
    roles = rng.choice([[1, 2, 4, 5], [5, 3, 2, 1], [1, 5, 5, 2]])
    rests = [rng.choice([0, 20, 1000]) for _ in roles]
    made = watch("balance of 4").names["Balance"](roles, rests, config, outbox)
    tiring = watch("fatigue").names["Fatigue"](config, outbox, 0)
    balances, compare = made.step, watch("pairs of balance").names["Balance"]([1, 5], [0, 0], config, outbox)._compare
    shown = [levels(rng, 4095, 1200) for _ in roles]
    for *four, t_samples in zip(*shown, times(rng), strict=False):
        outbox.clear()
        out = [words_of(rng, level) for level in four]
        balances(out, rng.choice([15, 15, rng.randrange(16)]), t_samples)
        compare(*four[:2])
        tiring.step(out[0], rng.random() < 0.95, t_samples)
        if rng.random() < 0.02:
            for end in rng.choice([(made.end,), (made.begin,), (made.end, made.begin)]):
                end(t_samples)
        what = rng.random()
        if what < 0.01:
            tiring.begin_hold(t_samples)
        elif what < 0.02:
            tiring.end_hold(t_samples)
        elif what < 0.1:
            tiring.end_rep(rng.choice([0, 900, 2000, 10**9]), t_samples)
        elif what < 0.105:
            tiring.end_set(t_samples)
            made.reset()


@profile(max_examples=10)
@given(st.integers(0, 2**32))
def test_units_run_within_their_proofs(seed: int) -> None:
    run_units(random.Random(seed))


def test_every_lemma_on_units_is_watched() -> None:
    for seed in range(4):
        run_units(random.Random(seed))
    assert watch("balance of 4").unseen_lemmas() | watch("fatigue").unseen_lemmas() == set()


def run_coach(
    config: settings.Settings, target: list[int], readings: list[list[int]], rng: random.Random
) -> Counter[int]:
    """Show a session; what was told."""
    for channel in range(4):
        config.put(f"ch{channel}_reference_kind", "mvc")
        config.put(f"ch{channel}_role", rng.choice(["none", "helper", "stabiliser", "antagonist"]))
    config.put("target_channel", 0)
    made = watch("team of 4").names["Coach"](config, load_facts())
    told = Counter[int]()
    t_samples = 0
    for level, counts, t_samples in zip(target, readings, times(rng), strict=False):
        others = [rng.choice([level, level >> 2, 4095]) for _ in range(3)]
        out = [words_of(rng, one) for one in (level, *others)]
        made.step(out, array("h", counts) if counts else None, t_samples, rng.random() < 0.01)
        told.update(made.outbox.kinds[: made.outbox.count])
        if rng.random() < 0.01:
            made.hear_cue(event.CUE_ENGAGE, t_samples)
    made.close(t_samples + rng.choice([10, 10_000_000]))
    told.update(made.outbox.kinds[: made.outbox.count])
    return told


@profile(max_examples=10)
@given(st.integers(0, 2**32))
def test_coaches_run_within_their_proof(seed: int) -> None:
    """The questions are their own; each has its proof."""
    rng = random.Random(seed)
    readings = [reading(rng) if rng.random() < 0.9 else [] for _ in range(1200)]
    run_coach(any_settings(rng), humps(rng, 700) + levels(rng, 4095), readings, rng)


def test_every_lemma_on_sets_is_watched() -> None:
    """Repetitions that both witnesses see, a hold, and the pause that ends the set."""
    still = [4096, 0, 0, 0, 0, 0]
    target = [0] * 70 + ([900] * 60 + [0] * 60) * 8 + [0] * 700 + [900] * 800 + [0] * 2300
    rng = random.Random(3)
    told = run_coach(settings.Settings(), target, swings(60, 60) + [still] * 4000, rng)
    assert told[event.EVENT_REP] >= 3 and told[event.EVENT_HOLD_END] >= 1 and told[event.EVENT_SET] >= 1
    assert watch("team of 4").unseen_lemmas() == set()


def test_the_longest_unit_runs_within_its_proof() -> None:
    """Full scale for longer than is looked at; then every sum is at its end."""
    made = watch("balance of 2").names["Balance"]([1, 4], [0, 0], settings.Settings(), Outbox())
    words = [0] * onset.ALL_WORDS
    words[chain.OUT_ENVELOPE] = 4095
    made.begin(0)
    for t_samples in range(20, 20 * 30_002, 20):
        made.step([words, words], 3, t_samples)
    assert made._rows[0][:2].tolist() == [30_000, 30_000 * 4095]
    made.end(600_040)
    longest = watch("fatigue").names["Fatigue"](settings.Settings(), Outbox(), 0)
    words[chain.OUT_LEVEL_Q3], words[features.OUT_MOBILITY_Q12] = 2**19, 2**14 + 15
    for t_samples in range(10, 11_000, 10):
        longest.step(words, True, t_samples)
    assert longest._levels == 1000 * 2**19 and longest._swings == 524_800_000
    longest.end_rep(11_000, 11_000)
    assert longest.amplitude == 2**19
