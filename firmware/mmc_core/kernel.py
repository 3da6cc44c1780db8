"""Signal kernel: a block of EMG counts to envelope, fast level and quality per channel, in integers, in place.

In:    array('h') of samples x channels counts, interleaved, |count << shift| <= 2^14
Out:   per channel an array('i') of OUT_WORDS: envelope and mean rectified level of the block (permille of the
       reference, or microvolt when there is none; 0 to 4095), quality bits, envelope in counts/8
State: per channel an array('i') of STATE_WORDS: filter memory, then constants
Cost:  nothing allocated; per sample and channel 13 multiplications by Python's count, no division
Source: `tools/design_filters.py` makes the coefficients (coeffs.py names each filter and its source)

Chain and Q-formats, all inside signed 32 bits on any input (`tests/core/test_kernel.py` proves the bounds by worst-case
gain): count << shift, Q0, 15 bits -> high-pass 20 Hz, transposed form II, 3 multiplications, coefficients Q14, the
fraction dropped is fed back so that DC error is nil -> mains notch, same form -> rectify -> state-variable low-pass,
state Q3 -> permille by one multiplication, Q18.

One source, three executors: the device compiles this text as viper, CPython runs it as it stands. What is loaded from a
32-bit array is sign-extended by hand, because a 64-bit build loads it zero-extended.
"""

from array import array

from mmc_core import coeffs
from mmc_core.compat import micropython, ptr16, ptr32
from mmc_core.errors import UsageError

OUT_WORDS = 4
OUT_ENVELOPE, OUT_FAST, OUT_QUALITY, OUT_Q3 = 0, 1, 2, 3

STATE_WORDS = 18
_HIGHPASS, _NOTCH, _ENVELOPE, _GAIN, _CEILING, _SHIFT, _RAIL = 6, 9, 12, 14, 15, 16, 17
MAX_PERMILLE = 4095


@micropython.viper
def _run(x: int, y: int, S: ptr32, src: ptr16, out: ptr32, n: int, channels: int, channel: int):
    # x and y come first because the device's compiler keeps the first two locals in registers; they are scratch.
    sign = 1
    sign = sign << 31  # not a literal: it would be beyond a small integer
    mask = sign + sign - 1
    h1 = ((S[0] & mask) ^ sign) - sign
    h2 = ((S[1] & mask) ^ sign) - sign
    n1 = ((S[2] & mask) ^ sign) - sign
    n2 = ((S[3] & mask) ^ sign) - sign
    e = ((S[4] & mask) ^ sign) - sign
    b = ((S[5] & mask) ^ sign) - sign
    total = 0
    low = 32767
    high = -32768
    i = channel
    end = n * channels
    while i < end:
        x = ((src[i] & 0xFFFF) ^ 0x8000) - 0x8000
        if x < low:
            low = x
        if x > high:
            high = x
        x = x << S[16]
        # high-pass: b = g (1, -2, 1)
        y = S[6] * x + h1
        h1 = (y & 16383) + h2
        y = y >> 14
        h1 = S[7] * y - (S[6] + S[6]) * x + h1
        h2 = S[6] * x - S[8] * y
        # notch: b = (g, -h, g), a1 = -h
        x = S[9] * y + n1
        n1 = (x & 16383) + n2
        x = x >> 14
        n1 = (x - y) * S[10] + n1
        n2 = S[9] * y - S[11] * x
        # rectify
        if x < 0:
            x = 0 - x
        total += x
        # envelope: low += f band; high = in - low - q band; band += f high; states hold three bits of fraction.
        # Rounding down takes 3.1 counts off the level on average: 3 are given back
        y = b >> 3
        e = (S[12] * y >> 14) + e
        x = x + 3 - (e >> 3) - (S[13] * y >> 14)
        b = (S[12] * x >> 14) + b
        i += channels
    S[0] = h1
    S[1] = h2
    S[2] = n1
    S[3] = n2
    S[4] = e
    S[5] = b
    if e < 0:
        e = 0
    out[3] = e
    if e > S[15]:
        e = S[15]
    out[0] = e * S[14] >> 18
    e = (total << 3) // n
    if e > S[15]:
        e = S[15]
    out[1] = e * S[14] >> 18
    y = 0
    if high >= S[17]:
        y = 1
    if low <= 0 - S[17]:
        y = 1
    if high == low:
        y = y + 2
    out[2] = y


class Kernel:
    """The chain for up to four channels; the constructor allocates, `process` fills `out` in place."""

    def __init__(self, channels, shift, rail_counts, mains_hz):
        """channels: 1 to 4; shift: left shift that brings the rail near 2^14; mains_hz: 0 (no notch), 50 or 60."""
        if rail_counts << shift > 1 << 14:
            raise UsageError("rail {} << {} leaves the kernel's 15 bits".format(rail_counts, shift))
        self.channels = channels
        self.out = [array("i", bytes(4 * OUT_WORDS)) for _ in range(channels)]
        self._states = [array("i", bytes(4 * STATE_WORDS)) for _ in range(channels)]
        for channel, state in enumerate(self._states):
            for first, values in (
                (_HIGHPASS, coeffs.HIGHPASS_20_HZ),
                (_NOTCH, coeffs.NOTCH[mains_hz]),
                (_ENVELOPE, coeffs.ENVELOPE_6_HZ),
            ):
                for i in range(len(values)):
                    state[first + i] = values[i]
            state[_SHIFT] = shift
            state[_RAIL] = rail_counts
            self.set_reference(channel, 0, 0)

    def set_reference(self, channel, reference_q3, unit_q18):
        """Scale a channel: reference_q3 (counts/8, shifted like the input) counts as 1000; 0: unit_q18 multiplies
        instead.

        unit_q18: output units per count/8, times 2^18.
        """
        gain = 1000 * (1 << 18) // reference_q3 if reference_q3 else unit_q18
        gain = min(gain, (1 << 30) - 1)
        state = self._states[channel]
        state[_GAIN] = gain
        # The product of gain and what passes the ceiling stays below 2^30, so that the output is MAX_PERMILLE at most.
        state[_CEILING] = ((1 << 30) - 1) // gain if gain else 0

    def process(self, block, n):
        """Run `n` samples per channel (1 to 64) of the block; `out` holds the result until the next call."""
        for channel in range(self.channels):
            _run(0, 0, self._states[channel], block, self.out[channel], n, self.channels, channel)

    def reset(self):
        """Forget the filters' past, as after a gap; references stay."""
        for state in self._states:
            for i in range(_HIGHPASS):
                state[i] = 0
