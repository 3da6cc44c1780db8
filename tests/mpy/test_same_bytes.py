"""One source, three executors: the same input gives the same flash, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import heap
import numpy as np
import pytest
from simulated import load_facts, make_body, noise

from mmc_device.app import App
from mmc_device.config import Config
from mmc_host import firmware, mpy
from mmc_sim.console import PipeConsole
from mmc_sim.wearable import open_folder

SECONDS = 24


def adversarial(seconds: float) -> np.ndarray:
    """Full-scale steps, alternating extremes, impulses and silence: what drives every integer to its bounds."""
    count = round(seconds * 1000)
    t = np.arange(count)
    take = np.zeros((count, 4), "<i2")
    take[:, 0] = np.where(t // 250 % 2, 16383, -16383)
    take[:, 1] = np.where(t % 2, 16383, -16383)
    take[:, 2] = np.where(t % 97 == 0, 16383, 0)
    take[:, 3] = np.where(t // 10 % 2, 16383, -16383) * (t // 1000 % 2)
    return take


def prepare(folder: Path, log_mode: str) -> Path:
    """A state folder: a calibrated wearable and somebody who holds, lets go, and then is electrocuted."""
    (folder / "config").mkdir(parents=True)
    takes = [noise(3, [2, 2, 2, 0]), noise(6, [180, 20, 300, 1], 2), noise(3, [15, 10, 2, 0], 3), adversarial(4)]
    steps = [(0, 0, 3000, 0), (1, 0, 5000, 0), (2, 1, 3000, 350), (1, 0, 4000, 0), (3, 0, 4000, 0), (0, 0, 9000, 0)]
    (folder / "body.bin").write_bytes(make_body(takes, steps, artefact_counts=700))
    config = Config(str(folder / "config"))
    config.settings.put("log_mode", log_mode)
    config.settings.put("ch0_reference_nv", 400_000)
    config.settings.put("ch0_reference_kind", "mvc")
    config.save()
    return folder


def run_micropython(interpreter: Path, folder: Path, tree: Path) -> bytes:
    """The unchanged main.py under real MicroPython; the flash it leaves."""
    environment = {
        **os.environ,
        "MICROPYPATH": ".",
        "MMC_SIM_DIR": str(folder),
        "MMC_SIM_SPEED": "0",
        "MMC_SIM_STOP_MS": str(SECONDS * 1000),
    }
    done = subprocess.run(
        [interpreter, "-X", "heapsize=400k", "main.py"],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "flash.bin").read_bytes()


def run_cpython(folder: Path) -> bytes:
    """The same in this process."""
    board = open_folder(load_facts(), str(folder), PipeConsole(), lambda text: None, 0, 0, SECONDS * 1000)
    board.clock.pace_while(None)
    with pytest.raises(SystemExit):
        App(board).run()
    board.emg._file.close()
    board.flash._file.close()
    return (folder / "flash.bin").read_bytes()


@pytest.mark.parametrize("log_mode", ["features", "raw"])
def test_three_executors_write_the_same_bytes(tmp_path, mpy32, mpy64, log_mode):
    tree = firmware.stage(tmp_path / "tree")
    plain = run_cpython(prepare(tmp_path / "cpython", log_mode))
    assert plain[:4096] != b"\xff" * 4096
    assert run_micropython(mpy32, prepare(tmp_path / "mpy32", log_mode), tree) == plain
    assert run_micropython(mpy64, prepare(tmp_path / "mpy64", log_mode), tree) == plain
    compiled = tmp_path / "compiled"  # as a board gets it: constants folded in, .mpy
    mpy.compile_tree(compiled, heap.sources(), "x86", heap.MAIN.read_text())
    shutil.copy(tree / "main.py", compiled)
    assert run_micropython(mpy32, prepare(tmp_path / "folded", log_mode), compiled) == plain
