"""Which wearables are attached: USB serial ports, likely ones first, and simulators that run on this machine.

A running simulator is a small JSON file in the runtime folder that its process keeps locked; a file that nobody holds
is left over of one that was killed, and is removed.

In:  the system's list of serial ports; the runtime folder; at a terminal, the number that the user types
Out: `Attached` entries; or the one that is meant; or `LinkError` with the list to choose from
Source: the USB identities are those of the chips' makers, as the drivers of Linux and macOS list them
"""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mmc_host.errors import LinkError
from mmc_host.paths import entries, runtime_dir, writing_in

# What sits between USB and the microcontroller, by vendor and product.
_BRIDGES = {
    (0x10C4, 0xEA60): "CP210x, as on many ESP32 boards",
    (0x10C4, 0xEA70): "CP2105, as on some ESP32 boards",
    (0x1A86, 0x7523): "CH340, as on many cheap ESP32 boards",
    (0x1A86, 0x7522): "CH340, as on many cheap ESP32 boards",
    (0x1A86, 0x5523): "CH341, as on some cheap ESP32 boards",
    (0x1A86, 0x55D3): "CH343, as on many ESP32-S3 boards",
    (0x1A86, 0x55D4): "CH9102, as on many ESP32 boards",
    (0x0403, 0x6001): "FT232, as on some ESP32 boards",
    (0x0403, 0x6010): "FT2232, as on Espressif's kits with a debugger",
    (0x0403, 0x6015): "FT231X, as on some ESP32 boards",
    (0x303A, 0x1001): "the ESP32's own USB, serial and JTAG",
    (0x303A, 0x4001): "the ESP32's own USB, with MicroPython",
}
_ESPRESSIF = 0x303A


@dataclass(frozen=True)
class Attached:
    """A port on which a wearable may be found."""

    port: str
    kind: str  # "serial" or "sim"
    description: str
    usb: str = ""  # vendor:product, as `lsusb` writes it
    likely: bool = True  # it looks like a wearable's


def attached() -> list[Attached]:
    """Return all ports on which a wearable may be found, the likely ones first, simulators last. Nothing is opened."""
    return [*sorted(_serial_ports(), key=lambda entry: not entry.likely), *_simulators()]


def find_one(kinds: tuple[str, ...] = ("serial", "sim")) -> Attached:
    """Return the port that is meant: the only one, or the one whose number is typed at a terminal.

    Args:
        kinds: of ports that will do; what is flashed, for example, is no simulator.

    Raises:
        LinkError: there is none; or there are several, and nobody to ask: the message lists them.
    """
    found = [entry for entry in attached() if entry.kind in kinds]
    what = "wearable" if "sim" in kinds else "board"
    if not found:
        hint = ", or start one with `mmc-host sim`" if "sim" in kinds else ", or name its port with --port"
        raise LinkError(
            f"no {what} found: plug it in with a cable that carries data (`mmc-host devices` lists ports){hint}"
        )
    if len(found) == 1:
        return found[0]
    if sys.stdin.isatty() and sys.stderr.isatty():
        return _ask(found, what)
    lines = "\n".join(f"  --port {entry.port}   ({_words(entry)})" for entry in found)
    raise LinkError(f"several {what}s found; say which one:\n{lines}")


def _ask(found: list[Attached], what: str) -> Attached:
    import rich_click as click

    click.echo(f"several {what}s found:", err=True)
    for number, entry in enumerate(found, 1):
        click.echo(f"  {number}  {entry.port}   ({_words(entry)})", err=True)
    number: int = click.prompt(
        f"which one (1 to {len(found)})", type=click.IntRange(1, len(found)), err=True, show_choices=False
    )
    return found[number - 1]


def _words(entry: Attached) -> str:
    return entry.description if entry.likely else f"{entry.description}; hardly a wearable"


@contextmanager
def registered(port: str, scenario: str) -> Generator[Path]:
    """Let other processes find a running simulator for the duration of the context; give the path of its file.

    Args:
        port: path of the simulator's serial port.
        scenario: what its wearer does, for people.

    Raises:
        UsageError: the runtime folder can't be written.
    """
    path = _folder() / f"{os.getpid()}.json"
    entry = {"pid": os.getpid(), "port": port, "scenario": scenario}
    with writing_in(path.parent):
        file = _held(path)
    with file:
        json.dump(entry, file)
        file.flush()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _held(path: Path) -> TextIO:
    """Open a file anew and lock it; one that a lister took for a leftover in between is made again."""
    while True:
        file = path.open("w", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def _folder() -> Path:
    return runtime_dir() / "sim"


def _simulators() -> Iterator[Attached]:
    for path in entries(_folder()):
        if path.suffix != ".json":
            continue
        try:
            with path.open(encoding="utf-8") as file:
                if not _is_held(file.fileno()):
                    with contextlib.suppress(OSError):  # not ours to remove
                        path.unlink()
                    continue
                entry: dict[str, Any] = json.load(file)
            if Path(str(entry["port"])).exists():
                yield Attached(str(entry["port"]), "sim", f"simulator, {entry['scenario']}, process {entry['pid']}")
        except (OSError, ValueError, KeyError, TypeError):
            continue  # being written, or not ours


def _is_held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _serial_ports() -> Iterator[Attached]:
    from serial.tools import list_ports

    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        if port.vid is None:  # a port of the main board, not a device on USB
            continue
        bridge = _BRIDGES.get((port.vid, port.pid))
        told = port.description if port.description not in (None, "", "n/a") else ""
        if bridge is None and port.vid == _ESPRESSIF:
            bridge = "an Espressif chip's own USB"
        words = bridge or told or "USB serial"
        yield Attached(port.device, "serial", words, f"{port.vid:04x}:{port.pid or 0:04x}", bridge is not None)
