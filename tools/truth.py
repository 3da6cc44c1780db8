#!/usr/bin/env python3
"""Play every recording of a folder through the firmware and compare what it logs with the truth in the file.

In:     `--data DIR` (default $MMC_DATA), .npz files in the form that README names; only their arrays decide
Out:    a table per file and per kind; `build/truth.json`, whose keys CONTRIBUTING documents
Others: `--seed N` (leads and noise), `--only TEXT` (files whose name contains it), `--jobs N`

Kinds so far: `hold` (has force, hold_intervals_s, mvc_ref: is it "in hold" where the force says so, and is a lost
contraction seen), `rest` (no hold and no cue), `run` (all else: it must run, and every sample be accounted for).
The firmware runs on 32-bit MicroPython when it is there, on a simulated board as fast as possible; sessions are pulled
over a pseudo-terminal and loaded as a user would.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import get_micropython
import numpy as np
import onset_grid
import truth_balance
import truth_delay
import truth_effort
import truth_fatigue
import truth_heart
import truth_hold
import truth_kernel
import truth_motion
import truth_noise
import truth_passive
from numpy.typing import NDArray
from truth_kernel import scale_uv_of, target_of

from mmc_core.errors import MmcError
from mmc_core.settings import MAX_CHANNELS
from mmc_device.config import Config
from mmc_host import firmware, session
from mmc_host.body import recording
from mmc_host.client import Device
from mmc_host.errors import LinkError
from mmc_host.pull import pull
from mmc_host.session import Session
from mmc_host.store import Store
from mmc_host.transport import open_transport

ROOT = Path(__file__).resolve().parent.parent
GRID_S = 0.01
REPLACED_AT = 0.6  # of the longest hold: from here on the muscle is silent
LATEST_S = 1.0  # a loss that is told later than this was not seen
TIMEOUT_S = 120.0
# Questions of the coach, each with the tool that asks it of recordings.
COACH: dict[str, Any] = {
    "effort": truth_effort, "motion": truth_motion, "balance": truth_balance, "fatigue": truth_fatigue,
    "hold": truth_hold, "passive": truth_passive, "noise": truth_noise,
}  # fmt: skip
TABLES = {"delay_ms": truth_delay.table, "onset_grid_by_value": onset_grid.table}


Arrays = dict[str, NDArray[Any]]  # of a recording, by name
Figures = dict[str, Any]  # what JSON holds
Series = NDArray[np.bool_]  # yes or no for each step of GRID_S


class Placing(TypedDict, total=False):
    """How a recording is placed; see `write_recording`."""

    lead_s: tuple[float, float] | None
    seed: int
    rest_fraction: float
    replace_s: Sequence[tuple[float, float]]
    scale_uv: float | None


@dataclass(frozen=True)
class Played:
    """A recording that went through the firmware: what it logged, and what was played."""

    session: Session
    info: recording.RecordingInfo


def interpreter() -> tuple[Path, str]:
    """The MicroPython that counts: 32 bit, else the one of the simulator."""
    found, _ = get_micropython.find()
    return (Path(found), "32-bit") if found else (firmware.micropython(), "64-bit")


def play(
    path: Path, micropython: Path, channels: list[int], *, scored: bool = True, **placing: Unpack[Placing]
) -> Played:
    """Play chosen channels of a recording to the unchanged firmware, pull the session and load it.

    Args:
        path: the recording.
        micropython: the interpreter.
        channels: columns of `emg`; the first is the target.
        scored: enter the file's `mvc_ref` as the calibration; else the device is not calibrated.
        placing: lead_s, seed, rest_fraction, replace_s and scale_uv of `write_recording`.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        (state / "config").mkdir()
        mapping = {str(column): f"column {column}" for column in channels}
        info = recording.write_recording(path, state / "body.bin", mapping, **placing)
        config = Config(str(state / "config"))
        for channel, reference_uv in enumerate(info.reference_uv):
            config.settings.put(f"ch{channel}_muscle", f"column {channels[channel]}")
            if scored and reference_uv is not None:
                config.settings.put(f"ch{channel}_reference_nv", round(1000 * reference_uv))
                config.settings.put(f"ch{channel}_reference_kind", "mvc")
        # An uncalibrated device does not start by itself; a body that is not scored must still be logged.
        config.settings.put("autostart", "always" if not scored else "on")
        config.save()
        with firmware.start(state, firmware.AS_FAST_AS_POSSIBLE, interpreter=micropython) as simulator:
            simulator.wait_for("script done", TIMEOUT_S)
            transport = open_transport(simulator.port)
            try:
                device = Device(transport)
                device.stop()
                with Store(state / "store") as store:
                    pulled = pull(device, store)
                    return Played(session.load(pulled[0].path), info)
            finally:
                transport.close()


