#!/usr/bin/env python3
"""How many minutes of a workout fit a board's journal, in each log mode; part of `make bench`, or by itself.

In:     every boards/*/board.toml: its channels, its journal; a synthetic workout; recordings, where `--data` names them
Out:    a table: bytes per second, minutes; figures for JSON
Others: `--blocks N --channels N` runs a wearable with such a journal until its raw signal gives way

The rates come from the unchanged firmware in the simulator. A recording is repeated as long as it takes, its first
channels at the skin's scale; a synthetic workout is that of `make bench`: holds of 12 s and rests of 8 s.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmc_core import page
from mmc_device.config import Config
from mmc_device.journal import LOW_SHARE
from mmc_host import firmware, session
from mmc_host.body import bodyfile, muscle
from mmc_host.body.recording import write_recording

ROOT = Path(__file__).resolve().parent.parent
MODES = ("features", "raw")
RATE_S = 60  # of simulated workout for a rate
RECORDINGS = ("dyn_kneeext_3A.npz", "fatigue_biceps_01.npz", "iso_elder_s02_VL.npz", "bilat_sub01_pulling.npz")
HOLD_S, REST_S = 12, 8

Counts = NDArray[np.int16]


@dataclass(frozen=True)
class Lasted:
    """A session that ran until its raw signal gave way, or for as long as was asked.

    Attributes:
        raw_min: minutes with raw signal.
        bytes_per_s: of log, while raw.
        accounted: whether every sample is one or a declared loss.
    """

    raw_min: float
    bytes_per_s: float
    accounted: bool


def workout(channels: int) -> bytes:
    """A body file of holds and rests."""
    rng = np.random.default_rng(1)
    levels = [(4.0, 3.0, 3.0, 2.0), (200.0, 25.0, 3.0, 2.0)]
    takes = [
        np.stack([muscle.rest_noise_uv(seconds * 1000, level, rng) for level in row[:channels]], axis=1)
        for seconds, row in zip((REST_S, HOLD_S), levels, strict=True)
    ]
    counts, _ = bodyfile.emg_counts(np.concatenate(takes))
    return _body(counts, _still(len(counts)))


def recorded(path: Path, channels: int) -> bytes:
    """A body file that repeats a recording's first channels, as `mmc-host sim --play` scales them."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "body.bin"
        write_recording(path, target)
        body = bodyfile.read(target)
    take = body.takes[1]
    counts = body.emg[take.first_sample : take.first_sample + take.n_samples]
    readings = body.imu[
        take.first_sample // body.imu_divider : (take.first_sample + take.n_samples) // body.imu_divider
    ]
    return _body(np.ascontiguousarray(counts[:, :channels]), readings)


