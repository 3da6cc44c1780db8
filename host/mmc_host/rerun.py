"""What would the wearable decide, once more or with other settings, over what a session recorded?

In:    Session; settings that shall differ from the recorded ones
Out:   Rerun: the events and frames that the device's own Pipeline wrote, and what a reader has to know about them
State: none
Cost:  about 0.2 ms per block of 10 ms: a minute of raw EMG takes a second or two
Source: mmc_core.pipeline, the very file that the device runs, driven as mmc_device.app drives it

Raw EMG replays bit for bit: counts, motor and gaps of every block are in the log. The session's log has the settings
and references; what only the board knows (input shift, rail) comes from the board's facts, which are shipped with this
program. Without raw EMG the coach runs over the log's smooth envelope instead, which is an approximation.
"""

from __future__ import annotations

import contextlib
import runpy
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import mmc_core
from mmc_core import record
from mmc_core.chain import OUT_DISPLAY, OUT_ENVELOPE, OUT_FAST, OUT_QUALITY
from mmc_core.errors import FormatError, UsageError
from mmc_core.kernel import MAX_PERMILLE
from mmc_core.pipeline import Pipeline
from mmc_core.program import decode
from mmc_core.sample import BLOCK_SAMPLES, RATE_HZ
from mmc_core.settings import Settings, names, validate
from mmc_host.columns import Channel, Event, Features, Missing, Session
from mmc_host.units import PERMILLE_UNITS, Records, event_of, feature_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Logged by the device's shell: no pipeline writes them.
SHELL_EVENTS = frozenset("motor_on motor_off mark skip contact confirmed answer artefact detail".split())

_CAUSE = 1  # of a gap; only the log asks for it
_IMU_WORDS = 6
_LARGEST_12_BIT = 2047
_NAME = "a name decides nothing"
_MOTOR = "the motor ran as it ran in the recording"
_RECORDED = "the recording is made"
_NO_EFFECT = {
    "wearer": _NAME,
    "muscle": _NAME,
    "site": _NAME,
    "calibrated_utc_s": "it decides nothing",
    "log_mode": _RECORDED,
    "autostart": _RECORDED,
    "program": "the program is the recorded one",
    "wearers": _NAME,
    "ask": "nobody is asked",
    "confirm": _RECORDED,
    "idle_stop_min": _RECORDED,
    "cue_pulse_ms": _MOTOR,
    "cue_gap_ms": _MOTOR,
    "cue_pulses": _MOTOR,
    "cue_strength_pct": _MOTOR,
}


@dataclass(frozen=True)
class Rerun:
    """What the pipeline made of a recording.

    Attributes:
        source: "raw" (the recorded counts), or "features" (the smooth envelope: an approximation).
        blocks: how many blocks it was fed.
        events: in the order in which it wrote them; those of the shell (`SHELL_EVENTS`) are not among them.
        features: the frames that it wrote; from features they say nothing new.
        missing: stretches that the log does not have and does not explain; the pipeline was told of a gap.
        scored: whether the target channel has a reference; without one nothing is decided.
        notes: sentences on what was assumed or left out.
    """

    source: str
    blocks: int
    events: tuple[Event, ...]
    features: Features
    missing: tuple[Missing, ...]
    scored: bool
    notes: tuple[str, ...]


def recorded_events(session: Session) -> tuple[Event, ...]:
    """The session's events without those of the shell, to set beside `Rerun.events`.

    Where the flash ran low the signal ends, and with it what can be replayed: events behind that are left out.
    """
    events = session.events[: _raw_end(session)]
    return tuple(event for event in events if event.kind not in SHELL_EVENTS and event.reason != "not_today")


def _raw_end(session: Session) -> int | None:
    """Index of the event that says that there is no raw signal from there on; None: there is to the end."""
    if session.raw is None:
        return None
    return next((index for index, event in enumerate(session.events) if event.kind == "detail"), None)


def parse_changes(assignments: Sequence[str]) -> dict[str, int | str]:
    """Check NAME=VALUE texts and return them by name.

    Raises:
        UsageError: no assignment, unknown (the closest name is offered), out of range, or of no effect afterwards.
    """
    changes: dict[str, int | str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"{assignment!r} is no assignment: give NAME=VALUE, for example lost_share_pct=40")
        changes[name] = validate(name, value)
        why = _NO_EFFECT.get(_channel_key(name) or name)
        if why:
            raise UsageError(f"{name}: it changes nothing afterwards, because {why}")
    return changes


