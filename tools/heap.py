#!/usr/bin/env python3
"""Measure the firmware's heap on 32-bit MicroPython with the heap of an ESP32: bytes per module, steady state, drift.

In:     the firmware compiled to .mpy, heap_budget.toml beside this file, the simulated body of the scenario `holds`
Out:    a table per module, and one per driver outside of the app's sums; `--check` exits 1 when a budget is exceeded
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
RESIDENT = tuple(
    "mmc_core.compat mmc_core.errors mmc_core.coeffs mmc_core.chain mmc_core.features mmc_core.onset mmc_core.kernel "
    "mmc_core.fitting mmc_core.record mmc_core.rice mmc_core.page mmc_core.message mmc_core.frame mmc_core.sync "
    "mmc_device.clock mmc_device.sampler mmc_device.haptic mmc_device.ring mmc_device.journal mmc_device.health "
    "mmc_device.button mmc_device.wear mmc_device.vitals mmc_device.turns mmc_device.recording mmc_device.link "
    "mmc_device.orders mmc_device.app".split()
)
# What comes and goes: while no session runs, and in one.
AT_THE_DESK = tuple(
    "mmc_core.schema mmc_core.settings mmc_core.decoding mmc_core.program mmc_device.config mmc_device.shelf "
    "mmc_device.gym mmc_device.desk mmc_device.header mmc_device.contact mmc_core.mains mmc_device.calibrate".split()
)
IN_A_SESSION = tuple(
    "mmc_core.coach.outbox mmc_core.coach.hold mmc_core.coach.attention mmc_core.coach.peak mmc_core.coach.posture "
    "mmc_core.coach.motion mmc_core.coach.cycle mmc_core.coach.effort mmc_core.coach.balance mmc_core.coach.fatigue "
    "mmc_core.coach.team mmc_core.coach.plan mmc_core.cue mmc_core.pipeline".split()
)

# A board takes one front end, one IMU, one motor, maybe a gauge: how they are made, ring and buffers included.
DRIVERS = {
    "ads1292r": "Ads1292r(None, (None, None), None, zero, 1000, 6, 3)",  # two chips; with one 2.3 KiB less
    "esp32_adc": "Esp32Adc(((32, None), (33, None)), None, None)",
    "i2s_adc": "I2sAdc(None, None, None, None, None)",
    "lsm6ds": "Lsm6ds(None)",
    "mpu6050": "Mpu6050(None)",
    "drv2605l": "Drv2605l(None, None)",
    "erm": "Erm(None)",
    "rmt": "(Pulse,)",  # the class: making one switches a pin
    "esp32": "(Board,)",  # likewise
    "max17048": "Max17048(None)",
    "power": "Power(None, None)",
    "missing": "(NoFrontEnd(), NoImu(), NoMotor())",
}

_USED = """
import gc
import micropython
gc.threshold(4096)
def used():
    gc.collect()
    return gc.mem_alloc()
for name in ("struct", "array", "binascii", "hashlib", "os", "sys", "select", "time"):
    __import__(name)
start = used()
"""

_CODE_PROBE = (
    _USED
    + """
for name, place in {modules!r}:
    micropython.qstr_info()
    before = used()
    __import__(place)
    print("module", name, used() - before)
micropython.qstr_info()
print("code", used() - start)
"""
)

_DRIVER_PROBE = (
    _USED
    + """
import mmc_core.compat
def zero():
    return 0
before = used()
from mmc_drivers.{name} import *
code = used()
part = {made}
print("driver", code - before, used() - code)
"""
)

_LIFE_PROBE = (
    _USED
    + """
import board
wearable = board.open_board()
simulator = used() - start
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
print("idle", used() - simulator)
live(10)
print("activity", app.activity)
for minute in range({minutes}):
    print("steady", used() - simulator)
    live(60)
print("steady", used() - simulator)
print("activity", app.activity, app.journal.size(app.journal.session))
micropython.mem_info()
for _ in range({swaps}):
    app.orders.control(2, 0)
    live(10)
    print("idle", used() - simulator)
    app.orders.control(1, 0)
    live(10)
    print("steady", used() - simulator)
