#!/usr/bin/env python3
"""Repetitions from the motion sensor on recordings with known counts, and a grid of neighbouring constants.

In:     a recording's path and arrays (`imu`, `imu_channels`, `units`, `fs`)
Out:    figures of that file; `summarise` puts those of all files together; as a program: the table and the share of the
        grid that passes too
Source: mmc_core/coach/motion.py and cycle.py themselves, on counts made as recording.py makes them

Every file is judged twice: as it is, and with a second added in which its last reading stands still, as recording.py
fills up. A file cut where its last repetition ends can only tell of that one in the second way; figures with `_as_is`
are of the first.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import truth_kernel
from numpy.typing import NDArray

from mmc_core.coach import cycle, motion
from mmc_host.body.bodyfile import ACCEL_COUNTS_PER_G, GYRO_COUNTS_PER_DPS, imu_counts
from mmc_host.body.recording import IMU_RATE_HZ
from mmc_host.body.resampling import resample

Figures = dict[str, Any]
Arrays = truth_kernel.Arrays
Counts = list[list[int]]
BLOCK_MS = 10
STAND_BLOCKS = 100
MOST_OFF = 1


class Rep(NamedTuple):
    """A movement out and back, times in ms."""

    start_t: int
    turn_t: int
    end_t: int
    range_deg: int
    pause_ms: int
    told_t: int


class Told(NamedTuple):
    """What the device says of a file: confirmed repetitions of each set, and all that were provisional."""

    sets: list[int]
    reps: list[Rep]


def counts_of(arrays: Arrays) -> Counts:
    """A recording's readings as the simulated sensor's counts; without a gyroscope its columns are zero."""
    given = arrays["imu"].astype(float)
    full = np.zeros((len(given), 6))
    full[:, : given.shape[1]] = given
    if "rad/s" in str(arrays["units"]):
        full[:, 3:] = np.degrees(full[:, 3:])
    first = full[0]
    made: NDArray[np.float64] = resample(full - first, float(arrays["fs"]), IMU_RATE_HZ) + first
    return imu_counts(made[:, :3], made[:, 3:]).tolist()


def follow(counts: Counts, stand_blocks: int = 0) -> Told:
    """What the device's own code says of readings, the last of which then stands still for so many blocks."""
    sensor = motion.Motion(int(ACCEL_COUNTS_PER_G), int(GYRO_COUNTS_PER_DPS))
    counter = cycle.Cycle(sensor)
    shown = counts + [[*counts[-1][:3], 0, 0, 0]] * stand_blocks
    sets: list[int] = []
    reps: list[Rep] = []
    before = 0
    for number in range(1, len(shown) + 2):
        if number <= len(shown):
            sensor.step(shown[number - 1])
            counter.step(number * BLOCK_MS)
        else:
            counter.close()
        if counter.rep == cycle.ENDED:
            times = (counter.rep_start_t, counter.rep_turn_t, counter.rep_end_t)
            reps.append(Rep(*times, counter.rep_range_deg, counter.rep_pause_ms, number * BLOCK_MS))
        if counter.set_count < before:
            sets.append(before)
        before = counter.set_count
    return Told(sets + [before] * bool(before), reps)


def true_sets(arrays: Arrays) -> list[int] | None:
    """Repetitions of each set; none is an empty list, None: the file does not say."""
    if "reps_per_set" in arrays:
        return [int(count) for count in np.ravel(arrays["reps_per_set"])]
    if "n_reps" in arrays:
        return [int(np.ravel(arrays["n_reps"])[0])] if np.ravel(arrays["n_reps"])[0] else []
    return [] if bool(arrays.get("rest", False)) else None


