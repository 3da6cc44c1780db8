"""What a session is once it is read: frozen columns with their units. `mmc_host.session` fills them.

Times: `t_s` are seconds since sample 0 on the device's nominal sample clock, lost samples included; `Session.clock`
leads from there to the wall clock. Arrays are read-only. Texts from the device hold printable characters only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmc_core import sample
from mmc_host.clockfit import Clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERCENT_UNITS = ("%MVC", "%ref", "%rel", "%")
NOT_STATED = "not stated"
RECORDING_SITE = "recording"  # site of a channel of a recording that knows no reference
LOOK_AHEAD_SITE = "recording, look-ahead"  # site of a channel whose reference was found on the whole recording


@dataclass(frozen=True)
class Header:
    """The SESSION record. `assumed` true: the record was damaged, and rates and names are stand-ins."""

    format_major: int
    format_minor: int
    session: int
    boot_count: int
    reset_cause: int
    utc_ms: int
    rate_hz: int
    block_samples: int
    frame_blocks: int
    imu_rate_hz: int
    accel_ug_per_lsb: int
    gyro_mdps_per_lsb: int
    channels: int
    log_mode: str
    device: str
    firmware: str
    board: str
    wearer: str
    assumed: bool = False


@dataclass(frozen=True)
class Channel:
    """A CHANNEL record.

    side: "not stated", "left", "right", "midline". reference_kind: "none", "mvc", "ref", "relative" (from
    before the electrodes came off or the wearable was off for long), "unknown" (record damaged).
    unit: unit of this channel's envelope: "%MVC", "%ref", "%rel" (of a reference from another placement, perhaps),
    "%" (kind of reference unknown), "uV", "unknown".
    rest_uv, reference_uv: mean rectified amplitude at the skin, in microvolt; None: not calibrated.
    """

    channel: int
    side: str
    reference_kind: str
    rest_uv: float | None
    reference_uv: float | None
    nv_per_count: int
    calibrated_utc_ms: int
    muscle: str
    site: str
    unit: str

    @property
    def calibrated(self) -> bool:
        """Whether envelope values are a percentage of a reference."""
        return self.unit in PERCENT_UNITS

    @property
    def look_ahead(self) -> bool:
        """Whether the reference was found on the whole recording that was played, which no calibration can do."""
        return self.calibrated and self.site == LOOK_AHEAD_SITE and self.calibrated_utc_ms == 0


@dataclass(frozen=True)
class Features:
    """Feature frames, in order.

    t_s: END of each frame, because the envelope is that of the frame's last sample; a frame covers
    (t_s - samples / rate_hz, t_s]. samples: EMG samples in each frame. envelope_pct (n_frames, n_channels): in
    `Channel.unit` of its column, so percent of the reference, or microvolt on a channel that is not calibrated.
    motor (n_frames): the motor ran or spun down; nothing was scored. quality (n_frames, n_channels): bits of
    mmc_core.sample, known per record of up to 16 frames, so a bit stands in all frames of its record.
    """

    t_s: NDArray[np.float64]
    samples: NDArray[np.int64]
    envelope_pct: NDArray[np.float64]
    motor: NDArray[np.bool_]
    quality: NDArray[np.uint8]


@dataclass(frozen=True)
class Imu:
    """Motion: t_s (n), accel_g (n, 3) in standard gravity, gyro_dps (n) the rate of turn's magnitude, motor (n)."""

    t_s: NDArray[np.float64]
    accel_g: NDArray[np.float64]
    gyro_dps: NDArray[np.float64]
    motor: NDArray[np.bool_]


@dataclass(frozen=True)
class Raw:
    """Raw EMG where it was logged: t_s (n), uv (n, n_channels) at the skin, motor (n).

    imu_counts: per record the motion sensor's six counts, ax ay az gx gy gz; None where no reading came with it.
    """

    t_s: NDArray[np.float64]
    uv: NDArray[np.float64]
    motor: NDArray[np.bool_]
    imu_counts: tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True)
