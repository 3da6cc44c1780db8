#!/usr/bin/env python3
"""Spoilt recordings: which channels are named, is anything scored from a bad block, does a cue begin in an artefact?

In:     a recording whose arrays say that it is spoilt: `rail`, `artefact_s`, `mains_hz`, `approx_active_s`
Out:    figures of that file; `summarise` puts those of all files together; as a program: both
Source: mmc_core/pipeline.py itself with its motor on (truth_coach.py), each channel as the target in turn

The front end's rail stands for the file's. The notch sits at the file's `mains_hz`, where calibration finds it
(truth_kernel.py asks that), else at 50 Hz. `mvc_ref` is the reference, else the 95th percentile of the channel's own
display envelope over its good blocks; a channel whose reference is not twice its quietest second is not calibrated, as
calibration would refuse it. Of an artefact's channel, half and twice that reference are tried too, and every artefact
is set, four times in twenty seconds, over a quiet muscle and over a hold that are made for it. Every cue is on,
none fades, and they come as close as the settings allow, so that what could be said is said. A channel is named when at
least 1 % of its blocks carry that mark.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import truth_coach
import truth_effort
import truth_kernel
from numpy.typing import NDArray

from mmc_core import event
from mmc_core.chain import OUT_DISPLAY_UV, OUT_QUALITY
from mmc_core.sample import (
    BLOCK_MS,
    BLOCK_SAMPLES,
    QUALITY_BAD,
    QUALITY_CLIPPED,
    QUALITY_FLAT,
    QUALITY_MAINS,
    QUALITY_MOTOR,
    QUALITY_SPIKE,
)
from mmc_host.body import bodyfile, muscle

Figures = dict[str, Any]
Arrays = truth_kernel.Arrays
Counts = NDArray[np.int16]
MARKS = {"clipped": QUALITY_CLIPPED, "flat": QUALITY_FLAT, "mains": QUALITY_MAINS, "spike": QUALITY_SPIKE}
BY_SIGNAL = QUALITY_BAD ^ QUALITY_MOTOR  # bad whatever the motor does
NAMED_SHARE = 0.01  # of blocks
STRONG_PERCENTILE = 95
SECOND_BLOCKS = 100
SHARES = (0.5, 2.0)
LEVELS = {"rest": 0.02, "hold": 0.4}  # of the reference, of muscles that are made
OWN_REFERENCE_UV = 200.0
BEFORE_MS, WORK_MS, TIMES = 3000, 20_000, 4
AROUND_MS = 100
FADE_MS = 50
SEEDS = 20
TALKATIVE = {
    "cue_fade": "off", "cue_rest_ms": 300, "cue_max_per_min": 30, "cue_leak": "on", "cue_drift": "on", "cue_tick": "on",
    "cue_milestone": "on", "cue_band_pct": 0,
}  # fmt: skip


def counts_of(path: Path, arrays: Arrays, column: int) -> tuple[Counts, float | None]:
    """A channel's counts, (samples, 1), and its reference in microvolt where the file has one."""
    if "rail" not in arrays:
        return truth_effort.counts_of(path, arrays, column)
    uv_per_unit = bodyfile.RAIL_COUNTS * bodyfile.NV_PER_COUNT / 1000 / float(np.ravel(arrays["rail"])[0])
    counts, _ = bodyfile.emg_counts(arrays["emg"][:, [column]].astype(float) * uv_per_unit)
    return counts, float(arrays["mvc_ref"][column]) * uv_per_unit if "mvc_ref" in arrays else None


def reference_of(counts: Counts, mains_hz: int) -> float | None:
    """The strong level of a channel that has no reference, microvolt, from its good blocks; None: it is near rest."""
    words = truth_kernel.run(counts, mains_hz)[:, 0]
    display_uv = words[words[:, OUT_QUALITY] & QUALITY_BAD == 0, OUT_DISPLAY_UV]
    if len(display_uv) < SECOND_BLOCKS:
        return None
    quietest = np.convolve(display_uv[SECOND_BLOCKS:], np.full(SECOND_BLOCKS, 1 / SECOND_BLOCKS), "valid").min()
    strong = float(np.percentile(display_uv, STRONG_PERCENTILE))
    return strong if strong >= 2 * quietest else None