def off_most(told: list[int], true: list[int]) -> int:
    """The largest error of a set; with another number of sets, that of all repetitions or one too many to pass."""
    if len(told) != len(true):
        return max(MOST_OFF + 1, abs(sum(told) - sum(true)))
    return max((abs(a - b) for a, b in zip(told, true, strict=True)), default=0)


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of the motion sensor; nothing without one."""
    if "imu" not in arrays:
        return {}
    counts = counts_of(arrays)
    told, as_is = follow(counts, STAND_BLOCKS), follow(counts)
    found: Figures = {
        "motion_sets_told": told.sets,
        "motion_sets_told_as_is": as_is.sets,
        "motion_provisional": len(told.reps),
    }
    if told.reps:
        found["motion_range_deg_median"] = float(np.median([rep.range_deg for rep in told.reps]))
    true = true_sets(arrays)
    if true is not None:
        found["motion_sets_true"] = true
        found["motion_off"] = off_most(told.sets, true)
        found["motion_off_as_is"] = off_most(as_is.sets, true)
    if "rep_mid_s" in arrays and told.reps:
        turns = np.array([rep.turn_t / 1000 for rep in told.reps])
        near = [float(np.min(np.abs(turns - mid))) for mid in np.ravel(arrays["rep_mid_s"])]
        found["motion_turn_abs_error_ms_median"] = 1000 * float(np.median(near))
    return found


def summarise(rows: list[Figures]) -> Figures:
    """All files together: those with repetitions, and those without."""
    known = [row for row in rows if "motion_off" in row]
    if not known:
        return {}
    moving = [row for row in known if row["motion_sets_true"]]
    return {
        "motion_files": len(moving),
        "motion_sets": sum(len(row["motion_sets_true"]) for row in moving),
        "motion_exact": sum(row["motion_off"] == 0 for row in moving),
        "motion_within_one": sum(row["motion_off"] <= MOST_OFF for row in moving),
        "motion_exact_as_is": sum(row["motion_off_as_is"] == 0 for row in moving),
        "motion_within_one_as_is": sum(row["motion_off_as_is"] <= MOST_OFF for row in moving),
        "motion_quiet_files": len(known) - len(moving),
        "motion_quiet_confirmed": sum(sum(row["motion_sets_told"]) for row in known if not row["motion_sets_true"]),
    }


CONSTANTS: dict[str, tuple[int, ...]] = {  # of cycle.py and motion.py; the default is the middle one
    "_LEG": (140, 180, 230),
    "_LEG_PCT": (20, 30, 40),
    "_BACK_PCT": (58, 65, 72),
    "_SETTLED_MS": (180, 250, 350),
    "_STAND_BLOCKS": (35, 50, 80),
    "_LIKE_LENGTH_PCT": (58, 65, 71),
    "_LIKE_TIME_PCT": (42, 50, 58),
    "_LIKE_ANGLE_PCT": (72, 78, 84),
    "_RETURN_PCT": (52, 60, 68),
    "_PAUSE_MS": (3500, 4500, 5500),
    "_STILL_DPS": (9, 12, 15),
    "_MOVE_DPS": (16, 18, 22),
    "_QUIET_DPS": (3, 4, 5),
    "_AXIS": (7, 8, 9),
    "_FORGET": (11, 12, 13),
    "_LEAK": (13, 14, 15),
}
GRID_SEED = 4
GRID_SETTINGS = 60


@contextmanager
def constants(chosen: Mapping[str, int]) -> Generator[None]:
    """The same code with other constants, for a while."""
    homes = {name: cycle if name in vars(cycle) else motion for name in chosen}
    saved = {name: vars(home)[name] for name, home in homes.items()}
    try:
        for name, value in chosen.items():
            setattr(homes[name], name, value)
        yield
    finally:
        for name, value in saved.items():
            setattr(homes[name], name, value)


def cases(data: Path) -> list[tuple[str, Counts, list[int]]]:
    """Name, readings and truth of every recording that has both."""
    found: list[tuple[str, Counts, list[int]]] = []
    for path in sorted(data.glob("*.npz")):
        arrays = truth_kernel.load(path)
        true = true_sets(arrays)
        if "imu" in arrays and true is not None:
            found.append((path.stem, counts_of(arrays), true))
    return found


def misses(decide: list[tuple[str, Counts, list[int]]], *, as_is: bool = False) -> list[str]:
    """Names of the files that are off by more than one in a set, or confirm where nothing is."""
    blocks = 0 if as_is else STAND_BLOCKS
    return [
        name for name, counts, true in decide if off_most(follow(counts, blocks).sets, true) > MOST_OFF * bool(true)
    ]


def grid(decide: list[tuple[str, Counts, list[int]]], settings: int = GRID_SETTINGS) -> Figures:
    """The share of so many settings, drawn from all combinations of CONSTANTS, with which every file passes."""
    rng = random.Random(GRID_SEED)
    drawn = [{name: rng.choice(values) for name, values in CONSTANTS.items()} for _ in range(settings)]
    missed: list[list[str]] = []
    for chosen in drawn:
        with constants(chosen):
            missed.append(misses(decide))
    names = sorted({name for one in missed for name in one})
    return {
        "motion_grid_settings": settings,
        "motion_grid_share": sum(not one for one in missed) / settings,
        "motion_grid_missed": {name: sum(name in one for one in missed) for name in names},
        "motion_grid_by_value": {
            name: {
                str(value): sum(not one for one, chosen in zip(missed, drawn, strict=True) if chosen[name] == value)
                / max(1, sum(chosen[name] == value for chosen in drawn))
                for value in values
            }
            for name, values in CONSTANTS.items()
        },
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    parser.add_argument("--settings", type=int, default=GRID_SETTINGS, help="of the grid; 0: only the files")
    arguments = parser.parse_args()
    if not arguments.data:
        print("truth_motion: skipped: no recordings; name their folder with --data DIR or MMC_DATA")
        return 0
    files = truth_kernel.judge_all(Path(arguments.data), judge)
    for name, (_, row) in files.items():
        print(f"{name:20} " + "  ".join(f"{key.removeprefix('motion_')} {value}" for key, value in row.items()))
    for key, value in summarise([row for _, row in files.values()]).items():
        print(f"  {key:28} {value}")
    if arguments.settings:
        decide = cases(Path(arguments.data))
        alone: list[str] = []
        for name, values in CONSTANTS.items():
            for value in values:
                with constants({name: value}):
                    alone += [f"{name} {value}: {', '.join(misses(decide))}"] if misses(decide) else []
        print("  one constant changed alone, misses:", alone or "none")
        for key, value in grid(decide, arguments.settings).items():
            print(f"  {key:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
