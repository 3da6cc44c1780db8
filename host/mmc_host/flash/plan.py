"""What a flash run will do, and why; or why it refuses.

In:     a board; what was found of the device: its console, its chip, its partition table, its sessions
Out:    steps in order, each with its reason; none when the device is up to date
Errors: UsageError: one sentence for each way in which it can't go on
State:  none, and nothing is touched: all of it can be tested, and shown before it is done

The order keeps a power cut harmless. Whatever a new layout would lose is backed up first. The table is written last:
until then another run finds the old one and begins anew. A `vfs` that moves gets blank first blocks before that:
MicroPython makes a file system only where the first block is blank, and loops for ever on the remains of a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmc_core.errors import UsageError
from mmc_host.flash import manifest, partitions
from mmc_host.flash.boards import Board
from mmc_host.flash.device_files import Device
from mmc_host.flash.partitions import SECTOR_BYTES, Change, Partition, Table

_BLANK_VFS_BYTES = 2 * SECTOR_BYTES
_KEPT = ("vfs", "journal")  # what holds something of the user's


@dataclass(frozen=True)
class Chip:
    """What the boot loader in the chip says, and what it read."""

    name: str  # as esptool's --chip takes it
    flash_bytes: int
    table: Table | None  # None: there is none, or it is damaged


@dataclass(frozen=True)
class Found:
    """What is known of the device."""

    device: Device | None = None  # None: no console of MicroPython answers
    chip: Chip | None = None  # None: not asked
    unpulled: int | None = None  # sessions that no host has verified; None: the device could not be asked


@dataclass(frozen=True)
class Backup:
    """Read a partition into a file."""

    part: Partition
    reason: str


@dataclass(frozen=True)
class Blank:
    """Erase a piece of flash."""

    name: str
    offset: int
    size: int
    reason: str


@dataclass(frozen=True)
class WriteFirmware:
    """Write boot loader and MicroPython, what is there already left out."""

    reason: str


@dataclass(frozen=True)
class WriteTable:
    """Write the partition table."""

    reason: str


@dataclass(frozen=True)
class UpdateApp:
    """Bring the app, and start it."""

    reason: str


Step = Backup | Blank | WriteFirmware | WriteTable | UpdateApp


def needs_chip(board: Board, found: Found) -> bool:
    """Whether the boot loader must be asked: MicroPython or the table are not, or not plainly, those of the board."""
    if found.device is None or found.device.micropython != board.image.version:
        return True
    return found.device.table != board.table


def decide(board: Board, app: manifest.App, found: Found, *, erase: bool = False) -> list[Step]:
    """Return the steps of a flash run.

    Args:
        board: to be flashed.
        app: that it shall carry.
        found: what is known of the device, `chip` too if `needs_chip`.
        erase: sessions that were not pulled may be lost.

    Raises:
        UsageError: wrong chip or flash, no room for the app, or sessions that would be lost.
    """
    if not needs_chip(board, found):
        assert found.device is not None
        return _app_steps(app, found.device)
    assert found.chip is not None, "ask the chip first"
    _check_chip(board, found.chip)
    steps: list[Step] = []
    changes = [] if found.chip.table is None else partitions.diff(found.chip.table, board.table)
    moved = {change.name: change for change in changes if change.moves}
    lost = [change.old for name in _KEPT if (change := moved.get(name)) and change.old]
    if any(part.name == "journal" for part in lost) and found.unpulled != 0 and not erase:
        raise UsageError(_sessions_at_risk(found.unpulled))
    steps += [Backup(part, f"it moves to {_new_place(moved[part.name])}") for part in lost]
    new = {part.name: part for part in board.table}
    if found.chip.table is None:
        steps += [Backup(new[name], "no partition table says what is there") for name in _KEPT]
    if found.chip.table is None or "vfs" in moved:
        reason = "MicroPython makes its file system only where the flash is blank"
        steps.append(Blank("vfs", new["vfs"].offset, _BLANK_VFS_BYTES, reason))
    if found.chip.table is None or "journal" in moved:
        reason = "the journal begins on erased flash"
        steps.append(Blank("journal", new["journal"].offset, new["journal"].size, reason))
    steps.append(WriteFirmware(_firmware_reason(board, found.device)))
    if found.chip.table is None:
        steps.append(WriteTable("there is no partition table that can be read"))
    elif changes:
        names = ", ".join(change.name for change in changes)
        steps.append(WriteTable(f"the board's table differs: {names}"))
    if found.device is None or found.chip.table is None or "vfs" in moved:
        return [*steps, UpdateApp("the file system has no app that is known")]
    return [*steps, *_app_steps(app, found.device)]


def at_risk(board: Board, found: Found) -> bool:
    """Whether a run with `erase` gives up sessions, so that the user has to confirm it."""
    if found.chip is None or found.chip.table is None or found.unpulled == 0:
        return False
    changes = partitions.diff(found.chip.table, board.table)
    return any(change.name == "journal" and change.moves and change.old for change in changes)


def check_room(app: manifest.App, device: Device) -> None:
    """Refuse a file system without room for the app.

    Raises:
        UsageError: it has none; the message says how much is missing.
    """
    needed, free = manifest.needed_bytes(app, device.files), device.files.free_bytes
    if needed > free:
        raise UsageError(
            f"the device's file system is full: the app needs {needed} bytes, {free} are free. Remove files of your "
            "own with `mpremote rm`; settings and sessions are not in the way"
        )


def _app_steps(app: manifest.App, device: Device) -> list[Step]:
    operations = manifest.operations(app, device.files)
    if not operations:
        return []
    check_room(app, device)
    copied = sum(isinstance(one, manifest.Copy) for one in operations)
    was = device.files.running
    return [UpdateApp(f"{copied} files differ from those in {was}" if was else "there is no app yet")]


def _check_chip(board: Board, chip: Chip) -> None:
    if chip.name != board.chip:
        raise UsageError(f"this is an {chip.name}, {board.name} has an {board.chip}: is it another board?")
    if chip.flash_bytes != board.flash_bytes:
        raise UsageError(
            f"this board has {_mib(chip.flash_bytes)} of flash, {board.name} has {_mib(board.flash_bytes)}: is it "
            "another board?"
        )


def _firmware_reason(board: Board, device: Device | None) -> str:
    wanted = f"{board.name} runs MicroPython {board.image.version}"
    if device is None:
        return f"{wanted}, and no console answers"
    if device.micropython != board.image.version:
        return f"{wanted}, on this one is {device.micropython}"
    return f"{wanted}: what is there already is left out"


def _new_place(change: Change) -> str:
    return f"0x{change.new.offset:x}..0x{change.new.end:x}" if change.new else "nowhere"


def _sessions_at_risk(unpulled: int | None) -> str:
    if unpulled is None:
        what = "the journal moves, and whether it holds sessions that were not pulled can't be told"
    else:
        what = f"the journal moves, and {unpulled} session{'s were' if unpulled != 1 else ' was'} not pulled"
    return f"{what}: run `mmc-host pull` first, or give them up with --erase (make: ERASE=1)"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):g} MiB"
