#!/usr/bin/env python3
"""When holds begin and end, and how long a lost contraction waits for its cue, against an envelope without delay.

In:     a recording with `mvc_ref`; `hold_intervals_s` where force or angle label its holds
Out:    figures of that file; `summarise` puts those of all files together; as a program: both
Source: mmc_core/pipeline.py itself with its motor on (truth_coach.py); the rule of mmc_core/coach/hold.py, written
        again here in floating point, for a value per millisecond and with all of the future at hand

The envelope without delay: high-pass of order 2, rectify, one pole of 9.6 Hz, each forwards and backwards. The
high-pass stands at 16 Hz, so that twice it is 3 dB down at 20 Hz as the device's is. Twice the one pole has the gain of
the device's two (16.5 ms each, what its delay of 37.5 ms leaves beside the mean of a block), and none of their phase.
A hold begins where this envelope crosses `hold_enter_pct`, if it then stays over
`hold_keep_pct` for `hold_enter_ms`; it ends where it crosses the line below which the muscle counts as let go, if it
stays there for `hold_leave_ms`. Rest noise of 5 % of the reference stands before and after the recording, so that a
hold cut by the file's edge ends there. The device has no motion sensor here: every contraction may be a hold.

`hold_start` is a decision that comes `hold_enter_ms` after the crossing: `start` is its error as logged, `enter` that
of the crossing which any reader can tell from it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import truth_coach
import truth_kernel
from numpy.typing import NDArray
from scipy import signal

from mmc_core import event
from mmc_core.settings import find_row
from mmc_host.body import bodyfile, recording

Figures = dict[str, Any]
Arrays = truth_kernel.Arrays
Envelope = NDArray[np.float64]
HIGHPASS_HZ = 16.0
SMOOTH_HZ = 9.6
LEVEL_MS = 1280  # time constant of the hold's own level
LEAD_S = (4.0, 4.0)
REST_FRACTION = 0.05
LATEST_MS = 1000  # a cue that comes later than this after a crossing is of something else
EARLIEST_MS = -50


def default(name: str) -> int:
    """A setting's default."""
    return find_row(name)[4]


class Hold(NamedTuple):
    """A hold, ms; `is_open`: it lasts to the end of what was played."""

    start_ms: float
    end_ms: float
    is_open: bool


class Seen(NamedTuple):
    """What the rule finds without delay: holds, and the crossings at which the muscle was lost within one."""

    holds: list[Hold]
    lost_ms: list[int]


def without_delay(counts: NDArray[np.int16], reference_uv: float) -> Envelope:
    """Envelope of one channel in permille of the reference, a value per sample, that looks ahead as far as back."""
    highpass = signal.butter(2, HIGHPASS_HZ, "highpass", fs=bodyfile.RATE_HZ, output="sos")
    pole = signal.butter(1, SMOOTH_HZ, fs=bodyfile.RATE_HZ, output="sos")
    rectified = np.abs(signal.sosfiltfilt(highpass, counts.astype(float)))
    return signal.sosfiltfilt(pole, rectified) * (bodyfile.NV_PER_COUNT / reference_uv)


def follow(envelope: Envelope) -> Seen:
    """The rule of holds on an envelope without delay, permille, one value per ms, with the default settings."""
    enter, keep, leave = (10 * default(f"hold_{name}_pct") for name in ("enter", "keep", "leave"))
    enter_ms, leave_ms = default("hold_enter_ms"), default("hold_leave_ms")
    values = envelope.tolist()
    holds: list[Hold] = []
    lost: list[int] = []
    at = 0
    while at < len(values):
        if values[at] < enter:
            at += 1
            continue
        stretch = values[at : at + enter_ms]
        fell = next((k for k, value in enumerate(stretch) if value < keep), None)
        if fell is not None or len(stretch) < enter_ms:
            at += len(stretch) if fell is None else fell
            continue
        end = _follow_hold(values, at + enter_ms, sum(stretch) / enter_ms, leave, lost)
        holds.append(Hold(at, len(values) if end is None else end, end is None))
        at = len(values) if end is None else end + leave_ms
    return Seen(holds, lost)


def _follow_hold(values: list[float], begin: int, level: float, leave: float, lost: list[int]) -> int | None:
    """Where a hold ends that is on since `begin`, None: not before the end; adds to `lost` where it was lost."""
    share, regain = default("lost_share_pct") / 100, default("regain_share_pct") / 100
    lost_ms, regain_ms, leave_ms = default("lost_ms"), default("regain_ms"), default("hold_leave_ms")
    below = above = 0
    is_lost = False
    for at in range(begin, len(values)):
        value = values[at]
        line = max(leave, level * share)
        below = below + 1 if value < line else 0
        if below == lost_ms and not is_lost:
            is_lost = True
            above = 0
            lost.append(at + 1 - below)
        if below >= leave_ms:
            return at + 1 - below
        if is_lost:
            above = above + 1 if value >= max(1.25 * leave, level * regain) else 0
            is_lost = above < regain_ms
        else:
            level += (value - level) / LEVEL_MS
    return None


def told_holds(played: truth_coach.Played) -> list[Hold]:
    """The device's holds, with their times as it dates them."""
    holds: list[Hold] = []
    start = None
    for told in played.of(event.EVENT_HOLD_START, event.EVENT_HOLD_END):
        if told.kind == event.EVENT_HOLD_START:
            start = told.t_samples
        elif start is not None:
            holds.append(Hold(start, told.t_samples, told.reason == event.REASON_SESSION_END))
            start = None
    return holds


