"""What the proofs of test_small_ints.py take for granted: what may come in, what each class remembers, the lemmas.

Those of the coach and of the cues are in small_int_coach.py.

What may come in: every setting within its schema; every board within what make_board_facts.py lets pass; a session, and
a time since power-on, of at most 12 days, after which clock.py says itself that times become objects. What the chain of
filters hands on has its own proof, in test_kernel.py.

An invariant is not believed: the proof is that the constructor establishes it and that every method preserves it.
Lemmas (`known`) are believed here; each has its reason beside it, and test_small_ints.py watches them in running code.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType, SimpleNamespace

from interval_bounds import Interpreter
from interval_values import Interval, Invariant, Ref, Rules, State, Value, Words, fits, parse, watched

from mmc_core import chain, event, features, mains, onset, pipeline, rice, settings
from mmc_core.coach import outbox
from mmc_device import calibrate, clock, sampler

BIT: Interval = (0, 1)
TIME: Interval = (0, 12 * 24 * 3600 * 1000)  # samples at 1 kHz, or milliseconds
T_SAMPLES: Interval = (10, TIME[1])  # behind a block's last sample
LEVEL: Interval = (0, 4095)  # permille: gain times what passes the ceiling is below 2^30, see Kernel.set_reference
Q3: Interval = (0, 2**19)  # counts/8: |z| < BIAS, which test_kernel.py proves, and a pole never leaves its input
SUM = 2**14 + 64 + 2  # of magnitudes of a block of at most 64 samples, as features.py scales it
MOBILITY: Interval = (0, 2**14 + 15)  # Q12, 4 at most, and for a divisor that is rounded down
QUALITY: Interval = (0, 63)
COUNT: Interval = (-32768, 32767)
BYTE: Interval = (0, 255)
SMALL: Interval = (-(2**30), 2**30 - 1)  # whatever bytecode has
CUE: Interval = (event.CUE_NONE, event.CUE_TIRED)
COMMAND: Interval = (0, 63)  # a pattern, and 16 times the pulses of a sense test's level
FILTERED: Interval = (0, 2 * chain.BIAS - 1)  # a filtered sample + BIAS
RARE = 2**29  # blocks: 62 days of them


def kernel_words() -> Words:
    """A channel's words as bytecode may read them; the others are no numbers to it, so reading one is an error."""
    known = {
        chain.OUT_ENVELOPE: LEVEL, chain.OUT_FAST: LEVEL, chain.OUT_DISPLAY: LEVEL, chain.OUT_QUALITY: QUALITY,
        chain.OUT_Q3: Q3,
    }  # fmt: skip
    return Words(tuple(known.get(word, Ref("a word of the kernel")) for word in range(onset.ALL_WORDS)))


def setting_values() -> State:
    """Every number of the schema from low to high; words are texts."""
    return {
        f"in.settings.{name}": (low, high) if isinstance(low, int) and kind == "int" else Ref("a text")
        for name, kind, low, high, _ in map(settings.find_row, settings.keys(settings.SCHEMA))
    }


def outbox_columns(path: str) -> State:
    """Events of a block, as many as may be, in an outbox that lies at `path`."""
    widths = {"kinds": BYTE, "channels": BYTE, "reasons": BYTE, "values": COUNT, "thresholds": COUNT, "times": TIME}
    columns: State = {f"{path}.{name}": Words((width,) * outbox.SIZE) for name, width in widths.items()}
    return {**columns, f"{path}.count": (0, outbox.SIZE), f"{path}.dropped": (0, RARE)}


