"""Haptic: patterns to motor pulses, and the promise that the motor always ends off.

In:    a pattern to play, ticks
Out:   motor on and off through the board's role; what it did, for the log
State: pulses left, when the current pulse or gap ends, when the motor was last on
Cost:  nothing allocated per tick
Source: pulses of at least 60 ms and gaps of at least 50 ms are felt as such (evidence on vibration)

While the motor runs and for its spin-down (a fact of the board) `is_busy` is true: nothing is scored then. A driver
that fails ends the pattern; switching off is tried again at every tick until the driver takes it.

    engage     ■■■ ■■■              as the settings say: pulses, length, gap       squeeze    ■ ■ ■
    start      ■■■■■■               stop (done)  ■■■■■■ ■■■■■■                      leak       ■ ■■■■■■
    error      ■■■ ■■■ ■■■ ■■■ ■■■  tired        ■■■■■■■■■■■■ ■■■■■■■■■■■■          drift      ■■■■■■ ■
    tick       ■                    milestone    ■ ■
"""

from mmc_core import event
from mmc_core.compat import const

_APART_MS = const(600)
_COUNT_GAP_MS = const(300)  # between pulses that are counted

# By cue, from CUE_ENGAGE on, a zero behind each: pulses, and gaps between them, in 10 ms. Engage is the settings'.
_PATTERNS = (
    b"\0"
    b"\x1e\0"
    b"\x1e\x0f\x1e\0"
    b"\x0f\x0a\x0f\x0a\x0f\x0a\x0f\x0a\x0f\0"
    b"\x06\x06\x06\x06\x06\0"
    b"\x06\x06\x1e\0"
    b"\x1e\x06\x06\0"
    b"\x06\0"
    b"\x06\x06\x06\0"
    b"\x3c\x14\x3c\0"
)


class Haptic:
    """Plays one pattern at a time; a new one replaces it, an error pattern included."""

    def __init__(self, motor, facts, note):
        """note(code, detail): takes faults of the motor's driver."""
        self._motor = motor
        self._note = note
        self._spin_down_ms = facts.MOTOR_SPIN_DOWN_MS
        self._queue = []  # patterns that wait for the one that plays, and their pulses
        self._begin = self._end = 0  # of the pattern among all
        self._pulses_left = 0
        self._until_ms = self._between_ms = 0
        self._pulse_ms = self._gap_ms = self._engage_pulses = self.strength_pct = 0
        self._on_ms = self._off_ms = 0
        self.is_on = False
        self._ever = False
        self.changed = 0  # EVENT_MOTOR_ON or _OFF since the last `take_change`, else 0
        self.pulse_ms = 0  # length of the pulse that ended last

    @property
    def expired(self):
        """How often the motor's own limit had to stop it."""
        return self._motor.expired

    def configure(self, config):
        """Take over strength and lengths from the settings."""
        self._pulse_ms = config["cue_pulse_ms"]
        self._gap_ms = config["cue_gap_ms"]
        self._engage_pulses = config["cue_pulses"]
        self.strength_pct = config["cue_strength_pct"]

    def play(self, pattern, now_ms, pulses=0):
        """Start a pattern of event.CUE_..., or so many pulses to be counted."""
        if pattern == event.CUE_NONE:
            return
        begin = 0
        while pattern > event.CUE_ENGAGE and not pulses:
            begin = _PATTERNS.find(b"\0", begin) + 1
            pattern -= 1
        self._begin = begin
        self._end = end = _PATTERNS.find(b"\0", begin)
        self._pulses_left = pulses or ((end - begin) // 2 + 1 if end > begin else self._engage_pulses)
        self._between_ms = _COUNT_GAP_MS if pulses else self._gap_ms
        if not self.is_on:
            self._until_ms = now_ms
        self.tick(now_ms)

    def later(self, pattern, pulses=0):
        """Play a pattern, or so many pulses, once what plays is over."""
        if pattern != event.CUE_NONE:
            self._queue.append(pattern | pulses << 4)

    def go_on(self, now_ms):
        """Play what waits, one after the other."""
        if self._queue and self.is_quiet(now_ms):
            first = self._queue.pop(0)
            self.play(first & 15, now_ms, first >> 4)

    def hush(self):
        """What waits to be played is out of date."""
        self._queue = []

    def tick(self, now_ms):
        """Switch the motor when it is time."""
        if self.is_on:
            if now_ms >= self._until_ms:
                self._switch_off(now_ms)
        elif self._pulses_left and now_ms >= self._until_ms:
            length_ms = self._length_ms(1 - 2 * self._pulses_left, self._pulse_ms)
            self._pulses_left -= 1
            self._switch_on(now_ms, length_ms)

    def _length_ms(self, at, otherwise_ms):
        """Of a pulse or gap of the pattern, counted from its end; `otherwise` where the pattern has none there."""
        at += self._end
        return _PATTERNS[at] * 10 if at >= self._begin else otherwise_ms

    def is_busy(self, now_ms):
        """True while the motor runs and for its spin-down."""
        return self.is_on or (self._ever and now_ms - self._off_ms < self._spin_down_ms)

    def is_quiet(self, now_ms):
        """True when nothing plays, and the last pattern is so long ago that the next is felt as another."""
        return not self.is_on and not self._pulses_left and (not self._ever or now_ms - self._off_ms >= _APART_MS)

    def spin(self, wanted, now_ms):
        """Let the motor run, for at most a second, or stop it: it is measured, nobody is told anything."""
        if wanted:
            self._pulses_left = 0
            self._switch_on(now_ms, 1000)
        else:
            self.stop(now_ms)

    def stop(self, now_ms):
        """End the pattern and the motor, whatever happens."""
        self._pulses_left = 0
        if self.is_on:
            self._until_ms = now_ms
            self._switch_off(now_ms)

    def take_change(self):
        """EVENT_MOTOR_ON or EVENT_MOTOR_OFF once after each switch, else 0."""
        changed, self.changed = self.changed, 0
        return changed

    def _switch_on(self, now_ms, length_ms):
        self.is_on = self._ever = True
        self._on_ms = now_ms
        self._until_ms = now_ms + length_ms
        self.changed = event.EVENT_MOTOR_ON
        try:
            self._motor.on(self.strength_pct)
        except OSError as error:
            self._note(event.FAULT_HAPTIC, error.errno or 0)
            self.stop(now_ms)

    def _switch_off(self, now_ms):
        """Switch the motor off now; what is left of the pattern goes on after the gap."""
        try:
            self._motor.off()
        except OSError as error:
            self._note(event.FAULT_HAPTIC, error.errno or 0)
            return  # it counts as on until the driver takes it
        self.is_on = False
        self._off_ms = now_ms
        self._until_ms = now_ms
        if self._pulses_left:
            self._until_ms += self._length_ms(-2 * self._pulses_left, self._between_ms)
        self.pulse_ms = now_ms - self._on_ms
        self.changed = event.EVENT_MOTOR_OFF