def judge_channel(path: Path, arrays: Arrays, column: int, share: float = 1.0) -> Figures:
    """One channel as the target, its reference times a share."""
    counts, reference_uv = counts_of(path, arrays, column)
    mains_hz = int(np.ravel(arrays.get("mains_hz", 50))[0])
    reference_uv = reference_uv or reference_of(counts, mains_hz)
    reference_uv = reference_uv * share if reference_uv else None
    config = truth_coach.calibrated([reference_uv], **TALKATIVE, mains_hz=str(mains_hz))
    played = truth_coach.play(counts, config)
    quality = played.words[:, 0, OUT_QUALITY]
    found: Figures = {name: float(np.mean(quality & bit > 0)) for name, bit in MARKS.items()}
    found["scored"] = reference_uv is not None
    found["bad"] = float(np.mean(quality & BY_SIGNAL > 0))
    found["told_from_bad"] = truth_coach.told_from_bad(played)
    found["events"] = len(played.of(*truth_coach.OF_MUSCLE))
    found["cues"] = len(played.cues)
    if "rail" in arrays:
        samples = counts[: len(quality) * BLOCK_SAMPLES, 0].reshape(-1, BLOCK_SAMPLES)
        full = (np.abs(samples) >= bodyfile.RAIL_COUNTS).any(axis=1)
        found["at_rail"] = float(np.mean(full))
        found["clipped_wrong"] = int(np.sum(full != (quality & QUALITY_CLIPPED > 0)))
    if "artefact_s" in arrays and column == int(np.ravel(arrays["artefact_channel"])[0]):
        found |= in_artefacts(played, np.atleast_2d(arrays["artefact_s"]))
    if "approx_active_s" in arrays:
        spans = np.atleast_2d(arrays["approx_active_s"])
        holds = played.of(event.EVENT_HOLD_START)
        found["holds"] = len(holds)
        found["holds_at_rest"] = sum(not any(a - 1 <= h.told_t / 1000 <= b + 1 for a, b in spans) for h in holds)
    return found


def in_artefacts(played: truth_coach.Played, spans_s: NDArray[np.float64]) -> Figures:
    """Spans with a mark, and what was told and said within any of them."""
    quality = played.words[:, 0, OUT_QUALITY] & BY_SIGNAL

    def within(t_samples: int) -> bool:
        return any(first <= t_samples / bodyfile.RATE_HZ <= last for first, last in spans_s)

    marked = [quality[int(a * 1000 / BLOCK_MS) : int(b * 1000 / BLOCK_MS) + 1].any() for a, b in spans_s]
    return {
        "artefacts": len(spans_s),
        "artefacts_marked": int(sum(marked)),
        "cues_in_artefacts": sum(within(t) for _, t in played.cues),
        "events_in_artefacts": sum(within(told.told_t) for told in played.of(*truth_coach.OF_MUSCLE)),
    }


