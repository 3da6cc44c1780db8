"""When did the muscle begin, turn and end a contraction that may be a repetition, and is it one of a set?

In:    every 10-ms block: envelope and display envelope of the target channel (permille of the reference), and the
       sample counter as time; bad blocks and those in which the motor ran are not shown to it
Out:   after each step: `rep` (0 or a phase), `confirmed` (how many repetitions count since this block), `set_count`,
       `in_hold`; of the `rep_` fields start and rest are right from STARTED on, all of them at ENDED
State: smoothed level, running valley and peak (Q7), the contraction under way, the latest one that counted
Cost:  nothing allocated; about 25 operations per block, all inside 31 bits (levels are at most 4095 << 7)
Source: tuned on recorded knee extensions and flexions; tools/truth_effort.py prints what it reaches and its grid

A contraction begins when the level has climbed a share of the way from the valley to the running peak, and ends when
it has stayed near the valley, seen from its own top; two humps with less rest between them are one. STARTED is told at
once and followed by ENDED or DROPPED. A contraction is provisional until neighbours vouch for it: the third one alike
in height, length and pace confirms three, later ones count as they end. Everyday twitches differ, or are too weak.
A joint may be held at its end for many seconds and still make one repetition: `in_hold` says so, up to the block of
its end, and whoever knows the exercise decides. What is held longer than _LONGEST is none, which DROPPED says at its
end: whoever judges a hold judges all of it.
"""

from mmc_core.compat import const

STARTED = const(1)  # a contraction began
TURNED = const(2)  # it let go of its top; time and height of the turn change if it goes higher again
ENDED = const(3)  # it is over and may be a repetition
DROPPED = const(4)  # it is none: too short, or held too long

_SHIFT = const(7)  # levels are Q7
_SMOOTH = const(3)  # of the level, behind the display envelope: 80 ms
_DELAY = const(150)  # of the level behind the muscle, samples
_ENVELOPE_DELAY = const(40)
_FALL = const(2)  # of the valley, 40 ms
_RISE = const(8)  # 2.6 s
_ADOPT = const(11)  # towards half of what is held for too long, 20 s: it may be rest, which a rise would show
_FADE = const(11)  # of the running peak towards _PEAK, 20 s
_PEAK = const(500 << 7)  # running peak while nothing is known
_FLOOR = const(64 << 7)  # least climb that begins a contraction
_START_PCT = const(33)  # of the way from the valley to the running peak
_TURN_PCT = const(70)  # of the way from the valley to this contraction's own top
_END_PCT = const(30)
_END_BLOCKS = const(20)
_SHORTEST = const(35)  # blocks seen: what is shorter is a heart beat under the electrodes, or a twitch
_HOLD = const(5000)
_LONGEST = const(15000)
_SET_GAP = const(15000)
_ENOUGH = const(3)  # contractions that confirm each other
_PEAK_RATIO_Q2 = const(12)  # most between contractions that are alike, in quarters
_LENGTH_RATIO_Q2 = const(24)
_PERIOD_RATIO_Q2 = const(9)


