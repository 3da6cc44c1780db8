"""Nothing of the hot path leaves its integers, on any input: 31 bits in bytecode, signed 32 bits in viper code.

A small integer of the device has 31 bits; a result beyond them is an object on the heap, which a block may never cost.
interval_bounds.py reads the modules' own text; small_int_proofs.py and small_int_coach.py say what it is told. The
chain of filters has a proof of its own, in test_kernel.py; what looks at movements, units and sets has its proofs in
test_small_ints_units.py. Here the proofs are run, shown to fail where they should, and held against the code as it
runs: whatever an expression comes to has to lie within what was proved of it, lemmas included.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import random
from array import array
from functools import cache, partial, reduce
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import small_int_coach
import small_int_proofs
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from interval_bounds import Interpreter
from interval_values import Interval, Ref, Rules, State, Unknown, Words, apply, hull, interval, watched
from simulated import load_facts
from small_int_proofs import Q3, SUM
from small_int_watch import Watch, any_settings, catches, levels, tell_any

from mmc_core import chain, event, features, kernel, onset, settings
from mmc_core.coach.outbox import Outbox
from mmc_core.cue import CuePolicy
from mmc_core.kernel import Kernel
from mmc_core.pipeline import Pipeline

PROOFS = {**small_int_coach.PROOFS, **small_int_proofs.PROOFS}


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
    invariant = PROOFS[f"pipeline of {channels}"]().invariant
    mine: State = {}
    for path, value in ((f"self.{name}", value) for name, value in vars(made).items()):
        if isinstance(value, int):
            mine[path] = (int(value), int(value))
        elif isinstance(value, array):
            mine[path] = Words(tuple((word, word) for word in value))
        else:
            mine[path] = None if value is None else Ref(path)
    assert mine.keys() == {path for path in invariant.fields if path.count(".") == 1 and path.startswith("self.")}
    assert invariant.misses({**invariant.fields, **mine}) == []


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
    ("outbox", "if at >= SIZE:", "if at > SIZE:"),
    ("outbox", "= max(-32768, min(32767, value))", "= max(-32768, value)"),
    ("outbox", "self.count = at + 1", "self.count = at + 2"),
    ("outbox", "self.times[at] = max(0, t_samples)", "self.times[at] = t_samples"),
    ("peak", "        if self._reps < _FIRST_REPS:", "        if self._reps <= _FIRST_REPS:"),
    ("peak", "        self._sum = 0  # of the first peaks\n", ""),
    ("peak", "self.peak = max(self.peak, envelope)", "self.peak += envelope"),
    ("peak", "envelope * 100 >=", "envelope * 1000000 >="),
    ("attention", "1000 * (self.reps", "1100 * (self.reps"),
    ("attention", "if self._hold_samples >= 1000", "if self._hold_samples >= 999"),
    ("attention", "length = t_samples - self._lost", "length = t_samples + self._lost"),
    ("attention", "max(0, t_samples - self._began)", "max(1, t_samples - self._began)"),
    ("attention", "held = max(0, 1000 - ", "held = max(0, 1010 - "),
    ("posture", "self._limit = 10 *", "self._limit = 11 *"),
    ("posture", "drift_deg10 * 2 <", "drift_deg10 << 19 <"),
    ("posture", "self._run = self._run + 1 if", "self._run = self._run * 2 + 1 if"),
    ("cue of 12 a minute", "_LONG_AGO = const(-1000000)", "_LONG_AGO = const(-1 << 29)"),
    ("cue of 12 a minute", "* RATE_HZ // 1000", "* RATE_HZ * 1000"),
    ("cue of 12 a minute", "(self._given_at + 1) % len(self._given)", "self._given_at + 1"),
    ("cue of 12 a minute", "while not self._waiting >> rank & 1:", "while not self._waiting >> rank & 2:"),
    ("cue of 12 a minute", "self._waiting == 0 or motor_busy", "motor_busy"),
    ("cue of 12 a minute", "bit & self._enabled", "bit << self._enabled"),
    ("cue of 12 a minute", "self._probe_every > 0 and ", ""),
    ("cue of 12 a minute", "min(_MOST_LEFT_OUT, self._left_out + 1)", "self._left_out + 1"),
    ("cue of 12 a minute", "self._good == _GOOD_UNITS", "self._good > _GOOD_UNITS"),
    ("cue of 12 a minute", "self._since >= self._left_out", "self._since > self._left_out"),
    ("cue of 12 a minute", "return _PATTERNS[rank]", "return _PATTERNS[rank] + 1"),
    ("cue of 12 a minute", "event.NO_CHANNEL, self._units", "-1, self._units"),
    ("clock", "& _MASK", "* 2"),
    ("pipeline of 4", "x * x + y * y + z * z", "x * x * y + y * y + z * z"),
    ("pipeline of 4", "(quality & 15 | quality", "(quality | quality"),
    ("pipeline of 4", "if self._blocks == FRAME_BLOCKS * RECORD_FRAMES:", "if motor_busy:"),
    ("pipeline of 4", "imu[axis] >> IMU_SHIFT", "imu[axis]"),
    ("pipeline of 4", "        self._blocks = self._motor = ", "        self._motor = "),
    ("pipeline of 4", "for at in range(coach.outbox.count):", "for at in range(coach.outbox.count + 1):"),
    ("packer", "(self._at + 7) >> 3", "(self._at + 7) << 20"),
    ("pipeline of 4", "packer.cut()\n            packer.fit(room)", "packer.cut()\n            packer.fit(room + 1)"),
    ("pipeline of 4", "for i in range(box.count):", "for i in range(box.count + 1):"),
    ("pipeline of 4", "if self._cue != event.CUE_NONE:\n            coach", "if not motor_busy:\n            coach"),
    ("calibrate of 2", "self._best[channel] // self._contractions", "self._best[channel]"),
    ("calibrate of 2", "self.phase < message.PHASE_REST + self._contractions", "self.phase < 40"),
    ("calibrate of 2", "1 if renews else _CONTRACTIONS", "1"),
    ("calibrate of 2", "1 if renews else _CONTRACTIONS", "2 if renews else _CONTRACTIONS"),
    ("pipeline of 4", "coach.usable >> coach.target & 1", "coach.usable"),
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
    assert catches(PROOFS[name](), old, new)


@pytest.mark.parametrize(
    "text",
    ["x = x ** 2", "x = [1]", "with x: pass", "x = y", "x = -x if x else z", "x = f(x)", "x = x or 7",
     "x = x ^ 1", "x = 'a' + x", "x = x['a']", "for k in range(x, 9): pass", "for k in range(1 << 20): pass", "x = run",
     "for k in x.split(): pass", "for k in 'a b'.split('a'): pass", "x = x[1:]", "x[:1] = x",
     "for k in x: pass", "while x < 2: x = x - x", "x, y = x", "del x", "x = 1.5", "x = 1 // x", "x = 1 << 70",
     "x = x & -x", "try: pass\n    finally: pass", "assert x", "raise x", "while x: continue",
     "x = 0 < f(x) < 2", "x = {}", "global x"],
)  # fmt: skip
def test_what_the_interpreter_does_not_know_it_refuses(text: str) -> None:
    machine = Interpreter(f"def run(x):\n    {text}\n", {}, Rules(), {})
    with pytest.raises(Unknown):
        machine.call("run", [(-2, 5)], {})


@pytest.mark.parametrize(
    ("text", "given", "wide"),
    [
        ("return ~x", (-2, 5), (-6, 1)),
        ("return abs(x)", (-2, 5), (0, 5)),
        ("n = 0\n    for k in TABLE:\n        if k > 7 + x: continue\n        n += k\n    return n", (0, 0), (7, 7)),
        ("n = 0\n    for k in TABLE:\n        if k > 7 + x: continue\n        n += k\n    return n", (0, 1), (7, 15)),
        ("k = 9\n    while k > x: k = (k + x) >> 1\n    return k", (0, 5), (0, 5)),
        ("return abs(x)", (-5, -2), (2, 5)),
        ("return x if 0 < x < 3 else 7", (-2, 5), (1, 7)),
        ("return x if not 0 < x <= 3 else 0", (-2, 5), (-2, 5)),
        ("x = f(x) if x > 1 else 0\n    return x", (0, 2), (0, 5)),
        ("k = 0\n    while not x >> k & 1: k += 1\n    return k", (1, 127), (0, 6)),
        ("k = 0\n    while x >> k & 1: k += 1\n    return k", (0, 127), (0, 7)),
        ("n = 0\n    for k in range(x): n += k\n    return n", (0, 5), (0, 10)),
        ("n = 0\n    for k in range(x): n = k\n    return n", (-2, 2), (0, 1)),
        ("return TABLE[x % len(TABLE)]", (0, 9), (7, 9)),
        ("return BYTES[x]", (1, 2), (4, 255)),
        ("if TABLE: x += 1\n    return x if not NOTHING else 9", (1, 2), (2, 3)),
        ("return WORDS[0] + 'b' == 'ab'", (0, 0), (0, 1)),
        ("return x > 0 and 9 % x == 0", (-2, 5), (0, 1)),
        ("return 1 if x < 1 or 9 // x > 1 else 0", (-2, 5), (0, 1)),
        ("return f(x)", (1, 2), (4, 5)),
        ("x = bytearray(3)\n    return len(x)", (0, 0), (3, 3)),
        ("k = 0\n    for n, name in enumerate('a b c'.split()): k += n + 3\n    return k", (0, 0), (12, 12)),
        ("k = 0\n    for name in WORDS[0].split():\n        k += name == 'a'\n    return k", (0, 0), (0, 1)),
    ],
)  # fmt: skip
def test_what_the_interpreter_knows_is_what_python_does(text: str, given: Interval, wide: Interval) -> None:
    module = f"TABLE = (7, 8, 9)\nWORDS = ('a',)\nBYTES = bytes((0, 4, 255))\nNOTHING = ()\ndef run(x):\n    {text}\n"
    module += "def f(x, more=3):\n    return x + more\n"
    names = watched(module)
    ends = Interpreter(module, names, Rules(), {}).call("run", [given], {})
    low, high = interval(reduce(hull, [value for _, value in ends]))
    assert (low, high) == wide
    assert all(low <= names["run"](x) <= high for x in range(given[0], given[1] + 1))


A_CLASS = """
class Counter:
    @property
    def twice(self): return 2 * self.n
    @property
    def worse(self): self.n = 0
    @staticmethod
    def other(x): return x
    def bump(self):
        self.n += 1
        return self.n > 1
    def run(self):
        {}
