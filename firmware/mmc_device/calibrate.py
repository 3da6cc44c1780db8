"""Calibration: rest, then three contractions guided by buzzes, to one reference per channel.

In:    the kernel, after every block (envelope in counts/8, quality), ticks; which kind of reference is wanted
Out:   patterns to play; at the end the mains that was heard, per channel rest and reference in counts/8, or the reason
       why it was refused
State: phase, its end; per channel the window under way and the greatest and smallest so far
Cost:  nothing allocated per block
Source: CEDE matrix on amplitude normalisation (Besomi 2020): isometric maximum, or a task-specific sub-maximal
       reference

    rest 5 s (start buzz) -> 3 x [contract 3 s (start buzz), relax 4 s (stop buzz)] -> done (stop buzz) or refused
    (error)

The reference of a channel is the greatest mean of its envelope over half a second in any contraction (sub-maximal: the
mean over the three contractions' best half seconds). To renew, two seconds of rest and one contraction do. The first
half of the rest looks for the mains (mains.py), the second takes the level with the notch in its place. Channels that
stay near their rest are left uncalibrated, unless it is the target channel: then the whole calibration is refused. The
motor's own blocks are left out.
"""

from array import array

from mmc_core import event, message
from mmc_core.chain import OUT_Q3, OUT_QUALITY
from mmc_core.compat import const
from mmc_core.mains import MainsFinder
from mmc_core.sample import QUALITY_CLIPPED, QUALITY_FLAT
from mmc_core.settings import mains_in_force_hz

_REST_MS = const(5000)
_SHORT_REST_MS = const(2000)  # to renew
_SETTLE_MS = const(1000)  # at the start of a phase: filters settle, the wearer reacts
_SEARCH_END_MS = const(3010)  # of the rest
_RESETTLE_MS = const(3500)
_CONTRACT_MS = const(3000)
_RELAX_MS = const(4000)
_WINDOW_BLOCKS = const(50)  # reference window: half a second
_CONTRACTIONS = const(3)
_NO_LEVEL = const(1 << 27)  # more than any: no window was seen yet
_MAX_CLIPPED_BLOCKS = const(3)


