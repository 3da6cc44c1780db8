"""Does the posture leave the pose in which the hold began?

In:    once per block the angle from that pose (tenths of a degree) and whether the limb is still
Out:   EVENT_DRIFT, once each time the angle stays beyond the limit
State: for how long it has been beyond; whether it was told
Cost:  nothing allocated
Source: form that goes is what fatigue looks like from outside; the limit is the wearer's (`drift_deg`)

An angle is only trusted at rest, when the sensor feels gravity and nothing else. Back within half of the limit, the
next drift is news again.
"""

from mmc_core import event
from mmc_core.compat import const

_PATIENCE_BLOCKS = const(50)


class Posture:
    """Watches one pose."""

    def __init__(self, settings, outbox):
        self._outbox = outbox
        self._limit = 10 * settings["drift_deg"]
        self.begin()

    def begin(self):
        """A hold begins: its pose is the one to keep."""
        self._run = 0
        self._is_told = False

    def step(self, drift_deg10, is_still, t_samples):
        """Take a block of the hold under way."""
        if not is_still:
            return
        if drift_deg10 * 2 < self._limit:
            self._is_told = False
        self._run = self._run + 1 if drift_deg10 > self._limit else 0
        if self._run >= _PATIENCE_BLOCKS and not self._is_told:
            self._is_told = True
            self._run = 0
            self._outbox.tell(
                event.EVENT_DRIFT, event.NO_CHANNEL, drift_deg10, self._limit, event.REASON_ABOVE, t_samples
            )
