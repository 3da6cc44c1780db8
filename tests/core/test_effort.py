"""Repetitions from effort: envelopes and synthetic muscles whose truth is known, and whatever else may come in."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmc_core import chain
from mmc_core.coach.effort import DROPPED, ENDED, STARTED, TURNED, Effort
from mmc_core.kernel import Kernel
from mmc_host.body import bodyfile
from mmc_host.body.muscle import RECTIFIED_PER_RMS, rest_noise_uv, shaped_noise
from mmc_host.replay import replay

MVC_UV = 300.0
SMALL = 2**30  # MicroPython's small integers end here


class Rep(NamedTuple):
    start_s: float
    turn_s: float
    end_s: float
    peak: int
    rest: int


class Told(NamedTuple):
    phases: list[tuple[int, int]]  # block, phase
    reps: list[Rep]
    confirmed: list[tuple[int, int]]  # block, how many
    held: list[bool]  # per block
    held_at_end: list[bool]  # per repetition


def rep_of(detector: Effort) -> Rep:
    start_s, turn_s, end_s = (t / 1000 for t in (detector.rep_start_t, detector.rep_turn_t, detector.rep_end_t))
    return Rep(start_s, turn_s, end_s, detector.rep_peak_permille, detector.rep_rest_permille)


def show(detector: Effort, levels: list[int], first: int = 0) -> Told:
    """Show permille, a block each, as both envelopes."""
    told = Told([], [], [], [], [])
    for n, level in enumerate(levels, first):
        detector.step(level, level, 10 * (n + 1))
        if detector.rep:
            told.phases.append((n, detector.rep))
        if detector.rep == ENDED:
            told.reps.append(rep_of(detector))
            told.held_at_end.append(detector.in_hold)
        if detector.confirmed:
            told.confirmed.append((n, detector.confirmed))
        told.held.append(detector.in_hold)
    return told


def hump(seconds: float, peak: float, rest: float = 20) -> list[int]:
    n = round(100 * seconds)
    return [round(rest + (peak - rest) * math.sin(math.pi * (i + 0.5) / n) ** 2) for i in range(n)]


def flat(seconds: float, level: int = 20) -> list[int]:
    return [level] * round(100 * seconds)


def a_set(seconds: float, peaks: list[float], pause_s: float = 1.0) -> list[int]:
    levels = flat(1)
    for peak in peaks:
        levels += hump(seconds, peak) + flat(pause_s)
    return levels


@pytest.mark.parametrize("seconds", [0.8, 1.5, 3, 6])
@pytest.mark.parametrize("peak", [250, 600, 1500, 4095])
def test_slow_and_fast_light_and_heavy(seconds: float, peak: int) -> None:
    told = show(Effort(), a_set(seconds, [peak] * 5))
    assert [phase for _, phase in told.phases] == [STARTED, TURNED, ENDED] * 5
    assert [count for _, count in told.confirmed] == [3, 1, 1]
    for number, rep in enumerate(told.reps):
        begin = 1 + number * (seconds + 1)
        # Shares of the way up and down that the text names, less delays that an envelope of the level itself lacks.
        assert begin - 0.05 <= rep.start_s <= begin + 0.3 * seconds
        assert abs(rep.turn_s - (begin + seconds / 2)) <= 0.09
        assert begin + 0.55 * seconds - 0.1 <= rep.end_s <= begin + seconds + 0.05
        assert 0.75 * peak <= rep.peak <= peak and 0 <= rep.rest <= 30


def test_three_alike_confirm_each_other_when_the_third_ends() -> None:
    told = show(Effort(), a_set(2, [500, 700, 600, 650]))
    ends = [block for block, phase in told.phases if phase == ENDED]
    assert told.confirmed == [(ends[2], 3), (ends[3], 1)]


def test_two_confirm_nothing() -> None:
    detector = Effort()
    told = show(detector, a_set(2, [500, 600]) + flat(60))
    assert len(told.reps) == 2 and told.confirmed == [] and detector.set_count == 0


def test_a_set_ends_with_a_long_pause() -> None:
    detector = Effort()
    show(detector, a_set(2, [500] * 4))
    assert detector.set_count == 4
    told = show(detector, flat(20) + a_set(2, [500] * 3), 10_000)
    assert [count for _, count in told.confirmed] == [3]
    assert detector.set_count == 3


def test_twitches_between_repetitions_neither_count_nor_end_the_series() -> None:
    levels = flat(1)
    for _ in range(4):
        levels += hump(2, 900) + flat(1) + hump(0.5, 260) + flat(1)
    told = show(Effort(), levels)
    assert [count for _, count in told.confirmed] == [3, 1]


def test_an_artefact_does_not_make_it_deaf() -> None:
    """Far higher than the others: no repetition of the set, which goes on after it."""
    detector = Effort()
    told = show(detector, a_set(2, [400] * 3) + hump(1, 4095) + flat(1) + a_set(2, [400] * 3))
    assert sum(count for _, count in told.confirmed) == detector.set_count == 6


def test_a_dip_within_a_repetition_is_one() -> None:
    """Two humps with 45 % of the top between them; with rest between them they are two."""
    hump_s = [max(a, b) for a, b in zip(hump(1.2, 800) + flat(0.8), flat(0.8) + hump(1.2, 800), strict=True)]
    dip = [max(level, 360) if 40 <= i < 160 else level for i, level in enumerate(hump_s)]
    assert len(show(Effort(), flat(1) + dip + flat(1)).reps) == 1
    assert len(show(Effort(), flat(1) + hump(1.2, 800) + flat(0.4) + hump(1.2, 800) + flat(1)).reps) == 2


def test_a_hold_is_told_and_a_long_one_is_no_repetition() -> None:
    detector = Effort()
    told = show(detector, flat(1) + flat(40, 700) + flat(3))
    assert [phase for _, phase in told.phases] == [STARTED, DROPPED] and told.reps == []
    first, last = told.held.index(True), len(told.held) - told.held[::-1].index(True)
    assert 100 + 480 <= first <= 100 + 520  # five seconds after it began
    assert 4100 <= last <= 4100 + 60  # until it is over
    assert told.phases[-1][0] == last - 1  # and only then it is dropped
    assert all(told.held[first:last])


def test_a_repetition_held_at_its_end_says_so() -> None:
    told = show(Effort(), flat(1) + (hump(2, 700)[:100] + flat(8, 700) + hump(2, 700)[100:] + flat(2)) * 3)
    assert told.held_at_end == [True] * 3
    assert [count for _, count in told.confirmed] == [3]
    assert show(Effort(), a_set(4, [700] * 3)).held_at_end == [False] * 3


def test_what_is_held_for_ever_becomes_rest() -> None:
    """A channel whose rest is as high as a contraction costs half a minute, then repetitions on top of it count."""
    levels = flat(15, 250) + a_set(2, [900] * 2) + flat(40, 250)
    detector = Effort()
    show(detector, levels)
    told = show(detector, [max(250, level) for level in a_set(2, [900] * 4)], len(levels))
    assert sum(count for _, count in told.confirmed) == 4


def test_rest_that_is_known_costs_nothing() -> None:
    levels = [max(250, level) for level in a_set(2, [900] * 4)]
    assert [count for _, count in show(Effort(250), levels).confirmed] == [3, 1]
    assert show(Effort(250), flat(60, 250)).phases == []


def test_what_a_bad_stretch_hides_does_not_make_it_longer() -> None:
    """Spikes: 40 ms of each are seen before the mark, and 300 ms behind them a level that dies away."""
    detector = Effort()
    told = show(detector, flat(1))
    first = 100
    for _ in range(4):
        for levels in (flat(0.04, 700), flat(2)):
            seen = show(detector, levels, first)
            told.phases.extend(seen.phases)
            told.reps.extend(seen.reps)
            first += len(levels) + 30  # not shown
    assert [phase for _, phase in told.phases] == [STARTED, TURNED, DROPPED] * 4 and told.reps == []


def test_too_short_a_contraction_is_dropped() -> None:
    told = show(Effort(), flat(1) + flat(0.06, 700) + flat(2))
    assert [phase for _, phase in told.phases] == [STARTED, TURNED, DROPPED]


def test_the_session_ends_within_a_repetition() -> None:
    """It counts where its neighbours vouch for it, and a lone contraction does not."""
    for before, counts in ((0, 0), (1, 0), (2, 3), (3, 1)):
        detector, levels = Effort(), a_set(2, [600] * before) + hump(2, 600)[:120]
        show(detector, levels)
        detector.close(10 * len(levels))
        assert detector.confirmed == counts, before
        assert (detector.rep == ENDED) == (counts > 0)


def test_what_nobody_saw_end_is_no_repetition() -> None:
    """The electrode came off within a contraction, and hours later the session ended: that is no length of one."""
    detector, levels = Effort(), a_set(2, [600] * 2) + hump(2, 600)[:120]
    show(detector, levels)
    detector.close(10 * len(levels) + 3_600_000)
    assert (detector.rep, detector.confirmed, detector.set_count) == (DROPPED, 0, 0)


def test_reset_forgets() -> None:
    detector = Effort()
    fresh = vars(Effort())
    show(detector, a_set(2, [600] * 3) + hump(2, 600)[:120])
    detector.reset()
    assert vars(detector) == fresh


# Synthetic muscles.


class Session(NamedTuple):
    blocks: list[tuple[int, int]]  # envelope, display
    truth: list[tuple[float, float]]  # begin and end of each repetition, seconds
    rest_permille: int


def permille(activation: NDArray[np.float64], rest_uv: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Both envelopes of a muscle as the device computes them."""
    emg = shaped_noise(len(activation), 90.0, rng) * activation * (MVC_UV / RECTIFIED_PER_RMS)
    counts, _ = bodyfile.emg_counts((emg + rest_noise_uv(len(activation), rest_uv, rng))[:, None])
    kernel = Kernel(1, 0, bodyfile.RAIL_COUNTS, 50, nv_per_count=bodyfile.NV_PER_COUNT)
    kernel.set_reference(0, round(MVC_UV * 8000 / bodyfile.NV_PER_COUNT), 0)
    words = replay(kernel, counts).words[:, 0]
    return words[:, [chain.OUT_ENVELOPE, chain.OUT_DISPLAY]].tolist()


