"""Framing on the line: COBS between zero bytes, CRC-32 over all, found again among any other bytes.

In:    payloads to send; bytes from the line, in any portions
Out:   frames ready for the line; complete valid frames, or counts of what was dropped
State: the receive buffer, bounded; bytes dropped so far
Cost:  encode and decode in place in caller's buffers; one CRC-32 object per frame
Source: S. Cheshire and M. Baker, Consistent overhead byte stuffing, IEEE/ACM Trans. Networking 7:159 (1999)

A frame before stuffing is: kind (1), sequence (4), payload, CRC-32 (4), little-endian. On the line it stands between
two zero bytes; the leading one ends whatever text stood before it. FORMAT.md is generated from the row and its
comments.
"""

import binascii
import struct

from mmc_core.compat import const, micropython, ptr8

MAX_TO_DEVICE_BYTES = const(192)  # on the wire: a stock console keeps 259 bytes and drops the rest without a word
MAX_PAYLOAD_BYTES = const(288)  # the largest payload of all, a page with its address
OVERHEAD_BYTES = const(9)

FRAME = ("BI*I",)
# kind               -         message, see the table of messages; a reply's has bit 7 set
# sequence           -         rises by one from request to request; a reply carries its request's
# payload            -         fields of the message
# crc32              -         CRC-32 (IEEE) of all bytes before it


@micropython.viper
def _stuff(out: ptr8, at: int, src: ptr8, n: int) -> int:
    """COBS `n` bytes into out[at:]; return the offset behind them."""
    code_at = at
    at += 1
    code = 1
    i = 0
    while i < n:
        byte = src[i]
        if byte:
            out[at] = byte
            at += 1
            code += 1
        if byte == 0 or code == 255:
            out[code_at] = code
            code_at = at
            at += 1
            code = 1
        i += 1
    out[code_at] = code
    return at


@micropython.viper
def _unstuff(data: ptr8, n: int) -> int:
    """Undo COBS in place; return the length, or -1 when the codes do not add up."""
    at = 0
    i = 0
    while i < n:
        code = data[i]
        if code == 0 or i + code > n:
            return -1
        i += 1
        j = 1
        while j < code:
            data[at] = data[i]
            at += 1
            i += 1
            j += 1
        if code < 255 and i < n:
            data[at] = 0
            at += 1
    return at


def encode_into(out, scratch, kind, sequence, payload_bytes):
    """Frame scratch[5 : 5 + payload_bytes] into `out`; return the length on the wire.

    scratch: work buffer; the payload stands from byte 5 on and 9 bytes beyond its length are used.
    """
    struct.pack_into("<BI", scratch, 0, kind, sequence)
    end = 5 + payload_bytes
    struct.pack_into("<I", scratch, end, binascii.crc32(memoryview(scratch)[:end]))
    out[0] = 0
    n = _stuff(out, 1, scratch, end + 4)
    out[n] = 0
    return n + 1


class Receiver:
    """Finds frames in a stream of bytes: feed, take, reset. Memory is bounded; noise costs only the frame it hits."""

    def __init__(self, max_payload_bytes):
        self._buffer = bytearray(max_payload_bytes + OVERHEAD_BYTES + max_payload_bytes // 254 + 2)
        self._used = 0
        self._overrun = False
        self._is_opened = False  # a zero came, and nothing behind it yet
        self.dropped = 0  # candidates between two zero bytes that were no valid frame

    def feed(self, byte):
        """Take one byte; return (kind, sequence, payload) when it completes a valid frame, else None.

        payload: a memoryview into the receive buffer, valid until the next feed.
        """
        if byte:
            if self._used < len(self._buffer):
                self._buffer[self._used] = byte
                self._used += 1
            else:
                self._overrun = True
            return None
        used, overrun = self._used, self._overrun
        self.reset()
        if used == 0:
            self._is_opened = True  # or the zero behind a frame was lost, and what comes now is between two
            return None
        n = -1 if overrun else _unstuff(self._buffer, used)
        if n < OVERHEAD_BYTES:
            self.dropped += 1
            return None
        view = memoryview(self._buffer)
        if binascii.crc32(view[: n - 4]) != struct.unpack_from("<I", self._buffer, n - 4)[0]:
            self.dropped += 1
            return None
        kind, sequence = struct.unpack_from("<BI", self._buffer, 0)
        return kind, sequence, view[5 : n - 4]

    @property
    def is_empty(self):
        """No frame has begun."""
        return self._used == 0 and not self._is_opened

    def reset(self):
        """Forget a frame begun."""
        self._used = 0
        self._overrun = self._is_opened = False
