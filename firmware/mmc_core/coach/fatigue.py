"""Is the muscle tiring, is form going, is it time to stop?

In:    every 10-ms block: the kernel's words of one channel, and whether the muscle works; from the owner: the end of
       each repetition, begin and end of each hold, the end of the set
Out:   EVENT_TIRING, EVENT_ADVICE and EVENT_DIG_IN through the outbox; the changes as attributes, in permille
State: sums over the unit under way, the set's reference, the running changes, the set's peaks in order
Cost:  nothing allocated; some 30 operations per block, some 200 when a unit ends; all inside 31 bits, see the comments
Source: Luttmann 1996 (amplitude and spectrum together), Hjorth 1970 (mobility); `make truth` prints what it reaches

A unit is a repetition, or a second of a hold. It gives an amplitude, the mean level while active, and a spectrum, the
mean squared mobility weighted by level, whose root goes with the mean frequency. Three units are the reference. Changes
against it are followed half-way with each unit, and `index_permille` is how far the spectrum has fallen, and as much of
the amplitude's rise as that fall bears out: more force alone is no fatigue.

Whatever is told has been so for two units in a row:
- tiring (fatigue, force down): the index reached another step; recovery: it is more than a step below what was told
- tiring (slowing): repetitions take longer than the first; (tremor): a hold's level wobbles more than at the beginning
- advice, each once in a set: stop, at a limit of the index; less load, when form goes while the index is over a step
  within the first units; slower, when repetitions get shorter; fewer repetitions, when the set went on after stop
- dig-in, at the end of the set: the last peak is well above the set's median and above what was usual before it
"""

from array import array

from mmc_core import event
from mmc_core.chain import OUT_DISPLAY, OUT_FAST, OUT_LEVEL_Q3, OUT_QUALITY
from mmc_core.compat import const
from mmc_core.features import OUT_MOBILITY_Q12
from mmc_core.sample import QUALITY_BAD

REFERENCE_UNITS = const(3)

_HOLD_BLOCKS = const(100)  # of a unit; good ones, so that what is marked bad makes it longer, not worse
_LEAST_BLOCKS = const(20)  # of a repetition that counts
_MOST_BLOCKS = const(1000)  # of a repetition that are looked at: what the sums hold
_STEP = const(120)  # of the index
_STOP = const(400)  # of the index
_CLEAR = const(60)  # a change that is more than noise
_SLOWING = const(300)
_RUSHING = const(-300)
_TREMOR = const(400)
_LEAST_WOBBLE = const(120)  # of the level over 30 ms: the noise of the EMG itself makes a steady one wobble more
_SLOW_SHIFT = const(6)  # what wobbles, wobbles about the mean over 0.64 s
_DIG_IN = const(1250)  # permille of the median
_EARLY_UNITS = const(10)
_BEYOND_UNITS = const(2)  # after stop
_MOST_PEAKS = const(32)  # of the median
_FORM = const(1)  # bits of what was told
_RUSH = const(2)
_LOAD = const(4)
_ALWAYS = const(0)


