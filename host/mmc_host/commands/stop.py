"""`mmc-host stop`: end the session on the wearable."""

import rich_click as click

from mmc_host.terminal import connected, port_option, say


@click.command("stop")
@port_option
def command(port: str | None) -> None:
    """End the session that the wearable records."""

    with connected(port) as device:
        status = device.status()
        if not status.recording:
            say(f"no session is being recorded: the wearable is {status.activity_name}")
            return
        device.stop()
    say(f"session {status.session} is closed; bring it home with: mmc-host pull")
