"""Which boards can be flashed, and the facts of each that flashing needs, from its board.toml.

In:     the boards' folder, of the repository or of the installed wheel; or a folder of one's own with a board.toml
Out:    `Board`
Errors: UsageError: there is no such board, and which there are; or its facts can't be used, and why
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmc_core.errors import UsageError, suggestion
from mmc_host.flash import partitions
from mmc_host.flash.partitions import Table

_FILE = "board.toml"
_TABLES: dict[str, dict[str, type]] = {
    "flash": {"size_bytes": int, "mpy_architecture": str},
    "image": {"name": str, "version": str, "url": str, "offset": int, "size_bytes": int, "sha256": str},
    "boot": {"button_pin": int, "button_pressed": int},  # a board without a button has none of it
}
_CHIPS = ("esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6")


@dataclass(frozen=True)
class Image:
    """The lock of a board's MicroPython: what is not exactly this is not flashed."""

    name: str  # of the file
    version: str
    url: str
    offset: int  # in flash
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Board:
    """What flashing needs to know of a board."""

    name: str
    folder: Path
    chip: str  # as esptool's --chip takes it
    flash_bytes: int
    architecture: str  # of machine code in .mpy
    image: Image
    table: Table
    button: tuple[int, int] | None  # pin, and its level while pressed


def boards_folder() -> Path:
    """Return the folder of all boards: installed as data, or the repository's.

    Raises:
        UsageError: there is none.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "device" / "boards", package.parents[1] / "boards"):
        if folder.is_dir():
            return folder
    raise UsageError("the boards are missing: install mmc-host anew")


def flashable(folder: Path) -> list[str]:
    """Return the names of the boards in `folder` that can be flashed; the simulator, for example, can't."""
    return sorted(path.parent.name for path in folder.glob(f"*/{_FILE}") if "image" in _read(path))


def find_board(name: str, folder: Path) -> Board:
    """Return a board.

    Args:
        name: of a board in `folder`, "" for none; or the path, with a slash in it, of a folder with a board.toml.
        folder: of all boards.

    Raises:
        UsageError: there is no such board, it is none to flash, or its facts can't be used.
    """
    own = Path(name)
    if "/" in name:
        if not (own / _FILE).is_file():
            raise UsageError(f"{own} has no {_FILE}: it is no board")
        return read_board(own)
    known = flashable(folder)
    if name in known:
        return read_board(folder / name)
    there = f"boards: {', '.join(known)}" if known else "no board can be flashed yet: `mmc-host sim` is the wearable"
    if name and (folder / name / _FILE).is_file():
        raise UsageError(f"{name} has no image to flash; {there}")
    if not name:
        raise UsageError(f"which board (make: BOARD=name)? {there}")
    raise UsageError(f"there is no board {name!r}{suggestion(name, known)}; {there}")


def read_board(folder: Path) -> Board:
    """Return the board of a folder with a board.toml.

    Raises:
        UsageError: a fact is missing or can't be used; each has its line.
    """
    source = folder / _FILE
    facts = _read(source)
    told: list[str] = []
    tables = {table: _table(facts, table, keys, told) for table, keys in _TABLES.items()}
    places = _places(facts.get("partitions"), told)
    chip, name = facts.get("chip"), facts.get("name")
    if chip not in _CHIPS:
        told.append(f"chip is {chip!r}: give one of {', '.join(_CHIPS)}")
    if not isinstance(name, str):
        told.append("name is missing")
    image = tables["image"]
    if image and (len(image["sha256"]) != 64 or set(image["sha256"]) - set("0123456789abcdef")):
        told.append("image.sha256: give 64 digits of 0-9 and a-f")
    if image and "/" in image["name"]:
        told.append("image.name: give the name of a file, without folders")
    table: Table = ()
    if not told:
        try:
            table = partitions.layout(places, tables["flash"]["size_bytes"])
        except UsageError as error:
            told += str(error).splitlines()
    if not told:
        told += _breaches(facts, places, image)
    if told:
        raise UsageError("\n".join(f"{source}: {sentence}" for sentence in told))
    boot = tables["boot"]
    return Board(
        name=str(name),
        folder=folder,
        chip=str(chip),
        flash_bytes=tables["flash"]["size_bytes"],
        architecture=tables["flash"]["mpy_architecture"],
        image=Image(**image),
        table=table,
        button=(boot["button_pin"], boot["button_pressed"]) if boot else None,
    )


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{source}: {error}") from error


def _table(facts: Mapping[str, Any], table: str, keys: Mapping[str, type], told: list[str]) -> dict[str, Any]:
    """The facts of a table; `told` gets what is wrong with it, and it is empty then."""
    found = facts.get(table)
    if table == "boot" and found is None:
        return {}
    if not isinstance(found, dict):
        told.append(f"[{table}] is missing")
        return {}
    before = len(told)
    told += [f"{table}.{key} is no fact of a board" for key in found if key not in keys]
    for key, kind in keys.items():
        if type(found.get(key)) is not kind or (kind is int and found[key] < 0):
            told.append(f"{table}.{key} is {found.get(key)!r}: give a {'text' if kind is str else 'whole number'}")
    return {} if len(told) > before else dict(found)


def _places(found: object, told: list[str]) -> dict[str, tuple[int, int]]:
    if not isinstance(found, dict):
        told.append("[partitions] is missing")
        return {}
    places: dict[str, tuple[int, int]] = {}
    for name, place in found.items():
        if isinstance(place, list) and [type(number) for number in place] == [int, int]:
            places[str(name)] = (place[0], place[1])
        else:
            told.append(f"partitions.{name} is {place!r}: give [offset, size] in bytes")
    return places


def _breaches(facts: Mapping[str, Any], places: Mapping[str, tuple[int, int]], image: Mapping[str, Any]) -> list[str]:
    """What does not fit together."""
    told: list[str] = []
    journal = facts.get("journal")
    if isinstance(journal, dict):
        size = journal.get("blocks", 0) * journal.get("block_bytes", 0)
        if size != places["journal"][1]:
            told.append(f"the partition journal has {places['journal'][1]} bytes, [journal] has {size}")
    end = image["offset"] + image["size_bytes"]
    start, size = places["factory"]
    if not image["offset"] <= partitions.TABLE_OFFSET < start < end <= start + size:
        told.append(f"the image, 0x{image['offset']:x}..0x{end:x}, does not end in the partition factory")
    return told
