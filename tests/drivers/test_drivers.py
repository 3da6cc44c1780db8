"""Drivers against the strict models of their chips: here, on 32-bit MicroPython with reads under a locked heap, and
with every bit of every register constant changed in turn."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import mutation
import pytest

from mmc_host import firmware

TESTS = Path(__file__).resolve().parents[1]
DRIVERS = TESTS.parent / "firmware/mmc_drivers"
WITHOUT_REGISTERS = ("erm", "esp32", "missing", "power")
NAMES = sorted(path.stem for path in DRIVERS.glob("*.py") if path.stem != "__init__")

PROGRAM = """
import micropython
from conformance import {name} as conformance
from mmc_drivers import {name} as driver
conformance.conform(driver, micropython.heap_lock, micropython.heap_unlock)
print("conforms")
"""


def conformance(name: str) -> ModuleType:
    return importlib.import_module(f"conformance.{name}")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def _fresh_modules(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Conformance routines put their own time into the driver: not into the module that others see."""
    driver = importlib.import_module(f"mmc_drivers.{name}")
    if hasattr(driver, "time"):
        monkeypatch.setattr(driver, "time", driver.time)


def test_every_driver_has_its_conformance(name: str) -> None:
    conformance(name).conform(importlib.import_module(f"mmc_drivers.{name}"), int, int)


def test_on_micropython_with_the_heap_locked(name: str, tmp_path: Path, mpy32: Path) -> None:
    tree = firmware.stage(tmp_path / "tree")
    shutil.copytree(DRIVERS, tree / "mmc_drivers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TESTS / "conformance", tree / "conformance", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "probe.py").write_text(PROGRAM.format(name=name))
    done = subprocess.run(
        [mpy32, "-X", "heapsize=400k", "probe.py"],
        cwd=tree,
        env={**os.environ, "MICROPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "conforms"), done.stderr + done.stdout


def test_no_bit_of_a_constant_can_change_unnoticed(name: str) -> None:
    conformance(name).conform(mutation.unchanged(DRIVERS / f"{name}.py"), int, int)
    count, survived = mutation.survivors(DRIVERS / f"{name}.py", conformance(name).conform)
    assert survived == [] and (count >= 16 or name in WITHOUT_REGISTERS)