@dataclass
class Proof:
    """One class or module: how it is made, how it is called, and what it remembers between calls."""

    module: ModuleType
    rules: Rules
    invariant: Invariant
    calls: Sequence[Sequence[tuple[str, Sequence[Value]]]]  # each is a run of calls that belong together
    made: Sequence[tuple[str, Sequence[Value]]] = ()  # what establishes the invariant; none: shown elsewhere
    given: Mapping[str, Value] | None = None  # objects that the calls are given
    beside: tuple[str, ...] = ()  # functions of the module that are no part of the hot path
    returns: Mapping[str, Value] = field(default_factory=dict[str, Value])  # what others may rely on: their contracts

    def check(self) -> tuple[list[str], Interpreter]:
        """All that is wrong with the module, and what was found out about it."""
        text = inspect.getsource(self.module)
        machine = Interpreter(text, watched(text), self.rules, self.invariant.fields)
        return sorted(set(self.faults(machine))), machine

    def faults(self, machine: Interpreter) -> Iterator[str]:
        """What is wrong with a text of the module, as it comes up."""
        if self.made:
            yield from self._ends(machine, {}, self.made)
        for calls in self.calls:
            for state in self.invariant.states():
                yield from self._ends(machine, state, calls)
        yield from (f"{text}: {low} to {high}" for text, (low, high) in machine.overflows.items())
        yield from (f"{name} is not run" for name in machine.functions.keys() - machine.entered - {*self.beside})
        yield from (f"nothing uses {text}" for text in machine.unused)
        yield from (f"{place} is not reached" for place in machine.unreached())

    def _ends(self, machine: Interpreter, state: State, calls: Sequence[tuple[str, Sequence[Value]]]) -> list[str]:
        states: list[State] = [{**state, **(self.given or {})}]
        told: list[str] = []
        for name, arguments in calls:
            ends = [end for s in states for end in machine.call(name, arguments, s)]
            states = [after for after, _ in ends]
            wide = self.returns.get(name)
            told += [f"{name} gives {value}" for _, value in ends if name in self.returns and not fits(value, wide)]
        return told + [miss for s in states for miss in self.invariant.misses(s)]


def pipeline_proof(channels: int) -> Proof:
    """Between two ticks at most 49 blocks are under way: `write_records` flushes what `step` makes full."""
    words = 10 * channels
    fields: dict[str, Value] = {
        "self.kernel": Ref("self.kernel"), "self.kernel.channels": (channels, channels),
        "self.kernel.out": Words((Ref("kernel.words"),) * channels), "kernel.words": kernel_words(),
        "self.coach": Ref("self.coach"), "self.coach.outbox": Ref("self.coach.outbox"),
        **outbox_columns("self.coach.outbox"), "self.coach.motion": Ref("self.coach.motion"),
        "self.coach.motion.speed_dps": SMALL, "self.coach.target": (0, channels - 1), "self.coach.usable": (0, 15),
        "self.coach.ends_set": BIT, "self.plan": None, "self.plan.command": COMMAND, "self.plan.set_is_over": BIT,
        "self.plan.skips": BIT, "self.cue": Ref("self.cue"), "self.cue.channel": BYTE,
        "self.cue.value": COUNT, "self.cue.threshold": COUNT, "self.cues": (0, RARE), "self._packer": None,
        "self._packer.blocks": BYTE, "self._packer.carried": BYTE, "self._packer.t_samples": TIME,
        "self._packer.out": None, "self._imu": None, "self._values": Words((LEVEL,) * words),
        "self._readings": Words(((-2048, 4095),) * 20), "self._frame_t": TIME, "self._imu_t": TIME,
        "self._blocks": (0, 49), "self._motor": (0, 2**10 - 1), "self._quality": (0, 2 ** (4 * channels) - 1),
        "self._imu_blocks": (0, 49), "self._imu_motor": (0, 2**5 - 1), "self._cue": CUE,
    }  # fmt: skip
    cases: list[dict[str, Value]] = [
        {"self._packer": packer, "self._imu": imu, "self.plan": plan}  # only raw logging needs the first
        for packer in (None, Ref("self._packer")) for imu in (None, Ref("in.imu")) for plan in (None, Ref("self.plan"))
    ]  # fmt: skip
    rules = Rules(
        # A frame begins where its blocks do, a gap lies within the session, cues are rare: all by the clock's limit.
        known={
            "self._frame_t + self._blocks * BLOCK_SAMPLES": TIME,
            "t_samples + lost_samples": TIME,
            "self.cues + 1": (0, RARE),
        },
        keep=("self._packer", "self._imu", "self.plan", "self._blocks", "self._imu_blocks", "bit"),
        contracts={
            "self.kernel.process": ((None, BIT, (0, 15)), None),
            # Calls to the coach are not followed; what its questions compute has proofs in small_int_coach.py.
            "self.coach.step": ((None, None, T_SAMPLES, BIT), None),
            "self.coach.close": ((TIME,), None),
            "self.coach.hear_cue": (((1, CUE[1]), T_SAMPLES), None),
            "self.cue.hear": (((0, outbox.SIZE - 1),), None),  # what cue_proof takes for granted
            "self.cue.next": ((BIT, T_SAMPLES, SMALL, COMMAND), CUE),
            "self.plan.step": ((LEVEL, LEVEL, BIT, T_SAMPLES), None),
            "self.plan.close": ((TIME,), None),
            "in.write": ((None, None, None, None), (0, 244)),
            "self._packer.add": ((None, None, BIT, TIME), BIT),
            "self._packer.fit": (((0, 244),), None),
            "self._packer.size": ((), (0, 234)),
            "self._packer.cut": ((), None),
        },
    )
    block, write, imu = Ref("in.block"), Ref("in.write"), Ref("in.imu")
    records = ("write_records", [write, block, T_SAMPLES, BIT])
    return Proof(
        pipeline, rules, Invariant(fields, cases),
        given={"in.imu": Words((COUNT,) * 6), "in.block": Words((COUNT,) * words)},
        beside=("__init__", "to_q3", "to_nanovolt"),  # once a session, and what they make is checked as it is
        calls=[
            [("step", [block, T_SAMPLES, imu, BIT, (0, 15)]), records],
            [("step", [block, T_SAMPLES, None, BIT, (0, 15)]), records],
            [("skip", [write, TIME, TIME, (1, 3)])],
            [("close", [write, TIME])], [("skip_rest", [])], [("end_raw", [write])], [("is_raw", [])],
        ],
    )  # fmt: skip


