"""A program's course in words: what was done of it, how much in the band, reaction times, how well the muscle is felt.

In:    Course
Out:   sentences, and the rows of a led test's table
"""

from __future__ import annotations

from mmc_host.analysis.program import Answers, Course
from mmc_host.report.wording import DASH, NARROW, count, level, percent, times, unit

LEVEL_HEADINGS = ("Asked for", "Held", "Off by")
_MODES = {
    "hold": "holds",
    "reps": "repetitions",
    "contract_relax": "tighten and relax on cue",
    "sense": "sense test",
    "mvc": "maximum",
    "rest": "rest",
}
_UNITS = {"hold": "hold", "reps": "repetition"}


def headline(course: Course) -> str | None:
    """What was done in a led program; None in any other, where the muscle's own events say it."""
    signals = [answers for answers in (course.tighten, course.relax) if answers is not None]
    if course.mode == "contract_relax" and signals:
        asked = sum(answers.signals for answers in signals)
        followed = asked - sum(answers.unanswered for answers in signals)
        return f"You followed {followed} of {count(asked, 'signal')}."
    if course.mode == "sense" and course.levels:
        return f"You felt for a level {times(len(course.levels))}."
    if course.mode == "mvc" and course.levels:
        return f"You gave your maximum {times(len(course.levels))}."
    if course.mode == "rest" and course.levels:
        return f"You rested {times(len(course.levels))}."
    return None


def sentences(course: Course) -> list[str]:
    """All there is to say; the first one names the program."""
    if course.problem:
        found = [
            f"The program in place {course.slot} can't be read ({course.problem}); "
            f"{count(course.sets_done, 'set')} came to an end."
        ]
    else:
        mode = _MODES.get(course.mode or "", course.mode)
        mode = "" if mode == course.name else f" ({mode})"
        done = f"{course.sets_done} of {count(course.sets_planned or 0, 'set')} done"
        over = ", and the program is over" if course.finished else ""
        found = [f"Program {course.name}{mode}: {done}{over}."]
    if course.units:
        found.append(band_share(course) or f"It had {_units(course)}.")
    if course.shift_pct and course.band is not None:
        found.append(f"Practice has moved that band up by {percent(course.shift_pct)}.")
    if course.streak:
        found.append(f"It was mastered in the {count(course.streak, 'session')} before, in a row.")
    found += _reaction("Tightening", course.tighten) + _reaction("Letting go", course.relax)
    if course.mean_error_pct is not None:
        points = "point" if f"{course.mean_error_pct:.0f}" == "1" else "points"
        found.append(
            f"How well you feel the muscle: what you held was off by {course.mean_error_pct:.0f} percentage {points} "
            "on average; 0 is exact."
        )
    return found


def band_share(course: Course) -> str | None:
    """How much of it was in the target band; None: not known."""
    if course.in_band_pct is None or not course.units:
        return None
    share = f"{percent(course.in_band_pct)} of {_units(course)}"
    where = "had their top in" if course.mode == "reps" else "lay in"
    if course.band is None:
        return f"{share} {where} the target band."
    edges = f"{course.band.low_pct:.0f} to {course.band.high_pct:.0f}{NARROW}{unit(course.unit)}"
    return f"{share} {where} the target band of {edges}."


def level_rows(course: Course) -> list[tuple[str, str, str]]:
    """A row of texts for every level that was asked for; LEVEL_HEADINGS stands above."""
    anything = "all you can" if course.mode == "mvc" else DASH
    return [
        (
            anything if one.asked_pct is None else level(one.asked_pct, course.unit),
            level(one.held_pct, course.unit),
            DASH if one.error_pct is None else f"{one.error_pct:+.0f}{NARROW}points",
        )
        for one in course.levels
    ]


def _units(course: Course) -> str:
    return count(course.units, _UNITS.get(course.mode or "", "contraction"))


def _reaction(what: str, answers: Answers | None) -> list[str]:
    if answers is None:
        return []
    if answers.median_ms is None:
        return [f"{what}: nothing followed the {count(answers.signals, 'signal')}."]
    followed = answers.signals - answers.unanswered
    missed = f"; {answers.unanswered} of {answers.signals} went unanswered" if answers.unanswered else ""
    return [f"{what} took {answers.median_ms:.0f}{NARROW}ms from the signal (median of {followed}){missed}."]
