#!/usr/bin/env python3
"""Fatigue on recordings with known truth: does the device see a muscle tire, and recover when time runs backwards?

In:     a recording's path and arrays; as a program `--data DIR` (default $MMC_DATA)
Out:    figures of that file; `summarise` puts those of all files together; `--grid` shows neighbouring
        constants, `--proxies` other measures of frequency
Source: the device's kernel and mmc_core/coach/fatigue.py, on the counts as they are and played backwards

A file with `ref_mdf_slope_hz_per_s` tells how the median frequency went over its `hold_intervals_s`; for one that has
only intervals it is computed here, from pieces of half a second that do not overlap, so that its error can be believed.
A file with `ref_mdf_hz` has one value for each of its repetitions, from `onsets_s` to `offsets_s`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import truth_kernel
from numpy.typing import NDArray
from scipy import signal, stats

from mmc_core import chain, event, features
from mmc_core.coach import fatigue
from mmc_core.coach.outbox import Outbox
from mmc_core.sample import BLOCK_SAMPLES, RATE_HZ
from mmc_host.body import bodyfile
from mmc_host.replay import replay

Arrays = dict[str, NDArray[Any]]
Figures = dict[str, Any]
Words = NDArray[np.int64]
Spans = list[tuple[float, float]]

PIECE_S = 0.5  # of a hold, for the offline median frequency
SIGNIFICANT = 0.05
GRID: dict[str, tuple[int, ...]] = {
    "_HOLD_BLOCKS": (50, 75, 100, 125, 150, 200),
    "REFERENCE_UNITS": (2, 3, 4),
    "_STEP": (100, 120, 150),
}


class Unit(NamedTuple):
    """What the device knows when a unit has ended."""

    end_s: float
    amplitude: int
    spectrum: int
    amplitude_permille: int
    spectrum_permille: int
    index_permille: int


class Told(NamedTuple):
    """An event of the device."""

    kind: int
    reason: int
    value: int
    threshold: int
    t_samples: int


class Run(NamedTuple):
    """A set as the device saw it."""

    units: list[Unit]
    told: list[Told]


class _Device:
    """One set on one channel."""

    def __init__(self) -> None:
        self._box = Outbox()
        self.fatigue = fatigue.Fatigue({}, self._box, 0)
        self.run = Run([], [])

    def note(self, t_samples: int) -> None:
        """Write down a unit if one has ended, and what was told."""
        box, now = self._box, self.fatigue
        if now.units > len(self.run.units):
            changes = (now.amplitude_permille, now.spectrum_permille, now.index_permille)
            self.run.units.append(Unit(t_samples / RATE_HZ, now.amplitude, now.spectrum, *changes))
        for at in range(box.count):
            told = (box.kinds[at], box.reasons[at], box.values[at], box.thresholds[at], box.times[at])
            self.run.told.append(Told(*told))
        box.clear()


def _blocks(span: tuple[float, float], count: int) -> range:
    """Blocks that lie within a span."""
    per_s = RATE_HZ / BLOCK_SAMPLES
    return range(max(0, int(np.ceil(span[0] * per_s - 1e-6))), min(count, int(span[1] * per_s + 1e-6)))


def run_holds(words: Words, spans: Spans) -> Run:
    """Holds of one set, from the kernel's words of every block of a channel."""
    device, rows = _Device(), words.tolist()
    for span in spans:
        device.fatigue.begin_hold(0)
        for block in _blocks(span, len(rows)):
            device.fatigue.step(rows[block], True, (block + 1) * BLOCK_SAMPLES)
            device.note((block + 1) * BLOCK_SAMPLES)
        device.fatigue.end_hold(0)
    return device.run


def run_reps(words: Words, spans: Spans) -> Run:
    """Repetitions of one set; the muscle counts as active within them."""
    device, rows, t_samples = _Device(), words.tolist(), 0
    for span in spans:
        for block in _blocks(span, len(rows)):
            t_samples = (block + 1) * BLOCK_SAMPLES
            device.fatigue.step(rows[block], True, t_samples)
        device.fatigue.end_rep(round(1000 * (span[1] - span[0])), t_samples)
        device.note(t_samples)
    device.fatigue.end_set(t_samples)
    device.note(t_samples)
    return device.run


def backwards(spans: Spans, length_s: float) -> Spans:
    """The same spans of a recording that is played from its end."""
    return [(length_s - last, length_s - first) for first, last in reversed(spans)]