def packer_proof() -> Proof:
    """A record has as many blocks as its bits, of which a block takes twelve; `cut` counts what `size` has left."""
    bits = (0, 8 * (rice.MAX_BYTES + rice.BLOCK_BYTES) - 8)
    fields: dict[str, Value] = {
        "self._words": Ref("self._words"), "self.out": Words((BYTE,) * (rice.MAX_BYTES + rice.BLOCK_BYTES)),
        "self.t_samples": TIME, "self.blocks": (0, 156), "self.carried": (0, 170), "self._at": bits,
        "self._fresh_imu": (0, 8), "self._end": (24, rice.MAX_BYTES),
    }  # fmt: skip
    rules = Rules(
        known={"self.blocks + 1": (0, 156)},
        contracts={
            "pack": ((bits, (0, 15), None, None, None, None), bits),  # viper: test_rice.py
            "unsigned": ((None,), Ref("in.block")),
        },
    )
    block = Ref("in.block")
    return Proof(
        rice, rules, Invariant(fields), beside=("__init__", "pack", "cut"),
        calls=[
            [("add", [block, Ref("in.imu"), BIT, TIME])], [("add", [block, None, BIT, TIME])],
            [("fit", [(0, 244)])], [("fit", [None])], [("size", [])],
        ],
        returns={"size": (0, rice.MAX_BYTES)},
    )  # fmt: skip


