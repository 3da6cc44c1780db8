"""`mmc-host stop`: end the session on the wearable."""

import rich_click as click

from mmc_host.answers import after_options, tell
from mmc_host.terminal import connected, port_option, say


@click.command("stop")
@after_options
@port_option
def command(effort: int | None, energy: int | None, pain: str | None, port: str | None) -> None:
    """End the session that the wearable records; what it would ask afterwards can be answered here."""

    with connected(port) as device:
        status = device.status()
        if not status.recording:
            say(f"no session is being recorded: the wearable is {status.activity_name}")
            return
        tell(device, effort=effort, energy=energy, pain=pain)
        device.stop()
    say(f"session {status.session} is closed; bring it home with: mmc-host pull")
