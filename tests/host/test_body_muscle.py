"""Synthetic EMG against the formulas it claims: spectrum, level, fatigue, mains, crosstalk, seed.

Tolerances are five standard errors of the statistic, from the noise's equivalent bandwidth, unless said otherwise.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, optimize, signal

from mmc_host.body import muscle
from mmc_host.body.muscle import Muscle, Surroundings

RATE_HZ = 1000
TIRELESS = Muscle("biceps brachii", mvc_uv=400.0, median_hz=90.0, unsteadiness=0.0, endurance_s=1e9)
SILENT = Surroundings(noise_uv=0.0, mains_uv=0.0, harmonics=(), drift_uv=0.0)


def density(hz: float, low_hz: float) -> float:
    """Shwedyk's spectrum, written anew."""
    high_hz = 2 * low_hz
    return high_hz**4 * hz**2 / ((hz**2 + low_hz**2) * (hz**2 + high_hz**2) ** 2)


def expected_median_hz(low_hz: float, top_hz: float) -> float:
    def power(to_hz: float) -> float:
        return integrate.quad(density, 0, to_hz, args=(low_hz,))[0]

    return optimize.brentq(lambda hz: power(hz) - power(top_hz) / 2, 1, top_hz)


def measured_median_hz(x: np.ndarray) -> float:
    hz, power = signal.welch(x, RATE_HZ, nperseg=1024)
    total = np.cumsum(power)
    return float(np.interp(total[-1] / 2, total, hz))


def standard_error(seconds: float, median_hz: float) -> float:
    """Of the mean rectified value of such noise, as a share of it."""
    low_hz = median_hz / 1.595
    squared = integrate.quad(lambda hz: density(hz, low_hz) ** 2, 0, 450)[0]
    bandwidth_hz = integrate.quad(density, 0, 450, args=(low_hz,))[0] ** 2 / squared
    return math.sqrt((math.pi / 2 - 1) / (2 * bandwidth_hz * seconds))


@pytest.mark.parametrize("wanted_hz", [70.0, 90.0])
def test_median_frequency_is_the_formulas(wanted_hz: float) -> None:
    whole = expected_median_hz(wanted_hz / muscle.MEDIAN_PER_LOW, 100_000.0)
    assert whole == pytest.approx(wanted_hz, rel=1e-3)  # the constant ties the median to the corners
    banded = expected_median_hz(wanted_hz / muscle.MEDIAN_PER_LOW, 450.0)
    x = muscle.shaped_noise(120 * RATE_HZ, wanted_hz, np.random.default_rng(1))
    assert measured_median_hz(x) == pytest.approx(banded, rel=0.02)
    assert banded == pytest.approx(wanted_hz, rel=0.015)


def test_power_lies_where_the_formula_puts_it() -> None:
    x = muscle.shaped_noise(120 * RATE_HZ, 90.0, np.random.default_rng(2))
    hz, power = signal.welch(x, RATE_HZ, nperseg=1000)
    low_hz = 90 / 1.595
    total = integrate.quad(density, 0, 450, args=(low_hz,))[0]
    for start, end in ((20, 60), (60, 120), (120, 250), (250, 400)):
        band = (hz >= start) & (hz <= end)
        share = integrate.trapezoid(power[band], hz[band]) / integrate.trapezoid(power, hz)
        wanted = integrate.quad(density, start, end, args=(low_hz,))[0] / total
        assert share == pytest.approx(wanted, rel=0.05)
    assert power[hz > 460].max() < 1e-6 * power.max()


def test_noise_has_rms_1_and_no_seam() -> None:
    x = muscle.shaped_noise(60 * RATE_HZ, 90.0, np.random.default_rng(3))
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1, abs=5 * standard_error(60, 90.0))
    assert abs(x[0] - x[-1]) < 5 * np.std(np.diff(x))


@pytest.mark.parametrize("level", [0.05, 0.45, 1.0])
def test_mean_rectified_value_follows_the_activation(level: float) -> None:
    x = muscle.muscle_uv(np.full(60 * RATE_HZ, level), TIRELESS, np.random.default_rng(4))
    assert np.mean(np.abs(x)) == pytest.approx(400 * level, rel=5 * standard_error(60, 90.0))


def test_activation_curve_is_followed_in_time() -> None:
    level = np.repeat([0.0, 1.0, 0.2], 10 * RATE_HZ)
    x = muscle.muscle_uv(level, TIRELESS, np.random.default_rng(5)).reshape(3, -1)
    assert np.all(x[0] == 0)
    ratio = np.mean(np.abs(x[1])) / np.mean(np.abs(x[2]))
    assert ratio == pytest.approx(5, rel=5 * math.sqrt(2) * standard_error(10, 90.0))


@pytest.mark.parametrize("level", [0.1, 0.8])
def test_unsteadiness_is_in_proportion_to_the_signal_and_slow(level: float) -> None:
    activation = np.full(60 * RATE_HZ, level)
    shaky = muscle.muscle_uv(activation, replace(TIRELESS, unsteadiness=0.05), np.random.default_rng(6))
    steady = muscle.muscle_uv(activation, TIRELESS, np.random.default_rng(6))
    factor = shaky / steady - 1
    # 180 independent cosines and sines of 3 Hz over 60 s: the variance is known to 1 / sqrt(180)
    assert np.std(factor) == pytest.approx(0.05, rel=5 / math.sqrt(2 * 360))
    spectrum = np.abs(np.fft.rfft(factor)) ** 2
    assert spectrum[np.fft.rfftfreq(len(factor), 1 / RATE_HZ) > 3.01].sum() < 1e-9 * spectrum.sum()


