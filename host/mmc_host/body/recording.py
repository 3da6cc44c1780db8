"""Let the simulated wearer replay a recording: chosen channels at the board's rate and in its counts.

In:     a recording (source.py), which channels, how large, what before and after it
Out:    a body file with two takes, rest and the recording, and one step that plays the recording from the first sample;
        a RecordingInfo that says all that was decided
State:  none; the same input and seed give the same bytes

Scale, the first that is known: the caller's; the unit that the file states; the one that brings the largest reference
among the chosen channels to AUTO_REFERENCE_UV. A stated unit that would put more than 1 % of the samples beyond the
front end's rails is that of an amplifier's output, not of the skin: then the reference decides, if there is one. Each
channel's median is taken out: an offset belongs to the converter, not to the muscle. References from a recording's
`mvc_ref` are look-ahead: they were found on the whole recording, which no calibration can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmc_core.errors import UsageError
from mmc_host.body import bodyfile
from mmc_host.body.bodyfile import (
    IMU_DIVIDER,
    MAX_CHANNELS,
    NV_PER_COUNT,
    RAIL_COUNTS,
    RATE_HZ,
    Body,
    Step,
    Take,
    Until,
    emg_counts,
    fill_channels,
    imu_counts,
)
from mmc_host.body.muscle import rest_noise_uv
from mmc_host.body.resampling import resample
from mmc_host.body.source import Source, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Columns = NDArray[np.float64]

AUTO_REFERENCE_UV = 400.0  # what the largest reference becomes when nobody states a unit
MOST_BEYOND = 0.01  # share of samples beyond the rails that a stated unit may cause
UNKNOWN_REST_UV = 3.0  # level of take 0 where no reference is known
REST_S = 3.0
IMU_RATE_HZ = RATE_HZ // IMU_DIVIDER
_HOW_TO_STATE = {
    ".csv": "add a line `# units=uV` (or mV, V)",
    ".npz": "add an array `units` such as `EMG: uV`, or `mvc_ref`",
}

# Every stretch of noise has a generator of its own, so that one stretch changes nothing in the others.
_TAKE_0, _BEFORE, _AFTER, _REPLACED = range(4)


@dataclass(frozen=True)
class RecordingInfo:
    """What was made of a recording.

    Attributes:
        source: the file.
        rate_hz: its rate, before it was brought to RATE_HZ.
        channels: names of the chosen channels, in the order of the body's channels; the body's others have no signal.
        muscles: names that the user gave them, else the same.
        left_out: channels of the file that the body does not have.
        scale_uv_per_unit: microvolt per unit of the file.
        scale_source: "given", "stated by the file" or "by reference".
        reference_uv: per channel, mean rectified microvolt that stands in for 100 %, found on the whole recording; None
            where the file has none.
        rest_uv: mean rectified level of the noise around the recording, per channel, microvolt.
        n_samples: samples of the take that is played, leads included.
        lead_samples: samples of noise before and after the recording; the second includes what fills the last reading.
        recording_samples: samples of the recording itself, at RATE_HZ.
        clipped_samples: per channel, samples beyond the front end's rails.
    """

    source: Path
    rate_hz: float
    channels: tuple[str, ...]
    muscles: tuple[str, ...]
    left_out: tuple[str, ...]
    scale_uv_per_unit: float
    scale_source: str
    reference_uv: tuple[float | None, ...]
    rest_uv: tuple[float, ...]
    n_samples: int
    lead_samples: tuple[int, int]
    recording_samples: int
    clipped_samples: tuple[int, ...]


def parse_mapping(texts: Sequence[str]) -> dict[str, str]:
    """Return {channel: muscle} from texts like `R-Bic=biceps brachii` or `0=biceps brachii`.

    Raises:
        UsageError: a text has no `=`, an empty side, or a channel that was there before.
    """
    mapping: dict[str, str] = {}
    for text in texts:
        channel, equals, muscle = (part.strip() for part in text.partition("="))
        if not equals or not channel or not muscle:
            raise UsageError(f"{text!r}: give CHANNEL=MUSCLE, for example 0='biceps brachii'")
        if channel in mapping:
            raise UsageError(f"channel {channel!r} is mapped twice")
        mapping[channel] = muscle
    return mapping


def _choose(source: Source, mapping: Mapping[str, str] | None) -> tuple[list[int], tuple[str, ...]]:
    """Columns of the chosen channels and their muscles; without a mapping the first four, under their own names."""
    if mapping is None:
        columns = list(range(min(MAX_CHANNELS, len(source.channels))))
        return columns, tuple(source.channels[i] for i in columns)
    if not 1 <= len(mapping) <= MAX_CHANNELS:
        raise UsageError(f"{len(mapping)} channels are mapped: the front end has 1 to {MAX_CHANNELS}")
    folded = [name.casefold() for name in source.channels]
    columns: list[int] = []
    for channel in mapping:
        if channel in source.channels:
            column = source.channels.index(channel)
        elif folded.count(channel.casefold()) == 1:
            column = folded.index(channel.casefold())
        elif channel.isdecimal() and int(channel) < len(folded):
            column = int(channel)
        else:
            known = ", ".join(f"{i} {name!r}" for i, name in enumerate(source.channels))
            raise UsageError(f"{source.path}: no channel is called {channel!r}; there are {known}")
        if column in columns:
            raise UsageError(f"{source.path}: channel {source.channels[column]!r} is mapped twice")
        columns.append(column)
    return columns, tuple(mapping.values())


def _scale(
    source: Source, chosen: Columns, references: Sequence[float | None], scale_uv: float | None
) -> tuple[float, str]:
    """Microvolt per unit of the file, and where that comes from; `chosen`: samples in units of the file, no offset."""
    import numpy as np

    if scale_uv is not None:
        if not 0 < scale_uv < 1e9:
            raise UsageError(f"a scale of {scale_uv} uV per unit: give a number above 0")
        return scale_uv, "given"
    known = [reference for reference in references if reference is not None]
    if source.uv_per_unit is not None:
        beyond = np.mean(np.abs(chosen) * source.uv_per_unit > RAIL_COUNTS * NV_PER_COUNT / 1000)
        if beyond <= MOST_BEYOND or not known:
            return source.uv_per_unit, "stated by the file"
    if known:
        return AUTO_REFERENCE_UV / max(known), "by reference"
    raise UsageError(
        f"{source.path}: neither unit ({source.units!r}) nor reference is known: "
        f"{_HOW_TO_STATE[source.path.suffix.lower()]}"
    )


def _spans(replace_s: Sequence[tuple[float, float]], recording_samples: int) -> list[tuple[int, int]]:
    """Sample ranges within the recording that noise replaces."""
    spans: list[tuple[int, int]] = []
    for start_s, end_s in replace_s:
        first, last = round(start_s * RATE_HZ), min(round(end_s * RATE_HZ), recording_samples)
        if not 0 <= first < last:
            length_s = recording_samples / RATE_HZ
            raise UsageError(f"replace {start_s:g} to {end_s:g} s: give a span within 0 and {length_s:g} s")
        spans.append((first, last))
    return spans


def _imu(source: Source, lead_samples: tuple[int, int], n_readings: int) -> Columns:
    """IMU readings of the whole take in g and deg/s; before and after the recording its ends stand still."""
    import numpy as np

    if source.imu_g_dps is None:
        return np.tile([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], (n_readings, 1))
    first = source.imu_g_dps[0]
    made = resample(source.imu_g_dps - first, source.imu_rate_hz, IMU_RATE_HZ) + first
    before = np.tile(np.r_[made[0, :3], 0.0, 0.0, 0.0], (-(-lead_samples[0] // IMU_DIVIDER), 1))
    after = np.tile(np.r_[made[-1, :3], 0.0, 0.0, 0.0], (n_readings, 1))
    return np.concatenate([before, made, after])[:n_readings]


def write_recording(
    source: Path,
    path: Path,
    mapping: Mapping[str, str] | None = None,
    *,
    scale_uv: float | None = None,
    lead_s: tuple[float, float] | None = None,
    seed: int = 0,
    rest_fraction: float = 0.05,
    replace_s: Sequence[tuple[float, float]] = (),
) -> RecordingInfo:
    """Write the body file of a recording.

    Args:
        source: .npz or .csv file.
        path: the body file to write; it is replaced.
        mapping: {channel's name or index: muscle}, at most 4; None: the first four under their own names.
        scale_uv: microvolt per unit of the file; None: as the file states, or by its reference.
        lead_s: seconds of rest noise before and after; needs a reference of every chosen channel.
        seed: 0 or more; decides all noise.
        rest_fraction: level of the rest noise as a share of the reference, above 0, at most 1.
        replace_s: spans of the recording, seconds from its start, that rest noise replaces.

    Raises:
        UsageError: unknown channel, unit or reference, or a number out of range.
        FormatError: the source is damaged.
    """
    import numpy as np

    if seed < 0 or not 0 < rest_fraction <= 1 or (lead_s is not None and not all(0 <= s <= 3600 for s in lead_s)):
        raise UsageError(f"seed {seed}, rest_fraction {rest_fraction} or lead_s {lead_s} is out of range")
    recorded = read(source)
    columns, muscles = _choose(recorded, mapping)
    references = [recorded.mvc_ref[column] for column in columns]
    chosen = recorded.emg[:, columns] - np.median(recorded.emg[:, columns], axis=0)
    scale, scale_source = _scale(recorded, chosen, references, scale_uv)
    if (lead_s is not None or replace_s) and None in references:
        raise UsageError(f"{source}: rest noise around it needs mvc_ref for every chosen channel")
    reference_uv = tuple(None if reference is None else reference * scale for reference in references)
    rest_uv = tuple(UNKNOWN_REST_UV if level is None else rest_fraction * level for level in reference_uv)

    def rest(n_samples: int, *stretch: int) -> Columns:
        rng = np.random.default_rng([seed, *stretch])
        return np.stack([rest_noise_uv(max(n_samples, 1), level, rng)[:n_samples] for level in rest_uv], axis=1)

    emg_uv = resample(chosen * scale, recorded.rate_hz, RATE_HZ)
    for number, (first, last) in enumerate(_spans(replace_s, len(emg_uv))):
        emg_uv[first:last] = rest(last - first, _REPLACED, number)
    before, after = (round(seconds * RATE_HZ) for seconds in lead_s or (0.0, 0.0))
    after += -(before + len(emg_uv) + after) % IMU_DIVIDER
    take_uv = np.concatenate([rest(before, _BEFORE), emg_uv, rest(after, _AFTER)])
    counts, clipped = emg_counts(take_uv)
    rest_samples = round(REST_S * RATE_HZ)
    imu = _imu(recorded, (before, after), len(counts) // IMU_DIVIDER)
    imu = np.concatenate([np.tile(np.r_[imu[0, :3], 0.0, 0.0, 0.0], (rest_samples // IMU_DIVIDER, 1)), imu])
    body = Body(
        emg=fill_channels(np.concatenate([emg_counts(rest(rest_samples, _TAKE_0))[0], counts])),
        imu=imu_counts(imu[:, :3], imu[:, 3:]),
        takes=(Take(0, rest_samples), Take(rest_samples, len(counts))),
        steps=(Step(1, Until.TIME, len(counts) * 1000 // RATE_HZ),),
    )
    bodyfile.write(body, path)
    return RecordingInfo(
        source=source,
        rate_hz=recorded.rate_hz,
        channels=tuple(recorded.channels[column] for column in columns),
        muscles=muscles,
        left_out=tuple(name for i, name in enumerate(recorded.channels) if i not in columns),
        scale_uv_per_unit=scale,
        scale_source=scale_source,
        reference_uv=reference_uv,
        rest_uv=rest_uv,
        n_samples=len(counts),
        lead_samples=(before, after),
        recording_samples=len(emg_uv),
        clipped_samples=clipped,
    )
