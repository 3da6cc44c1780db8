"""Is it the right muscle, and are the sides even?

In:    every 10-ms block: the kernel's words of all channels, bits of those that can be used (calibrated, not bad);
       `begin` and `end` of a unit, which is a hold or a repetition
Out:   in the outbox: a helper that takes over and a stabiliser that does not join, at once; the indexes of a unit at
       its end; attributes `pattern` (how the sides work) and `engaged` (muscles at work in the last unit)
State: sums over the unit per channel, each helper's habit, sums over the last 5 to 10 s of work of the two sides
Cost:  nothing allocated; every other block about 50 operations per channel; all inside 31 bits
Source: co-contraction: Falconer & Winter 1985; sides: Robinson 1987; no limit is more than a convention

A look every 20 ms is enough: the envelope holds nothing above 10 Hz. Looks at which the target or the other channel
can't be used are left out; what had less than half of the unit's looks is not told. All values are permille. Powers of
muscle and noise add up: of an envelope E over a rest R counts E - R^2 / E, within 0.3 R of the root of E^2 - R^2. Of
target, helpers, stabilisers, antagonist and mirror (the same muscle on the other side) T, H, S, A, M count so:
  isolation      mean T / (mean T + mean H + mean S + mean A)
  co-contraction 2 sum min(T, A) / sum (T + A): how much of the work is done by both at a time, not whether their
                 shapes are alike
  sides          (sum T - sum M) / (sum T + sum M), above 0: the target does more; Robinson's 15 % of the mean are 75.
                 Where the sides do not work together it is over the cycle from the end of the last unit to the end of
                 this one, or over a long unit alone; else it is not told
  pattern        mean (T M) / (mean T * mean M) while a side works: 0 if they take turns, 1 by chance or standing still
"""

from array import array

from mmc_core import event
from mmc_core.chain import OUT_ENVELOPE
from mmc_core.compat import const
from mmc_core.sample import BLOCK_SAMPLES

ROLE_NONE = const(0)
ROLE_TARGET = const(1)  # exactly one channel
ROLE_HELPER = const(2)
ROLE_STABILISER = const(3)
ROLE_ANTAGONIST = const(4)
ROLE_MIRROR = const(5)  # the same muscle on the other side, at most one channel

PATTERN_NONE = const(0)  # not known yet, or one side does next to nothing
PATTERN_TOGETHER = const(1)
PATTERN_ALTERNATING = const(2)

_ISOLATION = const(500)  # wanted at least: half of all work is the target's
_COCONTRACTION = const(400)  # wanted at most: an antagonist at a quarter of the target
_SIDES = const(75)  # wanted at most, either way
_LEAK = const(800)  # so much against the target a helper may do, whatever its habit
_LEAK_HABIT = const(1500)  # and so much against its own habit
_HABIT = const(1000)  # of a helper before it has one, against the target; no habit is greater
_HABIT_UNITS = const(4)  # units that make the habit
_LEAK_LOOKS = const(15)
_KEEP = const(800)  # of its line, below which a helper has stepped back
_JOIN = const(250)  # of the target: less is crosstalk or noise, not work
_JOIN_LOOKS = const(50)

_LOOK_SAMPLES = const(20)
_PAIR_SAMPLES = const(40)  # of a look at the sides
_MOST_LOOKS = const(30000)  # ten minutes, by which a longer unit is judged: two sums of 4095 * 30000 < 2^28
_MOST_GAP = const(500)  # looks between two units that can be one cycle of the sides
_OWN_CYCLE = const(200)  # looks of a unit that is a cycle of its own
_MOST_PAIRS = const(256)  # then all sums are halved; 1023^2 * 256 < 2^28
_LEAST_PAIRS = const(10)
_CROSSTALK = const(4)  # a side below this part of the other takes no part,
_ONE_SIDED = const(8)  # and one that takes part in less than this part of the looks does next to nothing
_ALTERNATING_TENTHS = const(8)  # of what chance would give, at most
_TOGETHER_TENTHS = const(9)  # likewise, at least; in between the last verdict stands

