"""The coach: every question about a block, asked in turn, and what belongs to one contraction and one set put together.

In:    the kernel's output, an IMU reading or None, the sample counter, whether the motor shakes the electrodes
Out:   events in `outbox`, in the order in which the questions are asked
State: that of the questions; the contraction under way; what the set has so far
Cost:  nothing allocated per block
Source: house plan: one question per file; here is only who asks whom

The muscle's own contraction (effort.py) is the unit: shorter than five seconds it is a repetition, longer a hold. The
motion sensor counts on its own (cycle.py); a repetition counts when either is sure of it, and at the end of the set it
is told if they do not agree. A hold begins only in a limb that is still. A set ends with a pause of twenty seconds.
A channel is scored when it is calibrated and its block is to be trusted.
"""

from array import array

from mmc_core import event
from mmc_core.chain import OUT_DISPLAY, OUT_ENVELOPE, OUT_FAST, OUT_QUALITY
from mmc_core.coach import cycle, effort
from mmc_core.coach.attention import Attention
from mmc_core.coach.balance import ROLE_NONE, ROLE_TARGET, Balance
from mmc_core.coach.fatigue import Fatigue
from mmc_core.coach.hold import HoldDetector
from mmc_core.coach.motion import Motion
from mmc_core.coach.outbox import Outbox
from mmc_core.coach.peak import Peak
from mmc_core.coach.posture import Posture
from mmc_core.compat import const
from mmc_core.sample import QUALITY_BAD

_SET_PAUSE = const(20000)  # samples
_SENSOR_GONE = const(200)  # samples without a reading
_SURE = const(3)  # repetitions that the motion sensor becomes sure of at once


