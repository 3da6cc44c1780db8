"""Vitals: battery, USB power and the sampler's lateness; and whether anybody may be measured now.

In:    the board's `power` and `emg` roles, what is missing, ticks
Out:   figures for the log and the line; the reason why a session may not begin, or must end
State: the newest look at the power; looks in a row that found the battery too low
Cost:  a short transfer to the gauge every LOOK_MS
Source: electrodes on the skin and USB power do not go together unless somebody knows that the other end is isolated
        (IEC 60601-1 asks for that); LiPo cells are empty at 3.0 V, and what is written must be written before that
"""

from mmc_core import message
from mmc_core.compat import const

LOOK_MS = const(10000)
EMPTY_PCT = const(5)
_LOOKS = const(3)  # one reading under the motor's load ends nothing
_PARTS = ("emg", "imu", "motor", "power", "button")
_MOST = const(65535)
_MOST_MINUTES = const(32767)
_MOST_WORDS = const(230)  # what a reply has room for


class Vitals:
    """What the wearable knows of itself."""

    def __init__(self, power, emg, missing, micropython):
        """missing: (role, words) of parts that did not answer. micropython: its version."""
        self._power = power
        self._emg = emg
        self.micropython = micropython
        self.words = "; ".join([role + ": " + words for role, words in missing])[:_MOST_WORDS]
        self.missing = 0
        for role, _ in missing:
            self.missing |= 1 << _PARTS.index(role)
        self.allows_usb = False
        self._empty_looks = 0
        self._next_ms = 0
        self.tick(0)

    def tick(self, now_ms):
        """Look at the battery when it is time."""
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + LOOK_MS
            is_low = 0 <= self.look() <= EMPTY_PCT
            self._empty_looks = min(_LOOKS, self._empty_looks + 1) if is_low else 0

    def look(self):
        """Look at the battery; what is left in percent, or -1: nobody can tell."""
        self.percent = _asked(self._power.percent)
        self.minutes = _asked(self._power.minutes)
        return self.percent

    @property
    def is_on_usb(self):
        """USB power is there, as far as the board can tell."""
        return self._power.on_usb()

    @property
    def is_empty(self):
        """The battery is too low to go on."""
        return self._empty_looks == _LOOKS and not self._power.on_usb()

    def refusal(self):
        """Why nobody may be measured now, as a result code; OK: they may."""
        if self.missing & 1:
            return message.RESULT_NO_PART
        if self._power.on_usb():
            return message.OK if self.allows_usb else message.RESULT_USB_POWER
        return message.RESULT_BATTERY if 0 <= self.percent <= EMPTY_PCT else message.OK

    def figures(self):
        """Lateness (half, 99 in a hundred, all of the samples), percent, minutes, power, as in the log."""
        late = self._emg.late_us
        power = message.ON_USB if self._power.on_usb() else 0
        return min(_MOST, late(500)), min(_MOST, late(990)), late(1000), self.percent, self.minutes, power


def _asked(what):
    """What the gauge says, or -1: it is there, and does not answer this once."""
    try:
        return min(_MOST_MINUTES, what())
    except OSError:
        return -1


def is_trouble(reset_cause):
    """The device started by itself, because its program stood still or its supply dipped."""
    return reset_cause in (3, 6)
