"""A board for tests: an ESP32 with nothing on its pins, whose front end plays the counts in /body.bin."""

import select
import sys

import esp32
import machine
import micropython
from body import Body
from machine import Pin

import board_facts
from mmc_drivers.esp32 import Board
from mmc_drivers.missing import NoFrontEnd, NoImu, NoMotor
from mmc_drivers.power import Power

_RESET_STATE = 0x3FF48034
_BODY = "/body.bin"
_NONE = "this board has none"


class Time:
    """The board's clock as a body asks it."""

    def __init__(self, clock):
        self._clock = clock
        self._ticks_ms = clock.ticks_ms()
        self._ms = 0

    @property
    def now_ms(self):
        """Milliseconds since it was made."""
        ticks_ms = self._clock.ticks_ms()
        self._ms += ticks_ms - self._ticks_ms & 0x3FFFFFFF
        self._ticks_ms = ticks_ms
        return self._ms


def open_board():
    """The board's roles."""
    modules = (machine, esp32, micropython, sys, select)
    board = Board(board_facts, modules, Pin(0, Pin.IN, Pin.PULL_UP), 0, _RESET_STATE)
    rail, ring = board_facts.EMG_RAIL_COUNTS, board_facts.EMG_RING_SAMPLES
    try:
        board.emg = Body(open(_BODY, "rb"), Time(board.clock), rail, ring, str)  # noqa: SIM115 - it plays on
    except OSError:
        board.emg = NoFrontEnd()
        board.missing += (("emg", _BODY + " is not there"),)
    board.imu, board.motor = NoImu(), NoMotor()
    board.missing += (("imu", _NONE), ("motor", _NONE))
    board.power = Power(None, None)
    return board
