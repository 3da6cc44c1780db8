"""Nothing of the hot path leaves its integers, on any input: 31 bits in bytecode, signed 32 bits in viper code.

A small integer of the device has 31 bits; a result beyond them is an object on the heap, which a block may never cost.
interval_bounds.py reads the modules' own text and small_int_proofs.py says what it is told. The chain of filters has a
proof of its own, in test_kernel.py. Here the proofs are run, shown to fail where they should, and held against the code
as it runs: whatever an expression comes to has to lie within what was proved of it, lemmas included.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import random
from array import array
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from interval_bounds import Interpreter
from interval_values import Ref, Rules, Unknown, apply, fits, watched
from simulated import load_facts
from small_int_proofs import PROOFS, Q3, SUM

from mmc_core import chain, features, kernel, onset, settings
from mmc_core.kernel import Kernel
from mmc_core.pipeline import Pipeline


@pytest.mark.parametrize("name", PROOFS)
def test_no_intermediate_leaves_its_integers_on_any_input(name: str) -> None:
    told, _ = PROOFS[name]().check()
    assert told == []


def test_the_kernels_own_bytecode_computes_nothing() -> None:
    tree = ast.parse(inspect.getsource(kernel))
    process = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "process")
    assert not any(isinstance(node, ast.BinOp) for node in ast.walk(process))


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_what_the_kernel_scales_is_at_most_4095(reference_q3: int, unit_q18: int) -> None:
    """The range of levels that the proofs start from; the rest is rounding down."""
    k = Kernel(1, 0, 16383, 50)
    k.set_reference(0, reference_q3, unit_q18)
    gain, ceiling = k.out[0][chain.GAIN], k.out[0][chain.CEILING]
    assert gain * ceiling < 2**30
    assert gain * ceiling >> 18 <= 4095


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("changed", [{}, {"target_channel": 3, "log_mode": "raw", "ch0_reference_kind": "mvc"}])
def test_a_new_pipeline_is_within_its_invariant(channels: int, changed: dict[str, object]) -> None:
    """Its constructor allocates, and so is run and not read."""
    config = settings.Settings()
    for name, value in changed.items():
        config.put(name, value)
    made = Pipeline(config, SimpleNamespace(**{**vars(load_facts()), "EMG_CHANNELS": channels}))
    fields = PROOFS[f"pipeline of {channels}"]().invariant.fields
    mine = {f"self.{name}": value for name, value in vars(made).items()}
    assert mine.keys() == {path for path in fields if path.count(".") == 1 and path.startswith("self.")}
    for path, value in mine.items():
        wide = fields[path]
        if isinstance(value, int):
            assert fits((int(value), int(value)), wide), path
        elif isinstance(value, array):
            assert not any(value) and len(value) == len(wide.items), path  # type: ignore[union-attr]
        else:
            assert wide == Ref(path)


# The proofs can fail

MUTANTS = [
    ("hold", "self._sum += envelope", "self._sum += 2 * envelope"),
    ("hold", "self._run < self._enter_blocks", "self._run <= self._enter_blocks"),
    ("hold", "self._level_q7 += envelope - level", "self._level_q7 += envelope"),
    ("hold", "            self._sum = 0\n        elif", "            pass\n        elif"),
    ("hold", "(at + 1) & (_FAST_BLOCKS - 1)", "at + 1"),
    ("hold", "ring[at] = fast", "ring[at] = fast << 1"),
    ("hold", "self._ring_sum += fast - ring[at]", "self._ring_sum += fast"),
    ("hold", "        if self._run >= self._lost_blocks:", "        if envelope > 4096:"),
    ("cue", "_LONG_AGO = const(-1000000)", "_LONG_AGO = const(-1 << 29)"),
    ("cue", "* RATE_HZ // 1000", "* RATE_HZ * 1000"),
    ("clock", "& _MASK", "* 2"),
    ("pipeline of 4", "x * x + y * y + z * z", "x * x * y + y * y + z * z"),
    ("pipeline of 4", "(quality & 15 | quality", "(quality | quality"),
    ("pipeline of 4", "if self._blocks == FRAME_BLOCKS * RECORD_FRAMES:", "if motor_busy:"),
    ("pipeline of 4", "imu[axis] >> IMU_SHIFT", "imu[axis]"),
    ("pipeline of 4", "        self._blocks = self._motor = ", "        self._motor = "),
    ("calibrate of 2", "self._best[channel] // _CONTRACTIONS", "self._best[channel]"),
    ("calibrate of 2", "self.phase < message.PHASE_REST + _CONTRACTIONS", "self.phase < 40"),
    ("calibrate of 2", "= self._sum[channel] // _WINDOW_BLOCKS", "= self._sum[channel]"),
    ("mains of 2", "2 * at_60 >= 5 * at_50", "2 * at_60 >= 50 * at_50"),
    ("sampler of 1", "self.lost_samples += lost", "self.lost_samples += 1 << lost"),
    ("features in blocks of 10", "        if x > squares << 2:\n            x = squares << 2", "        pass"),
    ("features in blocks of 10", "squares > 65535", "squares > 131071"),
    ("features in blocks of 10", "if (x >> y) > 3:", "if (x >> y) > 300:"),
    ("features in blocks of 10", "S[_SIGN] = sign", "S[_SIGN] = low"),
    ("onset of 1", "(S[_HISTORY] << 1) & 4095", "S[_HISTORY] << 1"),
    ("onset of 1", "if x > 127:", "if y > 127:"),
    ("onset of 1", "                if y > 15:", "                if y > 16:"),
    ("onset of 1", "((energy << 8) - fast) >> 3", "(energy << 8) >> 3"),
    ("onset of 1", "base = 1 << 20", "base = 1 << 21"),
]


@pytest.mark.parametrize(("name", "old", "new"), MUTANTS, ids=[f"{name}: {old[:30]}" for name, old, _ in MUTANTS])
def test_a_slip_in_the_text_fails_the_proof(name: str, old: str, new: str) -> None:
    proof = PROOFS[name]()
    text = inspect.getsource(proof.module)
    assert text.count(old) == 1, "the mutant has to follow the text"
    mutant = text.replace(old, new)
    machine = Interpreter(mutant, watched(mutant), proof.rules, proof.invariant.fields)
    with suppress(Unknown):  # a lemma that can't be, an element out of an array, a division by what may be 0
        assert proof.faults(machine)


@pytest.mark.parametrize(
    "text",
    ["x = x ** 2", "x = [1]", "with x: pass", "x = y", "x = -x if x else z", "x = f(x)", "x = x or 7", "x = ~x",
     "for k in x: pass", "while x < 2: x = x - x", "x, y = x", "del x", "x = 1.5", "x = 1 // x", "x = 1 << 70",
     "x = x & -x", "try: pass\n    finally: pass", "assert x", "raise x", "x = 0 < x < 2", "x = {}", "global x"],
)  # fmt: skip
def test_what_the_interpreter_does_not_know_it_refuses(text: str) -> None:
    machine = Interpreter(f"def run(x):\n    {text}\n", {}, Rules(), {})
    with pytest.raises(Unknown):
        machine.call("run", [(-2, 5)], {})


def test_arithmetic_on_intervals_holds_for_every_pair() -> None:
    ends = [-9, -8, -3, -1, 0, 1, 2, 5, 7, 8]
    ranges = [(a, b) for a, b in itertools.product(ends, ends) if a <= b]
    for sign in ("+", "-", "*", "//", "%", "<<", ">>", "&", "|"):
        node = ast.parse(f"p {sign} q", mode="eval").body
        assert isinstance(node, ast.BinOp)
        run = eval(f"lambda p, q: p {sign} q")
        for a, b in itertools.product(ranges, ranges):
            try:
                low, high = apply(node.op, a, b)
            except Unknown:
                continue  # refused: nothing is claimed
            found = [run(p, q) for p in {*a, sum(a) // 2} for q in {*b, sum(b) // 2}]
            assert low <= min(found) and max(found) <= high, (a, sign, b)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 9))
def test_a_pole_lies_between_itself_and_its_input(v: int, t: int, k: int) -> None:
    assert min(v, t) <= v + ((t - v) >> k) <= max(v, t)


# What runs lies within what was proved


class Watch:
    """A module made from its text, whose every operation is held against the range that was proved of it."""

    def __init__(self, name: str) -> None:
        self.proof = PROOFS[name]()
        _, self.machine = self.proof.check()
        self.names = watched(inspect.getsource(self.proof.module), self.machine.entered, self._see)
        self.seen: set[str] = set()

    def _see(self, place: str, value: int) -> int:
        low, high = self.machine.widest[place]
        assert low <= value <= high, (place, value)
        self.seen.add(place.rsplit("@", 1)[0])
        return value

    def saw_every_lemma(self) -> bool:
        return self.proof.rules.known.keys() <= self.seen


def levels(rng: random.Random, most: int) -> list[int]:
    """Pieces at either end, and anything between: what a signal would do, and what it would not."""
    found: list[int] = []
    while len(found) < 400:
        low = rng.choice([0, 0, most, rng.randrange(most)])
        high = rng.choice([low, most, rng.randrange(low, most + 1)])
        found += [rng.randint(low, high) for _ in range(rng.choice([1, 8, 60, 350]))]
    return found


def any_settings(rng: random.Random) -> settings.Settings:
    """Numbers at either end of the schema, or as they are."""
    config = settings.Settings()
    for name, kind, low, high, default in settings.SCHEMA:
        if kind == "int":
            config.put(name, rng.choice([low, high, default]))
    return config


watch = cache(Watch)


@profile(max_examples=30)
@given(st.integers(0, 2**32))
def test_holds_and_cues_run_within_their_proofs(seed: int) -> None:
    rng = random.Random(seed)
    config = any_settings(rng)
    made = watch("hold").names["HoldDetector"](config)
    cues = watch("cue").names["CuePolicy"](config)
    t_samples = rng.choice([10, 1_036_000_000])
    for envelope, fast in zip(levels(rng, 4095), levels(rng, 4095), strict=False):
        if made.step(envelope, fast, t_samples):
            cues.hear(made.kind)
        cues.next(rng.random() < 0.01, t_samples)
        t_samples += 10
        assert made._ring_sum == sum(made._ring)  # the lemma, in full
    made.close(t_samples)
    assert made.level in range(4096)
    assert watch("hold").saw_every_lemma()


@profile(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["rail", "alternate", "noise", "small", "still", "spike"]), st.integers(1, 9)),
        min_size=1, max_size=8,
    ),
    st.sampled_from([1, 10, 28, 64]), st.booleans(), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_features_and_onsets_run_within_their_proofs(
    pieces: list[tuple[str, int]], size: int, plain: bool, seed: int
) -> None:
    """The lemmas on sums of products among it, with and without filters that take the extremes away."""
    rng = np.random.default_rng(seed)
    k = Kernel(1, 0, 2**14, 50, block_samples=size, highpass=not plain, lowpass=not plain)
    measure = watch("features of 1").names["measure_block"]
    find = watch("onset of 1").names["find_onsets"]
    with mock.patch.object(features, "measure_block", measure), mock.patch.object(onset, "find_onsets", find):
        for kind, blocks in pieces:
            n = np.arange(blocks * size)
            counts = {
                "rail": np.where(n // 40 % 2, 2**14, -(2**14)), "alternate": np.where(n % 2, 2**14, -(2**14)),
                "noise": rng.integers(-(2**14), 2**14 + 1, len(n)) // int(rng.integers(1, 500)),
                "small": rng.integers(-2, 3, len(n)), "still": np.full(len(n), rng.integers(-(2**14), 2**14 + 1)),
                "spike": np.where(n == 3, 2**14, 0) + rng.integers(-9, 10, len(n)),
            }[kind].clip(-(2**14), 2**14)  # fmt: skip
            for at in range(0, len(n), size):
                k.process(array("h", counts[at : at + size].astype("<i2").tobytes()), bool(rng.random() < 0.1))
    assert watch("features of 1").saw_every_lemma()


@given(st.lists(st.integers(-65536, 65536), min_size=3, max_size=66), st.integers(0, 20))
def test_the_lemma_on_magnitudes(z: list[int], quiet: int) -> None:
    """Of any samples, two of the past first; large ones, or many small ones that are all rounded down."""
    w, first, *block = [value >> quiet for value in z]
    n = len(block)
    room = ((8 * sum(map(abs, block)) // n + 1) * n >> 3) + 1 + abs(first) + abs(w)
    shift = max(0, room.bit_length() - 14)
    assert sum(abs(value >> shift) for value in (w, first, *block)) <= SUM


def nothing(*_: object) -> None:
    """What is called and not looked at."""


def out_of(rng: random.Random, channels: int) -> list[Any]:
    """A kernel's output that no kernel would give: every word at either end, or between."""
    found = [[0] * onset.ALL_WORDS for _ in range(channels)]
    for words in found:
        for word in (chain.OUT_ENVELOPE, chain.OUT_FAST, chain.OUT_DISPLAY):
            words[word] = rng.choice([0, 4095, rng.randrange(4096)])
        for word in (chain.OUT_Q3, chain.OUT_LEVEL_Q3, chain.OUT_MAINS_Q3, chain.OUT_HARMONIC_Q3):
            words[word] = rng.choice([0, Q3[1], rng.randrange(Q3[1])])
        words[chain.OUT_QUALITY] = rng.choice([0, 0, 63, rng.randrange(64)])
    return found