def bell(seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.sin(np.linspace(0, np.pi, round(1000 * seconds))) ** rng.uniform(0.7, 1.6)


def make_session(seed: int, snr_db: float, shortest_s: float, longest_s: float) -> Session:
    """Six repetitions of 35 to 90 % MVC, every third with two humps; rest is snr_db below their peak."""
    rng = np.random.default_rng(seed)
    pace = math.exp(rng.uniform(math.log(shortest_s), math.log(longest_s)))
    strength = rng.uniform(0.35, 0.9)
    parts, truth, at = [np.zeros(round(1000 * rng.uniform(1.5, 3)))], [], 0.0
    for _ in range(6):
        at = sum(map(len, parts)) / 1000
        seconds = float(np.clip(pace * rng.uniform(0.75, 1.3), shortest_s, longest_s))
        one = strength * rng.uniform(0.75, 1.25) * bell(seconds, rng)
        if rng.random() < 1 / 3:
            one *= 1 - rng.uniform(0.3, 0.5) * np.exp(-(np.linspace(-6, 6, len(one)) ** 2))
        parts += [one, np.zeros(round(1000 * rng.uniform(0.5, 2)))]
        truth.append((at, at + len(one) / 1000))
    rest_uv = strength * MVC_UV / 10 ** (snr_db / 20)
    blocks = permille(np.concatenate([*parts, np.zeros(1500)]), rest_uv, rng)
    return Session(blocks, truth, round(1000 * rest_uv / MVC_UV))


class Score(NamedTuple):
    precision: float
    recall: float
    confirmed: float  # share of the true ones
    start_ms: float  # medians of the errors, without sign
    turn_ms: float


@cache
def score(snr_db: float, shortest_s: float = 0.8, longest_s: float = 6, knows_rest: bool = True) -> Score:
    """Of 34 sessions, 204 repetitions; one is found if what was told has its turn within it."""
    found = told = true = confirmed = 0
    starts: list[float] = []
    turns: list[float] = []
    for seed in range(34):
        session = make_session(seed, snr_db, shortest_s, longest_s)
        detector = Effort(session.rest_permille if knows_rest else 0)
        reps: list[Rep] = []
        for n, (envelope, display) in enumerate(session.blocks):
            detector.step(envelope, display, 10 * (n + 1))
            confirmed += detector.confirmed
            if detector.rep == ENDED:
                reps.append(rep_of(detector))
        for begin, end in session.truth:
            inside = [rep for rep in reps if begin <= rep.turn_s <= end]
            if inside:
                found += 1
                starts.append(1000 * abs(inside[0].start_s - begin))
                turns.append(1000 * abs(inside[0].turn_s - (begin + end) / 2))
        told += len(reps)
        true += len(session.truth)
    assert true >= 200
    return Score(found / told, found / true, confirmed / true, float(np.median(starts)), float(np.median(turns)))


@pytest.mark.parametrize("snr_db", [9, 12, 15, 20, 30])
def test_precision_and_recall(snr_db: float) -> None:
    reached = score(snr_db)
    assert reached.precision >= 0.95 and reached.recall >= 0.95
    assert 0.95 <= reached.confirmed <= 1.02


def test_precision_and_recall_in_strong_noise() -> None:
    reached = score(6)
    assert reached.precision >= 0.95 and reached.recall >= 0.9


def test_precision_and_recall_without_knowing_rest() -> None:
    reached = score(15, knows_rest=False)
    assert reached.precision >= 0.95 and reached.recall >= 0.95


@pytest.mark.parametrize(("shortest_s", "longest_s"), [(0.8, 1.0), (5, 6)])
def test_precision_and_recall_of_fast_and_slow_ones(shortest_s: float, longest_s: float) -> None:
    reached = score(15, shortest_s, longest_s)
    assert reached.precision >= 0.95 and reached.recall >= 0.95 and reached.confirmed >= 0.95


def test_dates() -> None:
    """Starts are dated back to the foot of the rise; a turn wanders on a broad or double top."""
    reached = score(20)
    assert reached.start_ms <= 250 and reached.turn_ms <= 400
    fast = score(15, 0.8, 1.0)
    assert fast.start_ms <= 120 and fast.turn_ms <= 120


@pytest.mark.parametrize(("rest_share", "most"), [(0.01, 0), (0.1, 0), (0.25, 1)])
def test_rest_is_silent(rest_share: float, most: int) -> None:
    """Two minutes of rest, as loud as a quarter of the reference: nothing counts, and next to nothing is looked at."""
    blocks = permille(np.zeros(120_000), rest_share * MVC_UV, np.random.default_rng(7))
    detector, begun = Effort(round(1000 * rest_share)), 0
    for n, (envelope, display) in enumerate(blocks):
        detector.step(envelope, display, 10 * (n + 1))
        begun += detector.rep == STARTED
        assert detector.confirmed == 0
    assert begun <= most


@pytest.mark.parametrize("level", [0.3, 0.5, 1.0])
def test_no_repetition_within_a_hold(level: float) -> None:
    """Twelve holds of 8 to 60 s: none has a repetition in it, whatever the noise of its envelope does."""
    rng = np.random.default_rng(8)
    for seconds in (8, 12, 20, 60) * 3:
        activation = np.concatenate([np.zeros(3000), np.full(1000 * seconds, level), np.zeros(3000)])
        detector = Effort()
        for n, (envelope, display) in enumerate(permille(activation, 3.0, rng)):
            detector.step(envelope, display, 10 * (n + 1))
            within = 350 <= n < 300 + 100 * seconds
            assert detector.rep in ((0, TURNED) if within else (0, STARTED, TURNED, ENDED, DROPPED))
            assert detector.confirmed == 0
            if 300 + 560 <= n < 300 + 100 * seconds:
                assert detector.in_hold


def test_everyday_twitches_confirm_none() -> None:
    """An hour: about ten a minute, 0.15 to 2 s, most of them between 2 and 8 % MVC, one in forty above 16 %."""
    provisional = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        activation, at_s = np.zeros(300_000), rng.exponential(5)
        while at_s < 297:
            one = 0.04 * math.exp(0.7 * rng.standard_normal()) * bell(math.exp(rng.uniform(-1.9, 0.7)), rng)
            activation[round(1000 * at_s) :][: len(one)] += one
            at_s += len(one) / 1000 + 0.3 + rng.exponential(5)
        detector = Effort()
        for n, (envelope, display) in enumerate(permille(activation, 4.0, rng)):
            detector.step(envelope, display, 10 * (n + 1))
            provisional += detector.rep == ENDED
            assert detector.confirmed == 0
    assert provisional > 0  # some of them are strong enough to be looked at


# Whatever comes in.


class Small(int):
    """An integer that refuses to be larger than a small one of MicroPython."""


def _checked(name: str):
    def operate(self: int, *others: int) -> int:
        made = getattr(int, name)(self, *others)
        assert -SMALL <= made < SMALL, (name, self, others)
        return Small(made)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "rshift", "lshift"):
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))
    setattr(Small, f"__r{_name}__", _checked(f"__r{_name}__"))
