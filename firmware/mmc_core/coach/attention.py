"""Is this repetition done, or gone through? And how long does attention lapse?

In:    the events of hold and repetition as they are told, each repetition's peak of the target (permille); cues
Out:   EVENT_PASSIVE, EVENT_LAPSE (value: how long, ms), EVENT_RESPONSE (from a cue to the muscle's answer, ms);
       `engagement_permille`, from 0 to 1000, over the set; `reps` and `passive` are its repetitions so far
State: the lapse and the cue under way; repetitions and hold time, and how much of them was with the muscle
Cost:  nothing allocated
Source: passive: motion without the target muscle, the wearer goes through the motions; a share of the reference tells,
       or, where noise is louder than that, one and a half times the rest: its envelope's peaks stay below

Engagement is the share of repetitions that were not passive and of the time in holds that was not lapsed; with both,
the mean of the two.
"""

from mmc_core import event
from mmc_core.compat import const

_LONGEST_RESPONSE = const(5000)  # samples: a muscle that comes back later did not answer the cue


class Attention:
    """Watches one muscle."""

    def __init__(self, settings, outbox, channel, rest_permille):
        """rest_permille: the muscle's level at rest; 0: not known."""
        self._outbox = outbox
        self._channel = channel
        self._passive_permille = max(10 * settings["passive_pct"], rest_permille * 3 >> 1)
        self.begin_set()

    def begin_set(self):
        """Forget the last set."""
        self.reps = self.passive = 0
        self._hold_samples = self._lapsed_samples = 0  # at most a set's length
        self._began = -1  # of the hold under way, -1: none
        self._lost = -1  # of the lapse under way
        self._cued = -1  # of the cue that waits for an answer

    def hear_cue(self, t_samples):
        """A cue was given that asks for the muscle."""
        self._cued = t_samples

    def hear(self, kind, t_samples):
        """Take an event of the hold."""
        if kind == event.EVENT_HOLD_START:
            self._began = t_samples
            self._lost = self._cued = -1
        elif kind == event.EVENT_ACTIVATION_LOST:
            self._lost = t_samples
        elif kind == event.EVENT_ACTIVATION_REGAINED:
            self._end_lapse(t_samples)
            if self._cued >= 0 and t_samples - self._cued <= _LONGEST_RESPONSE:
                self._tell(event.EVENT_RESPONSE, t_samples - self._cued, t_samples)
            self._cued = -1
        elif kind == event.EVENT_HOLD_END and self._began >= 0:
            # What was lost until the very end was no lapse: the wearer had finished.
            self._hold_samples += max(0, t_samples - self._began)
            self._began = self._lost = self._cued = -1

    def _end_lapse(self, t_samples):
        if self._lost >= 0:
            length = t_samples - self._lost
            self._lapsed_samples += length
            self._tell(event.EVENT_LAPSE, length, t_samples)
        self._lost = -1

    def end_rep(self, peak, t_samples):
        """A repetition ended: passive if the muscle's peak in it was below what counts; returns that."""
        self.reps += 1
        if peak >= self._passive_permille:
            return False
        self.passive += 1
        self._outbox.tell(
            event.EVENT_PASSIVE, self._channel, peak, self._passive_permille, event.REASON_BELOW, t_samples
        )
        return True

    def _tell(self, kind, value, t_samples):
        self._outbox.tell(kind, self._channel, value, 0, 0, t_samples)

    @property
    def engagement_permille(self):
        """Over the set; -1: there was neither a hold nor a repetition."""
        reps = 1000 * (self.reps - self.passive) // self.reps if self.reps else -1
        held = -1
        if self._hold_samples >= 1000:
            held = max(0, 1000 - self._lapsed_samples // (self._hold_samples // 1000))
        if reps < 0 or held < 0:
            return max(reps, held)
        return (reps + held) // 2
