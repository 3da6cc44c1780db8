"""LSM6DSO and LSM6DSOX, register by register: tagged FIFO of 512 words, block data update, silent overrun.

In:    what the sensor feels, in milli-g and degrees per second; time in microseconds
Out:   what I2C reads
State: registers; the FIFO as a ring of tags and counts
Cost:  reads allocate nothing
Source: AN5192 and the data sheet: addresses, reset values, scales, rates, FIFO words and their tags
"""

from array import array

from mmc_sim.bus import BusMisuse, Registers

FIFO_CTRL1, FIFO_CTRL2, FIFO_CTRL3, FIFO_CTRL4 = 0x07, 0x08, 0x09, 0x0A
WHO_AM_I, CTRL1_XL, CTRL2_G, CTRL3_C = 0x0F, 0x10, 0x11, 0x12
FIFO_STATUS1, FIFO_STATUS2, FIFO_TAG, FIFO_LAST = 0x3A, 0x3B, 0x78, 0x7E
WORDS = 512
RESET_US = 50
GYRO_TAG, ACCEL_TAG = 1, 2
MICRO_G = (61, 488, 122, 244)
MICRO_DPS = {0x0: 8750, 0x2: 4375, 0x4: 17500, 0x8: 35000, 0xC: 70000}
PERIOD_US = (0, 80_000, 38_461, 19_230, 9_615, 4_807, 2_403)  # 12.5, 26, 52, 104, 208, 416 Hz

_TABLE = (
    (FIFO_CTRL1, 0x00, 0xFF),
    (FIFO_CTRL2, 0x00, 0xD7),
    (FIFO_CTRL3, 0x00, 0xFF),
    (FIFO_CTRL4, 0x00, 0xF7),
    (WHO_AM_I, 0x6C, 0x00),
    (CTRL1_XL, 0x00, 0xFE),
    (CTRL2_G, 0x00, 0xFE),
    (CTRL3_C, 0x04, 0xFD),
    (FIFO_STATUS1, 0x00, 0x00),
    (FIFO_STATUS2, 0x00, 0x00),
) + tuple((register, 0x00, 0x00) for register in range(FIFO_TAG, FIFO_LAST + 1))


