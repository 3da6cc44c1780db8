"""Does a contraction begin? And was it one, or a spike: an electrode touched, a cable moved?

In:    words: each channel's array after `filter_block` and `measure_block`; x: channels; y: scratch
Out:   in each channel's array OUT_ONSET, OUT_ACTIVE, OUT_SPIKE, and a bit of its quality
State: in each channel's array the other words
Cost:  nothing allocated; `python tools/instructions.py` counts it
Source: Teager-Kaiser energy against the level at rest: Solnik et al. 2010 (doi 10.1007/s00421-010-1521-8); double
       threshold: Bonato et al. 1998; constants tuned on recorded bursts, DESIGN says how

Energy is measure_block's: steps of 1/16 octave. A contraction begins when the energy of 9 of the last 12 blocks is 36
steps (4.8 times) over its level at rest, and is dated back to the first block of them; it ends after 16 blocks near
rest. A spike is told from a contraction by its being alone: its range is four times that of what came before and of
what comes after; what follows it within 300 ms is marked.
"""

from mmc_core.compat import const, micropython, ptr32

ALL_WORDS = const(63)  # of a channel, chain.py's and features.py's included
OUT_ONSET = const(44)  # 1 + age in blocks of a contraction whose beginning was decided in this block; else 0
OUT_ACTIVE = const(45)  # 1 from that block to the one that decides its end
OUT_SPIKE = const(46)  # 1: a spike passed within the last 300 ms

_QUALITY = const(19)  # of chain.py: OUT_QUALITY
_RANGE = const(25)  # of chain.py: OUT_RANGE
_ENERGY = const(43)  # of features.py: OUT_ENERGY
_BASE = const(29)  # energy at rest, Q8
_FAST = const(30)  # energy, smoothed, Q8
_HISTORY = const(31)  # bit k: k blocks ago the energy was over the limit
_QUIET = const(32)
_PEAK = const(33)  # Q8
_CREEP = const(34)
_SEEN = const(35)
_AT = const(36)
_HELD = const(37)
_LAST_RANGE = const(38)
_PAIRS = const(47)  # 16 words: greatest range of two blocks, as a ring


@micropython.viper
def find_onsets(x: int, y: int, words):
    channels = x
    channel = 0
    while channel < channels:
        S = ptr32(words[channel])
        # Spikes. A ring of the greatest range of two blocks: now, 2 to 5 blocks ago, 6 to 13 blocks ago
        x = S[_RANGE]
        y = S[_LAST_RANGE]
        S[_LAST_RANGE] = x
        if y > x:
            x = y
        at = (S[_AT] + 1) & 15
        S[_AT] = at
        S[_PAIRS + at] = x
        now = x
        x = S[_PAIRS + ((at - 2) & 15)]
        y = S[_PAIRS + ((at - 4) & 15)]
        if y > x:
            x = y
        y = S[_PAIRS + ((at - 6) & 15)]
        i = 8
        while i < 13:
            before = S[_PAIRS + ((at - i) & 15)]
            if before > y:
                y = before
            i += 2
        rise = 0
        if x > 5120:
            if x > y << 2:
                rise = 1
                if x > now << 2:
                    if S[_SEEN] > 2:
                        S[_HELD] = 30
        S[OUT_ONSET] = 0
        S[OUT_SPIKE] = 0
        base = S[_BASE]
        fast = S[_FAST]
        energy = S[_ENERGY]
        seen = S[_SEEN]
        judge = 1
        if S[_HELD]:
            S[_HELD] = S[_HELD] - 1
            S[OUT_SPIKE] = 1
            S[_QUALITY] = S[_QUALITY] | 8
            S[_HISTORY] = 0
            judge = 0
        if judge:
            if seen < 16:
                # the first blocks: the least smoothed energy among them is the first idea of rest
                seen += 1
                if seen == 1:
                    fast = energy << 8
                    base = 1 << 20
                fast += ((energy << 8) - fast) >> 2
                if seen > 3:
                    if fast < base:
                        base = fast
                if seen < 16:
                    judge = 0
        if judge:
            if energy < (fast >> 8) - 32:
                energy = (fast >> 8) - 32
            limit = (base >> 8) + 36
            if limit < 192:
                limit = 192
            fast += ((energy << 8) - fast) >> 3
            x = (S[_HISTORY] << 1) & 4095
            if energy > limit:
                x = x | 1
            S[_HISTORY] = x
            y = (energy << 8) - base
            if fast < base - 8192:
                base = fast  # the level fell for good
                y = 0
            if S[OUT_ACTIVE]:
                if fast > S[_PEAK]:
                    S[_PEAK] = fast
                if y < 0:
                    base += y >> 7
                x = S[_CREEP] + 1
                if x > 127:
                    x = 0
                    base += 256
                S[_CREEP] = x
                x = (base >> 8) + 24
                if x < 184:
                    x = 184
                y = (S[_PEAK] >> 8) - 72
                if x < y:
                    x = y
                y = 0
                if (fast >> 8) < x:
                    y = S[_QUIET] + 1
                S[_QUIET] = y
                if y > 15:
                    S[OUT_ACTIVE] = 0
                    S[_QUIET] = 0
                    S[_HISTORY] = 0
                    if fast > base + 4608:
                        base = fast
            else:
                i = x - ((x >> 1) & 1365)
                i = (i & 819) + ((i >> 2) & 819)
                i = (i + (i >> 4)) & 3855
                i = (i + (i >> 8)) & 15
                if i > 8:
                    if rise == 0:
                        i = 0
                        while x >> i:
                            i += 1
                        S[OUT_ONSET] = i
                        S[OUT_ACTIVE] = 1
                        S[_QUIET] = 0
                        S[_CREEP] = 0
                        S[_PEAK] = fast
                else:
                    if y <= 0:
                        base += y >> 7
                    else:
                        if energy <= limit:
                            base += y >> 7
        S[_SEEN] = seen
        S[_BASE] = base
        S[_FAST] = fast
        channel += 1
