"""What the proof of a program's course takes for granted; small_int_proofs.py says what a proof is.

A program's numbers are within what program.py lets pass, whatever a plan hears are events as an outbox has them, in any
order, and a session lasts as long as times are small. The constructor allocates, and so is run and not read.
"""

from __future__ import annotations

from collections.abc import Sequence

from interval_values import Interval, Invariant, Ref, Rules, Value, Words
from small_int_coach import CHANNEL, SET_REPS, TELL
from small_int_proofs import BIT, COMMAND, LEVEL, RARE, T_SAMPLES, TIME, Proof, outbox_columns

from mmc_core.coach import plan

MINE = vars(plan)
NEVER: int = MINE["_NEVER"]
MOST_BLOCKS: int = MINE["_MOST_BLOCKS"]
SUM: Interval = (0, LEVEL[1] * MOST_BLOCKS)
SINCE: Interval = (-1, TIME[1])
# No expression and no condition is of both levels and beats: every number of either will do, and the ends of both.
COUNTS = (3, 3), (0, 0), (0, 3), (3, 0), (1, 2), (2, 1)
PHASES = plan.RESTING, plan.WORKING, plan.RELAXING, plan.TIGHT, plan.DONE


def plan_proof(counts: Sequence[tuple[int, int]] = COUNTS) -> Proof:
    """So many levels, and so many beats. Nothing is under way in a rest, and behind each rest there is a set more."""
    fields: dict[str, Value] = {
        "self._outbox": Ref("in.outbox"), **outbox_columns("in.outbox"), "self._mode": (0, 5), "self._sets": (1, 20),
        "self._reps": (0, 300), "self._hold": (0, 600_000), "self._relax": (0, 120_000), "self._rest": (0, 900_000),
        "self._levels": Words(()), "self._beats": Words(()), "self._low": (10, 2000), "self._high": (10, 2000),
        "self._target": CHANNEL, "self._tiring": (0, 1000), "self._losses": (0, 50), "self._is_led": BIT,
        "self.has_signals": BIT,
        "self.units": SET_REPS, "self.in_band": SET_REPS, "self.command": COMMAND, "self.set_is_over": BIT,
        "self.skips": BIT, "self._set": (0, 20), "self._began": SINCE, "self._draw": (0, 65536), "self.phase": (0, 4),
        "self._due": (0, NEVER), "self._done": SET_REPS, "self._lost": (0, RARE), "self._is_tired": BIT,
        "self._is_told": BIT, "self._is_open": BIT, "self._beat": (0, 2), "self._beat_t": (0, NEVER),
        "self._signal": SINCE, "self._sum": SUM, "self._blocks": (0, MOST_BLOCKS), "self._run": (0, RARE),
    }  # fmt: skip
    idle: dict[str, Value] = {"self._began": (-1, -1), "self._signal": (-1, -1)}
    never: Interval = (NEVER, NEVER)
    cases: list[dict[str, Value]] = [
        {
            "self._levels": Words(((1, 100),) * levels), "self._beats": Words(((1, 20_000),) * beats),
            "self._beat": (0, max(0, beats - 1)), "self._beat_t": (0, NEVER) if beats else never,
            "self.phase": (phase, phase), "self._set": (0, 19) if phase == plan.RESTING else (0, 20),
            "self._due": never if phase == plan.DONE else (0, NEVER),
            **(idle if phase in (plan.RESTING, plan.DONE) else {"self._began": SINCE, "self._signal": SINCE}),
        }
        for levels, beats in counts for phase in PHASES
    ]  # fmt: skip
    rules = Rules(
        known={
            "t_samples - self._began": TIME,  # it began with an earlier block
            "self._sum + envelope": SUM,  # of as many blocks as `_blocks` says
            "self._sum // max(1, self._blocks)": LEVEL,  # a mean
            # Each took longer than a second, or was told once in one that did.
            "self.units + 1": SET_REPS, "self._done + 1": SET_REPS,
            "self.in_band + (self._low <= level <= self._high)": SET_REPS,  # no more than there were units
            "1000 * self.in_band // self.units": (0, 1000),
            "self._run + 1": (0, RARE),  # of blocks of the session
            "self._lost + (self._began >= 0 if self._mode == program.MODE_HOLD else self.phase != RELAXING)": (0, RARE),
        },
        contracts=TELL,
        keep=("self.phase", "self._levels", "self._beats"),
    )  # fmt: skip
    return Proof(
        plan, rules, Invariant(fields, cases), given=outbox_columns("in.outbox"), beside=("__init__",),
        calls=[[("step", [LEVEL, LEVEL, BIT, T_SAMPLES])], [("close", [TIME])]],
    )  # fmt: skip
