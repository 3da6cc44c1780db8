"""Which files a board shall have, which it has, and what must happen so that a power cut leaves the old app or the new.

There are two folders for the app. /active names the one that starts, and firmware/boot.py goes there. A new app is
written into the other one, verified by its sha256, and only then named by /active, in one rename.

In:    a folder that is the app as it shall be; what the device tells of its files
Out:   the operations that are needed, in order; none when the device is up to date
Cost:  a file is copied when its folder's own copy differs, so that the next version but one finds most of it there
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("/app_a", "/app_b")
ACTIVE = "/active"
BOOT = "/boot.py"
BUTTON = "/button"
MAINTENANCE = "/maintenance"
SETTINGS = "/config"  # where boards keep settings; never looked into
MAIN = "/main.py"  # of somebody else's; ours are in the folders
SET_ASIDE = "{}_before_mmc{}.py"  # what somebody else had there
_NEW = ".new"  # what is written beside a file before it takes the file's name


@dataclass(frozen=True, order=True)
class File:
    """One file: its path in the app's folder or on the device, and what is in it."""

    path: str
    size: int
    sha256: str


def file_of(path: str, data: bytes) -> File:
    """Return the entry of a file with this content."""
    return File(path, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class App:
    """All that a board shall carry."""

    folder: Path  # main.py and all that it imports
    manifest: tuple[File, ...]  # of that folder, sorted by path
    root: Mapping[str, bytes]  # content by absolute path: boot.py, and what it reads


def read_app(folder: Path, boot: bytes, button: tuple[int, int] | None) -> App:
    """Return the app that is in `folder`.

    Args:
        folder: holds main.py.
        boot: text of boot.py.
        button: pin and its level while pressed; None: the board has none.

    Raises:
        OSError: the folder can't be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = tuple(sorted(file_of(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths))
    root = {BOOT: boot} | ({BUTTON: f"{button[0]} {button[1]}\n".encode()} if button else {})
    return App(folder, files, root)


@dataclass(frozen=True)
class DeviceFiles:
    """What the device has."""

    files: Mapping[str, File]  # by absolute path, those of the root and of both folders
    folders: frozenset[str]  # absolute paths of all folders below the root
    active: str  # what /active says, "" without one
    free_bytes: int
    block_bytes: int

    @property
    def running(self) -> str | None:
        """Folder of the app that starts, None if none does."""
        return self.active if self.active in FOLDERS and f"{self.active}{MAIN}" in self.files else None


@dataclass(frozen=True)
class MakeFolder:
    """Make a folder whose parent is there."""

    path: str


@dataclass(frozen=True)
class Remove:
    """Remove a file."""

    path: str


@dataclass(frozen=True)
class RemoveFolder:
    """Remove a folder that is empty."""

    path: str


@dataclass(frozen=True)
class Copy:
    """Write a file in place: cut in the middle, it holds anything."""

    data: bytes
    path: str


@dataclass(frozen=True)
class Verify:
    """Go on only if these files are on the device as they shall be, and alone in their folder if one is named."""

    files: tuple[File, ...]  # by absolute path
    folder: str | None = None


@dataclass(frozen=True)
class Rename:
    """Give a file another name, in place of whatever has it: done or not done, never half."""

    old: str
    new: str


Operation = MakeFolder | Remove | RemoveFolder | Copy | Verify | Rename


def operations(app: App, device: DeviceFiles) -> list[Operation]:
    """Return what brings the app onto the device and makes it the one that starts; nothing if it is that already."""
    done: list[Operation] = []
    target = device.running
    if target is None or not _is_as_it_shall_be(app, target, device):
        target = FOLDERS[1] if target == FOLDERS[0] else FOLDERS[0]
        done += _fill(app, target, device)
    for path, data in sorted(app.root.items()):
        if device.files.get(path) != file_of(path, data):
            keep = _free_name(BOOT, device) if path == BOOT and BOOT in device.files and not device.active else None
            done += _replace(path, data, keep)
    if BUTTON in device.files and BUTTON not in app.root:
        done.append(Remove(BUTTON))
    if device.active != target:
        done += _replace(ACTIVE, target.encode())
    if MAIN in device.files:
        # Last: until /active names an app, this is what starts.
        done.append(Rename(MAIN, _free_name(MAIN, device)))
    return done


def needed_bytes(app: App, device: DeviceFiles) -> int:
    """Return how many bytes of the file system `operations` takes at most, whole blocks, beyond what it frees."""
    blocks, before = 0, dict(device.files)
    for one in operations(app, device):
        if isinstance(one, Copy):
            blocks += _blocks(len(one.data), device) - _blocks_of(before.get(one.path), device)
        elif isinstance(one, Remove):
            blocks -= _blocks_of(before.get(one.path), device)
        elif isinstance(one, MakeFolder):
            blocks += 2  # a folder is a pair of blocks
    return max(0, blocks) * device.block_bytes


def _blocks(size: int, device: DeviceFiles) -> int:
    return -(-size // device.block_bytes) if size else 1


def _blocks_of(file: File | None, device: DeviceFiles) -> int:
    return 0 if file is None else _blocks(file.size, device)


def _inside(folder: str, paths: Mapping[str, File] | frozenset[str]) -> list[str]:
    return sorted(path for path in paths if path.startswith(f"{folder}/"))


def _wanted(app: App, folder: str) -> dict[str, File]:
    return {(path := f"{folder}/{file.path}"): File(path, file.size, file.sha256) for file in app.manifest}


def _folders_of(paths: Mapping[str, File]) -> set[str]:
    return {parent.as_posix() for path in paths for parent in list(Path(path).parents)[:-1]}


def _is_as_it_shall_be(app: App, folder: str, device: DeviceFiles) -> bool:
    found = {path: device.files[path] for path in _inside(folder, device.files)}
    return found == _wanted(app, folder)


def _fill(app: App, folder: str, device: DeviceFiles) -> list[Operation]:
    """What makes an idle folder the app: first what must go, so that there is room."""
    wanted = _wanted(app, folder)
    needed = _folders_of(wanted)
    # A file where a folder shall be, and a folder where a file shall be, go too.
    done: list[Operation] = [Remove(path) for path in _inside(folder, device.files) if path not in wanted]
    if folder in device.files:
        done.append(Remove(folder))
    done += [RemoveFolder(path) for path in reversed(_inside(folder, device.folders)) if path not in needed]
    done += [MakeFolder(path) for path in sorted(needed) if path not in device.folders]
    for path, file in sorted(wanted.items()):
        if device.files.get(path) != file:
            done.append(Copy((app.folder / path[len(folder) + 1 :]).read_bytes(), path))
    return [*done, Verify(tuple(sorted(wanted.values())), folder)]


def _replace(path: str, data: bytes, keep: str | None = None) -> list[Operation]:
    """A file in the root takes its new content at once or not at all; `keep`: what the old one is called then."""
    aside: list[Operation] = [Rename(path, keep)] if keep else []
    new = path + _NEW
    return [Copy(data, new), Verify((file_of(new, data),)), *aside, Rename(new, path)]


def _free_name(path: str, device: DeviceFiles) -> str:
    names = (SET_ASIDE.format(path.removesuffix(".py"), number) for number in ["", *range(2, len(device.files) + 3)])
    return next(name for name in names if name not in device.files)
