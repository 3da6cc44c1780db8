"""What else a block says of a muscle: its power, its zero crossings, how fast it swings.

In:    words: each channel's array after `filter_block`, then the header; z: the filtered samples + BIAS; x, y: samples
       per channel and channels, scratch afterwards
Out:   in each channel's array the words from OUT_SQUARE on
State: in each channel's array the words before
Cost:  nothing allocated; `python tools/instructions.py` counts it
Source: Hjorth 1970 (mobility); Kaiser 1990 (energy, the Teager-Kaiser operator)

Sums of products use a block's own scale: samples are shifted right until the sum of their magnitudes is below 2^14, so
that the sum of their squares is below 2^28, whatever comes in.
"""

from mmc_core.compat import const, micropython, ptr32

OUT_SQUARE = const(39)  # mean square of the block: counts^2 = this << OUT_EXPONENT
OUT_EXPONENT = const(40)
OUT_CROSSINGS = const(41)  # zero crossings of the block that passed both sides of the dead band
OUT_MOBILITY_Q12 = const(42)  # squared mobility: power of the differences over power; Q12, 0 to 4
OUT_ENERGY = const(43)  # 16 log2 of the Teager-Kaiser energy of the block, 0 to 1000

_BIAS = const(65536)
_LEVEL_Q3 = const(22)  # of chain.py: OUT_LEVEL_Q3
_DEAD_BAND = const(7)  # of the header: counts
_Z1 = const(26)  # the last sample and the one before, + BIAS
_Z2 = const(27)
_SIGN = const(28)


@micropython.viper
def measure_block(x: int, y: int, words, z: ptr32):  # pyright: ignore[reportGeneralTypeIssues]
    n = x
    channels = y
    H = ptr32(words[channels])
    dead_band = H[_DEAD_BAND]
    end = n * channels
    channel = 0
    while channel < channels:
        S = ptr32(words[channel])
        first = S[_Z1] - _BIAS
        w = S[_Z2] - _BIAS
        # scale
        y = ((S[_LEVEL_Q3] + 1) * n >> 3) + 1
        x = first
        if x < 0:
            x = 0 - x
        y += x
        x = w
        if x < 0:
            x = 0 - x
        y += x
        shift = 0
        while y >> 14:
            y = y >> 1
            shift += 1
        first = first >> shift
        w = w >> shift
        limit = (dead_band >> shift) + 1
        low = 0 - limit
        sign = S[_SIGN]
        crossings = 0
        squares = 0
        lag_1 = 0
        lag_2 = 0
        v = first
        last = end + channel
        y = 0 - end
        while y:
            x = y + last
            x = (z[x] - _BIAS) >> shift
            squares = x * x + squares
            lag_1 = x * v + lag_1
            lag_2 = x * w + lag_2
            w = v
            v = x
            if sign:
                if x < low:
                    sign = 0
                    crossings += 1
            else:
                if x > limit:
                    sign = 1
                    crossings += 1
            y += channels
        S[_SIGN] = sign
        S[OUT_CROSSINGS] = crossings
        i = S[_Z1]
        if n > 1:
            i = z[end - channels - channels + channel]
        S[_Z2] = i
        S[_Z1] = z[end - channels + channel]
        S[OUT_SQUARE] = squares // n
        S[OUT_EXPONENT] = shift + shift
        before = squares - v * v + first * first  # the squares one sample earlier
        x = squares + before - lag_1 - lag_1
        if x > squares << 2:
            x = squares << 2  # a loud past; what a block alone can have at most
        i = 0
        if squares > 4194303:
            i = x // (squares >> 12)
        else:
            if squares > 65535:
                i = (x << 6) // (squares >> 6)
            else:
                if squares:
                    i = (x << 12) // squares
        S[OUT_MOBILITY_Q12] = i
        # Teager-Kaiser energy: the sum of z1 z1 - z z2
        x = before - lag_2
        i = 0
        if x > 0:
            y = 0
            if x > 65535:
                y = 16
            if (x >> y) > 255:
                y += 8
            if (x >> y) > 15:
                y += 4
            if (x >> y) > 3:
                y += 2
            if (x >> y) > 1:
                y += 1
            if y > 4:
                i = x >> (y - 4)
            else:
                i = x << (4 - y)
            i = ((y + shift + shift) << 4) + (i & 15)
        S[OUT_ENERGY] = i
        channel += 1