def slope(run: Run) -> tuple[float, float]:
    """How the frequency goes over the units of holds, permille per second of the first units', and its t."""
    if len(run.units) < fatigue.REFERENCE_UNITS:
        return 0.0, 0.0
    frequency = np.sqrt([unit.spectrum for unit in run.units])
    line = stats.linregress([unit.end_s for unit in run.units], frequency)
    permille = 1000 / frequency[: fatigue.REFERENCE_UNITS].mean()
    return float(line.slope * permille), float(line.slope / line.stderr) if line.stderr else 0.0


def rank_correlation(values: list[int]) -> float:
    """Spearman's, with the number of the repetition."""
    if len(set(values)) < 2:
        return 0.0
    return float(stats.spearmanr(np.arange(len(values)), values)[0])


def median_frequencies(
    samples: NDArray[np.float64], rate_hz: float, begins: list[float], length_s: float
) -> list[float]:
    """Median frequency, in Hz, of pieces of a recording between 20 and 450 Hz."""
    sections = signal.butter(4, (20, min(450, 0.45 * rate_hz)), "bandpass", fs=rate_hz, output="sos")
    filtered = signal.sosfiltfilt(sections, samples - samples.mean())
    found: list[float] = []
    for begin in begins:
        piece = filtered[round(begin * rate_hz) : round((begin + length_s) * rate_hz)]
        hz, power = signal.periodogram(piece, rate_hz, "hann")
        total = np.cumsum(power)
        found.append(float(np.interp(total[-1] / 2, total, hz)))
    return found


def offline_slope(samples: NDArray[np.float64], rate_hz: float, spans: Spans) -> tuple[float, float]:
    """Slope of the median frequency over all holds, Hz per second, and the probability of such a one by chance."""
    begins = [float(t) for first, last in spans for t in np.arange(first, last - PIECE_S + 1e-6, PIECE_S)]
    if len(begins) < 4:
        return 0.0, 1.0
    line = stats.linregress(begins, median_frequencies(samples, rate_hz, begins, PIECE_S))
    return float(line.slope), float(line.pvalue)


def _spans(first: NDArray[Any], last: NDArray[Any]) -> Spans:
    return [(float(a), float(b)) for a, b in zip(np.ravel(first), np.ravel(last), strict=True)]


def is_hold(arrays: Arrays) -> bool:
    """The median frequency over its holds is known, or can be computed."""
    return "hold_intervals_s" in arrays and ("ref_mdf_slope_hz_per_s" in arrays or "force" in arrays)


def is_set(arrays: Arrays) -> bool:
    """The median frequency of each of its repetitions is known."""
    return {"onsets_s", "offsets_s", "ref_mdf_hz"} <= arrays.keys()