"""


@pytest.mark.parametrize(
    ("text", "left"),
    [("if self.bump(): return 1", 1), ("if not self.bump(): return 1", 1), ("while not self.bump(): pass", 2),
     ("if self.n == 0 and self.bump() == 0: return 1", 1), ("if self.bump() or self.bump(): return 1", 2),
     ("return 1 if self.bump() else 0", 1), ("self.n += self.twice + 3", 3)],
)  # fmt: skip
def test_a_call_in_a_condition_is_made_once(text: str, left: int) -> None:
    ends = Interpreter(A_CLASS.format(text), {}, Rules(), {}).call("run", [], {"self.n": (0, 0)})
    assert [state["self.n"] for state, _ in ends] == [(left, left)]


ARRAYS: State = {
    "self.a": Words(((1, 1),)), "self.b": Words(((2, 2),)), "self.c": Ref("self.a"), "self.n": (0, 9), "self.m": (5, 5),
}  # fmt: skip


def test_arrays_that_change_places() -> None:
    text = (
        "def run(self):\n    self.a, self.b = self.b, self.a\n    self.n, self.m = self.m, self.n\n    return self.a[0]"
    )
    state = {path: value for path, value in ARRAYS.items() if path != "self.c"}
    [(after, value)] = Interpreter(text, {}, Rules(), {}).call("run", [], state)
    assert (value, after["self.b"], after["self.n"], after["self.m"]) == ((2, 2), Words(((1, 1),)), (5, 5), (0, 9))
    with pytest.raises(Unknown):  # something else leads to one of them
        Interpreter(text, {}, Rules(), {}).call("run", [], ARRAYS)


@pytest.mark.parametrize("known", [(0, 20), (1, 4), (-9, 1)])
def test_a_lemma_takes_away_and_adds_nothing(known: Interval) -> None:
    machine = Interpreter("def run(x):\n    return x + 1", {}, Rules(known={"x + 1": known}), {})
    assert machine.call("run", [(0, 5)], {})[0][1] == (max(1, known[0]), min(6, known[1]))


@pytest.mark.parametrize(
    "text", ["return self.n and self.bump()", "x = 1 if self.bump() else 0", "return not self.bump()",
             "return self.worse", "return self.bump", "return self.other(1)", "TABLE[0] = 1"],
)  # fmt: skip
def test_what_would_lose_an_effect_is_refused(text: str) -> None:
    machine = Interpreter(A_CLASS.format(text), {"TABLE": (1, 2)}, Rules(), {})
    with pytest.raises(Unknown):
        machine.call("run", [], {"self.n": (0, 0)})


def test_a_call_that_is_not_followed_may_change_what_is_not_its_callers() -> None:
    fields: State = {"self.a": Ref("self.a"), "self.a.x": (0, 9), "self.b": Ref("self.b"), "self.b.y": (0, 9)}
    rules = Rules(contracts={"self.a.go": ((), None)})
    machine = Interpreter("def run(self):\n    self.b.y = self.n = 3\n    self.a.go()\n", {}, rules, fields)
    [(after, _)] = machine.call("run", [], {**fields, "self.n": (0, 0)})
    assert (after["self.b.y"], after["self.n"]) == ((0, 9), (3, 3))


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


@cache
def watch(name: str) -> Watch:
    return Watch(PROOFS[name]())


@profile(max_examples=30)
@given(st.integers(0, 2**32))
def test_holds_run_within_their_proof(seed: int) -> None:
    rng = random.Random(seed)
    made = watch("hold").names["HoldDetector"](any_settings(rng))
    t_samples = rng.choice([10, 1_036_000_000])
    for envelope, fast in zip(levels(rng, 4095), levels(rng, 4095), strict=False):
        made.step(envelope, fast, t_samples)
        t_samples += 10
        assert made._ring_sum == sum(made._ring)  # the lemma, in full
    made.close(t_samples)
    assert made.level in range(4096)
    assert watch("hold").unseen_lemmas() == set()


@profile(max_examples=30)
@given(st.integers(0, 2**32))
def test_cues_run_within_their_proofs(seed: int) -> None:
    rng = random.Random(seed)
    config = any_settings(rng)
    for name in ("tired", "drift", "leak", "engage", "squeeze", "milestone", "tick"):
        config.put(f"cue_{name}", rng.choice(["off", "on"]))
    outbox = watch("outbox").names["Outbox"]()
    watched_cues = watch(f"cue of {config['cue_max_per_min']} a minute")
    made = watched_cues.names["CuePolicy"](config, outbox)
    t_samples = rng.choice([10, 1_030_000_000])
    for _ in range(400):
        tell_any(rng, outbox, t_samples)
        for at in range(outbox.count):
            made.hear(at)
        command = rng.choice([event.CUE_NONE] * 9 + [event.CUE_STOP, event.CUE_TICK, event.CUE_START + 16 * 3])
        assert made.next(rng.random() < 0.1, t_samples, rng.choice([0, 0, 2000]), command) in range(11)
        t_samples += rng.choice([10, 10, 10_000])
    assert watched_cues.unseen_lemmas() | watch("outbox").unseen_lemmas() == set()


@profile(max_examples=30)
@given(st.integers(0, 2**32))
def test_questions_of_the_coach_run_within_their_proofs(seed: int) -> None:
    """Events in an order that no hold has either; only time goes on."""
    rng = random.Random(seed)
    config = any_settings(rng)
    outbox = watch("outbox").names["Outbox"]()
    peak = watch("peak").names["Peak"](config, outbox, rng.randrange(4))
    attention = watch("attention").names["Attention"](config, outbox, rng.randrange(4), rng.randrange(1001))
    posture = watch("posture").names["Posture"](config, outbox)
    t_samples = rng.choice([10, 1_030_000_000])
    for envelope in levels(rng, 4095):
        outbox.clear()
        peak.step(envelope)
        posture.step(rng.choice([0, 900, 1800]), rng.random() < 0.9, t_samples)
        attention.hear(rng.randrange(6), t_samples)
        attention.end_rep(rng.choice([0, peak.peak]), t_samples)
        if rng.random() < 0.2:
            rng.choice([attention.hear_cue, peak.turn, peak.end])(t_samples)
        if rng.random() < 0.1:
            peak.begin()
        if rng.random() < 0.01:
            peak.begin_set()
            posture.begin()
            attention.begin_set()
        assert attention.engagement_permille in range(-1, 1001) and peak.wanted in range(4096)
        t_samples += rng.choice([10, 10, 10_000])
    assert [watch(name).unseen_lemmas() for name in ("peak", "attention", "posture")] == [set()] * 3


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
        for kind, blocks in [("swell", 28), *pieces]:
            n = np.arange(blocks * size)
            counts = {
                "rail": np.where(n // 40 % 2, 2**14, -(2**14)), "alternate": np.where(n % 2, 2**14, -(2**14)),
                "noise": rng.integers(-(2**14), 2**14 + 1, len(n)) // int(rng.integers(1, 500)),
                "small": rng.integers(-2, 3, len(n)), "still": np.full(len(n), rng.integers(-(2**14), 2**14 + 1)),
                "swell": rng.integers(-1, 2, len(n)) << n * 15 // len(n),
                "spike": np.where(n == 3, 2**14, 0) + rng.integers(-9, 10, len(n)),
            }[kind].clip(-(2**14), 2**14)  # fmt: skip
            for at in range(0, len(n), size):
                k.process(array("h", counts[at : at + size].astype("<i2").tobytes()), bool(rng.random() < 0.1))
    assert watch("features of 1").unseen_lemmas() == set()


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
    config = any_settings(rng)
    config.put("log_mode", rng.choice(["features", "raw"]))
    made = watch("pipeline of 4").names["Pipeline"](config, load_facts())
    outbox = Outbox()
    made.cue = CuePolicy(config, outbox)

    def step(out: object, imu: object, t_samples: int, motor_busy: bool) -> None:
        tell_any(rng, outbox, t_samples)

    motion = SimpleNamespace(speed_dps=rng.choice([0, 2000]))
    close = partial(tell_any, rng, outbox)
    made.coach = SimpleNamespace(outbox=outbox, motion=motion, step=step, close=close, hear_cue=nothing)
    made.kernel = SimpleNamespace(channels=4, out=[], process=nothing)
    block = array("h", bytes(80))
    t_samples = 0
    for _ in range(300):
        made.kernel.out = out_of(rng, 4)
        counts = (rng.choice([-32768, 32767, rng.randrange(-32768, 32768)]) for _ in range(6))
        imu = rng.choice([None, array("h", counts)])
        busy = rng.random() < 0.05
        t_samples += 10
        made.step(block, t_samples, imu if rng.random() < 0.9 else None, busy, 0)
        made.write_records(nothing, block, t_samples, busy)
        if rng.random() < 0.02:
            lost = rng.choice([10, 10_000_000])
            made.skip(nothing, t_samples, lost, 1)
            t_samples += lost
    made.close(nothing, t_samples)


@profile(max_examples=8)
@given(st.integers(0, 2**32), st.integers(1, 3))
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
