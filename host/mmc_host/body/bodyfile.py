"""The body file: what a simulated wearer does, as integers that the simulator plays without any arithmetic of its own.

In:     EMG and IMU counts, takes (stretches of them) and steps (which take to play until when)
Out:    one file, little-endian; `read` gives back what `write` took
Errors: UsageError for a body that can't be written, FormatError for a file that is none; each names the place
Layout: header 24 bytes, takes 8 bytes each, steps 12 bytes each, EMG int16 [sample][channel], IMU int16 [reading][6]

Take 0 is rest, at least two seconds of it: the simulator loops it after the last step.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mmc_core.errors import FormatError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int16]
    Physical = NDArray[np.float64]

RATE_HZ = 1000  # EMG samples per second and channel
IMU_DIVIDER = 10  # EMG samples per IMU reading
IMU_COLUMNS = 6  # ax ay az gx gy gz
MAX_CHANNELS = 4  # what the simulated board has, and it takes bodies of no other number
NV_PER_COUNT = 250  # nanovolt at the skin per EMG count
RAIL_COUNTS = 16383
ACCEL_COUNTS_PER_G = 4096
GYRO_COUNTS_PER_DPS = 16
SHORTEST_REST_S = 2

_MAGIC = b"MMCBODY1"
_HEADER = struct.Struct("<8sBBHHHIHH")
_TAKE = struct.Struct("<II")
_STEP = struct.Struct("<HBBII")


class Until(IntEnum):
    """What ends a step."""

    TIME = 0  # limit_ms have passed
    MOTOR_STARTS = 1  # the motor started, then reaction_ms more
    MOTOR_QUIET = 2  # the motor started, stopped, and no pulse followed for 300 ms; then reaction_ms more


@dataclass(frozen=True)
class Take:
    """A stretch of samples that can be played: both numbers are multiples of the IMU's divider."""

    first_sample: int
    n_samples: int


@dataclass(frozen=True)
class Step:
    """Play a take, in a loop, until something happens.

    Attributes:
        take: index of the take.
        until: what ends the step.
        limit_ms: with Until.TIME its length, at least 1; else the longest wait, 0: for ever.
        reaction_ms: how long the wearer takes to react to the motor.
    """

    take: int
    until: Until
    limit_ms: int
    reaction_ms: int = 0


@dataclass(frozen=True)
class Body:
    """All that a body file holds.

    Attributes:
        emg: int16 counts, samples x channels (1 to 4), within +-RAIL_COUNTS.
        imu: int16 counts, readings x 6, one reading per `imu_divider` samples.
        takes: at least one; take 0 is rest.
        steps: what is played, in order.
        artefact_counts: peak that the running motor adds to the EMG.
    """

    emg: Counts
    imu: Counts
    takes: tuple[Take, ...]
    steps: tuple[Step, ...]
    artefact_counts: int = 0
    rate_hz: int = RATE_HZ
    imu_divider: int = IMU_DIVIDER


def fill_channels(counts: Counts) -> Counts:
    """Add channels without any signal (electrodes that nobody wears) until there are as many as the board has."""
    import numpy as np

    return np.pad(counts, ((0, 0), (0, MAX_CHANNELS - counts.shape[1])))


def emg_counts(emg_uv: Physical) -> tuple[Counts, tuple[int, ...]]:
    """Turn microvolt at the skin into counts of the front end.

    Args:
        emg_uv: samples x channels.

    Returns:
        The counts, clipped at the rails, and how many samples of each channel were beyond them.
    """
    import numpy as np

    counts = np.rint(emg_uv * (1000 / NV_PER_COUNT))
    clipped = tuple(int(n) for n in np.count_nonzero(np.abs(counts) > RAIL_COUNTS, axis=0))
    return np.clip(counts, -RAIL_COUNTS, RAIL_COUNTS).astype(np.int16), clipped


def imu_counts(accel_g: Physical, gyro_dps: Physical) -> Counts:
    """Turn g and deg/s (each readings x 3) into counts, clipped at the sensors' full scale of 16 bits."""
    import numpy as np

    counts = np.rint(np.hstack([accel_g * ACCEL_COUNTS_PER_G, gyro_dps * GYRO_COUNTS_PER_DPS]))
    return np.clip(counts, -32768, 32767).astype(np.int16)


