#!/usr/bin/env python3
"""Measure what can be compared between commits: speed, latency, log size, heap, start-up.

In:     nothing but this tree; the two MicroPythons where they are there
Out:    tables; `build/bench.json`, whose keys CONTRIBUTING documents
Others: `--minutes N` of simulated workout (default 10); `--truths N` of every kind of event (default 8, see
        bench_events.py); the curves of those as `build/events.svg`

Times are medians; they hold for one machine at one time, so compare ratios from one run. No test asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_capacity
import bench_events
import bench_rice
import c_kernel
import get_micropython
import heap
import instructions
import numpy as np
import truth_coach
from numpy.typing import NDArray
from scipy import signal

from mmc_core import frame, message, page
from mmc_core.kernel import Kernel
from mmc_core.sync_client import SyncClient
from mmc_device.config import Config
from mmc_host import firmware, replay, session
from mmc_host.body import bodyfile, muscle
from mmc_host.report import render

Samples = NDArray[np.float64]
Figures = dict[str, Any]  # what JSON holds
ROOT = Path(__file__).resolve().parent.parent
LINE_BYTES_PER_S = 11520  # 115200 baud, 8N1
HOLD_S, REST_S, LET_GO_S = 12, 8, 3
HOLD_UV = (110.0, 150.0, 180.0, 230.0, 300.0)  # of a reference of 400
C_STAGES = ("chain.filter_block", "features.measure_block", "onset.find_onsets")

_KERNEL = """
import sys, time
from array import array
from mmc_core.kernel import Kernel
block = array("h", [0] * (64 * 4))
for i in range(len(block)):
    block[i] = (i * 7919) % 4001 - 2000
if hasattr(time, "ticks_us"):
    now, since = time.ticks_us, lambda t: time.ticks_diff(time.ticks_us(), t)
