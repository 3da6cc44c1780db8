"""`mmc-host settings`: what can be set on the wearable, what it means, and what it is."""

from typing import Any

import rich_click as click

from mmc_host.terminal import connected, json_option, port_option, print_json, print_table, say


@click.group("settings", invoke_without_command=True)
@port_option
@json_option
@click.option("--defaults", is_flag=True, help="Show the defaults; no wearable is needed.")
@click.pass_context
def command(ctx: click.Context, port: str | None, as_json: bool, defaults: bool) -> None:
    """List the wearable's settings with their values, ranges and meanings; or get and set them."""
    ctx.obj = port
    if ctx.invoked_subcommand is not None:
        return
    if defaults:
        from mmc_core.settings import find_row, names

        values: dict[str, int | str] = {name: find_row(name)[4] for name in names()}
    else:
        with connected(port) as device:
            values = device.settings()
    entries = [_entry(name, value) for name, value in values.items()]
    if as_json:
        print_json(entries)
    else:
        print_table(
            ["setting", "value", "range", "meaning"],
            [(entry["name"], str(entry["value"]), entry["range"], entry["meaning"]) for entry in entries],
        )


@command.command("get")
@click.argument("name")
@port_option
@click.pass_context
def get(ctx: click.Context, name: str, port: str | None) -> None:
    """Print the value of one setting."""
    from mmc_core.settings import find_row

    find_row(name)
    with connected(ctx.obj if port is None else port) as device:
        say(str(device.settings()[name]))


@command.command("set")
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@port_option
@click.pass_context
def set_(ctx: click.Context, assignments: tuple[str, ...], port: str | None) -> None:
    """Set one or more settings; all are checked before the first is sent."""
    from mmc_core.errors import UsageError
    from mmc_core.settings import validate

    pairs: list[tuple[str, int | str]] = []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"{assignment!r} is no assignment: give NAME=VALUE, for example cue_strength_pct=60")
        pairs.append((name, validate(name, value)))
    with connected(ctx.obj if port is None else port) as device:
        for name, value in pairs:
            device.put_setting(name, value)
            say(f"{name} = {value}")


def _entry(name: str, value: int | str) -> dict[str, Any]:
    """Return a setting as JSON has it; one that only a newer firmware knows has no meaning here."""
    from mmc_core.errors import UsageError
    from mmc_core.settings import find_row
    from mmc_host.schema import setting_meanings

    try:
        key, kind, low, high, default = find_row(name)
    except UsageError:
        return {"name": name, "value": value, "default": None, "range": "", "meaning": "(unknown to this version)"}
    ranges = {
        "int": f"{low}..{high}",
        "word": ", ".join(low) if isinstance(low, tuple) else "",
        "text": f"<= {high} bytes",
    }
    return {
        "name": name,
        "value": value,
        "default": default,
        "range": ranges[kind],
        "meaning": setting_meanings()[key],
    }
