"""`mmc-host start`: begin a session on the wearable."""

import time

import rich_click as click

from mmc_core import message
from mmc_host.terminal import connected, port_option, say


@click.command("start")
@port_option
def command(port: str | None) -> None:
    """Begin a session on the wearable."""
    with connected(port) as device:
        device.set_time(time.time_ns() // 1_000_000)
        device.wait_until(lambda status: not status.preparing, 60.0, "prepare its flash")
        device.control(message.VERB_START)
        status = device.wait_until(lambda status: status.recording, 10.0, "begin a session")
    say(f"session {status.session} is being recorded; end it with: mmc-host stop")
