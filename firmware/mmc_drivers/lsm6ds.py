"""LSM6DSO and LSM6DSOX: accelerometer and gyroscope over I2C, by their FIFO.

In:    an I2C bus; rate and ranges
Out:   six counts ax ay az gx gy gz in the caller's array('h'); `accel_ug_per_count`, `gyro_udps_per_count`;
       `passed_over`: readings that a newer one replaced; `overruns`: how often the FIFO lost some before they were read
State: a transfer buffer of 16 words; the halves of a reading whose other half is still to come
Cost:  7 bytes per word, two words per reading, 0.4 ms at 400 kHz; nothing allocated
Source: LSM6DSO data sheet, register map, and AN5192, section 9 for the FIFO; scales 0.061 mg and 4.375 mdps per count

The FIFO gives accelerometer and gyroscope of one moment together, which reading the outputs does not. Whoever comes
late gets the newest reading.
Not certain without hardware: the depth of 512 words, that TAG_CNT is the same in both words of a moment, and that a
transfer rolls over from the last byte of a word to the next tag.
"""

import time

from mmc_core.compat import const

_ADDRESS = const(0x6A)  # 0x6B with SA0 high
_FIFO_CTRL3 = const(0x09)  # batching rates
_FIFO_CTRL4 = const(0x0A)  # mode
_WHO_AM_I = const(0x0F)
_CTRL1_XL = const(0x10)
_CTRL2_G = const(0x11)
_CTRL3_C = const(0x12)
_FIFO_STATUS1 = const(0x3A)  # words that wait, low byte; then two bits of it, and flags
_FIFO_DATA_OUT_TAG = const(0x78)

_IDENTITY = const(0x6C)
_RESET = const(0x05)
_AFTER_RESET = const(0x04)
_WHOLE_AND_ON = const(0x44)  # block data update; a transfer goes on with the next register
_BYPASS = const(0x00)
_CONTINUOUS = const(0x06)
_OVERRUN = const(0x40)
_GYRO = const(0x01)
_ACCEL = const(0x02)

_RESET_MS = const(10)
_START_UP_MS = const(80)
_ENODEV = const(19)
_EIO = const(5)

_BURST_WORDS = const(16)
_WORD = const(7)  # bytes

# Rate in Hz, its bits. Range, its bits, micro-g or micro-degrees per second of a count.
_RATES = ((26, 0x20), (52, 0x30), (104, 0x40), (208, 0x50), (416, 0x60))
_ACCEL_RANGES = ((2, 0x00, 61), (4, 0x08, 122), (8, 0x0C, 244), (16, 0x04, 488))
_GYRO_RANGES = ((125, 0x02, 4375), (250, 0x00, 8750), (500, 0x04, 17500), (1000, 0x08, 35000), (2000, 0x0C, 70000))


class Lsm6ds:
    """The role `imu`."""

    def __init__(self, bus, address=_ADDRESS):
        self._bus = bus
        self._address = address
        self._one = bytearray(1)
        self._status = bytearray(2)
        self._raw = bytearray(_BURST_WORDS * _WORD)
        view = memoryview(self._raw)
        self._bursts = [view[: n * _WORD] for n in range(_BURST_WORDS + 1)]
        self._accel_at = self._gyro_at = -1  # moments of the halves that wait in `_half`
        self._half = [0] * 6
        self.accel_ug_per_count = self.gyro_udps_per_count = 0
        self.passed_over = self.overruns = 0

    def begin(self, rate_hz, accel_range_g, gyro_range_dps):
        """Check who answers, reset, convert. Rates and ranges are those of the tables above, others: ValueError."""
        (rate,) = self._row(_RATES, rate_hz)
        accel_bits, self.accel_ug_per_count = self._row(_ACCEL_RANGES, accel_range_g)
        gyro_bits, self.gyro_udps_per_count = self._row(_GYRO_RANGES, gyro_range_dps)
        identity = self._get(_WHO_AM_I)
        if identity != _IDENTITY:
            self._fail(_ENODEV, _WHO_AM_I, "identity 0x{:02X}, not 0x{:02X}".format(identity, _IDENTITY))
        self._put(_CTRL3_C, _RESET)
        time.sleep_ms(_RESET_MS)
        if self._get(_CTRL3_C) != _AFTER_RESET:
            self._fail(_EIO, _CTRL3_C, "no reset")
        self._set(_CTRL3_C, _WHOLE_AND_ON)
        self._set(_CTRL1_XL, rate | accel_bits)
        self._set(_CTRL2_G, rate | gyro_bits)
        time.sleep_ms(_START_UP_MS)
        self._set(_FIFO_CTRL3, rate | rate >> 4)
        self._set(_FIFO_CTRL4, _CONTINUOUS)
        self._accel_at = self._gyro_at = -1
        self.passed_over = self.overruns = 0

    def read_into(self, reading):
        """Fill `reading` (array('h') of six) with the newest that waits and return True, or False when none does."""
        self._read(_FIFO_STATUS1, self._status)
        if self._status[1] & _OVERRUN:
            self.overruns += 1
        left = self._status[0] | (self._status[1] & 0x03) << 8
        found = 0
        while left:
            words = _BURST_WORDS if left > _BURST_WORDS else left
            self._read(_FIFO_DATA_OUT_TAG, self._bursts[words])
            for word in range(words):
                found += self._take(word * _WORD, reading)
            left -= words
        if found > 1:
            self.passed_over += found - 1
        return found > 0

    def stop(self):
        """Power down, FIFO emptied."""
        self._put(_FIFO_CTRL4, _BYPASS)
        self._put(_CTRL1_XL, 0)
        self._put(_CTRL2_G, 0)

    def _take(self, at, reading):
        """Keep a word; 1 when it completes a reading, which is in `reading` then."""
        raw = self._raw
        moment = raw[at] >> 1 & 3
        sensor = raw[at] >> 3
        if sensor == _ACCEL:
            self._accel_at = moment
            first = 0
        elif sensor == _GYRO:
            self._gyro_at = moment
            first = 3
        else:
            return 0
        half = self._half
        for i in range(first, first + 3):
            half[i] = ((raw[at + 1] | raw[at + 2] << 8) ^ 0x8000) - 0x8000
            at += 2
        if self._accel_at != self._gyro_at:
            return 0
        for i in range(6):
            reading[i] = half[i]
        self._accel_at = self._gyro_at = -1
        return 1

    def _row(self, table, wanted):
        for row in table:
            if row[0] == wanted:
                return row[1:]
        raise ValueError("LSM6DS: {} is no rate or range of it".format(wanted))

    def _read(self, register, buffer):
        try:
            self._bus.readfrom_mem_into(self._address, register, buffer)
        except OSError as error:
            self._fail(error.errno, register, "not read")

    def _get(self, register):
        self._read(register, self._one)
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
        raise OSError(errno, "LSM6DS 0x{:02X} register 0x{:02X}: {}".format(self._address, register, what))
