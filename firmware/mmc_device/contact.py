"""Before a set: is every electrode on, is the air quiet, is each channel on the muscle it is said to be on?

In:    the kernel's output block by block while the wearer rests, or tightens one muscle after the other; ticks
Out:   per channel what is wrong (a reason of event.py), its level at rest, what the running motor adds; who answered
State: the phase under way and its sums
Cost:  needed only before a session; the app lets go of it in between
Source: what users complain about most is bad contact that nobody told them of; limits below are decisions

A channel is judged by a second of rest: an electrode off, no signal, the rails, the mains, or a muscle that does not
rest. Then, if wanted, the motor runs for half a second: its line in the signal must not look like a muscle.
"""

from mmc_core import event
from mmc_core.chain import OUT_ENVELOPE, OUT_LEVEL_Q3, OUT_MAINS_Q3, OUT_Q3, OUT_QUALITY
from mmc_core.compat import const
from mmc_core.sample import QUALITY_CLIPPED, QUALITY_FLAT, QUALITY_LEAD_OFF

REST = const(0)
MOTOR = const(1)
OVER = const(2)

_SETTLE_BLOCKS = const(50)
_REST_BLOCKS = const(150)
_MOTOR_BLOCKS = const(60)
_SPIN_UP_BLOCKS = const(10)
_MOST_CLIPPED = const(5)  # blocks in a hundred
_MOST_HUM_PERMILLE = const(200)  # of the reference
_MOST_HUM_UV = const(30)  # without one
_MOST_FLAT = const(50)
_RESTLESS_PERMILLE = const(250)  # of the reference
_RESTLESS_UV = const(250)
_ANSWER_PERMILLE = const(150)
_ANSWER_BLOCKS = const(30)
_WAIT_BLOCKS = const(800)


class Contact:
    """One check of all channels. `state` tells how it stands."""

    def __init__(self, kernel, with_motor, level_of):
        """level_of(channel, q3): a level in counts/8 as microvolt, and as permille of the reference, -1 without one."""
        self._level_of = level_of
        channels = self._channels = kernel.channels
        self._with_motor = with_motor
        self.state = REST
        self._blocks = 0
        self._counts = [[0] * 3 for _ in range(channels)]  # lead-off, flat, clipped
        self._hum_q3 = [0] * channels  # what the mains notch took away
        self._levels_q3 = [0] * channels  # of the envelope
        self._rest_q3 = [0] * channels
        self._motor_q3 = [0] * channels
        self.reasons = bytearray(channels)
        self.values = [0] * channels
        self.artefact_pct = [-1] * channels

    def step(self, out):
        """Take a block; return the motor's state that is wanted."""
        if self.state == OVER:
            return False
        self._blocks += 1
        if self.state == REST:
            if self._blocks > _SETTLE_BLOCKS:
                self._collect(out)
            if self._blocks == _SETTLE_BLOCKS + _REST_BLOCKS:
                self._judge()
                self.state, self._blocks = (MOTOR if self._with_motor else OVER), 0
            return False
        if self._blocks > _SPIN_UP_BLOCKS:
            for channel in range(self._channels):
                self._motor_q3[channel] += out[channel][OUT_LEVEL_Q3]
        if self._blocks == _MOTOR_BLOCKS:
            self._judge_motor()
            self.state = OVER
        return self.state == MOTOR

    def _collect(self, out):
        for channel in range(self._channels):
            quality, counts = out[channel][OUT_QUALITY], self._counts[channel]
            for at, bit in enumerate((QUALITY_LEAD_OFF, QUALITY_FLAT, QUALITY_CLIPPED)):
                if quality & bit:
                    counts[at] += 1
            self._hum_q3[channel] += out[channel][OUT_MAINS_Q3]
            self._levels_q3[channel] += out[channel][OUT_Q3]
            self._rest_q3[channel] += out[channel][OUT_LEVEL_Q3]

    def _judge(self):
        for channel in range(self._channels):
            off, flat, clipped = [100 * count // _REST_BLOCKS for count in self._counts[channel]]
            # The notch takes hum away; much of it leaves a rest all the same, because no mains is steady.
            hum_uv = self._too_much(channel, self._hum_q3[channel], _MOST_HUM_PERMILLE, _MOST_HUM_UV)
            level_uv = self._too_much(channel, self._levels_q3[channel], _RESTLESS_PERMILLE, _RESTLESS_UV)
            found = (
                (off, 1, event.REASON_LEAD_OFF),
                (flat, _MOST_FLAT, event.REASON_FLAT),
                (clipped, _MOST_CLIPPED, event.REASON_CLIPPED),
                (hum_uv, 1, event.REASON_MAINS),
                (level_uv, 1, event.REASON_RESTLESS),
            )
            for value, least, reason in found:
                if value >= least:
                    self.reasons[channel], self.values[channel] = reason, min(value, 32767)
                    break

    def _too_much(self, channel, sum_q3, most_permille, most_uv):
        """A mean level in microvolt where it is too much, else 0."""
        microvolt, permille = self._level_of(channel, sum_q3 // _REST_BLOCKS)
        is_too_much = microvolt >= most_uv if permille < 0 else permille >= most_permille
        return max(1, microvolt) if is_too_much else 0

    def _judge_motor(self):
        """Power against power: the mean rectified value stands for the amplitude in both."""
        blocks = _MOTOR_BLOCKS - _SPIN_UP_BLOCKS
        for channel in range(self._channels):
            rest = max(1, self._rest_q3[channel] // _REST_BLOCKS)
            motor = self._motor_q3[channel] // blocks
            self.artefact_pct[channel] = min(32767, max(0, 100 * (motor * motor - rest * rest) // (rest * rest)))

    def rest_q3(self, channel):
        """Mean rectified amplitude at rest, counts/8 behind the board's shift."""
        return self._rest_q3[channel] // _REST_BLOCKS

    @property
    def is_over(self):
        """Everything is judged."""
        return self.state == OVER


class Roll:
    """Channels answer by name: asked for one muscle, the wearer tightens it, and that channel must answer."""

    def __init__(self, channels):
        """channels: those to ask, in order, as bits."""
        self._left = channels
        self._all = channels
        self.asked = -1
        self.answer = -1
        self._blocks = self._run = self._quiet = 0
        self._last = -1

    def next(self):
        """Ask for the next channel; False when all were asked."""
        self.asked += 1
        while self.asked < 8 and not self._left >> self.asked & 1:
            self.asked += 1
        self._blocks = self._run = self._quiet = 0
        self.answer = -1
        return self.asked < 8

    def again(self):
        """Ask for the same channel once more."""
        self.asked -= 1

    def step(self, out, busy):
        """Take a block; True when somebody answered or nobody did in time: `answer` is the channel, or -1."""
        self._blocks += 1
        if busy:
            return False
        best, best_level = -1, _ANSWER_PERMILLE
        for channel in range(len(out)):
            level = out[channel][OUT_ENVELOPE]
            if self._all >> channel & 1 and level > best_level:
                best, best_level = channel, level
        if best < 0:
            self._quiet += 1
        # Whoever still lets go of the muscle before does not answer.
        is_answer = best >= 0 and best == self._last and self._quiet >= _ANSWER_BLOCKS
        self._run = self._run + 1 if is_answer else 0
        self._last = best
        if self._run >= _ANSWER_BLOCKS:
            self.answer = best
            return True
        return self._blocks >= _WAIT_BLOCKS
