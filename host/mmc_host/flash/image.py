"""The MicroPython that a board's lock names: from a file, from the cache, or downloaded; and cut into what is flashed.

In:     the lock of a board, a file of the user's
Out:    the image, with exactly the size and SHA-256 of the lock; pieces of it with their addresses
Errors: UsageError: it is another image, or may not be downloaded. LinkError: no network. The message says what to fetch
        and where to put it
Why:    an image of MicroPython holds bootloader, partition table and program, with erased flash in between. Written
        whole it would wipe `nvs` and bring its own table for a moment; in pieces it does neither
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host.errors import LinkError
from mmc_host.flash.boards import Board, Image
from mmc_host.flash.partitions import TABLE_OFFSET
from mmc_host.paths import home, writing_in

_MAGIC = 0xE9  # first byte of what the ESP32 starts
_TIMEOUT_S = 30.0

Fetch = Callable[[str, int], bytes]  # address, most bytes


@dataclass(frozen=True)
class Piece:
    """Bytes for one place of the flash."""

    name: str
    offset: int
    data: bytes


def cached(lock: Image) -> Path:
    """Return where the image is kept, or would be."""
    return home() / "firmware" / lock.name


def download(address: str, most_bytes: int) -> bytes:
    """Return what is at an address, at most one byte more than `most_bytes`.

    Raises:
        OSError: it can't be had.
    """
    from urllib.request import urlopen

    with urlopen(address, timeout=_TIMEOUT_S) as reply:
        data: bytes = reply.read(most_bytes + 1)
    return data


def get_image(lock: Image, file: Path | None, *, may_download: bool, fetch: Fetch = download) -> bytes:
    """Return the image that a board's lock names.

    Args:
        lock: of the board.
        file: the user's own copy; None: the cache, else the network.
        may_download: whether the network may be asked.
        fetch: asks it.

    Raises:
        UsageError: the file is another image, it is not there, the disk is full, or nothing may be downloaded.
        LinkError: it can't be downloaded, or what came is another image.
    """
    if file is not None:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}: give the image {lock.name} of {lock.url}") from error
        if wrong := difference(data, lock):
            raise UsageError(f"{file} is not the image of this board: {wrong}; it would be {lock.url}")
        return data
    place = cached(lock)
    if place.exists():
        data = place.read_bytes()
        if not difference(data, lock):
            return data
        # What is wrong with the cache is mended by what replaces it; until then it stays.
    if not may_download:
        state = f"{place} is damaged" if place.exists() else f"{lock.name} is not here"
        raise UsageError(f"{state} and nothing may be downloaded: {_by_hand(lock, place)}")
    try:
        data = fetch(lock.url, lock.size_bytes)
    except OSError as error:
        raise LinkError(f"{lock.url} can't be downloaded ({error}): {_by_hand(lock, place)}") from error
    if wrong := difference(data, lock):
        raise LinkError(f"{lock.url} gave another image, nothing was flashed: {wrong}; {_by_hand(lock, place)}")
    with writing_in(place.parent):
        part = place.with_suffix(".part")
        part.write_bytes(data)
        os.replace(part, place)
    return data


def difference(data: bytes, lock: Image) -> str:
    """Return in words how an image differs from the lock, "" if it is that image."""
    if len(data) != lock.size_bytes:
        return f"it has {len(data)} bytes, {lock.name} has {lock.size_bytes}"
    found = hashlib.sha256(data).hexdigest()
    return "" if found == lock.sha256 else f"its SHA-256 is {found}, that of {lock.name} is {lock.sha256}"


def pieces(board: Board, data: bytes) -> list[Piece]:
    """Return bootloader and program out of an image, with their places.

    Raises:
        UsageError: one does not begin where the board's table has it.
    """
    start = next(part.offset for part in board.table if part.name == "factory") - board.image.offset
    found = [
        Piece("bootloader", board.image.offset, data[: TABLE_OFFSET - board.image.offset].rstrip(b"\xff")),
        Piece("MicroPython", start + board.image.offset, data[start:]),
    ]
    for piece in found:
        if piece.data[:1] != bytes([_MAGIC]):
            raise UsageError(
                f"{board.image.name} has no {piece.name} at 0x{piece.offset:x}: its offset, or the partition factory, "
                "is wrong in board.toml"
            )
    return found


def _by_hand(lock: Image, place: Path) -> str:
    return f"fetch {lock.url} elsewhere, and put it to {place} or name it with --image"
