"""A journal without a wearable: a strict flash, a link whose app does nothing else, a host on a perfect line."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import make_vectors

from mmc_core import decoding, message, page
from mmc_core import settings as schema
from mmc_core.errors import FormatError, UsageError
from mmc_core.sync_client import SyncClient
from mmc_device.journal import Journal
from mmc_device.link import Link
from mmc_sim.console import PipeConsole
from mmc_sim.flash import BLOCK_BYTES, Flash, FlashMisuse, PowerCut


class StrictFlash:
    """The simulated flash, and: no erase while a session is open, blocks that fail, a list of what was done.

    The simulated flash has no two-argument form, so a call of it is a TypeError.
    """

    def __init__(self, blocks: int, image: bytes | None = None, cut_at: int = 0, torn: bool = True) -> None:
        self.file = io.BytesIO(image if image is not None else b"\xff" * (blocks * BLOCK_BYTES))
        self._flash = Flash(self.file, blocks, cut_at, torn)
        self.journal: Journal | None = None
        self.done: list[tuple[str, int, int]] = []  # ("program" | "erase", block, page)
        self.unreadable: set[int] = set()
        self.refuse_program: set[int] = set()  # numbers of programs, from 0
        self.refuse_erase: set[int] = set()  # blocks
        self.tried_programs = 0

    @property
    def image(self) -> bytes:
        return self.file.getvalue()

    @property
    def operations(self) -> int:
        return self._flash.operations

    def readblocks(self, block: int, buffer: bytearray, offset: int) -> None:
        if block in self.unreadable:
            raise OSError(5)
        self._flash.readblocks(block, buffer, offset)

    def writeblocks(self, block: int, buffer: bytearray, offset: int) -> None:
        self.tried_programs += 1
        if self.tried_programs - 1 in self.refuse_program:
            raise OSError(5)
        self.done.append(("program", block, offset // page.PAGE_BYTES))
        self._flash.writeblocks(block, buffer, offset)

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 6:
            if self.journal is not None and self.journal.is_open:
                raise FlashMisuse(f"erase of block {argument} while a session is open")
            if argument in self.unreadable:
                raise FlashMisuse(f"erase of block {argument}, which cannot be read")
            if argument in self.refuse_erase:
                raise OSError(5)
            self.done.append(("erase", argument, 0))
        return self._flash.ioctl(operation, argument)

    def page(self, block: int, at: int) -> bytes:
        start = block * BLOCK_BYTES + at * page.PAGE_BYTES
        return self.image[start : start + page.PAGE_BYTES]

    def valid_pages(self) -> list[tuple[int, int, int, bytes]]:
        """(session, sequence, flags, bytes) of every valid page, by a scan that knows nothing of the journal."""
        found = []
        image = self.image
        for start in range(0, len(image), page.PAGE_BYTES):
            one = image[start : start + page.PAGE_BYTES]
            try:
                sequence, session, _, flags = page.unseal(one)
            except FormatError:
                continue
            found.append((session, sequence, flags, one))
        return found


def mount(flash: StrictFlash) -> Journal:
    journal = Journal(flash)
    flash.journal = journal
    journal.mount()
    return journal


def power_on(image: bytes, cut_at: int = 0, torn: bool = True) -> tuple[StrictFlash, Journal]:
    flash = StrictFlash(len(image) // BLOCK_BYTES, image, cut_at, torn)
    return flash, mount(flash)


def fresh(blocks: int, **options: Any) -> tuple[StrictFlash, Journal]:
    flash = StrictFlash(blocks, **options)
    return flash, mount(flash)


def tear(image: bytes, block: int, at: int, kept_bytes: int) -> bytes:
    """The image as if only the first bytes of a page had been programmed when the power failed."""
    start = block * BLOCK_BYTES + at * page.PAGE_BYTES
    return image[: start + kept_bytes] + b"\xff" * (page.PAGE_BYTES - kept_bytes) + image[start + page.PAGE_BYTES :]


def prepare(journal: Journal) -> int:
    """Erase all there is to erase; how many blocks that were."""
    count = 0
    while not journal.prepare():
        count += 1
        assert count <= journal.blocks
    return count


def write(journal: Journal, records: Iterable[make_vectors.Record]) -> None:
    for kind, values, tail, count in records:
        journal.write(kind, values, tail, count)
        journal.tick()


def write_pages(journal: Journal, count: int) -> None:
    """Fill exactly so many pages, each with contents of its own."""
    for i in range(count):
        text = f"{journal.session}.{i}." + "x" * 200
        journal.write(3, (i, text))
        journal._seal()
        journal.tick()


def record_session(journal: Journal, pages: int) -> int:
    session = journal.open()
    assert session
    write_pages(journal, pages)
    journal.close()
    return session


def read(journal: Journal, session: int) -> bytes:
    data = b""
    while True:
        piece = bytes(journal.read(session, len(data)))
        if not piece:
            return data
        data += piece


def acknowledge(journal: Journal, session: int, data: bytes | None = None) -> bool:
    data = read(journal, session) if data is None else data
    while True:
        verified = journal.acknowledge(session, len(data), hashlib.sha256(data).digest())
        if verified is not None:
            return verified


def sessions(journal: Journal) -> list[int]:
    found = []
    session = journal.next_session(0)
    while session:
        found.append(session)
        session = journal.next_session(session)
    return found


class LinkApp:
    """What `Link` needs of the app, and nothing else."""

    version = "0.1.0"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.facts = SimpleNamespace(DEVICE_ID="rig-1", NAME="rig")
        self.config = SimpleNamespace(settings=schema.Settings())
        self.controls: list[tuple[int, int]] = []
        self.utc_ms = 0
        self.shelf = SimpleNamespace(get=lambda slot: (0, 0, b""))
        self.wear = SimpleNamespace(checked=0, findings=b"")
        self.left = 0

    def status(self) -> tuple[int, ...]:
        return (
            1,
            self.utc_ms,
            1,
            0,
            0,
            self.journal.session,
            0,
            self.journal.ready_blocks,
            2,
            self.journal.blocks,
            0,
            0,
        )

    def control(self, verb: int, argument: int) -> int:
        self.controls.append((verb, argument))
        return message.OK

    def set_time(self, utc_ms: int) -> int:
        self.utc_ms = utc_ms
        return message.OK

    @property
    def desk(self) -> LinkApp:
        return self

    def get_setting(self, index: int) -> tuple | None:
        names = tuple(schema.names())
        if index >= len(names):
            return None
        return (len(names), *schema.to_wire(names[index], self.config.settings[names[index]]))

    def stir(self) -> None:
        """Somebody is there."""

    def health(self) -> tuple[int | str, ...]:
        return (1, 0, 80, -1, 0, 40000, 16, 128, 700, 3, 0, "1.29.0", "")

    def leave(self) -> None:
        self.left += 1

    def at_rest(self) -> LinkApp:
        return self

    def put_program(self, slot: int, data: bytes) -> int:
        return message.OK if 1 <= slot <= message.PROGRAM_SLOTS else message.RESULT_RANGE

    def put_setting(self, number: int, key: str) -> int:
        try:
            name, value = schema.from_wire(number, key)
            self.config.settings.put(name, value)
        except UsageError:
            return message.RESULT_RANGE
        return message.OK


class Line:
    """A host that talks to a journal through `Link` and a console in memory."""

    def __init__(self, journal: Journal, first_sequence: int = 1) -> None:
        self.console = PipeConsole()
        self.app = LinkApp(journal)
        self.link = Link(self.console, self.app)
        self.client = SyncClient(first_sequence=first_sequence)
        self.now_ms = 0

    def tick(self) -> list[tuple[int, list]]:
        """The device lives for 10 ms; the replies to what is in flight."""
        self.link.tick(self.now_ms)
        self.now_ms += 10
        return self.client.receive(self.console.take(), self.now_ms)

    def send(self, kind: int, *values: Any) -> bytes:
        wire = self.client.request(kind, values, self.now_ms)
        self.console.send(wire)
        return wire

    def ask(self, kind: int, *values: Any) -> list:
        self.send(kind, *values)
        replies = self.tick()
        assert len(replies) == 1, replies
        return replies[0][1]

    def read(self, session: int, offset: int = 0, count: int = 1 << 20) -> bytes:
        """One READ's bytes, to its empty piece."""
        self.send(message.READ, session, offset, count)
        data = b""
        while True:
            for _, (number, at, piece) in self.tick():
                assert (number, at) == (session, offset + len(data))
                if not piece:
                    return data
                data += piece

    def list(self) -> list[tuple[int, int, int]]:
        found, more = [], 1
        while more:
            session, size, state, more = self.ask(message.LIST, found[-1][0] if found else 0)
            if session:
                found.append((session, size, state))
        return found

    def acknowledge(self, session: int, data: bytes) -> int:
        while True:
            number, result = self.ask(message.ACKNOWLEDGE, session, len(data), hashlib.sha256(data).digest())
            assert number == session
            if result != message.RESULT_PENDING:
                return result

    def pull(self) -> dict[int, bytes]:
        """All sessions as the host would bring them home, each acknowledged."""
        found = {}
        for session, size, state in self.list():
            data = self.read(session, 0, size)
            assert len(data) == size
            if state:
                assert self.acknowledge(session, data) == message.OK
            found[session] = data
        return found


__all__ = ["BLOCK_BYTES", "FlashMisuse", "PowerCut"]


def payload(data: bytes) -> list[tuple]:
    """Records of a session's bytes; torn pages are left out."""
    found = []
    for at in range(0, len(data), page.PAGE_BYTES):
        one = data[at : at + page.PAGE_BYTES]
        try:
            _, _, used, _ = page.unseal(one)
        except FormatError:
            continue
        found += [row[1:] for row in decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + used)]
    return found


def recorded(pages: int = 40, blocks: int = 8) -> tuple[StrictFlash, Line]:
    flash, journal = fresh(blocks)
    record_session(journal, pages)
    return flash, Line(journal)
