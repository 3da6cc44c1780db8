"""`mmc-host replay`: the wearable's own decisions over a recorded session, once more or with other settings."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import clock_text, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmc_host.columns import Event, Session
    from mmc_host.rerun import Rerun, Row

_RECORDED = "as recorded"
_AGAIN = {"raw": "replayed", "features": "from features"}


@click.command("replay")
@click.argument("session", default="last")
@click.option(
    "--set", "assignments", metavar="NAME=VALUE", multiple=True, help="Decide with another setting; may be repeated."
)
@json_option
def command(session: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Let the wearable's own code decide again over SESSION: `last`, a number, the first letters of an id, or a file.

    Over raw EMG its events and cues come out the same, bit for bit. With --set they stand beside those of other
    settings. Without raw EMG (log_mode=features) it is an approximation.
    """
    from mmc_host.rerun import parse_changes, recorded_events, rerun
    from mmc_host.session import load
    from mmc_host.store import Store

    changes = parse_changes(assignments)
    with Store() as store:
        found = load(store.find(session))
    again = rerun(found)
    columns = {_RECORDED: recorded_events(found)}
    is_same = columns[_RECORDED] == again.events
    if again.source == "features" or not is_same:
        columns[_AGAIN[again.source]] = again.events
    if changes:
        columns["with " + ", ".join(f"{name}={value}" for name, value in changes.items())] = rerun(
            found, changes
        ).events
    if as_json:
        print_json(_as_json(found, again, columns, changes))
    else:
        _print(found, again, columns, bool(changes))


def _print(session: "Session", again: "Rerun", columns: "Mapping[str, Sequence[Event]]", is_changed: bool) -> None:
    from mmc_host.rerun import align

    header = session.header
    say(
        f"session {header.session} of {header.device} ({header.board}, firmware {header.firmware}), "
        f"wearer {header.wearer}, {clock_text(round(session.duration_s * 1000))} long"
    )
    say(_verdict(again, columns[_RECORDED]))
    rows = align(list(columns.values()))
    if not is_changed:
        rows = [row for row in rows if len(set(row)) > 1]
    if rows:
        say()
        print_table(["event", "muscle", *columns], [_cells(row, session) for row in rows])
    say()
    print_table(
        ["how many", *columns],
        [(label, *(counts.get(label, 0) for counts in map(_counts, columns.values()))) for label in _labels(columns)]
        + [("seconds in holds", *(round(_hold_seconds(session, events), 1) for events in columns.values()))],
    )
    say()
    if rows:
        say("a row: when it was decided, the value that decided, and in brackets what it was compared with")
    for note in _notes(session, again, is_changed):
        say(note)


def _verdict(again: "Rerun", recorded: "Sequence[Event]") -> str:
    from mmc_host.report.wording import count

    cues = sum(event.kind == "cue" for event in recorded)
    told = f"{count(len(recorded) - cues, 'event')} and {count(cues, 'cue')}"
    if again.source == "features":
        found = _agreement(again, recorded)
        return (
            f"no raw EMG here, so this is an approximation: of {told} it finds {found['found']} within a second, "
            f"and {found['more']} that the wearable did not decide"
        )
    if tuple(recorded) == again.events:
        return f"identical with its own settings: {told}, bit for bit, over {count(again.blocks, 'block')} of raw EMG"
    found = _agreement(again, recorded)
    return f"NOT identical with its own settings: of {told} {found['same']} came out the same; the others are listed"


def _agreement(again: "Rerun", recorded: "Sequence[Event]") -> dict[str, int]:
    from mmc_host.rerun import align

    rows = align([recorded, again.events])
    return {
        "recorded": len(recorded),
        "same": sum(row[0] is not None and row[0] == row[1] for row in rows),
        "found": sum(None not in row for row in rows),
        "more": sum(row[0] is None for row in rows),
    }


def _label(event: "Event") -> str:
    name = event.kind.replace("_", " ")
    return f"{name} ({event.reason})" if event.kind == "cue" else name


