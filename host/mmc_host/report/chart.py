"""What the chart draws, as plain lists: curves, holds, sets, band, buzzes, motor, gaps.

In:    Session, its holds and sets
Out:   a dictionary for JSON; times in seconds since sample 0, levels in the channel's unit
Cost:  one number per frame and channel: about 1.5 MB of text for 90 minutes of two muscles
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mmc_host.analysis.hold import Hold
from mmc_host.analysis.scoring import counts, target_band, target_channel
from mmc_host.analysis.sets import TrainingSet
from mmc_host.columns import Session
from mmc_host.report.wording import FEEDBACK_CUES, muscle, unit, words

HEADROOM = 1.12


def chart_data(session: Session, holds: Sequence[Hold], sets: Sequence[TrainingSet]) -> dict[str, Any]:
    """Gather everything; the target muscle comes first."""
    band = target_band(session)
    target = target_channel(session)
    features = session.features
    starts = features.t_s - features.samples / session.header.rate_hz
    breaks = [i for i in range(1, len(starts)) if starts[i] > features.t_s[i - 1] + 1e-9]
    used = [channel.channel for channel in session.channels_in_use]
    order = sorted(used, key=lambda index: (index != target, index))
    return {
        "span_s": session.duration_s,
        "t_s": _broken([round(float(t), 3) for t in features.t_s], breaks, [round(float(t), 3) for t in starts]),
        "channels": [_curve(session, index, breaks, is_target=index == target) for index in order],
        "band": None if band is None else [band.low_pct, band.high_pct],
        "holds": [[round(hold.start_s, 3), round(hold.end_s, 3)] for hold in holds],
        "sets": [[round(one.start_s, 3), round(one.end_s, 3)] for one in sets],
        "cues": [
            round(event.t_s, 3) for event in session.events if event.kind == "cue" and event.reason in FEEDBACK_CUES
        ],
        "motor": _spans(zip(starts.tolist(), features.t_s.tolist(), features.motor.tolist(), strict=True)),
        "gaps": [[gap.t_s, gap.t_s + gap.duration_s, words(gap.cause)] for gap in session.gaps]
        + [[hole.start_s, hole.end_s, "missing from the record"] for hole in session.missing],
    }


def _curve(session: Session, index: int, breaks: Sequence[int], is_target: bool) -> dict[str, Any]:
    channel = session.channels[index]
    values = session.features.envelope_pct[:, index]
    scored = values[counts(session, index)]
    top = float(scored.max()) if len(scored) else float(values.max()) if len(values) else 1.0
    band = target_band(session)
    if is_target and band is not None:
        top = max(top, band.high_pct)
    return {
        "label": muscle(channel),
        "unit": unit(channel.unit),
        "target": is_target,
        "top": max(top, 1.0) * HEADROOM,
        "values": _broken([round(float(value), 1) for value in values], breaks, None),
    }


def _broken(column: list[float], breaks: Sequence[int], starts: list[float] | None) -> list[float | None]:
    """Insert a point before each break: no value, or for times the break's end, so that no line bridges it."""
    out: list[float | None] = []
    at = 0
    for index in breaks:
        out += column[at:index]
        out.append(None if starts is None else starts[index])
        at = index
    return out + column[at:]


def _spans(frames: Iterable[tuple[float, float, bool]]) -> list[list[float]]:
    """Join neighbouring frames whose flag is set into [start, end]."""
    spans: list[list[float]] = []
    for start, end, flag in frames:
        if not flag:
            continue
        if spans and abs(spans[-1][1] - start) < 1e-6:
            spans[-1][1] = round(end, 3)
        else:
            spans.append([round(start, 3), round(end, 3)])
    return spans
