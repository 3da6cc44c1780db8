#!/usr/bin/env python3
"""How small raw EMG becomes in the log, recording by recording, beside zlib and FLAC; and what packing costs.

In:     `--data DIR` (default $MMC_DATA), .npz files in the form that README names; the first four channels of each
Out:    a table of ratios, plain 16-bit integers over packed bytes; exit code 1 when a single sample is not what it was.
        `records`: whole records, type, length and fields included; `pages`: with the headers of full pages too;
        `stream`: without fields and first parameters; `zlib` level 6 of the interleaved integers, of the whole file and
        of each 4 KiB; `flac` level 5 by libsndfile, where the package `soundfile` is there; `flac_fixed` an estimate:
        fixed predictors of order 0 to 4, partitioned Rice, frames of 4096 samples
Others: instructions of `pack` on the ESP32 beside the kernel's; nanoseconds beside the kernel's are in `make bench`
Source: FLAC's format, RFC 9639
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import zlib
from array import array
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from instructions import pack_instructions
from numpy.typing import NDArray
from truth_kernel import counts_of, load, scale_uv_of

from mmc_core import page
from mmc_core.rice import FIELD_BYTES, Packer
from mmc_core.sample import BLOCK_SAMPLES
from mmc_core.settings import MAX_CHANNELS
from mmc_host.unpacking import unpack

Counts = NDArray[np.int16]
Figures = dict[str, Any]
FRAME_SAMPLES = 4096  # of FLAC at this level
COLUMNS = ("records", "pages", "stream", "zlib", "zlib_4k", "flac", "flac_fixed")


def pack(counts: Counts) -> Iterator[tuple[int, int, bytes]]:
    """Yield (blocks, carried bytes, tail) of each record of whole blocks, on pages that have nothing else."""
    packer = Packer(counts.shape[1])
    last = len(counts) // BLOCK_SAMPLES - 1
    for number in range(last + 1):
        block = counts[BLOCK_SAMPLES * number : BLOCK_SAMPLES * (number + 1)]
        data = array("h", np.ascontiguousarray(block, "<i2").tobytes())
        if packer.add(data, None, False, BLOCK_SAMPLES * number) or number == last:
            while packer.size():
                yield packer.blocks, packer.carried, bytes(packer.out[: packer.size()])
                packer.cut()
                if number < last:
                    break


def unpack_all(records: list[tuple[int, int, bytes]], channels: int) -> Counts:
    """The samples of all records."""
    found: list[int] = []
    for (count, carried, tail), (_, next_carried, next_tail) in zip(records, [*records[1:], (0, 0, b"")], strict=True):
        for block in unpack(tail[carried:] + next_tail[:next_carried], BLOCK_SAMPLES, channels, count):
            found += block.counts
    return np.array(found, np.int16).reshape(-1, channels)


def flac_bytes(counts: Counts) -> int | None:
    """Size of a FLAC file of level 5; None where libsndfile is not there."""
    try:
        soundfile: Any = importlib.import_module("soundfile")
    except (ImportError, OSError):
        return None
    file = io.BytesIO()
    soundfile.write(file, counts, 1000, format="FLAC", subtype="PCM_16", compression_level=5 / 8)
    return len(file.getvalue())


def flac_fixed_bytes(counts: Counts) -> int:
    """What FLAC's fixed predictors would take: best order and best partition of each frame and channel."""
    bits = 0
    for first in range(0, len(counts), FRAME_SAMPLES):
        bits += 128  # header and checksum of a frame
        for samples in counts[first : first + FRAME_SAMPLES].T.astype(np.int64):
            bits += min(8 + 16 * order + _rice_bits(np.diff(samples, order)) for order in range(5))
    return bits // 8


def _rice_bits(difference: NDArray[np.int64]) -> int:
    folded = np.where(difference < 0, -2 * difference - 1, 2 * difference)
    best = []
    for parts in (1, 2, 4, 8, 16, 32, 64):
        pieces = np.array_split(folded, parts)
        sizes = (min(int((piece >> k).sum()) + (k + 1) * len(piece) for k in range(15)) for piece in pieces)
        best.append(sum(sizes) + 4 * parts)
    return min(best)


def judge(path: Path) -> Figures:
    """Ratios of a recording; `lossless` when every sample came back. Empty where there is no EMG."""
    arrays = load(path)
    if "emg" not in arrays:
        return {}
    columns = list(range(min(MAX_CHANNELS, arrays["emg"].shape[1])))
    counts = counts_of(path, columns, scale_uv_of(arrays))
    counts = counts[: len(counts) // BLOCK_SAMPLES * BLOCK_SAMPLES]
    data = counts.astype("<i2").tobytes()
    records = list(pack(counts))
    size = sum(len(tail) + FIELD_BYTES for _, _, tail in records)
    flac = flac_bytes(counts)
    sizes = {
        "records": size,
        "pages": size * page.PAGE_BYTES / page.PAYLOAD_BYTES,
        "stream": size - len(records) * (FIELD_BYTES + 6 * len(columns) / 8),
        "zlib": len(zlib.compress(data, 6)),
        "zlib_4k": sum(len(zlib.compress(data[at : at + 4096], 6)) for at in range(0, len(data), 4096)),
        "flac_fixed": flac_fixed_bytes(counts),
    }
    if flac:
        sizes["flac"] = flac
    return {
        "lossless": bool(np.array_equal(unpack_all(records, len(columns)), counts)),
        **{name: len(data) / bytes_ for name, bytes_ in sizes.items()},
    }


def judge_all(data: Path) -> dict[str, Figures]:
    """Figures of every recording that has EMG, by name."""
    paths = sorted(data.glob("*.npz"))
    with ProcessPoolExecutor() as pool:
        rows = dict(zip((path.stem for path in paths), pool.map(judge, paths), strict=True))
    return {name: row for name, row in rows.items() if row}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    arguments = parser.parse_args()
    for amplitude in (16, 400, 6000):
        each = pack_instructions("xtensawin", amplitude)
        print(f"pack, noise of {amplitude:4} counts: {each:.0f} instructions per sample")
    if not arguments.data:
        print("truth_rice: ratios skipped: no recordings; name their folder with --data DIR or MMC_DATA")
        return 0
    rows = judge_all(Path(arguments.data))
    names = [name for name in COLUMNS if all(name in row for row in rows.values())]
    print(f"{'':26}" + "".join(f"{name:>11}" for name in names))
    for name, row in rows.items():
        print(f"{name:26}" + "".join(f"{row[key]:11.3f}" for key in names) + ("" if row["lossless"] else "  DIFFERS"))
    for word, pick in (("median", np.median), ("worst", min)):
        print(f"{word:26}" + "".join(f"{pick([row[key] for row in rows.values()]):11.3f}" for key in names))
    return 0 if all(row["lossless"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