def in_hold(played: Session, n_steps: int) -> Series:
    """True for each 10-ms step that lies in a hold of the device."""
    told = np.zeros(n_steps, bool)
    start = None
    for event in played.events:
        if event.kind == "hold_start":
            start = event.t_s
        elif event.kind == "hold_end" and start is not None:
            told[round(start / GRID_S) : round(event.t_s / GRID_S)] = True
            start = None
    return told


def kappa(a: Series, b: Series) -> float:
    """Cohen's kappa of two yes/no series; 0 where chance alone explains them (one of them is constant)."""
    observed = float(np.mean(a == b))
    expected = float(np.mean(a) * np.mean(b) + np.mean(~a) * np.mean(~b))
    return 0.0 if expected == 1 else (observed - expected) / (1 - expected)


def spans(intervals: Series, offset_s: float, n_steps: int) -> Series:
    """Intervals in seconds, moved by `offset_s`, as a yes/no series."""
    series = np.zeros(n_steps, bool)
    for first, last in intervals:
        series[round((first + offset_s) / GRID_S) : round((last + offset_s) / GRID_S)] = True
    return series


def truth_of_hold(path: Path, arrays: Arrays, micropython: Path, seed: int) -> Figures:
    """Issue: holds on real muscle, and a contraction that is lost in the middle."""
    target = target_of(arrays)
    holds = np.atleast_2d(arrays["hold_intervals_s"])
    rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(arrays["emg"]).tobytes())])
    before_s, after_s = (round(float(seconds), 2) for seconds in rng.uniform(3, 10, 2))
    lead_s = (before_s, after_s)
    noise_seed = int(rng.integers(1 << 30))
    placing: Placing = {"lead_s": lead_s, "seed": noise_seed, "rest_fraction": 0.05}
    whole = play(path, micropython, [target], **placing)
    n_steps = whole.info.n_samples // 10
    length_s = whole.info.recording_samples / 1000
    true = spans(holds, lead_s[0], n_steps)
    told = in_hold(whole.session, n_steps)
    longest = holds[np.argmax(holds[:, 1] - holds[:, 0])]
    cut_s = float(longest[0] + REPLACED_AT * (longest[1] - longest[0]))
    placing["replace_s"] = [(cut_s, length_s)]
    silent = play(path, micropython, [target], **placing)
    after = [e.t_s - lead_s[0] - cut_s for e in silent.session.events if e.kind == "activation_lost"]
    delays = [delay for delay in after if 0 <= delay <= LATEST_S]
    false_lost = [
        e.t_s
        for e in whole.session.events
        if e.kind == "activation_lost" and true[min(round(e.t_s / GRID_S), n_steps - 1)]
    ]
    return {
        "kappa": kappa(told, true),
        "kappa_whole_file": kappa(spans(np.array([[0, length_s]]), lead_s[0], n_steps), true),
        "kappa_always": kappa(np.ones(n_steps, bool), true),
        "holds_told": whole.session.count("hold_start"),
        "lost_delay_ms": 1000 * min(delays) if delays else None,
        "false_lost": len(false_lost),
        "hold_s": float(np.sum(true) * GRID_S),
        "accounted": whole.session.accounted and silent.session.accounted,
        "true": true,
    }


