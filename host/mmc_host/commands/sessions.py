"""`mmc-host sessions`: which sessions are here."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import clock_text, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from mmc_host.store import Entry


@click.command("sessions")
@click.option("--wearer", metavar="NAME", help="Only those of this wearer.")
@json_option
def command(wearer: str | None, as_json: bool) -> None:
    """List the sessions in the store, the oldest first."""
    from mmc_host.store import Store

    with Store() as store:
        entries = store.sessions(wearer)
    if as_json:
        print_json([_as_json(entry) for entry in entries])
    elif not entries:
        say("No sessions here yet. Bring them home with: mmc-host pull")
    else:
        print_table(
            ["id", "device", "session", "started", "length", "wearer", "holds", "buzzes", "muscles"],
            [
                (
                    entry.id,
                    entry.device,
                    entry.session,
                    entry.started.astimezone().strftime("%Y-%m-%d %H:%M") if entry.started else "unknown",
                    clock_text(round(entry.duration_s * 1000)),
                    entry.wearer,
                    entry.holds,
                    entry.cues,
                    entry.note or ", ".join(entry.muscles),
                )
                for entry in entries
            ],
        )


def _as_json(entry: "Entry") -> dict[str, Any]:
    return {
        "id": entry.id,
        "device": entry.device,
        "session": entry.session,
        "sha256": entry.sha256,
        "bytes": entry.bytes,
        "started": entry.started.isoformat() if entry.started else None,
        "duration_s": entry.duration_s,
        "wearer": entry.wearer,
        "muscles": list(entry.muscles),
        "holds": entry.holds,
        "cues": entry.cues,
        "note": entry.note,
        "path": str(entry.path),
    }