def run_kernel(counts: NDArray[np.int16]) -> Words:
    """The kernel's words of one channel, whose envelopes are in microvolt, as without a calibration."""
    kernel = truth_kernel.make_kernel(1, 50)
    kernel.set_reference(0, 0, (bodyfile.NV_PER_COUNT << 15) // 1000)
    return replay(kernel, counts).words[:, 0].astype(np.int64)


def both_ways(counts: NDArray[np.int16]) -> tuple[Words, Words]:
    """Of a recording as it is, and of its counts backwards."""
    return run_kernel(counts), run_kernel(np.ascontiguousarray(counts[::-1]))


def judge_holds(arrays: Arrays, words: tuple[Words, Words], length_s: float) -> Figures:
    """Slope of the frequency over the holds, on the device and offline."""
    intervals = np.atleast_2d(arrays["hold_intervals_s"])
    spans = _spans(intervals[:, 0], intervals[:, 1])
    run, reverse = run_holds(words[0], spans), run_holds(words[1], backwards(spans, length_s))
    found: Figures = {"fatigue_units": len(run.units)}
    found["fatigue_tremor_told"] = sum(told.reason == event.REASON_TREMOR for told in run.told)
    found["fatigue_tiring_told"] = (
        sum(told.kind == event.EVENT_TIRING for told in run.told) - found["fatigue_tremor_told"]
    )
    found["fatigue_slope_permille_per_s"], found["fatigue_slope_t"] = slope(run)
    found["fatigue_reversed_slope_permille_per_s"], found["fatigue_reversed_slope_t"] = slope(reverse)
    if run.units:
        found["fatigue_spectrum_permille"] = run.units[-1].spectrum_permille
        found["fatigue_index_permille"] = run.units[-1].index_permille
    samples = arrays["emg"][:, truth_kernel.target_of(arrays)].astype(float)
    found["mdf_slope_hz_per_s"], found["mdf_slope_p"] = offline_slope(samples, float(arrays["fs"]), spans)
    if "ref_mdf_slope_hz_per_s" in arrays:
        true = np.sign(float(arrays["ref_mdf_slope_hz_per_s"]))
        found["ref_mdf_slope_hz_per_s"] = float(arrays["ref_mdf_slope_hz_per_s"])
        found["fatigue_sign_right"] = bool(np.sign(found["fatigue_slope_permille_per_s"]) == true)
        found["fatigue_reversed_sign_right"] = bool(np.sign(found["fatigue_reversed_slope_permille_per_s"]) == -true)
    elif found["mdf_slope_p"] < SIGNIFICANT and len(run.units) > fatigue.REFERENCE_UNITS:
        true = np.sign(found["mdf_slope_hz_per_s"])
        found["fatigue_offline_sign_right"] = bool(np.sign(found["fatigue_slope_permille_per_s"]) == true)
    return found


def judge_set(arrays: Arrays, words: tuple[Words, Words], length_s: float) -> Figures:
    """How the index, the amplitude and the spectrum go with the number of the repetition."""
    spans = _spans(arrays["onsets_s"], arrays["offsets_s"])
    run, reverse = run_reps(words[0], spans), run_reps(words[1], backwards(spans, length_s))
    frequency = np.sqrt([unit.spectrum for unit in run.units])
    found: Figures = {
        "fatigue_units": len(run.units),
        "fatigue_index_rho": rank_correlation([unit.index_permille for unit in run.units]),
        "fatigue_amplitude_rho": rank_correlation([unit.amplitude for unit in run.units]),
        "fatigue_spectrum_rho": rank_correlation([unit.spectrum for unit in run.units]),
        "fatigue_reversed_index_rho": rank_correlation([unit.index_permille for unit in reverse.units]),
        "fatigue_amplitude_permille": run.units[-1].amplitude_permille,
        "fatigue_spectrum_permille": run.units[-1].spectrum_permille,
        "fatigue_index_permille": run.units[-1].index_permille,
        "fatigue_tiring_told": sum(told.kind == event.EVENT_TIRING for told in run.told),
        "fatigue_dig_in_told": sum(told.kind == event.EVENT_DIG_IN for told in run.told),
        "fatigue_recovery_told": sum(told.reason == event.REASON_RECOVERY for told in run.told),
    }
    if len(frequency) == len(arrays["ref_mdf_hz"]):
        found["fatigue_spectrum_mdf_r"] = float(np.corrcoef(frequency, arrays["ref_mdf_hz"])[0, 1])
    return found


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of fatigue; nothing where they say nothing."""
    if "emg" not in arrays or not (is_hold(arrays) or is_set(arrays)):
        return {}
    target = truth_kernel.target_of(arrays)
    counts = truth_kernel.counts_of(path, [target], truth_kernel.scale_uv_of(arrays))
    length_s = len(counts) / RATE_HZ
    judge_it = judge_set if is_set(arrays) else judge_holds
    return judge_it(arrays, both_ways(counts), length_s)


def summarise(rows: list[Figures]) -> Figures:
    """All files together."""

    def of(key: str) -> list[Any]:
        return [row[key] for row in rows if key in row]

    found: Figures = {"fatigue_holds": len(of("fatigue_slope_t")), "fatigue_sets": len(of("fatigue_index_rho"))}
    for key in ("fatigue_sign_right", "fatigue_reversed_sign_right", "fatigue_offline_sign_right"):
        found[key] = sum(of(key))
        found[f"{key}_of"] = len(of(key))
    if found["fatigue_sets"]:
        found["fatigue_index_rho_min"] = min(of("fatigue_index_rho"))
    return found


@contextmanager
def constants(values: dict[str, int]) -> Generator[None]:
    """Other constants for the device's code, for a while."""
    before = {name: getattr(fatigue, name) for name in values}
    try:
        for name, value in values.items():
            setattr(fatigue, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(fatigue, name, value)


class Case(NamedTuple):
    """A recording for the grid; the kernel runs once."""

    arrays: Arrays
    words: tuple[Words, Words]
    length_s: float


def cases(data_dir: Path) -> list[Case]:
    """Recordings whose truth is in the file."""
    found: list[Case] = []
    for path in sorted(data_dir.glob("*.npz")):
        arrays = truth_kernel.load(path)
        if is_set(arrays) or {"hold_intervals_s", "ref_mdf_slope_hz_per_s"} <= arrays.keys():
            counts = truth_kernel.counts_of(path, [truth_kernel.target_of(arrays)], truth_kernel.scale_uv_of(arrays))
            found.append(Case(arrays, both_ways(counts), len(counts) / RATE_HZ))
    return found


def passes(case: Case) -> bool:
    """A set: the index rises, tiring is told and recovery is not. Holds: both signs are right."""
    if is_set(case.arrays):
        row = judge_set(*case)
        return row["fatigue_index_rho"] >= 0.8 and row["fatigue_tiring_told"] > 0 and not row["fatigue_recovery_told"]
    row = judge_holds(*case)
    return row["fatigue_sign_right"] and row["fatigue_reversed_sign_right"]


def grid(data_dir: Path) -> dict[tuple[int, ...], bool]:
    """Whether all recordings pass, for each combination of the constants of GRID."""
    known = cases(data_dir)
    found: dict[tuple[int, ...], bool] = {}
    for values in itertools.product(*GRID.values()):
        with constants(dict(zip(GRID, values, strict=True))):
            found[values] = all(passes(case) for case in known)
    return found


def proxies(words: Words) -> dict[str, float]:
    """What a stretch of blocks could be given as its frequency: three ways to sum up, and the crossings."""
    level, crossings, mobility = (
        words[:, word].astype(float) for word in (chain.OUT_LEVEL_Q3, features.OUT_CROSSINGS, features.OUT_MOBILITY_Q12)
    )
    power = words[:, features.OUT_SQUARE] * 2.0 ** words[:, features.OUT_EXPONENT]
    return {
        "mobility by level": float(np.sqrt(np.sum(mobility * level) / max(1.0, np.sum(level)))),
        "mobility by power": float(np.sqrt(np.sum(mobility * power) / max(1.0, np.sum(power)))),
        "mobility, median": float(np.sqrt(np.median(mobility))),
        "crossings": float(crossings.mean()),
        "crossings by level": float(np.sum(crossings * level) / max(1.0, np.sum(level))),
    }


def compare_proxies(data_dir: Path) -> dict[str, tuple[float, float]]:
    """Pearson's r of each proxy with the offline median frequency: mean over holds (seconds), and over sets (reps)."""
    holds: list[dict[str, float]] = []
    sets: list[dict[str, float]] = []
    for path in sorted(data_dir.glob("*.npz")):
        arrays = truth_kernel.load(path)
        if "emg" not in arrays or not (is_hold(arrays) or is_set(arrays)):
            continue
        target = truth_kernel.target_of(arrays)
        words = run_kernel(truth_kernel.counts_of(path, [target], truth_kernel.scale_uv_of(arrays)))
        if is_set(arrays):
            spans, medians = _spans(arrays["onsets_s"], arrays["offsets_s"]), list(arrays["ref_mdf_hz"])
        else:
            whole = np.atleast_2d(arrays["hold_intervals_s"])
            spans = [(t, t + 1.0) for first, last in whole for t in np.arange(first, last - 1, 1.0)]
            samples = arrays["emg"][:, target].astype(float)
            medians = median_frequencies(samples, float(arrays["fs"]), [first for first, _ in spans], 1.0)
        if len(spans) > fatigue.REFERENCE_UNITS:
            rows = [proxies(words[list(_blocks(span, len(words)))]) for span in spans]
            r = {name: float(np.corrcoef([row[name] for row in rows], medians)[0, 1]) for name in rows[0]}
            (sets if is_set(arrays) else holds).append(r)
    return {
        name: (float(np.mean([r[name] for r in holds])), float(np.mean([r[name] for r in sets]))) for name in holds[0]
    }


def main() -> int:
    """Print the figures of every file that has any, then all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA"), help="folder of recordings")
    parser.add_argument("--grid", action="store_true", help="judge the neighbours of the constants too")
    parser.add_argument("--proxies", action="store_true", help="compare measures of frequency too")
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data or set MMC_DATA")
    rows: list[Figures] = []
    for path in sorted(options.data.glob("*.npz")):
        row = judge(path, truth_kernel.load(path))
        if row:
            rows.append(row)
            shown = (
                f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items()
            )
            print(path.stem, *shown)
    for key, value in summarise(rows).items():
        print(f"{key}: {value}")
    if options.grid:
        found = grid(options.data)
        print(f"grid: {sum(found.values())} of {len(found)} settings pass")
        for at, (name, values) in enumerate(GRID.items()):
            shares = {v: np.mean([ok for key, ok in found.items() if key[at] == v]) for v in values}
            print(f"  {name}: " + ", ".join(f"{value} {share:.2f}" for value, share in shares.items()))
    if options.proxies:
        for name, (holds, sets) in compare_proxies(options.data).items():
            print(f"r with the median frequency, {name}: holds {holds:.2f}, sets {sets:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