class Event:
    """What happened. Names are those of mmc_core.event in lower case ("hold_start"); unknown ones read "unknown_77".

    channel: None when it is about none. value, threshold: levels of a muscle (holds, activation, repetitions, peaks) in
    `Channel.unit` of the channel; shares (isolation, sides, leak, tiring, engagement and the like) in percent; cue: the
    raw value that it is about; motor_on: strength in percent; motor_off: how long the motor ran, in ms. reason: for a
    cue its pattern ("engage").
    """

    t_s: float
    kind: str
    channel: int | None
    value: float
    threshold: float
    reason: str
    motor: bool


@dataclass(frozen=True)
class Gap:
    """Samples lost on every channel. cause: "sampler_overrun", "front_end_loss" or "unknown_N"."""

    t_s: float
    duration_s: float
    lost_samples: int
    cause: str


@dataclass(frozen=True)
class Fault:
    """Something failed on the device; code: name of mmc_core.event's FAULT_ constants in lower case."""

    t_s: float
    code: str
    detail: int


@dataclass(frozen=True)
class Vitals:
    """How the device itself fared at `t_s`; one stands in the header, one at the end.

    late_p50_us, late_p99_us, late_max_us: samples came late by no more than this: half of them, 99 in a hundred, all.
    battery_pct, battery_min: what is left, and how long it lasts; -1 where it can't tell. on_usb: USB power was there.
    """

    t_s: float
    late_p50_us: int
    late_p99_us: int
    late_max_us: int
    battery_pct: int
    battery_min: int
    on_usb: bool


@dataclass(frozen=True)
class End:
    """The END record. reason: "asked", "journal_full", "battery", "idle" or "unknown_N"."""

    t_s: float
    samples: int
    lost_samples: int
    dropped_pages: int
    cues: int
    reason: str


@dataclass(frozen=True)
class Damage:
    """One place that could not be read: page index and byte offset from the file's first byte, and why."""

    page: int
    offset: int
    reason: str


@dataclass(frozen=True)
class Missing:
    """A stretch of the sample counter that neither features nor gaps account for, in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Plan:
    """The PROGRAM record: place on the device, by how much practice had moved the band, the program's bytes."""

    slot: int
    shift_pct: int
    streak: int
    data: bytes


@dataclass(frozen=True)
class Session:
    """One session, decoded.

    events: in the order in which the device logged them, which pairs causes with effects; a hold's end carries the
    time of the crossing and may so be a little earlier than its neighbours. plan: None when no program was followed.
    settings: by name; unknown names (those of a later firmware) keep their raw value and are listed in
    `unknown_settings`. end: None when power was cut or the session was still being recorded. samples: sum over feature
    frames. lost_samples: sum over gaps. span_samples: the counter at the end (END record, else the end of the last
    frame or gap). pages: those that could be read. skipped_records: records of kinds that this version does not know.
    """

    header: Header
    channels: tuple[Channel, ...]
    plan: Plan | None
    settings: Mapping[str, int | str]
    unknown_settings: frozenset[str]
    features: Features
    imu: Imu
    raw: Raw | None
    events: tuple[Event, ...]
    gaps: tuple[Gap, ...]
    faults: tuple[Fault, ...]
    vitals: tuple[Vitals, ...]
    end: End | None
    clock: Clock
    damage: tuple[Damage, ...]
    missing: tuple[Missing, ...]
    samples: int
    lost_samples: int
    span_samples: int
    pages: int
    skipped_records: int

    @property
    def accounted(self) -> bool:
        """Whether every tick of the sample counter is a sample or a declared loss: samples + lost == span, exactly."""
        return self.samples + self.lost_samples == self.span_samples and not self.missing

    @property
    def channels_in_use(self) -> tuple[Channel, ...]:
        """The channels without those that are not worn: no muscle is stated, and the signal is flat throughout."""
        flat = (self.features.quality & sample.QUALITY_FLAT).astype(bool).all(axis=0) & (len(self.features.t_s) > 0)
        used = tuple(c for c in self.channels if c.muscle != NOT_STATED or c.calibrated or not flat[c.channel])
        return used or self.channels

    @property
    def duration_s(self) -> float:
        """Length of the session on the device's clock, in seconds."""
        return self.span_samples / self.header.rate_hz

    def count(self, kind: str, reason: str | None = None) -> int:
        """How many events of a kind (and, if given, a reason) there are: count("cue", "engage")."""
        return sum(1 for event in self.events if event.kind == kind and reason in (None, event.reason))