micropython.mem_info()
"""
)
_SWAPS = 5  # sessions that follow: what comes and goes must find its room again


def sources() -> dict[str, str]:
    """The firmware and the simulated board, as modules of one device."""
    return {
        **mpy.read_package(ROOT / "firmware", "mmc_core"),
        **mpy.read_package(ROOT / "firmware", "mmc_device"),
        **mpy.read_package(ROOT / "host", "mmc_sim"),
        **{path.stem: path.read_text("utf-8") for path in sorted((ROOT / "boards" / "sim").glob("*.py"))},
    }


def _run(micropython: Path, tree: Path, state: Path, text: str) -> str:
    """What a probe prints on a heap of HEAP_KIB."""
    (tree / "probe.py").write_text(text)
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
    return done.stdout


def _modules(printed: str, names: tuple[str, ...]) -> tuple[dict[str, int], int]:
    """Bytes of each module, the names that it brought left out; and those of all the names together."""
    modules = {name: int(size) for name, size in re.findall(r"^module (\S+) (\d+)$", printed, re.M)}
    totals = [int(size) for size in re.findall(r"n_total_bytes=(\d+)", printed)]
    for number, name in enumerate(names):
        modules[name] -= totals[number + 1] - totals[number]
    return modules, totals[-1] - totals[0]


def measure(micropython: Path, minutes: int) -> Figures:
    """Run the probes; return {"modules": {name: bytes}, "code": ..., "simulator": ..., "steady": [...], ...}."""
    from mmc_core.settings import validate
    from mmc_device.config import Config
    from mmc_host import body

    with tempfile.TemporaryDirectory() as folder:
        tree, state = Path(folder, "tree"), Path(folder, "state")
        called = mpy.compile_tree(tree, sources(), "x86", _LIFE_PROBE)
        (state / "config").mkdir(parents=True)
        body.write_scenario("steady", state / "body.bin", 1)
        config = Config(str(state / "config"))
        for name, value in (("ch0_reference_kind", "mvc"), ("ch0_reference_nv", 400_000)):
            config.settings.put(name, validate(name, value))
        config.save()
        found: Figures = {"modules": {}}
        for part, names in (("desk", AT_THE_DESK), ("code", IN_A_SESSION)):
            every = RESIDENT + names
            printed = _run(micropython, tree, state, _CODE_PROBE.format(modules=[(n, called[n]) for n in every]))
            modules, of_names = _modules(printed, every)
            found["modules"] |= modules
            found["names"] = max(of_names, found.get("names", 0))
            found[part] = int(re.findall(r"^code (\d+)$", printed, re.M)[0])
        printed = _run(micropython, tree, state, _LIFE_PROBE.format(minutes=minutes, swaps=_SWAPS))
    numbers = {word: [int(n) for n in re.findall(rf"^{word} (\d+)$", printed, re.M)] for word in ("idle", "steady")}
    return {
        **found,
        "simulator": int(re.findall(r"^simulator (\d+)$", printed, re.M)[0]),
        "idle": max(numbers["idle"]),
        "steady": numbers["steady"][: minutes + 1],
        "steady_later": numbers["steady"][minutes + 1 :],
        "largest_free": min(int(n) for n in re.findall(r"max free sz: (\d+)", printed)) * 16,
        "session_bytes": int(re.findall(r"^activity 2 (\d+)$", printed, re.M)[-1]),
    }


def measure_drivers(micropython: Path) -> dict[str, tuple[int, int]]:
    """Bytes of each driver's code, names included, and of what it makes."""
    sources = {"mmc_core.compat": (ROOT / "firmware/mmc_core/compat.py").read_text("utf-8")}
    sources["mmc_core.__init__"] = ""
    found: dict[str, tuple[int, int]] = {}
    for name, made in DRIVERS.items():
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            text = (ROOT / "firmware/mmc_drivers" / f"{name}.py").read_text("utf-8")
            probe = _DRIVER_PROBE.format(name=name, made=made)
            verbs = "".join(f"part.{verb}\n" for verb in re.findall(r"def ([a-z]\w*)\(self", text))
            modules = {**sources, "mmc_drivers.__init__": "", f"mmc_drivers.{name}": text}
            mpy.compile_tree(tree, modules, "x86", probe + verbs)  # the app calls them all
            code, part = re.findall(r"^driver (\d+) (\d+)$", _run(micropython, tree, Path(folder), probe), re.M)[0]
        found[name] = int(code), int(part)
    return found


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
    drivers = measure_drivers(micropython)
    budget = tomllib.loads(BUDGET.read_text())
    print(f"{'bytes of heap, 32-bit, .mpy':32} {'used':>7} {'budget':>7}")
    rows = {**found["modules"], "names": found["names"], "code": found["code"], "desk": found["desk"]}
    rows |= {"idle": found["idle"], "steady": max(found["steady"] + found["steady_later"])}
    rows["drift"] = found["steady"][-1] - found["steady"][1]
    limits = {**budget["modules"], **budget["total"]}
    over = [name for name, size in rows.items() if size > limits.get(name, 0)]
    for name, size in rows.items():
        print(f"{name:32} {size:7} {limits.get(name, '-'):>7}{'  OVER' if name in over else ''}")
    print(f"{'simulator, not counted':32} {found['simulator']:7}")
    print(f"{'left of the code budget':32} {limits['code'] - found['code']:7}")
    print(f"{'largest free block, at least':32} {found['largest_free']:7} {limits['largest_free']:7}")
    if found["largest_free"] < limits["largest_free"]:
        over.append("largest_free")
    print(f"{'bytes of heap of each driver':32} {'used':>7} {'budget':>7}   code + object and buffers")
    for name, (code, part) in drivers.items():
        limit = budget["drivers"].get(name, 0)
        over += [f"driver {name}"] * (code + part > limit)
        print(f"{name:32} {code + part:7} {limit:7}   {code} + {part}{'  OVER' if code + part > limit else ''}")
    found["drivers"] = drivers
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))
    if over:
        print("over budget: " + ", ".join(over))
    return 1 if over and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
