"""What the proofs of a repetition's witnesses take for granted: muscle (effort), motion sensor, and its movements.

small_int_proofs.py says what a proof is. Time only goes on: each lemma on the distance of two times says which of them
is the earlier one.
"""

from __future__ import annotations

from collections.abc import Callable

from interval_values import Interval, Invariant, Ref, Rules, Value, Words
from small_int_coach import ANGLE, BLOCKS, SET_REPS
from small_int_proofs import BIT, COUNT, LEVEL, T_SAMPLES, TIME, Proof

from mmc_core.coach import cycle, effort, motion

EARLY: Interval = (-200, TIME[1])  # a time, less the delay of what saw it
LEVEL_Q7: Interval = (0, LEVEL[1] << 7)
PERIOD: Interval = (-200, 30000)  # samples: a pause that ends no set, behind the longest contraction
SIGNAL: Interval = (-(2**22), 2**22)  # 256 g, or 2^29 / 2^10 of an angle
RATE = 8191
PLACE = 2**23
AT: Interval = (-(2**18), 2**18)
WAY: Interval = (0, 2 * AT[1])  # between two places
DATED: Interval = (-(2**20), TIME[1])  # a time, less that and the easing of a leg
LEG_MS: Interval = (400, TIME[1] + 2**20)
MOST_MS = 60000
TURNED_DEG: Interval = (0, 2600)  # a component is at most 8 radians, and three of them are together


def effort_proof() -> Proof:
    fields: dict[str, Value] = {
        "self._rest": (0, 1000 << 7), "self.rep": (0, 4), "self.confirmed": (0, 3), "self.set_count": SET_REPS,
        "self.in_hold": BIT, "self._up": BIT, "self._turned": BIT, "self._too_long": BIT, "self.rep_start_t": EARLY,
        "self.rep_turn_t": EARLY, "self.rep_end_t": EARLY, "self.rep_peak_permille": LEVEL,
        "self.rep_rest_permille": LEVEL, "self._level": LEVEL_Q7, "self._low": LEVEL_Q7, "self._peak": LEVEL_Q7,
        "self._top": LEVEL_Q7, "self._under": (0, 20), "self._high": BLOCKS, "self._rise_t": TIME,
        "self._begin_t": EARLY,
        "self._run": SET_REPS, "self._like": LEVEL_Q7, "self._length": (0, 15000), "self._period": PERIOD,
        "self._last_end_t": EARLY,
    }  # fmt: skip
    cases: list[dict[str, Value]] = [
        {"self._up": (0, 0), "self._under": (0, 20)},
        {"self._up": (1, 1), "self._under": (0, 19)},
    ]
    rules = Rules(
        known={
            "begin_t - self._last_end_t": EARLY,
            "self._run + 1": SET_REPS,
            "self._high + 1": BLOCKS,
            "self.set_count + self.confirmed": SET_REPS,
        },
        # Below this half of the level is above the valley, and a 2048th of the way there is short of it.
        cuts={
            "low = self._low": ("self._low", (LEVEL_Q7[1] >> 1,)),
            "self._peak = self._peak - (self._peak - _PEAK >> _FADE)": ("self._peak", ((500 << 7) - 1,)),
        },
    )
    return Proof(
        effort, rules, Invariant(fields, cases), made=[("__init__", [(0, 1000)])],
        calls=[[("step", [LEVEL, LEVEL, T_SAMPLES])], [("close", [TIME])]],
    )  # fmt: skip


