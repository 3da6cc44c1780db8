"""Synthetic bodies that know by construction what a coach should tell of them: questions, truths, and what they wear.

In:     activation per muscle and the limb's angle, from a scene of event_scenes.py; a generator
Out:    a `Body`: microvolt, motion, settings, and for each question the moments at which it should be answered
State:  none; the same generator state gives the same body
Source: EMG as mmc_host/body/muscle.py makes it, with mains and drift; motion as mmc_host/body/motion.py makes it
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmc_core import event
from mmc_host.body import bodyfile, motion, muscle

Samples = NDArray[np.float64]
MVC_UV = 400.0  # mean rectified EMG at the reference
IMU_MS = bodyfile.IMU_DIVIDER


class Question(NamedTuple):
    """Which events answer it, and how far from the truth their time may be.

    Attributes:
        kind: of event.py.
        early_ms: an event may come so much before its truth.
        late_ms: and so much after it.
        reasons: those that count; (): all.
        first: only the first such event of a body counts.
    """

    kind: int
    early_ms: int
    late_ms: int
    reasons: tuple[int, ...] = ()
    first: bool = False


_TIRED = (event.REASON_FATIGUE, event.REASON_FORCE_DOWN)
_UNEVEN = (event.REASON_BELOW, event.REASON_ABOVE)
QUESTIONS = {
    "hold_start": Question(event.EVENT_HOLD_START, 250, 250),
    "hold_end": Question(event.EVENT_HOLD_END, 250, 250),
    "activation_lost": Question(event.EVENT_ACTIVATION_LOST, 100, 250),
    "activation_regained": Question(event.EVENT_ACTIVATION_REGAINED, 100, 250),
    "lapse": Question(event.EVENT_LAPSE, 100, 250),
    "response": Question(event.EVENT_RESPONSE, 250, 350),
    "drift": Question(event.EVENT_DRIFT, 300, 500),
    "rep by the muscle": Question(event.EVENT_REP, 500, 1000),
    "rep by motion": Question(event.EVENT_REP, 500, 1500),
    "rep_start": Question(event.EVENT_REP_START, 250, 250),
    "rep_turn": Question(event.EVENT_REP_TURN, 500, 500),
    "rep_end": Question(event.EVENT_REP_END, 250, 250),
    "squeeze": Question(event.EVENT_SQUEEZE, 500, 500),
    "peak below": Question(event.EVENT_PEAK, 1000, 1000, (event.REASON_BELOW,)),
    "passive": Question(event.EVENT_PASSIVE, 500, 1500),
    "engagement": Question(event.EVENT_ENGAGEMENT, 1000, 1000),
    "rep_disputed": Question(event.EVENT_REP_DISPUTED, 1000, 1000),
    "set": Question(event.EVENT_SET, 1500, 1500),
    "leak": Question(event.EVENT_LEAK, 250, 500),
    "stabiliser": Question(event.EVENT_STABILISER, 250, 700),
    "isolation": Question(event.EVENT_ISOLATION, 1000, 1000),
    "cocontraction": Question(event.EVENT_COCONTRACTION, 1000, 1000),
    "uneven sides": Question(event.EVENT_SIDES, 1000, 1000, _UNEVEN),
    "tiring": Question(event.EVENT_TIRING, 6000, 14000, _TIRED, first=True),
    "stop": Question(event.EVENT_ADVICE, 6000, 14000, (event.REASON_STOP,)),
    "dig_in": Question(event.EVENT_DIG_IN, 1000, 1000),
    "tiring in a hold": Question(event.EVENT_TIRING, 3000, 5000, _TIRED, first=True),
    "stop in a hold": Question(event.EVENT_ADVICE, 3000, 5000, (event.REASON_STOP,)),
    "leak late in a hold": Question(event.EVENT_LEAK, 250, 500),
}


class Truth(NamedTuple):
    """An answer that should come: when (ms), and what its event's `value` should lie between."""

    t_ms: float
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Body:
    """What a wearer does.

    Attributes:
        emg_uv: samples x channels at 1 kHz, without the noise that decides the signal-to-noise ratio.
        noise: of that noise, RMS 1; the same shape.
        imu: counts, a row for each block; None: no motion sensor.
        truths: per question what should be told; an empty list: nothing should.
        settings: other than the defaults.
        cued: whether cues are given, and with them the motor shakes the electrodes.
    """

    emg_uv: Samples
    noise: Samples
    imu: NDArray[np.int16] | None
    truths: dict[str, list[Truth]]
    settings: dict[str, int | str] = field(default_factory=dict)
    cued: bool = False


def ramps(n_ms: int, begin: float, end: float, up_ms: float, down_ms: float | None = None) -> Samples:
    """0 outside, 1 inside, straight edges within [begin, end]."""
    t = np.arange(n_ms)
    return np.clip(np.minimum((t - begin) / up_ms, (end - t) / (up_ms if down_ms is None else down_ms)), 0.0, 1.0)


def hump(n_ms: int, begin: float, up_ms: float, stand_ms: float, down_ms: float) -> Samples:
    """0 outside, up to 1 and back as cosines go, with a stand between."""
    t = np.arange(n_ms) - begin
    up = (1 - np.cos(np.pi * np.clip(t / up_ms, 0, 1))) / 2
    return up * (1 + np.cos(np.pi * np.clip((t - up_ms - stand_ms) / down_ms, 0, 1))) / 2


def crossing(curve: Samples, level: float, begin: float, end: float, *, rising: bool) -> float:
    """The first millisecond within [begin, end) at which a curve is at least, or falls below, a level."""
    part = curve[round(begin) : round(end)]
    found = np.flatnonzero(part >= level if rising else part < level)
    if not len(found):
        raise ValueError(f"the curve does not pass {level} from {begin} to {end} ms")
    return round(begin) + float(found[0])


def build(
    rng: np.random.Generator,
    activation: Samples,
    truths: dict[str, list[Truth]],
    *,
    angle_deg: Samples | None = None,
    settings: dict[str, int | str] | None = None,
    crosstalk: float = 0.0,
    muscles: list[muscle.Muscle] | None = None,
) -> Body:
    """Put a body together: activation (samples x channels, fraction of the reference), angle (a value per block)."""
    n_ms = len(activation) // IMU_MS * IMU_MS
    activation = activation[:n_ms]
    channels = activation.shape[1]
    around = muscle.Surroundings(noise_uv=0.0, crosstalk=crosstalk)
    made = muscles or [fresh(rng) for _ in range(channels)]
    emg_uv = muscle.surface_emg_uv(activation, made, around, rng)
    imu = None
    if angle_deg is not None:
        accel_g, gyro_dps = motion.turning(angle_deg[: n_ms // IMU_MS], any_posture(rng), rng)
        imu = bodyfile.imu_counts(accel_g, gyro_dps)
    return Body(emg_uv, rng.standard_normal((n_ms, channels)), imu, truths, settings or {})


def fresh(rng: np.random.Generator) -> muscle.Muscle:
    """A muscle that does not tire within a scene."""
    return muscle.Muscle("any", MVC_UV, rng.uniform(70, 110), endurance_s=1e6)


def any_posture(rng: np.random.Generator) -> motion.Posture:
    """A sensor that sits in any way on a limb that turns about an axis across gravity: else nobody could see it."""
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    across = np.cross(axis, rng.standard_normal(3))
    gx, gy, gz = (across / np.linalg.norm(across)).tolist()
    ax, ay, az = axis.tolist()
    return motion.Posture(gravity=(gx, gy, gz), axis=(ax, ay, az))
