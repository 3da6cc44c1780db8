"""Where in the program is the wearer, and what is due?

In:    the events of a block (outbox), the target's fast level and envelope (permille), time; a program
Out:   `command`, what to play now (a pattern, and 16 times its pulses, 0: as it is), or CUE_NONE; `set_is_over`;
       EVENT_PLAN, _MILESTONE, _REACTION, _LEVEL, _BAND
State: the set, its units, the phase and when it ends
Cost:  nothing allocated; a handful of operations per block
Source: the program's numbers, see program.py

Holds and repetitions are the wearer's to begin: this counts them, says half, last and enough, and times the rests.
Drills and tests are led: a signal to tighten, one to let go. A drill's is a short pulse, because the muscle is not seen
while the motor runs and spins down; a sense test's is as many pulses as the level's number.
"""

from mmc_core import event, program
from mmc_core.compat import const
from mmc_core.sample import BLOCK_SAMPLES

WORKING = const(0)
RESTING = const(1)
RELAXING = const(2)  # between two units of a set
TIGHT = const(3)  # led: the muscle should be on
DONE = const(4)

_LEAD_IN = const(3000)  # samples before the first signal of a led set
_JITTER = const(2047)  # samples, of the waits of a drill: nobody should know when
_ON_PERMILLE = const(150)
_OFF_PERMILLE = const(100)
_SURE_BLOCKS = const(3)
_MEAN = const(2000)  # samples, of the end of a level that is held
_MOST_BLOCKS = const(60000)  # that a mean is taken of: ten minutes
_NEVER = const((1 << 30) - 1)  # later than the longest session ends


