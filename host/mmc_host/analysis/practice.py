"""Does practice help: what each session of a program came to, one after the other, and which way it goes.

In:    sessions, the oldest first
Out:   one Step per session that followed a program; per measure the trend over them
Source: sessions compare by measures that need no common 100 %: shares, times and errors, not levels, because maxima
        scatter by 39 to 67 % from day to day. A trend is the median of all pairwise slopes (Theil 1950, Sen 1968), per
        session, so that one odd day does not make it; it is given from four sessions on
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median

from mmc_host.analysis.program import Course, course
from mmc_host.analysis.retention import retention
from mmc_host.analysis.sets import sets
from mmc_host.columns import Session

LEAST_SESSIONS = 4


@dataclass(frozen=True)
class Step:
    """What one session came to; None: not measured in it.

    in_band_pct: units in the target band. engaged_pct: mean over its sets. without_cues_pct: probe units without a
    fault. error_pct: of a sense test, mean absolute error in percentage points. tighten_ms, relax_ms: medians of a
    drill. shift_pct: by how much practice had moved the band before it.
    """

    session: Session
    program: str
    shift_pct: int
    in_band_pct: float | None
    engaged_pct: float | None
    without_cues_pct: float | None
    error_pct: float | None
    tighten_ms: float | None
    relax_ms: float | None


@dataclass(frozen=True)
class Measure:
    """A column of the comparison: heading, unit, what to take of a step, and which way is better (+1 up, -1 down)."""

    heading: str
    unit: str
    of: Callable[[Step], float | None]
    better: int


MEASURES = (
    Measure("in band", "%", lambda step: step.in_band_pct, 1),
    Measure("engaged", "%", lambda step: step.engaged_pct, 1),
    Measure("good without cues", "%", lambda step: step.without_cues_pct, 1),
    Measure("felt, off by", "points", lambda step: step.error_pct, -1),
    Measure("tightened in", "ms", lambda step: step.tighten_ms, -1),
    Measure("relaxed in", "ms", lambda step: step.relax_ms, -1),
)


def practice(sessions: Iterable[Session]) -> list[Step]:
    """The sessions that followed a program, in the order given."""
    return [_step(session, followed) for session in sessions if (followed := course(session)) is not None]


def _step(session: Session, followed: Course) -> Step:
    engaged = [one.engagement_pct for one in sets(session) if one.engagement_pct is not None]
    kept = retention(session)
    return Step(
        session=session,
        program=followed.name or f"place {followed.slot}",
        shift_pct=followed.shift_pct,
        in_band_pct=followed.in_band_pct,
        engaged_pct=fmean(engaged) if engaged else None,
        without_cues_pct=100.0 * kept.probes_good / kept.probes if kept else None,
        error_pct=followed.mean_error_pct,
        tighten_ms=followed.tighten.median_ms if followed.tighten else None,
        relax_ms=followed.relax.median_ms if followed.relax else None,
    )


def trend(values: Sequence[float | None]) -> float | None:
    """Change per session of a measure, in its unit; None with fewer than LEAST_SESSIONS of them."""
    known = [(number, value) for number, value in enumerate(values) if value is not None]
    if len(known) < LEAST_SESSIONS:
        return None
    return median((b - a) / (j - i) for (i, a), (j, b) in combinations(known, 2))
