"""Logged integers to columns with units and names: the one place that knows what a field of the log means in the world.

In:    record values as mmc_core.record decodes them, already checked for length and order
Out:   the parts of columns.Session, arrays read-only
State: none
Source: the comments under the rows of mmc_core.record; names of events, reasons, cues and faults from mmc_core.event
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmc_core import event, sample
from mmc_core.rice import IMU_WORDS
from mmc_host.columns import Channel, Event, Features, Header, Imu, Raw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Records = list[tuple[tuple[Any, ...], list[int]]]

LOG_MODES = {0: "features", 1: "raw"}
SIDES = {0: "not stated", 1: "left", 2: "right", 3: "midline"}
REFERENCE_KINDS = {0: "none", 1: "mvc", 2: "ref", 3: "relative"}
PERMILLE_UNITS = {"mvc": "%MVC", "ref": "%ref", "relative": "%rel"}
GAP_CAUSES = {1: "sampler_overrun", 2: "front_end_loss", 3: "front_end_silent"}
END_REASONS = {1: "asked", 2: "journal_full", 3: "battery", 4: "idle"}


def _names(prefix: str) -> dict[int, str]:
    constants: dict[str, Any] = dict(vars(event))
    return {value: name[len(prefix) :].lower() for name, value in constants.items() if name.startswith(prefix)}


EVENT_KINDS = _names("EVENT_")
REASONS = _names("REASON_")
CUES = _names("CUE_")
FAULTS = _names("FAULT_")
QUESTIONS = _names("QUESTION_")


def printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def name_of(names: dict[int, str], code: int) -> str:
    return names.get(code, f"unknown_{code}")


def channel_of(index: int, values: tuple[Any, ...] | None) -> Channel:
    if values is None:
        return Channel(index, "not stated", "unknown", None, None, 0, 0, f"channel {index}", "unknown", "unknown")
    _, side, kind, rest_q3, reference_q3, nv_per_count, calibrated_utc_ms, muscle, site, units = values
    kind = name_of(REFERENCE_KINDS, kind)
    uv_per_q3 = nv_per_count / 8000.0
    return Channel(
        channel=index,
        side=name_of(SIDES, side),
        reference_kind=kind,
        rest_uv=rest_q3 * uv_per_q3 if reference_q3 else None,
        reference_uv=reference_q3 * uv_per_q3 if reference_q3 else None,
        nv_per_count=nv_per_count,
        calibrated_utc_ms=calibrated_utc_ms,
        muscle=printable(muscle) or f"channel {index}",
        site=printable(site),
        unit=PERMILLE_UNITS.get(kind, "%") if units == "permille" else "uV" if units == "uV" else "unknown",
    )


# Events whose value is a level of their channel, and those whose value is a share, permille in the log.
_LEVELS = frozenset(
    "hold_start hold_end activation_lost activation_regained rep_start rep_turn peak squeeze passive dig_in "
    "level".split()
)
_SHARES = frozenset("isolation cocontraction sides leak stabiliser tiring engagement milestone".split())


def event_of(values: tuple[int, ...], channels: tuple[Channel, ...], rate: int) -> Event:
    t_samples, code, channel, value, threshold, reason, motor = values
    kind = name_of(EVENT_KINDS, code)
    scale = 0.1 if kind in _SHARES else 1.0
    if kind == "band":  # a share of so many units
        return Event(t_samples / rate, kind, channel, value * 0.1, float(threshold), "", bool(motor))
    if kind in _LEVELS and channel < len(channels) and channels[channel].calibrated:
        scale = 0.1
    reason_name = name_of(CUES, reason) if kind == "cue" else "" if reason == 0 else name_of(REASONS, reason)
    about = None if channel == event.NO_CHANNEL else channel
    return Event(t_samples / rate, kind, about, value * scale, threshold * scale, reason_name, bool(motor))


def _bits(values: list[int], counts: list[int]) -> NDArray[np.bool_]:
    """Bit i of each value, i below its count, end to end."""
    import numpy as np

    return np.array([bool(v >> i & 1) for v, n in zip(values, counts, strict=True) for i in range(n)], dtype=bool)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def feature_columns(records: Records, channels: tuple[Channel, ...], rate: int) -> Features:
    import numpy as np

    n = len(channels)
    scale = np.array([0.1 if channel.calibrated else 1.0 for channel in channels])
    samples = [v[3] if i == v[2] - 1 else v[1] for v, _ in records for i in range(v[2])]
    ends = [v[0] + i * v[1] + (v[3] if i == v[2] - 1 else v[1]) for v, _ in records for i in range(v[2])]
    words = [word for v, tail in records for word in tail[: v[2] * v[4]]]
    quality = [[v[6] >> sample.QUALITY_BITS * c & 0xF for c in range(n)] for v, _ in records for _ in range(v[2])]
    return Features(
        t_s=_frozen(np.array(ends, dtype=np.float64) / rate),
        samples=_frozen(np.array(samples, dtype=np.int64)),
        envelope_pct=_frozen(np.array(words, dtype=np.float64).reshape(-1, n) * scale),
        motor=_frozen(_bits([v[5] for v, _ in records], [v[2] for v, _ in records])),
        quality=_frozen(np.array(quality, dtype=np.uint8).reshape(-1, n)),
    )


def imu_columns(records: Records, header: Header) -> Imu:
    import numpy as np

    words = np.array([word for v, tail in records for word in tail[: 4 * v[2]]], dtype=np.int64).reshape(-1, 4)
    t = [v[0] + i * v[1] for v, _ in records for i in range(v[2])]
    signed = (words[:, :3] ^ 0x800) - 0x800
    return Imu(
        t_s=_frozen(np.array(t, dtype=np.float64) / header.rate_hz),
        accel_g=_frozen(signed * (header.accel_ug_per_lsb / 1e6)),
        gyro_dps=_frozen(words[:, 3] * (header.gyro_mdps_per_lsb / 1e3)),
        motor=_frozen(_bits([v[3] for v, _ in records], [v[2] for v, _ in records])),
    )


def raw_columns(records: Records, channels: tuple[Channel, ...], rate: int) -> Raw:
    import numpy as np

    n = records[0][0][2]
    uv_per_count = np.array([channels[c].nv_per_count / 1000.0 if c < len(channels) else 0.0 for c in range(n)])
    words = np.array([word for v, tail in records for word in tail[: v[1] * n]], dtype=np.int64).reshape(-1, n)
    return Raw(
        t_s=_frozen(np.concatenate([np.arange(v[0], v[0] + v[1]) for v, _ in records]) / rate),
        uv=_frozen(((words ^ 0x8000) - 0x8000) * uv_per_count),
        motor=_frozen(np.repeat([bool(v[3]) for v, _ in records], [v[1] for v, _ in records])),
        imu_counts=tuple(_signed(tail[v[1] * n :]) for v, tail in records),
    )


def _signed(words: Sequence[int]) -> tuple[int, ...] | None:
    return tuple((word ^ 0x8000) - 0x8000 for word in words) if len(words) == IMU_WORDS else None
