"""What the proofs of the coach and of the cues take for granted; small_int_proofs.py says what a proof is.

What a question of the coach is given: levels of at most 4095 permille, times within the session. What it tells goes
through Outbox.tell, a contract to all of them (TELL). The other questions are in small_int_movement.py and, with
team.py, which asks them all, in small_int_units.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from interval_values import Interval, Invariant, Ref, Rules, Value, Words
from small_int_proofs import (
    BIT,
    BYTE,
    COMMAND,
    COUNT,
    CUE,
    LEVEL,
    RARE,
    SMALL,
    T_SAMPLES,
    TIME,
    Proof,
    outbox_columns,
    setting_values,
)

from mmc_core import cue, settings
from mmc_core.coach import attention, hold, outbox, peak, posture

CHANNEL: Interval = (0, settings.MAX_CHANNELS - 1)
ANGLE: Interval = (0, 3600)  # tenths of a degree; two directions are at most half of that apart
SET_REPS: Interval = (0, TIME[1] // 1000)  # one a second for 12 days; nobody does so many without a pause
BLOCKS: Interval = (0, RARE)  # a run of blocks ends with the session, if not before

# kind, channel, value, threshold, reason, time; what began before the session is told as if it began with it.
EVENT = (BYTE, BYTE, SMALL, SMALL, BYTE, (SMALL[0], TIME[1]))
TELL = {"in.outbox.tell": (EVENT, None)}


def hold_proof() -> Proof:
    """The sum over `_run` blocks is at most 4095 for each; in a hold the counter is another's and the sum is stale."""
    top = LEVEL[1]
    fields: dict[str, Value] = {
        "self._enter": (50, 1000), "self._keep": (20, 1000), "self._enter_blocks": (10, 300),
        "self._leave": (20, 1000), "self._leave_blocks": (10, 500), "self._lost_share_pct": (10, 90),
        "self._lost_blocks": (1, 100), "self._regain_share_pct": (15, 100), "self._regain_blocks": (1, 100),
        "self._ring": Words((LEVEL,) * 8), "self._ring_sum": (0, 8 * top), "self._ring_at": (0, 7),
        "self.in_hold": BIT, "self.is_lost": BIT, "self._run": (0, 299), "self._sum": (0, 300 * top),
        "self._low_run": (0, 500), "self._low_t_samples": TIME, "self._level_q7": (0, 128 * top + 127),
        "self.kind": (0, 4), "self.value": LEVEL, "self.threshold": LEVEL, "self.reason": (0, 5),
        "self.t_samples": TIME,
    }  # fmt: skip
    idle: list[dict[str, Value]] = [
        {"self._run": (run, run), "self.in_hold": (0, 0), "self._sum": (0, top * run)} for run in range(1, 300)
    ]
    cases: list[dict[str, Value]] = [
        {"self.in_hold": (0, 0), "self._run": (0, 0)},
        {"self.in_hold": (1, 1), "self._run": (0, 99), "self._low_run": (0, 499)},
        *idle,
    ]
    # The running level goes 1/128 of the way: pieces of it in which that keeps it within its ends.
    level = ("self._level_q7", (127, 128 * 129 - 1, 128 * 3967 - 1, 128 * top - 1))
    rules = Rules(
        # `_ring_sum` is the sum of the ring: what goes out is subtracted, what comes in is added.
        known={"self._ring_sum + (fast - ring[at])": (0, 8 * top)},
        cuts={"level = self._level_q7 >> _LEVEL_SHIFT": level},
    )
    return Proof(
        hold, rules, Invariant(fields, cases),
        made=[("__init__", [Ref("in.settings")])], given=setting_values(),
        calls=[[("step", [LEVEL, LEVEL, T_SAMPLES])], [("close", [TIME])], [("reset", [])], [("level", [])]],
        returns={"step": BIT, "close": BIT, "level": LEVEL},
    )  # fmt: skip


def outbox_proof() -> Proof:
    fields: dict[str, Value] = outbox_columns("self")
    # Five too many in every block of 12 days are fewer.
    rules = Rules(known={"self.dropped + 1": (0, RARE)})
    return Proof(
        outbox, rules, Invariant(fields), made=[("__init__", [])],
        calls=[[("clear", [])], [("tell", EVENT)]],
    )  # fmt: skip


def peak_proof() -> Proof:
    """The sum has as many peaks as there were repetitions, three at most."""
    top = LEVEL[1]
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), "self._channel": CHANNEL, "self._wanted_permille": (0, 2000),
        "self._hold_blocks": (0, 500), "self._reps": (0, 3), "self._sum": (0, 3 * top), "self.peak": LEVEL,
        "self._run": BLOCKS, "self._longest": BLOCKS,
    }  # fmt: skip
    cases: list[dict[str, Value]] = [{"self._reps": (reps, reps), "self._sum": (0, reps * top)} for reps in range(4)]
    return Proof(
        peak, Rules(known={"self._run + 1": BLOCKS}, contracts=TELL), Invariant(fields, cases), given=setting_values(),
        made=[("__init__", [Ref("in.settings"), Ref("in.outbox"), CHANNEL])],
        calls=[
            [("step", [LEVEL])], [("turn", [TIME])], [("end", [TIME])], [("wanted", [])], [("begin", [])],
            [("begin_set", [])],
        ],
        returns={"wanted": LEVEL},
    )  # fmt: skip


