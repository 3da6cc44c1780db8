"""Packed records end to end: each with what the next one carries of it."""

from __future__ import annotations

from collections.abc import Sequence

from mmc_host.unpacking import Block, unpack

Packed = tuple[tuple[int, ...], bytes]  # values and tail of a record


def blocks_of(records: Sequence[Packed]) -> list[tuple[int, Block]]:
    """Every block with its first sample; no record is lost."""
    found: list[tuple[int, Block]] = []
    nexts = [*records[1:], ((0, 0, 0, 0, 0), b"")]
    for ((start, samples, channels, count, carried), tail), (after, next_tail) in zip(records, nexts, strict=True):
        assert len(tail) + 10 <= 244
        blocks = unpack(tail[carried:] + next_tail[: after[4]], samples, channels, count)
        found += [(start + index * samples, block) for index, block in enumerate(blocks)]
    return found
