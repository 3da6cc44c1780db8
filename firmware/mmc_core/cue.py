"""Events and policy to at most one cue.

In:    the event of a block, whether the motor is busy, time in samples
Out:   the pattern to play now, or CUE_NONE
State: when the last cue ended, a cue that waits for the rest time to pass
Cost:  nothing allocated; a handful of operations per block
Source: evidence on feedback: short, rare, only when something is to be done

The one cue of a hold is "engage": the muscle let go. It is given when the loss is decided, or, when the last cue was
too recent, as soon as the rest time is over and the muscle is still away. A regained muscle cancels what waits.
"""

from mmc_core import event
from mmc_core.compat import const
from mmc_core.sample import RATE_HZ

_LONG_AGO = const(-1000000)


class CuePolicy:
    """Decides when to speak; what a pattern feels like is the haptic's business."""

    def __init__(self, settings):
        self._enabled = settings["cue_engage"] == "on"
        # Not below the gap, or a cue could begin between the pulses of the one before.
        self._rest_samples = max(settings["cue_rest_ms"], settings["cue_gap_ms"]) * RATE_HZ // 1000
        self.reset()

    def reset(self):
        """Nothing waits, nothing was ever said."""
        self._waiting = False
        self._last_t_samples = _LONG_AGO

    def hear(self, kind):
        """Take note of the event of a block."""
        if kind == event.EVENT_ACTIVATION_LOST:
            self._waiting = self._enabled
        elif kind != 0:
            self._waiting = False

    def next(self, motor_busy, t_samples):
        """The pattern to start now, or CUE_NONE. While the motor is busy its end counts as the last cue's."""
        if motor_busy:
            self._last_t_samples = t_samples
            return event.CUE_NONE
        if not self._waiting or t_samples - self._last_t_samples < self._rest_samples:
            return event.CUE_NONE
        self._waiting = False
        self._last_t_samples = t_samples
        return event.CUE_ENGAGE