def _still(samples: int) -> Counts:
    imu = np.zeros((samples // bodyfile.IMU_DIVIDER, 6), np.int16)
    imu[:, 0] = bodyfile.ACCEL_COUNTS_PER_G
    return imu + np.random.default_rng(2).integers(-12, 13, imu.shape, np.int16)


def _body(counts: Counts, imu: Counts) -> bytes:
    length = len(counts) // bodyfile.IMU_DIVIDER * bodyfile.IMU_DIVIDER
    body = bodyfile.Body(
        emg=counts[:length],
        imu=imu[: length // bodyfile.IMU_DIVIDER],
        takes=(bodyfile.Take(0, length),),
        steps=(bodyfile.Step(0, bodyfile.Until.TIME, 86_400_000),),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body.bin"
        bodyfile.write(body, path)
        return path.read_bytes()


def last(body: bytes, channels: int, blocks: int, mode: str, minutes: float) -> Lasted:
    """Run one session for so long, on a journal of so many blocks."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        tree = firmware.stage(state / "tree")
        facts = tree / "board_facts.py"
        text = facts.read_text(encoding="utf-8")
        for name, value in (("EMG_CHANNELS", channels), ("JOURNAL_BLOCKS", blocks)):
            text = re.sub(rf"^{name} = \d+$", f"{name} = {value}", text, flags=re.M)
        facts.write_text(text, encoding="utf-8")
        (state / "config").mkdir()
        config = Config(str(state / "config"))
        config.settings.put("log_mode", mode)
        config.settings.put("autostart", "always")
        config.settings.put("idle_stop_min", 0)
        config.save()
        (state / "body.bin").write_bytes(body)
        ready_ms = 1000 + 10 * blocks  # a new flash is looked at, block by block
        environment = {**os.environ, "MICROPYPATH": ".", "MMC_SIM_DIR": folder, "MMC_SIM_SPEED": "0"}
        environment["MMC_SIM_STOP_MS"] = str(ready_ms + round(minutes * 60_000))
        subprocess.run(
            [firmware.micropython(), "-X", "heapsize=1m", "main.py"],
            cwd=tree, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True,
        )  # fmt: skip
        pages = np.fromfile(state / "flash.bin", np.uint8).reshape(-1, page.PAGE_BYTES)
    data = pages[(pages != 0xFF).any(axis=1)].tobytes()
    found = session.decode(data)
    ended = next((one.t_s for one in found.events if one.kind == "detail"), None)
    raw_s = ended if ended is not None else found.duration_s if mode == "raw" else 0.0
    raw_bytes = data if ended is None else data[: _until(data, ended)]
    return Lasted(raw_s / 60, len(raw_bytes) / (raw_s or found.duration_s), found.accounted)


def _until(data: bytes, t_s: float) -> int:
    """Bytes of the pages that were written before a moment."""
    low, high = 1, len(data) // page.PAGE_BYTES
    while low < high:
        middle = (low + high) // 2
        if session.decode(data[: middle * page.PAGE_BYTES]).duration_s < t_s:
            low = middle + 1
        else:
            high = middle
    return low * page.PAGE_BYTES


def boards() -> Iterator[tuple[str, int, int]]:
    """Name, channels and journal blocks of every board."""
    for path in sorted((ROOT / "boards").glob("*/board.toml")):
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        yield facts["name"], facts["emg"]["channels"], facts["journal"]["blocks"]


def measure() -> dict[str, dict[str, float]]:
    """Per board: minutes of features alone; of raw, and of features behind it."""
    rates = {
        (channels, mode): last(workout(channels), channels, 384, mode, RATE_S / 60).bytes_per_s
        for channels in sorted({channels for _, channels, _ in boards()})
        for mode in MODES
    }
    found = {}
    for name, channels, blocks in boards():
        room = (blocks - 1) * page.BLOCK_BYTES
        kept = blocks // LOW_SHARE * page.BLOCK_BYTES
        features, raw = rates[channels, "features"], rates[channels, "raw"]
        found[name] = {
            "features_bytes_per_s": features,
            "raw_bytes_per_s": raw,
            "features_min": room / features / 60,
            "raw_min": (room - kept) / raw / 60,
            "features_behind_raw_min": kept / features / 60,
        }
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The README's table."""
    lines = ["| board | features alone | raw, then features |", "| --- | --- | --- |"]
    for name, row in found.items():
        raw = f"{row['raw_min']:.0f} + {row['features_behind_raw_min']:.0f} min"
        lines.append(f"| `{name}` | {row['features_min']:.0f} min | {raw} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table, or what one journal holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of recordings")
    parser.add_argument("--blocks", type=int, default=0, help="of a journal to fill")
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=40, help="at most so long")
    arguments = parser.parse_args()
    if not arguments.blocks:
        print(table(measure()))
        return 0
    bodies = {"synthetic workout": workout(arguments.channels)}
    if arguments.data:
        bodies |= {name: recorded(arguments.data / name, arguments.channels) for name in RECORDINGS}
    print(f"{arguments.blocks} blocks of 4 KiB, {arguments.channels} channels, raw")
    for name, body in bodies.items():
        one = last(body, arguments.channels, arguments.blocks, "raw", arguments.minutes)
        print(
            f"{name:24} {one.bytes_per_s:6.0f} bytes/s  raw for {one.raw_min:5.1f} min, "
            f"{'every sample accounted for' if one.accounted else 'NOT ACCOUNTED'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