def attention_proof() -> Proof:
    """What a set adds up is time of the session, no part of it twice: holds do not overlap, and neither do lapses."""
    since: Interval = (-1, TIME[1])
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), "self._channel": CHANNEL, "self._passive_permille": (10, 1500),
        "self.reps": SET_REPS, "self.passive": SET_REPS, "self._hold_samples": TIME, "self._lapsed_samples": TIME,
        "self._began": since, "self._lost": since, "self._cued": since,
    }  # fmt: skip
    rules = Rules(
        known={
            "self.reps + 1": SET_REPS,
            "self.reps - self.passive": SET_REPS,  # a passive repetition is a repetition
            "1000 * (self.reps - self.passive) // self.reps": (0, 1000),
            "self.passive + 1": SET_REPS,
            "self._hold_samples + max(0, t_samples - self._began)": TIME,
            "self._lapsed_samples + length": TIME,
        },
        contracts=TELL,
    )
    return Proof(
        attention, rules, Invariant(fields), given=setting_values(),
        made=[("__init__", [Ref("in.settings"), Ref("in.outbox"), CHANNEL, (0, 1000)])],
        calls=[
            [("hear", [BYTE, TIME])], [("hear_cue", [TIME])], [("end_rep", [LEVEL, TIME])],
            [("engagement_permille", [])], [("begin_set", [])],
        ],
        returns={"end_rep": BIT, "engagement_permille": (-1, 1000)},
    )  # fmt: skip


def posture_proof() -> Proof:
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), "self._limit": (30, 900), "self._run": BLOCKS, "self._is_told": BIT,
    }  # fmt: skip
    return Proof(
        posture, Rules(known={"self._run + 1": BLOCKS}, contracts=TELL), Invariant(fields), given=setting_values(),
        made=[("__init__", [Ref("in.settings"), Ref("in.outbox")])],
        calls=[[("step", [ANGLE, BIT, TIME])], [("begin", [])]],
    )  # fmt: skip


def cue_proof(most: int) -> Proof:
    """The length of an array is no interval: a proof for each number of cues in a minute."""
    ranks = vars(cue)["_RANKS"]
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), **outbox_columns("in.outbox"), "self._enabled": (0, 127),
        "self._rest_samples": (300, 60000), "self._band_pct": (0, 50), "self._fades": BIT,
        "self._probe_every": (0, 20), "self._fastest_dps": (0, 2000),
        "self._given": Words(((-1000000, TIME[1]),) * most), "self._given_at": (0, most - 1),
        "self._channels": Words((BYTE,) * ranks), "self._values": Words((COUNT,) * ranks),
        "self._thresholds": Words((COUNT,) * ranks), "self._waiting": (0, 127),
        "self._last_t_samples": (-1000000, TIME[1]), "self._units": BLOCKS, "self._unit": (0, 8), "self._good": BIT,
        "self._left_out": (0, 3), "self._since": (0, 3), "self._at_fault": BIT, "self.is_probe": BIT,
        "self.channel": BYTE, "self.value": COUNT, "self.threshold": COUNT,
        "self._command": COMMAND, "self._is_beat": BIT, "self.counts": BIT, "self.pulses": (0, 3),
    }  # fmt: skip
    rules = Rules(
        # In no block do more than two units begin, a hold and a repetition, and either takes several blocks.
        known={
            "self._units + 1": BLOCKS,
            "command & 15": CUE,  # whoever commands names a pattern; test_plan.py has those of a plan
        },
        keep=("rank",),
        contracts=TELL,
    )
    return Proof(
        cue, rules, Invariant(fields), made=[("__init__", [Ref("in.settings"), Ref("in.outbox")])],
        given={**setting_values(), "in.settings.cue_max_per_min": (most, most), **outbox_columns("in.outbox")},
        calls=[[("hear", [(0, outbox.SIZE - 1)])], [("next", [BIT, T_SAMPLES, SMALL, COMMAND])],
               [("next", [BIT, T_SAMPLES])], [("reset", [])]],
        returns={"next": CUE},
    )  # fmt: skip


PROOFS: dict[str, Callable[[], Proof]] = {
    "hold": hold_proof,
    "outbox": outbox_proof,
    "peak": peak_proof,
    "attention": attention_proof,
    "posture": posture_proof,
}
for _number in range(1, settings.find_row("cue_max_per_min")[3] + 1):
    PROOFS[f"cue of {_number} a minute"] = partial(cue_proof, _number)
