"""Shelf: the programs that the wearable keeps, and how far practice has moved each.

In:    bytes from the host; what a session came to
Out:   programs and their progress; FormatError: damaged bytes
State: none of its own: one file per program, written whole
Cost:  needed only while no session runs; the app lets go of it in between
Source: the program's own rule of progress, see program.py

A file is: shift of the band in percent (1 byte), sessions in a row that mastered it (1), the program.
"""

from mmc_core import program
from mmc_core.errors import FormatError
from mmc_core.message import PROGRAM_SLOTS
from mmc_core.program import decode


class Shelf:
    """Programs by their place, from 1."""

    def __init__(self, config):
        self._config = config

    def get(self, slot):
        """Return (shift_pct, streak, bytes); the bytes are empty where there is none. A damaged file is set aside."""
        name = "program{}.mmc".format(slot)
        try:
            data = self._config.read(name)
        except FormatError:
            self._config.set_aside(name)
            data = b""
        return (data[0], data[1], data[2:]) if len(data) > 2 else (0, 0, b"")

    def put(self, slot, data, shift_pct=0, streak=0):
        """Keep a program, or none; raise FormatError for bytes that are no program, before anything is replaced."""
        if not 1 <= slot <= PROGRAM_SLOTS:
            raise FormatError("no such place: {}".format(slot))
        if data:
            decode(data)
        self._config.write("program{}.mmc".format(slot), bytes((shift_pct, streak)) + data)

    def load(self, slot):
        """Return (Program, shift_pct, streak, bytes), or None where there is none or it is damaged."""
        shift_pct, streak, data = self.get(slot)
        try:
            return (decode(data), shift_pct, streak, data) if data else None
        except FormatError:
            return None

    def next_slot(self, slot):
        """The place behind `slot` that has a program; 0 behind the last: train as you like."""
        for after in range(slot + 1, PROGRAM_SLOTS + 1):
            if self.get(after)[2]:
                return after
        return 0

    def note(self, slot, units, in_band):
        """A session is over: move the band when the program says so; True when it moved."""
        found = self.load(slot)
        if found is None:
            return False
        _, shift_pct, streak, data = found
        numbers = found[0].numbers
        if not numbers[program.PROGRESS_STEP_PCT] or units < max(1, numbers[program.REPS]):
            return False
        streak = streak + 1 if 100 * in_band >= numbers[program.PROGRESS_SHARE_PCT] * units else 0
        room = numbers[program.PROGRESS_LIMIT_PCT] - numbers[program.TARGET_HIGH_PCT] - shift_pct
        moves = streak >= numbers[program.PROGRESS_SESSIONS] and room > 0
        if moves:
            streak = 0
            shift_pct += min(numbers[program.PROGRESS_STEP_PCT], room)
        self.put(slot, data, shift_pct, min(streak, 255))
        return moves
