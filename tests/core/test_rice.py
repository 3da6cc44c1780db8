"""Packed raw EMG: every block comes back, no integer leaves 32 bits, and damage is told, never raised otherwise."""

from __future__ import annotations

import ast
import inspect
import textwrap
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from packed import Packed, blocks_of

from mmc_core import record, rice
from mmc_core.errors import FormatError
from mmc_core.page import PAYLOAD_BYTES
from mmc_core.rice import BLOCK_BYTES, FIELD_BYTES, LONGEST_UNARY, MAX_BYTES, PLAIN, Packer
from mmc_core.sample import BLOCK_SAMPLES
from mmc_host.unpacking import unpack

WORST_BITS = 2 + 4 * (6 + 28 * 10) + 6 * (6 + 28)  # flags; per channel forecast, parameter, samples that escape


def packed(
    blocks: np.ndarray, readings: dict[int, list[int]] | None = None, rooms: tuple[int, ...] = ()
) -> list[Packed]:
    """Records of blocks (n x 10 x channels); readings by block; room on the page behind each record, in turn."""
    channels = blocks.shape[2]
    packer = Packer(channels)
    records: list[Packed] = []
    for number, block in enumerate(blocks):
        reading = (readings or {}).get(number)
        data = array("h", np.ascontiguousarray(block, "<i2").tobytes())
        is_full = packer.add(data, array("h", reading) if reading else None, number % 3 == 1, 10 * number)
        while is_full or (number == len(blocks) - 1 and packer.size()):
            values = (packer.t_samples, BLOCK_SAMPLES, channels, packer.blocks, packer.carried)
            records.append((values, bytes(packer.out[: packer.size()])))
            packer.cut()
            packer.fit(rooms[len(records) % len(rooms)] if rooms else 0)
            is_full = False
    return records


def assert_same(blocks: np.ndarray, readings: dict[int, list[int]], records: list[Packed]) -> None:
    found = blocks_of(records)
    assert [start for start, _ in found] == [10 * number for number in range(len(blocks))]
    for number, (_, block) in enumerate(found):
        reading = readings.get(number)
        assert block.counts == tuple(blocks[number].reshape(-1).tolist())
        assert block.imu == (tuple(reading) if reading else None)
        assert block.motor == (number % 3 == 1)


LEVELS = st.sampled_from([0, 1, 3, 40, 500, 6000, 32767])


@st.composite
def any_blocks(draw: st.DrawFn) -> np.ndarray:
    """Blocks of any 16-bit numbers, in stretches of one size, some with an offset."""
    channels = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    parts = []
    for level, offset in draw(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=8)):
        part = rng.integers(-level - 1, level + 1, (draw(st.integers(1, 6)), 10, channels)) + offset
        parts.append(((part + 0x8000) & 0xFFFF) - 0x8000)
    return np.concatenate(parts)


@profile(max_examples=150)
@given(any_blocks(), st.dictionaries(st.integers(0, 40), st.lists(st.integers(-32768, 32767), min_size=6, max_size=6)),
       st.lists(st.integers(0, PAYLOAD_BYTES), min_size=1, max_size=5))  # fmt: skip
def test_every_block_comes_back(blocks: np.ndarray, readings: dict[int, list[int]], rooms: list[int]) -> None:
    assert_same(blocks, readings, packed(blocks, readings, tuple(rooms)))


