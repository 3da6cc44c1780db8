"""The partition table: bytes as ESP-IDF describes them, damage is located, layouts that can't work are refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmc_core.errors import FormatError, UsageError
from mmc_host.flash import partitions
from mmc_host.flash.partitions import Partition

LAYOUT = {
    "nvs": (0x9000, 0x6000),
    "phy_init": (0xF000, 0x1000),
    "factory": (0x10000, 0x1F0000),
    "vfs": (0x200000, 0x80000),
    "journal": (0x280000, 0x180000),
}
MIB = 1 << 20
TABLE = partitions.layout(LAYOUT, 4 * MIB)

# Written by hand after ESP-IDF's description: magic, type, subtype, offset and size (little endian), name, flags.
ENTRIES = bytes.fromhex(
    "aa50 01 02 00900000 00600000 6e767300000000000000000000000000 00000000"
    "aa50 01 01 00f00000 00100000 7068795f696e69740000000000000000 00000000"
    "aa50 00 00 00000100 00001f00 666163746f7279000000000000000000 00000000"
    "aa50 01 81 00002000 00000800 76667300000000000000000000000000 00000000"
    "aa50 01 06 00002800 00001800 6a6f75726e616c000000000000000000 00000000"
)

# The table of MicroPython's stock image for the ESP32 with 4 MiB.
STOCK = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
    Partition("vfs", 1, 0x81, 0x200000, 0x200000),
)


def test_the_bytes_are_those_written_by_hand() -> None:
    data = partitions.encode(TABLE)
    assert len(data) == 3072
    assert data[:160] == ENTRIES
    assert data[160:192] == bytes.fromhex("eb eb" + "ff" * 14) + hashlib.md5(ENTRIES).digest()
    assert set(data[192:]) == {0xFF}


def test_it_reads_what_it_writes_and_what_stands_behind_it_is_no_matter() -> None:
    assert partitions.decode(partitions.encode(TABLE)) == TABLE
    assert partitions.decode(partitions.encode(TABLE) + b"nvs\0" * 256) == TABLE
    assert partitions.decode(partitions.encode(STOCK)) == STOCK


def test_a_table_without_md5_is_read_too() -> None:
    assert partitions.decode(ENTRIES.ljust(3072, b"\xff")) == TABLE


def test_every_flipped_bit_of_the_entries_is_noticed() -> None:
    data = partitions.encode(TABLE)
    for bit in range(192 * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            partitions.decode(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "ends after 0 bytes"),
        (b"\xff" * 3072, r"byte 0 \(flash 0x8000\): erased flash"),
        (b"\0" * 3072, r"byte 0 \(flash 0x8000\): an entry begins with 0000"),
        (ENTRIES, "ends after 160 bytes"),
        (ENTRIES[:64] + b"\xaa\x51" + ENTRIES[66:], r"byte 64 \(flash 0x8040\): an entry begins with aa51"),
        (ENTRIES[:12] + b"\xc3\x28" + ENTRIES[14:], r"byte 0 \(flash 0x8000\): the name"),
        (ENTRIES + b"\xeb\xeb" + b"\xff" * 14 + bytes(16), r"byte 160 \(flash 0x80a0\): the MD5"),
        (ENTRIES[:32] * 96, "ends after 3072 bytes"),
    ],
)
def test_damage_is_located(data: bytes, where: str) -> None:
    with pytest.raises(FormatError, match=where):
        partitions.decode(data)


@given(st.binary(max_size=400) | st.binary(max_size=40).map(lambda tail: ENTRIES + tail))
def test_any_bytes_give_a_table_or_a_format_error(data: bytes) -> None:
    try:
        table = partitions.decode(data)
    except FormatError:
        return
    assert all(isinstance(part, Partition) for part in table)


NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=15)
WORDS = st.integers(0, 2**32 - 1)


@given(st.lists(st.builds(Partition, NAMES, st.integers(0, 255), st.integers(0, 255), WORDS, WORDS, WORDS), min_size=1))
def test_any_table_survives(table: list[Partition]) -> None:
    assert partitions.decode(partitions.encode(table[:95])) == tuple(table[:95])


def test_what_a_table_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="96 partitions: a table holds at most 95"):
        partitions.encode(TABLE[:1] * 96)
    for name in ("", "sixteen bytes xx", "a\0b"):
        with pytest.raises(UsageError, match="give a name of 1 to 15 bytes"):
            partitions.encode([Partition(name, 1, 2, 0x9000, 0x1000)])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"vfs": None}, "partition vfs is missing"),
        ({"ota_0": (0x400000, 0x1000)}, "partition ota_0 is unknown"),
        ({"factory": (0x11000, 0x1EF000)}, "factory 0x11000..0x200000: its offset is no multiple of 0x10000"),
        ({"vfs": (0x200800, 0x7F000)}, "its offset is no multiple of 0x1000"),
        ({"vfs": (0x200000, 0x7F800)}, "its size is no positive multiple of 0x1000"),
        ({"vfs": (0x200000, 0)}, "its size is no positive multiple"),
        ({"vfs": (0x200000, 0x81000)}, "journal 0x280000..0x400000: overlaps vfs, which ends at 0x281000"),
        ({"nvs": (0x8000, 0x7000)}, "nvs 0x8000..0xf000: overlaps the partition table, which ends at 0x9000"),
        ({"journal": (0x280000, 0x181000)}, "ends behind the flash, which has 0x400000 bytes"),
    ],
)
def test_layouts_that_cannot_work_are_refused(changed: dict[str, tuple[int, int] | None], sentence: str) -> None:
    parts = {name: place for name, place in {**LAYOUT, **changed}.items() if place is not None}
    with pytest.raises(UsageError) as caught:
        partitions.layout(parts, 4 * MIB)
    assert sentence in str(caught.value)


def test_all_breaches_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        partitions.layout({**LAYOUT, "vfs": (0x200800, 0x7F800)}, 2 * MIB)
    assert len(str(caught.value).splitlines()) == 4


def test_the_difference_from_the_stock_table() -> None:
    changes = partitions.diff(STOCK, TABLE)
    assert [(change.name, change.moves) for change in changes] == [("vfs", True), ("journal", True)]
    assert changes[0].old == STOCK[3] and changes[0].new == TABLE[3]
    assert changes[1].old is None
    assert partitions.diff(TABLE, TABLE) == []
    assert [(change.name, change.new) for change in partitions.diff(TABLE, STOCK)][-1] == ("journal", None)


def test_a_changed_subtype_is_a_change_that_moves_nothing() -> None:
    other = (*TABLE[:4], Partition("journal", 1, 0x40, 0x280000, 0x180000))
    assert [(change.name, change.moves) for change in partitions.diff(other, TABLE)] == [("journal", False)]
