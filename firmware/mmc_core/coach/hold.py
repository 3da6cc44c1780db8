"""Is an isometric hold on, and is the target muscle in it?

In:    every 10-ms block: envelope and fast level of the target channel (permille of the reference), and the sample
       counter as time; blocks in which the motor ran are not shown to it
Out:   at most one event per block: `kind`, `value`, `threshold`, `reason` and `t_samples` hold it until the next
State: counters, the hold's running level (Q7), a ring of FAST_BLOCKS levels
Cost:  nothing allocated; about 20 operations per block, all inside 31 bits (levels are at most 4095)
Source: tuned on recorded strength-test holds with force as truth; `make truth` prints what it reaches, DESIGN says why

A hold begins once the envelope has gone over `enter` and stayed over `keep` for `enter_ms`. Its running level follows
the envelope with a time constant of 1.28 s, frozen while the muscle is lost. The muscle is lost when the fast level
(80 ms mean) stays below a share of that level, but never below `leave`, for `lost_ms`; it is regained over a greater
share. When the envelope stays below the same line for `leave_ms`, the hold has ended where it crossed the line.
"""

from array import array

from mmc_core import event
from mmc_core.compat import const
from mmc_core.sample import BLOCK_MS, BLOCK_SAMPLES

_FAST_BLOCKS = const(8)
_FAST_SHIFT = const(3)
_LEVEL_SHIFT = const(7)


class HoldDetector:
    """Hold detection on one channel. After `step` returns True, the event's fields are valid."""

    def __init__(self, settings):
        self._enter = settings["hold_enter_pct"] * 10
        self._keep = min(settings["hold_keep_pct"] * 10, self._enter)
        self._enter_blocks = settings["hold_enter_ms"] // BLOCK_MS
        self._leave = settings["hold_leave_pct"] * 10
        self._leave_blocks = settings["hold_leave_ms"] // BLOCK_MS
        self._lost_share_pct = settings["lost_share_pct"]
        self._lost_blocks = settings["lost_ms"] // BLOCK_MS
        self._regain_share_pct = max(settings["regain_share_pct"], self._lost_share_pct + 5)
        self._regain_blocks = settings["regain_ms"] // BLOCK_MS
        self._ring = array("h", bytes(2 * _FAST_BLOCKS))
        self.reset()

    def reset(self):
        """Back to no hold, with nothing remembered."""
        for i in range(_FAST_BLOCKS):
            self._ring[i] = 0
        self._ring_sum = 0
        self._ring_at = 0
        self.in_hold = False
        self.is_lost = False
        self._run = 0  # blocks towards a start; in a hold, towards lost or regained
        self._sum = 0  # of the envelope over the blocks towards a start
        self._low_run = 0  # blocks towards the end
        self._low_t_samples = 0
        self._level_q7 = 0
        self.kind = self.value = self.threshold = self.reason = self.t_samples = 0

    @property
    def level(self):
        """The hold's running level, permille; 0 outside a hold."""
        return self._level_q7 >> _LEVEL_SHIFT if self.in_hold else 0

    def step(self, envelope, fast, t_samples):
        """Take one block (permille; counter behind its last sample); return True when an event happened."""
        ring, at = self._ring, self._ring_at
        self._ring_sum += fast - ring[at]
        ring[at] = fast
        self._ring_at = (at + 1) & (_FAST_BLOCKS - 1)
        if self.in_hold:
            return self._step_hold(envelope, self._ring_sum >> _FAST_SHIFT, t_samples)
        return self._step_idle(envelope, t_samples)

    def _step_idle(self, envelope, t_samples):
        if self._run == 0:
            if envelope < self._enter:
                return False
            self._sum = 0
        elif envelope < self._keep:
            self._run = 0
            return False
        self._run += 1
        self._sum += envelope
        if self._run < self._enter_blocks:
            return False
        self.in_hold = True
        self.is_lost = False
        self._level_q7 = self._sum // self._run << _LEVEL_SHIFT
        self._run = self._low_run = 0
        return self._tell(event.EVENT_HOLD_START, envelope, self._enter, event.REASON_ENTER, t_samples)

    def _step_hold(self, envelope, fast, t_samples):
        level = self._level_q7 >> _LEVEL_SHIFT
        line = max(self._leave, level * self._lost_share_pct // 100)
        if envelope >= line:
            self._low_run = 0
        else:
            if self._low_run == 0:
                self._low_t_samples = t_samples - BLOCK_SAMPLES
            self._low_run += 1
            if self._low_run >= self._leave_blocks:
                self.in_hold = False
                self._run = 0
                return self._tell(event.EVENT_HOLD_END, envelope, line, event.REASON_LEAVE, self._low_t_samples)
        if not self.is_lost:
            self._level_q7 += envelope - level
            self._run = self._run + 1 if fast < line else 0
            if self._run >= self._lost_blocks:
                self.is_lost = True
                self._run = 0
                return self._tell(event.EVENT_ACTIVATION_LOST, fast, line, event.REASON_LOST, t_samples)
            return False
        line = max(self._leave * 5 // 4, level * self._regain_share_pct // 100)
        self._run = self._run + 1 if fast >= line else 0
        if self._run < self._regain_blocks:
            return False
        self.is_lost = False
        self._run = 0
        return self._tell(event.EVENT_ACTIVATION_REGAINED, fast, line, event.REASON_REGAINED, t_samples)

    def close(self, t_samples):
        """The session ends: return True when that ends a hold."""
        if not self.in_hold:
            return False
        self.in_hold = False
        self._run = 0
        return self._tell(event.EVENT_HOLD_END, 0, 0, event.REASON_SESSION_END, t_samples)

    def _tell(self, kind, value, threshold, reason, t_samples):
        self.kind = kind
        self.value = value
        self.threshold = threshold
        self.reason = reason
        self.t_samples = t_samples
        return True
