"""A session's bytes to immutable columns with units, gaps, a clock fit, and every damage located and counted.

In:    the bytes of a session: its 256-byte pages in order, whole or any prefix, damaged or not
Out:   Session (see columns.py); FormatError: no page can be read, the file is absurdly large, or its format is newer
State: none
Cost:  about a second for the 1.5 MiB of a 90-minute session
Source: mmc_core.page and mmc_core.record, the very files that the device writes with
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mmc_core import decoding, page, record, sample, settings
from mmc_core.errors import FormatError, UsageError
from mmc_core.message import ON_USB
from mmc_host.clockfit import Clock, fit, is_plausible
from mmc_host.columns import (
    Channel,
    Damage,
    End,
    Event,
    Fault,
    Features,
    Gap,
    Header,
    Imu,
    Missing,
    Plan,
    Raw,
    Session,
    Vitals,
)
from mmc_host.schema import record_rows
from mmc_host.units import (
    END_REASONS,
    FAULTS,
    GAP_CAUSES,
    LOG_MODES,
    Records,
    channel_of,
    event_of,
    feature_columns,
    imu_columns,
    name_of,
    printable,
    raw_columns,
)
from mmc_host.unpacking import unpack

__all__ = [
    "MAX_SESSION_BYTES",
    "Channel",
    "Clock",
    "Damage",
    "End",
    "Event",
    "Fault",
    "Features",
    "Gap",
    "Header",
    "Imu",
    "Missing",
    "Raw",
    "Session",
    "Vitals",
    "decode",
    "load",
]

MAX_SESSION_BYTES = 64 * 1024 * 1024  # four times the largest flash of any board
MAX_RATE_HZ = 8000


def load(path: str | os.PathLike[str]) -> Session:
    """Read a session file; OSError when it can't be read, FormatError as `decode` says, with the path in front."""
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_SESSION_BYTES:
        raise FormatError(f"{path}: {size} bytes are more than any session has; is this a session file?")
    try:
        return decode(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None


def decode(data: bytes) -> Session:
    """Decode a session's bytes. Damaged pages and records are skipped and listed; everything else is there.

    Raises:
        FormatError: no page is readable; or the format's major version is newer than this program's.
    """
    if len(data) > MAX_SESSION_BYTES:
        raise FormatError(f"{len(data)} bytes are more than any session has")
    decoder = _Decoder(data)
    decoder.read_pages()
    return decoder.session()


class _Bad(Exception):
    """A record that is well framed but makes no sense; its reason becomes a located damage."""


class _Decoder:
    """Walks pages and records once and gathers plain lists; `session()` turns them into columns."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.valid_pages = 0
        self.number = 0
        self.skipped = 0
        self.header: Header | None = None
        self.channels: dict[int, tuple[Any, ...]] = {}
        self.settings: dict[str, int | str] = {}
        self.plan: Plan | None = None
        self.unknown_settings: set[str] = set()
        self.features: Records = []
        self.imu: Records = []
        self.raw: Records = []
        self.events: list[tuple[int, ...]] = []
        self.gaps: list[tuple[int, ...]] = []
        self.faults: list[tuple[int, ...]] = []
        self.vitals: list[tuple[int, ...]] = []
        self.clocks: list[tuple[int, int]] = []
        self.end: tuple[int, ...] | None = None
        self.packed: tuple[tuple[int, ...], bytes] | None = None  # a record whose last block may go on in the next
        self.packed_at = self.at = (0, 0)  # page and offset of that record, and of the one that is read
        self.damage: list[Damage] = []
        self.reached = {record.FEATURES: 0, record.IMU: 0, record.RAW: 0}
        self.handlers: dict[int, Callable[[Any, Any], None]] = {
            record.SESSION: self._session,
            record.CHANNEL: self._channel,
            record.SETTING: self._setting,
            record.PROGRAM: self._program,
            record.FEATURES: self._features,
            record.IMU: self._imu,
            record.EVENT: self._event,
            record.GAP: self._gap,
            record.RAW: self._raw,
            record.PACKED: self._packed,
            record.CLOCK: self._clock,
            record.FAULT: self._fault,
            record.VITALS: self._vitals,
            record.END: self._end,
        }

    def read_pages(self) -> None:
        last_sequence = -1
        for index, offset in enumerate(range(0, len(self.data), page.PAGE_BYTES)):
            content = self.data[offset : offset + page.PAGE_BYTES]
            try:
                if len(content) < page.PAGE_BYTES:
                    raise FormatError(f"page is cut short: {len(content)} of {page.PAGE_BYTES} bytes")
                if content == page.BLANK:
                    raise FormatError("page was never written")
                sequence, number, used, _ = page.unseal(content)
                if self.valid_pages and number != self.number:
                    raise FormatError(f"page belongs to session {number}")
                if sequence <= last_sequence:
                    raise FormatError("page is out of order")
            except FormatError as error:
                self.damage.append(Damage(index, offset, str(error)))
                continue
            last_sequence, self.number = sequence, number
            self.valid_pages += 1
            self._read_records(index, offset, content, used)
        self._unpack(None)
        if not self.valid_pages:
            raise FormatError("no readable page: this is no session, or it is damaged throughout; pull it again")

    def _read_records(self, index: int, offset: int, content: bytes, used: int) -> None:
        for at, kind, values, tail in decoding.decode(content, page.HEADER_BYTES, page.HEADER_BYTES + used):
            handler = self.handlers.get(kind)
            self.at = index, offset + at
            try:
                if kind == 0:
                    raise _Bad(values)
                if handler is None:
                    self.skipped += 1
                else:
                    handler(values, tail)
            except _Bad as bad:
                self.damage.append(Damage(*self.at, str(bad)))

    def _session(self, values: tuple[Any, ...], tail: Any) -> None:
        major, minor = values[:2]
        if major > record.FORMAT_MAJOR:
            raise FormatError(
                f"written in log format {major}.{minor} by a newer firmware; this program reads up to "
                f"{record.FORMAT_MAJOR}.x: update mmc-host"
            )
        fields = dict(zip(record_rows()[record.SESSION].names, values, strict=True))
        if not 0 < fields["rate_hz"] <= MAX_RATE_HZ or not 0 < fields["channels"] <= settings.MAX_CHANNELS:
            raise _Bad("session: rate or number of channels is out of range")
        fields["log_mode"] = name_of(LOG_MODES, fields["log_mode"])
        for name in ("device", "firmware", "board", "wearer"):
            fields[name] = printable(fields[name])
        if self.header is not None:
            raise _Bad("session: a second header")
        if self.features and self.features[0][0][4] != fields["channels"]:
            raise _Bad("session: number of channels is not that of the features before it")
        self.header = Header(**fields)

    def _channel(self, values: tuple[Any, ...], tail: Any) -> None:
        if values[0] >= settings.MAX_CHANNELS or values[0] in self.channels:
            raise _Bad("channel: index is out of range or stands twice")
        self.channels[values[0]] = values

    def _setting(self, values: tuple[Any, ...], tail: Any) -> None:
        number, key = values
        try:
            name, value = settings.from_wire(number, key)
        except UsageError:
            name, _, text = printable(key).partition("=")
            value = text or number
            self.unknown_settings.add(name)
        self.settings[name] = printable(value) if isinstance(value, str) else value

    def _program(self, values: tuple[Any, ...], tail: bytes) -> None:
        if self.plan is not None:
            raise _Bad("program: a second program")
        slot, shift_pct, streak = values
        self.plan = Plan(slot, shift_pct, streak, bytes(tail))

    def _features(self, values: tuple[Any, ...], tail: list[int]) -> None:
        start, frame_samples, frames, last_samples, channels, _, _ = values
        if not 1 <= frames <= 16 or not frame_samples or not last_samples or not 1 <= channels <= settings.MAX_CHANNELS:
            raise _Bad("features: number of frames, samples or channels is out of range")
        if self.features and channels != self.features[0][0][4]:
            raise _Bad("features: number of channels changes")
        if self.header and channels != self.header.channels:
            raise _Bad("features: number of channels is not the session's")
        self._take(record.FEATURES, frames * channels, tail)
        self._advance(record.FEATURES, start, start + (frames - 1) * frame_samples + last_samples)
        self.features.append((values, tail))

    def _imu(self, values: tuple[Any, ...], tail: list[int]) -> None:
        start, interval, readings, _ = values
        if not 1 <= readings <= 8 or not interval:
            raise _Bad("imu: number of readings or interval is out of range")
        self._take(record.IMU, 4 * readings, tail)
        self._advance(record.IMU, start, start + (readings - 1) * interval + 1)
        self.imu.append((values, tail))

    def _raw(self, values: tuple[Any, ...], tail: list[int]) -> None:
        start, samples, channels, _ = values
        if not samples or not channels or channels != (self.raw[0][0][2] if self.raw else channels):
            raise _Bad("raw: number of samples or channels is out of range")
        self._take(record.RAW, samples * channels, tail)
        self._advance(record.RAW, start, start + samples)
        self.raw.append((values, tail))

    def _packed(self, values: tuple[Any, ...], tail: bytes) -> None:
        start, samples, channels, _, carried = values
        if not samples or not 1 <= channels <= settings.MAX_CHANNELS or carried > len(tail):
            raise _Bad("packed: number of samples, channels or carried bytes is out of range")
        before = self.packed[0] if self.packed else None
        follows = before is not None and before[0] + before[1] * before[3] == start
        self._unpack(tail[:carried] if follows else None)
        self.packed, self.packed_at = (values, tail[carried:]), self.at

    def _unpack(self, carried: bytes | None) -> None:
        """Blocks of the packed record that waits as the raw records that they stand for; None: the next one is lost."""
        if self.packed is None:
            return
        (start, samples, channels, blocks, _), tail = self.packed
        self.packed = None
        try:
            found = unpack(tail + (carried or b""), samples, channels, blocks, is_cut=carried is None)
            for index, block in enumerate(found):
                words = [count & 0xFFFF for count in block.counts + (block.imu or ())]
                self._raw((start + index * samples, samples, channels, int(block.motor)), words)
        except (FormatError, _Bad) as error:
            self.damage.append(Damage(*self.packed_at, f"packed: {error}"))

    def _clock(self, values: tuple[Any, ...], tail: Any) -> None:
        if not is_plausible(values[1]):
            raise _Bad("clock: reading is out of range")
        self.clocks.append((values[0], values[1]))

    def _event(self, values: tuple[int, ...], tail: Any) -> None:
        self.events.append(values)

    def _gap(self, values: tuple[int, ...], tail: Any) -> None:
        self.gaps.append(values)

    def _fault(self, values: tuple[int, ...], tail: Any) -> None:
        self.faults.append(values)

    def _vitals(self, values: tuple[int, ...], tail: Any) -> None:
        self.vitals.append(values)

    def _end(self, values: tuple[Any, ...], tail: Any) -> None:
        if self.end is not None:
            raise _Bad("end: a second end")
        self.end = values

    def _take(self, kind: int, count: int, tail: list[int]) -> None:
        if len(tail) < count:
            raise _Bad(f"{record_rows()[kind].name}: {len(tail)} values, {count} expected")

    def _advance(self, kind: int, start: int, end: int) -> None:
        if start < self.reached[kind]:
            raise _Bad(f"{record_rows()[kind].name}: the sample counter goes back")
        self.reached[kind] = end

    def session(self) -> Session:
        header = self.header or self._assumed_header()
        rate = header.rate_hz
        channels = tuple(channel_of(i, self.channels.get(i)) for i in range(header.channels))
        readings = [(t / rate, utc_ms) for t, utc_ms in self.clocks]
        if is_plausible(header.utc_ms):
            readings.append((0.0, header.utc_ms))
        features = feature_columns(self.features, channels, rate)
        samples = int(features.samples.sum())
        lost = sum(gap[1] for gap in self.gaps)
        covered = [(values[0], _features_end(values)) for values, _ in self.features]
        covered += [(gap[0], gap[0] + gap[1]) for gap in self.gaps]
        span = self.end[0] if self.end else max((end for _, end in covered), default=0)
        end = None
        if self.end:
            t_samples, ended_samples, ended_lost, dropped, cues, reason = self.end
            end = End(t_samples / rate, ended_samples, ended_lost, dropped, cues, name_of(END_REASONS, reason))
        return Session(
            header=header,
            channels=channels,
            plan=self.plan,
            settings=MappingProxyType(self.settings),
            unknown_settings=frozenset(self.unknown_settings),
            features=features,
            imu=imu_columns(self.imu, header),
            raw=raw_columns(self.raw, channels, rate) if self.raw else None,
            events=tuple(event_of(values, channels, rate) for values in self.events),
            gaps=tuple(Gap(g[0] / rate, g[1] / rate, g[1], name_of(GAP_CAUSES, g[2])) for g in self.gaps),
            faults=tuple(Fault(f[0] / rate, name_of(FAULTS, f[1]), f[2]) for f in self.faults),
            vitals=tuple(Vitals(v[0] / rate, v[1], v[2], v[3], v[4], v[5], bool(v[6] & ON_USB)) for v in self.vitals),
            end=end,
            clock=fit(readings),
            damage=tuple(self.damage),
            missing=tuple(Missing(a / rate, b / rate) for a, b in _uncovered(covered, span)),
            samples=samples,
            lost_samples=lost,
            span_samples=span,
            pages=self.valid_pages,
            skipped_records=self.skipped,
        )

    def _assumed_header(self) -> Header:
        channels = self.features[0][0][4] if self.features else max(len(self.channels), 1)
        rate, block = sample.RATE_HZ, sample.BLOCK_SAMPLES
        unknown = ("unknown",) * 4
        return Header(0, 0, self.number, 0, 0, 0, rate, block, 1, 0, 0, 0, channels, "features", *unknown, assumed=True)


def _features_end(values: tuple[Any, ...]) -> int:
    start, frame_samples, frames, last_samples = values[:4]
    return start + (frames - 1) * frame_samples + last_samples


def _uncovered(covered: list[tuple[int, int]], span: int) -> list[tuple[int, int]]:
    holes: list[tuple[int, int]] = []
    reached = 0
    for start, end in [*sorted(covered), (span, span)]:
        if start > reached:
            holes.append((reached, start))
        reached = max(reached, end)
    return holes
