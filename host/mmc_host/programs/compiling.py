"""A program on its way to the wearable: as bytes, and the settings that have to fit it.

In:    an `Exercise`
Out:   the bytes that `mmc_core.program.decode` reads; muscles and sides as settings
State: none
"""

import binascii
import struct
from collections.abc import Sequence

from mmc_core import program
from mmc_core.errors import UsageError
from mmc_host.programs.exercise import Exercise
from mmc_host.programs.keys import channel_keys


class _Writer(program.Program):
    """A program whose numbers and texts are given, and written as the device will read them."""

    def __init__(self, values: Sequence[int | str]):
        self.out = bytearray()
        self._given = iter(values)
        super().__init__(self.out, 0)

    def take(self, low: int, high: int, default: int) -> int:
        """Write the next number."""
        value = int(next(self._given))
        if not low <= value <= high:
            raise UsageError(f"program, byte {len(self.out)}: {value} is not {low} to {high}")
        self.out += value.to_bytes(2 if high > 255 else 1, "little")
        return value

    def text(self) -> str:
        """Write the next text."""
        value = str(next(self._given))
        raw = value.encode()
        if len(raw) > program.TEXT_BYTES:
            raise UsageError(f"{value!r} has {len(raw)} bytes; at most {program.TEXT_BYTES} fit")
        self.out += bytes([len(raw)]) + raw
        return value


def compile_program(exercise: Exercise) -> bytes:
    """Return a program as the device stores it; `mmc_core.program.decode` reads it.

    Raises:
        UsageError: a number is out of range or a text too long; not from an exercise that `parse` made.
        FormatError: the parts do not fit together; likewise.
    """
    values: list[int | str] = [program.VERSION, exercise.name, len(exercise.channels)]
    keys = channel_keys()
    for channel in exercise.channels:
        values += [keys["role"].words[channel.role], keys["side"].words[channel.side], channel.muscle]
    body = bytes(_Writer([*values, *exercise.numbers.values()]).out)
    return body + struct.pack("<I", binascii.crc32(body))


def channel_settings(exercise: Exercise) -> dict[str, int | str]:
    """Return target, muscles and sides that a program names, as settings: a calibration hangs on them."""
    found: dict[str, int | str] = {"target_channel": exercise.target_channel}
    for at, channel in enumerate(exercise.channels):
        if channel.muscle:
            found[f"ch{at}_muscle"] = channel.muscle
        if channel.side != "not stated":
            found[f"ch{at}_side"] = channel.side
    return found
