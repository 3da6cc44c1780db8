"""`mmc-host practice`: sessions of a program, one after the other: does it get better?"""

from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import json_option, print_json, print_table, say

if TYPE_CHECKING:
    from mmc_host.analysis.practice import Step


@click.command("practice")
@click.argument("name", metavar="[PROGRAM]", required=False)
@click.option("--wearer", metavar="NAME", help="Only those of this wearer.")
@json_option
def command(name: str | None, wearer: str | None, as_json: bool) -> None:
    """Compare the stored sessions of each program: in the band, with the muscle, without cues, how well it was felt."""
    from mmc_core.errors import FormatError, UsageError
    from mmc_host.analysis.practice import practice
    from mmc_host.session import load
    from mmc_host.store import Store

    found = []
    with Store() as store:
        for entry in store.sessions(wearer):
            try:
                found.append(load(entry.path))
            except (FormatError, OSError) as error:
                say(f"left out: {error}")
    steps = practice(found)
    programs = list(dict.fromkeys(step.program for step in steps))
    if name is not None and name not in programs:
        known = ", ".join(programs) or "none yet"
        raise UsageError(f"no session of a program called {name!r} is here; there are: {known}")
    chosen = [name] if name else programs
    if as_json:
        print_json({one: _as_json([step for step in steps if step.program == one]) for one in chosen})
    elif not chosen:
        say("No session of a program is here. Bring one to the wearable with: mmc-host program push NAME")
    for one in [] if as_json else chosen:
        _print(one, [step for step in steps if step.program == one])


def _print(name: str, steps: "list[Step]") -> None:
    from mmc_host.analysis.practice import LEAST_SESSIONS, MEASURES, trend

    measures = [measure for measure in MEASURES if any(measure.of(step) is not None for step in steps)]
    say(f"{name}: {len(steps)} session{'s' if len(steps) > 1 else ''}")
    rows = [
        (
            _started(step),
            f"+{step.shift_pct} %",
            *(_shown(measure.of(step), measure.unit) for measure in measures),
        )
        for step in steps
    ]
    print_table(["started", "band moved", *(measure.heading for measure in measures)], rows)
    for measure in measures:
        change = trend([measure.of(step) for step in steps])
        if change is None:
            continue
        word = "steady" if abs(change) < 0.05 else "better" if change * measure.better > 0 else "worse"
        say(f"{measure.heading}: {word}, {change:+.1f} {measure.unit} per session (median slope)")
    if len(steps) < LEAST_SESSIONS:
        say(f"a trend is given from {LEAST_SESSIONS} sessions on")
    say()


def _started(step: "Step") -> str:
    started = step.session.clock.utc()
    if started is None:
        return f"session {step.session.header.session}"
    return started.astimezone().strftime("%Y-%m-%d %H:%M")


def _shown(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.0f} {unit}"


def _as_json(steps: "list[Step]") -> dict[str, Any]:
    from mmc_host.analysis.practice import MEASURES, trend

    return {
        "sessions": [
            {
                "session": step.session.header.session,
                "device": step.session.header.device,
                "wearer": step.session.header.wearer,
                "started": started.isoformat() if (started := step.session.clock.utc()) else None,
                "shift_pct": step.shift_pct,
                **{measure.heading: measure.of(step) for measure in MEASURES},
            }
            for step in steps
        ],
        "change_per_session": {measure.heading: trend([measure.of(step) for step in steps]) for measure in MEASURES},
    }
