"""The whole way of a block on the device: samples to features, events, at most one cue, and records. Read this first.

In:    a block of EMG counts with the counter behind its last sample, an IMU reading, whether the motor is busy
Out:   `step` returns the cue to play now; `write_records` hands what there is to log to a writer
State: kernel, coach, cue policy; the feature frame and IMU readings under way
Cost:  `step` allocates nothing; `write_records` does, a few hundred bytes when a record is due
Source: house plan: data goes left to right, the shell fetches, calls and applies

The shell calls `step` first, starts the motor, and only then writes records: a buzz never waits for the log.
"""

from array import array

from mmc_core import event, record
from mmc_core.chain import OUT_DISPLAY, OUT_ENVELOPE, OUT_FAST, OUT_QUALITY
from mmc_core.coach.plan import Plan
from mmc_core.coach.team import Coach
from mmc_core.compat import const
from mmc_core.cue import CuePolicy
from mmc_core.fitting import make_kernel
from mmc_core.sample import BLOCK_SAMPLES, QUALITY_BITS

FRAME_BLOCKS = const(5)  # blocks of one feature frame: 50 ms
RECORD_FRAMES = const(10)  # frames of one features record
IMU_BLOCKS = const(10)  # blocks from one logged IMU reading to the next
RECORD_READINGS = const(5)  # readings of one IMU record
IMU_WORDS = const(4)  # ax ay az |gyro|
IMU_SHIFT = const(4)  # 16-bit counts to the log's 12 bits


