"""What came of the program: how much of it was done, how much in the band, how fast and how well felt?

In:    Session with a PROGRAM record
Out:   Course, or None without a program; percent of the reference, percentage points, milliseconds
Source: the program's bytes, decoded as the device does (mmc_core.program); the device's events "plan", "band",
        "reaction" and "level" (mmc_core.coach.plan)
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median

from mmc_core import program
from mmc_core.errors import FormatError
from mmc_host.analysis.scoring import Band, target_band, target_channel
from mmc_host.columns import Session
from mmc_host.programs.keys import applies_in, number_keys
from mmc_host.units import printable


@dataclass(frozen=True)
class Answers:
    """How fast the muscle followed signals of one sort.

    median_ms: over those that it followed, in milliseconds; None: it followed none. unanswered: signals that nothing
    followed.
    """

    signals: int
    unanswered: int
    median_ms: float | None


@dataclass(frozen=True)
class Level:
    """One level of a led program: asked_pct for, None where as much or as little as possible was; held_pct instead."""

    t_s: float
    asked_pct: float | None
    held_pct: float

    @property
    def error_pct(self) -> float | None:
        """Percentage points too much (above 0) or too little."""
        return None if self.asked_pct is None else self.held_pct - self.asked_pct


@dataclass(frozen=True)
class Course:
    """A program's course through one session.

    name, mode, sets_planned: None when the program can't be read; `problem` says why. sets_done: sets that came to an
    end, also early. finished: the device said that the program was over. units: repetitions, holds or contractions
    that were done, as last told. in_band_pct: share of them in the target band; None: not told, or there is no band.
    band: that in force. shift_pct: by how much practice had moved it up; streak: sessions in a row, before this one,
    that mastered it. unit: of band and levels. tighten, relax: of a drill; None: no signals. levels: of a led test, in
    order.
    """

    slot: int
    name: str | None
    mode: str | None
    problem: str
    sets_planned: int | None
    sets_done: int
    finished: bool
    units: int
    in_band_pct: float | None
    band: Band | None
    shift_pct: int
    streak: int
    unit: str
    tighten: Answers | None
    relax: Answers | None
    levels: tuple[Level, ...]

    @property
    def mean_error_pct(self) -> float | None:
        """How far off the levels were felt, up or down: the mean, in percentage points. 0: felt exactly."""
        errors = [abs(level.error_pct) for level in self.levels if level.error_pct is not None]
        return fmean(errors) if errors else None


def course(session: Session) -> Course | None:
    """Follow the program through the session; None when none was followed."""
    plan = session.plan
    if plan is None:
        return None
    name = mode = sets_planned = None
    problem = ""
    try:
        decoded = program.decode(plan.data)
        name = printable(decoded.name)
        mode = str(number_keys()["mode"].shown(decoded.numbers[program.MODE]))
        sets_planned = decoded.numbers[program.SETS]
    except FormatError as error:
        problem = str(error)
    moves = [event for event in session.events if event.kind == "plan"]
    band = [event for event in session.events if event.kind == "band"]
    target = target_channel(session)
    has_band = mode is not None and applies_in("target_low_pct", mode)
    return Course(
        slot=plan.slot,
        name=name,
        mode=mode,
        problem=problem,
        sets_planned=sets_planned,
        sets_done=len({event.value for event in moves if event.reason in ("rest", "done")}),
        finished=any(event.reason == "done" for event in moves),
        units=int(max((event.threshold for event in moves + band), default=0)),
        in_band_pct=band[-1].value if band and has_band else None,
        band=target_band(session) if has_band else None,
        shift_pct=plan.shift_pct,
        streak=plan.streak,
        unit="unknown" if target is None else session.channels[target].unit,
        tighten=_answers(session, "tighten"),
        relax=_answers(session, "relax"),
        levels=tuple(
            Level(event.t_s, event.threshold or None, event.value) for event in session.events if event.kind == "level"
        ),
    )


def _answers(session: Session, way: str) -> Answers | None:
    times = [event.value for event in session.events if event.kind == "reaction" and event.reason == way]
    followed = [ms for ms in times if ms >= 0]
    return Answers(len(times), len(times) - len(followed), median(followed) if followed else None) if times else None
