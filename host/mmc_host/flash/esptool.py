"""The chip's own boot loader, by `esptool` as a program: who it is, what is in its flash, and what shall be.

In:     a serial port; pieces of flash
Out:    the chip's name, flash size and partition table; files of what was read
Errors: LinkError: it does not answer, with esptool's own words
Source: esptool 5's command line. It writes pieces in the order in which they are named, and compares each with the
        flash by its MD5
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmc_core.errors import FormatError, UsageError
from mmc_host.errors import LinkError
from mmc_host.flash import partitions
from mmc_host.flash.image import Piece
from mmc_host.flash.plan import Chip
from mmc_host.flash.tools import Failed, TimedOut, run_tool

_BAUD = 460_800  # what the cheapest USB bridges of such boards still do
_CALL_TIMEOUT_S = 600.0
_CHIP = re.compile(r"^Connected to (\S+) on ", re.M)
_SIZE = re.compile(r"^Detected flash size: (\d+)(KB|MB)\s*$", re.M)
_UNITS = {"KB": 1 << 10, "MB": 1 << 20}


def program() -> str:
    """Return the esptool to run: `$ESPTOOL`, the one that was installed with this program, or the one on PATH.

    Raises:
        UsageError: there is none.
    """
    named = os.environ.get("ESPTOOL")
    if named:
        if shutil.which(named) is None:
            raise UsageError(f"ESPTOOL={named} is no program that can be run: point it to esptool 5")
        return named
    beside = Path(sys.executable).with_name("esptool")
    found = shutil.which("esptool", path=str(beside.parent)) or shutil.which("esptool")
    if found is None:
        raise UsageError("esptool is missing: pip install 'mmc-host[flash]'")
    return found


class Esptool:
    """The boot loader at a serial port. It stays in charge between calls; `restart` starts MicroPython."""

    def __init__(self, port: str, esptool: str | None = None):
        """Nothing is opened yet.

        Args:
            port: where the board is.
            esptool: program to run; None: see `program`.

        Raises:
            UsageError: there is none.
        """
        self.port = port
        self._program = esptool or program()

    def ask(self) -> Chip:
        """Return what the chip is, and its partition table.

        Raises:
            LinkError: it does not answer, or esptool says something unknown.
        """
        told = self._call("flash-id")
        chip, size = _CHIP.search(told), _SIZE.search(told)
        if not chip or not size:
            raise LinkError(f"{self.port}: esptool does not name chip and flash size; it said:\n{told.strip()}")
        name = chip[1].lower().replace("-", "")
        try:
            table = partitions.decode(self.read(partitions.TABLE_OFFSET, partitions.TABLE_BYTES))
        except FormatError:
            table = None
        return Chip(name, int(size[1]) * _UNITS[size[2]], table)

    def read(self, offset: int, size: int) -> bytes:
        """Return what is in a piece of the flash.

        Raises:
            LinkError: it can't be read.
        """
        with tempfile.TemporaryDirectory(prefix="mmc-read-") as folder:
            file = Path(folder, "flash.bin")
            self._call("read-flash", hex(offset), hex(size), str(file))
            data = file.read_bytes()
        if len(data) != size:
            raise LinkError(f"{self.port}: esptool read {len(data)} bytes at 0x{offset:x}, not {size}: run it again")
        return data

    def write(self, pieces: Sequence[Piece]) -> None:
        """Write pieces in their order; what is there already is left out.

        Raises:
            LinkError: one could not be written, or not verified.
        """
        with tempfile.TemporaryDirectory(prefix="mmc-write-") as folder:
            arguments: list[str] = []
            for number, piece in enumerate(pieces):
                file = Path(folder, f"{number}-{piece.name}.bin")
                file.write_bytes(piece.data)
                arguments += [hex(piece.offset), str(file)]
            # The boot loader takes the flash for as big as its own header says, and refuses a table that goes beyond.
            self._call("write-flash", "--flash-size", "detect", "--skip-flashed", *arguments)

    def restart(self) -> None:
        """Leave the boot loader: what is in flash starts.

        Raises:
            LinkError: the chip does not answer.
        """
        self._call("read-mac", after="hard-reset")

    def _call(self, command: str, *arguments: str, after: str = "no-reset") -> str:
        line = [self._program, "--port", self.port, "--baud", str(_BAUD), "--after", after, command, *arguments]
        try:
            return run_tool(line, _CALL_TIMEOUT_S)
        except TimedOut:
            raise LinkError(f"{self.port}: esptool {command} did not end within {_CALL_TIMEOUT_S:.0f} s") from None
        except Failed as failed:
            what = next((one for one in failed.lines if "error" in one.lower()), str(failed))
            hint = "if the board does not answer, hold its BOOT button while you try again"
            raise LinkError(f"{self.port}: esptool {command}: {what.rstrip('.')}; {hint}") from None
