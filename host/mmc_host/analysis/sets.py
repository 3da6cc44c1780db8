"""How did each set go: how many repetitions, how strong, with the muscle or without it, and what wore off?

In:    Session
Out:   one TrainingSet per set with a repetition or a hold, in order; percent, seconds, and the channel's unit
Source: the device's own events, gathered from the end of one set ("set") to that of the next. Repetitions, indexes and
        advice are the device's decisions (mmc_core.coach); here is only what a set's sum and mean of them are. What was
        not told is None, never 0
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from mmc_host.analysis.scoring import target_channel
from mmc_host.columns import Event, Session

_TIRED = ("fatigue", "force_down", "recovery")  # reasons of "tiring" whose value is the index
_WORSE_FORM = ("slowing", "tremor")  # those whose value is the form's
_DIG_IN_REPS = 4  # fewer have no usual peak to compare the last one with
_OTHER_SIDE = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Noticed:
    """A muscle that the device noticed in a set, and how often."""

    channel: int
    muscle: str
    side: str
    times: int


@dataclass(frozen=True)
class TrainingSet:
    """One set of the target muscle. Seconds since sample 0; levels in `unit` of its channel.

    start_s: its first contraction or hold began, or, where only the motion sensor saw it, its first repetition was
    told. end_s: its last repetition or hold ended. complete: its end is in the record; else power was cut or a page is
    damaged, and there may have been more. reps: repetitions counted; by_motion, by_effort: what motion sensor and
    muscle counted, where they do not agree. held_s: seconds of holds that ended.
    out_ms, stood_ms, back_ms: how long its movements took to the turn, stood there, and took back; range_deg: how far
    they turned the sensor; means over the set's movements, None without a motion sensor.
    mean_peak, best_peak: tops of the contractions; wanted_peak: what a top should reach; squeezed_pct: share of tops,
    of those that were judged against it, that reached it and stayed as long as wanted.
    passive: repetitions that the limb made without the muscle. engagement_pct: share of repetitions and hold time that
    was with it. isolation_pct: its share of all muscles' work; cocontraction_pct: of its and the antagonist's work,
    what both did at a time; sides_pct: above 0 the target's side does more; means over repetitions and holds.
    sides: the same in words: "left does more", "even". leaks: helpers that took over; sleepers: stabilisers that did
    not join. tiring_pct: index of tiring, as last told (from 12 % on, in steps); worse_form: "slowing", "tremor".
    advice: reasons such as "less_load". dug_in: whether the last repetition went deeper than the set.
    """

    channel: int
    unit: str
    start_s: float
    end_s: float
    complete: bool
    reps: int
    by_motion: int | None
    by_effort: int | None
    held_s: float
    out_ms: float | None
    stood_ms: float | None
    back_ms: float | None
    range_deg: float | None
    mean_peak: float | None
    best_peak: float | None
    wanted_peak: float | None
    squeezed_pct: float | None
    passive: int | None
    engagement_pct: float | None
    isolation_pct: float | None
    cocontraction_pct: float | None
    sides_pct: float | None
    sides: str | None
    leaks: tuple[Noticed, ...]
    sleepers: tuple[Noticed, ...]
    tiring_pct: float | None
    worse_form: tuple[str, ...]
    advice: tuple[str, ...]
    dug_in: bool | None

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.end_s - self.start_s


def sets(session: Session) -> list[TrainingSet]:
    """List the sets of a session, in order. What was no repetition and no hold in the end makes no set."""
    target = target_channel(session)
    if target is None:
        return []
    return [_sum_up(session, target, events) for events in _groups(session) if _counts(events)]


def _groups(session: Session) -> list[list[Event]]:
    groups: list[list[Event]] = [[]]
    reps = 0.0
    for event in session.events:
        if _is_afterword(event) and len(groups) > 1 and event.t_s == groups[-2][-1].t_s:
            groups[-2].append(event)
            continue
        if event.kind == "rep":
            if event.value <= reps:  # the end of the set before is in a damaged page
                groups.append([])
            reps = event.value
        groups[-1].append(event)
        if event.kind == "set":
            groups.append([])
            reps = 0.0
    return groups


def _is_afterword(event: Event) -> bool:
    """Whether it is told right behind the end of the set that it is about."""
    return event.kind == "dig_in" or (event.kind == "advice" and event.reason == "fewer_reps")


def _counts(events: Sequence[Event]) -> bool:
    """Whether it is a set: it has repetitions, or the device told its end and there were holds."""
    kinds = {event.kind for event in events}
    reps = any(event.kind == "set" and event.value > 0 for event in events)
    return "rep" in kinds or reps or {"set", "hold_start"} <= kinds


def _sum_up(session: Session, target: int, events: Sequence[Event]) -> TrainingSet:
    of: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        of[event.kind].append(event)
    reps = int(max(event.value for event in of["rep"] + of["set"])) if of["rep"] + of["set"] else 0
    started = [event.t_s for event in of["hold_start"] + of["rep_start"] + of["rep"]] or [of["set"][0].t_s]
    ended = [event.t_s for event in of["hold_end"] + of["rep_end"] + of["rep"]]
    peaks = [event.value for event in of["peak"]]
    judged = [event for event in of["peak"] if event.threshold > 0]
    disputed = of["rep_disputed"][-1] if of["rep_disputed"] else None
    tiring = [event.value for event in of["tiring"] if event.reason in _TIRED]
    sides_pct = _mean(of["sides"])
    return TrainingSet(
        channel=target,
        unit=session.channels[target].unit,
        start_s=min(started),
        end_s=max([*ended, min(started)]),
        complete=bool(of["set"]),
        reps=reps,
        by_motion=None if disputed is None else int(disputed.value),
        by_effort=None if disputed is None else int(disputed.threshold),
        held_s=_held_s(events),
        out_ms=_mean(of["tempo"]),
        stood_ms=fmean(event.threshold for event in of["range"]) if of["range"] else None,
        back_ms=fmean(event.threshold for event in of["tempo"]) if of["tempo"] else None,
        range_deg=_mean(of["range"]),
        mean_peak=fmean(peaks) if peaks else None,
        best_peak=max(peaks, default=None),
        wanted_peak=judged[-1].threshold if judged else None,
        squeezed_pct=100.0 * sum(event.reason == "held" for event in judged) / len(judged) if judged else None,
        passive=min(len(of["passive"]), reps) if reps else None,  # both witnesses may have told of the same one
        engagement_pct=_mean(of["engagement"]),
        isolation_pct=_mean(of["isolation"]),
        cocontraction_pct=_mean(of["cocontraction"]),
        sides_pct=sides_pct,
        sides=None if sides_pct is None else _sides(session, target, sides_pct, abs(of["sides"][-1].threshold)),
        leaks=_noticed(session, of["leak"]),
        sleepers=_noticed(session, of["stabiliser"]),
        tiring_pct=tiring[-1] if tiring else None,
        worse_form=tuple(dict.fromkeys(event.reason for event in of["tiring"] if event.reason in _WORSE_FORM)),
        # "Not today" is said before the first set and is about none.
        advice=tuple(dict.fromkeys(event.reason for event in of["advice"] if event.reason != "not_today")),
        dug_in=True if of["dig_in"] else False if of["set"] and len(peaks) >= _DIG_IN_REPS else None,
    )


def _mean(events: Sequence[Event]) -> float | None:
    return fmean(event.value for event in events) if events else None


def _held_s(events: Sequence[Event]) -> float:
    total, began = 0.0, None
    for event in events:
        if event.kind == "hold_start":
            began = event.t_s
        elif event.kind == "hold_end" and began is not None:
            total += event.t_s - began
            began = None
    return total


def _sides(session: Session, target: int, index_pct: float, even_pct: float) -> str:
    if abs(index_pct) <= even_pct:
        return "even"
    side = session.channels[target].side
    if side not in _OTHER_SIDE:
        return f"the {'target' if index_pct > 0 else 'other'} side does more"
    return f"{side if index_pct > 0 else _OTHER_SIDE[side]} does more"


def _noticed(session: Session, events: Sequence[Event]) -> tuple[Noticed, ...]:
    times = Counter(event.channel for event in events)
    channels = [channel for channel in session.channels if times[channel.channel]]
    return tuple(Noticed(one.channel, one.muscle, one.side, times[one.channel]) for one in channels)