def _shape_fault(body: Body) -> str:
    """The first thing that is wrong with the arrays, empty if nothing is."""
    import numpy as np

    if body.emg.ndim != 2 or not 1 <= body.emg.shape[1] <= MAX_CHANNELS:
        return f"EMG has the shape {body.emg.shape}: it must be samples x 1 to {MAX_CHANNELS} channels"
    if body.emg.dtype != np.int16 or body.imu.dtype != np.int16:
        return f"EMG is {body.emg.dtype} and IMU {body.imu.dtype}: both must be int16 counts"
    if body.imu_divider < 1 or body.imu_divider > 255 or not 1 <= body.rate_hz <= 65535:
        return f"rate {body.rate_hz} Hz with IMU divider {body.imu_divider}: out of range"
    samples = body.emg.shape[0]
    if body.imu.shape != (samples // body.imu_divider, IMU_COLUMNS) or samples % body.imu_divider:
        return f"IMU has the shape {body.imu.shape}: {samples} samples of EMG need {samples / body.imu_divider:g} x 6"
    beyond = np.argwhere(np.abs(body.emg.astype(np.int32)) > RAIL_COUNTS)
    if len(beyond):
        sample, channel = beyond[0]
        return f"EMG sample {sample} of channel {channel} is beyond the rails of +-{RAIL_COUNTS} counts"
    return ""


def _script_fault(body: Body) -> str:
    """The first thing that is wrong with takes and steps, empty if nothing is."""
    if not 1 <= len(body.takes) <= 65535 or len(body.steps) > 65535:
        return f"{len(body.takes)} takes and {len(body.steps)} steps: give at least one take, at most 65535 of each"
    if not 0 <= body.artefact_counts <= RAIL_COUNTS:
        return f"the motor's artefact of {body.artefact_counts} counts is not within 0 and {RAIL_COUNTS}"
    for number, take in enumerate(body.takes):
        if take.n_samples < 1 or take.n_samples % body.imu_divider or take.first_sample % body.imu_divider:
            return f"take {number} ({take.first_sample}, {take.n_samples}) is not whole IMU readings of samples"
        if take.first_sample < 0 or take.first_sample + take.n_samples > len(body.emg):
            return f"take {number} ends at sample {take.first_sample + take.n_samples} of {len(body.emg)}"
    if body.takes[0].n_samples < SHORTEST_REST_S * body.rate_hz:
        return f"take 0 is rest and lasts {body.takes[0].n_samples} samples: give at least {SHORTEST_REST_S} s"
    for number, step in enumerate(body.steps):
        if not 0 <= step.take < len(body.takes):
            return f"step {number} plays take {step.take} of {len(body.takes)}"
        if step.until == Until.TIME and step.limit_ms == 0:
            return f"step {number} ends by time and has no time: give limit_ms"
        if not 0 <= step.limit_ms < 1 << 30 or not 0 <= step.reaction_ms < 1 << 30:
            return f"step {number}: {step.limit_ms} ms and {step.reaction_ms} ms must be within 0 and 2^30"
    return ""


def write(body: Body, path: Path) -> None:
    """Write a body file, whole or not at all.

    Raises:
        UsageError: the body breaks a rule of the format; the message says which.
        OSError: the file can't be written.
    """
    fault = _shape_fault(body) or _script_fault(body)
    if fault:
        raise UsageError(f"body: {fault}")
    samples, channels = body.emg.shape
    parts = [
        _HEADER.pack(
            _MAGIC,
            channels,
            body.imu_divider,
            body.rate_hz,
            len(body.takes),
            len(body.steps),
            samples,
            body.artefact_counts,
            0,
        )
    ]
    parts += [_TAKE.pack(take.first_sample, take.n_samples) for take in body.takes]
    parts += [_STEP.pack(step.take, step.until, 0, step.limit_ms, step.reaction_ms) for step in body.steps]
    parts += [body.emg.astype("<i2").tobytes(), body.imu.astype("<i2").tobytes()]
    part = path.with_name(path.name + ".part")
    part.write_bytes(b"".join(parts))
    os.replace(part, path)


def _step(path: Path, number: int, fields: tuple[int, ...]) -> Step:
    take, until, reserved, limit_ms, reaction_ms = fields
    if until not in Until.__members__.values() or reserved:
        raise FormatError(f"{path}: step {number} ends by {until}, reserved byte {reserved}: a later version's file?")
    return Step(take, Until(until), limit_ms, reaction_ms)


def read(path: Path) -> Body:
    """Read a body file.

    Raises:
        FormatError: the bytes are no body file, are cut short, or break a rule of the format.
        OSError: the file can't be read.
    """
    import numpy as np

    data = path.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise FormatError(f"{path}: no body file (it does not begin with {_MAGIC.decode()})")
    _, channels, divider, rate_hz, n_takes, n_steps, samples, artefact_counts, reserved = _HEADER.unpack_from(data)
    if reserved or divider == 0:
        raise FormatError(f"{path}: IMU divider {divider}, reserved field {reserved}: a later version's file?")
    emg_at = _HEADER.size + n_takes * _TAKE.size + n_steps * _STEP.size
    imu_at = emg_at + samples * channels * 2
    end = imu_at + samples // divider * IMU_COLUMNS * 2
    if len(data) != end:
        raise FormatError(f"{path}: {len(data)} bytes, but its header asks for {end}")
    takes_end = _HEADER.size + n_takes * _TAKE.size
    steps = (_step(path, i, fields) for i, fields in enumerate(_STEP.iter_unpack(data[takes_end:emg_at])))
    body = Body(
        emg=np.frombuffer(data, "<i2", samples * channels, emg_at).astype(np.int16).reshape(samples, channels),
        imu=np.frombuffer(data, "<i2", (end - imu_at) // 2, imu_at).astype(np.int16).reshape(-1, IMU_COLUMNS),
        takes=tuple(Take(*fields) for fields in _TAKE.iter_unpack(data[_HEADER.size : takes_end])),
        steps=tuple(steps),
        artefact_counts=artefact_counts,
        rate_hz=rate_hz,
        imu_divider=divider,
    )
    fault = _shape_fault(body) or _script_fault(body)
    if fault:
        raise FormatError(f"{path}: {fault}")
    return body
