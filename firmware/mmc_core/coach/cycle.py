"""When did a movement go out, turn and come back, and is it a repetition?

In:    once per block, after the motion sensor's step: where and how fast it is along its axis, and time
Out:   after `step`: `rep` (STARTED, TURNED, ENDED, else 0) with the rep_ fields; `confirmed`: how many repetitions
       became certain in this block; `set_count`: those of the set under way, 0 again once a pause has ended it
State: the movement under way, the repetition before
Cost:  nothing allocated; a loop over six signals while something moves; all inside 31 bits
Source: tuned on recorded exercises with known counts (`make truth`)

A movement is a chain of legs out and back; a leg ends where the signal came back by a share of what recent legs had.
Out and back is a repetition, provisional at once; the third in a row whose way back is alike in length, time and
direction confirms all three, then each confirms itself. One that is unlike the others does not count, two end the set.
Standing opens the direction: the next leg goes out, whatever way it goes. A movement that was STARTED and never ENDED
is none; the next STARTED replaces it. A leg's ends are dated by its shape: smooth ones slow down as a parabola does.
"""

from array import array

from mmc_core.compat import const

STARTED = const(1)
TURNED = const(2)
ENDED = const(3)

_DELAY_MS = const(140)  # of what the motion sensor says of place
_STAND_BLOCKS = const(50)  # calm for so long opens the direction of the next leg
_LEG = const(180)  # least leg: 10 degrees
_LEG_PCT = const(30)  # of recent legs: what ends one
_BACK_PCT = const(65)  # of the way out: what the way back must have
_FINE = const(8)  # half a degree: what is no progress
_SETTLED_MS = const(250)  # and a sixteenth of its time without progress: it has come back
_STOOD_MS = const(150)  # a shorter stand at the turn is none
_LIKE_LENGTH_PCT = const(65)
_LIKE_TIME_PCT = const(50)
_LIKE_ANGLE_PCT = const(78)  # cosine
_RETURN_PCT = const(60)  # shorter to longer leg of one repetition
_PAUSE_MS = const(4500)  # ends a set
_LONGEST_MS = const(60000)  # longer times are not told apart
_SURE = const(3)
_IDLE, _OUT, _BACK = const(0), const(1), const(2)


