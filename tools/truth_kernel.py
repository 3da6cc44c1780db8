"""The kernel on recordings with known truth: what `make truth` says of it, by what arrays a file carries.

In:     a recording's path and arrays
Out:    figures of that file; `summarise` puts those of all files together; CONTRIBUTING documents the keys

It runs the kernel's own text on the host (mmc_host/replay.py), which computes the device's bits: tests prove it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import design_filters
import float_chain
import numpy as np
import truth_delay
from numpy.typing import NDArray
from scipy import signal

from mmc_core import chain, onset
from mmc_core.kernel import Kernel
from mmc_core.mains import MainsFinder
from mmc_host.body import bodyfile, recording
from mmc_host.replay import replay

Arrays = dict[str, NDArray[Any]]
Figures = dict[str, Any]
Words = NDArray[np.int64]
BLOCK_S = 0.01
MOST_LAG_S = 1.0
SECOND_BLOCKS = 100
REST_SHARE = 0.1  # of the channel's highest envelope: a quietest second above it is no rest


def load(path: Path) -> Arrays:
    """A recording's arrays."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def judge_all(data: Path, judge: Callable[[Path, Arrays], Figures]) -> dict[str, tuple[Arrays, Figures]]:
    """Arrays and figures, by name, of every recording of which a tool has something to say."""
    every = ((path, load(path)) for path in sorted(data.glob("*.npz")))
    judged = ((path.stem, arrays, judge(path, arrays)) for path, arrays in every)
    return {name: (arrays, row) for name, arrays, row in judged if row}


def judge_asked(doc: str | None, judge: Callable[[Path, Arrays], Figures]) -> dict[str, tuple[Arrays, Figures]] | None:
    """Judge the recordings of the folder that the command line names, or MMC_DATA; say why where there is none.

    Args:
        doc: the tool's docstring, for its help.
        judge: as `judge_all` takes it.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    arguments = parser.parse_args()
    if not arguments.data:
        print(f"{Path(sys.argv[0]).stem}: skipped: no recordings; name their folder with --data DIR or MMC_DATA")
        return None
    return judge_all(Path(arguments.data), judge)


def target_of(arrays: Arrays) -> int:
    """Column of the working muscle; the first where the file does not say."""
    return int(np.ravel(arrays.get("agonist_channels", arrays.get("agonist_channel", 0)))[0])


def scale_uv_of(arrays: Arrays) -> float | None:
    """How to scale a file that has no reference, whatever its units: its strongest moments stand for a millivolt."""
    if "mvc_ref" in arrays:
        return None
    swing = np.abs(arrays["emg"] - np.median(arrays["emg"], axis=0))
    strong = float(np.percentile(swing, 99.9))
    return 1000.0 / strong if strong > 0 else 1.0


def counts_of(path: Path, columns: list[int], scale_uv: float | None = None) -> NDArray[np.int16]:
    """A recording's channels as the simulated front end's counts, (samples, channels)."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.bin")
        info = recording.write_recording(path, body, {str(c): f"column {c}" for c in columns}, scale_uv=scale_uv)
        counts = bodyfile.read(body).emg[-info.n_samples :, : len(columns)]
    return np.ascontiguousarray(counts[: info.recording_samples])


def make_kernel(channels: int, mains_hz: int, **options: Any) -> Kernel:
    """The simulated board's kernel."""
    return Kernel(channels, 0, bodyfile.RAIL_COUNTS, mains_hz, nv_per_count=bodyfile.NV_PER_COUNT, **options)


def run(counts: NDArray[np.int16], mains_hz: int = 50, **options: Any) -> Words:
    """(blocks, channels, words) of the kernel from its start."""
    return replay(make_kernel(counts.shape[1], mains_hz, **options), counts).words.astype(np.int64)


def force(words: Words, arrays: Arrays) -> Figures:
    """Pearson's r of the display envelope with the force at the best lag of the force, both every 10 ms."""
    display = words[:, chain.OUT_DISPLAY_UV]
    at = (np.arange(len(display)) + 1) * BLOCK_S
    measured = np.interp(at, np.arange(len(arrays["force"])) / float(arrays["fs"]), arrays["force"].astype(float))
    best, best_lag = -1.0, 0
    for lag in range(round(MOST_LAG_S / BLOCK_S)):
        r = float(np.corrcoef(display[20 : len(display) - lag], measured[20 + lag :])[0, 1])
        if r > best:
            best, best_lag = r, lag
    found: Figures = {"force_r": best, "force_lag_s": best_lag * BLOCK_S}
    if "ref_env_force_r" in arrays:
        found["force_r_less_reference"] = best - float(arrays["ref_env_force_r"])
    return found


