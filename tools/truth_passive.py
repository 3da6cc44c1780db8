#!/usr/bin/env python3
"""Repetitions gone through and repetitions done: recorded movements with the target muscle silent, or working in time.

In:     a recording with `imu` and repetitions; EMG is made for it, seeded, from the model and from other recordings of
        the same folder
Out:    figures of that file; `summarise` puts those of all files together; as a program: both
Source: mmc_core/pipeline.py itself with its motor on (truth_coach.py); mmc_host/body/muscle.py

The movements' times are those of cycle.py itself, because what the muscle does is in question and not whether the
movement is seen, which truth_motion.py asks. A working muscle peaks at 15 to 80 % of the reference, times 0.8 to 1.2
from one movement to the next. `synthetic`: its level is a squared sine over half to all of the movement. `recorded`:
contractions of labelled recordings, each cut to the movement's length and scaled. `silent`: rest alone. Added to all:
rest noise, white noise and mains of equal power, together so many dB below a contraction at the reference.
A repetition that counts was judged passive if EVENT_PASSIVE says so.
"""

from __future__ import annotations

import sys
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import truth_coach
import truth_effort
import truth_kernel
import truth_motion
from numpy.typing import NDArray

from mmc_core import event
from mmc_core.sample import BLOCK_SAMPLES
from mmc_host.body import bodyfile, muscle

Figures = dict[str, Any]
Arrays = truth_kernel.Arrays
Samples = NDArray[np.float64]
Spans = list[tuple[int, int]]
WORK = ("silent", "synthetic", "recorded")
SNR_DB = (15, 20, 25, 30, 40)  # of a contraction at the reference over all that is there at rest
GOOD_DB = 25  # rest at 5.6 % of the reference: what a calibration leaves below `passive_pct`
REFERENCE_UV = (100.0, 500.0)  # mean rectified at 100 %, of a muscle under poor and under good electrodes
PEAK = (0.15, 0.8)  # of the reference
SCATTER = (0.8, 1.2)
SHORTEST_MS = 300  # of the recorded contractions that are used
TOP_MS = 200  # over which a recorded contraction's peak is taken


@cache
def contractions(data: Path) -> tuple[Samples, ...]:
    """Contractions of labelled recordings of a folder, each with a peak of 1 (mean rectified over TOP_MS)."""
    found: list[Samples] = []
    for path in sorted(data.glob("*.npz")):
        arrays = truth_kernel.load(path)
        if "emg" not in arrays or "mvc_ref" not in arrays or truth_effort.kind_of(arrays) not in ("joint", "burst"):
            continue
        names = ("rep_start_s", "rep_end_s") if "rep_start_s" in arrays else ("onsets_s", "offsets_s")
        if names[0] not in arrays:
            continue
        uv = truth_effort.counts_of(path, arrays, truth_effort.channel_of(arrays))[0][:, 0].astype(float)
        for first, last in zip(*(np.ravel(arrays[name]) for name in names), strict=True):
            if first == first and last == last and 1000 * (last - first) >= SHORTEST_MS:
                piece = uv[round(1000 * first) : round(1000 * last)]
                top = float(np.max(np.convolve(np.abs(piece), np.full(TOP_MS, 1 / TOP_MS), "valid")))
                found.append(piece / top)
    return tuple(found)


def _synthetic(length: int, rng: np.random.Generator) -> Samples:
    """EMG of one movement whose peak is 1, mean rectified."""
    wide = round(length * rng.uniform(0.5, 1))
    before = round((length - wide) * rng.uniform(0, 1))
    bump = np.pad(np.sin(np.pi * np.arange(wide) / wide) ** 2, (before, length - wide - before))
    return bump * muscle.rest_noise_uv(length, 1.0, rng, float(rng.uniform(70, 110)))


def _recorded(length: int, pool: tuple[Samples, ...], rng: np.random.Generator) -> Samples:
    """A recorded contraction in the middle of a movement, its ends faded where it is cut."""
    piece = pool[rng.integers(len(pool))]
    if len(piece) > length:
        first = (len(piece) - length) // 2
        fade = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 50)
        return piece[first : first + length] * fade
    before = (length - len(piece)) // 2
    return np.pad(piece, (before, length - len(piece) - before))


