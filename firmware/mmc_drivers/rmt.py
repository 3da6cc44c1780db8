"""RMT: an output of the ESP32 that ends by itself, whatever becomes of Python.

In:    a pin of `machine`; a function that makes an `esp32.RMT` on it; how many channels there are for it
Out:   the pin, high or pulsed at a duty, for at most LIMIT_MS
State: the transmission that drives the pin, and those that were cut off from it and have not ended yet
Cost:  `run` makes an object of the port's; nothing is read back
Source: MicroPython's esp32.RMT; the RMT's memory has 64 symbols per channel (ESP32) or 48 (ESP32-S3); ESP-IDF's
        rmt_tx_disable

The peripheral is given a finite list of pulses and works it off alone: no timer, no callback and no interrupt is needed
for the end, so a stalled interpreter, erased flash or a deadlock can't keep the pin high. The list fits in the
channel's memory: a longer one would be refilled by an interrupt, and that could stall. The duty is the carrier's.

The ESP32 can't stop a transmission: whoever tries (`deinit`) waits for its end with interrupts off, which loses samples
and, after 0.3 s, resets the chip. There the pin is taken away from it, it runs on unheard, and gives its channel back
when it has ended. The ESP32-S3 stops at once, and one channel is enough.

Not certain without hardware: how long making the object takes.
"""

from mmc_core.compat import const

LIMIT_MS = 1100  # the longest that anything of the wearable asks for is a second
DIVIDER = 255  # of 80 MHz: a tick is 3.1875 us
CHANNELS_ESP32 = 7  # until MicroPython 1.26 the eighth was taken by `machine.bitstream`
CHANNELS_ESP32S3 = 1

_CARRIER_HZ = const(20000)  # beyond what is heard, and far beyond EMG
_PULSE = const(31372)  # ticks of each pulse: 100 ms
_PULSES = const(11)
_ALWAYS = const(100)
_EBUSY = const(16)


class Pulse:
    """A pin with a bounded on-time."""

    def __init__(self, pin, open_rmt, channels):
        """open_rmt(number, carrier): `esp32.RMT(number, pin=pin, clock_div=DIVIDER, tx_carrier=carrier)`."""
        self._pin = pin
        self._open_rmt = open_rmt
        self._rmt = None  # drives the pin
        self._rmts = [None] * channels  # by number, with those that run on
        self._highs = (1,) * _PULSES
        self._is_needed = False
        self.expired = 0  # how often nobody ended it in time
        self.end()

    def run(self, duty_pct):
        """Pulse at a duty of 1 to 100 percent from now on; 0 ends it. OSError where no channel is free."""
        self.end()
        if duty_pct > 0:
            if None not in self._rmts:
                raise OSError(_EBUSY, "RMT: no channel is free")
            number = self._rmts.index(None)
            rmt = self._open_rmt(number, (_CARRIER_HZ, duty_pct, 1) if duty_pct < _ALWAYS else None)
            self._rmts[number] = self._rmt = rmt
            rmt.write_pulses(_PULSE, self._highs)
            self._is_needed = True

    def is_over(self):
        """Whether it is low, because it was ended or by itself."""
        return self._rmt is None or self._rmt.wait_done()

    def end(self):
        """Low, now."""
        rmt, self._rmt = self._rmt, None
        if rmt and self._is_needed and rmt.wait_done():
            self.expired += 1
        for number, rmt in enumerate(self._rmts):
            if rmt and (len(self._rmts) == CHANNELS_ESP32S3 or rmt.wait_done()):
                rmt.deinit()
                self._rmts[number] = None
        self._pin.init(self._pin.OUT, value=0)  # behind `deinit`, which lets go of the pin

    def release(self):
        """It may run out: that is no longer somebody's fault."""
        self._is_needed = False

    def hold(self):
        """High without an end: for a chip that is being set up, and drives nothing by itself."""
        self.end()
        self._pin.init(self._pin.OUT, value=1)
