"""Journal: sessions as an append-only log on raw flash, safe at every power cut, erased only while idle.

In:    records to append (through `write`), ticks, acknowledgements
Out:   the bytes of any session, for the line
State: the ring's, two page buffers, the open session
Cost:  one 256-byte program per `tick` while recording; one block erased per `prepare` while idle
Source: house plan, idea 6. page.py says how pages and blocks are laid out

Free are blocks that hold nothing and blocks of acknowledged sessions; `prepare` erases the ones behind the head ahead
of need, a session from its last block to its first, so that a power cut never leaves a rest whose acknowledgement is
gone. The newest session's first block stays until a newer session is there: it is what
numbers go on from. What cannot be read is never erased because of that.

Only the three-argument forms of readblocks and writeblocks are used: on the ESP32 the two-argument one erases first.
"""

import hashlib

from mmc_core import page as pages
from mmc_core import record
from mmc_core.compat import const
from mmc_device import ring

_ERASE = const(6)

STATE_CLOSED = const(1)
STATE_ACKNOWLEDGED = const(2)
LOW_SHARE = const(8)  # of all blocks: a quarter of an hour of features, or two minutes of raw
_DIGEST_PAGES = const(16)  # pages hashed per call of `acknowledge`


class Journal(ring.Ring):
    """The log on one block device. `mount` before anything else."""

    def __init__(self, flash):
        super().__init__(flash)
        self._page = bytearray(pages.PAGE_BYTES)  # being filled
        self._full = bytearray(pages.PAGE_BYTES)  # sealed, waiting for the flash
        self._used = 0
        self._waiting = False
        self._sequence = 0  # of the next page
        self._next_page = 0  # of the open session
        self._digest = None
        self._digest_session = self._digest_page = 0
        self._chosen = self._chosen_first = self._chosen_pages = 0  # the session that the line asks about
        self.session = 0  # the newest session's number
        self.is_open = False
        self.is_full = False
        self.dropped_pages = 0

    # Start

    def mount(self):
        """Find out what the flash holds. Writes nothing."""
        self.session, newest = self._scan()
        self._sequence = newest + 1

    # While idle

    def prepare(self):
        """Erase at most one block ahead; return True when nothing is left to do. Only while no session is open."""
        if self.ready_blocks >= self.blocks - 1:
            return True
        block = (self._head + self.ready_blocks) % self.blocks
        owner = self._owner[block]
        if owner:
            if not self._known[self._first_block(block)] & ring.ACKNOWLEDGED:
                return True
            block = self._last_block(block)
        if self._known[block] & ring.UNREADABLE:
            return True
        self._chosen = 0
        try:
            self._flash.ioctl(_ERASE, block)
        except OSError:
            self._known[block] |= ring.UNREADABLE
            raise
        if owner and owner == self.session:
            self._head = block  # as after a start
        self._owner[block] = 0
        self._known[block] = ring.BLANK
        self._count_ready()
        return False

    # While recording

    def open(self):
        """Begin a session; return its number, or 0 when no erased block is left."""
        if self.ready_blocks == 0:
            self.is_full = True
            return 0
        self.session = self.session % 65535 + 1
        self.is_open, self.is_full = True, False
        self._used = self._next_page = self.dropped_pages = 0
        return self.session

    def write(self, kind, values, tail=None, count=0):
        """Append one record; return the bytes that its page has left.

        It is in RAM until its page is full; no flash is touched unless two pages wait.
        """
        for _ in range(2):
            end = record.encode_into(self._page, pages.HEADER_BYTES + self._used, kind, values, tail, count)
            if end:
                self._used = end - pages.HEADER_BYTES
                return pages.PAGE_BYTES - end
            self._seal()
        return 0

    @property
    def is_low(self):
        """So little erased flash is left that the open session should write less."""
        return self.is_open and self.ready_blocks < self.blocks // LOW_SHARE

    def tick(self):
        """Program the page that waits, if one does."""
        if self._waiting:
            self._program()

    def close(self):
        """End the session: what is in RAM goes to flash."""
        refused = None
        for _ in range(2):  # a page that the flash refuses is lost, the one behind it is not
            try:
                if self._used:
                    self._seal()
                self.tick()
            except OSError as error:
                refused = error
        self.is_open = False
        self._head = (self._head + self._blocks_of(self._next_page)) % self.blocks
        self._chosen = 0
        self._count_ready()
        if refused:
            raise refused

    def _seal(self):
        self.tick()
        self._page, self._full = self._full, self._page
        flags = pages.FLAG_FIRST if self._next_page == 0 else 0
        pages.seal(self._full, self._sequence, self.session, self._used, flags)
        self._sequence += 1
        self._used = 0
        self._waiting = True

    def _program(self):
        self._waiting = False
        at = pages.physical_page(self._next_page)
        block = (self._head + at // pages.BLOCK_PAGES) % self.blocks
        if self._owner[block] != self.session:
            if self.ready_blocks == 0:
                self.is_full = True
                self.dropped_pages += 1
                return
            self.ready_blocks -= 1
            self._owner[block] = self.session
            self._known[block] = 0
        self._next_page += 1
        try:
            self._flash.writeblocks(block, self._full, at % pages.BLOCK_PAGES * pages.PAGE_BYTES)
        except OSError:
            self.dropped_pages += 1
            raise
        finally:
            # Full while there is still room for two pages in RAM, the raw blocks under way, and the session's end.
            if self.ready_blocks == 0 and self._pages_left() <= 4:
                self.is_full = True

    def _pages_left(self):
        """Pages of the open session's last block that are not programmed yet."""
        if self._next_page <= pages.FIRST_BLOCK_PAGES:
            return pages.FIRST_BLOCK_PAGES - self._next_page
        return -pages.physical_page(self._next_page) % pages.BLOCK_PAGES

    # For the line

    def next_session(self, after):
        """The smallest session number above `after` that the host has not acknowledged, or 0."""
        best = 0
        for block in range(self.blocks):
            owner = self._owner[block]
            is_next = owner > after and (best == 0 or owner < best)
            if is_next and self._begins_at(block) and not self._known[block] & ring.ACKNOWLEDGED:
                best = owner
        return best

    def state(self, session):
        """STATE_ bits of a session; 0 while it is being written, or when there is none."""
        if not self._select(session) or (self.is_open and session == self.session):
            return 0
        return STATE_CLOSED | (STATE_ACKNOWLEDGED if self._known[self._chosen_first] & ring.ACKNOWLEDGED else 0)

    def size(self, session):
        """Bytes of a session so far, torn pages included; 0 when there is no such session."""
        return self._chosen_pages * pages.PAGE_BYTES if self._select(session) else 0

    def read(self, session, offset):
        """Bytes of a session from `offset` to the end of that page, as a view that is valid until the next call."""
        if offset >= self.size(session):
            return b""
        at = pages.physical_page(offset // pages.PAGE_BYTES)
        block = (self._chosen_first + at // pages.BLOCK_PAGES) % self.blocks
        self._read(block, at % pages.BLOCK_PAGES, self._look)
        return memoryview(self._look)[offset % pages.PAGE_BYTES :]

    def acknowledge(self, session, size, sha256):
        """The host says it holds a session: None while its bytes are still being hashed, then whether that is true.

        Hashes a few pages per call. True also means that the session may be erased.
        """
        if self.size(session) != size or self.state(session) == 0:
            return False
        if self.state(session) & STATE_ACKNOWLEDGED:
            return True
        if self._digest is None or self._digest_session != session:
            self._digest, self._digest_session, self._digest_page = hashlib.sha256(), session, 0
        for _ in range(_DIGEST_PAGES):
            if self._digest_page * pages.PAGE_BYTES >= size:
                digest = self._digest.digest()
                self._digest = None
                return digest == sha256 and self._note_acknowledgement(session, size, sha256)
            self._digest.update(self.read(session, self._digest_page * pages.PAGE_BYTES))
            self._digest_page += 1
        return None

    def _note_acknowledgement(self, session, size, sha256):
        """Program the acknowledgement into a reserved page that is still erased; else RAM knows it until a reset."""
        block = self._chosen_first
        for at in range(pages.FIRST_BLOCK_PAGES, pages.BLOCK_PAGES):
            self._read(block, at, self._look)
            if self._look != pages.BLANK:
                continue
            end = record.encode_into(
                self._look, pages.HEADER_BYTES, record.ACKNOWLEDGEMENT, (size,), sha256, len(sha256)
            )
            pages.seal(self._look, 0, session, end - pages.HEADER_BYTES, pages.FLAG_ACKNOWLEDGEMENT)
            self._flash.writeblocks(block, self._look, at * pages.PAGE_BYTES)
            break
        self._known[block] |= ring.ACKNOWLEDGED
        return True

    def _select(self, session):
        """Find where a session lies and how long it is; remembered until the flash's contents change."""
        is_growing = self.is_open and session == self.session
        if session != self._chosen or session == 0:
            self._chosen = 0
            for block in range(self.blocks):
                if session and self._owner[block] == session:
                    self._chosen = session
                    self._chosen_first = self._first_block(block)
                    self._chosen_pages = 0 if is_growing else self._count_pages(self._chosen_first)
                    break
            else:
                return False
        if is_growing:
            self._chosen_pages = self._next_page
        return True

    def _count_pages(self, first):
        """Pages of a closed session up to the last one that is not known to be blank."""
        last = self._last_block(first)
        at = pages.FIRST_BLOCK_PAGES if first == last else pages.BLOCK_PAGES
        while at:
            try:
                self._read(last, at - 1, self._look)
            except OSError:
                break
            if self._look != pages.BLANK:
                break
            at -= 1
        before = (last - first) % self.blocks * pages.BLOCK_PAGES
        return before + at - (pages.BLOCK_PAGES - pages.FIRST_BLOCK_PAGES) if before else at

    @staticmethod
    def _blocks_of(page_count):
        return pages.physical_page(page_count - 1) // pages.BLOCK_PAGES + 1 if page_count else 0
