"""`mmc-host flash`: put MicroPython and the app on a board, or bring them up to date."""

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mmc_host.terminal import port_option, print_table, say

if TYPE_CHECKING:
    from mmc_host.flash.selftest import Finding


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
@click.option("--test", is_flag=True, help="Test the parts even if there is nothing to do.")
def command(
    board: str | None,
    port: str | None,
    image_file: Path | None,
    no_download: bool,
    erase: bool,
    dry_run: bool,
    test: bool,
) -> None:
    """Put MicroPython and the app on BOARD: a board's name, or the path of a folder with a board.toml.

    Only what differs is written; settings and sessions stay. A power cut leaves the old app or the new one. Then the
    parts are tested: what one of them lacks is told, and the app starts with the rest.
    """
    from time import localtime, strftime

    from mmc_core.errors import UsageError
    from mmc_host.flash import app, boards, handover, image, run
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
        dismiss=lambda: handover.dismiss(chosen),
        count_unpulled=lambda: handover.count_unpulled(chosen),
        confirm=_confirm,
        tell=say,
        stamp=strftime("%Y%m%d-%H%M%S", localtime()),
    )
    done = run.flash(known, app.build(known), ways, run.Wishes(erase, dry_run, test))
    named = f" --port {port}" if port else ""
    if not done.steps:
        say(f"{known.name} at {chosen} is already up to date.")
    elif dry_run:
        say("Nothing was done: --dry-run.")
    if done.tested is not None:
        _show(done.tested)
        say(f"{'Done, and started' if done.steps else 'Started'}. {_next(done.tested, named)}")


def _show(tested: "list[Finding]") -> None:
    print_table(
        ["part", "verdict", "measured", "what to do"],
        [(finding.what, finding.verdict, finding.measured, finding.advice or "-") for finding in tested],
    )


def _next(tested: "list[Finding]", named: str) -> str:
    from mmc_host.flash import selftest

    if any(finding.verdict == selftest.MISSING for finding in tested):
        return f"A part is missing; mend that, then: mmc-host flash BOARD --test{named}"
    if any(finding.what == selftest.WHOLE for finding in tested):
        return f"Next: mmc-host doctor{named}"
    return f"Next, with the electrodes on: mmc-host check{named}"


def _confirm(unpulled: int | None) -> bool:
    """Let the user type what would be lost."""
    wanted = "all" if unpulled is None else str(unpulled)
    what = "all sessions, however many," if unpulled is None else f"{unpulled} sessions"
    typed: str = click.prompt(f"{what} that were not pulled will be given up; type {wanted} to go on", default="")
    return typed.strip() == wanted