class Lsm6ds(Registers):
    """The chip. `identity` may be another's; `is_dead`: it answers and never converts."""

    def __init__(self, time, identity=0x6C):
        self._ring = array("h", bytes(2 * 4 * WORDS))  # tag, x, y, z of each word
        Registers.__init__(self, _TABLE)
        self._time = time
        self._identity = identity
        self.values[WHO_AM_I] = identity
        self.accel_mg = [0, 0, 0]
        self.gyro_dps = [0, 0, 0]
        self.is_dead = False
        self.other_status = 0x00  # flags other than overrun
        self.other_tags = False  # the FIFO gets words of another sensor too
        self._reset_at_us = -RESET_US
        self._began_us = 0
        self._slots = 0  # batched since the FIFO runs
        self._first = self._count = 0
        self._overrun = False

    def wrote(self, register):
        """Reset, rates, and what starts and empties the FIFO."""
        now_us = self._time.now_us
        values = self.values
        if now_us - self._reset_at_us < RESET_US:
            raise BusMisuse("written to while it resets")
        if register == CTRL3_C and values[CTRL3_C] & 0x01:
            self.reset_values()
            values[WHO_AM_I] = self._identity
            self._reset_at_us = now_us
            self._first = self._count = 0
        elif register == FIFO_CTRL4:
            if values[FIFO_CTRL4] & 0x07 == 0:
                self._first = self._count = 0
                self._overrun = False
            elif values[FIFO_CTRL4] & 0x07 != 0x06:
                raise BusMisuse("FIFO modes other than bypass and continuous are not modelled")
            self._began_us = now_us
            self._slots = 0
        elif register == FIFO_CTRL3:
            if values[FIFO_CTRL3] != (values[CTRL1_XL] >> 4 | values[CTRL2_G] & 0xF0):
                raise BusMisuse("batched at another rate than converted")
        elif register in (CTRL1_XL, CTRL2_G):
            if values[register] >> 4 >= len(PERIOD_US):
                raise BusMisuse("rate 0x{:X} is not modelled".format(values[register] >> 4))
            if register == CTRL2_G and values[CTRL2_G] & 0x0E not in MICRO_DPS:
                raise BusMisuse("no such range of the gyroscope")
            if register == CTRL1_XL and values[CTRL1_XL] & 0x02:
                raise BusMisuse("the second filter is not modelled")

    def fetch(self, register):
        """Status as it is now; a word leaves the FIFO with its last byte."""
        if register == CTRL3_C and self._time.now_us - self._reset_at_us < RESET_US:
            return 0x05
        if register == FIFO_STATUS1:
            return self._count & 0xFF
        if register == FIFO_STATUS2:
            overrun = 0x48 if self._overrun else 0x00
            self._overrun = False
            return self._count >> 8 | overrun | self.other_status
        if register < FIFO_TAG:
            return self.values[register]
        if not self._count:
            return 0
        at = 4 * self._first
        if register == FIFO_TAG:
            return self._ring[at]
        counts = self._ring[at + 1 + (register - FIFO_TAG - 1) // 2]
        if register == FIFO_LAST:
            self._first = (self._first + 1) % WORDS
            self._count -= 1
        return counts >> 8 & 0xFF if (register - FIFO_TAG) % 2 == 0 else counts & 0xFF

    def following(self, register):
        """The output of the FIFO is read round and round; without IF_INC nothing goes on."""
        if not self.values[CTRL3_C] & 0x04:
            return register
        return FIFO_TAG if register == FIFO_LAST else register + 1

    def read_into(self, register, buffer):
        """One read transfer."""
        if register == FIFO_TAG and len(buffer) % 7:
            raise BusMisuse("{} bytes are no whole words".format(len(buffer)))
        if register > FIFO_TAG:
            raise BusMisuse("a word begins with its tag")
        self._convert()
        Registers.read_into(self, register, buffer)

    def _convert(self):
        """Batch the slots that are due: the gyroscope, then the accelerometer."""
        values = self.values
        period_us = PERIOD_US[values[CTRL1_XL] >> 4]
        if values[FIFO_CTRL4] & 0x07 != 0x06 or values[FIFO_CTRL3] == 0 or not period_us or self.is_dead:
            return
        due = (self._time.now_us - self._began_us) // period_us
        if due - self._slots > 2 * WORDS:
            self._slots = due - 2 * WORDS  # what came before is overwritten anyway
            self._overrun = True
        micro_g = MICRO_G[values[CTRL1_XL] >> 2 & 0x03]
        micro_dps = MICRO_DPS[values[CTRL2_G] & 0x0E]
        while self._slots < due:
            if values[FIFO_CTRL3] & 0xF0:
                self.batch(GYRO_TAG, self._slots, self.gyro_dps, 1_000_000, micro_dps)
            if values[FIFO_CTRL3] & 0x0F:
                self.batch(ACCEL_TAG, self._slots, self.accel_mg, 1000, micro_g)
            if self.other_tags:
                self.batch(3, self._slots, self.accel_mg, 1, 1)
            self._slots += 1

    def batch(self, tag, slot, felt, scale, per_count):
        """Put a word into the FIFO; the oldest goes when it is full."""
        if self._count == WORDS:
            self._first = (self._first + 1) % WORDS
            self._count -= 1
            self._overrun = True
        at = (self._first + self._count) % WORDS * 4
        value = tag << 3 | (slot & 3) << 1
        parity = value ^ value >> 4
        parity ^= parity >> 2
        self._ring[at] = value | (parity ^ parity >> 1) & 1
        for axis in range(3):
            self._ring[at + 1 + axis] = max(-32768, min(32767, felt[axis] * scale // per_count))
        self._count += 1
