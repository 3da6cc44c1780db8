"""Synthetic surface EMG in microvolt: spectrum-shaped noise under an activation curve, and all that spoils a recording.

In:     activation per muscle (fraction of a maximum voluntary contraction, MVC), muscles, surroundings, a generator
Out:    microvolt at the skin, samples x channels
State:  none; the same generator state gives the same samples

Model and sources:
- spectrum P(f) ~ fh^4 f^2 / ((f^2 + fl^2) (f^2 + fh^2)^2) of Shwedyk, Balasubramanian and Scott 1977, "A nonstationary
  model for the electromyogram" (IEEE Trans Biomed Eng 24:417), as Stulen and De Luca 1981 (28:515) use it, with
  fh = 2 fl, so that its median is 1.595 fl; medians of 90 Hz (biceps) and 85 Hz (triceps) at half of the maximum are
  those of Krivickas et al. 1998 (31 people)
- the mean rectified value is proportional to the activation: that is what "percent of MVC" means for a device that
  knows nothing but EMG
- unsteadiness in proportion to the signal (Jones, Hamilton and Wolpert 2002, J Neurophysiol 88:1533), below 3 Hz
- fatigue: while the muscle works above a level, slower conduction stretches the waveform in time (Stulen and De Luca:
  the spectrum keeps its shape and is compressed), and the amplitude rises; sizes are of the order seen in cyclic curls
  to exhaustion, where the median frequency fell by a quarter and the amplitude rose by half
- mains and its odd harmonics, slow drift of the electrodes, white noise of electrode and amplifier, and crosstalk as a
  plain share of the other muscles' signals
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmc_host.body.bodyfile import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]

TOP_HZ = 450.0  # the front end lets nothing above through
MEDIAN_PER_LOW = 1.5951  # median frequency of the spectrum over its lower corner, for corners in the ratio 1:2
RECTIFIED_PER_RMS = math.sqrt(2 / math.pi)  # of Gaussian noise

_OVERSAMPLING = 4  # of the noise that fatigue stretches in time
_UNSTEADY_HZ = 3.0
_HIGHPASS_HZ = 20.0  # of the device's chain; a level that it shall read is raised by what it takes away


@dataclass(frozen=True)
class Muscle:
    """A muscle under a pair of electrodes.

    Attributes:
        name: SENIAM name.
        mvc_uv: mean rectified EMG at activation 1, microvolt.
        median_hz: median frequency of the rested muscle, 40 to 150 Hz.
        unsteadiness: standard deviation of slow fluctuations as a share of the activation.
        fatigue_level: activation above which the muscle tires.
        endurance_s: seconds of full activation above that level that tire it fully.
        tired_median: median frequency of the fully tired muscle as a share of `median_hz`, at most 1.
        tired_gain: amplitude of the fully tired muscle as a share of the rested one's.
    """

    name: str
    mvc_uv: float
    median_hz: float
    unsteadiness: float = 0.03
    fatigue_level: float = 0.15
    endurance_s: float = 30.0
    tired_median: float = 0.7
    tired_gain: float = 1.6


@dataclass(frozen=True)
class Surroundings:
    """What gets into the signal beside the muscle, the same for all channels.

    Attributes:
        noise_uv: white noise of electrode and amplifier, RMS microvolt.
        mains_hz: frequency of the mains.
        mains_uv: peak of its fundamental, microvolt.
        harmonics: (order, share of the fundamental) of what the mains' waveform also holds.
        drift_uv: largest slow shift of the baseline, microvolt.
        crosstalk: share of each other muscle's signal that a channel also picks up.
    """

    noise_uv: float = 1.5
    mains_hz: float = 50.0
    mains_uv: float = 8.0
    harmonics: tuple[tuple[int, float], ...] = ((3, 0.15), (5, 0.08))
    drift_uv: float = 20.0
    crosstalk: float = 0.0


def power_density(hz: Samples, median_hz: float) -> Samples:
    """Spectrum of surface EMG with a given median frequency, unscaled, zero above TOP_HZ."""
    low = median_hz / MEDIAN_PER_LOW
    high = 2 * low
    density = high**4 * hz**2 / ((hz**2 + low**2) * (hz**2 + high**2) ** 2)
    return density * (hz <= TOP_HZ)


def shaped_noise(n_samples: int, median_hz: float, rng: np.random.Generator, *, oversampling: int = 1) -> Samples:
    """Gaussian noise of RMS 1 with the spectrum of surface EMG; its end joins its beginning without a seam.

    Args:
        n_samples: at RATE_HZ times `oversampling`, at least 1.
        median_hz: median frequency of the spectrum.
        rng: where the noise comes from.
        oversampling: how many times finer than RATE_HZ.
    """
    import numpy as np

    hz = np.asarray(np.fft.rfftfreq(n_samples, 1 / (RATE_HZ * oversampling)), dtype=np.float64)
    density = power_density(hz, median_hz)
    twice = np.full(len(hz), 2.0)  # every bin stands for its negative frequency too
    twice[0] = 1.0
    if n_samples % 2 == 0:
        twice[-1] = 1.0
    power = float(np.sum(density * twice)) / n_samples
    spectrum = np.fft.rfft(rng.standard_normal(n_samples)) * np.sqrt(density / max(power, 1e-300))
    return np.fft.irfft(spectrum, n_samples)


def rest_noise_uv(n_samples: int, level_uv: float, rng: np.random.Generator, median_hz: float = 80.0) -> Samples:
    """Noise as of a resting muscle, whose mean rectified value behind a 20-Hz high-pass of order 2 is `level_uv`."""
    import numpy as np

    hz = np.arange(0.0, TOP_HZ, 0.5)
    density = power_density(hz, median_hz)
    passed = 1 / (1 + (_HIGHPASS_HZ / np.maximum(hz, 1e-9)) ** 4)  # power gain of the Butterworth high-pass
    kept = math.sqrt(float(np.sum(density * passed) / np.sum(density)))
    return shaped_noise(n_samples, median_hz, rng) * (level_uv / RECTIFIED_PER_RMS / kept)


def tiredness(activation: Samples, muscle: Muscle) -> Samples:
    """How tired the muscle is at each sample: 0 rested, 1 fully tired."""
    import numpy as np

    load = np.maximum(activation - muscle.fatigue_level, 0.0)
    return np.minimum(np.cumsum(load) / (RATE_HZ * muscle.endurance_s), 1.0)


def _slow_noise(n_samples: int, rng: np.random.Generator) -> Samples:
    """Gaussian noise of RMS 1 that holds nothing faster than _UNSTEADY_HZ."""
    import numpy as np

    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    kept = np.fft.rfftfreq(n_samples, 1 / RATE_HZ) <= _UNSTEADY_HZ
    kept[0] = False
    share = 2 * np.count_nonzero(kept) / n_samples
    return np.fft.irfft(spectrum * kept, n_samples) / math.sqrt(max(share, 1e-300))


def muscle_uv(activation: Samples, muscle: Muscle, rng: np.random.Generator) -> Samples:
    """EMG of one muscle alone, microvolt.

    Args:
        activation: fraction of MVC at each sample, 0 or more.
        muscle: whose EMG.
        rng: where the noise comes from.
    """
    import numpy as np
    from scipy.interpolate import CubicSpline

    tired = tiredness(activation, muscle)
    fine = shaped_noise(_OVERSAMPLING * (len(activation) + 2), muscle.median_hz, rng, oversampling=_OVERSAMPLING)
    pace = 1 - (1 - muscle.tired_median) * tired  # a stretched waveform is passed through more slowly
    at = _OVERSAMPLING * (np.cumsum(pace) - pace[0])
    wave: Samples = np.asarray(CubicSpline(np.arange(len(fine)), fine)(at), dtype=np.float64)
    steady = np.maximum(1 + muscle.unsteadiness * _slow_noise(len(activation), rng), 0.0)
    gain = 1 + (muscle.tired_gain - 1) * tired
    return wave * activation * steady * gain * (muscle.mvc_uv / RECTIFIED_PER_RMS)


def _mains_uv(n_samples: int, channel: int, surroundings: Surroundings) -> Samples:
    """Mains on one channel; the phase at sample 0 is fixed, so that stretches of whole 100 ms join without a seam."""
    import numpy as np

    angle = 2 * math.pi * surroundings.mains_hz * np.arange(n_samples) / RATE_HZ + 0.7 * channel
    parts = [share * np.sin(order * angle) for order, share in ((1, 1.0), *surroundings.harmonics)]
    return surroundings.mains_uv * np.sum(parts, axis=0)


def _drift_uv(n_samples: int, surroundings: Surroundings, rng: np.random.Generator) -> Samples:
    """Slow drift that is zero at both ends: sines of whole cycles, the fastest below 0.5 Hz."""
    import numpy as np

    cycles = np.arange(1, max(2, n_samples // (2 * RATE_HZ)))[:6]
    weights = rng.uniform(-1, 1, len(cycles)) / cycles
    angle = 2 * math.pi * np.outer(np.arange(n_samples) / n_samples, cycles)
    return surroundings.drift_uv * (np.sin(angle) @ weights) / float(np.sum(1 / cycles))


def surface_emg_uv(
    activation: Samples, muscles: Sequence[Muscle], surroundings: Surroundings, rng: np.random.Generator
) -> Samples:
    """EMG of all channels as the front end sees it, microvolt, samples x channels.

    Args:
        activation: samples x channels, fraction of MVC, 0 or more.
        muscles: one per channel.
        surroundings: what else is in the signal.
        rng: where all that is random comes from.
    """
    import numpy as np

    n_samples = len(activation)
    sources = np.stack([muscle_uv(activation[:, i], muscle, rng) for i, muscle in enumerate(muscles)], axis=1)
    heard = sources + surroundings.crosstalk * (np.sum(sources, axis=1, keepdims=True) - sources)
    for channel in range(len(muscles)):
        heard[:, channel] += surroundings.noise_uv * rng.standard_normal(n_samples)
        heard[:, channel] += _mains_uv(n_samples, channel, surroundings)
        heard[:, channel] += _drift_uv(n_samples, surroundings, rng)
    return heard
