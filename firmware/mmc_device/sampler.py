"""Sampler: front end to blocks, with a counter that misses nothing.

In:    the board's `emg` role (a ring that an interrupt, DMA or FIFO fills) and `imu` role
Out:   blocks of counts and the sample counter; losses with their place and length
State: the counter, one block buffer, one IMU buffer; whether the front end converts, and when it last gave something
Cost:  nothing allocated per block
Source: losses are the loudest complaint of users of such devices: every sample is either in a block or in a counted gap
"""

from array import array

from mmc_core.compat import const
from mmc_core.sample import BLOCK_SAMPLES

CAUSE_OVERRUN = 1
CAUSE_SILENT = 3  # the front end gave nothing, and was begun anew
IMU_WORDS = 6

_AGAIN_MS = const(1000)  # a front end that refuses is asked again, one that is silent is begun anew
_AWAY_MS = const(1800000)  # after so long nobody knows whether the electrodes stayed where they were
_ALL = const(15)


class Sampler:
    """Pulls blocks out of the front end's ring."""

    def __init__(self, emg, imu, facts):
        self._emg = emg
        self._imu = imu
        self._block_words = BLOCK_SAMPLES * facts.EMG_CHANNELS
        self.block = array("h", bytes(2 * self._block_words))
        self.imu = array("h", bytes(2 * IMU_WORDS))
        self._has_reading = False
        self.is_awake = False
        self.cause = CAUSE_OVERRUN  # of the newest loss
        self._next_ms = 0  # when the front end may be begun again
        self._was_heard = False  # since the last `check`
        self._heard_ms = 0  # when it last gave something
        self._silent_samples = 0  # that it should have given since
        self._was_away = self._is_first = False  # it rested for long; this is the first block behind that
        self.imu_error = 0  # error number of the newest reading that failed, until somebody takes note
        self.samples = 0  # taken since `restart`
        self.lost_samples = 0  # since `restart`

    def wake(self, now_ms):
        """Have the front end convert, if it does not. Its OSError is raised; until a second later nothing is tried."""
        if self.is_awake or now_ms < self._next_ms:
            return
        self._next_ms = now_ms + _AGAIN_MS
        self._emg.begin()
        self.is_awake = True
        self._silent_samples = now_ms - self._heard_ms  # RATE_HZ is a sample per millisecond
        self._was_away = self._silent_samples > _AWAY_MS
        self._heard_ms = now_ms

    def rest(self):
        """Have the front end rest: nobody is to be measured."""
        if self.is_awake:
            self.is_awake = False
            self._emg.stop()

    def check(self, now_ms):
        """Whether the front end has given nothing for a second; it is begun anew then, and the time is a loss."""
        if self._was_heard:
            self._was_heard = False
            self._heard_ms = now_ms
        elif self.is_awake and now_ms - self._heard_ms > _AGAIN_MS:
            self.rest()
            return True
        return False

    def feel(self):
        """The newest IMU reading while the front end rests, or None."""
        return self.imu if _read(self._imu, self.imu) > 0 else None

    def restart(self):
        """Counter to zero; what waits in the ring is dropped unseen, so that sample 0 is a fresh one."""
        while self.is_awake and (self._emg.read_into(self.block) or self._emg.take_lost()):
            pass
        self.samples = self.lost_samples = self._silent_samples = 0

    @property
    def t_samples(self):
        """The counter: samples taken and lost since `restart`."""
        return self.samples + self.lost_samples

    def take_lost(self):
        """Samples lost right behind those taken so far, counted in; 0 as long as the ring has blocks or lost none."""
        lost, self._silent_samples = self._silent_samples, 0
        self.cause = CAUSE_SILENT if lost else CAUSE_OVERRUN
        if not lost and self.is_awake:
            lost = self._emg.take_lost()
        self.lost_samples += lost
        return lost

    def next_block(self):
        """Fill `block` and return True, or return False when fewer than BLOCK_SAMPLES wait."""
        if self._silent_samples or not self.is_awake or not self._emg.read_into(self.block):
            return False
        self._was_heard = True
        self._is_first, self._was_away = self._was_away, False
        self.samples += BLOCK_SAMPLES
        came = _read(self._imu, self.imu)
        self._has_reading = came > 0
        if came < 0:  # the block is good all the same
            self.imu_error = -came
        return True

    @property
    def lead_off(self):
        """Bits of the channels whose electrodes are off, or may have been; 0 as well where the front end can't tell."""
        return _ALL if self._is_first else self._emg.lead_off()

    @property
    def reading(self):
        """The IMU reading (six counts) that came with the block, or None when none did."""
        return self.imu if self._has_reading else None


def _read(imu, reading):
    """1 when a reading came, 0 when none did, else the error's number below 0."""
    try:
        return 1 if imu.read_into(reading) else 0
    except OSError as error:
        return -(error.errno or 1)
