#!/usr/bin/env python3
"""Repetitions from EMG alone on recordings with known truth, by what arrays a file carries, and a grid of settings.

In:     a recording's path and arrays
Out:    figures of that file; `summarise` puts those of all files together; as a program: the table and the share of a
        grid of neighbouring constants that passes too
Source: mmc_core/coach/effort.py itself; the kernel's text runs on the host (mmc_host/replay.py)

The target muscle alone decides. `mvc_ref` stands for the calibration. Without it the file's own strong level does: the
99th percentile of its display envelope counts as 1000 permille. Bad blocks are not shown, as on the device.
A repetition of the file is paired with the one told that overlaps it most. Times of `rep_start_s` and friends are a
goniometer's: a muscle begins before the joint moves and lets go before it stands still, which no detector can undo.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import types
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import truth_kernel
from numpy.typing import NDArray

from mmc_core import chain
from mmc_core.coach import effort
from mmc_core.sample import BLOCK_SAMPLES, QUALITY_BAD
from mmc_host.body import bodyfile, recording
from mmc_host.replay import replay

Figures = dict[str, Any]
Arrays = truth_kernel.Arrays
STRONG_PERCENTILE = 99
MAINS_HZ = 50  # of the notch, where nothing else is known
MOST_MISSES = 1  # of the files with labelled repetitions, one may be off, and that by one
MOST_OFF = 1


class Levels(NamedTuple):
    """What the detector is shown: a row (envelope, display, t_samples) for each good block, and when the file ends."""

    blocks: list[tuple[int, int, int]]
    end_t: int


class Rep(NamedTuple):
    """A contraction that ended, seconds and permille."""

    start_s: float
    turn_s: float
    end_s: float
    peak_permille: int
    rest_permille: int
    held: bool


class Told(NamedTuple):
    """What the detector said of a file."""

    reps: list[Rep]
    confirmed: int
    dropped: int


def channel_of(arrays: Arrays) -> int:
    """The muscle that the file's count is of, else the working one."""
    if "n_reps_channel" in arrays:
        return int(np.ravel(arrays["n_reps_channel"])[0])
    return truth_kernel.target_of(arrays)


def counts_of(path: Path, arrays: Arrays, column: int) -> tuple[NDArray[np.int16], float | None]:
    """A muscle's counts, (samples, 1), and its reference in microvolt where the file has one."""
    scale_uv = truth_kernel.scale_uv_of(arrays)
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.bin")
        info = recording.write_recording(path, body, {str(column): "target"}, scale_uv=scale_uv)
        counts = bodyfile.read(body).emg[-info.n_samples :, :1]
    return np.ascontiguousarray(counts[: info.recording_samples]), info.reference_uv[0]


def levels(path: Path, arrays: Arrays, column: int | None = None) -> Levels:
    """The envelopes of a muscle in permille of the reference, by the device's kernel and its scaling."""
    counts, reference_uv = counts_of(path, arrays, channel_of(arrays) if column is None else column)
    kernel = truth_kernel.make_kernel(1, MAINS_HZ)
    if not reference_uv:
        display_uv = truth_kernel.run(counts, MAINS_HZ)[:, 0, chain.OUT_DISPLAY_UV]
        reference_uv = max(float(np.percentile(display_uv, STRONG_PERCENTILE)), 1.0)
    kernel.set_reference(0, max(1, round(reference_uv * 8000 / bodyfile.NV_PER_COUNT)), 0)
    words = replay(kernel, counts).words[:, 0].astype(np.int64)
    good = words[:, chain.OUT_QUALITY] & QUALITY_BAD == 0
    at = BLOCK_SAMPLES * (np.arange(len(words)) + 1)
    rows = np.stack([words[:, chain.OUT_ENVELOPE], words[:, chain.OUT_DISPLAY], at], axis=1)[good]
    return Levels([(envelope, display, t) for envelope, display, t in rows.tolist()], BLOCK_SAMPLES * len(words))


def follow(shown: Levels, detector: effort.Effort | None = None) -> Told:
    """What a detector, the device's own by default, says of a file from its begin to its end."""
    detector = effort.Effort() if detector is None else detector
    reps: list[Rep] = []
    confirmed = dropped = 0
    step = detector.step
    for envelope, display, t_samples in shown.blocks:
        step(envelope, display, t_samples)
        if detector.rep:
            if detector.rep == effort.ENDED:
                reps.append(_rep(detector))
                confirmed += detector.confirmed
            dropped += detector.rep == effort.DROPPED
    detector.close(shown.end_t)
    if detector.rep == effort.ENDED:
        reps.append(_rep(detector))
        confirmed += detector.confirmed
    return Told(reps, confirmed, dropped)


def _rep(detector: effort.Effort) -> Rep:
    times = (detector.rep_start_t, detector.rep_turn_t, detector.rep_end_t)
    start_s, turn_s, end_s = (t / bodyfile.RATE_HZ for t in times)
    return Rep(start_s, turn_s, end_s, detector.rep_peak_permille, detector.rep_rest_permille, detector.in_hold)


