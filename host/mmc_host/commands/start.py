"""`mmc-host start`: begin a session on the wearable."""

import time

import rich_click as click

from mmc_host.terminal import connected, port_option, say


@click.command("start")
@port_option
def command(port: str | None) -> None:
    """Begin a session on the wearable."""
    from mmc_core.message import VERB_START
    from mmc_host.replies import ACTIVITY_PREPARING, ACTIVITY_RECORDING

    with connected(port) as device:
        device.set_time(time.time_ns() // 1_000_000)
        device.wait_until(lambda status: status.activity != ACTIVITY_PREPARING, 60.0, "prepare its flash")
        device.control(VERB_START)
        status = device.wait_until(lambda status: status.activity == ACTIVITY_RECORDING, 10.0, "begin a session")
    say(f"session {status.session} is being recorded; end it with: mmc-host stop")
