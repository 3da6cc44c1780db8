"""The mains finder: lines of known frequency and strength in noise, and what is no line."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mmc_core.kernel import Kernel
from mmc_core.mains import MainsFinder
from mmc_core.settings import Settings, mains_in_force_hz

SETTLE_BLOCKS = 100


def heard(signal: np.ndarray) -> int:
    """What the finder says of counts (samples, channels), the first second left out."""
    kernel = Kernel(signal.shape[1], 0, 16383, 0)
    kernel.search_mains()
    finder = MainsFinder(signal.shape[1])
    for block in range(len(signal) // 10):
        kernel.process(array("h", signal[10 * block : 10 * block + 10].astype("<i2").tobytes()))
        if block >= SETTLE_BLOCKS:
            finder.step(kernel.out)
    return finder.found_hz


def line(hz: float, peak: float, seconds: float = 3, phase: float = 0.0) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hz * np.arange(int(1000 * seconds)) / 1000 + phase)


def noise(deviation: float, seconds: float = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, deviation, int(1000 * seconds))


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([50, 60]),
    st.floats(-0.2, 0.2),
    st.floats(1.0, 2.5),
    st.floats(0, 6.28),
    st.integers(0, 1000),
)
def test_a_line_as_strong_as_the_noise_is_named(mains_hz, off_hz, strength, phase, seed):
    """Mean rectified line at least 1.7 times that of the noise in the band: 50 and 60 Hz, wandering by 0.2 Hz."""
    deviation = 40.0
    # A band of 20 to 450 Hz of white noise up to 500 Hz: 0.86 of its power. Means: 0.80 of a deviation, 0.64 of a peak.
    peak = 1.7 * strength * deviation * 0.93 * 0.80 / 0.64
    signal = line(mains_hz + off_hz, peak, phase=phase) + noise(deviation, seed=seed)
    assert heard(np.rint(signal)[:, None]) == mains_hz


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("deviation", [0.3, 2, 40, 1000])
def test_noise_alone_names_nothing(seed, deviation):
    assert heard(np.rint(noise(deviation, seed=seed))[:, None]) == 0


@pytest.mark.parametrize("level", [0, 1, -7, 3000])
def test_silence_names_nothing(level):
    assert heard(np.full((3000, 2), level)) == 0


@pytest.mark.parametrize("hz", [25, 35, 75, 100, 120, 167])
def test_a_line_elsewhere_is_no_mains(hz):
    assert heard(np.rint(line(hz, 400) + noise(20))[:, None]) == 0


def test_one_channel_that_hears_it_is_enough_and_the_loudest_decides():
    quiet = noise(20, seed=2)
    assert heard(np.rint(np.stack([quiet, line(60, 300) + quiet], axis=1))) == 60
    assert heard(np.rint(np.stack([line(50, 150) + quiet, line(60, 300) + quiet], axis=1))) == 60
    assert heard(np.rint(np.stack([line(50, 300) + quiet, line(60, 150) + quiet], axis=1))) == 50


def test_a_contraction_in_one_of_two_seconds_does_not_hide_it():
    strong = np.concatenate([np.zeros(2000), noise(2000, 1), np.zeros(0)])
    assert heard(np.rint(line(60, 200) + noise(20) + strong)[:, None]) == 60


@pytest.mark.parametrize(
    ("word", "found", "just_now", "hz"),
    [
        ("off", "60", 60, 0),
        ("50", "60", 60, 50),
        ("60", "not yet", 0, 60),
        ("auto", "not yet", 0, 50),
        ("auto", "60", 0, 60),
        ("auto", "60", 50, 50),
    ],
)
def test_where_the_notch_sits(word, found, just_now, hz):
    config = Settings()
    config.put("mains_hz", word)
    config.put("mains_found_hz", found)
    assert mains_in_force_hz(config, just_now) == hz


def test_switching_the_notches_forgets_their_past_and_keeps_the_rest():
    """From the switch on, the kernel computes what one computes that had these notches and all other states."""
    rng = np.random.default_rng(3)
    signal = rng.integers(-9000, 9000, (2000, 1)).astype("<i2")
    kernel = Kernel(1, 0, 16383, 50)
    blocks = [array("h", signal[10 * k : 10 * k + 10].tobytes()) for k in range(200)]
    for block in blocks[:50]:
        kernel.process(block)
    other = Kernel(1, 0, 16383, 60)
    for word, value in enumerate(kernel.out[0]):
        other.out[0][word] = value
    other.out[0][2] = other.out[0][3] = 1 << 31
    kernel.set_mains(60)
    for block in blocks[50:]:
        kernel.process(block)
        other.process(block)
        assert list(kernel.out[0]) == list(other.out[0])
