"""A board.py for the stand-in of `flash_board.py`: the app runs on simulated parts, faults come from a file.

`/outside` holds body.bin, flash.bin, config, and `faults`: words of the table below. The parts of `mmc_sim` have to be
in the app, because names in it are short ones: `with_parts` sees to that.
"""

from pathlib import Path

import pytest
from simulated import ROOT, make_body, noise

from mmc_host.flash import app

BOARD_PY = '''"""A board for tests: simulated parts, and faults on demand."""
import select
import sys

import board_facts
from mmc_sim.console import StandardConsole
from mmc_sim.wearable import open_folder


class Shaken:
    """An IMU that feels the motor."""

    def __init__(self, imu, motor, faults):
        self._imu, self._motor, self._faults, self._sign = imu, motor, faults, 1

    def read_into(self, reading):
        if "imu-dies" in self._faults and self._motor.is_on:
            raise OSError(19, "IMU 0x68 register 0x3A: not read")
        is_new = self._imu.read_into(reading)
        if self._motor.is_on and "motor-unfelt" not in self._faults:
            self._sign = -self._sign
            reading[1] += 900 * self._sign
        if "imu-scale" in self._faults:
            reading[0] = reading[0] * 2
        return is_new and "imu-silent" not in self._faults


class Spoilt:
    """A front end whose channels misbehave."""

    def __init__(self, emg, faults):
        self._emg, self._faults, self._count = emg, faults, 0

    def begin(self):
        self._emg.begin()

    def stop(self):
        self._emg.stop()

    def read_into(self, block):
        if not self._emg.read_into(block) or "emg-silent" in self._faults:
            return False
        for at in range(len(block)):
            if "flat" in self._faults and at % 4 == 1:
                block[at] = 5
            if "clipped" in self._faults and at % 4 == 2:
                block[at] = 16383
            if "noisy" in self._faults and at % 4 == 3:
                block[at] *= 20
        return True

    def take_lost(self):
        self._count += 1
        return 3 if "lossy" in self._faults and self._count % 50 == 0 else self._emg.take_lost()

    def lead_off(self):
        return 1 if "lead-off" in self._faults else 0

    def late_us(self, permille):
        return 400 if "late" in self._faults else self._emg.late_us(permille)


class Nothing:
    """What stands in for a part that did not answer."""

    def read_into(self, reading):
        return False

    def take_lost(self):
        return 0

    def lead_off(self):
        return 0

    def late_us(self, permille):
        return 0

    def begin(self):
        pass

    def stop(self):
        pass

    def on(self, strength_pct):
        pass

    def off(self):
        pass

    def is_down(self):
        return False

    def percent(self):
        return -1

    def minutes(self):
        return -1

    def on_usb(self):
        return False


def open_board():
    """The board's roles."""
    try:
        with open("/outside/faults") as file:
            faults = file.read().split()
    except OSError:
        faults = []
    if "dead" in faults:
        raise OSError(5, "nothing works")
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)

    def can_read():
        return bool(poller.poll(0))

    speed_pct = 0 if "fast" in faults else 100
    console = StandardConsole(sys.stdin.buffer, sys.stdout.buffer, can_read)
    board = open_folder(board_facts, "/outside", console, print if "loud" in faults else str, speed_pct)
    board.clock.pace_while(None)
    board.imu = Shaken(board.imu, board.motor, faults)
    board.emg = Spoilt(board.emg, faults)
    if "pressed" in faults:
        board.button.is_held = True
    if "empty" in faults:
        board.power.pct = 4
    if "usb" in faults:
        board.power.is_on_usb = True
    if "brown-out" in faults:
        board.reset_cause = 6
    gone = [word[3:] for word in faults if word.startswith("no-")]
    board.missing = tuple([(role, role + " 0x68 register 0x75: no answer") for role in gone])
    nothing = Nothing()
    if "emg" in gone:
        board.emg.begin()
        board.emg.stop()  # the simulated IMU goes on by itself then
        board.emg = nothing
    if "imu" in gone:
        board.imu = nothing
    if "motor" in gone:
        board.motor = nothing
    if "button" in gone:
        board.button = nothing
    if "power" in gone:
        board.power = nothing

    def restart(maintenance):
        import machine

        if maintenance:
            open("/maintenance", "w").close()
        machine.reset()

    board.restart = restart
    return board
'''


def with_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated parts belong to the app that is built."""
    monkeypatch.setattr(app, "_PACKAGES", (*app._PACKAGES, "mmc_sim"))


def write_board_files(folder: Path) -> None:
    """Put board.py and board_facts.py beside the board.toml of a folder."""
    (folder / "board.py").write_text(BOARD_PY)
    (folder / "board_facts.py").write_bytes((ROOT / "boards/sim/board_facts.py").read_bytes())


def make_outside(folder: Path, body: bytes | None = None) -> Path:
    """Make what the board finds as `/outside`; return the folder."""
    folder.mkdir()
    (folder / "config").mkdir()
    rest = noise(60, [2.0, 2.5, 3.0, 3.5])
    (folder / "body.bin").write_bytes(make_body([rest], [(0, 0, 0, 0)]) if body is None else body)
    return folder
