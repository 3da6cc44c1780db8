"""Ring: who owns which erase block of the journal's flash, found out anew at every start.

In:    a raw block device
Out:   owners and what is known of each block; where sessions begin and end
State: per block its owner (2 bytes) and what is known (1 byte); one page buffer for looking
Cost:  mounting reads every page once
Source: house plan, idea 6. page.py says how pages and blocks are laid out

The flash is a ring of 4 KiB blocks. A session owns whole blocks, one after the other, and its first block keeps two
pages for the acknowledgement. Nothing here writes or erases.
"""

from array import array

from mmc_core import page as pages
from mmc_core.compat import const
from mmc_core.errors import FormatError

BLANK = const(1)  # known to be erased
UNREADABLE = const(2)  # the flash reported an error: neither used nor erased before the next start
ACKNOWLEDGED = const(4)  # set on a session's first block

_COUNT = const(4)


class Ring:
    """The blocks of one device."""

    def __init__(self, flash):
        self._flash = flash
        self.blocks = flash.ioctl(_COUNT, 0)
        self._owner = array("H", bytes(2 * self.blocks))  # session of each block; 0: none
        self._known = bytearray(self.blocks)
        self._look = bytearray(pages.PAGE_BYTES)  # for reading
        self._head = 0  # where the next session begins; while one is open, its first block
        self.ready_blocks = 0  # erased blocks from the head on; while a session is open, behind its last block

    def _scan(self):
        """Find out who owns what; return the newest session and the greatest sequence, -1 on an empty flash."""
        session, newest = 0, -1
        for block in range(self.blocks):
            sequence = self._look_at(block)
            if sequence > newest:
                newest, self._head, session = sequence, block, self._owner[block]
        self._claim_holes()
        for block in range(self.blocks):
            if self._begins_at(block) and self._find_acknowledgement(block):
                self._known[block] |= ACKNOWLEDGED
        if newest >= 0:
            self._head = self._after(self._last_block(self._head))
        self._count_ready()
        return session, newest

    def _look_at(self, block):
        """Note owner and blankness of a block; return the greatest sequence in it, or -1."""
        newest = -1
        blank = True
        for at in range(pages.BLOCK_PAGES):
            try:
                self._read(block, at, self._look)
            except OSError:
                self._known[block] = UNREADABLE
                return newest
            if self._look == pages.BLANK:
                continue
            blank = False
            try:
                sequence, session, _, flags = pages.unseal(self._look)
            except FormatError:
                continue
            self._owner[block] = session
            if not flags & pages.FLAG_ACKNOWLEDGEMENT:
                newest = max(newest, sequence)
        self._known[block] = BLANK if blank else 0
        return newest

    def _claim_holes(self):
        """Blocks without a valid page between two of the same session, in the order of writing, belong to it."""
        for block in range(self.blocks):
            owner = self._owner[block]
            hole = end = self._after(block)
            while owner and self._owner[end] == 0:
                end = self._after(end)
            if hole == end or self._owner[end] != owner or self._look_at(end) <= self._look_at(block):
                continue
            while hole != end:
                self._owner[hole] = owner
                hole = self._after(hole)

    def _find_acknowledgement(self, block):
        for at in range(pages.FIRST_BLOCK_PAGES, pages.BLOCK_PAGES):
            try:
                self._read(block, at, self._look)
                _, session, _, flags = pages.unseal(self._look)
            except (OSError, FormatError):
                continue
            if flags & pages.FLAG_ACKNOWLEDGEMENT and session == self._owner[block]:
                return True
        return False

    def _count_ready(self):
        ready = 0
        block = self._head
        while ready < self.blocks - 1 and self._owner[block] == 0 and self._known[block] & BLANK:
            ready += 1
            block = self._after(block)
        self.ready_blocks = ready

    def free_blocks(self):
        """Blocks that hold nothing to keep, erased or not."""
        free = first = 0
        for i in range(self.blocks):
            block = (self._head + i) % self.blocks  # the head never stands within a session
            if self._begins_at(block):
                first = block
            if not self._known[block] & UNREADABLE and (self._owner[block] == 0 or self._known[first] & ACKNOWLEDGED):
                free += 1
        return free

    def _read(self, block, page, buffer):
        self._flash.readblocks(block, buffer, page * pages.PAGE_BYTES)

    def _after(self, block):
        return block + 1 if block + 1 < self.blocks else 0

    def _begins_at(self, block):
        return self._owner[block] != 0 and self._owner[block - 1] != self._owner[block]

    def _first_block(self, block):
        while self._owner[block] and not self._begins_at(block):
            block = block - 1 if block else self.blocks - 1
        return block

    def _last_block(self, block):
        while self._owner[self._after(block)] == self._owner[block]:
            block = self._after(block)
        return block