class Fatigue:
    """Fatigue of one channel over one set after the other."""

    def __init__(self, settings, outbox, channel):
        self._outbox = outbox
        self._channel = channel
        self._peaks = array("h", bytes(2 * _MOST_PEAKS))
        self.reset()

    def reset(self):
        """Forget the set: another one begins."""
        self.units = 0
        self.amplitude = self.spectrum = 0  # of the last unit: counts/8; squared mobility, Q14
        self.amplitude_permille = self.spectrum_permille = self.index_permille = 0
        self.form_permille = 0  # repetitions: how much longer; holds: how much more wobble
        self.quadrant = 0  # REASON_FORCE_UP, FATIGUE, FORCE_DOWN or RECOVERY; 0: no clear change
        self.in_hold = self._is_of_holds = False
        self._amplitudes = self._spectra = self._forms = 0  # sums over the reference
        self._index_before = self._form_before = self._slow = self._fast = 0
        self._steps = self._stopped = self._told = 0  # steps of the index; the unit that was the one to stop at; bits
        self._count = self._peak_before = self._usual = 0  # peaks in order; the last one is not yet among them
        self._clear()

    def _clear(self):
        self._blocks = self._levels = self._swings = self._wobbles = self._peak = 0

    def step(self, words, is_active, t_samples):
        """Take one block of the kernel."""
        if not is_active or words[OUT_QUALITY] & QUALITY_BAD or self._blocks >= _MOST_BLOCKS:
            return
        # Level is at most 2^19, mobility 2^14: products are at most 2^17 * 2^12, sums of 1000 blocks below 2^29.
        level = words[OUT_LEVEL_Q3]
        self._levels += level
        self._swings += (((level + 2) >> 2) * ((words[OUT_MOBILITY_Q12] + 2) >> 2) + 512) >> 10
        self._peak = max(self._peak, words[OUT_DISPLAY])
        self._blocks += 1
        if self.in_hold:
            if self._slow < 0:
                self._fast = words[OUT_FAST]
                self._slow = self._fast << _SLOW_SHIFT
            level = self._fast = (self._fast + words[OUT_FAST]) >> 1
            self._slow += level - (self._slow >> _SLOW_SHIFT)
            self._wobbles += abs(level - (self._slow >> _SLOW_SHIFT))
            if self._blocks >= _HOLD_BLOCKS:
                # Of 100 distances of at most 4095 the mean, in permille of the slow level.
                level = self._wobbles * 10 // max(1, self._slow >> _SLOW_SHIFT)
                self._end_unit(max(_LEAST_WOBBLE, min(4000, level)), t_samples)

    def begin_hold(self, t_samples):
        """A hold has begun: its seconds are units of the set. What was of repetitions is another set."""
        if not self._is_of_holds:
            self.reset()
        self.in_hold = self._is_of_holds = True
        self._slow = -1
        self._clear()

    def end_hold(self, t_samples):
        """It has ended; what does not fill a second is left out. It also drops a repetition that was none."""
        self.in_hold = False
        self._clear()

    def end_rep(self, duration_ms, t_samples):
        """A repetition has ended; the active blocks since the last one were its own."""
        if self._is_of_holds:
            self.reset()
        if self._blocks < _LEAST_BLOCKS:
            self._clear()
            return
        peaks, at, before = self._peaks, self._count, self._peak_before
        if self.units and at < _MOST_PEAKS:
            self._count += 1
            while at and peaks[at - 1] > before:
                peaks[at] = peaks[at - 1]
                at -= 1
            peaks[at] = before
        self._usual = (self._usual + before) >> 1
        self._peak_before = self._peak
        self._end_unit(min(60000, duration_ms), t_samples)

    def end_set(self, t_samples):
        """The set has ended: tell what can be told only now, and forget it."""
        line = max(self._peaks[self._count >> 1], self._usual) * _DIG_IN // 1000
        if self._count >= REFERENCE_UNITS and self._peak_before > line:
            self._tell(_ALWAYS, event.EVENT_DIG_IN, self._peak_before, line, event.REASON_ABOVE, t_samples)
        beyond = self.units - self._stopped
        if self._stopped and self._count and beyond >= _BEYOND_UNITS:
            self._tell(_ALWAYS, event.EVENT_ADVICE, beyond, _BEYOND_UNITS, event.REASON_FEWER_REPS, t_samples)
        self.reset()

    def _end_unit(self, form, t_samples):
        swings, weight = self._swings, self._levels >> 2
        while swings >> 15:
            swings >>= 1
            weight >>= 1
        self.spectrum = min(65535, (swings << 14) // max(1, weight))  # it is 4 at most, but for rounding
        self.amplitude = self._levels // self._blocks
        self.units += 1
        self._clear()
        if self.units <= REFERENCE_UNITS:
            self._amplitudes += self.amplitude
            self._spectra += self.spectrum
            self._forms += form
            return
        rise = _ratio(self.amplitude, self._amplitudes) - 1000
        rise = self.amplitude_permille = (self.amplitude_permille + rise) >> 1
        # The root of a ratio, by two steps of Newton's from 1.
        square = _ratio(self.spectrum, self._spectra)
        fall = (1000 + square) >> 1
        fall = 1000 - ((fall + square * 1000 // fall) >> 1)
        self.spectrum_permille = (self.spectrum_permille - fall) >> 1
        self.form_permille = (self.form_permille + _ratio(form, self._forms) - 1000) >> 1
        fall = -self.spectrum_permille
        self.index_permille = fall + max(0, min(rise, fall))
        if fall >= _CLEAR:
            self.quadrant = event.REASON_FATIGUE if rise > -_CLEAR else event.REASON_FORCE_DOWN
        elif fall <= -_CLEAR:
            self.quadrant = event.REASON_RECOVERY if rise < _CLEAR else event.REASON_FORCE_UP
        elif abs(rise) >= _CLEAR:
            self.quadrant = event.REASON_FORCE_UP if rise > 0 else event.REASON_FORCE_DOWN
        else:
            self.quadrant = 0
        self._judge(t_samples)

    def _judge(self, t_samples):
        index = min(self.index_permille, self._index_before)
        most = max(self.index_permille, self._index_before)
        self._index_before = self.index_permille
        steps = self._steps
        if index >= (steps + 1) * _STEP:
            # At a step of twice _CLEAR the quadrant is fatigue or force down.
            self._steps = index // _STEP
            self._tell(_ALWAYS, event.EVENT_TIRING, index, self._steps * _STEP, self.quadrant, t_samples)
        elif steps and most < (steps - 1) * _STEP:
            self._steps = max(0, most // _STEP + 1)
            self._tell(_ALWAYS, event.EVENT_TIRING, most, (steps - 1) * _STEP, event.REASON_RECOVERY, t_samples)
        if index >= _STOP and not self._stopped:
            self._stopped = self.units
            self._tell(_ALWAYS, event.EVENT_ADVICE, index, _STOP, event.REASON_STOP, t_samples)
        form = min(self.form_permille, self._form_before)
        line = _TREMOR if self.in_hold else _SLOWING
        if form >= line:
            reason = event.REASON_TREMOR if self.in_hold else event.REASON_SLOWING
            self._tell(_FORM, event.EVENT_TIRING, form, line, reason, t_samples)
            if index >= _STEP and self.units <= _EARLY_UNITS:
                self._tell(_LOAD, event.EVENT_ADVICE, index, _STEP, event.REASON_LESS_LOAD, t_samples)
        elif form < line >> 1:
            self._told &= ~_FORM
        form = max(self.form_permille, self._form_before)
        if form <= _RUSHING and not self.in_hold:
            self._tell(_RUSH, event.EVENT_ADVICE, form, _RUSHING, event.REASON_SLOWER, t_samples)
        self._form_before = self.form_permille

    def _tell(self, bit, kind, value, threshold, reason, t_samples):
        if not self._told & bit:
            self._told |= bit
            self._outbox.tell(kind, self._channel, value, threshold, reason, t_samples)


def _ratio(value, reference):
    """A value below 2^20 over the mean of the reference, in permille, at most 4000."""
    return min(4000, value * 1000 // max(1, reference // REFERENCE_UNITS))