class Pipeline:
    """One session's signal path.

    config: the settings in force. facts: the board's. numbers: those of the program, by their places in
    program.py, or None: train as you like.
    """

    def __init__(self, config, facts, numbers=None):
        channels = facts.EMG_CHANNELS
        self.kernel = make_kernel(config, facts)
        self.coach = Coach(config, facts)
        self.plan = Plan(numbers, config, self.coach.outbox) if numbers else None
        self.cue = CuePolicy(config, self.coach.outbox)
        self.cue.counts = self.plan is None or not self.plan.has_signals
        self.cues = 0
        self._packer = None
        if config["log_mode"] == "raw":
            from mmc_core.rice import Packer  # once there it stays: viper's code is never freed

            self._packer = Packer(channels)
        self._imu = None
        self._values = array("h", bytes(2 * RECORD_FRAMES * channels))
        self._readings = array("h", bytes(2 * RECORD_READINGS * IMU_WORDS))
        self._frame_t = self._imu_t = 0
        self._blocks = 0  # of the feature record under way
        self._motor = self._quality = 0
        self._imu_blocks = 0
        self._imu_motor = 0
        self._cue = event.CUE_NONE

    def step(self, block, t_samples, imu, motor_busy, lead_off=0):
        """Process one block; return the pattern to play now. `t_samples` counts the block's samples already.

        lead_off: bits of the channels whose electrodes are off, as the front end says.
        """
        kernel = self.kernel
        kernel.process(block, motor_busy, lead_off)
        coach, cue = self.coach, self.cue
        coach.step(kernel.out, imu, t_samples, motor_busy)
        command = event.CUE_NONE
        if self.plan is not None:
            command = self._follow_plan(t_samples)
        for at in range(coach.outbox.count):
            cue.hear(at)
        self._cue = cue.next(motor_busy, t_samples, coach.motion.speed_dps, command)
        if self._cue != event.CUE_NONE:
            coach.hear_cue(self._cue, t_samples)
        self._collect_frame(kernel.out, motor_busy)
        self._imu = imu
        if imu is not None:
            self._collect_reading(imu, t_samples, motor_busy)
        return self._cue

    def skip_rest(self):
        """The wearer does not want to wait, or has had enough of the set."""
        if self.plan is not None:
            self.plan.skips = True
        else:
            self.coach.ends_set = True

    def _follow_plan(self, t_samples):
        coach, plan = self.coach, self.plan
        words = self.kernel.out[coach.target]
        plan.step(words[OUT_ENVELOPE], words[OUT_FAST], coach.usable >> coach.target & 1, t_samples)
        if plan.set_is_over:
            coach.ends_set = True
        return plan.command

    def _collect_frame(self, out, motor_busy):
        frame = self._blocks // FRAME_BLOCKS
        channels = self.kernel.channels
        for channel in range(channels):
            self._values[frame * channels + channel] = out[channel][OUT_DISPLAY]
            quality = out[channel][OUT_QUALITY]
            self._quality |= (quality & 15 | quality >> 3 & 2) << (QUALITY_BITS * channel)
        if motor_busy:
            self._motor |= 1 << frame
        self._blocks += 1

    def _collect_reading(self, imu, t_samples, motor_busy):
        if self._imu_blocks == 0:
            self._imu_t = t_samples - BLOCK_SAMPLES
        if self._imu_blocks % IMU_BLOCKS == 0:
            reading = self._imu_blocks // IMU_BLOCKS
            at = reading * IMU_WORDS
            for axis in range(3):
                self._readings[at + axis] = imu[axis] >> IMU_SHIFT
            self._readings[at + 3] = _length(imu[3] >> IMU_SHIFT, imu[4] >> IMU_SHIFT, imu[5] >> IMU_SHIFT)
            if motor_busy:
                self._imu_motor |= 1 << reading
        self._imu_blocks += 1

    def write_records(self, write, block, t_samples, motor_busy):
        """Hand what the last step made to write(kind, values, tail, count); call it after every step.

        write: returns how many bytes its page has left, or None; raw blocks are packed to fill it.
        """
        self._write_events(write, motor_busy)
        if self._cue != event.CUE_NONE:
            self.cues += 1
            cue = self.cue
            values = (t_samples, event.EVENT_CUE, cue.channel, cue.value, cue.threshold, self._cue, 0)
            self._write(write, record.EVENT, values, None, 0)
        packer = self._packer
        if packer is not None and packer.add(block, self._imu, motor_busy, t_samples - BLOCK_SAMPLES):
            self._flush_raw(write)
        if self._blocks == FRAME_BLOCKS * RECORD_FRAMES:
            self._flush_frames(write)
        # A block without a reading ends the record too: readings in one record follow each other in time.
        imu_end = self._imu_t + self._imu_blocks * BLOCK_SAMPLES
        if self._imu_blocks == IMU_BLOCKS * RECORD_READINGS or t_samples != imu_end:
            self._flush_imu(write)

    def _write(self, write, kind, values, tail, count):
        room = write(kind, values, tail, count)
        if self._packer is not None:
            self._packer.fit(room)

    @property
    def is_raw(self):
        """The signal itself goes into the log."""
        return self._packer is not None

    def end_raw(self, write):
        """From here on the log has no signal any more; the rest goes on."""
        self._flush_raw(write)
        self._packer = None

    def skip(self, write, t_samples, lost_samples, cause):
        """Samples were lost behind `t_samples`: close the frame under way and say so. The filters ride over it."""
        self._flush(write)
        self._write(write, record.GAP, (t_samples, lost_samples, cause), None, 0)
        self._frame_t = t_samples + lost_samples

    def close(self, write, t_samples):
        """The session ends: end a hold that is on, write what is under way."""
        self.coach.close(t_samples)
        if self.plan is not None:
            self.plan.close(t_samples)
        self._write_events(write, False)
        self._flush(write)

    def _flush(self, write):
        """Write what is under way, however little; the next records begin behind it."""
        self._flush_raw(write)
        self._flush_frames(write)
        self._flush_imu(write)

    def _flush_raw(self, write):
        packer = self._packer
        if packer is not None and packer.size():
            values = (packer.t_samples, BLOCK_SAMPLES, self.kernel.channels, packer.blocks, packer.carried)
            room = write(record.PACKED, values, packer.out, packer.size())
            packer.cut()
            packer.fit(room)

    def _flush_frames(self, write):
        frames = (self._blocks + FRAME_BLOCKS - 1) // FRAME_BLOCKS
        if frames == 0:
            return
        last_samples = (self._blocks - (frames - 1) * FRAME_BLOCKS) * BLOCK_SAMPLES
        channels = self.kernel.channels
        frame_samples = FRAME_BLOCKS * BLOCK_SAMPLES
        values = (self._frame_t, frame_samples, frames, last_samples, channels, self._motor, self._quality)
        self._write(write, record.FEATURES, values, self._values, frames * channels)
        self._frame_t += self._blocks * BLOCK_SAMPLES
        self._blocks = self._motor = self._quality = 0

    def _flush_imu(self, write):
        readings = (self._imu_blocks + IMU_BLOCKS - 1) // IMU_BLOCKS
        if readings:
            values = (self._imu_t, IMU_BLOCKS * BLOCK_SAMPLES, readings, self._imu_motor)
            self._write(write, record.IMU, values, self._readings, readings * IMU_WORDS)
        self._imu_blocks = self._imu_motor = 0

    def _write_events(self, write, motor_busy):
        box = self.coach.outbox
        motor = 1 if motor_busy else 0
        for i in range(box.count):
            values = (box.times[i], box.kinds[i], box.channels[i], box.values[i], box.thresholds[i], box.reasons[i])
            self._write(write, record.EVENT, values + (motor,), None, 0)


def _length(x, y, z):
    """Length of a vector of 12-bit integers, rounded down, at most 4095."""
    square = x * x + y * y + z * z
    root = 0
    bit = 1 << 24
    while bit > square:
        bit >>= 2
    while bit:
        if square >= root + bit:
            square -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return min(root, 4095)
