"""What the proofs of whole units and sets take for granted: balance and fatigue, and the coach, which asks them all.

small_int_proofs.py says what a proof is. team.py is followed with the questions as contracts: what it gives them is
what their own proofs are given, and what it gets from them is what these say.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import partial

from interval_values import Interval, Invariant, Ref, Rules, Value, Words, parse
from small_int_coach import ANGLE, BLOCKS, CHANNEL, EVENT, SET_REPS, TELL, hold_proof
from small_int_movement import DATED, EARLY, MOST_MS
from small_int_proofs import (
    BIT,
    BYTE,
    CUE,
    LEVEL,
    MOBILITY,
    Q3,
    QUALITY,
    RARE,
    T_SAMPLES,
    TIME,
    Proof,
    kernel_words,
    outbox_columns,
)

from mmc_core import chain, features, onset, settings
from mmc_core.coach import balance, fatigue, team

LOOKS: Interval = (0, 30000)
SUM: Interval = (0, LEVEL[1] * LOOKS[1])
QUARTER = LEVEL[1] >> 2  # of a level
PAIRS = 256
HOLD_TELLS = "in_hold kind value threshold reason t_samples".split()
PERMILLE: Interval = (-1000, 1000)
OF_BOTH: Interval = (-(2**29), 2**29)  # sums of two channels, each with that of a gap, or four means in Q8


def balance_fields(channels: int) -> dict[str, Value]:
    """Every role in every channel; that there is one target and one twin at most is what the cases say."""
    row = Words((LOOKS, SUM, SUM, SUM, (-1, 50), (250, 1500), (0, 4), (0, 1000)))
    return {
        "self._roles": Words(((0, 5),) * channels), "self._rests": Words(((0, 1000),) * channels),
        "self._outbox": Ref("in.outbox"), "self._working": (20, 1000),
        "self._active": (50, 1000), "self._target": (0, channels - 1), "self._mirror": (0, channels - 1),
        "self._muscles": (1, channels), "self._rows": Words(tuple(Ref(f"row.{at}") for at in range(channels))),
        **{f"row.{at}": row for at in range(channels)}, "self.pattern": (0, 2), "self.engaged": (0, channels),
        "self._gap_own": SUM, "self._gap_beside": (-1, SUM[1]), "self._looks": LOOKS, "self.in_unit": BIT,
        "self._pairs": Words(((0, PAIRS), *pairs(PAIRS)[1:])),
    }  # fmt: skip


def pairs(looks: int) -> tuple[Interval, ...]:
    """What so many looks at the two sides can have summed up."""
    return (looks, looks), (0, QUARTER * looks), (0, QUARTER * looks), (0, QUARTER**2 * looks), (0, looks), (0, looks)


def balance_proof(channels: int) -> Proof:
    """A row's sums are at most 4095 for each of its looks, 30000 in a unit; pairs have a proof of their own."""
    fields = balance_fields(channels)
    cases: list[dict[str, Value]] = [
        {"self._target": (target, target), "self._mirror": (mirror, mirror)}
        for target in range(channels) for mirror in range(channels)
    ]  # fmt: skip
    rules = Rules(
        known={
            "row[_COUNT] + 1": LOOKS,
            "row[_OWN] + level": SUM, "row[_BESIDE] + target": SUM,
            "row[_LEAST] + min(level, target)": SUM,
            "own // count": LEVEL,
            "row[_RUN] + 1": (1, 50),  # a leak is told after 15 looks, a stabiliser after 50
            # What the proof of the pairs says.
            "pairs[0] + 1": (1, PAIRS),
            "pairs[1] + a": (0, QUARTER * PAIRS), "pairs[2] + b": (0, QUARTER * PAIRS),
            "pairs[3] + a * b": (0, QUARTER**2 * PAIRS),
            "pairs[4] + 1": (1, PAIRS), "pairs[5] + 1": (1, PAIRS),
            "pairs[1] * 8 // n": (0, QUARTER * 8), "pairs[2] * 8 // n": (0, QUARTER * 8),
            "pairs[3] // n": (0, QUARTER**2),
            # The whole is below 2^20, and the part is no more, but for one that was rounded down.
            "part * 1000": (-1000 << 20, 1000 * ((1 << 20) - 1)),
            "(part * 1000 + (whole >> 1)) // whole": PERMILLE,
            "permille(min(own, beside), beside)": (0, 1000),  # of sums that are not negative
        },
        contracts={**TELL, "permille": ((OF_BOTH, (0, OF_BOTH[1])), PERMILLE)},
        keep=("self._target", "self._mirror", "at"),
    )  # fmt: skip
    words = Words(tuple(LEVEL if w == chain.OUT_ENVELOPE else Ref("a word") for w in range(onset.ALL_WORDS)))
    return Proof(
        balance, rules, Invariant(fields, cases),
        given={"in.out": Words((Ref("in.words"),) * channels), "in.words": words},
        beside=("__init__",),  # it allocates, and so is run and not read
        calls=[
            [("step", [Ref("in.out"), (0, 15), T_SAMPLES])], [("begin", [TIME])], [("end", [TIME])], [("reset", [])],
            [("permille", [OF_BOTH, (1, OF_BOTH[1])])],
        ],
        returns={"permille": PERMILLE},
    )  # fmt: skip