class Effort:
    """Repetitions as one muscle shows them."""

    def __init__(self, rest_permille=0):
        """rest_permille: the muscle's level at rest, where a calibration knows it."""
        self._rest = rest_permille << _SHIFT
        self.reset()

    def reset(self):
        """Nothing known but rest: a muscle that works now begins now."""
        self.rep = self.confirmed = self.set_count = 0
        self.in_hold = self._up = self._turned = self._too_long = False
        self.rep_start_t = self.rep_turn_t = self.rep_end_t = self.rep_peak_permille = self.rep_rest_permille = 0
        self._level = self._low = self._rest
        self._peak = _PEAK
        self._top = self._under = self._high = self._rise_t = self._begin_t = 0
        self._run = 0  # contractions that are alike
        self._like = self._length = self._period = self._last_end_t = 0  # of the latest of them

    def step(self, envelope, display, t_samples):
        """Take one block (permille; counter behind its last sample)."""
        self.rep = self.confirmed = 0
        level = self._level
        level += ((display << _SHIFT) - level) >> _SMOOTH
        self._level = level
        if self._up:
            self._step_up(level, t_samples)
        else:
            self._step_down(level, envelope << _SHIFT, t_samples)

    def close(self, t_samples):
        """The session ends, and with it a contraction under way, if those before it vouch for it."""
        self.rep = self.confirmed = 0
        if self._up and self._run >= _ENOUGH - 1:
            if self._under == 0:
                self.rep_end_t = t_samples - _DELAY
            self._finish(self._level)

    def _step_down(self, level, envelope, t_samples):
        self.in_hold = False
        low = self._low
        low += (level - low) >> (_FALL if level < low else _RISE)
        self._low = low
        self._peak -= (self._peak - _PEAK) >> _FADE
        # A rise by half of the valley keeps the noise of a restless channel out.
        climb = max(_FLOOR, low >> 1, (self._peak - low) * _START_PCT // 100)
        if envelope < low + (climb >> 2) or self._rise_t == 0:
            self._rise_t = t_samples
            self.rep_rest_permille = low >> _SHIFT
        if level < low + climb:
            return
        self._up = True
        self._turned = self._too_long = False
        self._top = self._under = self._high = 0
        self._begin_t = t_samples - _DELAY
        self.rep_start_t = self._rise_t - _ENVELOPE_DELAY
        self.rep = STARTED
        self._step_up(level, t_samples)

    def _step_up(self, level, t_samples):
        if level > self._top:
            self._top = level
            self.rep_turn_t = t_samples - _DELAY
            self.rep_peak_permille = level >> _SHIFT
        low = self._low
        span = self._top - low
        if level >= low + span * _END_PCT // 100:
            self._under = 0
            self._high += 1
        else:
            if self._under == 0:
                self.rep_end_t = t_samples - _DELAY
            self._under += 1
            if self._under >= _END_BLOCKS:
                self._finish(level)
                return
        if not self._turned and level < low + span * _TURN_PCT // 100:
            self._turned = True
            self.rep = TURNED
        age = t_samples - self._begin_t
        self.in_hold = age >= _HOLD
        if self._too_long:
            self._low += max(0, (level >> 1) - low) >> _ADOPT
        elif age >= _LONGEST:
            self._too_long = self._turned = True

    def _finish(self, level):
        self._up = False
        self._rise_t = 0
        self._low = level
        begin_t = self._begin_t
        length = self.rep_end_t - begin_t
        if self._too_long or self._high < _SHORTEST or length >= _LONGEST:  # it may have gone on unseen
            self.rep = DROPPED
            return
        self.rep = ENDED
        top = self._top
        self._peak += (min(top, 2 * self._peak) - self._peak) >> 1
        period = begin_t - self._last_end_t
        if period > _SET_GAP:
            self._run = self.set_count = period = 0
        period += self._length  # from one beginning to the next
        if self._run and not self._belongs(top, length, period):
            return
        self._like = (self._like + top) >> 1 if self._run else top
        self._run += 1
        self._length = length
        self._period = period
        self._last_end_t = self.rep_end_t
        if self._run >= _ENOUGH:
            self.confirmed = _ENOUGH if self._run == _ENOUGH else 1
            self.set_count += self.confirmed

    def _belongs(self, top, length, period):
        """Whether a contraction counts in the series, which may have to begin anew with it."""
        run = self._run
        like = self._like
        if _alike(top, like, _PEAK_RATIO_Q2):
            if run == 2 and not _alike(period, self._period, _PERIOD_RATIO_Q2):
                self._run = 1  # the latest two may be the first of a series
            if run >= _ENOUGH or _alike(length, self._length, _LENGTH_RATIO_Q2):
                return True
        if run >= _ENOUGH or top < like:
            self._like = like + ((min(top, 2 * like) - like) >> 2)  # an odd one: it does not end the series
            return False
        self._run = 0  # what was before it was no series
        return True


def _alike(a, b, ratio_q2):
    return a * 4 <= b * ratio_q2 and b * 4 <= a * ratio_q2
