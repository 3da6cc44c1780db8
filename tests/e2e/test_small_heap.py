"""The whole loop within the heap of an ESP32: 32-bit MicroPython, 110 KiB, the firmware as .mpy, a real serial line."""

from __future__ import annotations

import os
import shutil
import subprocess
import tty
from pathlib import Path

import heap
import pytest

from mmc_core import message
from mmc_core.settings import names
from mmc_host import body, mpy, session
from mmc_host.client import Device
from mmc_host.pull import pull
from mmc_host.store import Store
from mmc_host.transport import open_transport

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0


@pytest.mark.e2e
def test_calibrate_train_and_pull_in_110_kib(tmp_path, mpy32):
    tree, state = tmp_path / "tree", tmp_path / "state"
    mpy.compile_tree(tree, heap.sources(), "x86", heap.MAIN.read_text())
    shutil.copy(ROOT / "firmware/main.py", tree / "main.py")
    (state / "config").mkdir(parents=True)
    body.write_scenario("holds", state / "body.bin", 1)
    master, slave = os.openpty()
    tty.setraw(slave)
    with (tmp_path / "told").open("w") as told:
        process = subprocess.Popen(
            [mpy32, "-X", f"heapsize={heap.HEAP_KIB}k", "main.py"],
            cwd=tree,
            env={**os.environ, "MICROPYPATH": ".", "MMC_SIM_DIR": str(state), "MMC_SIM_SPEED": "0"},
            stdin=master,
            stdout=master,
            stderr=told,
        )
    try:
        transport = open_transport(os.ttyname(slave))
        device = Device(transport)
        assert device.hello().device == "sim-0001"
        device.control(message.VERB_CALIBRATE, message.CALIBRATE_MAXIMUM)
        device.wait_until(lambda s: s.calibration_phase >= message.PHASE_DONE, TIMEOUT_S, "calibrate")
        device.wait_until(lambda s: s.recording, TIMEOUT_S, "begin a session")
        with Store(tmp_path / "store") as store:
            assert [one.outcome for one in pull(device, store)] == ["recording"]
            device.wait_until(
                lambda _: "script done" in (tmp_path / "told").read_text(), TIMEOUT_S, "finish its script"
            )
            device.stop()
            (pulled,) = pull(device, store)
        assert pulled.outcome == "pulled"
        assert len(device.settings()) == len(list(names()))
        loaded = session.load(pulled.path)
        assert loaded.accounted and not loaded.damage and not loaded.faults
        assert loaded.count("hold_start") == 3 and loaded.count("activation_regained") == 2
        assert process.poll() is None
        transport.close()
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)
