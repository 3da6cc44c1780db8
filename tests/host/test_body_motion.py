"""Synthetic motion: gravity, and gyroscope and accelerometer that tell of the same turn."""

from dataclasses import replace

import numpy as np
import pytest

from mmc_host.body import motion
from mmc_host.body.motion import Posture

STILL = Posture(tremor_g=0.0, drift_deg=0.0, move_deg=0.0, accel_noise_g=0.0, gyro_noise_dps=0.0)


def test_a_still_wrist_reads_gravity_alone() -> None:
    gravity = (0.6, 0.0, 0.8)
    accel_g, gyro_dps = motion.inertial(100, replace(STILL, gravity=gravity), (0.2,), np.random.default_rng(0))
    assert accel_g == pytest.approx(np.tile(gravity, (100, 1)))
    assert np.all(gyro_dps == 0)


def test_both_sensors_tell_of_the_same_turn() -> None:
    posture = replace(STILL, drift_deg=3.0, move_deg=10.0)
    accel_g, gyro_dps = motion.inertial(1000, posture, (2.0, 5.0), np.random.default_rng(1))
    assert np.linalg.norm(accel_g, axis=1) == pytest.approx(np.ones(1000))
    # turning by +angle about y moves the reading (0, 0, 1) towards -x: ax = -sin(angle), az = cos(angle)
    tilt_deg = np.degrees(np.arctan2(-accel_g[:, 0], accel_g[:, 2]))
    turned_deg = np.cumsum((gyro_dps[1:, 1] + gyro_dps[:-1, 1]) / 2) / 100 + tilt_deg[0]
    assert turned_deg == pytest.approx(tilt_deg[1:], abs=0.05)
    assert tilt_deg[230] - tilt_deg[200] == pytest.approx(10, abs=1.5)  # middle of the first move, drift beside it
    assert np.all(gyro_dps[:, [0, 2]] == 0)


def test_a_move_goes_there_and_back_in_its_time() -> None:
    angle = motion.angle_deg(300, replace(STILL, move_deg=4.0), (1.0,), np.random.default_rng(0))
    assert angle[130] == pytest.approx(4.0)
    assert angle[115] == pytest.approx(2.0)
    assert np.all(angle[:101] == 0)
    assert np.abs(angle[160:]).max() < 1e-9


def test_drift_is_bounded_and_joins_its_end() -> None:
    angle = motion.angle_deg(2000, replace(STILL, drift_deg=2.0), (), np.random.default_rng(2))
    assert 0.2 < np.abs(angle).max() <= 2.0
    assert angle[0] == 0
    assert abs(angle[-1]) < 0.05


def test_tremor_has_its_size_and_its_band() -> None:
    accel_g, _ = motion.inertial(6000, replace(STILL, tremor_g=0.003), (), np.random.default_rng(3))
    shake = accel_g - [0, 0, 1]
    assert np.std(shake, axis=0) == pytest.approx([0.003] * 3, rel=5 / np.sqrt(2 * 2 * 4 * 60))
    spectrum = np.abs(np.fft.rfft(shake, axis=0)) ** 2
    hz = np.fft.rfftfreq(6000, 0.01)
    assert spectrum[(hz < 7.99) | (hz > 12.01)].sum() < 1e-12 * spectrum.sum()


def test_sensor_noise_and_seed() -> None:
    posture = replace(STILL, accel_noise_g=0.002, gyro_noise_dps=0.1)
    accel_g, gyro_dps = motion.inertial(10_000, posture, (), np.random.default_rng(4))
    assert np.std(accel_g, axis=0) == pytest.approx([0.002] * 3, rel=0.04)
    assert np.std(gyro_dps, axis=0) == pytest.approx([0.1] * 3, rel=0.04)
    again = motion.inertial(10_000, posture, (), np.random.default_rng(4))
    assert np.array_equal(accel_g, again[0])
    assert np.array_equal(gyro_dps, again[1])
