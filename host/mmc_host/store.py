"""Where pulled sessions live: the device's bytes, verbatim and never overwritten, and an index that may be lost.

In:    bytes as the device sends them, in order
Out:   files `<root>/sessions/<device>/<session>-<SHA-256>.mmc`; Entry rows about them
State: `<root>/index.sqlite3` (WAL) is a cache of what the files say: brought up to date at every look, set aside and
       made anew when it is damaged, held in memory when it can't be written
Cost:  a new file is decoded once, when it first enters the index

A session comes in as a partial file and becomes visible by one rename, after its bytes are on the disk: whoever dies
in between leaves a partial file, from which the next pull goes on. The name carries the bytes' SHA-256, so a session
number that a device uses again (its flash was replaced) is another file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from pathlib import Path
from types import TracebackType

from mmc_core.errors import FormatError, PeerError, UsageError
from mmc_host.index import Entry, Index
from mmc_host.paths import entries, home, unreadable, writing_in
from mmc_host.session import MAX_SESSION_BYTES

__all__ = ["Entry", "Partial", "Store"]

SPARE_BYTES = 64 * 1024 * 1024  # of the disk, which stay free

_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_FILE = re.compile(r"(\d{5})-([0-9a-f]{64})\.mmc")


def device_folder(device: str) -> str:
    """A folder's name for a device's identity, which the device itself states: harmless whatever it says."""
    if _DEVICE.fullmatch(device):
        return device
    return "device-" + hashlib.sha256(device.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Partial:
    """A session under way: append what arrives, then finish. One process at a time; use it in a `with`."""

    def __init__(self, store: Store, device: str, session: int) -> None:
        """Open or create; UsageError when another process is pulling this session, or nothing can be written."""
        self._store = store
        self.device = device
        self.session = session
        self.path = store.partial_path(device, session)
        while True:
            with writing_in(self.path.parent):
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(self._fd), os.stat(self.path)):
                    return
            except FileNotFoundError:
                pass  # finished by another process between open and lock: begin anew
            except OSError:
                os.close(self._fd)
                raise UsageError(f"session {session} of {device} is being pulled by another process") from None
            os.close(self._fd)

    def __enter__(self) -> Partial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def length(self) -> int:
        """Bytes that are there: the offset to go on from."""
        return os.fstat(self._fd).st_size

    def append(self, data: bytes) -> None:
        """Add the next bytes.

        Raises:
            PeerError: the device sends more than any session has.
            UsageError: the disk is full; what is there stays.
        """
        if self.length + len(data) > MAX_SESSION_BYTES:
            raise PeerError(f"session {self.session}: the device sends more than {MAX_SESSION_BYTES} bytes")
        view = memoryview(data)
        with writing_in(self.path.parent):
            while view:
                view = view[os.write(self._fd, view) :]

    def sha256(self) -> bytes:
        """SHA-256 of the bytes that are there."""
        digest = hashlib.sha256()
        at = 0
        while block := os.pread(self._fd, 1 << 20, at):
            digest.update(block)
            at += len(block)
        return digest.digest()

    def finish(self, sha256: bytes) -> Entry:
        """Make the session visible; return its entry. Call it before the device may free its copy.

        Raises:
            FormatError: the bytes hash to something else. They are set aside; the next pull begins at 0.
            UsageError: the disk is full.
        """
        with writing_in(self.path.parent):
            os.fsync(self._fd)
        if self.sha256() != sha256:
            self.set_aside()
            raise FormatError(f"session {self.session} of {self.device}: SHA-256 does not match; pull it again")
        target = self._store.session_path(self.device, self.session, sha256)
        if target.exists() and hashlib.sha256(target.read_bytes()).digest() != sha256:
            _move_aside(target)  # it was sound once: the disk damaged it
        if target.exists():
            self.path.unlink()
        else:
            os.replace(self.path, target)
        _sync_folder(target.parent)
        self.close()
        return self._store.entry(target)

    def set_aside(self) -> Path:
        """Keep the bytes under another name, so that the next pull begins at 0; return where they are."""
        kept = _move_aside(self.path)
        self.close()
        return kept

    def close(self) -> None:
        """Let go of the file; what is there stays for the next pull."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Store:
    """Sessions below one folder, `home()` unless told."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(root) if root is not None else home()
        self.folder = self.root / "sessions"
        self._index: Index | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def partial_path(self, device: str, session: int) -> Path:
        """Where a session under way lies."""
        return self.folder / device_folder(device) / f"{_checked(session):05d}.part"

    def session_path(self, device: str, session: int, sha256: bytes) -> Path:
        """Where a whole session lies."""
        return self.folder / device_folder(device) / f"{_checked(session):05d}-{sha256.hex()}.mmc"

    def partial(self, device: str, session: int, expected_bytes: int = 0) -> Partial:
        """Open the partial file of a session, new or left by an interrupted pull.

        Args:
            device: identity as the device states it.
            session: its number, 1 to 65535.
            expected_bytes: size as the device states it.

        Raises:
            PeerError: no session is so large.
            UsageError: the folder can't be written, the disk would be left with less than 64 MiB, or another process is
                pulling this session.
        """
        if expected_bytes > MAX_SESSION_BYTES:
            raise PeerError(f"session {session}: the device states {expected_bytes} bytes; no session is so large")
        with writing_in(self.folder):
            free = shutil.disk_usage(self.folder).free
        if expected_bytes > free - SPARE_BYTES:
            raise UsageError(
                f"no room for session {session}, {expected_bytes} bytes: {free} bytes are free in {self.folder}, and "
                f"{SPARE_BYTES} stay free; make room, or let MMC_HOME name a folder on another disk"
            )
        return Partial(self, device, session)

    def set_aside(self, entry: Entry) -> Path:
        """Take a stored session out of sight without destroying it (the device says that its bytes differ)."""
        return _move_aside(entry.path)

    def entry(self, path: Path) -> Entry:
        """The entry of a stored file; FormatError when the file is gone."""
        for entry in self.sessions():
            if entry.path == path:
                return entry
        raise FormatError(f"{path} is not in the store")

    def sessions(self, wearer: str | None = None) -> list[Entry]:
        """All stored sessions, the oldest first; those of one wearer if named; UsageError when they can't be read."""
        entries = self._refresh().entries()
        return [entry for entry in entries if wearer is None or entry.wearer == wearer]

    def known(self, device: str, session: int) -> list[Entry]:
        """Stored sessions of a device with this number, the oldest first: more than one when it used a number again."""
        folder = self.folder / device_folder(device)
        return [entry for entry in self.sessions() if entry.path.parent == folder and entry.session == session]

    def find(self, ref: str) -> Path:
        """The file that a person means: "last", a session number, the first letters of an id, or a path.

        Raises:
            UsageError: nothing matches, or more than one does.
        """
        entries = self.sessions()
        if ref == "last":
            if not entries:
                raise UsageError("there is no session yet; pull one with `mmc-host pull`")
            return entries[-1].path
        if os.sep not in ref:
            found = [entry for entry in entries if ref.isdecimal() and entry.session == int(ref)]
            if not found and re.fullmatch(r"[0-9a-f]{4,64}", ref):
                found = [entry for entry in entries if entry.sha256.startswith(ref)]
            if len(found) > 1:
                names = ", ".join(f"{entry.id} ({entry.device} session {entry.session})" for entry in found)
                raise UsageError(f"{ref!r} means more than one session; name one by its id: {names}")
            if found:
                return found[0].path
        if Path(ref).is_file():
            return Path(ref)
        raise UsageError(f"no session {ref!r}; `mmc-host sessions` lists what there is")

    def _refresh(self) -> Index:
        files = self._files()
        if self._index is None:
            self._index = Index(self.root)
        self._index.refresh(files)
        return self._index

    def _files(self) -> dict[Path, tuple[int, str]]:
        """Whole sessions on the disk: path to number and SHA-256 as the name states them.

        Raises:
            UsageError: a folder is there and can't be read.
        """
        found: dict[Path, tuple[int, str]] = {}
        try:
            for folder in entries(self.folder):
                for path in entries(folder) if folder.is_dir() else ():
                    match = _FILE.fullmatch(path.name)
                    if match and path.is_file():
                        found[path] = int(match[1]), match[2]
        except OSError as error:  # its entries can be listed and not looked at
            raise unreadable(self.folder, error) from error
        return found


def _checked(session: int) -> int:
    if not 1 <= session <= 65535:
        raise PeerError(f"{session} is no session number; they go from 1 to 65535")
    return session


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems can't sync a folder
            os.fsync(fd)
    finally:
        os.close(fd)


def _move_aside(path: Path) -> Path:
    """Rename to the first free `<name>.aside-N`."""
    number = 1
    while (kept := path.with_name(f"{path.name}.aside-{number}")).exists():
        number += 1
    os.rename(path, kept)
    return kept
