"""Was the contraction squeezed at its top?

In:    once per block within a repetition the target's envelope (permille); the moments when it begins, turns and ends
Out:   EVENT_SQUEEZE at the turn when the peak is below what is wanted, so that the wearer can still squeeze; EVENT_PEAK
       at the end: the peak, what was wanted, and whether it was held
State: peak and longest stretch near it of this repetition; the mean peak of the set's first repetitions
Cost:  nothing allocated
Source: squeezing at peak contraction is one of the five ways to train the connection; the reference is the
        wearer's own: day-to-day scatter of %MVC (39 to 67 %) would drown any fixed number

Wanted is `peak_pct` of the reference contraction, or, where that is 0, the mean peak of the set's first three.
"""

from mmc_core import event
from mmc_core.compat import const
from mmc_core.sample import BLOCK_MS

_NEAR_PCT = const(85)  # of the wanted level: near enough to count as held
_FIRST_REPS = const(3)


class Peak:
    """Judges one muscle's tops."""

    def __init__(self, settings, outbox, channel):
        self._outbox = outbox
        self._channel = channel
        self._wanted_permille = 10 * settings["peak_pct"]
        self._hold_blocks = settings["peak_hold_ms"] // BLOCK_MS
        self.begin_set()

    def begin_set(self):
        """Forget the last set's tops."""
        self._reps = 0
        self._sum = 0  # of the first peaks
        self.begin()

    def begin(self):
        """A repetition begins."""
        self.peak = 0
        self._run = self._longest = 0

    @property
    def wanted(self):
        """What the top should reach, permille; 0 as long as nothing is known."""
        if self._wanted_permille:
            return self._wanted_permille
        return self._sum // _FIRST_REPS if self._reps >= _FIRST_REPS else 0

    def step(self, envelope):
        """Take a block of the repetition under way."""
        self.peak = max(self.peak, envelope)
        if envelope * 100 >= max(self.wanted, 1) * _NEAR_PCT:
            self._run += 1
            self._longest = max(self._longest, self._run)
        else:
            self._run = 0

    def turn(self, t_samples):
        """The movement turns: say so when the top is not there yet."""
        wanted = self.wanted
        if self.peak < wanted:
            self._outbox.tell(event.EVENT_SQUEEZE, self._channel, self.peak, wanted, event.REASON_BELOW, t_samples)

    def end(self, t_samples):
        """The repetition is over."""
        wanted = self.wanted
        is_held = self.peak >= wanted and self._longest >= self._hold_blocks
        reason = event.REASON_HELD if is_held else event.REASON_BELOW
        self._outbox.tell(event.EVENT_PEAK, self._channel, self.peak, wanted, reason, t_samples)
        if self._reps < _FIRST_REPS:
            self._sum += self.peak
            self._reps += 1
        self.begin()
