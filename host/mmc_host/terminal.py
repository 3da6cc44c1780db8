"""What commands share: the options that many have, an open device, tables, JSON, progress.

In:    what a command wants to say
Out:   text on standard output; progress on standard error, and only if that is a terminal. `NO_COLOR` is honoured
"""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    from mmc_host.client import Device

port_option = click.option(
    "--port",
    metavar="PORT",
    envvar="MMC_PORT",
    help="Serial device, tcp://host:port or sim://scenario. Not needed with one wearable attached.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

_NARROWEST_WRAP = 24  # a last column with less room than this stands below its row
_INDENT = "    "


@contextmanager
def connected(port: str | None) -> "Generator[Device]":
    """Open the line that `port` names, greet the device, and close the line in the end.

    Args:
        port: see `mmc_host.transport.open_transport`.

    Raises:
        LinkError: there is no device, or it does not answer.
        PeerError: it speaks another protocol.
    """
    from mmc_host.client import Device
    from mmc_host.transport import open_transport

    transport = open_transport(port)
    try:
        device = Device(transport)
        device.hello()
        yield device
    finally:
        transport.close()


def say(text: str = "", *, end: str = "\n") -> None:
    """Print text at once, without colour where nobody wants it."""
    click.echo(text, nl=False, color=False if os.environ.get("NO_COLOR") else None)
    click.echo(end, nl=False)
    sys.stdout.flush()


def print_json(value: object) -> None:
    """Print a value as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows below headings; numbers stand to the right.

    At a terminal the last column wraps at the edge. Where the others leave it too little room, it stands below its row,
    indented.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in (list(headings), *cells)) for i in range(len(headings))]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(headings))]
    columns = shutil.get_terminal_size().columns
    room = columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    wrap = max(widths[-1], 1)
    if sys.stdout.isatty() and room < wrap:
        if room < _NARROWEST_WRAP:
            _print_stacked(headings, cells, widths, right, columns)
            return
        wrap = room
    say(click.style(_line(headings, widths, right), bold=True))
    for row in cells:
        last = textwrap.wrap(row[-1], wrap) or [""]
        say(_line([*row[:-1], last[0]], widths, right))
        for more in last[1:]:
            say(_line([*[""] * (len(row) - 1), more], widths, right))


def _print_stacked(
    headings: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool], columns: int
) -> None:
    """Print a table whose last column stands below the row."""
    for number, row in enumerate((headings, *cells)):
        lines = [_line(row[:-1], widths[:-1], right[:-1])]
        lines += textwrap.wrap(
            row[-1], max(columns, _NARROWEST_WRAP), initial_indent=_INDENT, subsequent_indent=_INDENT
        )
        for line in lines:
            say(line if number else click.style(line, bold=True))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    columns = zip(cells, widths, right, strict=True)
    return "  ".join(cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in columns).rstrip()


@contextmanager
def progress(description: str) -> Generator[Callable[[int, int], None]]:
    """Give a function `(done, total)` that moves a bar; it does nothing where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def clock_text(ms: int) -> str:
    """Return a time span as `mm:ss.t`, or `h:mm:ss.t` from an hour on."""
    minutes, rest = divmod(ms // 100, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 10:02}.{rest % 10}" if hours else f"{minutes:02}:{rest // 10:02}.{rest % 10}"


def size_text(size_bytes: int) -> str:
    """Return a size in the unit that reads best."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    if size_bytes < 1024 * 1024:
        return f"{size_bytes / 1024:.1f} KiB"
    return f"{size_bytes / 1024 / 1024:.2f} MiB"
