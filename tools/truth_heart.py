#!/usr/bin/env python3
"""Heart beats over a quiet muscle of chest or back: does the device take them for repetitions, holds or cues?

In:     nothing but seeds; no recording is needed
Out:    per case what the device told, all cases together, and by the beat's height against the reference
Source: mmc_core/pipeline.py itself with its motor on (truth_coach.py). The beat is the sum of Gaussians of McSharry et
        al. 2003, "A dynamical model for generating synthetic electrocardiogram signals" (IEEE Trans Biomed Eng 50:289):
        P, Q, R, S, T at -200, -50, 0, 50 and 300 ms with heights of 1.2, -5, 30, -7.5 and 0.75 in a common unit, the
        outer two drawn in by the root of the beat's length; here with a T of 8, as electrodes on the chest show it

A case is half a minute of one muscle: its rest noise, and beats whose R stands 0.2 to 2 mV over the baseline, at 50 to
180 per minute, scattered by 3 % from one to the next, with a QRS of 80 or 100 ms. The muscle was calibrated, and its
reference is 150 to 400 microvolt. Nothing may be told: no hold, no repetition that counts, no cue. What is told all the
same is told of beats of 2.5 times the reference and more, nearly all at 125 per minute and more: they run into each
other.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import truth_coach
from numpy.typing import NDArray

from mmc_core import event
from mmc_host.body import bodyfile, muscle

Figures = dict[str, Any]
Samples = NDArray[np.float64]
SEEDS = (1, 2, 3, 4)
SECONDS = 30
PEAKS_UV = (200, 350, 500, 1000, 2000)
RATES_BPM = (50, 65, 80, 95, 110, 125, 140, 160, 180)
REFERENCES_UV = (150, 250, 400)
QRS_MS = (80, 100)
REST_UV = (2.0, 10.0)
SCATTER = 0.03  # of the time from one beat to the next, standard deviation
# Wave: time from R in ms, standard deviation in ms, height against R. Of QRS for a length of 90 ms.
OUTER = ((-200.0, 25.0, 0.04), (300.0, 45.0, 0.27))
QRS = ((-27.0, 9.0, -0.17), (0.0, 10.0, 1.0), (27.0, 9.0, -0.25))
QRS_LENGTH_MS = 90.0
RATIOS = (1.0, 2.0, 3.0, 4.0, 6.0, 14.0)  # upper ends of the rows by height of R over reference


class Case(NamedTuple):
    """A heart under an electrode: R in uV, beats per minute, reference in uV, length of QRS in ms."""

    peak_uv: float
    rate_bpm: float
    reference_uv: float
    qrs_ms: float


def cases() -> list[Case]:
    """Every combination of the grid."""
    return [Case(*values) for values in itertools.product(PEAKS_UV, RATES_BPM, REFERENCES_UV, QRS_MS)]


def beats_uv(n_samples: int, case: Case, rng: np.random.Generator) -> Samples:
    """Heart beats alone, microvolt, at the simulated board's rate."""
    every_ms = 60_000 / case.rate_bpm
    squeeze = min(1.0, float(np.sqrt(every_ms / 1000)))
    wide = case.qrs_ms / QRS_LENGTH_MS
    waves = [(at * squeeze, sd, height) for at, sd, height in OUTER]
    waves += [(at * wide, sd * wide, height) for at, sd, height in QRS]
    found = np.zeros(n_samples)
    beat_ms = float(rng.uniform(0, every_ms))
    while beat_ms < n_samples + 500:
        first, last = max(0, round(beat_ms) - 500), min(n_samples, round(beat_ms) + 700)
        t_ms = np.arange(first, last) - beat_ms
        for at, sd, height in waves:
            found[first:last] += height * np.exp(-0.5 * ((t_ms - at) / sd) ** 2)
        beat_ms += every_ms * max(0.5, 1 + SCATTER * float(rng.standard_normal()))
    return case.peak_uv * found


def play(case: Case, seed: int) -> truth_coach.Played:
    """What the device makes of a quiet muscle over that heart."""
    rng = np.random.default_rng([seed, *map(round, case)])
    n_samples = SECONDS * bodyfile.RATE_HZ
    rest_uv = float(rng.uniform(*REST_UV))
    uv = beats_uv(n_samples, case, rng) + muscle.rest_noise_uv(n_samples, rest_uv, rng)
    config = truth_coach.calibrated([case.reference_uv], ch0_rest_nv=round(1000 * rest_uv))
    return truth_coach.play(bodyfile.emg_counts(uv[:, None])[0], config)


def judge(case: Case, seed: int = 1) -> Figures:
    """How much of what may not be told was told."""
    played = play(case, seed)
    return {
        "ratio": case.peak_uv / case.reference_uv,
        "reps": len(played.of(event.EVENT_REP)),
        "holds": len(played.of(event.EVENT_HOLD_START)),
        "cues": len(played.cues),
    }


def summarise(rows: Sequence[Figures]) -> Figures:
    """All cases together; by ratio: [cases, with repetitions, with holds, with cues]."""
    found: Figures = {"heart_cases": len(rows)}
    for key in ("reps", "holds", "cues"):
        found[f"heart_with_{key}"] = sum(row[key] > 0 for row in rows)
    found["heart_silent_share"] = float(np.mean([not (row["reps"] or row["holds"] or row["cues"]) for row in rows]))
    by_ratio: Figures = {}
    for low, high in itertools.pairwise((0.0, *RATIOS)):
        mine = [row for row in rows if low < row["ratio"] <= high]
        told = [sum(row[key] > 0 for row in mine) for key in ("reps", "holds", "cues")]
        by_ratio[f"{low:g}-{high:g}"] = [len(mine), *told]
    return found | {"heart_by_ratio": by_ratio}


def run(seeds: Sequence[int] = SEEDS) -> Figures:
    """The whole grid, once for each seed."""
    return summarise([judge(case, seed) for seed in seeds for case in cases()])


def main() -> int:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = [(case, judge(case, seed)) for seed in SEEDS for case in cases()]
    for case, row in rows:
        if row["reps"] or row["holds"] or row["cues"]:
            print(*(f"{key} {value:g}" for key, value in [*case._asdict().items(), *row.items()]))
    for key, value in summarise([row for _, row in rows]).items():
        print(f"  {key:24} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
