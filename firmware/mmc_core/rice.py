"""Raw EMG without loss in about half its bytes: each sample's difference from a forecast, in Rice's code.

In:    a block of counts, interleaved; the IMU reading that came with it, or None; whether the motor ran
Out:   the bytes of packed records in `out`; `pack` returns the bit behind the block
State: per channel the two samples before, the mean of what is coded, and how far each forecast was off lately
Cost:  nothing allocated; `python tools/truth_rice.py` measures it
Source: R. F. Rice, Some practical universal noiseless coding techniques, JPL 79-22 (1979); forecasts fitted to surface
       EMG at 1 kHz, and one that any offset passes; FORMAT.md has the bits, mmc_host/unpacking.py goes the other way

A record begins with each channel's forecast and parameter, so that a lost page costs only itself and the block that was
cut at its ends. Behind that both ends follow the parameter by the samples that went before.
"""

from array import array

from mmc_core.compat import const, micropython, ptr8, ptr16, ptr32, unsigned
from mmc_core.sample import BLOCK_SAMPLES

FIELD_BYTES = const(10)  # of a record before its tail
MAX_BYTES = const(234)  # of its tail: together what a page holds
BLOCK_BYTES = const(170)  # a block of 4 channels is no longer
_LEAST = const(34)  # bytes of a record: less is not worth its fields
LONGEST_UNARY = const(12)  # so many ones: the sample itself follows
PLAIN = const(13)  # from this parameter on a difference takes 16 bits
IMU_WORDS = const(6)
MOTOR = const(1)  # the motor ran or spun down
READING = const(2)  # an IMU reading comes with the block
_FRESH = const(4)  # first block of a record
_FRESH_IMU = const(8)  # first reading of a record
_CHANNELS = const(0)
_SAMPLES = const(1)
_HEAD = const(2)  # words before those of the channels
_WORDS = const(9)  # of a channel: x1 x2 (unsigned 16 bits), mean (Q4), parameter, forecast, four sums of what it missed
_MEAN = const(2)
_PARAMETER = const(3)
_FORECAST = const(4)
_MISSED = const(5)


