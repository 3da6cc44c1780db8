"""`mmc-host check`: is every electrode on, is the air quiet, and how much does the motor add to the signal?"""

from typing import Any

import rich_click as click

from mmc_core import event, message
from mmc_host.isolation import accept, usb_option
from mmc_host.terminal import connected, json_option, port_option, print_json, print_table, say

_TIMEOUT_S = 20.0
_WHAT = {
    event.REASON_LEAD_OFF: "the electrode is off",
    event.REASON_FLAT: "no signal: is the cable plugged in?",
    event.REASON_CLIPPED: "the signal meets the rails: is the electrode loose, the gain too high?",
    event.REASON_MAINS: "hum of the mains: check the contact, move away from chargers",
    event.REASON_RESTLESS: "the muscle does not rest, or the contact is bad",
}


@click.command("check")
@usb_option
@json_option
@port_option
def command(on_usb_power: bool, as_json: bool, port: str | None) -> None:
    """Check contact and interference of each channel at rest, and what the running motor adds; relax meanwhile."""
    with connected(port) as device:
        muscles = device.settings()
        accept(device, on_usb_power)
        device.control(message.VERB_CHECK)
        if not as_json:
            say("relax; the motor will run for a moment")
        device.wait_until(lambda status: not status.checking, _TIMEOUT_S, "finish the check")
        entries = [_entry(channel, row, muscles) for channel, row in enumerate(device.findings()[1])]
    if as_json:
        print_json(entries)
        return
    print_table(
        ["channel", "muscle", "rest", "motor adds", "found"],
        [
            (
                entry["channel"],
                entry["muscle"],
                f"{entry['rest_uv']:.1f} µV",
                "-" if entry["motor_pct"] is None else f"{entry['motor_pct']} %",
                entry["found"] or "good",
            )
            for entry in entries
        ],
    )
    say("motor adds: power of its line in the signal, in percent of the power at rest; nothing is scored while it runs")


def _entry(channel: int, row: tuple[int, int, int, int], settings: dict[str, Any]) -> dict[str, Any]:
    reason, value, rest_tenths, motor_pct = row
    return {
        "channel": channel,
        "muscle": settings.get(f"ch{channel}_muscle", "not stated"),
        "rest_uv": rest_tenths / 10,
        "motor_pct": None if motor_pct < 0 else motor_pct,
        "found": _WHAT.get(reason, f"reason {reason}") if reason else "",
        "value": value,
    }