T = np.arange(400)
EXTREMES = {
    "alternating": np.where(T % 2, 32767, -32768),
    "low rail": np.full(400, -32768),
    "zero": np.zeros(400, int),
    "ramp": T * 100 - 20000,
    "steep ramp that wraps": (T * 7000 + 0x8000 & 0xFFFF) - 0x8000,
    "impulses": np.where(T % 37 == 0, 32767, 0),
    "silence and storm": np.where(T // 40 % 2, np.where(T % 3, 32767, -32768), 0),
    "offset": 30000 + T % 2,
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(name: str) -> None:
    blocks = np.repeat(EXTREMES[name][:, None], 4, axis=1).reshape(-1, 10, 4)
    readings = {number: [32767, -32768, 0, 1, -1, -32768] for number in range(0, len(blocks), 2)}
    assert_same(blocks, readings, packed(blocks, readings))


def test_sizes_are_known() -> None:
    """Silence takes a bit per sample; full-scale noise no more than a sixteenth above plain integers."""
    sizes = {name: sum(len(tail) for _, tail in packed(np.repeat(counts[:, None], 4, axis=1).reshape(-1, 10, 4)))
             for name, counts in EXTREMES.items()}  # fmt: skip
    assert (sizes["zero"], sizes["offset"]) == (213, 1311)
    noise = np.random.default_rng(1).integers(-32768, 32768, (200, 10, 4))
    assert sum(len(tail) for _, tail in packed(noise)) < 200 * 80 * 17 / 16


def test_a_block_is_no_longer_than_its_room() -> None:
    """A sample takes 12 ones and 16 bits, or 12 and a parameter below 13, or 16: what passes the end has room."""
    assert LONGEST_UNARY + 16 == 28 and LONGEST_UNARY + PLAIN - 1 < 28
    assert WORST_BITS == 1350 and WORST_BITS <= 8 * BLOCK_BYTES - 8
    assert MAX_BYTES + FIELD_BYTES == PAYLOAD_BYTES
    assert record.RECORDS[record.PACKED] == ("IBBBB", record.TAIL_BYTES)
    packer = Packer(4)
    storm = array("h", [(32767, -32768)[i // 4 % 2] for i in range(40)])
    assert packer.add(storm, array("h", [-32768] * 6), True, 0) is False  # behind nothing: the first samples escape
    assert packer.size() == 102


# 32 bits: viper wraps, Python does not


class Narrow(ast.NodeTransformer):
    """Hand every operation of a function to `see`."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Call(ast.Name("see", ast.Load()), [node], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        target = ast.parse(ast.unparse(node.target), mode="eval").body
        seen = ast.Call(ast.Name("see", ast.Load()), [ast.BinOp(target, node.op, node.value)], [])
        return ast.copy_location(ast.Assign([node.target], seen), node)


def narrow_pack(see: object) -> object:
    """`pack`, every result of an operation shown to `see`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(rice)))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    function.decorator_list = []
    names = {**vars(rice), "see": see}
    exec(compile(ast.fix_missing_locations(Narrow().visit(ast.Module([function], []))), "rice", "exec"), names)
    return names["pack"]


@profile(max_examples=40)
@given(any_blocks(), st.lists(st.integers(-32768, 32767), min_size=6, max_size=6))
def test_no_operation_leaves_32_bits(blocks: np.ndarray, reading: list[int]) -> None:
    widest = [0, 0]

    def see(value: int) -> int:
        widest[0] = min(widest[0], value)
        widest[1] = max(widest[1], value)
        return value

    plain = rice.pack
    try:
        rice.pack = narrow_pack(see)  # type: ignore[assignment]
        records = packed(blocks, dict.fromkeys(range(0, len(blocks), 2), reading))
    finally:
        rice.pack = plain
    assert records == packed(blocks, dict.fromkeys(range(0, len(blocks), 2), reading))
    assert widest[0] >= -(2**31) and widest[1] < 2**31


def test_what_is_remembered_stays_below_2_to_the_30() -> None:
    """Sums of misses at their fixed point: every forecast as far off as it can be, for ever."""
    most = 32768 + (9 * 32768 + 3 >> 2)
    missed = 0
    for _ in range(2000):
        missed += 64 * most - (missed >> 3)
    assert missed < 2**30
    mean = 0
    for _ in range(2000):
        mean += 65535 - (mean >> 4)
    assert (mean >> 4).bit_length() - 1 == 15  # the greatest parameter: four bits hold it


# Damage


@profile(max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 64), st.integers(1, 4), st.integers(0, 255), st.booleans())
def test_any_bytes_give_blocks_or_a_format_error(
    data: bytes, samples: int, channels: int, count: int, cut: bool
) -> None:
    try:
        found = unpack(data, samples, channels, count, is_cut=cut)
    except FormatError as error:
        assert "bit" in str(error)
    else:
        assert len(found) in ((count, count - 1) if cut else (count,))
        assert all(len(block.counts) == samples * channels for block in found)


def test_where_the_next_record_is_lost_only_the_block_that_was_cut_is() -> None:
    blocks = np.random.default_rng(3).integers(-300, 300, (40, 10, 4))
    records = packed(blocks)
    (values, tail), (after, _) = records[1], records[2]
    assert after[4] > 0
    found = unpack(tail[values[4] :], 10, 4, values[3], is_cut=True)
    first = values[0] // 10
    assert len(found) == values[3] - 1
    assert [block.counts for block in found] == [
        tuple(b.reshape(-1).tolist()) for b in blocks[first : first + len(found)]
    ]
    with pytest.raises(FormatError, match="bits end at"):
        unpack(tail[values[4] :], 10, 4, values[3])
    with pytest.raises(FormatError, match=r"is the last of \d+ blocks"):
        unpack(tail[values[4] :], 10, 4, values[3] - 2)
