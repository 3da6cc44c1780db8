"""Which wearables are attached: USB serial ports, and simulators that run on this machine.

A running simulator is a small JSON file in the runtime folder that its process keeps locked; a file that nobody holds
is left over of one that was killed, and is removed.

In:  the system's list of serial ports; the runtime folder
Out: `Attached` entries; or the only one; or `LinkError` with the list to choose from
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mmc_host.errors import LinkError
from mmc_host.paths import entries, runtime_dir, writing_in


@dataclass(frozen=True)
class Attached:
    """A port on which a wearable may be found."""

    port: str
    kind: str  # "serial" or "sim"
    description: str


def attached() -> list[Attached]:
    """Return all ports on which a wearable may be found, simulators last. Nothing is opened."""
    return [*_serial_ports(), *_simulators()]


def find_one() -> Attached:
    """Return the only port on which a wearable may be found.

    Raises:
        LinkError: there is none, or there are several; the message lists them.
    """
    found = attached()
    if not found:
        raise LinkError(
            "no wearable found: plug it in (`mmc-host devices` lists ports), or start one with `mmc-host sim`"
        )
    if len(found) > 1:
        lines = "\n".join(f"  --port {entry.port}   ({entry.description})" for entry in found)
        raise LinkError(f"several wearables found; say which one:\n{lines}")
    return found[0]


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
        yield Attached(port.device, "serial", port.description or "USB serial")