def pairs_proof() -> Proof:
    """Case by case how many looks there were; the case after the last but one is the half of all."""
    fields = balance_fields(1)
    cases: list[dict[str, Value]] = [{"self._pairs": Words(pairs(looks))} for looks in range(PAIRS)]
    names = {node.name for node in ast.walk(parse(inspect.getsource(balance))) if isinstance(node, ast.FunctionDef)}
    return Proof(
        balance, Rules(keep=()), Invariant(fields, cases), calls=[[("_compare", [LEVEL, LEVEL])]],
        beside=tuple(names - {"_compare"}),
    )  # fmt: skip


def fatigue_proof() -> Proof:
    """Sums are of 1000 blocks, or of the three units of a reference; what is in permille is that of a ratio up to 4."""
    most = 1000
    swing = ((Q3[1] + 2 >> 2) * (MOBILITY[1] + 2 >> 2) + 512) >> 10
    kept = {"self._amplitudes": Q3[1], "self._spectra": 65535, "self._forms": MOST_MS}
    change: Interval = (-8000, 8000)
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), "self._channel": CHANNEL, "self._peaks": Words((LEVEL,) * 32),
        "self.units": BLOCKS, "self.amplitude": Q3, "self.spectrum": (0, 65535),
        **{f"self.{name}_permille": change for name in ("amplitude", "spectrum", "form")},
        "self.index_permille": (-16000, 16000), "self.quadrant": BYTE, "self.in_hold": BIT, "self._is_of_holds": BIT,
        **{name: (0, 3 * one) for name, one in kept.items()}, "self._index_before": (-16000, 16000),
        "self._form_before": change, "self._slow": (-1, 64 * LEVEL[1] + 63), "self._fast": LEVEL,
        "self._steps": (0, 200), "self._stopped": BLOCKS, "self._told": (0, 7), "self._count": (0, 32),
        "self._peak_before": LEVEL, "self._usual": LEVEL, "self._blocks": (0, most),
        "self._levels": (0, most * Q3[1]), "self._swings": (0, most * swing), "self._wobbles": (0, 100 * LEVEL[1]),
        "self._peak": LEVEL,
    }  # fmt: skip
    cases: list[dict[str, Value]] = [
        {
            "self.units": (units, units if units < 3 else RARE), **{name: (0, units * kept[name]) for name in kept},
            "self.in_hold": (hold, hold), "self._blocks": (0, 99 if hold else most),
        }
        for units in range(4) for hold in range(2)
    ]  # fmt: skip
    rules = Rules(
        known={
            "self._levels + level": (0, most * Q3[1]),
            "self._swings + ((level + 2 >> 2) * (words[OUT_MOBILITY_Q12] + 2 >> 2) + 512 >> 10)": (0, most * swing),
            "self._wobbles + abs(level - (self._slow >> _SLOW_SHIFT))": (0, 100 * LEVEL[1]),
            "self._levels // self._blocks": Q3,  # a mean
            "self.units + 1": BLOCKS,
        },
        # The slow level goes 1/64 of the way: pieces of it in which that keeps it within its ends.
        cuts={
            "self._slow = self._slow + (level - (self._slow >> _SLOW_SHIFT))": (
                "self._slow", (63, 64 * 65 - 1, 64 * 4031 - 1, 64 * LEVEL[1] - 1)
            ),
            "peaks, at, before = (self._peaks, self._count, self._peak_before)": ("self._count", (31,)),
        },
        contracts=TELL,
        keep=("self.units", "self.in_hold", "at"),
    )  # fmt: skip
    words = {
        chain.OUT_QUALITY: QUALITY, chain.OUT_LEVEL_Q3: Q3, chain.OUT_DISPLAY: LEVEL, chain.OUT_FAST: LEVEL,
        features.OUT_MOBILITY_Q12: MOBILITY,
    }  # fmt: skip
    return Proof(
        fatigue, rules, Invariant(fields, cases), made=[("__init__", [Ref("in.settings"), Ref("in.outbox"), CHANNEL])],
        given={"in.words": Words(tuple(words.get(word, Ref("a word")) for word in range(onset.ALL_WORDS)))},
        calls=[
            [("step", [Ref("in.words"), BIT, T_SAMPLES])], [("begin_hold", [TIME])], [("end_hold", [TIME])],
            [("end_rep", [TIME, TIME])], [("end_set", [TIME])],
        ],
    )  # fmt: skip


