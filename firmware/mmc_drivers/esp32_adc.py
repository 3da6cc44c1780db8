"""ESP32 ADC: analogue front ends on ADC1, paced by a timer.

In:    pairs of a pin's number and its `machine.ADC`, a `machine.Timer`, a microsecond clock that wraps at 2^30
Out:   blocks of counts: array('h'), sample by sample; one count is a millivolt at the pin; what was lost, exactly;
       how late samples were taken
State: a ring that the timer's callback fills; when the next sample is due
Cost:  per sample and channel one conversion (55 to 310 us by firmware: measure); nothing allocated
Source: MicroPython's quick reference of the ESP32: ADC1 on GPIO 32 to 39, 11 dB linear from 150 to 2450 mV, `read_uv`
        calibrated by eFuse in steps of 1 mV

Each period of the clock is one sample. Python may come to a callback late: if all channels are converted before the
period is over the sample counts as taken, and its lateness is kept; else it is lost. Callbacks that pile up take no
sample twice. After a loss nothing is stored until what came before has been read and the loss was told, so that a gap
has a place. A reading outside of the linear range counts as the rail.

Not certain without hardware: that the timer and the microsecond clock do not drift apart; how late callbacks are; that
the two ends of the linear range hold for every part.
"""

from array import array

from mmc_core.compat import const

RAIL = const(1500)  # from the middle of 3.3 V to the lower end of the range

_FIRST_PIN = const(32)
_LAST_PIN = const(39)
_LOWEST = const(150)  # millivolt
_MIDDLE = const(1650)
_HIGHEST = const(2450)
_PER_COUNT = const(1000)  # microvolt
_WRAP = const(0x3FFFFFFF)
_EARLY = const(0x20000000)
_BINS = const(10)  # of lateness: below 16 us, 32 us ... 4 ms, and the rest


def _later_us(at_us, us):
    """A sum that wraps, without a number beyond 31 bits on the way: that would take heap in the timer's callback."""
    return (at_us - (_WRAP - us) - 1) & _WRAP


class Esp32Adc:
    """The role `emg`."""

    def __init__(self, channels, timer, ticks_us, rate_hz=1000, ring_samples=256):
        """channels: (pin, ADC) of each. rate_hz: a divisor of 1000."""
        for pin, _ in channels:
            if not _FIRST_PIN <= pin <= _LAST_PIN:
                raise ValueError("ESP32 ADC: GPIO {} is not on ADC1 (32 to 39)".format(pin))
        if rate_hz < 1 or 1000 % rate_hz:
            raise ValueError("ESP32 ADC: {} Hz has no period of whole milliseconds".format(rate_hz))
        self._adcs = [adc for _, adc in channels]
        self._timer = timer
        self._ticks_us = ticks_us
        self._period_us = 1000000 // rate_hz
        self._slots = ring_samples
        self._ring = array("h", bytes(2 * len(channels) * ring_samples))
        self._when_due = self._take
        self._block_samples = 0  # of the caller's blocks
        self.late = array("i", bytes(4 * _BINS))  # samples by lateness
        self.late_max_us = 0
        self._clear()

    def begin(self):
        """Start sampling."""
        self._timer.deinit()
        self._clear()
        self._due_us = _later_us(self._ticks_us(), self._period_us)
        self._timer.init(mode=self._timer.PERIODIC, period=self._period_us // 1000, callback=self._when_due)

    def read_into(self, block):
        """Fill `block` (array('h'), samples x channels) and return True, or False when fewer samples wait."""
        channels = len(self._adcs)
        self._block_samples = samples = len(block) // channels
        if self._head - self._tail < samples:
            return False
        ring = self._ring
        at = self._tail % self._slots * channels
        size = len(ring)
        for i in range(samples * channels):
            block[i] = ring[at]
            at += 1
            if at == size:
                at = 0
        self._tail += samples
        if self._tail >= self._slots:  # small numbers: both stay below twice the ring
            self._is_busy = True
            self._tail -= self._slots
            self._head -= self._slots
            self._go_on()
        return True

    def take_lost(self):
        """Samples lost behind those read, once less than a block of them is left; else 0."""
        if not self._is_stopped or self._head - self._tail >= self._block_samples > 0:
            return 0
        self._is_busy = True
        lost = self._lost + self._head - self._tail + self._pass_over()
        self._lost = 0
        self._tail = self._head
        self._is_stopped = False
        self._go_on()
        return lost

    def lead_off(self):
        """This front end can't tell."""
        return 0

    def late_us(self, permille):
        """A bound for the lateness of so many samples in a thousand; of all, or where none is known, the longest."""
        if permille >= 1000:
            return self.late_max_us
        total = seen = 0
        for count in self.late:
            total += count
        bound_us = 16
        for i in range(_BINS - 1):
            seen += self.late[i]
            if 1000 * seen >= permille * total:
                return bound_us
            bound_us *= 2
        return self.late_max_us

    def stop(self):
        """No more."""
        self._timer.deinit()

    def _clear(self):
        self._head = self._tail = self._lost = 0  # samples stored, read, lost
        self._is_stopped = False  # after a loss, until it is told
        self._is_busy = self._is_due = False  # the ring is being changed; the timer came meanwhile
        self._due_us = 0
        self.late_max_us = 0
        for i in range(_BINS):
            self.late[i] = 0

    def _pass_over(self):
        """Samples whose period is over, or has begun, without one being taken."""
        passed = 0
        late_us = (self._ticks_us() - self._due_us) & _WRAP
        if late_us < _EARLY:
            passed = late_us // self._period_us + 1
            self._due_us = _later_us(self._due_us, passed * self._period_us)
        return passed

    def _take(self, _):
        """The timer: one sample, if its period is under way."""
        if self._is_busy:
            self._is_due = True
            return
        late_us = (self._ticks_us() - self._due_us) & _WRAP
        if late_us >= _EARLY:
            return  # taken already
        if self._is_stopped or late_us >= self._period_us or self._head - self._tail >= self._slots:
            self._lost += self._pass_over()
            self._is_stopped = True
            return
        ring = self._ring
        at = self._head % self._slots * len(self._adcs)
        for adc in self._adcs:
            millivolt = adc.read_uv() // _PER_COUNT
            if millivolt <= _LOWEST:
                ring[at] = -RAIL
            elif millivolt >= _HIGHEST:
                ring[at] = RAIL
            else:
                ring[at] = millivolt - _MIDDLE
            at += 1
        if (self._ticks_us() - self._due_us) & _WRAP >= self._period_us:  # something held it up on the way
            self._lost += self._pass_over()
            self._is_stopped = True
            return
        self._head += 1
        self._due_us = _later_us(self._due_us, self._period_us)
        if late_us > self.late_max_us:
            self.late_max_us = late_us
        place = 0
        late_us >>= 4
        while late_us and place < _BINS - 1:
            late_us >>= 1
            place += 1
        self.late[place] += 1

    def _go_on(self):
        """The ring is whole again: take what came meanwhile."""
        self._is_busy = False
        if self._is_due:
            self._is_due = False
            self._take(None)