def rerun(session: Session, changes: Mapping[str, int | str] | None = None) -> Rerun:
    """Run the device's pipeline over a session, with some settings changed.

    Raises:
        UsageError: the board is unknown here, or the recording has another rate than the coach.
        FormatError: what the replay needs was lost with damaged pages.
    """
    changes = changes or {}
    _refuse(session)
    facts = facts_of(session)
    config, notes = settings_of(session, changes, facts.EMG_KERNEL_SHIFT)
    target = min(int(config["target_channel"]), session.header.channels - 1)
    if session.channels[target].reference_kind == "unknown":
        raise FormatError(
            f"the record of channel {target}, which is the target, is damaged: its scale and reference are lost, "
            "so that nothing can be replayed"
        )
    config.put("log_mode", "features")  # nobody reads what it would pack
    pipeline = Pipeline(config, facts, _numbers(session))
    run = _Run(session, pipeline, _channels(session, config), facts.MOTOR_SPIN_DOWN_MS)
    source = "features" if session.raw is None else "raw"
    if source == "raw":
        run.over_raw()
        ended = _raw_end(session)
        if ended is not None:
            at_s = session.events[ended].t_s
            notes.append(
                f"the signal itself was logged until {at_s:.1f} s, when the flash ran low: replayed until there"
            )
    else:
        run.over_features()
    return Rerun(
        source=source,
        blocks=run.blocks,
        events=tuple(run.events),
        features=feature_columns(run.frames, run.channels, session.header.rate_hz),
        missing=tuple(run.missing),
        scored=config.channel(target, "reference_kind") != "none",
        notes=tuple(notes),
    )


def _numbers(session: Session) -> array[int] | None:
    """The numbers of the program that was followed, or None; its band and cues are in the logged settings."""
    return decode(session.plan.data).numbers if session.plan else None


def facts_of(session: Session) -> SimpleNamespace:
    """The facts of the board that recorded a session, with the channels and the scale that the session states.

    Raises:
        UsageError: no board of that name came with this program.
    """
    boards = {path.parent.name: path for path in _boards_folder().glob("*/board_facts.py")}
    name = session.header.board
    if name not in boards:
        known = ", ".join(sorted(boards)) or "none"
        raise UsageError(
            f"the board {name!r} is unknown here, and with it the scale of its front end (known: {known}); "
            "replay with the version of mmc-host that has it"
        )
    facts = {key: value for key, value in runpy.run_path(str(boards[name])).items() if key.isupper()}
    facts["EMG_CHANNELS"] = session.header.channels
    facts["EMG_NV_PER_COUNT"] = next((c.nv_per_count for c in session.channels if c.nv_per_count), 0)
    if not facts["EMG_NV_PER_COUNT"]:
        raise FormatError("no channel's record is readable: scales and references are lost, nothing can be replayed")
    return SimpleNamespace(**facts)


def _boards_folder() -> Path:
    """Where the boards' facts are: installed as data beside this package, or in the repository."""
    installed = Path(__file__).parent / "device" / "boards"
    return installed if installed.is_dir() else Path(next(iter(mmc_core.__path__))).parents[1] / "boards"


def settings_of(session: Session, changes: Mapping[str, int | str], shift: int) -> tuple[Settings, list[str]]:
    """The settings that were in force, with the changes; and what had to be assumed.

    Args:
        session: the recording.
        changes: checked values by name.
        shift: the board's left shift in front of the kernel; logged references stand behind it.
    """
    config, notes = Settings(), list[str]()
    for name in session.settings.keys() - session.unknown_settings:
        config.restore(name, session.settings[name])
    given = session.settings.keys() | changes.keys() | _NO_EFFECT.keys()
    absent = [name for name in names() if not _channel_key(name) and name not in given]
    if absent:
        notes.append(f"not in the recording, so that the default stands in: {', '.join(absent)}")
    if session.unknown_settings:
        unknown = ", ".join(sorted(session.unknown_settings))
        notes.append(f"settings of another version, which decide nothing here: {unknown}")
    for channel in session.channels:
        prefix = f"ch{channel.channel}_"
        if channel.reference_kind == "unknown":
            notes.append(f"the record of channel {channel.channel} is damaged: it counts as not connected")
            continue
        config.restore(prefix + "reference_kind", channel.reference_kind)
        config.restore(prefix + "reference_nv", _nanovolt(channel, channel.reference_uv, shift))
        config.restore(prefix + "rest_nv", _nanovolt(channel, channel.rest_uv, shift))
        for key, text in (("muscle", channel.muscle), ("side", channel.side), ("site", channel.site)):
            with contextlib.suppress(UsageError):  # damaged text; it decides nothing
                config.restore(prefix + key, text)
    for name, value in changes.items():
        if _channel_key(name) and int(name[2]) >= session.header.channels:
            raise UsageError(f"{name}: the session has {session.header.channels} channels, counted from 0")
        config.restore(name, value)
    return config, notes