def team_proof(channels: int) -> Proof:
    """Who asks whom; a repetition is counted once by each witness, and the time in holds is time of the session."""
    parts = "hold motion _cycle _effort _peak _posture _balance _fatigue _attention".split()
    others: dict[str, Value] = {
        **outbox_columns("self.outbox"),
        **{f"self.hold.{name}": hold_proof().invariant.fields[f"self.{name}"] for name in HOLD_TELLS},
        "self.motion.is_still": BIT, "self.motion.drift_deg10": ANGLE,
        "self._cycle.rep": (0, 3), "self._cycle.confirmed": (0, 3), "self._cycle.rep_pause_ms": TIME,
        "self._cycle.rep_start_t": DATED, "self._cycle.rep_turn_t": DATED, "self._cycle.rep_end_t": DATED,
        "self._cycle.rep_range_deg": (0, 2**16),
        "self._effort.rep": (0, 4), "self._effort.confirmed": (0, 3), "self._effort.in_hold": BIT,
        "self._effort.rep_peak_permille": LEVEL, "self._effort.rep_rest_permille": LEVEL,
        "self._effort.rep_start_t": EARLY, "self._effort.rep_turn_t": EARLY, "self._effort.rep_end_t": EARLY,
        "self._attention.engagement_permille": (-1, 1000), "self._attention.reps": SET_REPS,
        "self._attention.passive": SET_REPS,
    }  # fmt: skip
    fields: dict[str, Value] = {
        "self.outbox": Ref("self.outbox"), **{f"self.{part}": Ref(f"self.{part}") for part in parts}, **others,
        "self.target": (0, channels - 1), "self._calibrated": (0, 2**channels - 1), "self.scored": BIT,
        "self._holds": BIT,
        "self._tops": Words(((-1, LEVEL[1]),) * 3), "self._moves": SET_REPS, "self._top": (-1, LEVEL[1]),
        "self._sensor_t": EARLY, "self._hold_t": TIME, "self._is_up": BIT, "self._is_long": BIT,
        "self._reps": SET_REPS, "self._by_motion": SET_REPS, "self._by_effort": SET_REPS, "self._held": TIME,
        "self._last_t": (-1, TIME[1]), "self.ends_set": BIT, "self.usable": (0, 15),
    }  # fmt: skip
    rules = Rules(
        known={
            "self._moves + 1": SET_REPS, "self._reps + 1": SET_REPS, "self._by_motion + sure": SET_REPS,
            "self._by_effort + found.confirmed": SET_REPS,
            "self._held + (hold.t_samples - self._hold_t)": TIME,  # holds do not overlap
            "found.rep_end_t - found.rep_start_t": TIME,  # it began before it ended
            # A movement turns before it comes back, and stands at the turn in between; its ends are dated by its shape.
            "found.rep_end_t - found.rep_turn_t - found.rep_pause_ms": DATED,
            "found.rep_turn_t - found.rep_start_t": DATED,
        },
        contracts={
            "self.outbox.clear": ((), None), "self.outbox.tell": (EVENT, None),
            "self.hold.step": ((LEVEL, LEVEL, T_SAMPLES), BIT), "self.hold.close": ((TIME,), BIT),
            "self.motion.step": ((None,), None), "self.motion.mark_pose": ((), None),
            "self._cycle.step": ((T_SAMPLES,), None), "self._cycle.close": ((), None),
            "self._effort.step": ((LEVEL, LEVEL, T_SAMPLES), None), "self._effort.close": ((TIME,), None),
            "self._peak.begin_set": ((), None), "self._peak.begin": ((), None), "self._peak.step": ((LEVEL,), None),
            "self._peak.turn": ((TIME,), None), "self._peak.end": ((TIME,), None),
            "self._posture.begin": ((), None), "self._posture.step": ((ANGLE, BIT, TIME), None),
            "self._balance.reset": ((), None), "self._balance.begin": ((TIME,), None),
            "self._balance.end": ((TIME,), None), "self._balance.step": ((None, (0, 15), T_SAMPLES), None),
            "self._fatigue.step": ((None, BIT, T_SAMPLES), None), "self._fatigue.begin_hold": ((TIME,), None),
            "self._fatigue.end_hold": ((TIME,), None), "self._fatigue.end_rep": ((TIME, TIME), None),
            "self._fatigue.end_set": ((TIME,), None), "self._attention.begin_set": ((), None),
            "self._attention.hear": ((BYTE, TIME), None), "self._attention.hear_cue": ((TIME,), None),
            "self._attention.end_rep": ((LEVEL, TIME), BIT),
        },
        keep=("usable", "sure"),
    )  # fmt: skip
    out = Ref("in.out")
    return Proof(
        team, rules, Invariant(fields),
        given={"in.out": Words((Ref("in.words"),) * channels), "in.words": kernel_words()},
        beside=("__init__",),  # it allocates, and so is run and not read
        calls=[
            [("step", [out, Ref("in.imu"), T_SAMPLES, BIT])], [("step", [out, None, T_SAMPLES, BIT])],
            [("close", [TIME])], [("hear_cue", [CUE, T_SAMPLES])],
        ],
    )  # fmt: skip


PROOFS: dict[str, Callable[[], Proof]] = {"pairs of balance": pairs_proof, "fatigue": fatigue_proof}
for _channels in range(1, settings.MAX_CHANNELS + 1):
    PROOFS[f"balance of {_channels}"] = partial(balance_proof, _channels)
    PROOFS[f"team of {_channels}"] = partial(team_proof, _channels)