def _labels(columns: "Mapping[str, Sequence[Event]]") -> list[str]:
    return list(dict.fromkeys(_label(event) for events in columns.values() for event in events))


def _counts(events: "Sequence[Event]") -> dict[str, int]:
    from collections import Counter

    return Counter(map(_label, events))


def _hold_seconds(session: "Session", events: "Sequence[Event]") -> float:
    from dataclasses import replace

    from mmc_host.analysis.hold import holds

    return sum(hold.duration_s for hold in holds(replace(session, events=tuple(events))))


def _cells(row: "Row", session: "Session") -> list[str]:
    one = next(event for event in row if event is not None)
    muscle = "-" if one.channel is None else session.channels[one.channel].muscle
    return [_label(one), muscle, *(_cell(event) for event in row)]


def _cell(event: "Event | None") -> str:
    if event is None:
        return "-"
    ms = round(event.t_s * 1000)
    why = "" if event.kind == "cue" else f"  {event.value:g} ({event.threshold:g})"
    return f"{clock_text(ms)}{ms // 10 % 10}{why}"


def _notes(session: "Session", again: "Rerun", is_changed: bool) -> list[str]:
    """What a reader has to know before they believe it."""
    from mmc_host import __version__
    from mmc_host.report.wording import count

    notes: list[str] = []
    if not again.scored:
        notes.append("the target channel has no reference (it was not calibrated): nothing is decided without one")
    if again.source == "features":
        notes.append(
            "the log holds a smooth envelope every 50 ms; the wearable decided every 10 ms on faster levels: times may "
            "be off by up to half a second, short losses may be missing, and so may cues, because a loss that is "
            "seen late falls into the buzz that followed it"
        )
        if session.header.log_mode == "raw":
            notes.append("the session was to log raw EMG; none of it is readable")
        if is_changed:
            notes.append("between the last two columns lies the setting, between the first two the approximation")
    from mmc_host.rerun import has_whole_motion

    if len(session.imu.t_s) and not has_whole_motion(session):
        notes.append(
            f"of motion the log has {session.header.imu_rate_hz} readings per second without the direction of turns: "
            "the coach is replayed without them"
        )
    if is_changed:
        notes.append(
            "the motor ran when it ran in the recording, and the wearer answered to that: cues of other settings "
            "would have shaken the electrodes, and been answered, at other times"
        )
    if again.missing:
        lost_s = sum(hole.end_s - hole.start_s for hole in again.missing)
        notes.append(
            f"{count(len(again.missing), 'stretch', 'stretches')} without a signal in the log, {lost_s:.2f} s in all, "
            f"the first at {clock_text(round(again.missing[0].start_s * 1000))}: taken as gaps; what follows them can "
            "differ from what the wearable decided, which had the signal"
        )
    if session.damage:
        places = count(len(session.damage), "place is", "places are")
        notes.append(f"{places} damaged: recorded events may have been lost with them")
    if session.header.firmware != __version__:
        notes.append(
            f"recorded by firmware {session.header.firmware}, replayed by {__version__}: they may decide differently"
        )
    return [*notes, *again.notes]


def _as_json(
    session: "Session",
    again: "Rerun",
    columns: "Mapping[str, Sequence[Event]]",
    changes: "Mapping[str, int | str]",
) -> "dict[str, Any]":
    from dataclasses import asdict

    recorded = columns[_RECORDED]
    events: dict[str, Sequence[Event]] = {"recorded": recorded, "replayed": again.events}
    if changes:
        events["changed"] = list(columns.values())[-1]
    return {
        "session": session.header.session,
        "device": session.header.device,
        "source": again.source,
        "blocks": again.blocks,
        "identical": tuple(recorded) == again.events if again.source == "raw" else None,
        "agreement": _agreement(again, recorded),
        "changes": dict(changes),
        "counts": {name: _counts(found) for name, found in events.items()},
        "hold_s": {name: _hold_seconds(session, found) for name, found in events.items()},
        "events": {name: [asdict(event) for event in found] for name, found in events.items()},
        "missing": [asdict(hole) for hole in again.missing],
        "notes": _notes(session, again, bool(changes)),
    }
