"""Signal kernel: a block of EMG counts to envelopes, fast level and quality of each channel, in integers, in place.

In:    array('h') of block_samples x channels counts, interleaved, |count << shift| <= 2^14; whether the motor shakes
       the electrodes; bits of channels whose electrodes are off
Out:   `out[channel]`, an array whose words OUT_... (chain.py, features.py, onset.py) hold the result until
       the next block
State: the same arrays
Cost:  nothing allocated; `python tools/instructions.py` counts what the device executes
Source: `tools/design_filters.py` makes the coefficients (coeffs.py), `tools/make_kernel.py` the chain (chain.py)

While the motor shakes the electrodes the filters run on and the envelopes stand still: they go on from where they
were, so that neither the beginning nor the end of a buzz is a jump.
"""

from array import array

from mmc_core import chain, coeffs, features, onset
from mmc_core.compat import unsigned
from mmc_core.errors import UsageError
from mmc_core.sample import BLOCK_SAMPLES

MAX_PERMILLE = 4095
_MAINS_LIMIT_Q8 = 192  # three quarters of the level: clean recordings stay below 57 %
_DEAD_BAND = 8  # of zero crossings, counts after the shift
_ONE_Q14 = 1 << 14
_FULL = 1 << 14


class Kernel:
    """The chain for up to four channels; the constructor allocates, `process` fills `out` in place."""

    def __init__(self, channels, shift, rail_counts, mains_hz, **options):
        """channels: 1 to 4; shift: left shift that brings the rail near 2^14; mains_hz: 0 (no notch), 50 or 60.

        Options: highpass and lowpass (on), harmonic (off): notch at twice the mains too; block_samples: 1 to 64;
        nv_per_count: scale of a count before the shift; tables: coefficients of another rate.
        """
        if rail_counts << shift > _FULL:
            raise UsageError("rail {} << {} leaves the kernel's 15 bits".format(rail_counts, shift))
        tables = self._tables = options.get("tables", coeffs)
        self._harmonic = options.get("harmonic", False)
        self.block_samples = options.get("block_samples", BLOCK_SAMPLES)
        self.filtered = array("I", bytes(4 * self.block_samples * channels))
        self.channels = channels
        self.out = [array("I", bytes(4 * onset.ALL_WORDS)) for _ in range(channels)]
        self._header = array("I", bytes(4 * chain.HEADER_WORDS))
        self.words = tuple(self.out + [self._header])
        self.smooth = _smooth_q10(tables.ENVELOPE_KEEP, self.block_samples)
        self.smooth_display = _smooth_q10(tables.DISPLAY_KEEP, self.block_samples)
        microvolt_q10 = (options.get("nv_per_count", 1000) << 10) // 1000 >> shift
        head = (rail_counts, 0, 0, self.smooth, self.smooth_display, microvolt_q10, _MAINS_LIMIT_Q8, _DEAD_BAND)
        for i in range(len(head)):
            self._header[i] = head[i]
        highpass = tables.HIGHPASS
        if not options.get("highpass", True):
            highpass = (_ONE_Q14, 2 * _ONE_Q14, _ONE_Q14)  # poles on the zeros: every sample passes unchanged
        b0, minus_a1, a2 = highpass
        self._put_section(0, b0 << shift, 0, minus_a1 - _ONE_Q14, -a2)
        b0, minus_a1, a2 = tables.LOWPASS if options.get("lowpass", True) else (0, 0, 0)
        self._put_section(3, b0, 0, minus_a1, -a2)
        self.set_mains(mains_hz)
        self.reset()
        for channel in range(channels):
            self.set_reference(channel, 0, 0)

    def set_mains(self, mains_hz):
        """Put the notch to 0 (nowhere), 50 or 60 Hz, and the other one to twice that where it is wanted."""
        self._put_notch(1, self._tables.NOTCH[mains_hz])
        self._put_notch(2, self._tables.HARMONIC[mains_hz if self._harmonic else 0])

    def search_mains(self):
        """Put the notches to 50 and 60 Hz, so that OUT_MAINS_Q3 and OUT_HARMONIC_Q3 tell which of them takes more."""
        self._put_notch(1, self._tables.NOTCH[50])
        self._put_notch(2, self._tables.NOTCH[60])

    def _put_notch(self, index, row):
        """Its past is forgotten: it belongs to the old coefficients, and the bound of 32 bits to those of one row."""
        for words in self.out:
            words[2 * index] = words[2 * index + 1] = 1 << 31
        c, h, a2 = row
        k = (h + (1 << 12)) >> 13  # the nearest half
        self._put_section(index, c, k, h - (k << 13), a2 - _ONE_Q14)

    def _put_section(self, index, b0, k, a1r, a2):
        at = chain.SECTIONS + 4 * index
        self._header[at] = b0
        self._header[at + 1] = k
        self._header[at + 2] = a1r + (1 << 31)
        self._header[at + 3] = a2 + (1 << 31)

    def set_reference(self, channel, reference_q3, unit_q18):
        """Scale a channel: reference_q3 (counts/8, shifted like the input) counts as 1000; 0: unit_q18 multiplies
        instead.

        unit_q18: output units per count/8, times 2^18.
        """
        gain = 1000 * (1 << 18) // reference_q3 if reference_q3 else unit_q18
        gain = min(gain, (1 << 30) - 1)
        words = self.out[channel]
        words[chain.GAIN] = gain
        # The product of gain and what passes the ceiling stays below 2^30, so that the output is MAX_PERMILLE at most.
        words[chain.CEILING] = ((1 << 30) - 1) // gain if gain else 0

    def process(self, block, blank=False, lead_off=0):
        """Run a block; `out` holds the result until the next call. blank: the motor shakes the electrodes."""
        header = self._header
        header[1] = lead_off
        header[2] = 1 if blank else 0
        header[3] = 0 if blank else self.smooth
        header[4] = 0 if blank else self.smooth_display
        chain.filter_block(self.block_samples, self.channels, self.words, unsigned(block), self.filtered)
        features.measure_block(self.block_samples, self.channels, self.words, self.filtered)
        onset.find_onsets(self.channels, 0, self.words)

    def reset(self):
        """Forget the past, as after a gap; references stay."""
        for words in self.out:
            for i in range(len(words)):
                if i not in (chain.GAIN, chain.CEILING):
                    words[i] = 1 << 31 if i < chain.STATES else 0
            words[chain.CHANNEL_WORDS] = words[chain.CHANNEL_WORDS + 1] = chain.BIAS  # samples before the first


def _smooth_q10(keep_q15, samples):
    """What a pole that keeps keep_q15 of itself per sample takes in of a block's mean, Q10."""
    keep = 1 << 15
    for _ in range(samples):
        keep = (keep * keep_q15 + (1 << 14)) >> 15
    return ((1 << 15) - keep) >> 5