class Coach:
    """All questions of one session."""

    def __init__(self, settings, facts):
        from mmc_core.settings import find_row  # only now: a session lets go of it

        channels = facts.EMG_CHANNELS
        self.outbox = box = Outbox()
        self.target = target = min(settings["target_channel"], channels - 1)
        words = find_row("ch0_role")[2]
        self._calibrated = 0
        roles = []
        rests = []
        for channel in range(channels):
            role = ROLE_NONE
            reference_nv = settings.channel(channel, "reference_nv") or 1
            rests.append(min(settings.channel(channel, "rest_nv") * 1000 // reference_nv, 1000))
            if settings.channel(channel, "reference_kind") != "none":
                self._calibrated |= 1 << channel
                role = words.index(settings.channel(channel, "role"))
            roles.append(role + 1 if role else ROLE_NONE)
        roles[target] = ROLE_TARGET
        self.scored = bool(self._calibrated >> target & 1)
        self._holds = settings["holds"] == "on"
        self.hold = HoldDetector(settings)
        self.motion = Motion(facts.IMU_ACCEL_COUNTS_PER_G, facts.IMU_GYRO_COUNTS_PER_DPS)
        self._cycle = cycle.Cycle(self.motion)
        self._effort = effort.Effort(rests[target])
        self._peak = Peak(settings, box, target)
        self._posture = Posture(settings, box)
        self._balance = Balance(roles, rests, settings, box)
        self._fatigue = Fatigue(settings, box, target)
        self._attention = Attention(settings, box, target, rests[target])
        self._tops = array("h", bytes(2 * _SURE))  # of the muscle in the latest movements
        self._moves = 0  # that ended
        self._top = -1  # of the one under way; -1: the muscle was not seen
        self._sensor_t = -_SENSOR_GONE
        self._hold_t = 0
        self.usable = 0  # bits of the channels whose block is to be trusted
        self._is_up = False  # a contraction is under way
        self._is_long = False
        self.ends_set = False  # somebody else knows that the set is over
        self._begin_set()

    def _begin_set(self):
        self.ends_set = False
        self._reps = self._by_motion = self._by_effort = 0
        self._held = 0  # samples
        self._last_t = -1  # of whatever belongs to the set; -1: nothing yet
        self._peak.begin_set()
        self._balance.reset()
        self._attention.begin_set()

    def step(self, out, imu, t_samples, motor_busy):
        """Take a block; afterwards the outbox holds what there is to tell of it."""
        self.outbox.clear()
        if imu is not None:
            self._sensor_t = t_samples
            self.motion.step(imu)
            self._cycle.step(t_samples)
            self._take_movement(t_samples)
        self.usable = usable = 0
        if not motor_busy:
            for channel in range(len(out)):
                if not out[channel][OUT_QUALITY] & QUALITY_BAD:
                    usable |= 1 << channel
            self.usable = usable = usable & self._calibrated
        if usable >> self.target & 1:
            self._ask(out, usable, t_samples)
        if self._last_t < 0:
            self.ends_set = False
        elif self.ends_set or t_samples - self._last_t > _SET_PAUSE:
            # What goes on for long without being a hold, as rest does that is higher than it was, ends no later for it.
            if not (self.hold.in_hold or (self._is_up and not self._is_long)):
                self._end_set(t_samples)

    def _ask(self, out, usable, t_samples):
        words = out[self.target]
        envelope = words[OUT_ENVELOPE]
        self._top = max(self._top, envelope)
        is_moving = t_samples - self._sensor_t < _SENSOR_GONE and not self.motion.is_still
        # A limb that moves holds nothing yet; a hold that is on goes on.
        seen = 0 if is_moving and not self.hold.in_hold else envelope
        if self._holds and self.hold.step(seen, words[OUT_FAST], t_samples):
            self._take_hold()
        if self.hold.in_hold and t_samples == self._sensor_t:
            self._posture.step(self.motion.drift_deg10, self.motion.is_still, t_samples)
        self._effort.step(envelope, words[OUT_DISPLAY], t_samples)
        if self._effort.rep:
            self._take_effort(t_samples)
        self._balance.step(out, usable, t_samples)
        if not self._is_up:
            return
        if self._effort.in_hold and not self._is_long:
            self._is_long = True
            self._fatigue.begin_hold(t_samples)
        self._peak.step(envelope)
        self._fatigue.step(words, True, t_samples)

    def _take_hold(self):
        hold = self.hold
        self.outbox.tell(hold.kind, self.target, hold.value, hold.threshold, hold.reason, hold.t_samples)
        self._attention.hear(hold.kind, hold.t_samples)
        self._last_t = max(self._last_t, hold.t_samples)
        if hold.kind == event.EVENT_HOLD_START:
            self.motion.mark_pose()
            self._posture.begin()
            self._hold_t = hold.t_samples
        elif hold.kind == event.EVENT_HOLD_END:
            self._held += hold.t_samples - self._hold_t

    def _take_effort(self, t_samples):
        found = self._effort
        if found.rep == effort.STARTED:
            self._is_up, self._is_long = True, False
            self._peak.begin()
            self._balance.begin(t_samples)
            self._tell(event.EVENT_REP_START, found.rep_rest_permille, 0, found.rep_start_t)
        elif found.rep == effort.TURNED:
            if not self._is_long:
                self._tell(event.EVENT_REP_TURN, found.rep_peak_permille, 0, found.rep_turn_t)
                self._peak.turn(t_samples)
        elif self._is_up:
            self._is_up = False
            self._balance.end(t_samples)
            if found.rep == effort.ENDED and not self._is_long:
                self._end_rep(t_samples)
            else:
                self._fatigue.end_hold(t_samples)

    def _end_rep(self, t_samples):
        found = self._effort
        length = found.rep_end_t - found.rep_start_t
        self._peak.end(t_samples)
        self._fatigue.end_rep(length, t_samples)
        self._tell(event.EVENT_REP_END, length, self._cycle.rep_pause_ms, found.rep_end_t)
        self._last_t = t_samples
        if found.confirmed:
            self._by_effort += found.confirmed
            if self._by_motion == 0:
                for _ in range(found.confirmed):
                    self._attention.end_rep(found.rep_peak_permille, t_samples)
            self._count(event.REASON_EFFORT, t_samples)

    def _take_movement(self, t_samples):
        found = self._cycle
        if found.rep == cycle.STARTED:
            self._top = -1
        elif found.rep == cycle.ENDED:
            self._tops[self._moves % _SURE] = self._top
            self._moves += 1
            if self.scored:
                self._describe(found, t_samples)
        sure = found.confirmed
        if sure and self.scored:
            if not self._by_motion:
                self._attention.reps = self._attention.passive = 0  # the muscle told of the same ones
            self._by_motion += sure
            self._last_t = t_samples
            while sure:
                top = self._tops[(self._moves - sure) % _SURE]
                if top >= 0:
                    self._attention.end_rep(top, t_samples)
                sure -= 1
            self._count(event.REASON_MOTION, t_samples)

    def _describe(self, found, t_samples):
        """How fast a movement was, both ways, and how far it went."""
        back_ms = found.rep_end_t - found.rep_turn_t - found.rep_pause_ms
        out_ms = found.rep_turn_t - found.rep_start_t
        box, pause_ms = self.outbox, found.rep_pause_ms
        box.tell(event.EVENT_TEMPO, self.target, out_ms, back_ms, event.REASON_MOTION, t_samples)
        box.tell(event.EVENT_RANGE, self.target, found.rep_range_deg, pause_ms, event.REASON_MOTION, t_samples)

    def _count(self, reason, t_samples):
        """Tell each repetition once, by whoever is sure of it first."""
        while self._reps < max(self._by_motion, self._by_effort):
            self._reps += 1
            self.outbox.tell(event.EVENT_REP, self.target, self._reps, 0, reason, t_samples)

    def _tell(self, kind, value, threshold, t_samples):
        self.outbox.tell(kind, self.target, value, threshold, event.REASON_EFFORT, t_samples)

    def _end_set(self, t_samples):
        box = self.outbox
        if self._by_motion and self._by_effort and self._by_motion != self._by_effort:
            reason = event.REASON_MOTION if self._by_motion > self._by_effort else event.REASON_EFFORT
            box.tell(event.EVENT_REP_DISPUTED, self.target, self._by_motion, self._by_effort, reason, t_samples)
        engagement = self._attention.engagement_permille
        if engagement >= 0:
            box.tell(event.EVENT_ENGAGEMENT, self.target, engagement, 0, 0, t_samples)
        box.tell(event.EVENT_SET, self.target, self._reps, self._held // 1000, 0, t_samples)
        self._fatigue.end_set(t_samples)
        self._begin_set()

    def close(self, t_samples):
        """The session ends: end what is under way."""
        self.outbox.clear()
        if self.scored:
            if self.hold.close(t_samples):
                self._take_hold()
            self._effort.close(t_samples)
            if self._effort.rep:
                self._take_effort(t_samples)
        self._cycle.close()
        self._take_movement(t_samples)
        if self._last_t >= 0:
            self._end_set(t_samples)

    def hear_cue(self, pattern, t_samples):
        """A cue is given."""
        if pattern == event.CUE_ENGAGE:
            self._attention.hear_cue(t_samples)
