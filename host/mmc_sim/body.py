"""The simulated wearer: EMG and IMU counts from a body file, played by a script that listens to the motor.

In:    a body file (mmc_host.body makes it and documents it), the clock, what the motor does
Out:   the roles `emg` and `imu`: counts as a front end with a ring would give them, losses included
State: file position, step of the script, the ring's fill
Cost:  one block is read from the file at a time, so that the body's size does not count
Source: tools and host make the signals; this side only plays integers, so that every interpreter plays the same

The front end's ring holds `ring_samples`. When the device is away for longer, the ring keeps the oldest samples and
drops the rest until it has been emptied; then it tells how many were lost, as a FIFO does that stops on overrun.
"""

import struct

_HEADER = "<8sBBHHHIHH"
_TAKE = "<II"
_STEP = "<HBBII"
_MAGIC = b"MMCBODY1"
_QUIET_MS = 300

UNTIL_TIME = 0
UNTIL_MOTOR_STARTS = 1
UNTIL_MOTOR_RESTS = 2

# One period of the motor's line in the EMG, 167 Hz at 1 kHz, in 1/64 of its peak.
_ARTEFACT = (0, 55, 55, 0, -55, -55)


class Body:
    """Plays a body file. `emg` and `imu` are its two roles."""

    def __init__(self, file, clock, rail_counts, ring_samples, tell):
        """tell(text): takes lines for people about the script."""
        self._file = file
        header = file.read(struct.calcsize(_HEADER))
        if len(header) < struct.calcsize(_HEADER) or header[:8] != _MAGIC:
            raise ValueError("not a body file")
        fields = struct.unpack(_HEADER, header)
        self.channels, self._divider, self.rate_hz = fields[1], fields[2], fields[3]
        self._takes = [struct.unpack(_TAKE, file.read(8)) for _ in range(fields[4])]
        self._steps = [struct.unpack(_STEP, file.read(12)) for _ in range(fields[5])]
        self._emg_at = len(header) + 8 * fields[4] + 12 * fields[5]
        self._imu_at = self._emg_at + 2 * self.channels * fields[6]
        self._artefact_counts = fields[7]
        self._clock = clock
        self._rail = rail_counts
        self._ring_samples = ring_samples
        self._tell = tell
        self._began_ms = None
        self._taken = 0  # samples given out or lost
        self._kept = -1  # while overrun: samples up to which the ring still holds
        self._step = 0
        self._pos = 0  # in the take
        self._played = 0  # samples of this step
        self._left = -1  # samples of this step to play; -1: until the motor
        self._motor_is_on = False
        self._motor_started = False
        self._motor_off_ms = 0
        self._phase = 0
        self._reading_at = -1
        self._is_stopped = True
        self._enter_step(0)

    @property
    def is_done(self):
        """The script is over: the wearer rests."""
        return self._step >= len(self._steps)

    @property
    def is_waiting(self):
        """The wearer waits for the motor without a limit: for a person's command, that is."""
        return not self.is_done and self._left < 0 and self._limit_ms == 0

    # The motor, felt

    def feel_motor(self, is_on):
        """The motor switches."""
        self._motor_is_on = is_on
        if is_on:
            self._motor_started = True
            if not self.is_done and self._left < 0 and self._steps[self._step][1] == UNTIL_MOTOR_STARTS:
                self._left = self._steps[self._step][4] * self.rate_hz // 1000
        else:
            self._motor_off_ms = self._clock.now_ms

    # Role emg

    def begin(self):
        """Start converting. What the body did meanwhile is gone."""
        if self._began_ms is None:
            self._began_ms = self._clock.now_ms
        self._pass_over()
        self._is_stopped = False

    def stop(self):
        """Rest; the body goes on."""
        self._is_stopped = True

    def late_us(self, _permille):
        """How late samples are taken: this front end's own clock takes them."""
        return 0

    def _produced(self):
        return (self._clock.now_ms - self._began_ms) * self.rate_hz // 1000

    def read_into(self, block):
        """Fill `block` (array('h'), samples x channels) and return True, or False when fewer samples wait."""
        count = len(block) // self.channels
        produced = self._produced()
        if self._kept < 0 and produced - self._taken > self._ring_samples:
            self._kept = self._taken + self._ring_samples
        end = produced if self._kept < 0 else self._kept
        if end - self._taken < count:
            return False
        self._play(block, count)
        self._taken += count
        return True

    def lead_off(self):
        """Bits of the channels whose electrodes are off: this front end can't tell."""
        return 0

    def take_lost(self):
        """Samples lost behind those read, once the ring is empty after an overrun; else 0."""
        return 0 if self._kept < 0 else self._pass_over()

    def _pass_over(self):
        """Move on to this moment; return the samples that are lost by that."""
        lost = self._produced() - self._taken
        for _ in range(lost):
            self._advance(1)
        self._taken += lost
        self._kept = -1
        return lost

    # Playing

    def _enter_step(self, step):
        self._step = step
        self._pos = self._played = 0
        self._motor_started = False
        self._take = 0
        self._left, self._limit_ms = 1 << 29, 1
        if step < len(self._steps):
            self._take, until, _, self._limit_ms, _ = self._steps[step]
            self._left = self._limit_ms * self.rate_hz // 1000 if until == UNTIL_TIME else -1
            if step:
                self._tell("step {}".format(step))
        else:
            self._tell("script done")

    def _advance(self, count):
        """Move on by `count` samples within the take; the script follows."""
        self._pos = (self._pos + count) % self._takes[self._take][1]
        self._played += count
        if self.is_done:
            return
        if self._left < 0:
            self._listen()
        else:
            self._left -= count
            if self._left <= 0:
                self._enter_step(self._step + 1)

    def _listen(self):
        _, until, _, limit_ms, reaction_ms = self._steps[self._step]
        if limit_ms and self._played * 1000 >= limit_ms * self.rate_hz:
            self._enter_step(self._step + 1)
        elif until == UNTIL_MOTOR_RESTS and self._motor_started and self._has_been_quiet():
            self._left = reaction_ms * self.rate_hz // 1000
            if self._left == 0:
                self._enter_step(self._step + 1)

    def _has_been_quiet(self):
        return not self._motor_is_on and self._clock.now_ms - self._motor_off_ms >= _QUIET_MS

    def _play(self, block, count):
        first, length = self._takes[self._take]
        run = min(count, length - self._pos)
        view = memoryview(block)
        self._file.seek(self._emg_at + 2 * self.channels * (first + self._pos))
        self._file.readinto(view[: run * self.channels])
        if run < count:
            self._file.seek(self._emg_at + 2 * self.channels * first)
            self._file.readinto(view[run * self.channels :])
        due = (self._pos + self._divider - 1) // self._divider * self._divider  # where the next reading was taken
        self._reading_at = -1
        if due < self._pos + count:
            self._reading_at = self._imu_at + 12 * ((first + due % length) // self._divider)
        if self._motor_is_on and self._artefact_counts:
            self._shake(block, count)
        self._advance(count)

    def _shake(self, block, count):
        for i in range(count):
            added = _ARTEFACT[self._phase] * self._artefact_counts >> 6
            self._phase = (self._phase + 1) % len(_ARTEFACT)
            for at in range(i * self.channels, (i + 1) * self.channels):
                block[at] = max(-self._rail, min(self._rail, block[at] + added))

    def read_imu_into(self, reading):
        """Fill `reading` (array('h') of six counts) with the IMU's reading at the last block, if there was one."""
        if self._is_stopped and self._began_ms is not None:
            self._pass_over()
            self._reading_at = self._imu_at + 12 * ((self._takes[self._take][0] + self._pos) // self._divider)
        if self._reading_at < 0:
            return False
        self._file.seek(self._reading_at)
        self._file.readinto(reading)
        return True


class Imu:
    """The role `imu` of a body."""

    def __init__(self, body):
        self._body = body

    def read_into(self, reading):
        """Six counts: ax ay az gx gy gz; False when no reading belongs to the last block."""
        return self._body.read_imu_into(reading)
