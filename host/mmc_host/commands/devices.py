"""`mmc-host devices`: which wearables are attached, and with `--ask` who they are and what they do."""

from typing import Any

import rich_click as click

from mmc_host.terminal import json_option, print_json, print_table, say


@click.command("devices")
@click.option(
    "--ask", is_flag=True, help="Open each port and greet the wearable: who it is, what it does, free memory."
)
@json_option
def command(ask: bool, as_json: bool) -> None:
    """List the ports on which a wearable may be."""
    from mmc_host.transport.discover import attached

    found: list[dict[str, Any]] = [
        {"port": entry.port, "kind": entry.kind, "usb": entry.usb, "description": entry.description}
        for entry in attached()
    ]
    if ask:
        for entry in found:
            entry.update(_greet(entry["port"]))
    if as_json:
        print_json(found)
    elif not found:
        say("No wearable found. Plug it in, or start one with: mmc-host sim")
    elif ask:
        print_table(["port", "wearable"], [(entry["port"], _sentence(entry)) for entry in found])
    else:
        print_table(
            ["port", "USB", "what it is"],
            [(entry["port"], entry["usb"] or "-", entry["description"]) for entry in found],
        )


def _greet(port: str) -> dict[str, Any]:
    from mmc_core.errors import PeerError
    from mmc_core.sync_client import SyncClient
    from mmc_host.client import Device
    from mmc_host.errors import LinkError
    from mmc_host.transport import open_transport

    try:
        transport = open_transport(port)
        try:
            device = Device(transport, client=SyncClient(tries=2))
            hello, status = device.hello(), device.status()
        finally:
            transport.close()
    except (LinkError, PeerError) as error:
        return {"error": str(error)}
    return {
        "device": hello.device,
        "firmware": hello.firmware,
        "board": hello.board,
        "activity": status.activity_name,
        "pointed_at": status.pointed_at,
        "session": status.session,
        "free_pct": 100 * status.free_blocks // status.blocks if status.blocks else 0,
        "faults": status.open_faults,
        "newest_fault": status.fault,
    }


def _sentence(entry: dict[str, Any]) -> str:
    if "error" in entry:
        return str(entry["error"])
    from mmc_host.report.wording import count

    faults = f", {count(entry['faults'], 'fault')} (newest: code {entry['newest_fault']})" if entry["faults"] else ""
    mine = "  <- its button is held" if entry["pointed_at"] else ""
    return (
        f"{entry['device']} on {entry['board']}, firmware {entry['firmware']}: {entry['activity']}, "
        f"session {entry['session']}, {entry['free_pct']} % free{faults}{mine}"
    )