else:
    now, since = (lambda: time.perf_counter_ns() // 1000), lambda t: time.perf_counter_ns() // 1000 - t
for n in (10, 64):
    kernel = Kernel(4, 0, 16383, 50, block_samples=n)
    for channel in range(4):
        kernel.set_reference(channel, 12800, 0)
    blocks = BLOCKS // n
    for repeat in range(7):
        t = now()
        for _ in range(blocks):
            kernel.process(block)
        print("kernel", n, since(t) * 1000 // (blocks * n * 4))
"""

# What people write instead, on the same interpreter: a class per filter in floating point; and a C module that filters
# in no time at all, with the Python around it that rectifies, smooths and compares. Both lack most of the kernel. And
# the chain's own text, as bytecode and by the native emitter.
_OTHERS = """
import time
from array import array
import chain_native
import chain_plain
from mmc_core import chain
from mmc_core.kernel import Kernel
class Biquad:
    def __init__(self, b0, b1, b2, a1, a2):
        self.b0 = b0; self.b1 = b1; self.b2 = b2; self.a1 = a1; self.a2 = a2
        self.x1 = self.x2 = self.y1 = self.y2 = 0.0
    def step(self, x):
        y = self.b0 * x + self.b1 * self.x1 + self.b2 * self.x2 - self.a1 * self.y1 - self.a2 * self.y2
        self.x2 = self.x1; self.x1 = x; self.y2 = self.y1; self.y1 = y
        return y
class Naive:
    def __init__(self):
        self.filters = (Biquad(0.915, -1.83, 0.915, -1.823, 0.837), Biquad(0.985, -1.873, 0.985, -1.873, 0.969),
                        Biquad(0.8, 1.6, 0.8, 1.561, 0.641))
        self.envelope = Biquad(0.00024, 0.00048, 0.00024, -1.9556, 0.9565)
    def step(self, x):
        for one in self.filters:
            x = one.step(x)
        return self.envelope.step(abs(x)) / 1600 > 0.1
def glue(samples, level, gain):
    on = 0
    for x in samples:
        if x < 0:
            x = -x
        level += (x - level) >> 5
        if level * gain > 100000:
            on += 1
    return level
N = 64
block = array("h", [(i * 7919) % 1601 - 800 for i in range(N * 4)])
kernel = Kernel(4, 0, 16383, 50, block_samples=N)
for channel in range(4):
    kernel.set_reference(channel, 12800, 0)
naive = [Naive() for _ in range(4)]
def run_naive():
    for i in range(0, N * 4, 4):
        for channel in range(4):
            naive[channel].step(block[i + channel])
def run_glue():
    glue(block, 0, 100)
def run_chain():
    chain.filter_block(N, 4, kernel.words, block, kernel.filtered)
def run_kernel():
    kernel.process(block)
unsigned = array("H", [x & 0xFFFF for x in block])
def run_plain():
    chain_plain.filter_block(N, 4, kernel.words, unsigned, kernel.filtered)
def run_native():
    chain_native.filter_block(N, 4, kernel.words, unsigned, kernel.filtered)
def run_start():
    Kernel(4, 0, 16383, 50)
def clock(name, what, repeats):
    t = time.ticks_us()
    for _ in range(repeats):
        what()
    print(name, time.ticks_diff(time.ticks_us(), t) * 1000 / (repeats * N * 4))
for _ in range(7):
    clock("naive_float", run_naive, 4)
    clock("free_c_module_and_glue", run_glue, 20)
    clock("chain", run_chain, 2000)
    clock("kernel", run_kernel, 2000)
    clock("chain_plain_integer", run_plain, 10)
    clock("chain_native", run_native, 10)
    clock("start_us", run_start, 10)
"""

_STEP = """
import time
from array import array
import board_facts
from mmc_core.pipeline import Pipeline
from mmc_core.settings import Settings
config = Settings()
config.put("ch0_reference_nv", 400000)
config.put("ch0_reference_kind", "mvc")
pipeline = Pipeline(config, board_facts)
block = array("h", [0] * 40)
for i in range(40):
    block[i] = (i * 7919) % 2001 - 1000
reading = array("h", [4096, 0, 0, 10, 20, 30])
def write(kind, values, tail=None, count=0):
    pass
def loop():
    x = 1
    for _ in range(800):
        x = (x * 3) & 0xFFFF
def run():
    t = time.ticks_us()
    for i in range(500):
        pipeline.step(block, i * 10, reading, False)
        pipeline.write_records(write, block, i * 10, False)
    used = time.ticks_diff(time.ticks_us(), t)
    t = time.ticks_us()
    for _ in range(100):
        loop()
    print("step", used * 1000 // 500, time.ticks_diff(time.ticks_us(), t) * 1000 // 100)
for repeat in range(7):
    run()
"""


def run_script(command: list[str], tree: Path, script: str) -> str:
    """Run a script with the staged firmware as its path; its output."""
    (tree / "bench_script.py").write_text(script)
    environment = {**os.environ, "MICROPYPATH": ".", "PYTHONPATH": "."}
    done = subprocess.run(
        [*command, "bench_script.py"], cwd=tree, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def bench_kernel(tree: Path, interpreters: dict[str, list[str]]) -> Figures:
    """Median ns per sample and channel of the kernel, four channels, blocks of 10 and of 64 samples."""
    found: dict[str, dict[str, float]] = {}
    for name, command in interpreters.items():
        script = _KERNEL.replace("BLOCKS", "640" if name == "cpython" else "64000")
        times: dict[str, list[int]] = {}
        for n, nanoseconds in re.findall(r"^kernel (\d+) (\d+)$", run_script(command, tree, script), re.M):
            times.setdefault(f"block_{n}", []).append(int(nanoseconds))
        found[name] = {key: statistics.median(values) for key, values in times.items()}
    return found


def write_peers(tree: Path) -> None:
    """The chain's text without viper, beside the script: as bytecode, and by the native emitter."""
    text = (tree / "mmc_core" / "chain.py").read_text(encoding="utf-8")
    text = text.replace("from mmc_core.compat import const, micropython, ptr16, ptr32", "ptr32 = const = lambda x: x")
    (tree / "chain_plain.py").write_text(text.replace("@micropython.viper\n", ""), encoding="utf-8")
    (tree / "chain_native.py").write_text(text.replace("micropython.viper", "micropython.native"), encoding="utf-8")


def bench_peers(tree: Path, interpreters: dict[str, list[str]]) -> Figures:
    """Median ns per sample and channel, four channels, blocks of 64, all in one run; ratios of medians."""
    counts = np.rint(np.random.default_rng(1).normal(0, 400, (64 * 20, 4))).astype("<i2")
    found: Figures = {}
    write_peers(tree)
    for name, command in interpreters.items():
        if name == "cpython":
            continue
        times: dict[str, list[float]] = {}
        for what, nanoseconds in re.findall(r"^(\w+) ([\d.e+-]+)$", run_script(command, tree, _OTHERS), re.M):
            times.setdefault(what, []).append(float(nanoseconds))
        row = {what: statistics.median(values) for what, values in times.items()}
        kernel = Kernel(4, 0, 16383, 50, block_samples=64)
        for channel in range(4):
            kernel.set_reference(channel, 12800, 0)
        for what, stages in (("c_chain", C_STAGES[:1]), ("c_kernel", C_STAGES)):
            program = c_kernel.program(kernel.words, array("h", counts.tobytes()), 64, stages, 200)
            ran = c_kernel.run(program, *(["-m32"] if name == "micropython_32" else []))
            if ran:
                row[what] = statistics.median(ran[0])
        row["start_us"] *= 64 * 4 / 1000  # the whole constructor, not a share of samples
        row["plain_integer_over_chain"] = row["chain_plain_integer"] / row["chain"]
        row["native_over_chain"] = row["chain_native"] / row["chain"]
        row["naive_float_over_kernel"] = row["naive_float"] / row["kernel"]
        row["free_c_module_and_glue_over_kernel"] = row["free_c_module_and_glue"] / row["kernel"]
        if "c_chain" in row:
            row["chain_over_c"] = row["chain"] / row["c_chain"]
            row["kernel_over_c"] = row["kernel"] / row["c_kernel"]
        found[name] = row
    return found


def bench_replay() -> Figures:
    """An hour of four channels through the kernel on the host, and SciPy's filters alone beside it.

    Plain Python has the first 5,000 samples, and need not keep what it found.
    """
    counts = np.rint(np.random.default_rng(1).normal(0, 400, (3_600_000, 4))).astype(np.int16)
    kernel = Kernel(4, 0, 16383, 50)
    executor = replay.replay(kernel, counts[:1000]).executor
    few = counts if executor == "numba" else counts[:40_000]
    sos = np.concatenate([
        signal.butter(2, 20, "highpass", fs=1000, output="sos"), signal.tf2sos(*signal.iirnotch(50, 16, fs=1000)),
        signal.butter(2, 450, fs=1000, output="sos"), signal.butter(2, 5, fs=1000, output="sos"),
    ])  # fmt: skip
    plain = [array("h", counts[first : first + 10].tobytes()) for first in range(0, 5000, 10)]
    scale = len(counts) / len(few)
    fast_ms = median_ms(lambda: replay.replay(kernel, few), 5) * scale
    one_core_ms = median_ms(lambda: replay.replay(kernel, few, threads=1), 5) * scale
    plain_ms = median_ms(lambda: [kernel.process(block) for block in plain], 5) * len(counts) / 5000
    return {
        "executor": executor,
        "cores": os.cpu_count(),
        "hour_ms": fast_ms,
        "hour_one_core_ms": one_core_ms,
        "hour_plain_ms": plain_ms,
        "plain_over_fast": plain_ms / fast_ms,
        "plain_over_one_core": plain_ms / one_core_ms,
        "scipy_sosfilt_ms": median_ms(lambda: signal.sosfilt(sos, counts.astype(float), axis=0), 3),
    }


def bench_step(tree: Path, interpreters: dict[str, list[str]]) -> Figures:
    """Median microseconds of a whole block: pipeline step and records; beside it 800 rounds of a bytecode loop."""
    found = {}
    for name, command in interpreters.items():
        if name == "cpython":
            continue
        rows = re.findall(r"^step (\d+) (\d+)$", run_script(command, tree, _STEP), re.M)
        step_us, loop_us = (statistics.median(int(row[i]) for row in rows) / 1000 for i in (0, 1))
        found[name] = {"block_us": step_us, "loop_800_us": loop_us, "ratio": step_us / loop_us}
    return found


def write_workout(path: Path, minutes: int) -> int:
    """A body that holds for 12 s and rests for 8 s, lets go once in each hold until it is told; returns the holds.

    Holds differ in level and noise and, by a millisecond each, in where within a block the muscle lets go, so that the
    waits for the motor are a distribution.
    """
    rng = np.random.default_rng(1)

    def take(seconds: float, target_uv: float) -> Samples:
        levels = (target_uv, target_uv / 8, 3.0, 2.0)
        return np.stack([muscle.rest_noise_uv(round(seconds * 1000), level, rng) for level in levels], axis=1)

    parts = [take(REST_S, 4)]
    for level_uv in HOLD_UV:
        parts += [take(HOLD_S, level_uv), take(LET_GO_S, 12)]
    counts, _ = bodyfile.emg_counts(np.concatenate(parts))
    ends = np.cumsum([len(part) for part in parts])
    takes = tuple(bodyfile.Take(int(end) - len(part), len(part)) for end, part in zip(ends, parts, strict=True))
    imu = np.zeros((len(counts) // bodyfile.IMU_DIVIDER, 6), np.int16)
    imu[:, 0] = bodyfile.ACCEL_COUNTS_PER_G
    holds = minutes * 60 // (HOLD_S + REST_S)
    steps: list[bodyfile.Step] = []
    for number in range(holds):
        hold = 1 + 2 * (number % len(HOLD_UV))
        first_ms = HOLD_S * 500 + number % bodyfile.IMU_DIVIDER
        steps += [
            bodyfile.Step(0, bodyfile.Until.TIME, REST_S * 1000),
            bodyfile.Step(hold, bodyfile.Until.TIME, first_ms),
            bodyfile.Step(hold + 1, bodyfile.Until.MOTOR_STARTS, LET_GO_S * 1000, 350),
            bodyfile.Step(hold, bodyfile.Until.TIME, HOLD_S * 500),
        ]
    bodyfile.write(bodyfile.Body(emg=counts, imu=imu, takes=takes, steps=tuple(steps)), path)
    return holds


def bench_workout(tree: Path, micropython: Path, minutes: int) -> Figures:
    """Log size per mode, how long it fits the journal, speed of simulation, latency from letting go to the motor."""
    found: dict[str, dict[str, float]] = {}
    for mode in ("features", "raw"):
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            (state / "config").mkdir()
            length_min = minutes if mode == "features" else 1
            holds = write_workout(state / "body.bin", length_min)
            config = Config(str(state / "config"))
            config.settings.put("log_mode", mode)
            config.settings.put("ch0_reference_nv", 400_000)
            config.settings.put("ch0_reference_kind", "mvc")
            config.save()
            stop_ms = holds * (HOLD_S + REST_S) * 1000
            environment = {
                **os.environ,
                "MICROPYPATH": ".",
                "MMC_SIM_DIR": folder,
                "MMC_SIM_SPEED": "0",
                "MMC_SIM_STOP_MS": str(stop_ms),
            }
            began = time.perf_counter()
            done = subprocess.run(
                [micropython, "-X", "heapsize=1m", "main.py"],
                cwd=tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
            took_s = time.perf_counter() - began
            flash = np.fromfile(state / "flash.bin", np.uint8).reshape(-1, page.PAGE_BYTES)
        written = flash[(flash != 0xFF).any(axis=1)]
        data = written.tobytes()
        room = len(flash) // page.BLOCK_PAGES - 1
        seconds = stop_ms / 1000
        bytes_per_s = len(data) / seconds
        found[mode] = {
            "bytes_per_s": bytes_per_s,
            "minutes_in_journal": (room * page.BLOCK_BYTES - 2 * page.PAGE_BYTES) / bytes_per_s / 60,
            "times_real_time": seconds / took_s,
        }
        if mode == "features":
            lags = latencies(done.stderr)
            found["letting_go_to_motor_ms"] = dict(truth_coach.spread(lags))
            found["host"] = bench_host(data)
    return found


def latencies(told: str) -> list[int]:
    """Milliseconds from letting go within a hold to the motor's start, from the simulator's lines."""
    lags = []
    let_go_ms = None
    for ms, what in re.findall(r"^@(\d+) (step \d+|motor on)", told, re.M):
        if what.startswith("step"):
            let_go_ms = int(ms) if int(what.split()[1]) % 4 == 2 else None
        elif let_go_ms is not None:
            lags.append(int(ms) - let_go_ms)
            let_go_ms = None
    return lags


def median_ms(what: Callable[[], object], times: int) -> float:
    """Median time of a call in ms, after one that does not count."""
    what()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def bench_host(data: bytes) -> Figures:
    """Load and render the workout's session; start the command line."""
    loaded = session.decode(data)
    help_command = [Path(sys.executable).with_name("mmc-host"), "--help"]
    return {
        "session_minutes": loaded.duration_s / 60,
        "load_ms": median_ms(lambda: session.decode(data), 5),
        "render_ms": median_ms(lambda: render(loaded), 5),
        "help_cold_ms": median_ms(lambda: subprocess.run(help_command, check=True, capture_output=True), 10),
    }


def bench_line() -> Figures:
    """Bytes on the wire per byte of session, and what that makes of a line of 115200 baud."""
    scratch, out = bytearray(512), bytearray(512)
    rng = np.random.default_rng(1)
    data = rng.integers(0, 256, page.PAGE_BYTES, dtype=np.uint8).tobytes()
    end = message.pack(message.MESSAGES[message.READ][1], (1, 0, data), scratch, 5)
    wire = frame.encode_into(out, scratch, message.READ | message.REPLY, 1, end - 5)
    request = len(SyncClient().request(message.READ, (1, 0, 1 << 16), 0))
    return {
        "wire_bytes_per_byte": wire / len(data),
        "read_request_bytes": request,
        "kb_per_s_at_115200": LINE_BYTES_PER_S * len(data) / wire / 1000,
    }


def show(name: str, value: object, depth: int = 0) -> None:
    """Print a tree of figures."""
    if isinstance(value, dict):
        print("  " * depth + name)
        for key, inner in value.items():
            show(key, inner, depth + 1)
    else:
        print(
            f"{'  ' * depth + name:40} {value:.4g}" if isinstance(value, float) else f"{'  ' * depth + name:40} {value}"
        )


def main() -> int:
    """Measure everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10, help="minutes of simulated workout")
    parser.add_argument("--truths", type=int, default=bench_events.FEW_TRUTHS, help="of every kind of event, at least")
    arguments = parser.parse_args()
    mpy32, reason = get_micropython.find()
    mpy64 = firmware.micropython()
    interpreters = {"cpython": [sys.executable], "micropython_64": [str(mpy64), "-X", "heapsize=1m"]}
    if mpy32:
        interpreters["micropython_32"] = [str(mpy32), "-X", "heapsize=1m"]
    else:
        print(f"bench: without 32-bit MicroPython: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        tree = firmware.stage(Path(folder))
        found = {
            "version": 3,
            "kernel_ns_per_sample_channel": bench_kernel(tree, interpreters),
            "rice": bench_rice.measure(lambda command: run_script(command, tree, bench_rice.SCRIPT), interpreters),
            "peers": bench_peers(tree, interpreters),
            "replay": bench_replay(),
            "block": bench_step(tree, interpreters),
            "workout": bench_workout(tree, Path(mpy32) if mpy32 else mpy64, arguments.minutes),
            "line": bench_line(),
            "capacity": bench_capacity.measure(),
        }
    found["instructions"] = instructions.measure()
    if mpy32:
        found["heap"] = heap.measure(Path(mpy32), 30)
    for name, value in found.items():
        show(name, value)
    found["events"] = bench_events.measure(arguments.truths)
    print(bench_events.table(found["events"]))
    print(f"wrote {bench_events.draw(found['events']).relative_to(ROOT)}")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1))
    print(f"wrote {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
