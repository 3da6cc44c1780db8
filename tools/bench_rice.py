"""What packing of raw EMG takes beside the kernel, on the same interpreter: a part of `make bench`.

In:    a way to run a script on an interpreter, which finds the firmware there
Out:   median nanoseconds per sample and channel, and their ratio
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable

# Packing of raw EMG beside the kernel, on the same noise: blocks of 10 samples of four channels, each with a reading.
SCRIPT = """
import time
from array import array
from mmc_core.kernel import Kernel
from mmc_core.rice import Packer
blocks = []
seed = 1
for _ in range(50):
    block = array("h")
    for _ in range(40):
        total = 0
        for _ in range(8):
            seed = (seed * 75 + 74) % 65537
            total += seed % 401 - 200
        block.append(total)
    blocks.append(block)
imu = array("h", [4096, -3, 12, 100, 0, -7])
kernel, packer = Kernel(4, 0, 16383, 50), Packer(4)
def clock(what, run):
    t = time.ticks_us()
    for _ in range(40):
        for block in blocks:
            run(block)
    print(what, time.ticks_diff(time.ticks_us(), t) * 1000 // (40 * 50 * 40))
def pack(block):
    if packer.add(block, imu, False, 0):
        packer.cut()
for repeat in range(7):
    clock("kernel", kernel.process)
    clock("pack", pack)
"""


def measure(run: Callable[[list[str]], str], interpreters: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Medians of `pack` and `kernel` in one run, and `pack_over_kernel`, per MicroPython."""
    found: dict[str, dict[str, float]] = {}
    for name, command in interpreters.items():
        if name == "cpython":
            continue
        rows = re.findall(r"^(kernel|pack) (\d+)$", run(command), re.M)
        row = {what: statistics.median(int(n) for which, n in rows if which == what) for what in ("kernel", "pack")}
        found[name] = {**row, "pack_over_kernel": row["pack"] / row["kernel"]}
    return found
