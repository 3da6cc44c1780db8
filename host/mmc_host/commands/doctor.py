"""`mmc-host doctor`: everything that somebody who helps from afar would ask for."""

import time
from typing import Any

import rich_click as click

from mmc_host.terminal import json_option, port_option, print_json, say, size_text

_TRIES = 3


@click.command("doctor")
@click.option("--names", is_flag=True, help="Tell who wears it, too.")
@port_option
@json_option
def command(names: bool, port: str | None, as_json: bool) -> None:
    """Say what is installed, what is attached, how the wearable is, and what is worth a look.

    It changes nothing and disturbs no session. Paste it when you ask for help: no name of a wearer is in it, nor that
    of your home folder.
    """
    from mmc_host.doctor import findings, host_facts
    from mmc_host.transport.discover import attached

    facts: dict[str, Any] = {
        "program": host_facts.program(),
        "store": host_facts.store(),
        "ports": host_facts.ports(attached()),
        "device": _ask(port, names),
    }
    found = findings.judge(facts)
    if as_json:
        facts["findings"] = [{"what": one.what, "advice": one.advice} for one in found]
        print_json(facts)
        return
    for section in ("program", "store", "ports", "device"):
        say(f"{section}:")
        _print(facts[section], 1)
    say()
    if not found:
        say("Nothing is worth a look.")
        return
    say("worth a look:")
    for one in found:
        say(f"- {one.what}: {one.advice}")


def _ask(port: str | None, names: bool) -> dict[str, Any]:
    """What the wearable tells; or why it can't."""
    from mmc_core.errors import MmcError
    from mmc_core.sync_client import SyncClient
    from mmc_host.client import Device
    from mmc_host.doctor import device_facts
    from mmc_host.transport import open_transport

    try:
        transport = open_transport(port)
        try:
            device = Device(transport, client=SyncClient(tries=_TRIES))
            facts = device_facts.ask(device, lambda: time.time_ns() // 1_000_000, with_names=names)
            return {"port": transport.name, **facts}
        finally:
            transport.close()
    except MmcError as error:
        return {"error": str(error)}


def _print(value: Any, depth: int) -> None:
    indent = "  " * depth
    if isinstance(value, list):
        for one in value or ["none"]:
            say(f"{indent}- {_line(one)}")
        return
    for name, one in value.items():
        label = name.replace("_", " ")
        if (isinstance(one, dict) and len(one) > 3) or (isinstance(one, list) and one and isinstance(one[0], dict)):
            say(f"{indent}{label}:")
            _print(one, depth + 1)
        elif name.endswith("bytes") and isinstance(one, int):
            say(f"{indent}{label.removesuffix(' bytes')}: {size_text(one)}")
        else:
            say(f"{indent}{label}: {_line(one)}")


def _line(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_line(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_line(one) for one in value) or "none"
    return str(value)