def set_over(artefact: Counts, work: str, seed: int) -> tuple[Counts, NDArray[np.float64]]:
    """A recorded artefact over a muscle that rests or holds, counts (samples, 1), and where it is, seconds.

    Only what is within AROUND_MS of its peak: the file's own EMG goes on before and behind it.
    """
    peak = int(np.abs(artefact - np.median(artefact)).argmax())
    artefact = artefact[max(0, peak - AROUND_MS) : peak + AROUND_MS]
    rng = np.random.default_rng([seed, list(LEVELS).index(work), len(artefact)])
    parts = [muscle.rest_noise_uv(ms, LEVELS["rest"] * OWN_REFERENCE_UV, rng) for ms in (BEFORE_MS, BEFORE_MS)]
    parts[1:1] = [muscle.rest_noise_uv(WORK_MS, LEVELS[work] * OWN_REFERENCE_UV, rng)]
    uv = np.concatenate(parts)
    fade = np.minimum(1, np.minimum(np.arange(len(artefact)), np.arange(len(artefact))[::-1]) / FADE_MS)
    added_uv = (artefact - np.median(artefact)) * fade * (bodyfile.NV_PER_COUNT / 1000)
    apart_ms = WORK_MS // TIMES
    spans: list[tuple[float, float]] = []
    for number in range(TIMES):
        first = BEFORE_MS + number * apart_ms + int(rng.integers(apart_ms // 4, apart_ms - len(artefact) - 500))
        uv[first : first + len(artefact)] += added_uv
        spans.append((first / 1000, (first + len(artefact)) / 1000))
    return bodyfile.emg_counts(uv[:, None])[0], np.array(spans)


def judge_artefacts(path: Path, arrays: Arrays) -> Figures:
    """Each artefact of a file over muscles made for it: what is told that the muscle did not do."""
    recorded = counts_of(path, arrays, int(np.ravel(arrays["artefact_channel"])[0]))[0][:, 0]
    config = truth_coach.calibrated([OWN_REFERENCE_UV], **TALKATIVE)
    found: Figures = {}
    for work, (first, last), seed in itertools.product(LEVELS, np.atleast_2d(arrays["artefact_s"]), range(SEEDS)):
        counts, spans = set_over(recorded[round(1000 * first) : round(1000 * last)], work, seed)
        played = truth_coach.play(counts, config)
        row = in_artefacts(played, spans)
        row["cues_outside"] = sum(t <= BEFORE_MS + WORK_MS for _, t in played.cues) - row["cues_in_artefacts"]
        row["holds"] = len(played.of(event.EVENT_HOLD_START))
        row["reps"] = len(played.of(event.EVENT_REP))
        row["cases"] = 1
        into = found.setdefault(work, dict.fromkeys(row, 0))
        for key, value in row.items():
            into[key] += value
    return found


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of noise; nothing if they do not say that it is spoilt."""
    if "emg" not in arrays or not {"rail", "artefact_s", "mains_hz", "approx_active_s"} & arrays.keys():
        return {}
    channels = [judge_channel(path, arrays, column) for column in range(arrays["emg"].shape[1])]
    found: Figures = {"noise_channels": channels, "noise_again": []}
    if "artefact_s" in arrays:
        column = int(np.ravel(arrays["artefact_channel"])[0])
        found["noise_artefacts_over"] = judge_artefacts(path, arrays)
        found["noise_again"] = [judge_channel(path, arrays, column, share) for share in SHARES]
    for name in MARKS:
        found[f"noise_{name}_named"] = [k for k, one in enumerate(channels) if one[name] >= NAMED_SHARE]
    if "rail" in arrays:
        found["noise_clipped_true"] = [k for k, one in enumerate(channels) if one["at_rail"] >= NAMED_SHARE]
    return found


def summarise(rows: list[Figures]) -> Figures:
    """All files together."""
    channels = [one for row in rows for one in row["noise_channels"]]
    if not channels:
        return {}

    again = [one for row in rows for one in row["noise_again"]]

    def total(key: str) -> int:
        return sum(one.get(key, 0) for one in channels + again)

    true = [set(row["noise_clipped_true"]) for row in rows if "noise_clipped_true" in row]
    named = [set(row["noise_clipped_named"]) for row in rows if "noise_clipped_true" in row]
    found: Figures = {
        "noise_files": len(rows),
        "noise_channels": len(channels),
        "noise_channels_scored": sum(one["scored"] for one in channels),
        "noise_clipped_channels": sum(map(len, true)),
        "noise_clipped_channels_named": sum(len(a & b) for a, b in zip(true, named, strict=True)),
        "noise_clipped_channels_named_wrongly": sum(len(b - a) for a, b in zip(true, named, strict=True)),
        "noise_clipped_blocks_wrong": total("clipped_wrong"),
        "noise_events": total("events"),
        "noise_told_from_bad": total("told_from_bad"),
    }
    keys = ("artefacts", "artefacts_marked", "events_in_artefacts", "cues_in_artefacts", "cues", "holds_at_rest")
    found |= {f"noise_{key}": total(key) for key in keys}
    over = [row["noise_artefacts_over"] for row in rows if "noise_artefacts_over" in row]
    for work in LEVELS:
        if over:
            found[f"noise_over_{work}"] = {key: sum(one[work][key] for one in over) for key in over[0][work]}
    return found


def main() -> int:
    """Measure and print."""
    files = truth_kernel.judge_asked(__doc__, judge)
    if files is None:
        return 0
    for name, (_, row) in files.items():
        print(name, *(f"{key} {value}" for key, value in row.items() if key not in ("noise_channels", "noise_again")))
        for one in row["noise_channels"] + row["noise_again"]:
            print(
                "  ",
                *(f"{key} {value:.3f}" if value.__class__ is float else f"{key} {value}" for key, value in one.items()),
            )
    for key, value in summarise([row for _, row in files.values()]).items():
        print(f"  {key:36} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
