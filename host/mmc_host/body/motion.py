"""Synthetic motion of a wrist that holds still: gravity in a posture, tremor, slow drift, a small move now and then.

In:     length, posture, times of moves, a seeded generator
Out:    accelerometer in g (standard gravity) and gyroscope in deg/s, one row per reading
State:  none; the same generator state gives the same readings

The wrist turns about one axis by a small angle; the gyroscope reads that angle's rate, and gravity turns with it the
other way, so that both sensors tell of the same motion. Sizes: physiological tremor at 8-12 Hz of a few thousandths of
a g (Elble and Koller, "Tremor", 1990), postural drift of about a degree, noise of a low-power consumer IMU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmc_host.body.bodyfile import IMU_DIVIDER, RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Readings = NDArray[np.float64]

IMU_RATE_HZ = RATE_HZ // IMU_DIVIDER
MOVE_S = 0.6  # how long one move takes
_TREMOR_HZ = (8.0, 12.0)


@dataclass(frozen=True)
class Posture:
    """How the wrist is held, and how still.

    Attributes:
        gravity: direction of the accelerometer's reading at rest, of length 1, in the sensor's axes.
        axis: direction about which the wrist turns, of length 1.
        tremor_g: RMS acceleration of the tremor.
        drift_deg: largest slow turn.
        move_deg: size of one move there and back.
        accel_noise_g: RMS noise of the accelerometer.
        gyro_noise_dps: RMS noise of the gyroscope.
    """

    gravity: tuple[float, float, float] = (0.0, 0.0, 1.0)
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    tremor_g: float = 0.003
    drift_deg: float = 1.0
    move_deg: float = 4.0
    accel_noise_g: float = 0.002
    gyro_noise_dps: float = 0.1


def angle_deg(n_readings: int, posture: Posture, moves_s: Sequence[float], rng: np.random.Generator) -> Readings:
    """Turn of the wrist at each reading: drift of whole cycles (zero at both ends) and the moves.

    Args:
        n_readings: at IMU_RATE_HZ.
        posture: how still the wrist is.
        moves_s: when moves begin; one goes there and back within MOVE_S.
        rng: where the drift comes from.
    """
    import numpy as np

    cycles = np.arange(1, 4)
    phase = 2 * math.pi * np.outer(np.arange(n_readings) / n_readings, cycles)
    weights = rng.uniform(-1, 1, len(cycles)) / cycles
    angle = posture.drift_deg * (np.sin(phase) @ weights) / float(np.sum(1 / cycles))
    t_s = np.arange(n_readings) / IMU_RATE_HZ
    for start_s in moves_s:
        within = np.clip((t_s - start_s) / MOVE_S, 0.0, 1.0)
        angle += posture.move_deg * np.sin(math.pi * within) ** 2
    return angle


def _tremor_g(n_readings: int, posture: Posture, rng: np.random.Generator) -> Readings:
    """Band-limited noise in three axes."""
    import numpy as np

    hz = np.fft.rfftfreq(n_readings, 1 / IMU_RATE_HZ)
    kept = (hz >= _TREMOR_HZ[0]) & (hz <= _TREMOR_HZ[1])
    spectrum = np.fft.rfft(rng.standard_normal((n_readings, 3)), axis=0) * kept[:, None]
    share = 2 * np.count_nonzero(kept) / n_readings
    return posture.tremor_g * np.fft.irfft(spectrum, n_readings, axis=0) / math.sqrt(max(share, 1e-300))


def inertial(
    n_readings: int, posture: Posture, moves_s: Sequence[float], rng: np.random.Generator
) -> tuple[Readings, Readings]:
    """Accelerometer (g) and gyroscope (deg/s) readings at IMU_RATE_HZ, each readings x 3.

    Args:
        n_readings: at least 2.
        posture: how the wrist is held.
        moves_s: when moves begin, seconds.
        rng: where all that is random comes from.
    """
    return turning(angle_deg(n_readings, posture, moves_s, rng), posture, rng)


def turning(angle: Readings, posture: Posture, rng: np.random.Generator) -> tuple[Readings, Readings]:
    """What the sensors read of a limb that turns so: accelerometer (g) and gyroscope (deg/s), each readings x 3.

    Args:
        angle: degrees about the posture's axis at each reading, at IMU_RATE_HZ, at least 2 of them.
        posture: how the sensor sits, how the limb trembles, how the sensors hiss.
        rng: where tremor and noise come from.
    """
    import numpy as np

    rate_dps = np.gradient(angle) * IMU_RATE_HZ
    axis, gravity = np.array(posture.axis), np.array(posture.gravity)
    turned = -np.radians(angle)[:, None]  # what stands still outside turns the other way in the sensor's axes
    accel_g = (
        gravity * np.cos(turned)
        + np.cross(axis, gravity) * np.sin(turned)
        + axis * float(np.dot(axis, gravity)) * (1 - np.cos(turned))
    )
    accel_g += _tremor_g(len(angle), posture, rng)
    accel_g += posture.accel_noise_g * rng.standard_normal((len(angle), 3))
    gyro_dps = rate_dps[:, None] * axis + posture.gyro_noise_dps * rng.standard_normal((len(angle), 3))
    return accel_g, gyro_dps
