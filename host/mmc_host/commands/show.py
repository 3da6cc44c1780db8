"""`mmc-host show`: a session in words and numbers."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import clock_text, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from mmc_host.analysis.activation import Activation
    from mmc_host.analysis.checks import Checks
    from mmc_host.analysis.hold import Hold
    from mmc_host.analysis.program import Course
    from mmc_host.analysis.retention import Retention
    from mmc_host.analysis.sets import TrainingSet
    from mmc_host.analysis.wearer import Answer, Mark
    from mmc_host.columns import Session


@click.command("show")
@click.argument("session", default="last")
@json_option
def command(session: str, as_json: bool) -> None:
    """Summarise SESSION: `last`, a number, the first letters of an id, or a file."""
    from mmc_host.session import load
    from mmc_host.store import Store

    with Store() as store:
        found = load(store.find(session))
    told = _told(found)
    if as_json:
        print_json(_as_json(found, told))
    else:
        _print(found, told)


@dataclass(frozen=True)
class _Told:
    """What the analyses answered."""

    muscles: "list[Activation]"
    holds: "list[Hold]"
    sets: "list[TrainingSet]"
    course: "Course | None"
    marks: "list[Mark]"
    answers: "list[Answer]"
    checks: "Checks"
    retention: "Retention | None"


def _told(session: "Session") -> _Told:
    from mmc_host.analysis.activation import activation
    from mmc_host.analysis.checks import checks
    from mmc_host.analysis.hold import holds
    from mmc_host.analysis.program import course
    from mmc_host.analysis.retention import retention
    from mmc_host.analysis.sets import sets
    from mmc_host.analysis.wearer import answers, marks

    return _Told(
        muscles=activation(session),
        holds=holds(session),
        sets=sets(session),
        course=course(session),
        marks=marks(session),
        answers=answers(session),
        checks=checks(session),
        retention=retention(session),
    )


def _print(session: "Session", told: _Told) -> None:
    from mmc_host.report.sets import retained

    header = session.header
    say(
        f"session {header.session} of {header.device} ({header.board}, firmware {header.firmware}), "
        f"wearer {header.wearer}, {clock_text(round(session.duration_s * 1000))} long"
    )
    say()
    print_table(
        ["muscle", "unit", "mean", "95 %", "peak", "scored"],
        [
            (
                muscle.muscle,
                muscle.unit,
                *map(_level, (muscle.mean, muscle.p95, muscle.peak)),
                f"{muscle.scored_s:.0f} s",
            )
            for muscle in told.muscles
        ],
    )
    if told.holds:
        say()
        rows = [_row(number, hold, session) for number, hold in enumerate(told.holds, 1)]
        print_table(["hold", "from", "length", "mean", "peak", "in target", "buzzes", "came back", "muscle"], rows)
    if told.sets:
        _print_sets(told.sets)
    if not (told.holds or told.sets):
        say()
        say("no holds, no sets")
    if told.course is not None:
        _print_program(told.course)
    say()
    say("95 %: the level that was exceeded for 5 % of the scored time")
    say("scored: the time that counts, without that in which the motor ran or the signal was bad")
    if any(hold.response_times_s for hold in told.holds):
        say("came back: from a buzz to the muscle's return, the buzz itself included")
    for legend in _legends(told.sets):
        say(legend)
    for sentence in retained(told.retention):
        say(_plain(sentence))
    for note in [*_notes(session), *_said(session, told)]:
        say(note)


def _print_sets(sets: "list[TrainingSet]") -> None:
    from mmc_host.report.sets import columns, notes

    found = columns(sets)
    noted = [notes(one) for one in sets]
    rows = [
        (
            number,
            clock_text(round(one.start_s * 1000)),
            f"{one.duration_s:.0f} s",
            *(_plain(column.cells[number - 1] or "-") for column in found),
            *([_plain(noted[number - 1]) or "-"] if any(noted) else []),
        )
        for number, one in enumerate(sets, 1)
    ]
    headings = [column.heading.lower() for column in found]
    say()
    print_table(["set", "from", "length", *headings, *(["notes"] if any(noted) else [])], rows)


def _legends(sets: "list[TrainingSet]") -> list[str]:
    from mmc_host.report.sets import columns

    return [f"{column.heading.lower()}: {column.meaning}" for column in columns(sets) if column.meaning]


def _print_program(course: "Course") -> None:
    from mmc_host.report.program import LEVEL_HEADINGS, level_rows, sentences

    say()
    for sentence in sentences(course):
        say(_plain(sentence))
    if course.levels:
        say()
        print_table([name.lower() for name in LEVEL_HEADINGS], [[*map(_plain, row)] for row in level_rows(course)])


def _plain(text: str) -> str:
    """A text of the report as a terminal has it."""
    from mmc_host.report.wording import DASH, NARROW

    return text.replace(NARROW, " ").replace(DASH, "-")


def _said(session: "Session", told: _Told) -> list[str]:
    """What the wearer said and the check found."""
    from mmc_host.analysis.wearer import is_not_today
    from mmc_host.report.checks import NOT_TODAY, answered, artefacts, confirmed, findings

    lines = [NOT_TODAY] if is_not_today(session) else []
    lines += findings(session, told.checks)
    texts = {f"answered {when}": answered(told.answers, when) for when in ("before", "after")}
    texts["answered by name"] = confirmed(told.checks)
    texts["the motor adds"] = artefacts(told.checks)
    texts["marks"] = ", ".join(clock_text(round(mark.t_s * 1000)) for mark in told.marks)
    return [_plain(line) for line in [*lines, *(f"{name}: {text}" for name, text in texts.items() if text)]]


def _row(number: int, hold: "Hold", session: "Session") -> tuple[object, ...]:
    in_target = "-" if hold.time_in_target_s is None else f"{hold.time_in_target_s:.1f} s"
    return (
        number,
        clock_text(round(hold.start_s * 1000)),
        f"{hold.duration_s:.1f} s",
        f"{_level(hold.mean_pct)} {hold.unit}",
        f"{_level(hold.peak_pct)} {hold.unit}",
        in_target,
        hold.cues,
        ", ".join(f"{seconds:.1f} s" for seconds in hold.response_times_s) or "-",
        session.channels[hold.channel].muscle,
    )


def _level(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _notes(session: "Session") -> list[str]:
    """What a reader has to know about the data: what 100 % is, losses, damage, faults, a missing end."""
    from mmc_host.report.device import ending, figures, troubles
    from mmc_host.report.wording import RELATIVE_UNIT, count

    notes: list[str] = []
    ahead = [channel.muscle for channel in session.channels if channel.look_ahead]
    if ahead:
        notes.append(
            f"{', '.join(ahead)}: 100 % is a reference found on the whole recording (look-ahead), not a calibration"
        )
    if any(channel.unit == "%rel" for channel in session.channels_in_use):
        notes.append(f"%rel: {RELATIVE_UNIT}")
    if session.header.assumed:
        notes.append("the session's header is lost: its rates and names are assumed")
    if session.gaps:
        lost_s = sum(gap.duration_s for gap in session.gaps)
        notes.append(f"{count(len(session.gaps), 'gap')}, {lost_s:.2f} s lost")
    if session.damage:
        first = session.damage[0]
        places = count(len(session.damage), "place is", "places are")
        notes.append(f"{places} damaged, the first at byte {first.offset}: {first.reason}")
    if session.faults:
        notes.append("faults of the wearable: " + ", ".join(sorted({fault.code for fault in session.faults})))
    if session.end is None:
        notes.append("the session has no end: power was cut, or it was still being recorded")
    return [*notes, *map(_plain, [*ending(session), *troubles(session), *figures(session)])]


def _as_json(session: "Session", told: _Told) -> dict[str, Any]:
    course = told.course
    return {
        "header": asdict(session.header),
        "duration_s": session.duration_s,
        "samples": session.samples,
        "lost_samples": session.lost_samples,
        "accounted": session.accounted,
        "muscles": [asdict(muscle) for muscle in told.muscles],
        "holds": [
            {**asdict(hold), "duration_s": hold.duration_s, "response_times_s": list(hold.response_times_s)}
            for hold in told.holds
        ],
        "sets": [{**asdict(one), "duration_s": one.duration_s} for one in told.sets],
        "program": None if course is None else {**asdict(course), "mean_error_pct": course.mean_error_pct},
        "marks": [asdict(mark) for mark in told.marks],
        "answers": [asdict(answer) for answer in told.answers],
        "checks": asdict(told.checks),
        "retention": None if told.retention is None else asdict(told.retention),
        "notes": _notes(session),
    }
