"""Events and policy to at most one cue: the most important one, rarely, and ever more rarely as it gets better.

In:    the events of a block (outbox), whether the motor is busy, how fast the limb moves, time in samples
Out:   the pattern to play now, or CUE_NONE; what it is about in `channel`, `value`, `threshold`, and how many `pulses`
       it has, 0: as it is; EVENT_PROBE
State: which cues wait and for what; when the last ones were given; how well the last units went
Cost:  nothing allocated; a handful of operations per block
Source: evidence on feedback: silence within a band beats feedback on every trial (Cruz 2018), feedback on every trial
        retains worst (guidance hypothesis), vibration is not felt by a fast limb (Cybulska-Klosowicz 2011)

A unit is a hold or a repetition. Two units without a fault and every second cue is left out, two more and two of three,
up to three of four; a unit with a fault takes one step back. Every n-th unit is a probe without cues: what it shows is
what has been learnt. "Stop, you are tired" is never left out.
"""

from array import array

from mmc_core import event
from mmc_core.compat import const
from mmc_core.sample import RATE_HZ

_LONG_AGO = const(-1000000)
_MINUTE = const(60000)  # samples
_MOST_LEFT_OUT = const(3)
_GOOD_UNITS = const(2)  # in a row, for one step

# In the order of their importance; a bit of the masks each.
_NAMES = "tired drift leak engage squeeze milestone tick"
_PATTERNS = bytes(
    (
        event.CUE_TIRED, event.CUE_DRIFT, event.CUE_LEAK, event.CUE_ENGAGE, event.CUE_SQUEEZE, event.CUE_MILESTONE,
        event.CUE_TICK,
    )
)  # fmt: skip
_TIRED = const(0)
_DRIFT = const(1)
_LEAK = const(2)
_ENGAGE = const(3)
_SQUEEZE = const(4)
_MILESTONE = const(5)
_TICK = const(6)
_RANKS = const(7)
_APART = const(300)  # samples between a beat and what follows
_OF_A_UNIT = const(0x1E)  # drift, leak, engage, squeeze: worth nothing once the unit is over
_STALE = const(0x60)  # milestone, tick: said at once or never


