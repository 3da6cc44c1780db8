"""Fatigue against formulas in floating point, by hand, on synthetic EMG with known truth, and at its extremes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import chain, event, features, onset
from mmc_core.coach.fatigue import Fatigue
from mmc_core.coach.outbox import Outbox
from mmc_core.kernel import Kernel
from mmc_host.body import bodyfile, muscle
from mmc_host.replay import replay

TIRING, ADVICE, DIG_IN = event.EVENT_TIRING, event.EVENT_ADVICE, event.EVENT_DIG_IN
Told = tuple[int, int, int, int, int]  # kind, reason, value, threshold, time


def words(level: int = 1600, hz: float = 80.0, display: int = 500, fast: int = 500, quality: int = 0) -> list[int]:
    """A block of the kernel: level in counts/8, a sine's mobility, two envelopes in permille."""
    found = [0] * onset.ALL_WORDS
    found[chain.OUT_LEVEL_Q3] = level
    found[features.OUT_MOBILITY_Q12] = round(4096 * (2 * math.sin(math.pi * hz / 1000)) ** 2)
    found[chain.OUT_DISPLAY], found[chain.OUT_FAST], found[chain.OUT_QUALITY] = display, fast, quality
    return found


class Rig:
    """One channel's fatigue with its outbox and a clock."""

    def __init__(self) -> None:
        self.box = Outbox()
        self.fatigue = Fatigue({}, self.box, 2)
        self.t = 0

    def take(self, block: Sequence[int], count: int = 1, is_active: bool = True) -> None:
        for _ in range(count):
            self.t += 10
            self.fatigue.step(block, is_active, self.t)

    def rep(self, duration_ms: int = 2000, **block: Any) -> list[Told]:
        """A repetition of equal blocks, a rest, and what was told."""
        self.take(words(**block), duration_ms // 10)
        self.fatigue.end_rep(duration_ms, self.t)
        self.take(words(level=30, hz=200), 50, is_active=False)
        return self.told()

    def reps(self, rows: Iterable[dict[str, Any]]) -> list[Told]:
        return [told for row in rows for told in self.rep(**row)]

    def end_set(self) -> list[Told]:
        self.fatigue.end_set(self.t)
        return self.told()

    def told(self) -> list[Told]:
        box = self.box
        columns = (box.kinds, box.reasons, box.values, box.thresholds, box.times)
        found = list(zip(*(column[: box.count] for column in columns), strict=True))
        assert all(box.channels[i] == 2 for i in range(box.count)) and not box.dropped
        box.clear()
        return found


def kinds(told: Iterable[Told]) -> list[tuple[int, int]]:
    return [(kind, reason) for kind, reason, *_ in told]


FIRST = [{}, {}, {}]


# Formulas


def test_amplitude_is_the_mean_level_and_spectrum_the_weighted_mean_of_the_squared_mobility() -> None:
    """A second time in floating point, over blocks that all differ."""
    rng = np.random.default_rng(3)
    rig = Rig()
    levels, hz = rng.integers(40, 40_000, 300), rng.uniform(30, 200, 300)
    blocks = [words(level=int(a), hz=float(b)) for a, b in zip(levels, hz, strict=True)]
    for block in blocks:
        rig.take(block)
    rig.fatigue.end_rep(3000, rig.t)
    mobility = np.array([block[features.OUT_MOBILITY_Q12] for block in blocks]) / 4096
    assert rig.fatigue.amplitude == int(levels.sum()) // 300
    assert rig.fatigue.spectrum / 16384 == pytest.approx(np.average(mobility, weights=levels), rel=1e-3)


@given(
    st.lists(st.tuples(st.integers(4000, 400_000), st.floats(65, 100)), min_size=4, max_size=12),
    st.sampled_from([20, 77, 250]),
)
@profile(max_examples=60)
def test_changes_and_index_are_those_of_floating_point(units: list[tuple[int, float]], blocks: int) -> None:
    rig = Rig()
    for level, hz in units:
        rig.rep(10 * blocks, level=level, hz=hz)
    mobility = [4 * math.sin(math.pi * hz / 1000) ** 2 for _, hz in units]
    level_0, mobility_0 = sum(level for level, _ in units[:3]) / 3, sum(mobility[:3]) / 3
    rise = fall = 0.0
    for (level, _), squared in list(zip(units, mobility, strict=True))[3:]:
        rise = (rise + min(3000, 1000 * level / level_0 - 1000)) / 2
        fall = (fall + 1000 - 1000 * math.sqrt(min(4, squared / mobility_0))) / 2
    index = fall + max(0, min(rise, fall))
    # What rounding costs, and two steps of Newton's instead of a root: at most 7 permille here.
    assert rig.fatigue.amplitude_permille == pytest.approx(rise, abs=4)
    assert rig.fatigue.spectrum_permille == pytest.approx(-fall, abs=12)
    assert rig.fatigue.index_permille == pytest.approx(index, abs=24)


@pytest.mark.parametrize(
    ("level", "hz", "quadrant", "index"),
    [
        (2000, 100, event.REASON_FORCE_UP, -245),
        (2000, 64, event.REASON_FATIGUE, 400),  # 200 of the spectrum, 200 of the amplitude's 250
        (1700, 64, event.REASON_FATIGUE, 260),  # 62 of the amplitude
        (1600, 64, event.REASON_FATIGUE, 200),
        (1200, 64, event.REASON_FORCE_DOWN, 200),
        (1200, 100, event.REASON_RECOVERY, -245),
        (1600, 100, event.REASON_RECOVERY, -245),
        (2000, 80, event.REASON_FORCE_UP, 0),
        (1200, 80, event.REASON_FORCE_DOWN, 0),
        (1650, 78, 0, 55),  # neither change is clear
        (1600, 80, 0, 0),
    ],
)
def test_quadrants(level: int, hz: float, quadrant: int, index: int) -> None:
    rig = Rig()
    rig.reps(FIRST)
    assert rig.fatigue.quadrant == rig.fatigue.index_permille == 0
    told = rig.reps([{"level": level, "hz": hz}] * 9)
    assert {reason for kind, reason, *_ in told if kind == TIRING} == ({quadrant} if index > 120 else set())
    assert rig.fatigue.quadrant == quadrant
    assert rig.fatigue.index_permille == pytest.approx(index, abs=12)


# What is told


def test_steps_of_the_index_are_told_once_and_recovery_when_it_is_over() -> None:
    rig = Rig()
    assert rig.reps(FIRST) == []
    told = rig.reps([{"level": 2000, "hz": 64}] * 8)
    # 200, 300, 350, ... 400: the lesser of the last two is 200, 300, 350, ...
    tiring = [row for row in told if row[0] == TIRING]
    assert [row[1] for row in tiring] == [event.REASON_FATIGUE] * 3
    assert [row[3] for row in tiring] == [120, 240, 360]
    assert all(row[2] >= row[3] for row in tiring)
    assert rig.reps([{}, {"level": 2000, "hz": 64}, {"level": 2000, "hz": 64}]) == []  # once is nothing
    back = rig.reps([{}] * 8)
    assert rig.fatigue.quadrant == 0
    assert kinds(back) == [(TIRING, event.REASON_RECOVERY)] * 2
    assert [row[3] for row in back] == [240, 0] or back[0][2] < back[0][3]
    assert all(row[2] < row[3] for row in back)


def test_a_single_repetition_tells_nothing() -> None:
    rig = Rig()
    rig.reps(FIRST)
    assert rig.reps([{"level": 2000, "hz": 64}, {}, {}, {}]) == []
    assert rig.reps([{"duration_ms": 3500}, {}, {}, {}, {"duration_ms": 400}, {}, {}]) == []


def test_stop_is_told_once_and_going_on_is_answered_at_the_end() -> None:
    rig = Rig()
    rig.reps(FIRST)
    hard = {"level": 2800, "hz": 56}
    told = rig.reps([hard] * 4)
    assert kinds(told).count((ADVICE, event.REASON_STOP)) == 1
    assert next(row for row in told if row[1] == event.REASON_STOP)[3] == 400
    assert (ADVICE, event.REASON_STOP) not in kinds(rig.reps([hard] * 4))
    assert kinds(rig.end_set()) == [(ADVICE, event.REASON_FEWER_REPS)]
    assert rig.reps([hard] * 3) == []  # the next set has a reference of its own

    rig.fatigue.reset()
    rig.reps(FIRST)
    assert kinds(rig.reps([hard] * 3))[-1] == (ADVICE, event.REASON_STOP)
    rig.rep(**hard)
    assert rig.end_set() == []  # one more is no reason


def test_slowing_is_told_again_only_after_it_was_over() -> None:
    rig = Rig()
    rig.reps(FIRST)
    assert rig.rep(duration_ms=3400) == []  # 700, half of it
    ((kind, reason, value, threshold, at),) = rig.rep(duration_ms=3400)
    assert (kind, reason, value, threshold) == (TIRING, event.REASON_SLOWING, 350, 300)
    assert at == rig.t - 500
    assert rig.reps([{"duration_ms": 3400}] * 3) == []
    assert rig.reps([{}] * 4) == []
    assert kinds(rig.reps([{"duration_ms": 3400}] * 2)) == [(TIRING, event.REASON_SLOWING)]


def test_rushing_is_answered_with_slower_once_in_a_set() -> None:
    rig = Rig()
    rig.reps(FIRST)
    told = rig.reps([{"duration_ms": 1000}] * 6)
    assert kinds(told) == [(ADVICE, event.REASON_SLOWER)] and told[0][2] <= told[0][3] == -300


def test_less_load_needs_form_and_index_and_is_for_the_first_units() -> None:
    both = {"duration_ms": 3400, "level": 2000, "hz": 64}
    assert (ADVICE, event.REASON_LESS_LOAD) in kinds(Rig().reps([*FIRST, *[both] * 4]))
    told = kinds(Rig().reps([*FIRST, *[{}] * 8, *[both] * 4]))
    assert (ADVICE, event.REASON_LESS_LOAD) not in told and (TIRING, event.REASON_SLOWING) in told


def test_no_verdict_without_enough_units() -> None:
    """Three are the reference, whatever they are; the fourth alone tells nothing; a twitch is no repetition."""
    rig = Rig()
    assert rig.reps([{}, {"level": 3000, "hz": 50}, {"level": 9000, "hz": 30, "duration_ms": 4000}]) == []
    assert rig.fatigue.index_permille == rig.fatigue.quadrant == 0
    assert rig.rep(level=20_000, hz=20, duration_ms=9000) == []
    assert rig.fatigue.units == 4
    rig.rep(duration_ms=190)
    assert rig.fatigue.units == 4 and rig.end_set() == []


def test_dig_in_is_the_last_peak_above_median_and_habit() -> None:
    rig = Rig()
    rig.reps([{"display": d} for d in (500, 520, 480, 500, 505)])
    rig.take(words(display=640), 100)
    rig.rep(display=300)  # still the same repetition
    ((kind, reason, value, threshold, _),) = rig.end_set()
    assert (kind, reason, value, threshold) == (DIG_IN, event.REASON_ABOVE, 640, 625)  # the median, times 1.25
    rig.reps([{"display": d} for d in (500, 520, 480, 500, 505)])
    rig.rep(display=620)
    assert rig.end_set() == []
    assert rig.reps([{"display": 500}] * 2 + [{"display": 900}]) == [] == rig.end_set()  # three are too few
    rig.reps([{"display": 500}] * 3 + [{"display": 900}])
    assert kinds(rig.end_set()) == [(DIG_IN, event.REASON_ABOVE)]
    # Peaks that have grown all along: the last is 1.4 times the median, but not above what was usual.
    rig.reps([{"display": 400 + 40 * i} for i in range(12)])
    assert rig.end_set() == []
    for peaks in ([900, *[500] * 5], [0] * 6):
        assert rig.reps([{"display": peak} for peak in peaks]) == [] == rig.end_set()


def test_the_median_of_many_peaks_is_that_of_the_first_thirty_two() -> None:
    rng = np.random.default_rng(8)
    peaks = rng.integers(400, 800, 41)
    rig = Rig()
    for peak in peaks:
        rig.rep(duration_ms=300, display=int(peak))
    rig.box.clear()
    rig.rep(duration_ms=300, display=2000)
    (told,) = rig.end_set()
    usual = 0
    for peak in peaks:
        usual = (usual + int(peak)) // 2
    assert told[3] == max(sorted(peaks[:32])[16], usual) * 1250 // 1000


def test_a_set_forgets_the_one_before() -> None:
    used, fresh = Rig(), Rig()
    used.reps([*FIRST, *[{"level": 2500, "hz": 60, "duration_ms": 3300, "display": 900}] * 5])
    used.end_set()
    hidden = ("_outbox", "_peaks")
    assert {k: v for k, v in vars(used.fatigue).items() if k not in hidden} == {
        k: v for k, v in vars(fresh.fatigue).items() if k not in hidden
    }


# Holds and marks


def test_a_second_of_a_hold_is_a_unit() -> None:
    rig = Rig()
    rig.fatigue.begin_hold(rig.t)
    rig.take(words(), 399)
    assert rig.fatigue.units == 3
    rig.take(words())
    assert rig.fatigue.units == 4
    rig.take(words(), 99)
    rig.fatigue.end_hold(rig.t)
    rig.fatigue.begin_hold(rig.t)
    rig.take(words(), 99)
    assert rig.fatigue.units == 4  # what did not fill a second is left out


def test_holds_and_repetitions_are_not_compared() -> None:
    """One that follows the other begins a set; the first repetition behind a hold only ends the holds'."""
    rig = Rig()
    for _ in range(3):
        rig.fatigue.begin_hold(rig.t)
        rig.take(words(), 500)
        rig.fatigue.end_hold(rig.t)
        assert rig.fatigue.units == 5
        assert rig.reps([{}] * 6) == [] and rig.fatigue.units == 5


def test_a_hold_that_tires() -> None:
    """Its frequency falls by 36 %, and its amplitude rises by more; the changes follow two units behind."""
    rig = Rig()
    rig.fatigue.begin_hold(rig.t)
    told: list[Told] = []
    for second in range(30):
        rig.take(words(level=1600 + 30 * second, hz=80 - second), 100)
        told += rig.told()
    assert [row[3] for row in told if row[:2] == (TIRING, event.REASON_FATIGUE)] == [120, 240, 360, 480, 600]
    assert kinds(told).count((ADVICE, event.REASON_STOP)) == 1
    rig.fatigue.end_hold(rig.t)
    assert rig.end_set() == []


def test_tremor_of_a_hold() -> None:
    """A level that swings 6 times a second, from the tenth second on, by 40 % of itself; noise is there all along."""
    rng = np.random.default_rng(4)
    rig = Rig()
    rig.fatigue.begin_hold(rig.t)
    told: list[Told] = []
    for block in range(2000):
        swing = 0.4 * math.sin(2 * math.pi * 6 * block / 100) if block >= 1000 else 0
        rig.take(words(fast=max(0, round(500 * (1 + swing) * (1 + 0.33 * rng.standard_normal())))))
        told += rig.told()
    assert kinds(told) == [(TIRING, event.REASON_TREMOR)]
    assert told[0][2] >= told[0][3] == 400 and 11_000 <= told[0][4] <= 15_000


def test_a_hold_that_becomes_steady_is_not_rushed() -> None:
    rig = Rig()
    rig.fatigue.begin_hold(rig.t)
    for block in range(900):
        rig.take(words(fast=500 + (300 if block // 8 % 2 and block < 300 else 0)))
    assert rig.fatigue.form_permille < -300 and rig.told() == []


@pytest.mark.parametrize("mark", [1, 2, 8, 16, 32])
def test_nothing_is_told_of_blocks_that_are_marked_bad(mark: int) -> None:
    wild = words(level=2**19 - 1, hz=5, display=4095, fast=4095, quality=mark)
    rig, clean = Rig(), Rig()
    for unit in range(12):
        for each in (rig, clean):
            each.take(words(level=1600 + unit, hz=80 - unit / 4), 100)
        rig.take(wild, 150)
        for each in (rig, clean):
            each.fatigue.end_rep(2000, each.t)
        assert rig.told() == clean.told() == []
    assert rig.fatigue.amplitude_permille == clean.fatigue.amplitude_permille
    assert rig.fatigue.index_permille == clean.fatigue.index_permille and rig.end_set() == []
    # A repetition of bad blocks alone is none.
    rig.take(wild, 300)
    rig.fatigue.end_rep(3000, rig.t)
    assert rig.fatigue.units == 0
    rig.fatigue.begin_hold(rig.t)
    rig.take(wild, 500)
    rig.take(words(), 99)
    assert rig.fatigue.units == 0
    clean.rep(quality=4)  # mains is scored
    assert clean.fatigue.units == 13


# Integers


class Small(int):
    """An integer of the device: whatever is computed with it has to stay inside 31 bits."""

    largest = 0


def _checked(name: str) -> Any:
    plain = getattr(int, name)

    def operate(self: int, *others: int) -> Any:
        result = plain(self, *others)
        if result is NotImplemented:
            return result
        assert -(2**30) <= result < 2**30, f"{int(self)}.{name}{others}"
        Small.largest = max(Small.largest, abs(result))
        return Small(result)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "lshift", "rshift", "and", "or"):
    for _side in ("", "r"):
        setattr(Small, f"__{_side}{_name}__", _checked(f"__{_side}{_name}__"))
for _name in ("neg", "abs", "invert"):
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))

EXTREMES = {
    chain.OUT_LEVEL_Q3: (0, 1, 2, 3, 7, 8, 40, 5000, 2**19 - 1, 2**19),
    features.OUT_MOBILITY_Q12: (0, 1, 2, 1000, 16383, 16384),
    chain.OUT_DISPLAY: (0, 1, 4095),
    chain.OUT_FAST: (0, 1, 4095),
}
extreme_blocks = st.fixed_dictionaries({word: st.sampled_from(values) for word, values in EXTREMES.items()})
any_run = st.tuples(extreme_blocks, st.sampled_from([1, 20, 100, 1100]), st.integers(0, 3))


def small(values: dict[int, int]) -> list[int]:
    return [Small(values.get(word, 0)) for word in range(onset.ALL_WORDS)]


def make_small(rig: Rig) -> Rig:
    """Every integer that the object remembers is a checked one."""
    for name, value in vars(rig.fatigue).items():
        if type(value) is int:
            setattr(rig.fatigue, name, Small(value))
    return rig


@profile(max_examples=80)
@given(st.lists(any_run, min_size=1, max_size=30), st.sampled_from([0, 1, 200, 59_999, 60_000, 2**29]))
def test_no_integer_leaves_31_bits(runs: list[tuple[dict[int, int], int, int]], duration_ms: int) -> None:
    rig = make_small(Rig())
    for values, count, action in runs:
        block = small(values)
        for _ in range(count):
            rig.t += 10
            rig.fatigue.step(block, True, Small(rig.t))
        if action == 0:
            rig.fatigue.end_rep(Small(duration_ms), Small(rig.t))
        elif action == 1:
            rig.fatigue.begin_hold(Small(rig.t))
        elif action == 2:
            rig.fatigue.end_hold(Small(rig.t))
        else:
            rig.fatigue.end_set(Small(rig.t))
            make_small(rig)
        rig.box.clear()


def test_the_greatest_sums_come_near_their_bound_and_the_check_can_fail() -> None:
    rig = make_small(Rig())
    Small.largest = 0
    block = small({word: values[-1] for word, values in EXTREMES.items()})
    for _ in range(8):
        for _ in range(2200):
            rig.fatigue.step(block, True, Small(0))
        rig.fatigue.end_rep(Small(2**29), Small(0))
    assert 2**28 < Small.largest < 2**30
    with pytest.raises(AssertionError):
        _ = Small(2**29) * 2


# Synthetic muscles

REST, LEVEL = 0.01, 0.5
SEEDS = range(8)


def kernel_words(activation: np.ndarray, seed: int, snr_db: float, **muscle_facts: float) -> list[list[int]]:
    """What the kernel makes of a muscle's EMG behind mains and noise; SNR against the EMG at LEVEL."""
    mvc_uv = 400.0
    one = muscle.Muscle("biceps brachii", mvc_uv, **{"median_hz": 90.0, **muscle_facts})
    noise = mvc_uv * LEVEL / muscle.RECTIFIED_PER_RMS / 10 ** (snr_db / 20)
    around = muscle.Surroundings(noise_uv=noise)
    emg = muscle.surface_emg_uv(activation[:, None], [one], around, np.random.default_rng(seed))
    counts = np.ascontiguousarray(bodyfile.emg_counts(emg)[0].reshape(len(emg), -1)[:, :1])
    kernel = Kernel(1, 0, bodyfile.RAIL_COUNTS, 50, nv_per_count=bodyfile.NV_PER_COUNT)
    kernel.set_reference(0, round(mvc_uv * 8000 / bodyfile.NV_PER_COUNT), 0)
    return replay(kernel, counts).words[:, 0].astype(int).tolist()


def play_set(levels: Sequence[float], seed: int, snr_db: float = 15, **facts: float) -> tuple[Rig, list[Told]]:
    """Repetitions of 2.5 s, each as hard as it says, with a second of rest between them."""
    bump = np.sin(np.linspace(0, np.pi, 2500)) ** 0.7
    rest = np.full(1000, REST)
    activation = np.concatenate([rest, *(np.r_[np.maximum(REST, level * bump), rest] for level in levels)])
    rows = kernel_words(activation, seed, snr_db, **facts)
    rig, told = Rig(), list[Told]()
    for number in range(len(levels)):
        for block in range(100 + 350 * number, 350 + 350 * number):
            rig.t = 10 * block + 10
            rig.fatigue.step(rows[block], True, rig.t)
        rig.fatigue.end_rep(2500, rig.t)
        told += rig.told()
    return rig, told


TIRES = {"endurance_s": 6.0}
RESTED = {"fatigue_level": 9.0}


def test_sets_to_exhaustion_are_told_and_rested_ones_are_not() -> None:
    for snr_db in (6, 20):
        tired = [play_set([LEVEL] * 10, seed, snr_db, **TIRES) for seed in SEEDS]
        rested = [play_set([LEVEL] * 10, seed, snr_db, **RESTED) for seed in SEEDS]
        assert sum((TIRING, event.REASON_FATIGUE) in kinds(told) for _, told in tired) >= 7, snr_db
        assert sum(told != [] for _, told in rested) <= 1, snr_db
        indices = [[rig.fatigue.index_permille for rig, _ in sets] for sets in (tired, rested)]
        assert min(indices[0]) > max(indices[1])


def test_more_and_less_force_are_no_fatigue() -> None:
    for first, then, quadrant in ((0.35, 0.6, event.REASON_FORCE_UP), (0.6, 0.35, event.REASON_FORCE_DOWN)):
        levels = [first] * 3 + [then] * 7
        found = [play_set(levels, seed, 20, **RESTED) for seed in SEEDS]
        assert sum(rig.fatigue.quadrant == quadrant for rig, _ in found) >= 7
        assert sum(told != [] for _, told in found) <= 1