_COUNT = const(0)  # a channel's row: looks of the unit at which it and the target can be used,
_OWN = const(1)  # its sum over them,
_BESIDE = const(2)  # the target's,
_LEAST = const(3)  # and that of the lesser of both
_RUN = const(4)  # looks towards an event; -1: told
_LINE = const(5)  # of a helper or stabiliser, against the target
_LEARNT = const(6)  # units in a helper's habit
_USUAL = const(7)  # its habit, against the target


class Balance:
    """Compares the muscles of a unit; `roles` and `rests` (permille, 0: not known) have one per channel."""

    def __init__(self, roles, rests, settings, outbox):
        self._roles = roles
        self._rests = rests
        self._outbox = outbox
        self._working = settings["hold_leave_pct"] * 10  # a muscle below has let go
        self._active = settings["hold_enter_pct"] * 10
        self._target = roles.index(ROLE_TARGET)
        self._mirror = roles.index(ROLE_MIRROR) if ROLE_MIRROR in roles else self._target
        self._muscles = len(roles) - roles.count(ROLE_NONE) - roles.count(ROLE_MIRROR)
        self._rows = [array("i", bytes(32)) for _ in roles]
        self._pairs = array("i", bytes(24))  # looks, sums of T, M and T M (levels / 4), looks with T and M at work
        self.reset()

    def reset(self):
        """A new set: no habit, no pattern, no unit."""
        self.pattern = PATTERN_NONE
        self.engaged = 0
        self._gap_own = self._gap_beside = 0
        self._looks = _MOST_GAP  # of the unit, or of the gap before it; there is no cycle yet
        for at in range(6):
            self._pairs[at] = 0
        for row in self._rows:
            row[_LEARNT] = 0
            row[_USUAL] = _HABIT
        self._clear(False)

    def _clear(self, in_unit):
        self.in_unit = in_unit
        for channel in range(len(self._rows)):
            row = self._rows[channel]
            for at in range(_LINE):
                row[at] = 0
            row[_LINE] = _JOIN
            if self._roles[channel] == ROLE_HELPER:
                row[_LINE] = max(_LEAK, row[_USUAL] * _LEAK_HABIT // 1000)

    def begin(self, t_samples):
        """A unit begins with the next block."""
        self._gap_beside = -1  # too long ago, or not seen: no cycle
        row = self._rows[self._mirror]
        if 0 < self._looks < _MOST_GAP and 2 * row[_COUNT] >= self._looks:
            self._gap_own = row[_OWN]
            self._gap_beside = row[_BESIDE]
        self._looks = 0
        self._clear(True)

    def step(self, out, usable, t_samples):
        """Take one block, also between units; `usable`: a bit per channel."""
        if t_samples % _LOOK_SAMPLES >= BLOCK_SAMPLES or self._looks == _MOST_LOOKS:
            return
        self._looks += 1
        at = self._target
        if not usable >> at & 1:
            return
        target = self._work(out, at)
        for at in range(len(self._roles)):
            if usable >> at & 1 and self._roles[at]:
                self._look(at, self._work(out, at), target, t_samples)

    def _work(self, out, channel):
        level, rest = out[channel][OUT_ENVELOPE], self._rests[channel]
        return max(0, level - rest * rest // (level + 1))

    def _look(self, channel, level, target, t_samples):
        row = self._rows[channel]
        row[_COUNT] += 1
        row[_OWN] += level
        row[_BESIDE] += target
        row[_LEAST] += min(level, target)
        role = self._roles[channel]
        if role > ROLE_STABILISER:
            if channel == self._mirror and t_samples % _PAIR_SAMPLES < _LOOK_SAMPLES:
                self._compare(target, level)
            return
        if role == ROLE_TARGET or row[_RUN] < 0 or not self.in_unit:
            return
        line = max(self._working, target * row[_LINE] // 1000)
        is_helper = role == ROLE_HELPER
        if level < line * _KEEP // 1000 if is_helper else level >= line:
            row[_RUN] = 0
        elif level > line if is_helper else target >= self._active:
            row[_RUN] += 1
            if row[_RUN] == (_LEAK_LOOKS if is_helper else _JOIN_LOOKS):
                row[_RUN] = -1
                kind = event.EVENT_LEAK if is_helper else event.EVENT_STABILISER
                self._tell(kind, channel, level, line, line, t_samples)

    def _compare(self, a, b):
        if a < self._working and b < self._working:
            return
        pairs = self._pairs
        if a >= self._working and _CROSSTALK * a >= b:
            pairs[4] += 1
        if b >= self._working and _CROSSTALK * b >= a:
            pairs[5] += 1
        a >>= 2
        b >>= 2
        pairs[1] += a
        pairs[2] += b
        pairs[3] += a * b
        pairs[0] = n = pairs[0] + 1
        if n < _LEAST_PAIRS:
            return
        if _ONE_SIDED * min(pairs[4], pairs[5]) < n:
            self.pattern = PATTERN_NONE
        else:
            a = (pairs[1] * 8 // n) * (pairs[2] * 8 // n) >> 6  # the product of the means, below 2^20
            b = pairs[3] // n * 10
            if b <= a * _ALTERNATING_TENTHS:
                self.pattern = PATTERN_ALTERNATING
            elif b >= a * _TOGETHER_TENTHS:
                self.pattern = PATTERN_TOGETHER
        if n == _MOST_PAIRS:
            for n in range(6):
                pairs[n] >>= 1

    def end(self, t_samples):
        """The unit ended with the last block: tell what it was."""
        if not self.in_unit:
            return
        self.engaged = muscles = whole = share = 0
        for channel in range(len(self._rows)):
            row, role = self._rows[channel], self._roles[channel]
            own, count = row[_OWN], row[_COUNT]
            if not count or 2 * count < self._looks:
                continue
            mean_q8 = (own // count << 8) + (own % count << 8) // count
            if mean_q8 >= self._working << 8:
                self.engaged += 1
            if role != ROLE_MIRROR:
                muscles += 1
                whole += mean_q8
            if role == ROLE_TARGET:
                share = mean_q8
            else:
                self._sum_up(channel, role, row, t_samples)
        if whole and muscles == self._muscles and muscles > 1:
            self._tell(event.EVENT_ISOLATION, self._target, permille(share, whole), _ISOLATION, 1000, t_samples)
        self._looks = 0
        self._clear(False)

    def _sum_up(self, channel, role, row, t_samples):
        own, beside = row[_OWN], row[_BESIDE]
        if not own + beside:
            return
        if role == ROLE_HELPER:
            # Only what went well makes a habit.
            if row[_LEARNT] < _HABIT_UNITS and row[_RUN] >= 0 and beside >= self._working * row[_COUNT]:
                row[_LEARNT] += 1
                row[_USUAL] += (permille(min(own, beside), beside) - row[_USUAL]) // row[_LEARNT]
        elif role == ROLE_ANTAGONIST:
            value = permille(2 * row[_LEAST], own + beside)
            self._tell(event.EVENT_COCONTRACTION, channel, value, 0, _COCONTRACTION, t_samples)
        elif role == ROLE_MIRROR:
            if self.pattern != PATTERN_TOGETHER and self._looks < _OWN_CYCLE:
                if self._gap_beside < 0:
                    return  # half of a cycle says nothing of the sides
                own += self._gap_own
                beside += self._gap_beside
            self._tell(event.EVENT_SIDES, channel, permille(beside - own, own + beside), -_SIDES, _SIDES, t_samples)

    def _tell(self, kind, channel, value, low, high, t_samples):
        reason = event.REASON_BELOW if value < low else event.REASON_ABOVE if value > high else 0
        self._outbox.tell(kind, channel, value, low if low > 0 else high, reason, t_samples)


def permille(part, whole):
    """1000 part / whole to the nearest; |part| <= whole."""
    while whole >= 1 << 20:
        part >>= 1
        whole >>= 1
    return (part * 1000 + (whole >> 1)) // whole