class CuePolicy:
    """Decides when to speak; what a pattern feels like is the haptic's business."""

    def __init__(self, settings, outbox):
        self._outbox = outbox
        self._enabled = 0
        for rank, name in enumerate(_NAMES.split()):
            if settings["cue_" + name] == "on":
                self._enabled |= 1 << rank
        # Not below the gap, or a cue could begin between the pulses of the one before.
        self._rest_samples = max(settings["cue_rest_ms"], settings["cue_gap_ms"]) * RATE_HZ // 1000
        self._band_pct = settings["cue_band_pct"]
        self._fades = settings["cue_fade"] == "on"
        self._probe_every = settings["cue_probe_every"]
        self._fastest_dps = settings["cue_fastest_dps"]
        self._given = array("i", bytes(4 * settings["cue_max_per_min"]))
        self.counts = True  # a tick for each repetition; not where ticks are a program's signals
        self._channels = bytearray(_RANKS)
        self._values = array("h", bytes(2 * _RANKS))
        self._thresholds = array("h", bytes(2 * _RANKS))
        self.reset()

    def reset(self):
        """Nothing waits, nothing was ever said, nothing was learnt."""
        self._waiting = 0
        self._last_t_samples = _LONG_AGO
        for i in range(len(self._given)):
            self._given[i] = _LONG_AGO
        self._given_at = 0
        self._units = self._good = self._unit = 0
        self._left_out = self._since = 0  # of so many cues in a row; left out since the last one that was given
        self._at_fault = False
        self.is_probe = self._is_beat = False
        self._command = event.CUE_NONE
        self.channel = self.value = self.threshold = self.pulses = 0

    def hear(self, at):
        """Take note of event number `at` of the outbox."""
        outbox = self._outbox
        kind = outbox.kinds[at]
        if kind == event.EVENT_HOLD_START or kind == event.EVENT_REP_START:
            # A repetition that turns out to be held is the same unit, and what the muscle does within a hold is none.
            if self._unit + kind != event.EVENT_HOLD_START + event.EVENT_REP_START:
                self._begin_unit(outbox.times[at])
            if self._unit != event.EVENT_HOLD_START:
                self._unit = kind
        elif kind == event.EVENT_HOLD_END or kind == event.EVENT_REP_END:
            if kind == event.EVENT_HOLD_END or self._unit != event.EVENT_HOLD_START:
                self._end_unit()
        elif kind == event.EVENT_ACTIVATION_LOST or kind == event.EVENT_PASSIVE:
            self._want(_ENGAGE, at)
        elif kind == event.EVENT_ACTIVATION_REGAINED:
            self._waiting &= ~(1 << _ENGAGE)
        elif kind == event.EVENT_SQUEEZE:
            if outbox.values[at] * 100 < outbox.thresholds[at] * (100 - self._band_pct):
                self._want(_SQUEEZE, at)
        elif kind == event.EVENT_LEAK:
            if outbox.values[at] * 100 > outbox.thresholds[at] * (100 + self._band_pct):
                self._want(_LEAK, at)
        elif kind == event.EVENT_DRIFT:
            self._want(_DRIFT, at)
        elif kind == event.EVENT_REP and self.counts:
            self._want(_TICK, at)
        elif kind == event.EVENT_MILESTONE:
            self._want(_MILESTONE, at)
        elif kind == event.EVENT_ADVICE and outbox.reasons[at] == event.REASON_STOP:
            self._want(_TIRED, at)

    def _want(self, rank, at):
        bit = 1 << rank
        if bit & _OF_A_UNIT:
            self._at_fault = True
        if self.is_probe and rank != _TIRED:
            return
        self._waiting |= bit & self._enabled
        self._channels[rank] = self._outbox.channels[at]
        self._values[rank] = self._outbox.values[at]
        self._thresholds[rank] = self._outbox.thresholds[at]

    def _begin_unit(self, t_samples):
        self._waiting &= ~_OF_A_UNIT
        self._at_fault = False
        self._units += 1
        self.is_probe = self._probe_every > 0 and self._units % self._probe_every == 0
        if self.is_probe:
            self._waiting &= 1 << _TIRED
            self._outbox.tell(event.EVENT_PROBE, event.NO_CHANNEL, self._units, 0, 0, t_samples)

    def _end_unit(self):
        self._waiting &= ~_OF_A_UNIT
        self.is_probe = False
        self._unit = 0
        if self._at_fault:
            self._good = 0
            self._left_out = max(0, self._left_out - 1)
        else:
            self._good += 1
            if self._good == _GOOD_UNITS:
                self._good = 0
                self._left_out = min(_MOST_LEFT_OUT, self._left_out + 1)
        self._at_fault = False

    def next(self, motor_busy, t_samples, speed_dps=0, command=event.CUE_NONE):
        """The pattern to start now, or CUE_NONE. While the motor is busy its end counts as the last cue's.

        command: what the program wants played at once, and 16 times how many pulses, 0: as the pattern has it. It is no
        feedback, so that no rule of feedback holds it back; it waits only for the motor. A beat of the tempo keeps
        feedback away no longer than until it is felt as another.
        """
        if command:
            self._command = command
        if motor_busy:
            self._last_t_samples = t_samples - (self._rest_samples - _APART if self._is_beat else 0)
        elif self._command:
            command, self._command = self._command, event.CUE_NONE
            self._is_beat = command == event.CUE_TICK
            self._last_t_samples = t_samples
            self.channel, self.value, self.threshold = event.NO_CHANNEL, command >> 4, 0
            self.pulses = command >> 4
            return command & 15
        if self._waiting == 0 or motor_busy or t_samples - self._last_t_samples < self._rest_samples:
            self._waiting &= ~_STALE
            return event.CUE_NONE
        rank = 0
        while not self._waiting >> rank & 1:
            rank += 1
        if rank != _TIRED:
            if self._fastest_dps and speed_dps > self._fastest_dps:
                self._waiting &= ~_STALE
                return event.CUE_NONE  # it would not be felt: wait for the turn
            if t_samples - self._given[self._given_at] < _MINUTE:
                self._waiting &= ~_STALE
                return event.CUE_NONE
        self._waiting &= ~(1 << rank | _STALE)
        if 1 << rank & _OF_A_UNIT and self._is_left_out():
            return event.CUE_NONE
        self._is_beat = False
        self.pulses = 0
        self._given[self._given_at] = self._last_t_samples = t_samples
        self._given_at = (self._given_at + 1) % len(self._given)
        self.channel, self.value, self.threshold = self._channels[rank], self._values[rank], self._thresholds[rank]
        return _PATTERNS[rank]

    def _is_left_out(self):
        if not self._fades or self._since >= self._left_out:
            self._since = 0
            return False
        self._since += 1
        return True
