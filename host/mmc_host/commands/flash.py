"""`mmc-host flash`: put MicroPython and the app on a board, or bring them up to date."""

from pathlib import Path

import rich_click as click

from mmc_host.terminal import port_option, say

_ASK_TRIES = 2


@click.command("flash")
@click.argument("board", required=False)
@port_option
@click.option(
    "--image",
    "image_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The board's MicroPython, if you have it as a file. It must be the one that the board names.",
)
@click.option("--no-download", is_flag=True, help="Never ask the network.")
@click.option("--erase", is_flag=True, help="Sessions that were not pulled may be lost; asks for their number.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def command(
    board: str | None, port: str | None, image_file: Path | None, no_download: bool, erase: bool, dry_run: bool
) -> None:
    """Put MicroPython and the app on BOARD: a board's name, or the path of a folder with a board.toml.

    Only what differs is written; settings and sessions stay. A power cut leaves the old app or the new one.
    """
    from time import localtime, strftime

    from mmc_core.errors import UsageError
    from mmc_host.flash import app, boards, image, run
    from mmc_host.flash.device_files import Mpremote
    from mmc_host.flash.esptool import Esptool
    from mmc_host.transport.discover import find_one
    from mmc_host.transport.serial import SerialTransport

    known = boards.find_board(board or "", boards.boards_folder())
    if image_file is not None:
        image.get_image(known.image, image_file, may_download=False)  # a wrong file is told before anything else
    chosen = find_one(("serial",)).port if port is None else port
    if chosen.startswith(("sim://", "tcp://")):
        raise UsageError(f"{chosen} is a line to an app: give a serial device's path, or socket://host:port")
    if "://" not in chosen:
        SerialTransport(chosen).close()  # missing, in use, not ours to open: it says so
    ways = run.Ways(
        console=Mpremote(chosen),
        boot_loader=Esptool(chosen),
        get_image=lambda: image.get_image(known.image, image_file, may_download=not no_download),
        count_unpulled=lambda: _count_unpulled(chosen),
        confirm=_confirm,
        tell=say,
        stamp=strftime("%Y%m%d-%H%M%S", localtime()),
    )
    steps = run.flash(known, app.build(known), ways, run.Wishes(erase, dry_run))
    if not steps:
        say(f"{known.name} at {chosen} is already up to date.")
    elif dry_run:
        say("Nothing was done: --dry-run.")
    else:
        say("Done, and started. Greet it: mmc-host devices --ask")


def _count_unpulled(port: str) -> int | None:
    from mmc_core.errors import PeerError
    from mmc_core.sync_client import SyncClient
    from mmc_host.client import Device
    from mmc_host.errors import LinkError
    from mmc_host.transport import open_transport

    try:
        transport = open_transport(port)
        try:
            device = Device(transport, client=SyncClient(tries=_ASK_TRIES))
            device.hello()
            return len(list(device.sessions()))
        finally:
            transport.close()
    except (LinkError, PeerError):
        return None


def _confirm(unpulled: int | None) -> bool:
    """Let the user type what would be lost."""
    wanted = "all" if unpulled is None else str(unpulled)
    what = "all sessions, however many," if unpulled is None else f"{unpulled} sessions"
    typed: str = click.prompt(f"{what} that were not pulled will be given up; type {wanted} to go on", default="")
    return typed.strip() == wanted