class Plan:
    """One program's course through one session."""

    def __init__(self, numbers, settings, outbox):
        """numbers: the program's, by their places in program.py."""
        self._outbox = outbox
        self._mode, self._sets, self._reps = numbers[program.MODE], numbers[program.SETS], numbers[program.REPS]
        self._hold, self._relax = numbers[program.HOLD_S] * 1000, numbers[program.RELAX_S] * 1000
        self._rest = numbers[program.REST_S] * 1000
        self._levels = bytes(level for level in numbers[program.SENSE_1_PCT : program.SENSE_3_PCT + 1] if level)
        if self._mode == program.MODE_SENSE:
            self._reps *= len(self._levels)
        beats = numbers[program.TEMPO_DOWN_MS : program.TEMPO_UP_MS + 1] if settings["cue_tick"] == "on" else ()
        self._beats = tuple(beat for beat in beats if beat)
        self._low, self._high = 10 * settings["target_low_pct"], 10 * settings["target_high_pct"]
        self._target = settings["target_channel"]
        self._tiring, self._losses = numbers[program.STOP_FATIGUE_PERMILLE], numbers[program.STOP_LOST_COUNT]
        self._is_led = self._mode > program.MODE_REPS
        self.has_signals = self._is_led or len(self._beats) > 0
        self.units = self.in_band = 0  # of all sets
        self.command, self.set_is_over = event.CUE_NONE, False
        self.skips = False  # the wearer does not want to wait, or has had enough of the set
        self._set, self._began, self._draw = 0, -1, 1  # the set; when the hold began; of a drill's random waits
        self.phase, self._due = RESTING, 0  # the first block begins the first set
        self._clear()

    def _clear(self):
        self._done = self._lost = self._sum = self._blocks = self._run = 0
        self._is_tired = self._is_told = self._is_open = False
        self._beat, self._beat_t, self._signal = 0, _NEVER, -1

    def _begin_set(self, t_samples):
        self._clear()
        self._set += 1
        self.phase, self._due = WORKING, _NEVER
        if self._is_led:
            self.phase, self._due = RELAXING, t_samples + _LEAD_IN
        self._tell(event.EVENT_PLAN, self._set, self.units, event.REASON_WORK, t_samples)

    def step(self, envelope, fast, usable, t_samples):
        """Take a block; its events are in the outbox already. `usable`: whether the levels are to be trusted."""
        self.command, self.set_is_over = event.CUE_NONE, False
        if self.phase == DONE:
            return
        if self.skips:
            self._skip(t_samples)
        if self._began >= 0 and self._hold:
            self._time_hold(t_samples)  # before it is heard that it ends: it may have been long enough
        self._hear_all(t_samples)
        if usable:
            self._watch(envelope, fast, t_samples)
        if t_samples >= self._due:
            self._go_on(t_samples)
        elif t_samples >= self._beat_t and self.phase == WORKING:
            self._tap()

    def _hear_all(self, t_samples):
        for at in range(self._outbox.count):
            if self.phase != DONE:
                self._hear(at, t_samples)

    def _hear(self, at, t_samples):
        box = self._outbox
        kind = box.kinds[at]
        if kind == event.EVENT_HOLD_START or kind == event.EVENT_REP_START:
            if self.phase == RESTING and not self._is_led:
                self._begin_set(t_samples)  # sooner than planned: the wearer decides
            if kind == event.EVENT_HOLD_START and self._mode == program.MODE_HOLD:
                self.phase, self._due, self._began = WORKING, _NEVER, t_samples
                self._is_told, self._sum, self._blocks = False, 0, 0
            elif kind == event.EVENT_REP_START and self._beats and self._beat_t == _NEVER:
                self._beat_t = t_samples + self._beats[0]
        elif kind == event.EVENT_HOLD_END and self._began >= 0:
            self._began = -1
            self._end_unit(t_samples)
        elif kind == event.EVENT_PEAK and self._mode == program.MODE_REPS:
            self._judge(box.values[at])
        elif self.phase == RESTING:
            return  # what follows is about a set
        elif kind == event.EVENT_REP and self._mode == program.MODE_REPS:
            self._count(t_samples)
        elif kind == event.EVENT_ACTIVATION_LOST:
            # To let go when enough was said is no loss.
            self._lost += self._began >= 0 if self._mode == program.MODE_HOLD else self.phase != RELAXING
            if 0 < self._lost == self._losses:
                self._stop(self._lost, self._losses, t_samples)
        elif kind == event.EVENT_TIRING and 0 < self._tiring <= box.values[at] and not self._is_tired:
            self._is_tired = True
            self._stop(box.values[at], self._tiring, t_samples)

    def _stop(self, value, threshold, t_samples):
        self._tell(event.EVENT_ADVICE, value, threshold, event.REASON_STOP, t_samples)
        self._end_set(t_samples)

    def _time_hold(self, t_samples):
        age = t_samples - self._began
        if age >= self._hold:
            self._tell(event.EVENT_MILESTONE, 1000, 0, 0, t_samples)
            self._began = -1
            self._end_unit(t_samples)
        elif not self._is_told and 2 * age >= self._hold:
            self._is_told = True
            self._tell(event.EVENT_MILESTONE, 500, 0, 0, t_samples)

    def _watch(self, envelope, fast, t_samples):
        """Levels: the mean of a hold or of the end of a led level, and a drill's reactions."""
        if self._began >= 0 or (self.phase == TIGHT and t_samples > self._due - _MEAN):
            if self._blocks < _MOST_BLOCKS:
                self._sum += envelope
                self._blocks += 1
        if self._signal < 0 or self._mode != program.MODE_CONTRACT_RELAX:
            return
        is_there = fast >= _ON_PERMILLE if self.phase == TIGHT else fast < _OFF_PERMILLE
        self._run = self._run + 1 if is_there else 0
        if self._run == _SURE_BLOCKS:
            self._react(t_samples - _SURE_BLOCKS * BLOCK_SAMPLES - self._signal, t_samples)

    def _react(self, value_ms, t_samples):
        reason = event.REASON_TIGHTEN if self.phase == TIGHT else event.REASON_RELAX
        self._tell(event.EVENT_REACTION, value_ms, 0, reason, t_samples)
        self._signal = -1

    def _go_on(self, t_samples):
        """The phase's time is up."""
        if self.phase == RESTING:
            self.command = event.CUE_START if self._set else event.CUE_NONE
            self._begin_set(t_samples)
        elif not self._is_led:
            self.command = event.CUE_START
            self.phase, self._due = WORKING, _NEVER
        elif self.phase == TIGHT:
            self._relax_now(t_samples)
        else:
            if self._is_open:  # the unit ends when its pause does
                self._is_open = False
                self._miss(t_samples)
                self._end_unit(t_samples)
            if self.phase == RELAXING:
                self._tighten(t_samples)

    def _tighten(self, t_samples):
        self.phase, self._is_open, self._signal = TIGHT, True, t_samples
        self._due = t_samples + max(1000, self._hold)
        self._sum = self._blocks = self._run = 0
        self.command = event.CUE_START
        if self._mode == program.MODE_CONTRACT_RELAX:
            self.command = event.CUE_TICK
        elif self._levels:
            self.command += 16 * (self._done % len(self._levels) + 1)

    def _relax_now(self, t_samples):
        self._miss(t_samples)
        self.phase, self._run, self._signal = RELAXING, 0, t_samples
        self._due = t_samples + max(1000, self._relax)
        self.command = event.CUE_STOP
        if self._mode == program.MODE_CONTRACT_RELAX:
            self.command = event.CUE_TICK
            self._draw = (self._draw * 75 + 74 + self._sum) % 65537  # the muscle's level: no two days are alike
            self._due += self._draw & _JITTER
        else:
            asked = 10 * self._levels[self._done % len(self._levels)] if self._levels else 0
            self._tell(event.EVENT_LEVEL, self._sum // max(1, self._blocks), asked, 0, t_samples)

    def _miss(self, t_samples):
        """A signal that nothing followed."""
        if self._signal >= 0 and self._mode == program.MODE_CONTRACT_RELAX:
            self._react(-1, t_samples)

    def _end_unit(self, t_samples):
        self._judge(self._sum // max(1, self._blocks))
        self._count(t_samples)

    def _judge(self, level):
        self.units += 1
        self.in_band += self._low <= level <= self._high

    def _count(self, t_samples):
        self._done += 1
        if 0 < self._reps <= self._done:
            self._end_set(t_samples)
        elif self._mode == program.MODE_HOLD and self._relax:
            self.phase, self._due = RELAXING, t_samples + self._relax
        elif self._mode == program.MODE_REPS and (self._done == self._reps - 1 or self._done == self._reps + 1 >> 1):
            self._tell(event.EVENT_MILESTONE, 1000 * self._done // self._reps, 0, 0, t_samples)

    def _end_set(self, t_samples):
        self.set_is_over = True
        self.command = event.CUE_STOP
        self._began, self._signal, self._beat_t = -1, -1, _NEVER
        self.phase, self._due, reason = DONE, _NEVER, event.REASON_DONE
        if self._set < self._sets:
            self.phase, self._due, reason = RESTING, t_samples + self._rest, event.REASON_REST
        self._tell(event.EVENT_PLAN, self._set, self.units, reason, t_samples)

    def _skip(self, t_samples):
        self.skips = False
        if self.phase == RESTING or (self.phase == RELAXING and not self._is_led):
            self._due = t_samples
        else:
            self._end_set(t_samples)

    def _tap(self):
        """The tempo's next beat."""
        self.command = event.CUE_TICK
        self._beat = (self._beat + 1) % len(self._beats)
        self._beat_t += self._beats[self._beat]

    def _tell(self, kind, value, threshold, reason, t_samples):
        self._outbox.tell(kind, self._target, value, threshold, reason, t_samples)

    def close(self, t_samples):
        """The session ends, and with it a hold under way: say what the program came to."""
        self._hear_all(t_samples)
        if self.units:
            self._tell(event.EVENT_BAND, 1000 * self.in_band // self.units, self.units, 0, t_samples)