def _channel_key(name: str) -> str:
    """What a setting of one channel is called without its `ch0_`; nothing where it belongs to no channel."""
    return name[4:] if name[:2] == "ch" and name[3:4] == "_" else ""


def _nanovolt(channel: Channel, microvolt: float | None, shift: int) -> int:
    """The least setting in nV from which the device makes the logged count/8: its own, or one that is as good."""
    q3 = 0 if microvolt is None else round(microvolt * 8000 / channel.nv_per_count)
    return 0 if q3 <= 1 else -(-(q3 >> shift) * channel.nv_per_count // 8)


def _channels(session: Session, config: Settings) -> tuple[Channel, ...]:
    """The channels with the units that their settings give them."""
    kinds = [str(config.channel(channel.channel, "reference_kind")) for channel in session.channels]
    return tuple(
        channel
        if channel.reference_kind in (kind, "unknown")
        else replace(channel, unit=PERMILLE_UNITS.get(kind, "uV"))
        for channel, kind in zip(session.channels, kinds, strict=True)
    )


def _refuse(session: Session) -> None:
    header = session.header
    if header.assumed:
        raise FormatError("the session's header is lost: which board and which scale it was is not known")
    if (header.rate_hz, header.block_samples) != (RATE_HZ, BLOCK_SAMPLES):
        raise UsageError(
            f"recorded with {header.rate_hz} Hz in blocks of {header.block_samples}; "
            f"the coach knows {RATE_HZ} Hz in blocks of {BLOCK_SAMPLES} only"
        )


class _Run:
    """One pipeline on its way through one session, as the device's shell drives it."""

    def __init__(self, session: Session, pipeline: Any, channels: tuple[Channel, ...], spin_down_ms: int) -> None:
        self.session = session
        self.pipeline = pipeline
        self.channels = channels
        self.blocks = 0
        self.events: list[Event] = []
        self.frames: Records = []
        self.missing: list[Missing] = []
        self._skips = [round(event.t_s * RATE_HZ) for event in session.events if event.kind == "skip"]
        self._spin_down_samples = spin_down_ms * RATE_HZ // 1000

    def write(self, kind: int, values: tuple[Any, ...], tail: Any, count: int) -> None:
        """What the device would log."""
        if kind == record.EVENT:
            self.events.append(event_of(values, self.channels, RATE_HZ))
        elif kind == record.FEATURES:
            self.frames.append((values, list(tail[:count])))

    def over_raw(self) -> None:
        """Feed the recorded counts, block by block."""
        import numpy as np

        raw = self.session.raw
        assert raw is not None
        if raw.uv.shape[1] != len(self.channels):
            raise FormatError(f"the raw EMG has {raw.uv.shape[1]} channels, the session {len(self.channels)}")
        ticks = np.rint(raw.t_s * RATE_HZ).astype(np.int64)
        starts = ticks[::BLOCK_SAMPLES]
        if (
            len(ticks) % BLOCK_SAMPLES
            or (ticks[BLOCK_SAMPLES - 1 :: BLOCK_SAMPLES] - starts != BLOCK_SAMPLES - 1).any()
        ):
            raise FormatError(f"the raw EMG is not logged in blocks of {BLOCK_SAMPLES} samples")
        nv = np.array([channel.nv_per_count or 1 for channel in self.channels])
        counts = np.rint(raw.uv * 1000.0 / nv).astype("<i2")
        motor = raw.motor[::BLOCK_SAMPLES].tolist()

        def play(index: int, start: int) -> None:
            rows = counts[index * BLOCK_SAMPLES : (index + 1) * BLOCK_SAMPLES]
            reading = raw.imu_counts[index]
            imu = array("h", reading) if reading else None
            self._step(array("h", rows.tobytes()), start + BLOCK_SAMPLES, motor[index], imu)

        self._walk([(start, start + BLOCK_SAMPLES) for start in starts.tolist()], play)

    def over_features(self) -> None:
        """Show the coach, where the kernel would have been, the envelope from which the log's smooth one was made."""
        import numpy as np

        features, kernel = self.session.features, self.pipeline.kernel
        ends = np.rint(features.t_s * RATE_HZ).astype(np.int64).tolist()
        lengths, quality = features.samples.tolist(), features.quality.tolist()
        motor = self._motor_of_blocks()
        envelopes, fast = (levels.tolist() for levels in self._unsmoothed([busy.count(False) for busy in motor]))
        block = array("h", bytes(2 * BLOCK_SAMPLES * len(self.channels)))

        def process(block: Any, blank: bool = False, lead_off: int = 0) -> None:
            """The frame's words stand already."""

        def play(index: int, start: int) -> None:
            for channel, words in enumerate(kernel.out):
                words[OUT_ENVELOPE] = words[OUT_DISPLAY] = envelopes[index][channel]
                words[OUT_FAST] = fast[index][channel]
                words[OUT_QUALITY] = quality[index][channel]
            for step, busy in enumerate(motor[index], 1):
                self._step(block, start + step * BLOCK_SAMPLES, busy)

        kernel.process = process
        self._walk([(end - length, end) for end, length in zip(ends, lengths, strict=True)], play)

    def _motor_of_blocks(self) -> list[list[bool]]:
        """For each frame whether the motor shook its blocks: a frame knows it of itself, events know when it ran."""
        features, spin_down = self.session.features, self._spin_down_samples
        runs: list[tuple[int, int]] = []
        for event in self.session.events:
            if event.kind == "motor_on":
                runs.append((round(event.t_s * RATE_HZ), 1 << 40))
            elif event.kind == "motor_off" and runs:
                runs[-1] = (runs[-1][0], round(event.t_s * RATE_HZ) + spin_down)
        found: list[list[bool]] = []
        for end_s, samples, any_motor in zip(
            features.t_s.tolist(), features.samples.tolist(), features.motor.tolist(), strict=True
        ):
            end = round(end_s * RATE_HZ)
            near = runs[max(0, bisect_right(runs, (end, 0)) - 3) : bisect_right(runs, (end, 0))]
            ends = range(end - samples + BLOCK_SAMPLES, end + 1, BLOCK_SAMPLES)
            busy = [any_motor and any(on < t < still for on, still in near) for t in ends]
            found.append(busy if any(busy) else [any_motor] * len(busy))
        return found

    def _unsmoothed(self, moving_blocks: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each frame's mean envelope before the pole that smooths it for the log; and ahead of it by its own delay.

        A pole that keeps K of itself over a frame leaves (after - K before) / (1 - K) as the mean of what went in.

        Args:
            moving_blocks: of each frame, how many the motor did not shake; in the others the envelopes stand still.
        """
        import numpy as np

        features, kernel = self.session.features, self.pipeline.kernel
        scale = [10.0 if channel.calibrated else 1.0 for channel in self.session.channels]
        smooth = features.envelope_pct * scale
        blocks = np.array(moving_blocks, np.float64)[:, np.newaxis]
        kept = (1.0 - kernel.smooth_display / 1024.0) ** np.maximum(blocks, 1.0)
        envelopes = np.where(blocks > 0.0, (smooth - kept * _before(smooth)) / (1.0 - kept), smooth)
        delay_blocks = 2.0 * (1024.0 / kernel.smooth - 1.0)  # of the envelope's two poles
        fast = envelopes + (envelopes - _before(envelopes)) * delay_blocks / np.maximum(blocks, 1.0)
        whole = [np.clip(np.rint(levels), 0, MAX_PERMILLE).astype(np.int64) for levels in (envelopes, fast)]
        return whole[0], whole[1]

    def _step(self, block: Any, t_samples: int, motor_busy: bool, imu: Any = None) -> None:
        while self._skips and self._skips[0] < t_samples:
            self.pipeline.skip_rest()
            self._skips.pop(0)
        self.pipeline.step(block, t_samples, imu, motor_busy)
        self.pipeline.write_records(self.write, block, t_samples, motor_busy)
        self.blocks += 1

    def _walk(self, spans: list[tuple[int, int]], play: Callable[[int, int], None]) -> None:
        """Play what there is at its time, and tell of what is lost in between; close at the session's end."""
        session = self.session
        reached = 0
        for start, end, index in self._in_order(spans):
            if start > reached:
                self._miss(reached, start)
            if index is not None:
                play(index, start)
            elif end > max(start, reached):
                self.pipeline.skip(self.write, start, end - start, _CAUSE)
            reached = max(reached, end)
        if session.end is not None and _raw_end(session) is None:
            end = round(session.end.t_s * RATE_HZ)
            if end > reached:
                self._miss(reached, end)
            self.pipeline.close(self.write, end)

    def _in_order(self, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int, int | None]]:
        """Blocks or frames with their number, and declared gaps without one, by time."""
        parts: list[tuple[int, int, int | None]] = [(start, end, index) for index, (start, end) in enumerate(spans)]
        starts = [round(gap.t_s * RATE_HZ) for gap in self.session.gaps]
        gaps = [(t, t + gap.lost_samples, None) for t, gap in zip(starts, self.session.gaps, strict=True)]
        if spans and _raw_end(self.session) is not None:
            gaps = [gap for gap in gaps if gap[0] < spans[-1][1]]  # later ones lie where there is no signal
        parts += gaps
        yield from sorted(parts, key=lambda part: part[0])

    def _miss(self, start: int, end: int) -> None:
        self.missing.append(Missing(start / RATE_HZ, end / RATE_HZ))
        self.pipeline.skip(self.write, start, end - start, _CAUSE)


def _before(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """What stood one frame earlier; the kernel begins at nothing."""
    import numpy as np

    return np.vstack([np.zeros_like(levels[:1]), levels[:-1]])


def has_whole_motion(session: Session) -> bool:
    """Whether the log has every reading of the motion sensor, as it came."""
    return session.raw is not None and any(reading is not None for reading in session.raw.imu_counts)


Row = tuple[Event | None, ...]


def align(columns: Sequence[Sequence[Event]], within_s: float = 1.0) -> list[Row]:
    """Set events beside each other: the same kind on the same channel, at the same time or at most `within_s` apart.

    Every event stands in one row, in its column; rows go by time. Equal times are paired first.
    """
    rows: list[list[Event | None]] = []
    anchors: list[Event] = []
    for column, events in enumerate(columns):
        left = dict[object, list[Event]]()
        for event in events:
            left.setdefault(_key(event), []).append(event)
        open_rows = dict[object, list[int]]()
        for index, anchor in enumerate(anchors):
            open_rows.setdefault(_key(anchor), []).append(index)
        for key, ones in left.items():
            mine = open_rows.get(key, [])
            for limit_s in (0.0, within_s):
                ones, mine = _pair(ones, mine, rows, anchors, column, limit_s)
            for event in ones:
                rows.append([event if slot == column else None for slot in range(len(columns))])
                anchors.append(event)
    order = sorted(range(len(rows)), key=lambda index: anchors[index].t_s)
    return [tuple(rows[index]) for index in order]


def _key(event: Event) -> object:
    return event.kind, event.channel, event.reason if event.kind == "cue" else ""


def _pair(
    events: list[Event],
    mine: list[int],
    rows: list[list[Event | None]],
    anchors: list[Event],
    column: int,
    limit_s: float,
) -> tuple[list[Event], list[int]]:
    """Put events into rows that are near enough, in the order of time; return what is left of both."""
    events, mine = sorted(events, key=lambda one: one.t_s), sorted(mine, key=lambda index: anchors[index].t_s)
    left, unused = list[Event](), list[int]()
    at = 0
    for event in events:
        while at < len(mine) and anchors[mine[at]].t_s < event.t_s - limit_s:
            unused.append(mine[at])
            at += 1
        if at < len(mine) and anchors[mine[at]].t_s <= event.t_s + limit_s:
            rows[mine[at]][column] = event
            at += 1
        else:
            left.append(event)
    return left, unused + mine[at:]
