"""The ESP32's RMT with a pin: finite lists of pulses that end by themselves, as `esp32.RMT` and `machine.Pin` have it.

In:    the calls that drivers make; time in microseconds
Out:   `duty_pct` of the pin, now
State: the pin's level, or the transmission that drives it
Cost:  nothing
Source: MicroPython's esp32.RMT (modes of write_pulses, limits); ESP32 reference manual, RMT: durations of 15 bits, an
        end mark, carrier counters of 16 bits at 80 MHz; ESP-IDF's rmt_tx_disable and rmt_del_channel
"""

from mmc_sim.bus import BusMisuse

CLOCK_HZ = 80_000_000
SYMBOLS = 48  # of a channel's memory, on the chip that has fewest
LONGEST = 32767
ENDED = 22  # what is called after deinit raises OSError


class OutputPin:
    """A pin that may be driven by an RMT; what it does before anybody sets it up is not known."""

    OUT = 3

    def __init__(self, time, number=0):
        self.time = time
        self.number = number
        self.level = None
        self.rmt = None
        self.channels = {}  # of the chip, that are on this pin: number -> RMT
        self.is_dead = False  # no RMT is to be had

    def init(self, mode, value=None):
        """Take the pin: an RMT on it is cut off."""
        if mode != self.OUT or value not in (0, 1):
            raise BusMisuse("mode {} value {}".format(mode, value))
        self.rmt = None
        self.level = value

    @property
    def duty_pct(self):
        """How much of the time it is high."""
        if self.rmt:
            return self.rmt.duty_pct
        if self.level is None:
            raise BusMisuse("pin {} floats".format(self.number))
        return 100 * self.level


class Rmt:
    """One channel of the ESP32, which can't stop."""

    can_stop = False

    def __init__(self, number, pin, clock_div, tx_carrier=None):
        if not 0 <= number <= 7:
            raise BusMisuse("there is no channel {}".format(number))
        if not 1 <= clock_div <= 255:
            raise BusMisuse("a divider of {}".format(clock_div))
        self._duty_pct = 100
        if tx_carrier is not None:
            frequency_hz, duty_pct, level = tx_carrier
            period = CLOCK_HZ // frequency_hz
            if level != 1 or not 1 <= duty_pct <= 99 or not 100 <= period <= 0xFFFF:
                raise BusMisuse("a carrier of {}".format(tx_carrier))
            self._duty_pct = duty_pct
        if number in pin.channels:
            raise BusMisuse("channel {} is taken".format(number))
        if pin.is_dead:
            raise OSError(12, "no memory")
        self._time = pin.time
        self._divider = clock_div
        self._until_us = 0
        self._is_open = True
        self._pin = pin
        self._number = number
        pin.channels[number] = pin.rmt = self

    @property
    def duty_pct(self):
        """Of the pin while this drives it: low when idle."""
        return self._duty_pct if self._time.now_us < self._until_us else 0

    def write_pulses(self, duration, data):
        """Levels that last equally long. What does not fit the memory would need an interrupt to go on."""
        self._check()
        if not 1 <= duration <= LONGEST or not data:
            raise BusMisuse("{} pulses of {}".format(len(data), duration))
        if (len(data) + 1) // 2 + (len(data) % 2 == 0) > SYMBOLS:
            raise BusMisuse("{} pulses do not fit the memory".format(len(data)))
        if self._time.now_us < self._until_us:
            raise BusMisuse("it would wait for the end of what is under way")
        if min(data) < 1:
            raise BusMisuse("lows are not modelled")
        self._until_us = self._time.now_us + len(data) * duration * self._divider * 10 // (CLOCK_HZ // 100_000)

    def wait_done(self):
        """Whether it is idle."""
        self._check()
        return self._time.now_us >= self._until_us

    def deinit(self):
        """Give the channel back, and let go of the pin."""
        self._check()
        if not self.can_stop and not self.wait_done():
            raise BusMisuse("it waits for the end of the pulses with interrupts off; the watchdog resets the chip")
        self._is_open = False
        self._until_us = 0
        del self._pin.channels[self._number]
        self._pin.rmt = self._pin.level = None

    def _check(self):
        if not self._is_open:
            raise OSError(ENDED, "deinitialised")


class StoppableRmt(Rmt):
    """One channel of the ESP32-S3."""

    can_stop = True
