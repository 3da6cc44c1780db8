"""The ESP32's ADC and a periodic timer whose callbacks Python may come to late, several at once, or never.

In:    what is on the pins, in millivolt; time in microseconds
Out:   readings in microvolt; callbacks
State: the next tick of the timer; callbacks that wait
Cost:  a reading takes `CONVERSION_US` of virtual time
Source: MicroPython's quick reference of the ESP32 (ranges, multiples of 1000 uV); its timers call back by the
        scheduler, whose queue has eight places
"""

from mmc_sim.bus import BusMisuse

CONVERSION_US = 55
QUEUE = 8


class Adc:
    """One channel at 11 dB."""

    def __init__(self, time, signal_mv):
        """signal_mv(now_us): what is on the pin."""
        self._time = time
        self._signal_mv = signal_mv

    def read_uv(self):
        """The calibrated reading: whole millivolts; what is below the range reads as its end."""
        millivolt = self._signal_mv(self._time.now_us)
        self._time.now_us += CONVERSION_US
        return max(142, min(3139, millivolt)) * 1000


class Ticker:
    """A timer in its periodic mode."""

    PERIODIC = 1

    def __init__(self, time):
        self._time = time
        self._period_us = 0  # 0: not running
        self._next_us = 0
        self._callback = None
        self._waiting = 0
        self._is_held = False

    def init(self, mode, period, callback):
        """Call callback(self) every `period` ms."""
        if mode != self.PERIODIC or period < 1:
            raise BusMisuse("mode {} period {}".format(mode, period))
        self._period_us = 1000 * period
        self._next_us = self._time.now_us + self._period_us
        self._callback = callback
        self._waiting = 0

    def deinit(self):
        """Stop."""
        self._period_us = self._waiting = 0

    def hold(self):
        """Python is busy elsewhere."""
        self._is_held = True

    def release(self):
        """Python comes to what has waited."""
        self._is_held = False
        self._call()

    def run_us(self, us):
        """Let time pass."""
        end_us = self._time.now_us + us
        while self._period_us and self._next_us <= end_us:
            self._time.now_us = max(self._time.now_us, self._next_us)
            self._tick()
            if not self._is_held:
                self._call()
        self._time.now_us = max(self._time.now_us, end_us)

    def _tick(self):
        while self._period_us and self._next_us <= self._time.now_us:
            self._next_us += self._period_us
            self._waiting = min(QUEUE, self._waiting + 1)

    def _call(self):
        self._is_held = True  # callbacks don't nest
        while self._waiting:
            self._waiting -= 1
            self._callback(self)
            self._tick()
        self._is_held = False
