"""A one-shot timer and a PWM output, as `machine` has them, on virtual time.

In:    the calls that drivers make; time in microseconds
Out:   callbacks when `fire_due` finds them due; the duty of the output
State: when the timer is due; the duty
Cost:  nothing
Source: MicroPython's machine.Timer and machine.PWM
"""

from mmc_sim.bus import BusMisuse


class OneShot:
    """A timer of `machine` in its one-shot mode: calls back when `fire_due` finds it due."""

    ONE_SHOT = 0

    def __init__(self, time):
        self._time = time
        self._due_us = -1
        self._callback = None

    def init(self, mode, period, callback):
        """Call callback(self) once, after `period` ms."""
        if mode != self.ONE_SHOT or period < 1:
            raise BusMisuse("mode {} period {}".format(mode, period))
        self._due_us = self._time.now_us + 1000 * period
        self._callback = callback

    def deinit(self):
        """Forget it."""
        self._due_us = -1

    def fire_due(self):
        """Call back if it is time."""
        if 0 <= self._due_us <= self._time.now_us:
            self._due_us = -1
            self._callback(self)


class Pwm:
    """An output that goes on with its duty until it is told otherwise."""

    def __init__(self):
        self.duty = 0x8000  # what a driver finds is not what it wants

    def duty_u16(self, value):
        """Set the duty: 65535 is always on."""
        if not 0 <= value <= 65535:
            raise BusMisuse("duty {}".format(value))
        self.duty = value