def calibrate_proof(channels: int) -> Proof:
    """A sub-maximal reference grows by a third of a level in each of three contractions; phases count them.

    To renew, one contraction gives the whole level.
    """
    top, third = Q3[1], Q3[1] // 3

    def words(most: int) -> Words:
        return Words(((0, most),) * channels)

    begun = calibrate.Calibration(SimpleNamespace(channels=1, search_mains=list), 0, None)
    begun.start(1, 0)
    nothing_yet = max(vars(begun)["_low"])  # what stands for the least level before there is one

    fields: dict[str, Value] = {
        "self._kernel": Ref("in.kernel"), "self._config": Ref("in.config"), "self._target": (0, channels - 1),
        "self._channels": (channels, channels), "self._finder": Ref("self._finder"), "self._finder.found_hz": (0, 60),
        "self._searching": BIT, "self.found_hz": (0, 60), "self.rest_q3": words(top), "self.reference_q3": words(top),
        "self._sum": words(50 * top), "self._mean": words(top), "self._best": words(top),
        "self._low": words(max(top, nothing_yet)),
        "self._clipped": words(RARE), "self._flat": words(RARE), "self.phase": (1, 6), "self.result": (0, 5),
        "self.kind": (1, 3), "self._contracting": BIT, "self._began_ms": TIME, "self._blocks": (0, RARE),
        "self._contractions": (1, 3), "self._rest_ms": (2000, 5000), "self._resettle_ms": (0, 3500),
    }  # fmt: skip
    cases: list[dict[str, Value]] = [{"self.kind": (1, 1), "self._contractions": (3, 3)}]
    thrice = (
        (1, 0, 0),
        (2, 1, 0),
        (2, 0, 1),
        (3, 1, 1),
        (3, 0, 2),
        (4, 1, 2),
        (4, 0, 3),
        (5, 0, 3),
        (6, 1, 2),
        (6, 0, 3),
    )
    once = (1, 0, 0), (2, 1, 0), (2, 0, 3), (5, 0, 3), (6, 1, 0), (6, 0, 3)
    for kind, contractions, steps in ((2, 3, thrice), (3, 1, once)):
        for phase, contracting, thirds in steps:
            cases.append({
                "self.kind": (kind, kind), "self._contractions": (contractions, contractions),
                "self.phase": (phase, phase), "self._contracting": (contracting, contracting),
                "self.reference_q3": words(thirds * third if kind == 2 else top * thirds // 3),
            })  # fmt: skip
    rules = Rules(
        # The sum begins again with every 50th block, and no phase sees that many blocks.
        known={
            "self._sum[channel] + out[channel][OUT_Q3]": (0, 50 * top),
            "self._blocks + 1": (0, RARE), "self._clipped[channel] + 1": (0, RARE),
            "self._flat[channel] + 1": (0, RARE),
        },
        keep=("self.phase", "self._contracting", "self.kind"),
        contracts={
            "MainsFinder": ((None,), Ref("self._finder")),
            "self._finder.step": ((None,), None),
            "in.kernel.search_mains": ((), None),
            "in.kernel.set_mains": ((None,), None),
            "mains_in_force_hz": ((None, (0, 60)), (0, 60)),
        },
    )  # fmt: skip
    given: dict[str, Value] = {
        "in.kernel.channels": (channels, channels), "in.kernel.out": Words((Ref("kernel.words"),) * channels),
        "kernel.words": kernel_words(), "self._finder.found_hz": (0, 60),
    }  # fmt: skip
    starts = [("start", [(kind, kind), TIME]) for kind in (1, 2, 3)]
    return Proof(
        calibrate, rules, Invariant(fields, cases), given=given, beside=("is_running",),
        made=[("__init__", [Ref("in.kernel"), (0, channels - 1), Ref("in.config")]), starts[0]],
        calls=[[("step", [BIT, TIME])], [("cancel", [])], [("is_usable", [(0, channels - 1)])], *([s] for s in starts)],
    )  # fmt: skip


def mains_proof(channels: int) -> Proof:
    words = Words(tuple(
        Q3 if chain.OUT_LEVEL_Q3 <= word <= chain.OUT_HARMONIC_Q3 else Ref("a word of the kernel")
        for word in range(onset.ALL_WORDS)
    ))  # fmt: skip
    sums = (0, 100 * Q3[1])
    fields: dict[str, Value] = {
        "self._sums": Words((sums,) * (3 * channels)), "self._quietest": Words((sums,) * (3 * channels)),
        "self._blocks": (0, RARE),
    }  # fmt: skip
    known = {"sums[_WORDS * channel + word] + words[OUT_LEVEL_Q3 + word]": sums, "self._blocks + 1": (0, RARE)}
    return Proof(
        mains, Rules(known=known, keep=()), Invariant(fields), made=[("__init__", [(channels, channels)])],
        given={"in.out": Words((Ref("in.words"),) * channels), "in.words": words},
        beside=("found_hz", "mains_in_force_hz"),  # once a calibration; without arithmetic on levels
        calls=[[("step", [Ref("in.out")])], [("hear", [(0, channels - 1)])]],
    )  # fmt: skip


def sampler_proof(channels: int) -> Proof:
    fields: dict[str, Value] = {
        "self._emg": Ref("in.emg"), "self._imu": Ref("in.imu"), "self._block_words": (10 * channels, 10 * channels),
        "self.block": Words(((0, 0),) * (10 * channels)), "self.imu": Words(((0, 0),) * 6), "self._has_reading": BIT,
        "self.samples": TIME, "self.lost_samples": TIME, "self.imu_error": (0, RARE),
        "self.is_awake": BIT, "self.cause": (1, 3), "self._next_ms": (0, TIME[1] + 1000), "self._was_heard": BIT,
        "self._heard_ms": TIME, "self._silent_samples": TIME, "self._was_away": BIT, "self._is_first": BIT,
    }  # fmt: skip
    rules = Rules(
        # What is counted since `restart`, taken and lost, is the session's time.
        known={
            "self.samples + self.lost_samples": TIME, "self.samples + BLOCK_SAMPLES": TIME,
            "self.lost_samples + lost": TIME,
            # The clock does not go back.
            "now_ms - self._heard_ms": TIME,
        },
        contracts={
            "in.emg.read_into": ((None,), BIT), "in.emg.take_lost": ((), TIME), "in.emg.lead_off": ((), (0, 15)),
            "in.emg.begin": ((), None), "in.emg.stop": ((), None),
            "_read": ((None, None), (-RARE, 1)),
        },
    )  # fmt: skip
    names = "restart t_samples take_lost next_block lead_off reading rest feel".split()
    calls: list[list[tuple[str, list[Value]]]] = [[(name, [])] for name in names]
    calls += [[("wake", [TIME])], [("check", [TIME])]]
    return Proof(
        sampler, rules, Invariant(fields), calls=calls,
        beside=("_read",),  # it computes nothing
        made=[("__init__", [Ref("in.emg"), Ref("in.imu"), Ref("in.facts")])],
        given={"in.facts.EMG_CHANNELS": (channels, channels)},
    )  # fmt: skip


def clock_proof() -> Proof:
    ticks = (0, 2**30 - 1)
    fields: dict[str, Value] = {"self._last": ticks, "self._sum": TIME}
    rules = Rules(known={"self._sum + step": TIME})
    return Proof(
        clock, rules, Invariant(fields), calls=[[("now_ms", [ticks])]], made=[("__init__", [ticks])],
    )  # fmt: skip


def viper_words(channels: int) -> dict[str, Value]:
    """What filter_block hands on, and the words of features.py and onset.py, for which this is the invariant."""
    mine = {**vars(features), **vars(onset)}
    energy = (0, 999)
    level = (0, 256 * energy[1])
    ranges: dict[int, Interval] = {
        chain.OUT_QUALITY: QUALITY, chain.OUT_LEVEL_Q3: Q3, chain.OUT_RANGE: (0, 65535),
        features.OUT_SQUARE: (0, SUM**2), features.OUT_EXPONENT: (0, 18), features.OUT_CROSSINGS: (0, 64),
        features.OUT_MOBILITY_Q12: MOBILITY, features.OUT_ENERGY: energy, mine["_Z1"]: FILTERED,
        mine["_Z2"]: FILTERED, mine["_SIGN"]: BIT,
        onset.OUT_ONSET: (0, 12), onset.OUT_ACTIVE: BIT, onset.OUT_SPIKE: BIT, mine["_BASE"]: (0, 2**20),
        mine["_FAST"]: level, mine["_HISTORY"]: (0, 4095), mine["_QUIET"]: (0, 15), mine["_PEAK"]: level,
        mine["_CREEP"]: (0, 127), mine["_SEEN"]: (0, 16), mine["_AT"]: (0, 15), mine["_HELD"]: (0, 30),
        mine["_LAST_RANGE"]: (0, 65535), **{mine["_PAIRS"] + k: (0, 65535) for k in range(16)},
    }  # fmt: skip
    words = Words(tuple(ranges.get(word, Ref("a word of the chain")) for word in range(onset.ALL_WORDS)))
    return {f"S.{channel}": words for channel in range(channels)}


def viper_given(channels: int) -> dict[str, Value]:
    mine = vars(features)
    header = tuple((8, 8) if word == mine["_DEAD_BAND"] else Ref("a word") for word in range(chain.HEADER_WORDS))
    return {
        "in.words": Words((*(Ref(f"S.{channel}") for channel in range(channels)), Ref("H.words"))),
        "H.words": Words(header), "in.z": Words((FILTERED,) * (64 * channels)),
    }  # fmt: skip


def features_proof(channels: int, sizes: Iterable[int]) -> Proof:
    """Behind the shift magnitudes sum to less than 2^14, to which each sample that was rounded down adds 1.

    The text is looked at for what the sums are called, so that the lemmas follow it when a name changes.
    """
    nodes = list(ast.walk(parse(inspect.getsource(features))))
    shifted = [ast.unparse(n) for n in nodes if isinstance(n, ast.BinOp) and ast.unparse(n).endswith(" >> shift")]
    sums = {
        ast.unparse(n.targets[0]): ast.unparse(n.value)
        for n in nodes
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.BinOp)
    }
    rules = Rules(
        bits=32,
        known={
            **{text: (-SUM, SUM) for text in shifted if "dead_band" not in text},
            # A sum of squares is at most the square of the sum; sums of products lie below it: Cauchy and Schwarz.
            sums["squares"]: (0, SUM**2),
            sums["lag_1"]: (-(SUM**2), SUM**2),
            sums["lag_2"]: (-(SUM**2), SUM**2),
            # This is the sum of (a - b)^2 over neighbours.
            "squares + before - lag_1 - lag_1": (0, 4 * SUM**2),
            # x is limited to four times the squares; what the divisor is rounded down by is less than a 1024th of it.
            "x // (squares >> 12)": MOBILITY,
            "(x << 6) // (squares >> 6)": MOBILITY,
            "(x << 12) // squares": MOBILITY,
        },
        cuts={f"before = {sums['before']}": ("squares", (0, 65535, 4194303))},
        keep=("squares", "y"),
    )
    words, z = Ref("in.words"), Ref("in.z")
    calls = [[("measure_block", [(n, n), (channels, channels), words, z])] for n in sizes]
    return Proof(features, rules, Invariant(viper_words(channels)), calls=calls, given=viper_given(channels))


