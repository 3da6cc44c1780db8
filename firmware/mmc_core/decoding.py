"""Bytes to records again: the host's way, and the device's with its own settings at the start.

In:    bytes of any content
Out:   (offset, type, fields, tail), and located damage: decoding is total
State: none
Cost:  one small list per record
Source: the tables of record.py
"""

import struct

from mmc_core.record import RECORDS, TAIL_12, TAIL_16


def decode(data, start, end):
    """Yield (offset, kind, values, tail) for each record in data[start:end]; total over all bytes.

    Unknown kinds come with values None and their body as tail, so that a newer minor version can be skipped. Bytes that
    are no record end the run with (offset, 0, reason, None). Tails of integers come as lists of raw (unsigned) values.
    """
    at = start
    while at < end:
        if at + 2 > end or at + 2 + data[at + 1] > end:
            yield at, 0, "record runs past its page", None
            return
        kind = data[at]
        body, after = at + 2, at + 2 + data[at + 1]
        row = RECORDS.get(kind)
        if row is None:
            yield at, kind, None, bytes(data[body:after])
        else:
            try:
                values, tail = _decode_body(row, data, body, after)
            except (ValueError, IndexError) as error:
                yield at, 0, "record 0x{:02x}: {}".format(kind, error), None
                return
            yield at, kind, values, tail
        at = after


def _decode_body(row, data, at, end):
    codes, tail_kind = row
    text_count = codes.count("t")
    fixed = "<" + codes[: len(codes) - text_count]
    if at + struct.calcsize(fixed) > end:
        raise ValueError("body is too short")
    values = struct.unpack_from(fixed, data, at)
    at += struct.calcsize(fixed)
    for _ in range(text_count):
        if at >= end or at + 1 + data[at] > end:
            raise ValueError("text runs past its record")
        values += (str(bytes(data[at + 1 : at + 1 + data[at]]), "utf-8"),)
        at += 1 + data[at]
    return values, _unpack_tail(tail_kind, data, at, end)


def _unpack_tail(tail_kind, data, at, end):
    if tail_kind == TAIL_12:
        tail = []
        while at + 1 < end:
            tail.append(data[at] | (data[at + 1] & 0xF) << 8)
            if at + 2 < end:
                tail.append(data[at + 1] >> 4 | data[at + 2] << 4)
            at += 3
        return tail
    if tail_kind == TAIL_16:
        return [data[i] | data[i + 1] << 8 for i in range(at, end - 1, 2)]
    return bytes(data[at:end]) if tail_kind else None
