"""`mmc-host show`: a session in words and numbers."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import clock_text, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from mmc_host.analysis.activation import Activation
    from mmc_host.analysis.hold import Hold
    from mmc_host.columns import Session


@click.command("show")
@click.argument("session", default="last")
@json_option
def command(session: str, as_json: bool) -> None:
    """Summarise SESSION: `last`, a number, the first letters of an id, or a file."""
    from mmc_host.analysis.activation import activation
    from mmc_host.analysis.hold import holds
    from mmc_host.session import load
    from mmc_host.store import Store

    with Store() as store:
        found = load(store.find(session))
    muscles, list_of_holds = activation(found), holds(found)
    if as_json:
        print_json(_as_json(found, muscles, list_of_holds))
    else:
        _print(found, muscles, list_of_holds)


def _print(session: "Session", muscles: "list[Activation]", list_of_holds: "list[Hold]") -> None:
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
            for muscle in muscles
        ],
    )
    say()
    if list_of_holds:
        rows = [_row(number, hold, session) for number, hold in enumerate(list_of_holds, 1)]
        print_table(["hold", "from", "length", "mean", "peak", "in target", "buzzes", "came back", "muscle"], rows)
    else:
        say("no holds")
    say()
    say("95 %: the level that was exceeded for 5 % of the scored time")
    say("scored: the time that counts, without that in which the motor ran or the signal was bad")
    if any(hold.response_times_s for hold in list_of_holds):
        say("came back: from a buzz to the muscle's return, the buzz itself included")
    for note in _notes(session):
        say(note)


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
    from mmc_host.report.wording import count

    notes: list[str] = []
    ahead = [channel.muscle for channel in session.channels if channel.look_ahead]
    if ahead:
        notes.append(
            f"{', '.join(ahead)}: 100 % is a reference found on the whole recording (look-ahead), not a calibration"
        )
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
    return notes


def _as_json(session: "Session", muscles: "list[Activation]", list_of_holds: "list[Hold]") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "header": asdict(session.header),
        "duration_s": session.duration_s,
        "samples": session.samples,
        "lost_samples": session.lost_samples,
        "accounted": session.accounted,
        "muscles": [asdict(muscle) for muscle in muscles],
        "holds": [
            {**asdict(hold), "duration_s": hold.duration_s, "response_times_s": list(hold.response_times_s)}
            for hold in list_of_holds
        ],
        "notes": _notes(session),
    }