def onset_proof(channels: int) -> Proof:
    """The level at rest goes 1/128 of the way to the energy: pieces of it in which that keeps it within its ends."""
    rules = Rules(
        bits=32,
        cuts={
            "y = (energy << 8) - base": ("base", (0, 128, 128 * 129 - 1, 2**19)),
            "S[_QUIET] = y": ("y", (15,)),
        },
        keep=("judge", "rise", "y"),
    )
    calls = [[("find_onsets", [(channels, channels), (0, 0), Ref("in.words")])]]
    return Proof(onset, rules, Invariant(viper_words(channels)), calls=calls, given=viper_given(channels))


PROOFS: dict[str, Callable[[], Proof]] = {"clock": clock_proof, "packer": packer_proof}
for _channels in range(1, 5):
    for _make in (pipeline_proof, calibrate_proof, mains_proof, sampler_proof):
        PROOFS[f"{_make.__name__[:-6]} of {_channels}"] = partial(_make, _channels)
# One channel is the induction, four are to see every index; 64 samples are what the kernel promises to take at most.
for _channels in (1, 4):
    PROOFS[f"onset of {_channels}"] = partial(onset_proof, _channels)
PROOFS["features of 1"] = partial(features_proof, 1, range(1, 65, 9))
PROOFS["features of 4"] = partial(features_proof, 4, (1, 64))
PROOFS["features in blocks of 10"] = partial(features_proof, 1, (10,))
