"""The simulated wearable's parts, put together under a board's role names.

In:    a folder with `body.bin`, `flash.bin` and `config/`; or open files; the pace
Out:   an object with the roles of a board
State: the parts'
Cost:  a few kilobytes of the simulator's own; `make bench` prints them
Source: house plan: the simulator is a board
"""

import sys

from mmc_sim.body import Body, Imu
from mmc_sim.clock import Clock
from mmc_sim.flash import BLOCK_BYTES, Flash


class Motor:
    """The role `motor`: tells the body and people."""

    def __init__(self, body, tell):
        self._body = body
        self._tell = tell
        self.is_on = False
        self.expired = 0  # nobody's motor runs too long here

    def on(self, strength_pct):
        """Run at a strength in percent."""
        self.is_on = True
        self._body.feel_motor(True)
        self._tell("motor on {}".format(strength_pct))

    def off(self):
        """Stop."""
        if self.is_on:
            self._tell("motor off")
            self._body.feel_motor(False)
        self.is_on = False


class Button:
    """The role `button`: pressed by a script of (at_ms, for_ms), and by whoever holds it."""

    def __init__(self, clock, presses=()):
        self._clock = clock
        self._presses = list(presses)
        self.is_held = False

    def is_down(self):
        """Whether it is pressed."""
        now_ms = self._clock.now_ms
        while self._presses and now_ms >= self._presses[0][0] + self._presses[0][1]:
            self._presses.pop(0)
        return self.is_held or bool(self._presses and now_ms >= self._presses[0][0])


class Power:
    """The role `power`: as full as it is told, on USB power or not."""

    def __init__(self):
        self.pct = 100
        self.min = 600
        self.is_on_usb = False

    def percent(self):
        """What is left; -1: it can't tell."""
        return self.pct

    def minutes(self):
        """How long it lasts; -1: it can't tell."""
        return self.min

    def on_usb(self):
        """Whether USB power is there."""
        return self.is_on_usb


class Watchdog:
    """The role `watchdog`: strict about being fed in time."""

    LIMIT_MS = 8000

    def __init__(self, clock):
        self._clock = clock
        self._fed_ms = 0

    def feed(self):
        """Call at least every LIMIT_MS."""
        if self._clock.now_ms - self._fed_ms > self.LIMIT_MS:
            raise RuntimeError("watchdog: not fed for {} ms".format(self._clock.now_ms - self._fed_ms))
        self._fed_ms = self._clock.now_ms


class Wearable:
    """A board; its roles are `emg imu motor button power console flash clock watchdog folder facts reset_cause restart`
    and, of the start, `missing` and `micropython`.
    """

    def __init__(self, facts, body_file, flash_file, folder, console, clock, tell, cut_at=0, torn=True, presses=()):
        def tell_time(text):
            tell("@{} {}".format(clock.now_ms, text))

        self.facts = facts
        self.clock = clock
        self.console = console
        self.folder = folder
        self.reset_cause = 1
        self.missing = ()
        self.micropython = ".".join([str(number) for number in sys.implementation.version[:3]])
        self._tell = tell_time
        self.flash = Flash(flash_file, facts.JOURNAL_BLOCKS, cut_at, torn)
        self.watchdog = Watchdog(clock)
        self.emg = Body(body_file, clock, facts.EMG_RAIL_COUNTS, facts.EMG_RING_SAMPLES, tell_time)
        if self.emg.channels != facts.EMG_CHANNELS or self.emg.rate_hz != facts.EMG_RATE_HZ:
            raise ValueError(
                "the body has {} channels at {} Hz, the board {} at {} Hz".format(
                    self.emg.channels, self.emg.rate_hz, facts.EMG_CHANNELS, facts.EMG_RATE_HZ
                )
            )
        self.motor = Motor(self.emg, tell_time)
        self.imu = Imu(self.emg)
        self.button = Button(clock, presses)
        clock.is_woken = self.button.is_down
        self.power = Power()

    def restart(self, maintenance):
        """Power off and on: whoever runs this program starts it again, or not."""
        self._tell("maintenance" if maintenance else "restart")
        raise SystemExit


def open_folder(facts, folder, console, tell, speed_pct, start_ticks_ms=0, stop_ms=0):
    """The wearable whose body, flash and settings lie in a folder; a missing flash file is made, erased."""
    clock = Clock(speed_pct, start_ticks_ms, stop_ms)
    path = folder + "/flash.bin"
    try:
        flash_file = open(path, "r+b")
    except OSError as error:
        if error.errno != 2:
            raise
        with open(path, "wb") as file:
            for _ in range(facts.JOURNAL_BLOCKS):
                file.write(b"\xff" * BLOCK_BYTES)
        flash_file = open(path, "r+b")
    body_file = open(folder + "/body.bin", "rb")
    presses = _presses(folder)
    wearable = Wearable(facts, body_file, flash_file, folder + "/config", console, clock, tell, presses=presses)
    # While the wearer waits for a person, or rests after the script, time is theirs.
    clock.pace_while(lambda: wearable.emg.is_waiting or wearable.emg.is_done)
    return wearable


def _presses(folder):
    """The button's script: lines of `at_ms for_ms` in `presses.txt`, if there is one."""
    try:
        with open(folder + "/presses.txt") as file:
            return [tuple(int(word) for word in line.split()) for line in file.read().split("\n") if line.strip()]
    except OSError:
        return []
