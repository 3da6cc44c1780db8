"""Run the device's kernel over a whole recording: the very same text, compiled by numba where it is installed.

In:     a kernel as the device builds it; counts (samples, channels); per block whether the motor shook the electrodes
Out:    every word of every channel after every block, bit for bit what the device computed
State:  the kernel's; a run goes on where the last one ended
Source: mmc_core/chain.py, features.py and onset.py, compiled as they stand; viper's pointers as numba types

Channels know nothing of each other, so that a long recording's are dealt out to the cores.
"""

from __future__ import annotations

import importlib
import operator
import os
import types
from array import array
from concurrent.futures import ThreadPoolExecutor
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
_FEW_BLOCKS = 5000  # they take a few milliseconds, which threads would not make less


@dataclass(frozen=True)
class Replayed:
    """What the kernel computed.

    Attributes:
        words: (blocks, channels, words) after each block; columns are the OUT_ constants of those three. In memory a
            channel's blocks lie together.
        executor: "numba", or "python" where numba is not installed (a hundred times slower and more, same bits).
    """

    words: Words
    executor: str


def replay(
    kernel: Kernel, counts: NDArray[np.int16], blank: NDArray[np.bool_] | None = None, threads: int | None = None
) -> Replayed:
    """Run the kernel over counts, in blocks of its size; what does not fill a block at the end is left out.

    Args:
        kernel: its state is where the run begins, and afterwards where it ended.
        counts: (samples, channels), as the front end gives them.
        blank: per block; None: the motor never ran.
        threads: at most so many; None: one for each core, and only one if the recording is short.

    Raises:
        UsageError: the number of channels is not the kernel's, or there are fewer flags than blocks.
    """
    size = kernel.block_samples
    blocks = len(counts) // size
    if counts.ndim != 2 or counts.shape[1] != kernel.channels:
        raise UsageError(f"counts of shape {counts.shape}: the kernel has {kernel.channels} channels")
    flags = np.zeros(blocks, np.bool_) if blank is None else np.ascontiguousarray(blank, np.bool_)
    if len(flags) < blocks:
        raise UsageError(f"{len(flags)} flags for {blocks} blocks")
    source = np.asarray(counts[: blocks * size], np.int16)
    drive = _compiled()
    if drive is None:
        return Replayed(_plainly(kernel, source, flags), "python")
    if threads is None:
        threads = (os.cpu_count() or 1) if blocks >= _FEW_BLOCKS else 1
    return Replayed(_dealt_out(drive, kernel, source, flags[:blocks], max(1, min(threads, kernel.channels))), "numba")


def _dealt_out(
    drive: Callable[..., None], kernel: Kernel, source: NDArray[np.int16], flags: NDArray[np.bool_], threads: int
) -> Words:
    """The compiled loop over so many groups of channels at once, each with its own copy of the header."""
    channels, size = kernel.channels, kernel.block_samples
    found = np.empty((channels, len(flags), onset.ALL_WORDS), np.uint32)
    filtered = np.frombuffer(kernel.filtered, np.uint32).reshape(size, channels)
    header = kernel.words[channels]

    def run(group: int) -> array[int]:
        mine = slice(group * channels // threads, (group + 1) * channels // threads)
        words = [*kernel.out[mine], header[:]]
        counts, z = _columns(source, mine), _columns(filtered, mine)
        addresses = np.array([one.buffer_info()[0] for one in words], np.int64)
        smooth = (kernel.smooth, kernel.smooth_display)
        places = (addresses.ctypes.data, counts.ctypes.data, z.ctypes.data)
        drive(size, len(words) - 1, *places, flags, smooth, found[mine])
        filtered[:, mine] = z
        return words[-1]

    if threads == 1:
        header[:] = run(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            header[:] = list(pool.map(run, range(threads))).pop()
    return found.transpose(1, 0, 2)


def _columns(rows: NDArray[Any], wanted: slice) -> NDArray[Any]:
    """Those columns, in one piece; column by column, which is what NumPy copies fast."""
    if rows.shape[1] == wanted.stop - wanted.start:
        return np.ascontiguousarray(rows)
    return np.stack([rows[:, column] for column in range(wanted.start, wanted.stop)], axis=1)


def _plainly(kernel: Kernel, source: NDArray[np.int16], flags: NDArray[np.bool_]) -> Words:
    """The same, block by block in Python."""
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
    # No object of Python's is touched, and nothing that is divided by can be zero.
    njit, ptr32 = numba.njit(nogil=True, error_model="numpy"), _pointer(32)

    def compiled(function: Any) -> Any:
        return njit(types.FunctionType(function.__code__, {**function.__globals__, "ptr32": ptr32}))

    filter_block, measure_block, find_onsets = map(compiled, _STAGES)
    ptr16, ptr64, all_words = _pointer(16), _pointer(64), onset.ALL_WORDS

    def drive(
        size: int, channels: int, addresses: int, source: int, filtered: int, flags: Any, smooth: Any, found: Any
    ) -> None:
        words, z = ptr64(addresses), ptr32(filtered)
        header = ptr32(words[channels])
        for block in range(len(flags)):
            header[1] = 0
            header[2] = 1 if flags[block] else 0
            header[3] = 0 if flags[block] else smooth[0]
            header[4] = 0 if flags[block] else smooth[1]
            filter_block(size, channels, words, ptr16(source + 2 * block * size * channels), z)
            measure_block(size, channels, words, z)
            find_onsets(channels, 0, words)
            for channel in range(channels):
                mine = ptr32(words[channel])
                for word in range(all_words):
                    found[channel, block, word] = mine[word]

    return njit(drive)


@cache
def _pointer(bits: int) -> Any:
    """Viper's pointer to words of so many bits, made from an address: loads are unsigned, stores cut off.

    An array of numba's would cost what this does not: counted references, and every index tested for its sign.
    """
    numba: Any = importlib.import_module("numba")
    extending: Any = importlib.import_module("numba.extending")
    pointer, int64 = numba.types.Opaque(f"ptr{bits}"), numba.types.int64
    unsigned = getattr(numba.types, f"uint{bits}")
    loads, stores = int64(pointer, int64), numba.types.none(pointer, int64, int64)

    def made(_typing: Any, address: Any) -> Any:
        def emit(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(pointer))

        return pointer(int64), emit

    def place(context: Any, builder: Any, words: Any, index: Any) -> Any:
        return builder.gep(builder.bitcast(words, context.get_value_type(unsigned).as_pointer()), [index])

    def load(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.zext(builder.load(place(context, builder, *given)), context.get_value_type(int64))

    def store(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        words, index, value = given
        value = builder.trunc(value, context.get_value_type(unsigned))
        builder.store(value, place(context, builder, words, index))
        return context.get_dummy_value()

    def type_load(_context: Any) -> Any:
        return lambda words, index: loads if words == pointer else None  # pyright: ignore

    def type_store(_context: Any) -> Any:
        return lambda words, index, value: stores if words == pointer else None  # pyright: ignore

    extending.type_callable(operator.getitem)(type_load)
    extending.type_callable(operator.setitem)(type_store)
    extending.lower_builtin(operator.getitem, *loads.args)(load)
    extending.lower_builtin(operator.setitem, *stores.args)(store)
    return extending.intrinsic(made)
