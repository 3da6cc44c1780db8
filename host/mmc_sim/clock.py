"""Virtual time: what the device sleeps is what passes; real time only paces it.

In:    sleeps of the device; the pace in percent of real time, 0 for as fast as possible
Out:   the role `clock`: ticks that wrap at 2^30 as on the wearable
State: virtual milliseconds
Cost:  nothing; real sleeping only when paced
Source: house plan: an hour of wear runs in seconds, and the same input gives the same bytes
"""

import time

TICKS_MASK = 0x3FFFFFFF
_MOST_BEHIND_MS = 1000
_DOZE_STEP_MS = 10


class Clock:
    """The simulated wearable's clock."""

    def __init__(self, speed_pct, start_ticks_ms=0, stop_ms=0):
        """start_ticks_ms: ticks at power-on, to start near the wrap. stop_ms: power-off at this time; 0: never."""
        self.now_ms = 0
        self._start_ticks_ms = start_ticks_ms
        self._speed_pct = speed_pct
        self._stop_ms = stop_ms
        self._woke_ticks = None  # real ticks at the end of the last sleep
        self._behind_ms = 0
        self._condition = None
        self.is_woken = None  # what ends a doze

    def pace_while(self, condition):
        """Let time pass as in reality while condition() is true, although as fast as possible is asked for."""
        self._condition = condition

    def ticks_ms(self):
        """Milliseconds, wrapping at 2^30."""
        return (self._start_ticks_ms + self.now_ms) & TICKS_MASK

    def sleep_ms(self, ms):
        """Let time pass. Leaves the program at the end of the simulated time."""
        speed_pct = self._speed_pct or (100 if self._condition and self._condition() else 0)
        if speed_pct:
            self._pace(ms * 100 // speed_pct)
        self.now_ms += ms
        if self._stop_ms and self.now_ms >= self._stop_ms:
            raise SystemExit

    def doze_ms(self, ms):
        """The same, but a press ends it; a wearable made of parts saves power here."""
        while ms > 0 and not (self.is_woken and self.is_woken()):
            self.sleep_ms(min(ms, _DOZE_STEP_MS))
            ms -= _DOZE_STEP_MS

    def _pace(self, ms):
        """Sleep for real, less what the device's own work took since the last sleep, and make up for being late."""
        if self._woke_ticks is not None:
            ms -= time.ticks_diff(time.ticks_ms(), self._woke_ticks) + self._behind_ms
        if ms > 0:
            time.sleep_ms(ms)
        self._behind_ms = min(-ms, _MOST_BEHIND_MS) if ms < 0 else 0
        self._woke_ticks = time.ticks_ms()