def test_tiredness_is_load_over_endurance() -> None:
    tired = muscle.tiredness(np.full(40 * RATE_HZ, 0.45), Muscle("x", 400.0, 90.0, endurance_s=30.0))
    assert tired[10 * RATE_HZ - 1] == pytest.approx(0.3 * 10 / 30)
    assert tired.max() == pytest.approx(0.4)
    assert np.all(muscle.tiredness(np.full(1000, 0.1), TIRELESS) == 0)
    assert muscle.tiredness(np.full(100 * RATE_HZ, 1.15), Muscle("x", 400.0, 90.0))[-1] == 1


def test_fatigue_compresses_the_spectrum_and_raises_the_amplitude() -> None:
    tiring = replace(TIRELESS, endurance_s=1.0, tired_median=0.7, tired_gain=1.6)  # tired within 2 s
    x = muscle.muscle_uv(np.full(82 * RATE_HZ, 0.65), tiring, np.random.default_rng(7))[2 * RATE_HZ :]
    rested_hz = expected_median_hz(90 / 1.595, 450.0)
    assert measured_median_hz(x) == pytest.approx(0.7 * rested_hz, rel=0.03)
    assert np.mean(np.abs(x)) == pytest.approx(1.6 * 0.65 * 400, rel=5 * standard_error(80, 63.0))


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_mains_lines_have_their_amplitudes(mains_hz: float) -> None:
    surroundings = replace(SILENT, mains_hz=mains_hz, mains_uv=8.0, harmonics=((3, 0.15), (5, 0.08)))
    x = muscle.surface_emg_uv(np.zeros((10_000, 2)), [TIRELESS] * 2, surroundings, np.random.default_rng(8))
    amplitude = 2 * np.abs(np.fft.rfft(x, axis=0)) / len(x)
    for order, wanted_uv in ((1, 8.0), (3, 1.2), (5, 0.64)):
        line = round(order * mains_hz * len(x) / RATE_HZ)
        assert amplitude[line] == pytest.approx([wanted_uv, wanted_uv], rel=1e-9)
        amplitude[line] = 0
    assert amplitude.max() < 1e-9
    assert x[:100] == pytest.approx(x[-100:], abs=1e-9)  # whole 100 ms join without a seam


def test_drift_is_slow_bounded_and_zero_at_both_ends() -> None:
    surroundings = replace(SILENT, drift_uv=20.0)
    x = muscle.surface_emg_uv(np.zeros((20_000, 1)), [TIRELESS], surroundings, np.random.default_rng(9))[:, 0]
    assert 2 < np.abs(x).max() <= 20
    assert x[0] == 0
    assert abs(x[-1]) < 0.05
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    assert spectrum[np.fft.rfftfreq(len(x), 1 / RATE_HZ) >= 0.5].sum() < 1e-12 * spectrum.sum()


def test_electrode_noise_is_white_with_its_rms() -> None:
    surroundings = replace(SILENT, noise_uv=1.5)
    x = muscle.surface_emg_uv(np.zeros((50_000, 1)), [TIRELESS], surroundings, np.random.default_rng(10))[:, 0]
    assert np.std(x) == pytest.approx(1.5, rel=5 / math.sqrt(2 * len(x)))
    halves = signal.welch(x, RATE_HZ, nperseg=500)[1][1:-1]
    assert halves[:125].mean() == pytest.approx(halves[125:].mean(), rel=0.1)


def test_crosstalk_is_a_share_of_the_other_muscle() -> None:
    activation = np.column_stack([np.full(5000, 0.5), np.zeros(5000)])
    x = muscle.surface_emg_uv(activation, [TIRELESS] * 2, replace(SILENT, crosstalk=0.1), np.random.default_rng(11))
    assert x[:, 1] == pytest.approx(0.1 * x[:, 0])
    assert np.mean(np.abs(x[:, 0])) > 100


def test_rest_noise_has_its_level_behind_the_devices_high_pass() -> None:
    x = muscle.rest_noise_uv(120 * RATE_HZ, 20.0, np.random.default_rng(12))
    passed = signal.lfilter(*signal.butter(2, 20, "highpass", fs=RATE_HZ), x)[1000:]
    assert np.mean(np.abs(passed)) == pytest.approx(20, rel=5 * standard_error(119, 80.0))
    assert np.mean(np.abs(x)) > 1.01 * np.mean(np.abs(passed))


def test_the_same_seed_gives_the_same_samples() -> None:
    activation = np.full((3000, 2), 0.4)
    first, again, other = (
        muscle.surface_emg_uv(activation, [TIRELESS] * 2, Surroundings(), np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert np.corrcoef(first[:, 0], other[:, 0])[0, 1] < 0.2
    assert np.corrcoef(first[:, 0], first[:, 1])[0, 1] < 0.2  # channels are independent