Small.__neg__ = _checked("__neg__")

STRETCHES = st.lists(
    st.tuples(st.integers(1, 300), st.one_of(st.sampled_from([0, 1, 4095]), st.integers(0, 4095)), st.booleans()),
    min_size=1,
    max_size=40,
)


@profile(max_examples=150)
@given(STRETCHES, st.integers(0, 4095), st.integers(0, 12 * 24 * 3600 * 1000))
def test_any_levels(stretches: list[tuple[int, int, bool]], rest: int, first_t: int) -> None:
    """Phases follow each other as documented, times in order, counts add up, and no integer grows large."""
    detector = Effort(Small(rest))
    t, phase, previous, total, set_count = first_t, 0, 0, 0, 0
    for blocks, level, gap in stretches:
        t += 100_000 if gap else 0  # the motor ran, or the blocks were bad
        for n in range(blocks):
            t += 10
            shown = Small(level if n % 7 else min(4095, level * 2))
            detector.step(shown, Small(level), Small(t))
            phase = detector.rep
            if phase:
                after = {
                    0: {STARTED},
                    STARTED: {TURNED, DROPPED, ENDED},
                    TURNED: {DROPPED, ENDED},
                    ENDED: {STARTED},
                    DROPPED: {STARTED},
                }
                assert phase in after[previous]
                previous = phase
            if phase == ENDED:
                assert detector.rep_start_t <= detector.rep_turn_t + 150 <= detector.rep_end_t + 150 <= t
                assert 0 <= detector.rep_rest_permille < detector.rep_peak_permille <= 4095
            assert detector.confirmed in (0, 1, 3) and (phase == ENDED or not detector.confirmed)
            total += detector.confirmed
            set_count = set_count if detector.set_count else 0
            assert detector.set_count <= total
            assert all(-SMALL <= value < SMALL for value in vars(detector).values())
    assert set_count <= total