def motion_proof() -> Proof:
    """The axis is the rates of a few seconds, and the place along it the sum of them, limited."""
    most = RATE << 8 | 255
    turned = ((1 << 29) // (2928 // 512)) - 1
    fields: dict[str, Value] = {
        "self._per_g": (128, 16384), "self._per_dps": (1, 512), "self._rad_q24": (2928 // 512, 2928),
        "self._most_turned": ((1 << 29) // 2928, turned + 1), "self._turned": Words(((-turned - 1, turned + 1),) * 3),
        "self._first": Words((SIGNAL,) * 6), "self.now": Words((SIGNAL,) * 6),
        "self._rates": Words(((-RATE, RATE),) * 6), "self._axis": Words(((-most, most),) * 6),
        "self._length": (1, 6 * (RATE + 1) ** 2), "self._place": (-PLACE, PLACE), "self._pose": Words((SIGNAL,) * 3),
        "self._is_fresh": BIT, "self._has_gyro": BIT, "self._is_calm": BIT, "self._is_quiet": BIT,
        "self._speed_q4": (0, 2**25), "self.calm_blocks": BLOCKS, "self.is_still": BIT,
        "self.speed_dps": (0, 2**21), "self.at": AT, "self.rate": (-3 * RATE, 3 * RATE),
    }  # fmt: skip
    rules = Rules(
        known={
            # What is added up is at most 2^29 // _rad_q24.
            "self._turned[i - 3] * self._rad_q24": (-(2**29), 2**29),
            "self.calm_blocks + 1": BLOCKS,
            # Of three squares, each at most that of the guess; one step of Newton's later it is at least their root.
            "square // guess": (1, 3 * 16383),
            # The lesser of two by the greater.
            "(min(across, abs(along)) << 10) // most": (0, 1024),
        },
        # A signal that is added to what is forgotten of it stays within its ends where there is enough to forget.
        cuts={
            "axis[i] = x - (x >> _AXIS) + (rates[i] if rate >= 0 else -rates[i])": (
                "x", (-most + 254, -7935 * 256 - 1, -1, 7935 * 256 - 1, most - 256),
            )
        },
        keep=("self._is_calm", "self._is_quiet", "self._has_gyro"),
    )  # fmt: skip
    signals = Words((SIGNAL,) * 6)
    return Proof(
        motion, rules, Invariant(fields), made=[("__init__", [(128, 16384), (1, 512)])],
        given={"in.imu": Words((COUNT,) * 6), "in.begin": signals, "in.end": signals},
        calls=[
            [("step", [Ref("in.imu")])], [("turn_axis", [])], [("mark_pose", [])], [("drift_deg10", [])],
            [("turned_deg", [Ref("in.begin"), Ref("in.end"), LEG_MS])],
        ],
        returns={"drift_deg10": ANGLE, "turned_deg": TURNED_DEG},
    )  # fmt: skip


def cycle_proof() -> Proof:
    places = "_base_at _far_at _low_at _mark_at".split()
    times = "_base_t _start_t _far_t _low_t _mark_t _leave_t".split()
    dated = "_end_t rep_start_t rep_turn_t rep_end_t".split()
    given: dict[str, Value] = {
        "in.motion.at": AT, "in.motion.rate": (-3 * RATE, 3 * RATE), "in.motion.calm_blocks": BLOCKS,
        "in.motion.now": Words((SIGNAL,) * 6),
    }  # fmt: skip
    fields: dict[str, Value] = {
        "self._motion": Ref("in.motion"), **given,
        **{f"self.{name}": Words((SIGNAL,) * 6) for name in ("_base", "_far", "_low")},
        "self._way": Words(((SIGNAL[0] >> 6, SIGNAL[1] >> 6),) * 6), "self._state": (0, 2), "self._is_open": BIT,
        **{f"self.{name}": AT for name in places}, **{f"self.{name}": TIME for name in times},
        **{f"self.{name}": DATED for name in dated},
        "self._usual": (-WAY[1], WAY[1]), "self._away_ms": (0, MOST_MS), "self._rep_ms": (0, MOST_MS),
        "self._like_length": (-WAY[1], WAY[1]), "self._like_ms": (0, MOST_MS), "self._run": SET_REPS,
        "self._odd": BIT, "self.rep": (0, 3), "self.confirmed": (0, 3), "self.set_count": SET_REPS,
        "self.rep_range_deg": (0, 2**16), "self.rep_pause_ms": TIME,
    }  # fmt: skip
    rules = Rules(
        known={
            "at - self._base_at": WAY,  # where it is looked at, it is beyond
            "t - self._start_t": TIME,
            "self._mark_t - _DELAY_MS - self.rep_turn_t - self.rep_pause_ms": TIME,
            "end_t - self.rep_start_t": TIME,
            "self._run + 1": SET_REPS,
            "self.set_count + self.confirmed": SET_REPS,
            # Of 6 squares of at most 1023 each.
            "root(square)": (0, 2506),
            "root(before)": (0, 2506),
            # A guess of Newton's is never below the root, and goes down from 2^15.
            "square // guess": (0, 2**15),
            "guess + square // guess >> 1": (1, 2**15),
        },
        contracts={
            "in.motion.turn_axis": ((), None),
            "in.motion.turned_deg": ((None, None, LEG_MS), TURNED_DEG),
        },
        keep=("self._state",),
    )
    return Proof(
        cycle, rules, Invariant(fields), made=[("__init__", [Ref("in.motion")])],
        given=given,
        calls=[[("step", [T_SAMPLES])], [("close", [])]],
    )  # fmt: skip


PROOFS: dict[str, Callable[[], Proof]] = {
    "effort": effort_proof,
    "motion": motion_proof,
    "cycle": cycle_proof,
}
