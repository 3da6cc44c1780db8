"""MPU-6050, register by register: sleeps after power-on, converts at its sample rate, tells once that data is ready.

In:    what the sensor feels, in milli-g and degrees per second; time in microseconds
Out:   what I2C reads
State: registers, when the last sample was taken
Cost:  reads allocate nothing
Source: register map RM-MPU-6000A: addresses, reset values, scales, bits; start-up times from the product specification
"""

from mmc_sim.bus import BusMisuse, Registers

SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG = 0x19, 0x1A, 0x1B, 0x1C
INT_STATUS, ACCEL_XOUT_H, GYRO_ZOUT_L = 0x3A, 0x3B, 0x48
PWR_MGMT_1, WHO_AM_I = 0x6B, 0x75
DEVICE_RESET, SLEEP, CLOCK = 0x80, 0x40, 0x07
DATA_RDY = 0x01
RESET_US = 50_000
START_UP_US = 30_000
GYRO_MILLICOUNTS_PER_DPS = (131_000, 65_500, 32_800, 16_400)

_TABLE = (
    (SMPLRT_DIV, 0x00, 0xFF),
    (CONFIG, 0x00, 0x07),  # external synchronisation is not wired
    (GYRO_CONFIG, 0x00, 0x18),  # the self test is not modelled
    (ACCEL_CONFIG, 0x00, 0x18),
    (INT_STATUS, 0x00, 0x00),
    (PWR_MGMT_1, SLEEP, 0xC7),
    (WHO_AM_I, 0x68, 0x00),
) + tuple((register, 0x00, 0x00) for register in range(ACCEL_XOUT_H, GYRO_ZOUT_L + 1))


class Mpu6050(Registers):
    """The chip. `identity` may be another's; `is_dead`: it answers and never converts."""

    def __init__(self, time, identity=0x68):
        Registers.__init__(self, _TABLE)
        self._time = time
        self._identity = identity
        self.values[WHO_AM_I] = identity
        self.accel_mg = [0, 0, 0]
        self.gyro_dps = [0, 0, 0]
        self.is_dead = False
        self.other_status = 0x00  # interrupts other than data ready
        self._reset_at_us = -RESET_US
        self._awake_at_us = 0
        self._samples = 0  # taken since it is awake

    @property
    def is_asleep(self):
        """Whether nothing is converted."""
        return bool(self.values[PWR_MGMT_1] & SLEEP)

    def wrote(self, register):
        """Reset, sleep and waking."""
        now_us = self._time.now_us
        if now_us - self._reset_at_us < RESET_US:
            raise BusMisuse("written to while it resets")
        if register != PWR_MGMT_1:
            if self.is_asleep:
                raise BusMisuse("register 0x{:02X} is written to while it sleeps".format(register))
            return
        value = self.values[PWR_MGMT_1]
        if value & DEVICE_RESET:
            self.reset_values()
            self.values[WHO_AM_I] = self._identity
            self._reset_at_us = now_us
        elif not value & SLEEP:
            if value & CLOCK != 1:
                raise BusMisuse("the data sheet wants a gyro axis as its clock")
            self._awake_at_us = now_us + START_UP_US
            self._samples = 0

    def fetch(self, register):
        """The status is forgotten once read; output registers are taken over at the start of a transfer."""
        if register == PWR_MGMT_1 and self._time.now_us - self._reset_at_us < RESET_US:
            return DEVICE_RESET | SLEEP
        value = self.values[register]
        if register == INT_STATUS:
            self.values[INT_STATUS] = 0
            return value | self.other_status
        return value

    def read_into(self, register, buffer):
        """One read transfer."""
        if INT_STATUS <= register <= ACCEL_XOUT_H:
            self._convert()
        Registers.read_into(self, register, buffer)

    def _convert(self):
        """Take the samples that are due; the newest stays."""
        if self.is_asleep or self.is_dead or self._time.now_us < self._awake_at_us:
            return
        base_hz = 1000 if 1 <= self.values[CONFIG] <= 6 else 8000
        period_us = 1_000_000 // base_hz * (1 + self.values[SMPLRT_DIV])
        due = (self._time.now_us - self._awake_at_us) // period_us
        if due == self._samples:
            return
        self._samples = due
        for axis in range(3):
            per_g = 16384 >> (self.values[ACCEL_CONFIG] >> 3)
            per_dps = GYRO_MILLICOUNTS_PER_DPS[self.values[GYRO_CONFIG] >> 3]
            self._put(ACCEL_XOUT_H + 2 * axis, self.accel_mg[axis] * per_g // 1000)
            self._put(ACCEL_XOUT_H + 8 + 2 * axis, self.gyro_dps[axis] * per_dps // 1000)
        self._put(ACCEL_XOUT_H + 6, -521)  # 35 degrees centigrade, between the two
        self.values[INT_STATUS] |= DATA_RDY

    def _put(self, register, counts):
        counts = max(-32768, min(32767, counts))
        self.values[register] = (counts >> 8) & 0xFF
        self.values[register + 1] = counts & 0xFF