@profile(max_examples=20)
@given(st.integers(0, 2**32))
def test_pipelines_run_within_their_proof(seed: int) -> None:
    rng = random.Random(seed)
    made = watch("pipeline of 4").names["Pipeline"](any_settings(rng), load_facts())
    made.scored = rng.random() < 0.9
    made.kernel = SimpleNamespace(channels=4, out=[], process=nothing)
    t_samples = 0
    for _ in range(300):
        made.kernel.out = out_of(rng, 4)
        imu = rng.choice([None, [rng.choice([-32768, 32767, rng.randrange(-32768, 32768)]) for _ in range(6)]])
        busy = rng.random() < 0.05
        t_samples += 10
        made.step(None, t_samples, imu if rng.random() < 0.9 else None, busy, 0)
        made.write_records(nothing, None, t_samples, busy)
        if rng.random() < 0.02:
            lost = rng.choice([10, 10_000_000])
            made.skip(nothing, t_samples, lost, 1)
            t_samples += lost
    made.close(nothing, t_samples)


@profile(max_examples=8)
@given(st.integers(0, 2**32), st.integers(1, 2))
def test_calibrations_run_within_their_proof(seed: int, kind: int) -> None:
    rng = random.Random(seed)
    finder = watch("mains of 2").names["MainsFinder"](2)
    fake = SimpleNamespace(channels=2, out=out_of(rng, 2), search_mains=nothing, set_mains=nothing)
    made = watch("calibrate of 2").names["Calibration"](fake, rng.randrange(2), settings.Settings())
    made.start(kind, 0)
    now_ms = 0
    for _ in range(1900):
        now_ms += rng.choice([10, 10, 10, 0, 40])
        fake.out = out_of(rng, 2)
        finder.step(fake.out)
        made.step(rng.random() < 0.02, now_ms)
    for channel in range(2):
        finder.hear(channel)
        made.is_usable(channel)
