"""Every I2C chip by its driver: on a real board, and on the strict models, so that the questions are known good."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hardware import chips, procedure
from simulated import ROOT

from mmc_host.flash import device_files, handover
from mmc_host.flash.device_files import Mpremote
from mmc_sim.bus import I2C, Time

SCRIPT = """
import machine, time, chips
bus = machine.I2C(0, sda=machine.Pin({sda}), scl=machine.Pin({scl}), freq=400000)
try:
    print("found", chips.look({name!r}, bus, time))
except OSError as error:
    print("absent", error)
"""
ADDRESSES = {"mpu6050": 0x68, "lsm6ds": 0x6A, "drv2605l": 0x5A, "max17048": 0x36}
MODELS = {"mpu6050": "Mpu6050", "lsm6ds": "Lsm6ds", "drv2605l": "Drv2605l", "max17048": "Max17048"}


@pytest.fixture
def bench(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[I2C, Any, Time]:
    """A strict model on a bus, at rest."""
    driver = importlib.import_module(f"mmc_drivers.{name}")
    if hasattr(driver, "time"):
        monkeypatch.setattr(driver, "time", driver.time)
    time = Time()
    model = getattr(importlib.import_module(f"mmc_sim.chips.{name}"), MODELS[name])
    chip = model() if name == "max17048" else model(time)
    if hasattr(chip, "accel_mg"):
        chip.accel_mg[:] = 0, 0, 1000
    return I2C({ADDRESSES[name]: chip}), chip, time


@pytest.mark.parametrize("name", chips.CHIPS)
def test_the_models_pass(name: str, bench: tuple[I2C, Any, Time]) -> None:
    bus, chip, time = bench
    assert chips.judge(name, chips.look(name, bus, time)) == []
    bus.chips.clear()
    with pytest.raises(OSError):
        chips.look(name, bus, time)
    if hasattr(chip, "accel_mg"):
        chip.accel_mg[:] = 0, 0, 500
        bus.chips[ADDRESSES[name]] = chip
        assert "does it lie still?" in chips.judge(name, chips.look(name, bus, time))[0]


@pytest.mark.hardware
@pytest.mark.parametrize("name", chips.CHIPS)
def test_on_the_bench(name: str, tmp_path: Path) -> None:
    """BOARD says which chips have to be there; those of other boards may be absent."""
    port = procedure.port_of_the_bench()
    if port is None:
        pytest.skip("no board: set MMC_PORT to its serial port, or to any serial URL such as socket://host:port")
    folder = ROOT / "boards" / os.environ.get("BOARD", "devkit_myoware")
    pins = tomllib.loads((folder / "board.toml").read_text("utf-8"))["pins"]
    tree = tmp_path / "tree"
    (tree / "mmc_core").mkdir(parents=True)
    shutil.copy(ROOT / "firmware/mmc_core/compat.py", tree / "mmc_core")
    shutil.copytree(ROOT / "firmware/mmc_drivers", tree / "mmc_drivers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(chips.__file__), tree)
    handover.dismiss(port)
    console = Mpremote(port)
    device_files.wait_for(console, 60.0)
    script = SCRIPT.format(name=name, sda=pins["sda"], scl=pins["scl"])
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "mount", str(tree), "exec", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    device_files.restart(console)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("found ", "absent "))]
    assert lines, done.stdout + done.stderr
    word, _, rest = lines[-1].partition(" ")
    if word == "absent" and f"mmc_drivers.{name}" not in (folder / "board.py").read_text("utf-8"):
        pytest.skip(f"{folder.name} has no {name}: {rest}")
    assert word == "found", rest
    assert chips.judge(name, ast.literal_eval(rest)) == []
