"""Messages: every request and reply there and back, layouts by hand, any bytes refused or read."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmc_core import message
from mmc_host.schema import message_rows

BITS = {code: (0, 2**bits - 1) for code, bits in {"B": 8, "H": 16, "I": 32, "Q": 64}.items()}
BITS |= {code: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for code, bits in {"b": 8, "h": 16, "i": 32}.items()}
ALL = [
    (kind, codes, names)
    for kind, row in message_rows().items()
    for codes, names in zip(message.MESSAGES[kind], (row.request, row.reply), strict=True)
]
IDS = [f"{message_rows()[kind].name}-{codes or 'empty'}" for kind, codes, _ in ALL]


def pack(codes: str, values: tuple | list, at: int = 0) -> bytes:
    out = bytearray(400)
    return bytes(out[at : message.pack(codes, values, out, at)])


def any_value(code: str) -> st.SearchStrategy:
    if code == "t":
        return st.text(st.characters(codec="utf-8"), max_size=40)
    return st.binary(max_size=100) if code == "*" else st.integers(*BITS[code])


@pytest.mark.parametrize(("kind", "codes", "fields"), ALL, ids=IDS)
@given(data=st.data())
def test_every_message_comes_back(kind, codes, fields, data):
    values = [data.draw(any_value(code)) for code in codes]
    at = data.draw(st.integers(0, 9))
    payload = pack(codes, values, at)
    assert message.unpack(codes, payload) == values
    assert message.unpack(codes, memoryview(payload)) == values
    assert len(codes) == len(fields)


@pytest.mark.parametrize(("kind", "codes", "fields"), ALL, ids=IDS)
def test_a_payload_cut_or_grown_is_refused(kind, codes, fields):
    values = [{"t": "né", "*": b"xyz"}.get(code, 1) for code in codes]
    payload = pack(codes, values)
    fixed = len(payload) - 3 if codes.endswith("*") else len(payload)
    for end in range(fixed):
        with pytest.raises(ValueError):
            message.unpack(codes, payload[:end])
    if not codes.endswith("*"):
        with pytest.raises(ValueError):
            message.unpack(codes, payload + b"\0")


@pytest.mark.parametrize("codes", sorted({codes for _, codes, _ in ALL}))
@given(payload=st.binary(max_size=80))
def test_any_payload_is_read_or_refused(codes, payload):
    try:
        values = message.unpack(codes, payload)
    except ValueError:
        return
    assert pack(codes, values) == payload


@pytest.mark.parametrize(
    ("codes", "values", "text"),
    [
        (message.MESSAGES[message.READ][0], (0x0102, 0x100, 0x4000), "0201 00010000 00400000"),
        (message.MESSAGES[message.READ][1], (1, 256, b"ab"), "0100 00010000 6162"),
        (message.MESSAGES[message.LIST][1], (3, 512, 1, 1), "0300 00020000 01 01"),
        (message.MESSAGES[message.PUT_SETTING][0], (-1, "é"), "ffffffff 02 c3a9"),
        (message.MESSAGES[message.SET_TIME][0], (0x0102030405060708,), "0807060504030201"),
        (message.MESSAGES[message.ACKNOWLEDGE][0], (1, 2, b"\xaa\xbb"), "0100 02000000 aabb"),
        (message.MESSAGES[message.REFUSED][1], (4, 1), "04 01"),
    ],
)
def test_layout_is_what_was_written_by_hand(codes, values, text):
    assert pack(codes, values) == bytes.fromhex(text)


def test_text_that_is_no_text_is_refused():
    with pytest.raises(ValueError):
        message.unpack("t", b"\x01\xff")


def test_numbers_of_messages_do_not_meet():
    kinds = [kind for kind in message.MESSAGES if kind != message.REFUSED]
    assert all(0 < kind < message.REPLY for kind in kinds)
    assert message.REFUSED not in {kind | message.REPLY for kind in kinds}
    for kind, (requests, replies) in message.MESSAGES.items():
        assert "*" not in requests[:-1] and "*" not in replies[:-1], kind
        assert struct.calcsize("<" + replies.replace("t", "").replace("*", "")) <= 64
