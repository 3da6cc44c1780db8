"""Run the device's kernel over a whole recording: the very same text, compiled by numba where it is installed.

In:     a kernel as the device builds it; counts (samples, channels); per block whether the motor shook the electrodes
Out:    every word of every channel after every block, bit for bit what the device computed
State:  the kernel's; a run goes on where the last one ended
Source: mmc_core/chain.py, features.py and onset.py, compiled as they stand
"""

from __future__ import annotations

import importlib
import types
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_core import chain, features, onset
from mmc_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mmc_core.kernel import Kernel

    Words = NDArray[np.uint32]

_STAGES = (chain.filter_block, features.measure_block, onset.find_onsets)


@dataclass(frozen=True)
class Replayed:
    """What the kernel computed.

    Attributes:
        words: (blocks, channels, words) after each block; columns are the OUT_ constants of those three.
        executor: "numba", or "python" where numba is not installed (a few hundred times slower, same bits).
    """

    words: Words
    executor: str


def replay(kernel: Kernel, counts: NDArray[np.int16], blank: NDArray[np.bool_] | None = None) -> Replayed:
    """Run the kernel over counts, in blocks of its size; what does not fill a block at the end is left out.

    Args:
        kernel: its state is where the run begins, and afterwards where it ended.
        counts: (samples, channels), as the front end gives them.
        blank: per block; None: the motor never ran.

    Raises:
        UsageError: the number of channels is not the kernel's, or there are fewer flags than blocks.
    """
    size = kernel.block_samples
    blocks = len(counts) // size
    if counts.ndim != 2 or counts.shape[1] != kernel.channels:
        raise UsageError(f"counts of shape {counts.shape}: the kernel has {kernel.channels} channels")
    flags = np.zeros(blocks, np.bool_) if blank is None else np.asarray(blank, np.bool_)
    if len(flags) < blocks:
        raise UsageError(f"{len(flags)} flags for {blocks} blocks")
    source = np.ascontiguousarray(counts[: blocks * size], np.int16)
    drive = _compiled()
    if drive is None:
        return Replayed(_plainly(kernel, source, flags), "python")
    words = tuple(np.array(one, np.int64) for one in kernel.words)
    filtered = np.array(kernel.filtered, np.int64)
    found = np.empty((blocks, kernel.channels, len(kernel.out[0])), np.uint32)
    smooth = np.array([kernel.smooth, kernel.smooth_display], np.int64)
    drive(size, kernel.channels, words, source.view(np.uint16).reshape(-1), filtered, flags, smooth, found)
    for mine, one in zip(kernel.words, words, strict=True):
        for index, value in enumerate(one.tolist()):
            mine[index] = value
    for index, value in enumerate(filtered.tolist()):
        kernel.filtered[index] = value
    return Replayed(found, "numba")


def _plainly(kernel: Kernel, source: NDArray[np.int16], flags: NDArray[np.bool_]) -> Words:
    """The same, block by block in Python."""
    from array import array

    size = kernel.block_samples
    found = np.empty((len(source) // size, kernel.channels, len(kernel.out[0])), np.uint32)
    for block in range(len(found)):
        kernel.process(array("h", source[block * size : (block + 1) * size].tobytes()), bool(flags[block]))
        for channel, words in enumerate(kernel.out):
            found[block, channel] = words
    return found


@cache
def _compiled() -> Callable[..., None] | None:
    """The loop over blocks, compiled; None where numba is not installed."""
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError:
        return None

    def itself(words: Any) -> Any:
        return words

    names: dict[str, Any] = {"ptr32": numba.njit(itself)}

    def compiled(function: Any) -> Any:
        return numba.njit(types.FunctionType(function.__code__, {**function.__globals__, **names}))

    filter_block, measure_block, find_onsets = map(compiled, _STAGES)

    def drive(
        size: int, channels: int, words: Any, source: Any, filtered: Any, flags: Any, smooth: Any, found: Any
    ) -> None:
        header = words[channels]
        for block in range(len(flags)):
            header[1] = 0
            header[2] = 1 if flags[block] else 0
            header[3] = 0 if flags[block] else smooth[0]
            header[4] = 0 if flags[block] else smooth[1]
            first = block * size * channels
            filter_block(size, channels, words, source[first : first + size * channels], filtered)
            measure_block(size, channels, words, filtered)
            find_onsets(channels, 0, words)
            for channel in range(channels):
                found[block, channel, :] = words[channel]

    return numba.njit(drive)