class Cycle:
    """Repetitions of one motion sensor."""

    def __init__(self, motion):
        self._motion = motion
        self._base = array("i", bytes(24))  # the six signals where the movement began
        self._far = array("i", bytes(24))  # where it turned
        self._low = array("i", bytes(24))  # and where it came back to
        self._way = array("i", bytes(24))  # the way back of the repetition before, 1/128
        self._state = _IDLE
        self._is_open = True
        self._base_at = self._far_at = self._low_at = self._mark_at = 0  # along the axis
        self._base_t = self._start_t = self._far_t = self._low_t = self._mark_t = self._leave_t = self._end_t = 0
        self._usual = 0  # recent legs
        self._away_ms = self._rep_ms = self._like_length = self._like_ms = self._run = self._odd = 0
        self.rep = self.confirmed = self.set_count = 0
        self.rep_start_t = self.rep_turn_t = self.rep_end_t = self.rep_range_deg = self.rep_pause_ms = 0

    def step(self, t_samples):
        """Take the block that the motion sensor has just taken."""
        self.rep = self.confirmed = 0
        at = self._motion.at
        if self._state == _IDLE:
            self._wait(at, t_samples)
        elif self._state == _OUT:
            self._go_out(at, t_samples)
            if at < self._far_at - self._least():
                self._turn()
                self._state = _BACK
                self._mark_at = self._low_at = at
                self._mark_t = t_samples
                self._go_back(at, t_samples)
        elif at > self._far_at:
            self._state = _OUT
            self._go_out(at, t_samples)
        else:
            self._go_back(at, t_samples)
        if self._run:
            idle_ms = t_samples - self._end_t
            if self._state != _IDLE:
                idle_ms -= 2 * self._rep_ms
            if idle_ms > _PAUSE_MS:
                self._end_set()

    def close(self):
        """The session ends: what has come back far enough is a repetition."""
        self.rep = self.confirmed = 0
        if self._state == _BACK and self._away_ms:
            self._end(self._far_at - self._low_at)

    def _least(self):
        return max(_LEG, self._usual * _LEG_PCT // 100)

    def _keep(self, where):
        now = self._motion.now
        for i in range(6):
            where[i] = now[i]

    def _wait(self, at, t):
        motion = self._motion
        if motion.calm_blocks >= _STAND_BLOCKS:
            self._is_open = True
            self._base_at = self._far_at = at
            self._base_t = self._far_t = 0
            self._keep(self._base)
            self._keep(self._far)
        elif at < self._base_at:
            self._base_at, self._base_t = at, t
            self._keep(self._base)
        elif self._is_open and at > self._far_at:
            self._far_at, self._far_t = at, t
            self._keep(self._far)
        if self._is_open and at < self._far_at - self._least():  # it left the other way
            motion.turn_axis()
            at = motion.at
            self._base_at = -self._far_at
            self._base_t = self._far_t
            self._base, self._far = self._far, self._base
        if at > self._base_at + self._least():
            # As if it had sped up evenly from rest; the rate is 1/4096 per 80 ms, places are 1/1024.
            early = min((at - self._base_at) * 560 // max(motion.rate, 1), 1500)
            self.rep_start_t = max(self._base_t, t - early) - _DELAY_MS
            self.rep = STARTED
            self._state = _OUT
            self._is_open = False
            self._start_t = t
            self._far_at = self._mark_at = self._base_at
            self._go_out(at, t)

    def _go_out(self, at, t):
        fine = max(_FINE, (self._far_at - self._base_at) >> 5)
        if at >= self._far_at:
            self._far_at, self._far_t = at, t
            self._keep(self._far)
            if at >= self._mark_at + fine:
                self._mark_at, self._mark_t = at, t
        if at >= self._far_at - fine:
            self._leave_t = t

    def _go_back(self, at, t):
        if at <= self._low_at:
            self._low_at, self._low_t = at, t
            self._keep(self._low)
            if at <= self._mark_at - max(_FINE, (self._far_at - at) >> 5):
                self._mark_at, self._mark_t = at, t
        back = self._far_at - self._low_at
        if back * 100 >= (self._far_at - self._base_at) * _BACK_PCT:
            if not self._away_ms:
                self._away_ms = min(t - self._start_t, _LONGEST_MS)
            if at > self._low_at + self._least() or t - self._mark_t > _SETTLED_MS + (self._away_ms >> 4):
                self._end(back)

    def _turn(self):
        """The way back has begun: when did it turn, how far had it come, how long did it stand there?"""
        out = self._far_at - self._base_at
        leg_ms = self._mark_t - _DELAY_MS - self.rep_start_t
        turn_t = min(self._far_t, self._mark_t + ease_ms(leg_ms, self._far_at - self._mark_at, out))
        stood_ms = self._leave_t - ease_ms(leg_ms, max(_FINE, out >> 5), out) - turn_t
        if stood_ms < _STOOD_MS:
            turn_t = self._far_t
            stood_ms = 0
        self.rep_turn_t = turn_t - _DELAY_MS
        self.rep_pause_ms = stood_ms
        leg_ms = max(400, self.rep_turn_t - self.rep_start_t)
        turned = self._motion.turned_deg(self._base, self._far, leg_ms)
        if stood_ms == 0:
            turned += turned * 236 // leg_ms * 236 // leg_ms  # what the low-pass takes from a swing
        self.rep_range_deg = turned
        self._away_ms = 0
        self.rep = TURNED

    def _end(self, back):
        """Out and back: a repetition. Is it like the one before?"""
        leg_ms = self._mark_t - _DELAY_MS - self.rep_turn_t - self.rep_pause_ms
        ease = ease_ms(leg_ms, self._mark_at - self._low_at, back)
        if self._motion.at <= self._low_at + self._least():
            ease -= ease // 4  # it stands: the low-pass rounds the end
        end_t = min(self._low_t, self._mark_t + ease) - _DELAY_MS
        self.rep_end_t = end_t
        self.rep = ENDED
        if self.rep_pause_ms > _PAUSE_MS:  # it rested where it turns: sets have their pause there
            self._away_ms = max(0, self._away_ms - self.rep_pause_ms)
            self._end_set()
        elif self.rep_start_t - self._end_t > _PAUSE_MS:
            self._end_set()
        self._usual += (back - self._usual) >> 1
        if self._is_like(back) and (not self._run or alike(self._far_at - self._base_at, back, _RETURN_PCT)):
            self._run += 1
            self._odd = 0
            if self._run >= _SURE:
                self.confirmed = _SURE if self._run == _SURE else 1
                self.set_count += self.confirmed
        elif self.set_count and not self._odd:
            self._odd = 1
        else:
            self._end_set()
            self._usual = back
            self._run = 1
        if not self._odd:
            if self._run == 1:
                self._like_length = back
            if self._run <= 2:  # the time of the first is not told apart from a pause before it
                self._like_ms = self._away_ms
            self._like_length = (self._like_length + back) >> 1
            self._like_ms = (self._like_ms + self._away_ms) >> 1
            for i in range(6):
                self._way[i] = (self._low[i] - self._far[i]) >> 7
            self._end_t = end_t
            self._rep_ms = min(end_t - self.rep_start_t, _LONGEST_MS)
        self._state = _IDLE
        self._base, self._low = self._low, self._base
        self._base_at, self._base_t = self._low_at, self._low_t

    def _is_like(self, back):
        """Compare the way back with that of the repetition before, in length, time and direction."""
        dot = square = before = 0
        for i in range(6):
            x = max(-1023, min(1023, (self._low[i] - self._far[i]) >> 7))
            y = max(-1023, min(1023, self._way[i]))
            dot += x * y
            square += x * x
            before += y * y
        return (
            alike(back, self._like_length, _LIKE_LENGTH_PCT)
            and (self._run < 2 or alike(self._away_ms, self._like_ms, _LIKE_TIME_PCT))
            and dot * 100 > root(square) * root(before) * _LIKE_ANGLE_PCT
        )

    def _end_set(self):
        self._run = self._odd = self.set_count = self._usual = 0


def alike(x, y, percent):
    """True if the smaller of two lengths has at least so much of the larger."""
    return min(x, y) * 100 >= max(x, y) * percent


def root(square):
    """Square root of up to 2^30, rounded down or exact but for one."""
    guess = 1 << 15
    while square and guess > square // guess:
        guess = (guess + square // guess) >> 1
    return guess if square else 0


def ease_ms(leg_ms, rest, whole):
    """How long a smooth leg takes for its last part: 2 / pi of its time by the root of the share that is left."""
    return min(max(leg_ms, 0), 5000) * root((max(rest, 0) << 10) // max(whole, 1)) // 50
