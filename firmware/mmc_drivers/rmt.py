"""RMT: an output of the ESP32 that ends by itself, whatever becomes of Python.

In:    a pin of `machine`; a function that makes an `esp32.RMT` on it
Out:   the pin, high or pulsed at a duty, for at most LIMIT_MS
State: the transmission under way
Cost:  `run` makes an object of the port's; nothing is read back
Source: MicroPython's esp32.RMT; the RMT's memory has 64 symbols per channel (ESP32) or 48 (ESP32-S3)

The peripheral is given a finite list of pulses and works it off alone: no timer, no callback and no interrupt is needed
for the end, so a stalled interpreter, erased flash or a deadlock can't keep the pin high. The list fits in the
channel's memory: a longer one would be refilled by an interrupt, and that could stall. The duty is the carrier's.

Not certain without hardware: how long making the object takes; that `deinit` leaves no pulse behind. The pin is taken
back from the RMT after it, so the output is low whatever the RMT does.
"""

from mmc_core.compat import const

LIMIT_MS = 1100  # the longest that anything of the wearable asks for is a second
DIVIDER = 255  # of 80 MHz: a tick is 3.1875 us

_CARRIER_HZ = const(20000)  # beyond what is heard, and far beyond EMG
_PULSE = const(31372)  # ticks of each pulse: 100 ms
_PULSES = const(11)
_ALWAYS = const(100)


class Pulse:
    """A pin with a bounded on-time."""

    def __init__(self, pin, open_rmt):
        """open_rmt(carrier): `esp32.RMT(number, pin=pin, clock_div=DIVIDER, tx_carrier=carrier)`."""
        self._pin = pin
        self._open_rmt = open_rmt
        self._rmt = None
        self._highs = (1,) * _PULSES
        self._is_needed = False
        self.expired = 0  # how often nobody ended it in time
        self.end()

    def run(self, duty_pct):
        """Pulse at a duty of 1 to 100 percent from now on; 0 ends it."""
        self.end()
        if duty_pct > 0:
            self._rmt = self._open_rmt((_CARRIER_HZ, duty_pct, 1) if duty_pct < _ALWAYS else None)
            self._rmt.write_pulses(_PULSE, self._highs)
            self._is_needed = True

    def is_over(self):
        """Whether it is low, because it was ended or by itself."""
        return self._rmt is None or self._rmt.wait_done()

    def end(self):
        """Low, now."""
        rmt, self._rmt = self._rmt, None
        if rmt:
            if self._is_needed and rmt.wait_done():
                self.expired += 1
            rmt.deinit()
        self._pin.init(self._pin.OUT, value=0)

    def release(self):
        """It may run out: that is no longer somebody's fault."""
        self._is_needed = False

    def hold(self):
        """High without an end: for a chip that is being set up, and drives nothing by itself."""
        self.end()
        self._pin.init(self._pin.OUT, value=1)
