"""Packed blocks are the same bytes on 32-bit and 64-bit MicroPython as on CPython, and packing allocates nothing."""

from __future__ import annotations

import subprocess
import zlib
from array import array
from pathlib import Path

import numpy as np
import pytest
from histories import history
from packed import Packed, blocks_of

from mmc_core.rice import Packer
from mmc_host import firmware

BLOCKS = 3000
PROGRAM = """
import binascii, micropython
from array import array
from mmc_core.rice import Packer

block = array("h", [0] * (10 * {channels}))
reading = array("h", [0] * 6)
packer = Packer({channels})
crc = records = size = 0

def close():
    global crc, records, size
    crc = binascii.crc32(memoryview(packer.out)[: packer.size()], crc)
    records += 1
    size += packer.size() + packer.carried
    packer.cut()
    packer.fit(records * 37 % 245)

with open({name!r}, "rb") as file:
    for number in range({blocks}):
        file.readinto(block)
        file.readinto(reading)
        imu = reading if number % 3 else None
        micropython.heap_lock()
        is_full = packer.add(block, imu, number % 61 < 7, 10 * number)
        micropython.heap_unlock()
        if is_full:
            close()
close()
print(crc, records, size)
"""


def pack_all(counts: np.ndarray, readings: np.ndarray) -> list[Packed]:
    """The same in this process."""
    channels = counts.shape[1]
    packer = Packer(channels)
    records: list[Packed] = []

    def close() -> None:
        values = (packer.t_samples, 10, channels, packer.blocks, packer.carried)
        records.append((values, bytes(packer.out[: packer.size()])))
        packer.cut()
        packer.fit(len(records) * 37 % 245)

    for number in range(BLOCKS):
        block = array("h", counts[10 * number : 10 * number + 10].tobytes())
        imu = array("h", readings[number].tobytes()) if number % 3 else None
        if packer.add(block, imu, number % 61 < 7, 10 * number):
            close()
    close()
    return records


@pytest.mark.parametrize("channels", [1, 4])
def test_the_same_bytes_with_the_heap_locked(channels: int, mpy: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(channels)
    counts = history(BLOCKS, channels, 3).astype("<i2")
    counts[20_000:24_000] = rng.integers(-32768, 32768, (4000, channels))  # beyond what a front end gives
    counts[24_000:26_000] = np.where(rng.random((2000, channels)) < 0.5, -32768, 32767)
    readings = np.cumsum(rng.integers(-40, 41, (BLOCKS, 6)), axis=0).astype("<i2")
    readings[::50] = rng.integers(-32768, 32768, (BLOCKS // 50, 6))
    parts = [(counts[10 * i : 10 * i + 10].tobytes() + readings[i].tobytes()) for i in range(BLOCKS)]
    (tmp_path / "counts").write_bytes(b"".join(parts))
    tree = firmware.stage(tmp_path / "tree")
    (tree / "probe.py").write_text(
        PROGRAM.format(channels=channels, name=str(tmp_path / "counts"), blocks=BLOCKS), encoding="utf-8"
    )
    command = [mpy, "-X", "heapsize=100k", "probe.py"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    records = pack_all(counts, readings)
    size = sum(len(tail) + values[4] for values, tail in records)
    crc = zlib.crc32(b"".join(tail for _, tail in records))
    assert done.stdout.split() == [str(crc), str(len(records)), str(size)]
    assert len(records) > 100
    # And they are the input again.
    found = blocks_of(records)
    assert [start for start, _ in found] == [10 * number for number in range(BLOCKS)]
    blocks = [block for _, block in found]
    assert np.array_equal(np.array([block.counts for block in blocks]).reshape(-1, channels), counts)
    assert [block.motor for block in blocks] == [number % 61 < 7 for number in range(BLOCKS)]
    given = [tuple(row) if i % 3 else None for i, row in enumerate(readings.tolist())]
    assert [block.imu for block in blocks] == given
