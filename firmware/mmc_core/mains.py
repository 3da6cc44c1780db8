"""Which mains is in the air? At rest, what a notch takes away at 50 or at 60 Hz tells.

In:    the kernel's output block by block while it searches (`Kernel.search_mains`: notches at 50 and at 60 Hz, in this
       order); the wearer rests
Out:   `found_hz`: 50, 60, or 0 where neither is as strong as all that is left
State: per channel sums over the second under way, and of the quietest second so far
Cost:  nothing allocated per block
Source: recordings with and without mains (`make truth`, `mains_named`): the line has to carry at least as much as the
        rest of the band does. The notch at 50 Hz takes a quarter of a line at 60 Hz too, so that 60 must win by more
"""

from array import array

from mmc_core.chain import OUT_LEVEL_Q3
from mmc_core.compat import const

_WINDOW_BLOCKS = const(100)
_WORDS = const(3)  # as they follow each other in `out`: level, what the first notch took, what the second took
_LEAST_Q3 = const(32)  # mean of what a notch takes, counts/8: below, it is the filters' own last bits


class MainsFinder:
    """Listens for a second or more; the quietest second of each channel counts."""

    def __init__(self, channels):
        self._sums = array("i", bytes(4 * _WORDS * channels))  # of a second, below 2^24
        self._quietest = array("i", bytes(4 * _WORDS * channels))
        self._blocks = 0

    def step(self, out):
        """Take the kernel's output of one block."""
        sums = self._sums
        self._blocks += 1
        for channel in range(len(out)):
            words = out[channel]
            for word in range(_WORDS):
                sums[_WORDS * channel + word] += words[OUT_LEVEL_Q3 + word]
        if self._blocks % _WINDOW_BLOCKS == 0:
            for at in range(0, len(sums), _WORDS):
                self._end_window(at)

    def _end_window(self, at):
        sums, quietest = self._sums, self._quietest
        is_first = self._blocks == _WINDOW_BLOCKS
        is_quietest = is_first or sums[at] < quietest[at]
        for i in range(at, at + _WORDS):
            if is_quietest:
                quietest[i] = sums[i]
            sums[i] = 0

    def hear(self, channel):
        """Return what one channel says: (50, 60 or 0; how much the notch took there)."""
        at = _WORDS * channel
        level, at_50, at_60 = self._quietest[at], self._quietest[at + 1], self._quietest[at + 2]
        least = max(level, _LEAST_Q3 * _WINDOW_BLOCKS)
        if at_60 >= least and 2 * at_60 >= 5 * at_50:
            return 60, at_60
        if at_50 >= least and 2 * at_50 >= 3 * at_60:
            return 50, at_50
        return 0, 0

    @property
    def found_hz(self):
        """What the loudest channel that has a line says; 0: none has."""
        found_hz = loudest = 0
        for channel in range(len(self._sums) // _WORDS):
            hz, away = self.hear(channel)
            if away > loudest:
                found_hz, loudest = hz, away
        return found_hz