def pairs(told: Sequence[Hold], true: Sequence[Hold]) -> list[tuple[Hold, Hold]]:
    """(told, true): each true hold with the one told that overlaps it most; none is paired twice."""
    overlaps = [
        (min(a.end_ms, b.end_ms) - max(a.start_ms, b.start_ms), i, k)
        for i, a in enumerate(told)
        for k, b in enumerate(true)
    ]
    found: list[tuple[Hold, Hold]] = []
    used: tuple[set[int], set[int]] = (set(), set())
    for overlap, i, k in sorted(overlaps, reverse=True):
        if overlap > 0 and i not in used[0] and k not in used[1]:
            used[0].add(i)
            used[1].add(k)
            found.append((told[i], true[k]))
    return found


def waits_ms(cues: Sequence[tuple[int, int]], crossings: Sequence[int]) -> list[int]:
    """From each crossing at which the muscle was lost to the first motor command that says so; none: not there."""
    engage = [t for pattern, t in cues if pattern == event.CUE_ENGAGE]
    found: list[int] = []
    for crossing in crossings:
        late = [t - crossing for t in engage if EARLIEST_MS <= t - crossing <= LATEST_MS]
        found += late[:1]
    return found


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of holds; nothing without a reference, or at rest."""
    if "emg" not in arrays or "mvc_ref" not in arrays or bool(arrays.get("rest", False)):
        return {}
    target = truth_kernel.target_of(arrays)
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.bin")
        info = recording.write_recording(
            path, body, {str(target): "target"}, lead_s=LEAD_S, rest_fraction=REST_FRACTION
        )
        counts = np.ascontiguousarray(bodyfile.read(body).emg[-info.n_samples :, :1])
    reference_uv = info.reference_uv[0]
    assert reference_uv is not None
    return compare(counts, reference_uv, arrays)


def compare(counts: NDArray[np.int16], reference_uv: float, arrays: Arrays) -> Figures:
    """Device and envelope without delay on the same counts, (samples, 1) with LEAD_S of rest before the recording."""
    played = truth_coach.play(counts, truth_coach.calibrated([reference_uv], cue_fade="off"))
    told = told_holds(played)
    seen = follow(without_delay(counts[:, 0], reference_uv))
    both = pairs(told, seen.holds)
    waits = waits_ms(played.cues, seen.lost_ms)
    labels = np.reshape(arrays.get("hold_intervals_s", ()), (-1, 2)) + LEAD_S[0]
    labelled = pairs(told, [Hold(1000 * first, 1000 * last, False) for first, last in labels.tolist()])
    return {
        "hold_labelled": bool(len(labels)),
        "holds_told": len(told),
        "holds_true": len(seen.holds),
        "holds_matched": len(both),
        "hold_start_errors_ms": [a.start_ms - b.start_ms for a, b in both],
        "hold_enter_errors_ms": [a.start_ms - default("hold_enter_ms") - b.start_ms for a, b in both],
        "hold_end_errors_ms": [a.end_ms - b.end_ms for a, b in both if not a.is_open and not b.is_open],
        "hold_start_bias_ms": [a.start_ms - b.start_ms for a, b in labelled],
        "hold_end_bias_ms": [a.end_ms - b.end_ms for a, b in labelled if not a.is_open],
        "lost_true": len(seen.lost_ms),
        "lost_to_motor_ms": waits,
    }


def summarise(rows: list[Figures]) -> Figures:
    """All files together: `labelled` those with labelled holds, `other` the rest."""
    found: Figures = {}
    for name in ("labelled", "other"):
        mine = [row for row in rows if row["hold_labelled"] == (name == "labelled")]
        if not mine:
            continue

        def pooled(key: str, mine: list[Figures] = mine) -> list[float]:
            return [value for one in mine for value in one[key]]

        row: Figures = {"files": len(mine)}
        for key in ("holds_told", "holds_true", "holds_matched", "lost_true"):
            row[key] = sum(one[key] for one in mine)
        for edge in ("start", "enter", "end"):
            errors = pooled(f"hold_{edge}_errors_ms")
            row[f"hold_{edge}_abs_error_ms"] = truth_coach.spread(np.abs(errors).tolist())
            row[f"hold_{edge}_error_ms"] = truth_coach.spread(errors)
        for edge in ("start", "end"):
            row[f"hold_{edge}_bias_ms"] = truth_coach.spread(pooled(f"hold_{edge}_bias_ms"))
        row["lost_to_motor_ms"] = truth_coach.spread(pooled("lost_to_motor_ms"))
        found[name] = row
    return found


def main() -> int:
    """Measure and print."""
    files = truth_kernel.judge_asked(__doc__, judge)
    if files is None:
        return 0
    for name, (_, row) in files.items():
        print(f"{name:24} " + "  ".join(f"{key} {value}" for key, value in row.items()))
    for kind, row in summarise([row for _, row in files.values()]).items():
        print(f"\n{kind}")
        for key, value in row.items():
            shown = {k: round(v, 1) for k, v in value.items()} if isinstance(value, dict) else value
            print(f"  {key:26} {shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