class Calibration:
    """One run for all channels. `phase` and `result` tell how it stands."""

    def __init__(self, kernel, target, config):
        self._kernel = kernel
        self._config = config
        self._target = target
        channels = self._channels = kernel.channels
        self._finder = MainsFinder(channels)
        self._searching = False
        self.found_hz = 0  # the mains that was heard; 0: none
        words = bytes(4 * channels)
        self.rest_q3 = array("i", words)
        self.reference_q3 = array("i", words)
        self._sum = array("i", words)  # of the envelope, over the window under way; below 2^26
        self._mean = array("i", words)  # of the last whole window
        self._best = array("i", words)  # of this phase
        self._low = array("i", words)
        self._clipped = array("i", words)
        self._flat = array("i", words)
        self.phase = message.PHASE_NONE
        self.result = message.CALIBRATION_GOOD
        self.kind = message.CALIBRATE_MAXIMUM
        self._contracting = False
        self._began_ms = 0
        self._contractions = self._rest_ms = self._resettle_ms = 0

    @property
    def is_running(self):
        """True from `start` until done or refused."""
        return message.PHASE_REST <= self.phase < message.PHASE_DONE

    def start(self, kind, now_ms):
        """Begin with rest; returns the pattern to play."""
        self.kind = kind
        renews = kind == message.CALIBRATE_RENEW
        self._contractions = 1 if renews else _CONTRACTIONS
        self._rest_ms = _SHORT_REST_MS if renews else _REST_MS
        self._resettle_ms = 0 if renews else _RESETTLE_MS
        self.result = message.CALIBRATION_GOOD
        for channel in range(self._channels):
            self.rest_q3[channel] = self.reference_q3[channel] = 0
            self._clipped[channel] = self._flat[channel] = 0
        self._enter(message.PHASE_REST, False, now_ms)
        if not renews:
            self._kernel.search_mains()
        self._searching = not renews
        return event.CUE_START

    def cancel(self):
        """Give up; returns the pattern to play."""
        self.phase, self.result = message.PHASE_REFUSED, message.CALIBRATION_CANCELLED
        return event.CUE_ERROR

    def step(self, motor_busy, now_ms):
        """Take what the kernel made of a block; return the pattern to play. After the end nothing changes any more."""
        if self.phase < message.PHASE_REST or self.phase >= message.PHASE_DONE:
            return event.CUE_NONE
        age_ms = now_ms - self._began_ms
        if not motor_busy and age_ms >= _SETTLE_MS:
            if self._searching:
                self._finder.step(self._kernel.out)
            elif self._contracting or (self.phase == message.PHASE_REST and age_ms >= self._resettle_ms):
                self._collect(self._kernel.out)
        if self._searching and age_ms >= _SEARCH_END_MS:
            self._end_search()
        if self.phase == message.PHASE_REST:
            # However long the device was away: without a window there is no level of rest.
            is_over = age_ms >= self._rest_ms and self._blocks >= _WINDOW_BLOCKS
            return self._end_rest(now_ms) if is_over else event.CUE_NONE
        if self._contracting:
            if age_ms < _CONTRACT_MS:
                return event.CUE_NONE
            self._take_best()
            self._enter(self.phase, False, now_ms)
            return event.CUE_STOP
        if age_ms < _RELAX_MS:
            return event.CUE_NONE
        if self.phase < message.PHASE_REST + self._contractions:
            self._enter(self.phase + 1, True, now_ms)
            return event.CUE_START
        return self._finish()

    def _end_search(self):
        self._searching = False
        self.found_hz = self._finder.found_hz
        self._kernel.set_mains(mains_in_force_hz(self._config, self.found_hz))

    def _enter(self, phase, contracting, now_ms):
        self.phase = phase
        self._contracting = contracting
        self._began_ms = now_ms
        self._blocks = 0
        for channel in range(self._channels):
            self._sum[channel] = self._mean[channel] = self._best[channel] = 0
            self._low[channel] = _NO_LEVEL

    def _collect(self, out):
        self._blocks += 1
        for channel in range(self._channels):
            self._sum[channel] += out[channel][OUT_Q3]
            quality = out[channel][OUT_QUALITY]
            if self._blocks % _WINDOW_BLOCKS == 0:
                mean = self._mean[channel] = self._sum[channel] // _WINDOW_BLOCKS
                self._sum[channel] = 0
                self._best[channel] = max(self._best[channel], mean)
                self._low[channel] = min(self._low[channel], mean)
            if quality & QUALITY_CLIPPED:
                self._clipped[channel] += 1
            if quality & QUALITY_FLAT:
                self._flat[channel] += 1

    def _end_rest(self, now_ms):
        for channel in range(self._channels):
            self.rest_q3[channel] = max(1, self._mean[channel])
        if self._flat[self._target] > 100:
            return self._refuse(message.CALIBRATION_NO_SIGNAL)
        if self._best[self._target] > 4 * max(8, self._low[self._target]):
            return self._refuse(message.CALIBRATION_REST_NOISY)
        self._enter(message.PHASE_REST + 1, True, now_ms)
        return event.CUE_START

    def _take_best(self):
        for channel in range(self._channels):
            if self.kind == message.CALIBRATE_MAXIMUM:
                self.reference_q3[channel] = max(self.reference_q3[channel], self._best[channel])
            else:
                self.reference_q3[channel] += self._best[channel] // self._contractions

    def _finish(self):
        if self._clipped[self._target] > _MAX_CLIPPED_BLOCKS:
            return self._refuse(message.CALIBRATION_CLIPPED)
        if self.reference_q3[self._target] < 2 * self.rest_q3[self._target]:
            return self._refuse(message.CALIBRATION_NOT_ABOVE_REST)
        self.phase = message.PHASE_DONE
        return event.CUE_STOP

    def _refuse(self, result):
        self.phase, self.result = message.PHASE_REFUSED, result
        return event.CUE_ERROR

    def is_usable(self, channel):
        """Whether a channel got a reference: twice its rest, and neither clipped nor flat."""
        return (
            self.reference_q3[channel] >= 2 * self.rest_q3[channel]
            and self._clipped[channel] <= _MAX_CLIPPED_BLOCKS
            and self._flat[channel] <= 100
        )
