"""Journal pages: 256 bytes that prove themselves, so that a torn one costs only itself.

In:    a page buffer whose payload of records is filled in; or any 256 bytes
Out:   a sealed page; or its header fields, or FormatError with the reason
State: none
Cost:  one CRC-32 over 252 bytes; the CRC is beyond a small integer and so allocates one object
Source: this file. FORMAT.md is generated from the row and the comment under it

Flash is erased in blocks of 4 KiB and programmed page by page. A session begins with a fresh block and owns whole
blocks. Pages 14 and 15 of its first block stay erased until the host has acknowledged the session; the session's bytes
are its other pages in order, so page n of a session never moves while the session grows.
"""

import binascii
import struct

from mmc_core.compat import const
from mmc_core.errors import FormatError

BLOCK_BYTES = const(4096)
BLOCK_PAGES = const(16)
PAGE_BYTES = const(256)
HEADER_BYTES = const(12)
PAYLOAD_BYTES = const(244)
FIRST_BLOCK_PAGES = const(14)  # pages of a session's first block that carry the session; two wait for acknowledgement

PAGE = ("IIHBB",)
# crc32              -         CRC-32 (IEEE) of bytes 4 to 255 of the page
# sequence           -         counts the pages of this journal; rises from page to page
# session            -         number of the session that owns the page, from 1
# used               bytes     payload bytes in use; the rest stays erased (0xFF)
# flags              bits      bit 0: first page of a session; bit 1: acknowledgement page

FLAG_FIRST = const(1)
FLAG_ACKNOWLEDGEMENT = const(2)

BLANK = b"\xff" * PAGE_BYTES


def seal(page, sequence, session, used, flags):
    """Finish a 256-byte page whose payload stands behind HEADER_BYTES: erased bytes behind `used`, header, CRC."""
    for i in range(HEADER_BYTES + used, PAGE_BYTES):
        page[i] = 0xFF
    struct.pack_into("<IIHBB", page, 0, 0, sequence, session, used, flags)
    struct.pack_into("<I", page, 0, binascii.crc32(memoryview(page)[4:]))


def unseal(page):
    """Return (sequence, session, used, flags) of a valid page; raise FormatError with the reason otherwise."""
    crc32, sequence, session, used, flags = struct.unpack_from("<IIHBB", page, 0)
    if binascii.crc32(memoryview(page)[4:PAGE_BYTES]) != crc32:
        raise FormatError("page checksum does not match")
    if used > PAYLOAD_BYTES or session == 0:
        raise FormatError("page header is out of range")
    return sequence, session, used, flags


def physical_page(page):
    """Where page `page` of a session stands, in pages from the start of its first block."""
    return page if page < FIRST_BLOCK_PAGES else page + BLOCK_PAGES - FIRST_BLOCK_PAGES
