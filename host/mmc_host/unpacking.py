"""Packed raw EMG to blocks again: what mmc_core.rice wrote, bit for bit.

In:    the tail of a packed record with what the next one carries of it, and its numbers of samples, channels and blocks
Out:   per block whether the motor ran, its counts and its IMU reading; FormatError with the bit where the bytes make no
       sense: any bytes give one or the other
Cost:  about a microsecond per sample
Source: FORMAT.md, Packed raw EMG
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmc_core.errors import FormatError
from mmc_core.rice import IMU_WORDS, LONGEST_UNARY, PLAIN

FORECASTS = ((3, 1), (5, 2), (6, 3), (6, 2))  # quarters of the last sample, less those of the one before
_ONES = "1" * LONGEST_UNARY


@dataclass(frozen=True)
class Block:
    """One block: whether the motor ran, counts interleaved by channel, and the IMU's reading if one came with it."""

    motor: bool
    counts: tuple[int, ...]
    imu: tuple[int, ...] | None


@dataclass
class _Channel:
    """What the coder knows of a channel within a record."""

    before: list[int] = field(default_factory=list[int])  # the last two samples, the last one first
    parameter: int = 0
    mean: int = 0  # Q4
    forecast: tuple[int, int] = FORECASTS[0]


class _Bits:
    """Bits of a record, first bit first, as text: slices and searches of text are quick."""

    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        end = self.at + count
        if end > len(self.text):
            raise FormatError(f"bits end at {len(self.text)} of at least {end}")
        value = int(self.text[self.at : end] or "0", 2)
        self.at = end
        return value

    def take_ones(self) -> int:
        """How many ones follow; LONGEST_UNARY have no zero behind them."""
        if self.text.startswith(_ONES, self.at):
            self.at += LONGEST_UNARY
            return LONGEST_UNARY
        zero = self.text.find("0", self.at)
        if zero < 0:
            raise FormatError(f"bits end at {len(self.text)}, within a number")
        count = zero - self.at
        self.at = zero + 1
        return count


def unpack(data: bytes, samples: int, channels: int, blocks: int, *, is_cut: bool = False) -> list[Block]:
    """Return the blocks that begin in a record.

    Args:
        data: its tail without what it carries, and what the next record carries.
        samples: of a block and channel.
        channels: of the EMG.
        blocks: how many there are.
        is_cut: the next record is lost, and the last block may be with it: it is left out then.

    Raises:
        FormatError: the bits end too early, or too late.
    """
    bits = _Bits(data)
    emg = [_Channel() for _ in range(channels)]
    imu = [_Channel() for _ in range(IMU_WORDS)]
    found: list[Block] = []
    for number in range(blocks):
        try:
            flags = bits.take(2)
            counts = [0] * (samples * channels)
            for index, channel in enumerate(emg):
                counts[index::channels] = _take_samples(bits, channel, samples)
            reading = tuple(_take_samples(bits, axis, 1)[0] for axis in imu) if flags & 2 else None
        except FormatError:
            if is_cut and number == blocks - 1:
                return found
            raise
        found.append(Block(bool(flags & 1), tuple(counts), reading))
    rest = bits.text[bits.at :]
    if len(rest) > 7 or "1" in rest:
        raise FormatError(f"bit {bits.at} is the last of {blocks} blocks, but {len(bits.text)} are there")
    return found


def _take_samples(bits: _Bits, channel: _Channel, samples: int) -> list[int]:
    """The next samples of a channel."""
    if not channel.before:
        channel.forecast = FORECASTS[bits.take(2)]
        channel.parameter = bits.take(4)
        channel.mean = 24 << channel.parameter
    a, b = channel.forecast
    k, mean = channel.parameter, channel.mean
    x1, x2 = channel.before or (0, 0)
    found: list[int] = []
    for _ in range(samples):
        guess = (a * x1 - b * x2) >> 2
        ones = LONGEST_UNARY - 1 if k >= PLAIN else bits.take_ones()
        if ones == LONGEST_UNARY:
            x = (bits.take(16) ^ 0x8000) - 0x8000
            r = (((x - guess) & 0xFFFF) ^ 0x8000) - 0x8000
            z = 2 * r if r >= 0 else -2 * r - 1
        else:
            z = bits.take(16) if k >= PLAIN else ones << k | bits.take(k)
            x = (((guess + ((z >> 1) ^ -(z & 1))) & 0xFFFF) ^ 0x8000) - 0x8000
        if channel.before or found:
            x2 = x1
            mean += z - (mean >> 4)
            level = mean >> 4
            k = level.bit_length() - 1 if level else 0
        else:
            x2 = x
        x1 = x
        found.append(x)
    channel.before = [x1, x2]
    channel.parameter, channel.mean = k, mean
    return found
