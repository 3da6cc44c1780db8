"""A hundred thousand blocks of anything: 32-bit and 64-bit MicroPython compute the bits that numba computes."""

from __future__ import annotations

import binascii
import subprocess
from pathlib import Path

import numpy as np
import pytest
from histories import history

from mmc_core.kernel import Kernel
from mmc_host import firmware
from mmc_host.replay import replay

BLOCKS, CHANNELS = 50_000, 2
OPTIONS: dict[str, dict[str, bool]] = {
    "everything": {"harmonic": True},
    "default": {},
    "bare": {"highpass": False, "lowpass": False},
}
PROGRAM = """
import binascii
from array import array
from mmc_core.kernel import Kernel
kernel = Kernel({channels}, 0, 16384, 60, **{options})
kernel.set_reference(0, 5000, 0)
block = array("h", [0] * (10 * {channels}))
crc = 0
with open({name!r}, "rb") as file:
    for number in range({blocks}):
        file.readinto(block)
        kernel.process(block, number % 61 < 7)
        for words in kernel.out:
            crc = binascii.crc32(words, crc)
print(crc)
"""


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_same_bits_as_numba(name: str, mpy: Path, tmp_path: Path) -> None:
    counts = history(BLOCKS, CHANNELS, sorted(OPTIONS).index(name))
    (tmp_path / "counts").write_bytes(counts.astype("<i2").tobytes())
    tree = firmware.stage(tmp_path / "tree")
    text = PROGRAM.format(channels=CHANNELS, options=OPTIONS[name], name=str(tmp_path / "counts"), blocks=BLOCKS)
    (tree / "probe.py").write_text(text)
    command = [mpy, "-X", "heapsize=300k", "probe.py"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kernel = Kernel(CHANNELS, 0, 16384, 60, **OPTIONS[name])
    kernel.set_reference(0, 5000, 0)
    replayed = replay(kernel, counts, np.arange(BLOCKS) % 61 < 7)
    assert replayed.executor == "numba"
    assert int(done.stdout) == binascii.crc32(np.ascontiguousarray(replayed.words, "<u4").tobytes())
