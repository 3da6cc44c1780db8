"""A flash run from the first question to the last reset: find out, decide, tell, and only then do.

In:     a board, its app, the two ways to a device (MicroPython's console, the chip's boot loader), the user's wishes
Out:    the steps that were needed, none when the device was up to date; what the self-test found
Errors: those of `plan.decide`, before anything was written; LinkError, PeerError: a step failed, and running it again
        goes on from there. What the self-test finds is no error: the new app starts all the same
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmc_core.errors import PeerError, UsageError
from mmc_host.errors import LinkError
from mmc_host.flash import device_files, image, manifest, partitions, plan, selftest
from mmc_host.flash.boards import Board
from mmc_host.flash.device_files import Console, Device
from mmc_host.flash.esptool import Esptool
from mmc_host.flash.image import Piece
from mmc_host.flash.plan import Backup, Blank, Found, Step, UpdateApp, WriteFirmware, WriteTable
from mmc_host.flash.selftest import Finding
from mmc_host.paths import home, writing_in

_START_TIMEOUT_S = 60.0  # a new file system is made at the first start


@dataclass(frozen=True)
class Wishes:
    """What the user says about a run."""

    erase: bool = False  # sessions that were not pulled may be lost
    dry_run: bool = False  # decide and tell, do nothing
    test: bool = False  # test the parts although nothing is to be done


@dataclass(frozen=True)
class Ways:
    """How the device, and the user, are reached."""

    console: Console
    boot_loader: Esptool
    get_image: Callable[[], bytes]
    dismiss: Callable[[], int | None]  # asks the running app for the console; the sessions it holds; None: no app
    count_unpulled: Callable[[], int | None]  # asks the app that starts; None: it does not answer
    confirm: Callable[[int | None], bool]  # whether the user gives up that many sessions
    tell: Callable[[str], None]
    stamp: str  # of the time, in names of backups


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    steps: list[Step]  # that were needed; none: it was up to date
    tested: list[Finding] | None = None  # None: the parts were not tested


def flash(board: Board, app: manifest.App, ways: Ways, wishes: Wishes | None = None) -> Outcome:
    """Bring a device to what its board says, and test it.

    Raises:
        UsageError, LinkError, PeerError: see above.
    """
    wishes = wishes or Wishes()
    found = _find_out(board, ways)
    try:
        steps = plan.decide(board, app, found, erase=wishes.erase)
        for step in steps:
            ways.tell(f"{_words(step)}: {step.reason}")
        if wishes.dry_run or not (steps or wishes.test):
            _leave(ways, found)
            return Outcome(steps)
        if plan.at_risk(board, found) and not ways.confirm(found.unpulled):
            raise UsageError("nothing was done: the number of sessions was not confirmed")
    except UsageError:
        with contextlib.suppress(LinkError):
            _leave(ways, found)
        raise
    if found.chip is not None:
        _write(board, ways, steps)
    device = _console(board, ways)
    if any(isinstance(step, UpdateApp) for step in steps):
        _update(app, ways, device)
    ways.tell("testing the parts: leave it on the table for a few seconds; the motor will run")
    tested = selftest.test(ways.console)
    try:
        device_files.restart(ways.console)
    except LinkError:
        ways.tell("all is written, and it does not start anew by itself: press its reset button, or unplug it")
    return Outcome(steps, tested)


def backup_folder() -> Path:
    """Return where copies of partitions go before a new layout takes their place."""
    return home() / "backups"


def _find_out(board: Board, ways: Ways) -> Found:
    device: Device | None = None
    unpulled = ways.dismiss()
    if ways.console.answers():  # else it is blank, has another firmware, or is busy: the boot loader answers always
        with contextlib.suppress(LinkError):  # another Python
            device = device_files.read_device(ways.console)
    found = Found(device)
    if not plan.needs_chip(board, found):
        assert device is not None
        device_files.check_loads(device, board.architecture)
        return found
    if unpulled is None:
        unpulled = 0
        if device is None or any(part.name == "journal" for part in device.table):
            if device is not None:
                device_files.restart(ways.console)  # only the app can be asked
            unpulled = ways.count_unpulled()
    return Found(device, ways.boot_loader.ask(), unpulled)


def _leave(ways: Ways, found: Found) -> None:
    """What was there starts again: looking at it stopped it."""
    if found.chip is not None:
        ways.boot_loader.restart()
    elif found.device is not None:
        device_files.restart(ways.console)


def _write(board: Board, ways: Ways, steps: list[Step]) -> None:
    """All that the boot loader does; the image is there before the first step."""
    firmware = image.pieces(board, ways.get_image())
    pieces: list[Piece] = []
    for step in steps:
        match step:
            case Backup():
                _back_up(board, ways, step)
            case Blank(name, offset, size):
                pieces.append(Piece(f"blank-{name}", offset, b"\xff" * size))
            case WriteFirmware():
                pieces += firmware
            case WriteTable():
                pieces.append(Piece("partition-table", partitions.TABLE_OFFSET, partitions.encode(board.table)))
            case UpdateApp():
                pass
    ways.boot_loader.write(pieces)
    ways.boot_loader.restart()
    ways.tell("flashed; waiting for MicroPython")


def _back_up(board: Board, ways: Ways, step: Backup) -> None:
    part = step.part
    data = ways.boot_loader.read(part.offset, part.size)
    if data.count(0xFF) == len(data):
        return  # erased flash: nothing to keep
    with writing_in(backup_folder()):
        file = _new_file(f"{ways.stamp}-{board.name}-{part.name}-0x{part.offset:x}")
        file.write_bytes(data)
    ways.tell(f"{part.name} is kept in {file}")


def _new_file(name: str) -> Path:
    """Make a file that was not there, so that no backup takes the place of another."""
    for number in itertools.count(1):
        file = backup_folder() / (f"{name}.bin" if number == 1 else f"{name}-{number}.bin")
        with contextlib.suppress(FileExistsError):
            file.touch(exist_ok=False)
            return file
    raise AssertionError("unreachable")


def _console(board: Board, ways: Ways) -> Device:
    """Return what answers at the console once no app runs; MicroPython is the board's own then."""
    console = ways.console
    try:
        device_files.wait_for(console, _START_TIMEOUT_S)
    except LinkError as error:
        raise LinkError(f"{error}. Hold the wearable's button while you plug it in, then run this again") from error
    device = device_files.read_device(console)
    if device.micropython != board.image.version:
        raise PeerError(
            f"MicroPython {board.image.version} was written and verified, and {device.micropython} answers: the chip "
            "starts from elsewhere. Press its reset button and run this again; if that goes on, is it another board?"
        )
    device_files.check_loads(device, board.architecture)
    if device.files.active and device_files.folder(console) != "/":
        # Without the app there is heap enough, and nobody who writes. Our boot.py takes the flag away.
        device_files.restart(console, maintenance=True)
        device_files.wait_for(console, _START_TIMEOUT_S)
        device = device_files.read_device(console)
    return device


def _update(app: manifest.App, ways: Ways, device: Device) -> None:
    plan.check_room(app, device)
    device_files.carry_out(ways.console, manifest.operations(app, device.files))
    device_files.make_folder(ways.console, manifest.SETTINGS)


def _words(step: Step) -> str:
    match step:
        case Backup(part):
            return f"back up {part}"
        case Blank(name, offset, size):
            return f"erase 0x{size:x} bytes at 0x{offset:x} for {name}"
        case WriteFirmware():
            return "write MicroPython"
        case WriteTable():
            return "write the partition table"
        case UpdateApp():
            return "update the app"
