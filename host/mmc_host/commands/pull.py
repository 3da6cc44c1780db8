"""`mmc-host pull`: bring sessions from the wearable into the store."""

import rich_click as click

from mmc_core import message
from mmc_host.terminal import connected, json_option, port_option, print_json, progress, say, size_text


@click.command("pull")
@click.option("--stop", is_flag=True, help="End the session that is being recorded first, so that it comes whole.")
@click.option(
    "--rate",
    type=click.Choice(["115200", "230400", "460800", "921600"]),
    default="460800",
    show_default=True,
    help="Bits per second of a serial line; what does not get through is pulled at 115200.",
)
@port_option
@json_option
def command(stop: bool, rate: str, port: str | None, as_json: bool) -> None:
    """Bring home all sessions that are not here yet. An interrupted pull goes on where it was."""
    from mmc_host.pull import pull
    from mmc_host.store import Store

    with connected(port) as device, Store() as store, progress("pulling") as show:
        # Where the line has no rate, nobody asked for one.
        found = pull(
            device,
            store,
            on_progress=lambda session, done, total: show(done, total),
            stop=stop,
            bits_per_s=int(rate) if device.transport.has_rate else message.LINE_BITS_PER_S,
            on_note=lambda note: click.echo(note, err=True),
        )
        newest = device.status().session
    if as_json:
        print_json(
            [
                {
                    "session": one.session,
                    "bytes": one.size_bytes,
                    "moved_bytes": one.moved_bytes,
                    "outcome": one.outcome,
                    "id": one.id,
                    "path": str(one.path),
                }
                for one in found
            ]
        )
        return
    texts = {
        "pulled": "pulled and verified, {moved} came over the line",
        "here": "was here already",
        "recording": "is being recorded: {moved} came over, the rest comes with the next pull (or with pull --stop)",
    }
    for one in found:
        text = texts[one.outcome].format(moved=size_text(one.moved_bytes))
        say(f"session {one.session}, {size_text(one.size_bytes)}: {text}")
    if not found and newest:
        say("Nothing new: the wearable's sessions were all pulled before. See them: mmc-host sessions")
    elif not found:
        say("The wearable has no sessions yet. It records by itself once it is calibrated: mmc-host calibrate")
    elif whole := [one for one in found if one.id]:
        say(f"See what happened: mmc-host report {whole[-1].id} --open")
