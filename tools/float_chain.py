"""The kernel's chain in float64, by SciPy, with the coefficients as designed, not rounded: what the integers mean.

In:     counts (samples, channels) at the rate of tools/design_filters.py
Out:    levels and envelopes of every block, causal like the device; or an envelope of every sample that has no delay
Source: tools/design_filters.py; `scipy.signal`
"""

from __future__ import annotations

from typing import Any

import design_filters
import numpy as np
from numpy.typing import NDArray
from scipy import signal

from mmc_core.sample import BLOCK_SAMPLES

Floats = NDArray[np.float64]
RATE_HZ = design_filters.RATE_HZ
SMOOTH_HZ = 6.0  # of the envelope without delay: a step is at half its height when it happens, at 20 % 25 ms before
MIRRORED = 1000  # samples beyond either end


def sections(mains_hz: int = 50) -> Floats:
    """High-pass, notch (0: none) and low-pass as rows of second-order sections."""
    chosen = [design_filters.ideal_highpass(design_filters.HIGHPASS_HZ, RATE_HZ)]
    if mains_hz:
        chosen.append(design_filters.ideal_notch(mains_hz, RATE_HZ))
    chosen.append(design_filters.ideal_lowpass(design_filters.LOWPASS_HZ, RATE_HZ))
    return np.array([[*one.b, *one.a] for one in chosen])


def _pole(values: Floats, delay_ms: float) -> Floats:
    """One pole at the rate of blocks, with a delay at 0 Hz."""
    taken = design_filters.smoothing(delay_ms)
    return np.asarray(signal.lfilter([taken], [1, taken - 1], values, axis=0))


def causal(counts: NDArray[Any], mains_hz: int = 50) -> tuple[Floats, Floats, Floats]:
    """(level, envelope, display envelope) after each block, in counts, (blocks, channels) each."""
    blocks = len(counts) // BLOCK_SAMPLES
    filtered = np.asarray(signal.sosfilt(sections(mains_hz), counts[: blocks * BLOCK_SAMPLES].astype(float), axis=0))
    level = np.abs(filtered).reshape(blocks, BLOCK_SAMPLES, -1).mean(axis=1)
    pole_ms = design_filters.envelope_pole_ms(RATE_HZ)
    envelope = _pole(_pole(level, pole_ms), pole_ms)
    return level, envelope, _pole(envelope, design_filters.DISPLAY_DELAY_MS - design_filters.ENVELOPE_DELAY_MS)


def without_delay(counts: NDArray[Any], mains_hz: int = 50) -> Floats:
    """Envelope of one channel, in counts, a value per sample, that looks ahead as far as it looks back.

    The chain's gain without its phase (`sosfiltfilt` would apply the gain twice and read 5 % low), rectified, then a
    Butterworth low-pass of order 2 forwards and backwards.
    """
    wide = np.pad(counts.astype(float), MIRRORED, "reflect")
    spectrum = np.fft.rfft(wide)
    _, response = signal.sosfreqz(sections(mains_hz), np.fft.rfftfreq(len(wide), 1 / RATE_HZ), fs=RATE_HZ)
    rectified = np.abs(np.fft.irfft(spectrum * np.abs(response), len(wide)))
    smooth = signal.butter(2, SMOOTH_HZ, fs=RATE_HZ, output="sos")
    return np.asarray(signal.sosfiltfilt(smooth, rectified))[MIRRORED:-MIRRORED]
