"""How did each hold go: how long, how strong, how much inside the target, and how quick was the answer to a buzz?

In:    Session
Out:   one Hold per hold that began, in order
Source: the device's own events. Events are paired in the order in which they were logged, not by time: a hold's end
        carries the time of the crossing, which is before the loss and the cue that the same letting-go caused.
        Levels are weighted by the time that each frame overlaps the hold, over the frames that count (scoring.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmc_host.analysis.scoring import band_seconds, counts, frame_seconds, target_band
from mmc_host.columns import Event, Session


@dataclass(frozen=True)
class Lapse:
    """The muscle let go within a hold.

    lost_s: when the device decided so. cue_s: the first cue "engage" that followed within this lapse; None: it gave
    none (switched off, or too soon after the last). regained_s: when it decided that the muscle was back; None: never.
    """

    lost_s: float
    cue_s: float | None
    regained_s: float | None

    @property
    def response_s(self) -> float | None:
        """Seconds from the cue to the return; the motor's own running time is in it, because nothing is scored then."""
        return None if self.cue_s is None or self.regained_s is None else self.regained_s - self.cue_s


@dataclass(frozen=True)
class Hold:
    """One hold. Seconds since sample 0; levels in `unit` of its channel.

    ended: "released"; "session_end": it was still held when the session was stopped; "cut": the record stops or is
    damaged there, so that the end is not known and `end_s` is the last that is. mean_pct, peak_pct: None when no frame
    counts. time_in_target_s: scored time inside the band; None when this muscle has none. scored_s: time of the hold
    that counts; the rest is motor, bad signal or gap. cues: cues "engage" that belong to this hold.
    """

    channel: int
    unit: str
    start_s: float
    end_s: float
    ended: str
    scored_s: float
    mean_pct: float | None
    peak_pct: float | None
    time_in_target_s: float | None
    cues: int
    lapses: tuple[Lapse, ...]

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.end_s - self.start_s

    @property
    def response_times_s(self) -> tuple[float, ...]:
        """Seconds from cue to return, for each lapse that has both."""
        return tuple(lapse.response_s for lapse in self.lapses if lapse.response_s is not None)


@dataclass
class _Open:
    channel: int
    start_s: float
    cues: int = 0
    lapses: list[Lapse] = field(default_factory=lambda: [])

    def see(self, event: Event) -> None:
        last = self.lapses[-1] if self.lapses and self.lapses[-1].regained_s is None else None
        if event.kind == "activation_lost":
            self.lapses.append(Lapse(event.t_s, None, None))
        elif event.kind == "activation_regained" and last is not None:
            self.lapses[-1] = Lapse(last.lost_s, last.cue_s, event.t_s)
        elif event.kind == "cue" and event.reason == "engage":
            self.cues += 1
            if last is not None and last.cue_s is None:
                self.lapses[-1] = Lapse(last.lost_s, event.t_s, None)


def holds(session: Session) -> list[Hold]:
    """List the holds of a session, in the order in which they began."""
    open_holds: dict[int, _Open] = {}
    done: list[Hold] = []
    for event in session.events:
        channel = event.channel
        if event.kind == "hold_start" and channel is not None and channel < len(session.channels):
            if channel in open_holds:  # its end is in a damaged page
                done.append(_close(session, open_holds.pop(channel), event.t_s, "cut"))
            open_holds[channel] = _Open(channel, event.t_s)
        elif event.kind == "hold_end" and channel in open_holds:
            ended = "session_end" if event.reason == "session_end" else "released"
            done.append(_close(session, open_holds.pop(channel), event.t_s, ended))
        else:
            for hold in open_holds.values():
                if channel is None or channel == hold.channel:
                    hold.see(event)
    done += [_close(session, hold, session.duration_s, "cut") for hold in open_holds.values()]
    return sorted(done, key=lambda hold: hold.start_s)


def _close(session: Session, hold: _Open, end_s: float, ended: str) -> Hold:
    if ended == "cut":
        end_s = min([end_s, *(hole.start_s for hole in session.missing if hole.start_s >= hold.start_s)])
    end_s = max(end_s, hold.start_s)
    seconds = frame_seconds(session, hold.start_s, end_s)
    used = (seconds > 0.0) & counts(session, hold.channel)
    values, weights = session.features.envelope_pct[used, hold.channel], seconds[used]
    total = float(weights.sum())
    band = target_band(session)
    in_target_s = None
    if band is not None and band.channel == hold.channel:
        in_target_s = band_seconds(values, weights, band)[1]
    return Hold(
        channel=hold.channel,
        unit=session.channels[hold.channel].unit,
        start_s=hold.start_s,
        end_s=end_s,
        ended=ended,
        scored_s=total,
        mean_pct=float((values * weights).sum() / total) if total > 0.0 else None,
        peak_pct=float(values.max()) if total > 0.0 else None,
        time_in_target_s=in_target_s,
        cues=hold.cues,
        lapses=tuple(hold.lapses),
    )
