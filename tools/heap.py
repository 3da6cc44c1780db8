#!/usr/bin/env python3
"""Measure the firmware's heap on 32-bit MicroPython with the heap of an ESP32: bytes per module, steady state, drift.

In:     the firmware compiled to .mpy, heap_budget.toml beside this file, the simulated body of the scenario `holds`
Out:    a table per module; `--check` exits 1 when a budget is exceeded
Others: `--minutes N` of session at most speed for the drift (default 2); `--json FILE` writes the figures
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import get_micropython

from mmc_host import mpy

Figures = dict[str, Any]  # what JSON holds
ROOT = Path(__file__).resolve().parent.parent
MAIN = ROOT / "firmware" / "main.py"  # goes to the device as it is
BUDGET = Path(__file__).with_name("heap_budget.toml")
HEAP_KIB = 110  # what a stock ESP32 gives in one piece

# Imported in this order, so that each module's bytes are its own. Those of numbers alone are not: nobody imports them
# once they are folded in.
MODULES = (
    "mmc_core.compat mmc_core.errors mmc_core.settings mmc_core.coeffs "
    "mmc_core.chain mmc_core.features mmc_core.onset mmc_core.kernel mmc_core.mains mmc_core.coach.outbox "
    "mmc_core.coach.hold mmc_core.coach.attention mmc_core.coach.peak mmc_core.coach.posture mmc_core.coach.motion "
    "mmc_core.coach.cycle mmc_core.coach.effort mmc_core.coach.balance mmc_core.coach.fatigue mmc_core.coach.team "
    "mmc_core.cue "
    "mmc_core.record mmc_core.page mmc_core.pipeline mmc_core.message mmc_core.frame mmc_core.sync "
    "mmc_device.clock mmc_device.sampler mmc_device.haptic mmc_device.ring mmc_device.journal "
    "mmc_device.config mmc_device.health mmc_device.calibrate mmc_device.link mmc_device.app"
).split()
SIMULATOR = "mmc_sim.body mmc_sim.clock mmc_sim.flash mmc_sim.console mmc_sim.wearable board".split()

_PROBE = """
import gc
import micropython
gc.threshold(4096)
def used():
    gc.collect()
    return gc.mem_alloc()
def measure(names):
    for name in names:
        micropython.qstr_info()
        before = used()
        __import__(name)
        print("module", name, used() - before)
    micropython.qstr_info()
for name in ("struct", "array", "binascii", "hashlib", "os", "sys", "select", "time"):
    __import__(name)
start = used()
measure({modules!r})
code = used() - start
print("code", code)
measure({simulator!r})
import board
wearable = board.open_board()
simulator = used() - start - code
print("simulator", simulator)
from mmc_device.app import App
app = App(wearable)
from mmc_device.clock import Monotonic
monotonic = Monotonic(wearable.clock.ticks_ms())
def live(seconds):
    for _ in range(seconds * 100):
        app.tick(monotonic.now_ms(wearable.clock.ticks_ms()))
        wearable.watchdog.feed()
        wearable.clock.now_ms += 10
live(10)
print("activity", app.activity)
for minute in range({minutes}):
    print("steady", used() - simulator)
    live(60)
print("steady", used() - simulator)
print("activity", app.activity, app.journal.size(app.journal.session))
micropython.mem_info()
"""


def sources() -> dict[str, str]:
    """The firmware and the simulated board, as modules of one device."""
    return {
        **mpy.read_package(ROOT / "firmware", "mmc_core"),
        **mpy.read_package(ROOT / "firmware", "mmc_device"),
        **mpy.read_package(ROOT / "host", "mmc_sim"),
        **{path.stem: path.read_text("utf-8") for path in sorted((ROOT / "boards" / "sim").glob("*.py"))},
    }


def measure(micropython: Path, minutes: int) -> Figures:
    """Run the probe; return {"modules": {name: bytes}, "code": ..., "simulator": ..., "steady": [...], ...}."""
    from mmc_core.settings import validate
    from mmc_device.config import Config
    from mmc_host import body

    with tempfile.TemporaryDirectory() as folder:
        tree, state = Path(folder, "tree"), Path(folder, "state")
        mpy.compile_tree(tree, sources(), "x86", _PROBE)
        (state / "config").mkdir(parents=True)
        body.write_scenario("steady", state / "body.bin", 1)
        config = Config(str(state / "config"))
        for name, value in (("ch0_reference_kind", "mvc"), ("ch0_reference_nv", 400_000)):
            config.settings.put(name, validate(name, value))
        config.save()
        (tree / "probe.py").write_text(_PROBE.format(modules=MODULES, simulator=SIMULATOR, minutes=minutes))
        done = subprocess.run(
            [str(micropython), "-X", f"heapsize={HEAP_KIB}k", "probe.py"],
            cwd=tree,
            env={**os.environ, "MICROPYPATH": ".", "MMC_SIM_DIR": str(state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"the probe failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    modules = {name: int(size) for name, size in re.findall(r"^module (\S+) (\d+)$", done.stdout, re.M)}
    names = [int(size) for size in re.findall(r"n_total_bytes=(\d+)", done.stdout)]
    for number, name in enumerate(MODULES):
        modules[name] -= names[number + 1] - names[number]
    modules["names"] = names[len(MODULES)] - names[0]
    number = {key: int(value) for key, value in re.findall(r"^(code|simulator) (\d+)$", done.stdout, re.M)}
    largest = int(re.findall(r"max free sz: (\d+)", done.stdout)[-1]) * 16
    steady = [int(value) for value in re.findall(r"^steady (\d+)$", done.stdout, re.M)]
    session = int(re.findall(r"^activity 2 (\d+)$", done.stdout, re.M)[-1])
    return {"modules": modules, **number, "steady": steady, "largest_free": largest, "session_bytes": session}


def main() -> int:
    """Measure, print, and compare with the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when a budget is exceeded")
    parser.add_argument("--minutes", type=int, default=2, help="minutes of session for the drift")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    micropython, reason = get_micropython.find()
    if micropython is None:
        print(f"heap: not measured: {reason}")
        return 1 if os.environ.get("CI") == "true" else 0
    found = measure(micropython, arguments.minutes)
    budget = tomllib.loads(BUDGET.read_text())
    print(f"{'bytes of heap, 32-bit, .mpy':32} {'used':>7} {'budget':>7}")
    rows = {**found["modules"], "code": found["code"], "steady": max(found["steady"])}
    rows["drift"] = found["steady"][-1] - found["steady"][1]
    limits = {**budget["modules"], **budget["total"]}
    over = [name for name, size in rows.items() if name not in SIMULATOR and size > limits.get(name, 0)]
    for name, size in rows.items():
        print(f"{name:32} {size:7} {limits.get(name, '-'):>7}{'  OVER' if name in over else ''}")
    print(f"{'simulator, not counted':32} {found['simulator']:7}")
    print(f"{'left of the code budget':32} {limits['code'] - found['code']:7}")
    print(f"{'largest free block, at least':32} {found['largest_free']:7} {limits['largest_free']:7}")
    if found["largest_free"] < limits["largest_free"]:
        over.append("largest_free")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))
    if over:
        print("over budget: " + ", ".join(over))
    return 1 if over and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
