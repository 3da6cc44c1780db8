"""`mmc-host start`: begin a session on the wearable."""

import time

import rich_click as click

from mmc_core import message
from mmc_core.errors import UsageError
from mmc_host.answers import before_options, tell
from mmc_host.isolation import accept, usb_option
from mmc_host.terminal import connected, port_option, say


@click.command("start")
@before_options
@click.option("--anyway", is_flag=True, help="Begin even if the advice is: not today.")
@usb_option
@port_option
def command(energy: int | None, pain: str | None, anyway: bool, on_usb_power: bool, port: str | None) -> None:
    """Begin a session on the wearable; what it would ask before can be answered here.

    On USB power it refuses, because of the way from the electrodes to the mains.
    """
    with connected(port) as device:
        device.set_time(time.time_ns() // 1_000_000)
        device.wait_until(lambda status: not status.preparing, 60.0, "prepare its flash")
        if tell(device, energy=energy, pain=pain) and not anyway:
            raise UsageError("not today: rest, or train something that does not hurt; --anyway begins all the same")
        accept(device, on_usb_power)
        device.control(message.VERB_START)
        status = device.wait_until(lambda status: status.recording, 10.0, "begin a session")
    say(f"session {status.session} is being recorded; end it with: mmc-host stop")