def truth_of_rest(path: Path, arrays: Arrays, micropython: Path) -> Figures:
    """Nobody contracts: no hold and no cue, channel by channel; without a reference nothing is scored at all."""
    scored = "mvc_ref" in arrays
    found = {"holds_told": 0, "cues": 0, "channels": arrays["emg"].shape[1], "scored": scored, "accounted": True}
    for column in range(arrays["emg"].shape[1]):
        played = play(path, micropython, [column], scored=scored, scale_uv=scale_uv_of(arrays))
        found["holds_told"] += played.session.count("hold_start")
        found["cues"] += played.session.count("cue", "engage")
        found["accounted"] &= played.session.accounted
    return found


def truth_of_run(path: Path, arrays: Arrays, micropython: Path) -> Figures:
    """It runs, and every sample is accounted for; what the device saw is printed, not judged."""
    scored = "mvc_ref" in arrays
    first = target_of(arrays)
    columns = [first] + [column for column in range(arrays["emg"].shape[1]) if column != first]
    played = play(path, micropython, columns[:MAX_CHANNELS], scored=scored, scale_uv=scale_uv_of(arrays))
    return {
        "holds_told": played.session.count("hold_start"),
        "cues": played.session.count("cue", "engage"),
        "scored": scored,
        "accounted": played.session.accounted,
    }


def judge(path: Path, micropython: Path, seed: int) -> Figures:
    """Compare one file; what can't be played is a row of its own and does not stop the others."""
    try:
        return _judge(path, micropython, seed)
    except (MmcError, LinkError, OSError, ValueError) as error:
        return {"kind": "failed", "reason": f"{type(error).__name__}: {error}"}


def _judge(path: Path, micropython: Path, seed: int) -> Figures:
    """Decide by the arrays what the file is, and compare."""
    arrays = truth_kernel.load(path)
    coach = {name: found for name, tool in COACH.items() if (found := tool.judge(path, arrays))}
    if "emg" not in arrays:
        return {"kind": "skipped", "reason": "no EMG", "coach": coach}
    kernel = truth_kernel.judge(path, arrays)
    return {**_judge_device(path, arrays, micropython, seed), "kernel": kernel, "coach": coach}


def _judge_device(path: Path, arrays: Arrays, micropython: Path, seed: int) -> Figures:
    """What the device makes of it."""
    if bool(arrays.get("rest", False)):
        return {"kind": "rest", **truth_of_rest(path, arrays, micropython)}
    if {"force", "hold_intervals_s", "mvc_ref"} <= arrays.keys() and len(arrays["hold_intervals_s"]):
        return {"kind": "hold", **truth_of_hold(path, arrays, micropython, seed)}
    return {"kind": "run", **truth_of_run(path, arrays, micropython)}


def best_clock(truths: list[Series]) -> list[float]:
    """Kappa per file of the clock that fits all files best: on from one time to another, whatever the EMG does."""
    longest = max(map(len, truths))
    best: list[float] = [0.0] * len(truths)
    for first in range(0, longest, 50):
        for last in range(first + 100, longest + 1, 50):
            found = []
            for true in truths:
                clock = np.zeros(len(true), bool)
                clock[first:last] = True
                found.append(kappa(clock, true))
            if np.median(found) > np.median(best):
                best = found
    return best