def emg_uv(
    n_samples: int,
    spans: Spans,
    work: str,
    snr_db: float,
    reference_uv: float,
    pool: tuple[Samples, ...],
    rng: np.random.Generator,
) -> Samples:
    """EMG of one muscle, microvolt, (samples,), that works, or does not, in each of these spans of samples."""
    # Noise and mains have a third each of the power at rest, the muscle's own noise the last.
    rms_uv = reference_uv / muscle.RECTIFIED_PER_RMS * 10 ** (-snr_db / 20) / np.sqrt(3)
    rest = muscle.rest_noise_uv(n_samples, rms_uv * muscle.RECTIFIED_PER_RMS, rng)
    mains = rms_uv * np.sqrt(2) * np.sin(2 * np.pi * 50 * np.arange(n_samples) / bodyfile.RATE_HZ)
    found = rest + mains + rng.normal(0, rms_uv, n_samples)
    peak = float(rng.uniform(*PEAK))
    for first, last in spans:
        height_uv = reference_uv * peak * float(rng.uniform(*SCATTER))
        if work == "synthetic":
            found[first:last] += height_uv * _synthetic(last - first, rng)
        elif work == "recorded":
            found[first:last] += height_uv * _recorded(last - first, pool, rng)
    return found


def count(readings: truth_motion.Counts, work: str, snr_db: float, pool: tuple[Samples, ...], seed: int) -> Figures:
    """Repetitions that count of one wearer, and how many of them were called passive."""
    rng = np.random.default_rng([seed, WORK.index(work), round(snr_db)])
    n_samples = len(readings) * BLOCK_SAMPLES
    reps = truth_motion.follow(readings).reps
    spans = [(max(0, rep.start_t), min(n_samples, rep.end_t)) for rep in reps]
    reference_uv = float(np.exp(rng.uniform(*np.log(REFERENCE_UV))))
    uv = emg_uv(n_samples, spans, work, snr_db, reference_uv, pool, rng)
    rest_uv = reference_uv * 10 ** (-snr_db / 20) * np.sqrt(2 / 3)  # behind the notch
    config = truth_coach.calibrated([reference_uv], ch0_rest_nv=round(1000 * rest_uv))
    played = truth_coach.play(bodyfile.emg_counts(uv[:, None])[0], config, readings)
    return {"reps": len(played.of(event.EVENT_REP)), "passive": len(played.of(event.EVENT_PASSIVE))}


def judge(path: Path, arrays: Arrays) -> Figures:
    """Repetitions and passive ones by what the muscle does and how much noise there is; nothing without repetitions."""
    if "imu" not in arrays or not truth_motion.true_sets(arrays):
        return {}
    still = truth_motion.counts_of(arrays)
    readings = still + [[*still[-1][:3], 0, 0, 0]] * truth_motion.STAND_BLOCKS
    pool = contractions(path.parent)
    seed = zlib.crc32(np.ascontiguousarray(arrays["imu"]).tobytes())
    return {
        work: {str(snr_db): count(readings, work, snr_db, pool, seed) for snr_db in SNR_DB}
        for work in WORK
        if pool or work != "recorded"
    }


def summarise(rows: list[Figures]) -> Figures:
    """All files together: counts by what the muscle does and by SNR, and shares called passive from GOOD_DB on."""
    found: Figures = {"files": len(rows)}
    for work in WORK:
        mine = [row[work] for row in rows if work in row]
        if not mine:
            continue
        by_snr = {
            str(snr_db): [sum(one[str(snr_db)][key] for one in mine) for key in ("passive", "reps")]
            for snr_db in SNR_DB
        }
        good = np.sum([by_snr[str(snr_db)] for snr_db in SNR_DB if snr_db >= GOOD_DB], axis=0)
        found[f"passive_{work}_by_snr_db"] = by_snr
        found[f"passive_{work}_share"] = float(good[0] / good[1])
        found[f"passive_{work}_reps"] = int(good[1])
    return found


def main() -> int:
    """Measure and print."""
    files = truth_kernel.judge_asked(__doc__, judge)
    if files is None:
        return 0
    for name, (_, row) in files.items():
        for work, by_snr in row.items():
            cells = [f"{snr_db} dB {one['passive']}/{one['reps']}" for snr_db, one in by_snr.items()]
            print(f"{name:20} {work:10} passive of those that count: " + "  ".join(cells))
    for key, value in summarise([row for _, row in files.values()]).items():
        print(f"  {key:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
