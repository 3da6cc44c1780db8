"""Which part of a board's flash holds what: the ESP32's partition table, as bytes and as facts.

In:     a board's partitions by name, each (offset, size); or the bytes of a table as read from flash
Out:    `Partition` entries; the table of 3 KiB with its MD5; what differs between two tables
Errors: UsageError: a layout can't be flashed; the message names each breach
        FormatError: bytes are no table; the message says where
Source: ESP-IDF, "Partition Tables": entries of 32 bytes behind a magic, an entry with the MD5 of those before it, then
        erased flash. MicroPython looks for a data partition named `vfs` and formats what has subtype `fat`
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmc_core.errors import FormatError, UsageError

TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00
SECTOR_BYTES = 0x1000  # smallest piece of flash that can be erased
APP_ALIGNMENT = 0x10000  # the processor maps code from flash in pages of this size

_ENTRY = struct.Struct("<2sBBII16sI")
_ENTRY_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_ERASED = b"\xff" * _ENTRY.size
_APP, _DATA = 0, 1
_FIRST_OFFSET = TABLE_OFFSET + SECTOR_BYTES
_MOST_ENTRIES = TABLE_BYTES // _ENTRY.size - 1  # one is the MD5's
_NAME_BYTES = 15  # and a zero behind them

# What a board's table must hold, in no special order, with type and subtype.
KINDS: dict[str, tuple[int, int]] = {
    "nvs": (_DATA, 0x02),  # what the radio remembers
    "phy_init": (_DATA, 0x01),  # the radio's calibration
    "factory": (_APP, 0x00),  # MicroPython
    "vfs": (_DATA, 0x81),  # file system: app and settings
    "journal": (_DATA, 0x06),  # sessions, raw ("undefined" in ESP-IDF's words)
}


@dataclass(frozen=True)
class Partition:
    """One entry of the table."""

    name: str
    kind: int
    subtype: int
    offset: int
    size: int
    flags: int = 0

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.size

    def __str__(self) -> str:
        """For people."""
        return f"{self.name} 0x{self.offset:x}..0x{self.end:x}"


Table = tuple[Partition, ...]


@dataclass(frozen=True)
class Change:
    """What becomes of one partition; `old` None: it is new; `new` None: it goes."""

    name: str
    old: Partition | None
    new: Partition | None

    @property
    def moves(self) -> bool:
        """Whether its bytes would be looked for elsewhere, so that what is in it is lost."""
        if self.old is None or self.new is None:
            return True
        return (self.old.offset, self.old.size) != (self.new.offset, self.new.size)


def layout(parts: Mapping[str, tuple[int, int]], flash_bytes: int) -> Table:
    """Return a board's table, sorted by offset.

    Args:
        parts: (offset, size) in bytes by name, exactly those of `KINDS`.
        flash_bytes: size of the flash.

    Raises:
        UsageError: a partition is missing, unknown, misaligned, outside of the flash, or overlaps another.
    """
    told = [f"partition {name} is missing" for name in KINDS if name not in parts]
    told += [f"partition {name} is unknown: there are {', '.join(KINDS)}" for name in parts if name not in KINDS]
    if told:
        raise UsageError("\n".join(told))
    table = tuple(
        sorted(
            (Partition(name, *KINDS[name], *parts[name]) for name in parts), key=lambda part: (part.offset, part.size)
        )
    )
    told = breaches(table, flash_bytes)
    if told:
        raise UsageError("\n".join(told))
    return table


def breaches(table: Sequence[Partition], flash_bytes: int) -> list[str]:
    """Return one sentence for each reason why a table, sorted by offset, can't be flashed."""
    told: list[str] = []
    end, before = _FIRST_OFFSET, "the partition table"
    for part in table:
        alignment = APP_ALIGNMENT if part.kind == _APP else SECTOR_BYTES
        if part.offset % alignment:
            told.append(f"{part}: its offset is no multiple of 0x{alignment:x}")
        if part.size <= 0 or part.size % SECTOR_BYTES:
            told.append(f"{part}: its size is no positive multiple of 0x{SECTOR_BYTES:x}")
        if part.offset < end:
            told.append(f"{part}: overlaps {before}, which ends at 0x{end:x}")
        if part.end > flash_bytes:
            told.append(f"{part}: ends behind the flash, which has 0x{flash_bytes:x} bytes")
        if part.end > end:
            end, before = part.end, part.name
    return told


def encode(table: Sequence[Partition]) -> bytes:
    """Return the bytes of a table: entries, MD5, erased flash; `TABLE_BYTES` in all.

    Raises:
        UsageError: there are too many entries, or a name is too long.
    """
    if len(table) > _MOST_ENTRIES:
        raise UsageError(f"{len(table)} partitions: a table holds at most {_MOST_ENTRIES}")
    entries = b""
    for part in table:
        name = part.name.encode()
        if not 0 < len(name) <= _NAME_BYTES or b"\0" in name:
            raise UsageError(f"partition {part.name!r}: give a name of 1 to {_NAME_BYTES} bytes")
        entries += _ENTRY.pack(_ENTRY_MAGIC, part.kind, part.subtype, part.offset, part.size, name, part.flags)
    return (entries + _MD5_MAGIC + hashlib.md5(entries).digest()).ljust(TABLE_BYTES, b"\xff")


def decode(data: bytes) -> Table:
    """Return the entries of a table in the order of its bytes; an MD5 is checked where there is one.

    Args:
        data: flash from `TABLE_OFFSET` on; what lies behind `TABLE_BYTES` is not looked at.

    Raises:
        FormatError: they are no table, or a damaged one.
    """
    found: list[Partition] = []
    for at in range(0, min(len(data), TABLE_BYTES) - _ENTRY.size + 1, _ENTRY.size):
        raw = data[at : at + _ENTRY.size]
        where = f"partition table, byte {at} (flash 0x{TABLE_OFFSET + at:x})"
        if raw == _ERASED:
            if not found:
                raise FormatError(f"{where}: erased flash, no partition table")
            return tuple(found)
        if raw.startswith(_MD5_MAGIC):
            if hashlib.md5(data[:at]).digest() != raw[len(_MD5_MAGIC) :]:
                raise FormatError(f"{where}: the MD5 does not fit the entries before it")
            return tuple(found)
        magic, kind, subtype, offset, size, label, flags = _ENTRY.unpack(raw)
        if magic != _ENTRY_MAGIC:
            raise FormatError(f"{where}: an entry begins with {magic.hex()}, not {_ENTRY_MAGIC.hex()}")
        try:
            name = label.split(b"\0", 1)[0].decode()
        except UnicodeDecodeError:
            raise FormatError(f"{where}: the name {label!r} is no UTF-8") from None
        found.append(Partition(name, kind, subtype, offset, size, flags))
    raise FormatError(f"partition table: ends after {min(len(data), TABLE_BYTES)} bytes without an end mark")


def diff(old: Sequence[Partition], new: Sequence[Partition]) -> list[Change]:
    """Return what changes from one table to another, by name; those of `new` first, in its order."""
    before, after = {part.name: part for part in old}, {part.name: part for part in new}
    names = [*after, *(name for name in before if name not in after)]
    return [Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