def summarise(files: dict[str, Figures]) -> Figures:
    """One row per kind."""
    kinds: dict[str, Figures] = {}
    holds = [row for row in files.values() if row["kind"] == "hold"]
    if holds:
        clock = best_clock([row["true"] for row in holds])
        delays = [row["lost_delay_ms"] for row in holds if row["lost_delay_ms"] is not None]
        minutes = sum(row["hold_s"] for row in holds) / 60
        kinds["hold"] = {
            "files": len(holds),
            "kappa_median": float(np.median([row["kappa"] for row in holds])),
            "kappa_always_median": float(np.median([row["kappa_always"] for row in holds])),
            "kappa_clock_median": float(np.median(clock)),
            "kappa_whole_file_median": float(np.median([row["kappa_whole_file"] for row in holds])),
            "lost_seen": len(delays),
            "lost_delay_ms_p10": float(np.percentile(delays, 10)) if delays else None,
            "lost_delay_ms_median": float(np.median(delays)) if delays else None,
            "lost_delay_ms_p90": float(np.percentile(delays, 90)) if delays else None,
            "false_lost_per_minute": sum(row["false_lost"] for row in holds) / minutes,
            "hold_minutes": minutes,
        }
    for kind in ("rest", "run"):
        rows = [row for row in files.values() if row["kind"] == kind]
        if rows:
            kinds[kind] = {
                "files": len(rows),
                "holds_told": sum(row["holds_told"] for row in rows),
                "cues": sum(row["cues"] for row in rows),
            }
    for kind, row in kinds.items():  # of those that were played
        row["accounted"] = all(found["accounted"] for found in files.values() if found["kind"] == kind)
    for kind in ("skipped", "failed"):
        count = sum(row["kind"] == kind for row in files.values())
        if count:
            kinds[kind] = {"files": count}
    return kinds


def run(data: Path, seed: int, only: str, jobs: int) -> Figures:
    """Judge every recording; the whole of `build/truth.json`."""
    micropython, width = interpreter()
    paths = sorted(path for path in data.glob("*.npz") if only in path.name)
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(judge, path, micropython, seed) for path in paths]
        rows = [one.result() for one in waiting]
    files = {path.stem: row for path, row in zip(paths, rows, strict=True)}
    kinds = summarise(files)
    kernel_rows = [row["kernel"] for row in files.values() if "kernel" in row]
    kernel = truth_kernel.summarise(kernel_rows)
    if not only:
        kernel |= onset_grid.summarise(onset_grid.grid(data))
    for row in [*files.values(), *kernel_rows]:
        for key in ("true", "delays"):
            row.pop(key, None)
    found = {"version": 3, "micropython": width, "seed": seed, "kinds": kinds, "kernel": kernel}
    coach = summarise_coach(list(files.values()))
    if not only:
        coach["heart"] = truth_heart.run()
    return {**found, "coach": coach, "files": files}


def summarise_coach(rows: list[Figures]) -> Figures:
    """Each question of the coach, all files together."""
    found: Figures = {}
    for name, tool in COACH.items():
        mine = [row["coach"][name] for row in rows if row.get("coach", {}).get(name)]
        if mine:
            found[name] = tool.summarise(mine)
    return found


def show(found: Figures) -> None:
    """Print the tables."""
    for name, row in found["files"].items():
        cells = [f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()]
        print(f"{name:28} " + "  ".join(cells))
    for kind, row in {**found["kinds"], "kernel": found["kernel"]}.items():
        print(f"\n{kind}")
        for key, value in row.items():
            if key in TABLES:
                print(TABLES[key](value))
                continue
            print(f"  {key:26} {value:.3f}" if isinstance(value, float) else f"  {key:26} {value}")
    for name, row in found["coach"].items():
        print(f"\ncoach: {name}")
        for key, value in row.items():
            print(f"  {key:26} {value}")


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    parser.add_argument("--seed", type=int, default=1, help="decides leads and noise")
    parser.add_argument("--only", default="", help="only files whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="recordings at a time")
    arguments = parser.parse_args()
    if not arguments.data:
        print("truth: skipped: no recordings; name their folder with DATA=DIR or MMC_DATA")
        return 0
    if not Path(arguments.data).is_dir():
        print(f"truth: {arguments.data} is not a folder", file=sys.stderr)
        return 2
    if not any(arguments.only in path.name for path in Path(arguments.data).glob("*.npz")):
        print(f"truth: {arguments.data} has no such recording (.npz)", file=sys.stderr)
        return 2
    found = run(Path(arguments.data), arguments.seed, arguments.only, arguments.jobs)
    show(found)
    target = ROOT / "build" / "truth.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1))
    print(f"\nwrote {target.relative_to(ROOT)}")
    return 1 if "failed" in found["kinds"] else 0


if __name__ == "__main__":
    sys.exit(main())