def begins(ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """The blocks with which contractions begin, dated back, from OUT_ONSET of every block."""
    told = np.flatnonzero(ages)
    return told + 1 - ages[told]


def onsets(begin: NDArray[np.int64], arrays: Arrays) -> Figures:
    """Beginnings told against those of the file; each of the file is matched with the nearest within half a second."""
    told = begin * BLOCK_S
    found: Figures = {"onsets_told": len(told)}
    if "onsets_s" in arrays:
        true = arrays["onsets_s"].ravel()
        errors = [1000 * min((t - x for t in told), key=abs, default=np.inf) for x in true]
        near = [e for e in errors if abs(e) <= 500]
        found["onsets_true"] = len(true)
        found["onset_error_ms_median"] = float(np.median(near)) if near else None
        found["onset_abs_error_ms_median"] = float(np.median(np.abs(near))) if near else None
    return found


def clipping(arrays: Arrays, columns: list[int]) -> Figures:
    """Of the blocks with a sample at the file's rail, how many are marked; the front end's rail stands for it."""
    rail = float(np.ravel(arrays["rail"])[0])
    samples = arrays["emg"][:, columns].astype(float)
    words = run(np.rint(samples * (bodyfile.RAIL_COUNTS / rail)).astype(np.int16))
    blocks = (np.abs(samples[: 10 * len(words)]) >= rail).reshape(-1, 10, len(columns)).any(axis=1)
    marked = words[..., chain.OUT_QUALITY] & 1 > 0
    return {"clipped_blocks": int(blocks.sum()), "clipped_marked": int((blocks & marked).sum())}


def artefacts(arrays: Arrays, words: Words) -> Figures:
    """Spans that hold an artefact: how many are marked, and whether a contraction is told to begin in one."""
    starts = begins(words[:, onset.OUT_ONSET])
    spans = [(first / BLOCK_S, last / BLOCK_S) for first, last in np.atleast_2d(arrays["artefact_s"])]
    marked = [bool((words[int(a) : int(b) + 1, chain.OUT_QUALITY] & 8).any()) for a, b in spans]
    return {
        "artefacts": len(spans),
        "artefacts_marked": sum(marked),
        "onsets_in_artefacts": sum(bool(a <= s <= b) for s in starts for a, b in spans),
    }


def line_power(x: NDArray[np.float64], hz: float) -> float:
    """Power within 0.5 Hz of a frequency, by a Hann periodogram."""
    f, p = signal.periodogram(x, 1000, "hann")
    return float(p[np.abs(f - hz) <= 0.5].sum())


def mains(arrays: Arrays, counts: NDArray[np.int16]) -> Figures:
    """Which mains the device's finder hears in each channel, and how far the notch brings the line down at rest.

    It hears whole seconds from the second one on, as calibration does; here those of the whole recording.
    """
    found: Figures = {"mains_named_hz": [], "mains_line_down_db": []}
    kernel = make_kernel(counts.shape[1], 0)
    kernel.search_mains()
    words = replay(kernel, counts).words[SECOND_BLOCKS:].astype(np.int64)
    finder = MainsFinder(counts.shape[1])
    for out in words[..., : chain.OUT_HARMONIC_Q3 + 1].tolist():
        finder.step(out)
    seconds = len(words) // SECOND_BLOCKS
    for channel in range(counts.shape[1]):
        named, _ = finder.hear(channel)
        found["mains_named_hz"].append(named)
        if named and "mains_hz" in arrays:
            level = words[: seconds * SECOND_BLOCKS, channel, chain.OUT_LEVEL_Q3].reshape(seconds, -1).sum(axis=1)
            at = bodyfile.RATE_HZ * (1 + int(level.argmin()))
            x = counts[:, channel].astype(float)
            # The integer chain is SciPy's within 0.1 %, says test_kernel.
            b, a = signal.iirnotch(named, design_filters.NOTCH_QUALITY, fs=1000)
            down = line_power(signal.lfilter(b, a, x)[at : at + 1000], named) / line_power(x[at : at + 1000], named)
            found["mains_line_down_db"].append(-10 * np.log10(down))
    return found


def emg_lost_db(counts: NDArray[np.int16]) -> float:
    """What the notch takes from a clean recording's power when it is forced on, worst channel."""
    with_notch, without = (run(counts, hz)[20:, :, chain.OUT_LEVEL_Q3].astype(float) ** 2 for hz in (50, 0))
    return float(np.max(10 * np.log10(without.mean(axis=0) / with_notch.mean(axis=0))))


def envelope_error(counts: NDArray[np.int16], words: Words, is_rest: bool) -> Figures:
    """The integer envelopes against SciPy's in float64: worst of all blocks and channels, and of the quietest seconds.

    A channel's quietest second, wherever it begins, is rest in a file of rest, or if its level is far enough below the
    channel's highest.
    """
    level, envelope, display = float_chain.causal(counts)
    off = np.abs(words[..., chain.OUT_Q3] / 8 - envelope)
    display_off = np.abs(words[..., chain.OUT_DISPLAY_UV] * (1000 / bodyfile.NV_PER_COUNT) - display)
    seconds = np.lib.stride_tricks.sliding_window_view(level, SECOND_BLOCKS, axis=0).mean(axis=-1)
    quietest: list[float] = []
    at_rest: list[float] = []
    for channel, first in enumerate(seconds.argmin(axis=0)):
        quietest.append(float(off[first : first + SECOND_BLOCKS, channel].max()))
        if is_rest or seconds[first, channel] <= REST_SHARE * envelope[:, channel].max():
            at_rest.append(quietest[-1])
    return {
        "envelope_error_pct_fs": 100 * float(off.max()) / bodyfile.RAIL_COUNTS,
        "display_error_pct_fs": 100 * float(display_off.max()) / bodyfile.RAIL_COUNTS,
        "envelope_error_quietest_counts": max(quietest),
        "envelope_error_rest_counts": max(at_rest, default=None),
        "rest_channels": len(at_rest),
    }


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of the kernel; nothing without EMG."""
    if "emg" not in arrays:
        return {}
    target = target_of(arrays)
    columns = [target] + [c for c in range(arrays["emg"].shape[1]) if c != target]
    columns = columns[: bodyfile.MAX_CHANNELS]
    counts = counts_of(path, columns, scale_uv_of(arrays))
    words = run(counts)
    found: Figures = {"spike_share": float(np.mean(words[..., chain.OUT_QUALITY] & 8 > 0))}
    if "rail" in arrays and float(arrays["fs"]) == bodyfile.RATE_HZ:
        found |= clipping(arrays, columns)
    if "artefact_s" in arrays:
        found |= artefacts(arrays, words[:, columns.index(int(np.ravel(arrays["artefact_channel"])[0]))])
    if "force" in arrays:
        found |= force(words[:, 0], arrays)
    is_rest = bool(arrays.get("rest", False))
    if "onsets_s" in arrays or is_rest:
        found |= onsets(begins(words[:, 0, onset.OUT_ONSET]), arrays)
    if "onsets_s" in arrays or {"force", "hold_intervals_s"} <= arrays.keys():
        choices = {name: run(counts[:, :1], **options)[:, 0] for name, options in truth_delay.CHOICES.items()}
        found["delays"] = truth_delay.delays(counts[:, 0], choices)
    found |= envelope_error(counts, words, is_rest)
    found |= mains(arrays, counts)
    if "mains_hz" not in arrays:
        found["emg_lost_db"] = emg_lost_db(counts)
    return found


def summarise(rows: list[Figures]) -> Figures:
    """All files together."""

    def of(key: str) -> list[Any]:
        return [row[key] for row in rows if row.get(key) is not None]

    found: Figures = {"files": len(rows)}
    for key in ("force_r", "force_r_less_reference", "onset_abs_error_ms_median", "emg_lost_db"):
        if of(key):
            found[f"{key}_median"] = float(np.median(of(key)))
    for key in ("clipped_blocks", "clipped_marked", "artefacts", "artefacts_marked", "onsets_in_artefacts"):
        if of(key):
            found[key] = int(sum(of(key)))
    errors = ("envelope_error_pct_fs", "envelope_error_quietest_counts", "envelope_error_rest_counts")
    for key in ("emg_lost_db", "display_error_pct_fs", *errors):
        if of(key):
            found[f"{key}_max"] = max(of(key))
    found["rest_channels"] = sum(of("rest_channels"))
    if of("delays"):
        found["delay_ms"] = truth_delay.summarise(of("delays"))
    downs = list(itertools.chain.from_iterable(of("mains_line_down_db")))
    if downs:
        found["mains_line_down_db_min"] = float(min(downs))
    found["mains_named"] = sum(bool(hz) for row in of("mains_named_hz") for hz in row)
    return found
