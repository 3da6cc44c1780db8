"""The store's index: one SQLite row per stored session, made from the files and never the only copy of anything.

In:    the session files that there are
Out:   Entry rows, the oldest first
State: `<root>/index.sqlite3` in WAL mode
Cost:  one decode per new file, one SELECT per look
"""

from __future__ import annotations

import datetime
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmc_core.errors import FormatError
from mmc_host.session import load

SCHEMA_VERSION = 2
BUSY_S = 10.0

_COLUMNS = (
    "path TEXT PRIMARY KEY, device TEXT, session INTEGER, sha256 TEXT, bytes INTEGER, stored_utc_ms INTEGER, "
    "started_utc_ms REAL, duration_s REAL, wearer TEXT, muscles TEXT, holds INTEGER, cues INTEGER, note TEXT"
)
_NAMES = tuple(column.split()[0] for column in _COLUMNS.split(", "))

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Entry:
    """A stored session. device, wearer, muscles: as the session's header states them.

    started_utc_ms: None when the device's clock was never set. stored_utc_ms: when the file was written here. cues:
    those of the pattern "engage". note: empty, else why the file can't be read (what comes from within it is then zero
    or empty).
    """

    path: Path
    device: str
    session: int
    sha256: str
    bytes: int
    stored_utc_ms: int
    started_utc_ms: float | None
    duration_s: float
    wearer: str
    muscles: tuple[str, ...]
    holds: int
    cues: int
    note: str

    @property
    def id(self) -> str:
        """Short name for people: the first eight hex digits of the SHA-256."""
        return self.sha256[:8]

    @property
    def started(self) -> datetime.datetime | None:
        """When it began, in UTC; None when the device's clock was never set."""
        if self.started_utc_ms is None:
            return None
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=self.started_utc_ms)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sessions by the time they began.

    A device numbers its sessions from start to start. So one whose clock was not set began before the next of the
    device that knows its time, and before it was stored here.
    """
    keys: dict[Entry, tuple[float, int, str]] = {}
    latest: dict[str, float] = {}  # of each device: nothing with a smaller number began later
    for entry in sorted(entries, key=lambda entry: (-entry.session, entry.sha256)):
        bound = min(latest.get(entry.device, math.inf), float(entry.stored_utc_ms))
        began = bound if entry.started_utc_ms is None else entry.started_utc_ms
        latest[entry.device] = min(bound, began)
        keys[entry] = began, entry.session, entry.sha256
    return sorted(keys, key=keys.__getitem__)


class Index:
    """The rows; whatever is wrong with the database, the answer comes from the files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "index.sqlite3"
        self._files: Mapping[Path, tuple[int, str]] = {}
        self._db = self._open()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def entries(self) -> list[Entry]:
        """All rows, the oldest first."""
        return self._run(self._select)

    def refresh(self, files: Mapping[Path, tuple[int, str]]) -> None:
        """Add rows of new files, drop rows of files that are gone."""
        self._files = files
        self._run(self._update)

    def _run(self, work: Callable[[], Answer]) -> Answer:
        """Do some work on the database. Damaged: set it aside, make it anew. Locked or full: go on in memory."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if not isinstance(error, sqlite3.OperationalError):
                self._set_aside()
                self._db = self._open()
            else:
                self._db = _create(":memory:")
            self._update()
            return work()

    def _open(self) -> sqlite3.Connection:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            try:
                return _create(str(self._path))
            except sqlite3.OperationalError:
                return _create(":memory:")
            except sqlite3.DatabaseError:
                self._set_aside()
                return _create(str(self._path))
        except (OSError, sqlite3.DatabaseError):
            return _create(":memory:")

    def _set_aside(self) -> None:
        number = 1
        while (kept := self._root / f"index.damaged-{number}.sqlite3").exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            path = self._path.with_name(self._path.name + suffix)
            if path.exists():
                os.rename(path, kept.with_name(kept.name + suffix))

    def _select(self) -> list[Entry]:
        found: list[Entry] = []
        try:
            for row in self._db.execute(f"SELECT {', '.join(_NAMES)} FROM sessions"):
                fields: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
                fields["path"] = self._root / fields["path"]
                fields["muscles"] = tuple(json.loads(fields["muscles"]))
                found.append(Entry(**fields))
            return in_order(found)
        except (TypeError, ValueError):  # SQLite has no checksum: a flipped bit can be a wrong value
            raise sqlite3.DatabaseError("a row holds what was never written") from None

    def _update(self) -> None:
        files = set(self._files)
        rows = {self._root / str(row[0]) for row in self._db.execute("SELECT path FROM sessions")}
        if rows == files:
            return
        with self._db:
            for path in rows - files:
                self._db.execute("DELETE FROM sessions WHERE path = ?", (str(path.relative_to(self._root)),))
            for path in sorted(files - rows):
                number, sha256 = self._files[path]
                values = _describe(path, self._root, number, sha256)
                if values is not None:
                    marks = ", ".join("?" * len(values))
                    self._db.execute(f"INSERT OR REPLACE INTO sessions VALUES ({marks})", values)


def _create(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        with db:
            db.execute("BEGIN IMMEDIATE")
            if version != SCHEMA_VERSION:
                db.execute("DROP TABLE IF EXISTS sessions")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute(f"CREATE TABLE IF NOT EXISTS sessions ({_COLUMNS})")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _describe(path: Path, root: Path, number: int, sha256: str) -> tuple[Any, ...] | None:
    """The row of one file; None when it went away meanwhile."""
    name = str(path.relative_to(root))
    try:
        status = path.stat()
        facts = (number, sha256, status.st_size, status.st_mtime_ns // 1_000_000)
        try:
            session = load(path)
        except FormatError as error:
            return (name, path.parent.name, *facts, None, 0.0, "", "[]", 0, 0, str(error))
    except OSError:
        return None
    return (
        name,
        session.header.device,
        *facts,
        session.clock.utc_ms_at_start,
        session.duration_s,
        session.header.wearer,
        json.dumps([channel.muscle for channel in session.channels_in_use]),
        session.count("hold_start"),
        session.count("cue", "engage"),
        "",
    )
