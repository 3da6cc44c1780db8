"""Monotonic time from a tick counter that wraps.

In:    ticks in ms that wrap at 2^30 (the board's clock), read at least every 6 days
Out:   milliseconds since start, ever rising
State: the last ticks and the sum so far
Cost:  small integers for the first 12 days; one object per reading after that
"""

from mmc_core.compat import const

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


class Monotonic:
    """Extends wrapping ticks. A reading that lies in the past (more than half a period away) counts as no time."""

    def __init__(self, ticks_ms):
        self._last = ticks_ms
        self._sum = 0

    def now_ms(self, ticks_ms):
        """Milliseconds since the first reading, given the ticks now."""
        step = (ticks_ms - self._last) & _MASK
        if step < _HALF:
            self._sum += step
            self._last = ticks_ms
        return self._sum
