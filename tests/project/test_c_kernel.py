"""The kernel's text as C computes the kernel's bits; where there is no C compiler, this skips and says so."""

from __future__ import annotations

from array import array

import c_kernel
import numpy as np
import pytest
from histories import history

from mmc_core.kernel import Kernel

STAGES = ("chain.filter_block", "features.measure_block", "onset.find_onsets")


@pytest.mark.parametrize("flags", [(), ("-m32",)])
def test_c_computes_the_same_bits(flags: tuple[str, ...]) -> None:
    counts = history(300, 3, 11).clip(-16383, 16383)
    kernel = Kernel(3, 0, 16383, 50, harmonic=True)
    program = c_kernel.program(kernel.words, array("h", np.ascontiguousarray(counts).tobytes()), 10, STAGES, 1)
    ran = c_kernel.run(program.replace("round < 7", "round < 1"), *flags)
    if ran is None:
        pytest.skip(f"no C compiler here for {' '.join(flags) or 'this machine'}")
    for at in range(0, len(counts), 10):
        kernel.process(array("h", np.ascontiguousarray(counts[at : at + 10]).tobytes()))
    assert ran[1] == c_kernel.checksum(kernel.out)
