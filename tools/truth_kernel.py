"""The kernel on recordings with known truth: what `make truth` says of it, by what arrays a file carries.

In:     a recording's path and arrays
Out:    figures of that file; `summarise` puts those of all files together; CONTRIBUTING documents the keys

It runs the kernel's own text on the host (mmc_host/replay.py), which computes the device's bits: tests prove it.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from mmc_core import chain, onset
from mmc_core.kernel import Kernel
from mmc_host.body import bodyfile, recording
from mmc_host.replay import replay

Arrays = dict[str, NDArray[Any]]
Figures = dict[str, Any]
Words = NDArray[np.int64]
BLOCK_S = 0.01
MOST_LAG_S = 1.0
NOTCHES_HZ = (50, 60)


def counts_of(path: Path, columns: list[int], scale_uv: float | None = None) -> NDArray[np.int16]:
    """A recording's channels as the simulated front end's counts, (samples, channels)."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "body.bin")
        info = recording.write_recording(path, body, {str(c): f"column {c}" for c in columns}, scale_uv=scale_uv)
        counts = bodyfile.read(body).emg[-info.n_samples :, : len(columns)]
    return np.ascontiguousarray(counts[: info.recording_samples])


def run(counts: NDArray[np.int16], mains_hz: int = 50, **options: Any) -> Words:
    """(blocks, channels, words) of the kernel from its start."""
    kernel = Kernel(counts.shape[1], 0, bodyfile.RAIL_COUNTS, mains_hz, nv_per_count=bodyfile.NV_PER_COUNT, **options)
    return replay(kernel, counts).words.astype(np.int64)


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


def onsets(words: Words, arrays: Arrays) -> Figures:
    """Onsets told, dated back, against those of the file; each is matched with the nearest within half a second."""
    told = [(n + 1 - w[onset.OUT_ONSET]) * BLOCK_S for n, w in enumerate(words) if w[onset.OUT_ONSET]]
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
    starts = [n + 1 - w[onset.OUT_ONSET] for n, w in enumerate(words) if w[onset.OUT_ONSET]]
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
    """Which mains the notches find in the quietest second, and how far the notch brings its line down there."""
    found: Figures = {"mains_named_hz": [], "mains_line_down_db": []}
    taken = {hz: run(counts, hz) for hz in NOTCHES_HZ}
    for channel in range(counts.shape[1]):
        quietest: tuple[float, dict[int, float], int] | None = None
        for first in range(100, len(counts) // 10 - 100, 100):
            part = slice(first, first + 100)
            away = {hz: float(taken[hz][part, channel, chain.OUT_MAINS_Q3].mean()) for hz in NOTCHES_HZ}
            level = min(float(taken[hz][part, channel, chain.OUT_LEVEL_Q3].mean()) for hz in NOTCHES_HZ)
            if quietest is None or level < quietest[0]:
                quietest = level, away, first * 10
        assert quietest is not None
        level, away, at = quietest
        named = max(NOTCHES_HZ, key=lambda hz: away[hz])
        other = NOTCHES_HZ[named == NOTCHES_HZ[0]]
        named = named if 2 * away[named] >= 3 * away[other] and away[named] >= level else 0
        found["mains_named_hz"].append(named)
        if named and "mains_hz" in arrays:
            x = counts[:, channel].astype(float)
            b, a = signal.iirnotch(named, 10, fs=1000)  # test_kernel: the integer chain is scipy's within 0.1 %
            down = line_power(signal.lfilter(b, a, x)[at : at + 1000], named) / line_power(x[at : at + 1000], named)
            found["mains_line_down_db"].append(-10 * np.log10(down))
    return found


def emg_lost_db(counts: NDArray[np.int16]) -> float:
    """What the notch takes from a clean recording's power when it is forced on, worst channel."""
    with_notch, without = (run(counts, hz)[20:, :, chain.OUT_LEVEL_Q3].astype(float) ** 2 for hz in (50, 0))
    return float(np.max(10 * np.log10(without.mean(axis=0) / with_notch.mean(axis=0))))


def judge(path: Path, arrays: Arrays, target: int, scale_uv: float | None) -> Figures:
    """Everything that this file's arrays allow to be said of the kernel."""
    columns = [target] + [c for c in range(arrays["emg"].shape[1]) if c != target]
    columns = columns[: bodyfile.MAX_CHANNELS]
    counts = counts_of(path, columns, scale_uv)
    words = run(counts)
    found: Figures = {"spike_share": float(np.mean(words[..., chain.OUT_QUALITY] & 8 > 0))}
    if "rail" in arrays and float(arrays["fs"]) == bodyfile.RATE_HZ:
        found |= clipping(arrays, columns)
    if "artefact_s" in arrays:
        found |= artefacts(arrays, words[:, columns.index(int(np.ravel(arrays["artefact_channel"])[0]))])
    if "force" in arrays:
        found |= force(words[:, 0], arrays)
    if "onsets_s" in arrays or bool(arrays.get("rest", False)):
        found |= onsets(words[:, 0], arrays)
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
    if of("emg_lost_db"):
        found["emg_lost_db_max"] = max(of("emg_lost_db"))
    downs = list(itertools.chain.from_iterable(of("mains_line_down_db")))
    if downs:
        found["mains_line_down_db_min"] = float(min(downs))
    found["mains_named"] = sum(bool(hz) for row in of("mains_named_hz") for hz in row)
    return found
