"""MPU-6050: accelerometer and gyroscope over I2C.

In:    an I2C bus; rate and ranges
Out:   six counts ax ay az gx gy gz in the caller's array('h'); `accel_counts_per_g`, `gyro_counts_per_1000_dps`
State: one transfer buffer
Cost:  one transfer of 15 bytes per reading, 0.4 ms at 400 kHz; nothing allocated
Source: RM-MPU-6000A, register map, sections 4.2 to 4.18 and 4.28; product specification 6.2 for scales

Clones with other identities are refused: some of them have another filter behind the same register.
Not certain without hardware: that a transfer which begins at the status takes a coherent set of all axes.
"""

import time

from mmc_core.compat import const

_ADDRESS = const(0x68)  # 0x69 with AD0 high
_SMPLRT_DIV = const(0x19)
_CONFIG = const(0x1A)
_GYRO_CONFIG = const(0x1B)
_ACCEL_CONFIG = const(0x1C)
_INT_STATUS = const(0x3A)  # the outputs lie right behind it: accelerometer, temperature, gyroscope, high bytes first
_PWR_MGMT_1 = const(0x6B)
_WHO_AM_I = const(0x75)

_IDENTITY = const(0x68)
_RESET = const(0x80)
_SLEEP = const(0x40)
_AWAKE = const(0x01)  # clocked by the gyroscope's x axis
_DATA_READY = const(0x01)

_RESET_MS = const(100)
_START_UP_MS = const(50)
_ENODEV = const(19)
_EIO = const(5)

# Range, its bits, counts per unit.
_ACCEL_RANGES = ((2, 0x00, 16384), (4, 0x08, 8192), (8, 0x10, 4096), (16, 0x18, 2048))
_GYRO_RANGES = ((250, 0x00, 131000), (500, 0x08, 65500), (1000, 0x10, 32800), (2000, 0x18, 16400))
# Rate in Hz, divider of 1 kHz less one, filter: 21, 44, 94, 184 Hz.
_RATES = ((50, 19, 4), (100, 9, 3), (200, 4, 2), (500, 1, 1), (1000, 0, 1))


class Mpu6050:
    """The role `imu`."""

    def __init__(self, bus, address=_ADDRESS):
        self._bus = bus
        self._address = address
        self._one = bytearray(1)
        self._raw = bytearray(15)
        self.accel_counts_per_g = self.gyro_counts_per_1000_dps = 0

    def begin(self, rate_hz, accel_range_g, gyro_range_dps):
        """Check who answers, reset, convert. Rates and ranges are those of the tables above, others: ValueError."""
        divider, low_pass = self._row(_RATES, rate_hz)
        accel_bits, self.accel_counts_per_g = self._row(_ACCEL_RANGES, accel_range_g)
        gyro_bits, self.gyro_counts_per_1000_dps = self._row(_GYRO_RANGES, gyro_range_dps)
        identity = self._get(_WHO_AM_I)
        if identity != _IDENTITY:
            self._fail(_ENODEV, _WHO_AM_I, "identity 0x{:02X}, not 0x{:02X}".format(identity, _IDENTITY))
        self._put(_PWR_MGMT_1, _RESET)
        time.sleep_ms(_RESET_MS)
        if self._get(_PWR_MGMT_1) != _SLEEP:
            self._fail(_EIO, _PWR_MGMT_1, "no reset")
        self._set(_PWR_MGMT_1, _AWAKE)
        self._set(_SMPLRT_DIV, divider)
        self._set(_CONFIG, low_pass)
        self._set(_GYRO_CONFIG, gyro_bits)
        self._set(_ACCEL_CONFIG, accel_bits)
        time.sleep_ms(_START_UP_MS)

    def read_into(self, reading):
        """Fill `reading` (array('h') of six) and return True, or False when nothing new has been converted."""
        raw = self._raw
        try:
            self._bus.readfrom_mem_into(self._address, _INT_STATUS, raw)
        except OSError as error:
            self._fail(error.errno, _INT_STATUS, "not read")
        if not raw[0] & _DATA_READY:
            return False
        at = 1
        for i in range(6):
            if i == 3:
                at += 2  # the temperature
            reading[i] = ((raw[at] << 8 | raw[at + 1]) ^ 0x8000) - 0x8000
            at += 2
        return True

    def stop(self):
        """Sleep."""
        self._put(_PWR_MGMT_1, _SLEEP)

    def _row(self, table, wanted):
        for row in table:
            if row[0] == wanted:
                return row[1:]
        raise ValueError("MPU-6050: {} is no rate or range of it".format(wanted))

    def _get(self, register):
        try:
            self._bus.readfrom_mem_into(self._address, register, self._one)
        except OSError as error:
            self._fail(error.errno, register, "not read")
        return self._one[0]

    def _put(self, register, value):
        self._one[0] = value
        try:
            self._bus.writeto_mem(self._address, register, self._one)
        except OSError as error:
            self._fail(error.errno, register, "not written")

    def _set(self, register, value):
        """Write and read back."""
        self._put(register, value)
        got = self._get(register)
        if got != value:
            self._fail(_EIO, register, "0x{:02X} written, 0x{:02X} read".format(value, got))

    def _fail(self, errno, register, what):
        raise OSError(errno, "MPU-6050 0x{:02X} register 0x{:02X}: {}".format(self._address, register, what))