def true_count(arrays: Arrays) -> int | None:
    """How many repetitions the file has; None: it does not say."""
    if "n_reps" in arrays:
        return int(np.ravel(arrays["n_reps"])[0])
    if "onsets_s" in arrays:
        return arrays["onsets_s"].size
    return 0 if bool(arrays.get("rest", False)) else None


def kind_of(arrays: Arrays) -> str:
    """What the file's arrays ask: `joint` (repetitions of a joint), `burst`, `hold`, `rest`, or nothing: `other`."""
    if "rep_start_s" in arrays and true_count(arrays):
        return "joint"
    if true_count(arrays):
        return "burst"
    if bool(arrays.get("rest", False)):
        return "rest"
    return "hold" if np.size(arrays.get("hold_intervals_s", ())) else "other"


def inside_holds(reps: list[Rep], arrays: Arrays) -> int:
    """Repetitions that begin and end within one labelled hold."""
    holds = np.reshape(arrays.get("hold_intervals_s", ()), (-1, 2))
    return sum(bool(first <= rep.start_s and rep.end_s <= last) for rep in reps for first, last in holds)


def timing(reps: list[Rep], arrays: Arrays) -> Figures:
    """Median error of starts, turns and ends in ms, above 0: told late; bursts have no labelled turn."""
    names = ("rep_start_s", "rep_peak_s", "rep_end_s")
    if names[0] not in arrays:
        names = ("onsets_s", "", "offsets_s")
    if names[0] not in arrays or not reps:
        return {}
    begin, turn, end = (np.ravel(arrays[name]) if name else None for name in names)
    if begin is None or end is None:
        return {}
    errors: dict[str, list[float]] = {"start": [], "turn": [], "end": []}
    for number, (first, last) in enumerate(zip(begin, end, strict=True)):
        low, high = (first if first == first else -np.inf), (last if last == last else np.inf)
        told = max(reps, key=lambda rep: min(rep.end_s, high) - max(rep.start_s, low))
        if min(told.end_s, high) <= max(told.start_s, low):
            continue
        errors["start"].append(1000 * (told.start_s - first))
        errors["end"].append(1000 * (told.end_s - last))
        if turn is not None:
            errors["turn"].append(1000 * (told.turn_s - turn[number]))
    found: Figures = {}
    for name, values in errors.items():
        known = [value for value in values if value == value]
        if known:
            found[f"rep_{name}_error_ms_median"] = float(np.median(known))
            found[f"rep_{name}_abs_error_ms_median"] = float(np.median(np.abs(known)))
    return found


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of the detector; nothing without EMG."""
    if "emg" not in arrays:
        return {}
    told = follow(levels(path, arrays))
    true = true_count(arrays)
    found: Figures = {"rep_kind": kind_of(arrays), "reps_told": told.confirmed, "reps_provisional": len(told.reps)}
    if true is not None:
        found |= {"reps_true": true, "reps_off": told.confirmed - true}
    if "hold_intervals_s" in arrays:
        found["reps_in_holds"] = inside_holds(told.reps, arrays)
    if found["rep_kind"] in ("joint", "burst"):
        found |= timing(told.reps, arrays)
    return found


def summarise(rows: list[Figures]) -> Figures:
    """All files together, a row per kind."""
    found: Figures = {}
    for kind in ("joint", "burst", "hold", "rest", "other"):
        mine = [row for row in rows if row["rep_kind"] == kind]
        if not mine:
            continue
        row: Figures = {"files": len(mine), "reps_told": sum(one["reps_told"] for one in mine)}
        off = [abs(one["reps_off"]) for one in mine if "reps_off" in one]
        if off:
            row |= {"reps_exact": off.count(0), "reps_off_most": max(off)}
        if any("reps_in_holds" in one for one in mine):
            row["reps_in_holds"] = sum(one.get("reps_in_holds", 0) for one in mine)
        for name in ("start", "turn", "end"):
            for key in (f"rep_{name}_error_ms_median", f"rep_{name}_abs_error_ms_median"):
                values = [one[key] for one in mine if key in one]
                if values:
                    row[key] = float(np.median(values))
        found[kind] = row
    return found


class Case(NamedTuple):
    """A recording that decides: its name, what the detector is shown, its arrays."""

    name: str
    shown: Levels
    arrays: Arrays


def cases(data: Path) -> list[Case]:
    """Recordings with labelled repetitions of a joint, holds, rest or noise; every channel of a file of rest."""
    found: list[Case] = []
    for path in sorted(data.glob("*.npz")):
        arrays = truth_kernel.load(path)
        if "emg" not in arrays:
            continue
        kind = kind_of(arrays)
        columns = range(arrays["emg"].shape[1]) if kind == "rest" else [channel_of(arrays)]
        if kind in ("joint", "hold", "rest") or "mvc_ref" not in arrays:
            found += [Case(path.stem, levels(path, arrays, column), arrays) for column in columns]
    # Where most settings fail comes first, so that a grid takes less time.
    return sorted(found, key=lambda case: -(true_count(case.arrays) or 0))


def passes(decide: list[Case], detector: type[effort.Effort]) -> bool:
    """Exact in all files with labelled repetitions but one, never off by more than one; none in holds and at rest."""
    missed = 0
    for case in decide:
        told = follow(case.shown, detector())
        if kind_of(case.arrays) == "joint":
            off = abs(told.confirmed - (true_count(case.arrays) or 0))
            missed += off > 0
            if off > MOST_OFF or missed > MOST_MISSES:
                return False
        elif told.confirmed:
            return False
        if "mvc_ref" in case.arrays and inside_holds(told.reps, case.arrays):
            return False
    return True


def variant(constants: dict[str, int]) -> type[effort.Effort]:
    """The detector with other constants: the same code, which finds them under their names."""
    unknown = constants.keys() - vars(effort).keys()
    if unknown:
        raise ValueError(f"effort.py has no {', '.join(sorted(unknown))}: see CONSTANTS")
    names = {**vars(effort), **constants}
    methods = {
        name: types.FunctionType(member.__code__, names, name, member.__defaults__)
        if isinstance(member, types.FunctionType)
        else member
        for name, member in vars(effort.Effort).items()
        if name not in ("__dict__", "__weakref__")
    }
    made: Any = type("Effort", (), methods)
    return made


CONSTANTS: dict[str, tuple[int, ...]] = {  # of effort.py; the default is the middle one
    "_SMOOTH": (2, 3, 4),
    "_FALL": (1, 2, 3),
    "_RISE": (7, 8, 9),
    "_FADE": (10, 11, 12),
    "_PEAK": (400 << 7, 500 << 7, 600 << 7),
    "_FLOOR": (48 << 7, 64 << 7, 80 << 7),
    "_START_PCT": (28, 33, 38),
    "_END_PCT": (25, 30, 35),
    "_END_BLOCKS": (15, 20, 25),
    "_SHORTEST": (30, 35, 40),
    "_LONGEST": (13000, 15000, 18000),
    "_SET_GAP": (12000, 15000, 20000),
    "_PEAK_RATIO_Q2": (10, 12, 14),
    "_LENGTH_RATIO_Q2": (20, 24, 28),
    "_PERIOD_RATIO_Q2": (8, 9, 11),
}
DEFAULT = tuple(values[1] for values in CONSTANTS.values())
GRID_SEED = 4
GRID_SETTINGS = 200


def grid(decide: list[Case], settings: int = GRID_SETTINGS) -> dict[tuple[int, ...], bool]:
    """Whether each of so many settings passes, drawn from all combinations of CONSTANTS; nothing without labels."""
    if not any(kind_of(case.arrays) == "joint" for case in decide):
        return {}
    rng = random.Random(GRID_SEED)
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < settings:
        drawn.add(tuple(rng.choice(values) for values in CONSTANTS.values()))
    return {setting: passes(decide, variant(dict(zip(CONSTANTS, setting, strict=True)))) for setting in sorted(drawn)}


def summarise_grid(found: dict[tuple[int, ...], bool]) -> Figures:
    """Number of settings, the share that passes, and that share for every value of every constant."""
    if not found:
        return {}
    by_value: Figures = {}
    for number, (name, values) in enumerate(CONSTANTS.items()):
        chosen = {value: [ok for setting, ok in found.items() if setting[number] == value] for value in values}
        by_value[name] = {str(value): sum(oks) / len(oks) for value, oks in chosen.items() if oks}
    share = sum(found.values()) / len(found)
    return {"effort_grid_settings": len(found), "effort_grid_share": share, "effort_grid_by_value": by_value}


def table(by_value: Figures) -> str:
    """The shares for every value, as lines."""
    lines = ["  share of settings that pass, by value"]
    for name, shares in by_value.items():
        lines.append(f"    {name:18}" + "".join(f"{value:>8}: {share:.2f}" for value, share in shares.items()))
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    parser.add_argument("--settings", type=int, default=GRID_SETTINGS, help="of the grid; 0: only the files")
    arguments = parser.parse_args()
    if not arguments.data:
        print("truth_effort: skipped: no recordings; name their folder with --data DIR or MMC_DATA")
        return 0
    files = truth_kernel.judge_all(Path(arguments.data), judge)
    for name, (_, row) in files.items():
        print(f"{name:24} " + "  ".join(f"{key} {_shown(value)}" for key, value in row.items()))
    for kind, row in summarise([row for _, row in files.values()]).items():
        print(f"\n{kind}")
        for key, value in row.items():
            print(f"  {key:32} {_shown(value)}")
    if arguments.settings:
        summary = summarise_grid(grid(cases(Path(arguments.data)), arguments.settings))
        if summary:
            print(f"\n{summary['effort_grid_share']:.3f} of {summary['effort_grid_settings']} settings pass")
            print(table(summary["effort_grid_by_value"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