@micropython.viper
def pack(at: int, flags: int, words, emg: ptr16, imu: ptr16, out: ptr8) -> int:
    """Write a block behind bit `at`; return the bit behind it."""
    H = ptr32(words)
    channels = H[_CHANNELS]
    total = channels + (flags >> 1 & 1) * IMU_WORDS
    p = at >> 3
    pending = at & 7
    acc = 0
    if pending:
        acc = out[p] >> 8 - pending
    acc = acc << 2 | flags & 3
    pending += 2
    channel = 0
    base = _HEAD
    while channel < total:
        i = channel
        if channel < channels:
            src = emg
            step = channels
            n = H[_SAMPLES] * channels
            fresh = flags & _FRESH
            look = fresh  # one block of a record tells enough
        else:
            src = imu
            step = IMU_WORDS
            i -= channels
            n = IMU_WORDS
            fresh = flags & _FRESH_IMU
            look = 1
        x1 = (H[base] ^ 0x8000) - 0x8000
        x2 = (H[base + 1] ^ 0x8000) - 0x8000
        mean = H[base + _MEAN]
        k = H[base + _PARAMETER]
        best = H[base + _FORECAST]
        e0 = H[base + _MISSED]
        e1 = H[base + _MISSED + 1]
        e2 = H[base + _MISSED + 2]
        e3 = H[base + _MISSED + 3]
        if fresh:
            best = 0
            z = e0
            if e1 < z:
                best = 1
                z = e1
            if e2 < z:
                best = 2
                z = e2
            if e3 < z:
                best = 3
            H[base + _FORECAST] = best
            x1 = 0
            x2 = 0
            mean = 24 << k
            acc = acc << 6 | best << 4 | k
            pending += 6
        if look:
            e0 -= e0 >> 3
            e1 -= e1 >> 3
            e2 -= e2 >> 3
            e3 -= e3 >> 3
        a = 3
        b = 1
        if best == 1:
            a = 5
            b = 2
        if best == 2:
            a = 6
            b = 3
        if best == 3:
            a = 6
            b = 2
        while i < n:
            x = (src[i] ^ 0x8000) - 0x8000
            i += step
            if look:  # how far is each forecast off?
                z = x - (3 * x1 - x2 >> 2)
                if z < 0:
                    z = 0 - z
                e0 += z
                z = x - (5 * x1 - 2 * x2 >> 2)
                if z < 0:
                    z = 0 - z
                e1 += z
                z = x - (6 * x1 - 3 * x2 >> 2)
                if z < 0:
                    z = 0 - z
                e2 += z
                z = x - (6 * x1 - 2 * x2 >> 2)
                if z < 0:
                    z = 0 - z
                e3 += z
            # difference in 16 bits, sign last
            z = x - (a * x1 - b * x2 >> 2)
            z = ((z & 0xFFFF) ^ 0x8000) - 0x8000
            z = z + z
            if z < 0:
                z = 0 - z - 1
            x2 = x1
            x1 = x
            width = k
            if fresh:
                x2 = x
                fresh = 0
            else:  # the parameter follows the mean
                mean += z - (mean >> 4)
                x = mean >> 4
                while x >> k > 1:
                    k += 1
                while k and x >> k == 0:
                    k -= 1
            # code, after room was made for it: at most 7 bits wait
            while pending >= 8:
                pending -= 8
                out[p] = acc >> pending
                p += 1
                acc = acc & (1 << pending) - 1
            if width < PLAIN:
                x = z >> width
                if x < LONGEST_UNARY:
                    acc = (acc + 1 << x) - 1 << 1
                    pending += x + 1
                    z = z & (1 << width) - 1
                else:
                    acc = (acc + 1 << LONGEST_UNARY) - 1
                    pending += LONGEST_UNARY
                    z = x1 & 0xFFFF
                    width = 16
                while pending >= 8:
                    pending -= 8
                    out[p] = acc >> pending
                    p += 1
                    acc = acc & (1 << pending) - 1
            else:
                width = 16
            acc = acc << width | z
            pending += width
        H[base] = x1 & 0xFFFF
        H[base + 1] = x2 & 0xFFFF
        H[base + _MEAN] = mean
        H[base + _PARAMETER] = k
        H[base + _MISSED] = e0
        H[base + _MISSED + 1] = e1
        H[base + _MISSED + 2] = e2
        H[base + _MISSED + 3] = e3
        base += _WORDS
        channel += 1
    while pending >= 8:
        pending -= 8
        out[p] = acc >> pending
        p += 1
        acc = acc & (1 << pending) - 1
    if pending:
        out[p] = acc << 8 - pending
    return (p << 3) + pending


class Packer:
    """The packed record under way: `add` blocks; when that says so, write `size()` bytes of `out`, then `cut`."""

    def __init__(self, channels):
        self._words = array("I", bytes(4 * (_HEAD + _WORDS * (channels + IMU_WORDS))))
        self._words[_CHANNELS] = channels
        self._words[_SAMPLES] = BLOCK_SAMPLES
        self.out = bytearray(MAX_BYTES + BLOCK_BYTES)
        self.t_samples = 0  # before the first block that begins in this record
        self.blocks = self.carried = 0  # blocks that begin in it; bytes before them that end the record before
        self._at = 0
        self._fresh_imu = _FRESH_IMU
        self._end = MAX_BYTES

    def fit(self, room):
        """End the record where its page ends, unless that is too soon. room: bytes left there, 0 or None: not known."""
        self._end = MAX_BYTES
        if room is not None and room >= _LEAST and self._at <= room - FIELD_BYTES << 3:
            self._end = room - FIELD_BYTES

    def add(self, block, imu, motor_busy, t_samples):
        """Take the block that begins at t_samples; True when the record is full."""
        flags = MOTOR if motor_busy else 0
        if self.blocks == 0:
            self.t_samples = t_samples
            flags |= _FRESH
        if imu is None:
            imu = block
        else:
            flags |= READING | self._fresh_imu
            self._fresh_imu = 0
        self._at = pack(self._at, flags, self._words, unsigned(block), unsigned(imu), self.out)
        self.blocks += 1
        return self._at >= self._end << 3

    def size(self):
        """Bytes of the record's tail so far; what is beyond its end goes to the next one."""
        return min((self._at + 7) >> 3, self._end)

    def cut(self):
        """Begin the next record with what did not fit."""
        size = self.size()
        self.carried = (self._at + 7 >> 3) - size
        self.out[: self.carried] = self.out[size : size + self.carried]
        self.t_samples += self.blocks * BLOCK_SAMPLES
        self._at = self.carried << 3
        self.blocks = 0
        self._fresh_imu = _FRESH_IMU
        self._end = MAX_BYTES
