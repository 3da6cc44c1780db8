"""Frames: COBS against a reference from the paper's words; and that no damage of the line brings a wrong byte."""

from __future__ import annotations

import binascii
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc_core import frame, message, program
from mmc_core import settings as schema
from mmc_host.schema import message_rows

VECTORS = sorted((Path(__file__).resolve().parents[1] / "vectors").glob("frames-*.json"))


def cobs(data: bytes) -> bytes:
    """Cheshire and Baker: append a zero, cut behind each zero or after 254 other bytes, and put the length first."""
    rest, out = data + b"\0", b""
    while rest:
        run = rest.index(0)
        if run >= 254:  # a code of 255 stands for 254 bytes without a zero behind them
            out, rest = out + b"\xff" + rest[:254], rest[254:]
        else:
            out, rest = out + bytes((run + 1,)) + rest[:run], rest[run + 1 :]
    return out


def stuff(data: bytes) -> bytes:
    out = bytearray(len(data) + len(data) // 254 + 3)
    return bytes(out[: frame._stuff(out, 0, bytearray(data), len(data))])


def unstuff(data: bytes) -> bytes | None:
    buffer = bytearray(data)
    size = frame._unstuff(buffer, len(buffer))
    return None if size < 0 else bytes(buffer[:size])


def encode(payload: bytes, kind: int = 0x84, sequence: int = 7) -> bytes:
    scratch = bytearray(5) + payload + bytes(4)
    out = bytearray(len(payload) + len(payload) // 254 + 16)
    return bytes(out[: frame.encode_into(out, scratch, kind, sequence, len(payload))])


def receive(data: bytes, receiver: frame.Receiver | None = None) -> list[tuple[int, int, bytes]]:
    receiver = receiver or frame.Receiver(frame.MAX_PAYLOAD_BYTES)
    found = []
    for byte in data:
        one = receiver.feed(byte)
        if one:
            found.append((one[0], one[1], bytes(one[2])))
    return found


def patterns(length: int) -> list[bytes]:
    rng = random.Random(length)
    return [
        bytes(length),
        b"\x01" * length,
        b"\xff" * length,
        bytes(rng.choice((0, 1, 2, 255)) for _ in range(length)),
        bytes(1 if (i + 1) % 255 else 0 for i in range(length)),
    ]


def test_stuffing_is_the_papers_at_all_lengths():
    for length in range(601):
        for data in patterns(length):
            assert stuff(data) == cobs(data)
            assert 0 not in stuff(data)
            assert unstuff(stuff(data)) == data
            assert len(stuff(data)) <= length + length // 254 + 1


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        ("", "01"),
        ("00", "0101"),
        ("0000", "010101"),
        ("45", "0245"),
        ("4500002c4c79", "0245 01 042c4c79"),
        ("01" * 253, "fe" + "01" * 253),
        ("01" * 254, "ff" + "01" * 254 + "01"),
        ("01" * 254 + "00", "ff" + "01" * 254 + "0101"),
        ("01" * 255, "ff" + "01" * 254 + "0201"),
    ],
)
def test_stuffing_of_known_bytes(plain, stuffed):
    assert stuff(bytes.fromhex(plain)) == cobs(bytes.fromhex(plain)) == bytes.fromhex(stuffed)


@given(st.binary(max_size=600))
def test_stuffing_of_any_bytes(data):
    assert stuff(data) == cobs(data)
    assert unstuff(cobs(data)) == data


@given(st.lists(st.integers(1, 255), max_size=300).map(bytes))
def test_unstuffing_is_total_and_never_longer(data):
    plain = unstuff(data)
    assert plain is None or len(plain) < max(1, len(data))


def test_a_frame_is_what_was_written_by_hand():
    body = bytes.fromhex("84 07000000 616200")
    body += binascii.crc32(body).to_bytes(4, "little")
    assert encode(b"ab\0") == b"\0" + cobs(body) + b"\0"


def test_frames_of_every_length_come_whole_and_byte_by_byte():
    receiver = frame.Receiver(frame.MAX_PAYLOAD_BYTES)
    for length in range(frame.MAX_PAYLOAD_BYTES + 1):
        for payload in patterns(length)[2:4]:
            wire = encode(payload, 0x84, length << 20)
            assert receive(wire, receiver) == [(0x84, length << 20 & 0xFFFFFFFF, payload)]
    assert receiver.dropped == 0


def test_the_first_byte_of_the_last_delimiter_completes_a_frame():
    receiver = frame.Receiver(frame.MAX_PAYLOAD_BYTES)
    wire = encode(b"abc")
    assert [receiver.feed(byte) for byte in wire[:-1]] == [None] * (len(wire) - 1)
    kind, sequence, payload = receiver.feed(wire[-1])
    assert (kind, sequence, bytes(payload)) == (0x84, 7, b"abc")


GOOD = (0x84, 8, b"the next one")


@pytest.mark.parametrize("payload", [b"", b"abc", bytes(256), bytes(range(256)), b"\xff" * 288], ids=len)
def test_truncated_at_each_offset_and_the_next_one_comes(payload):
    wire, after = encode(payload), encode(GOOD[2], *GOOD[:2])
    for end in range(len(wire)):
        found = receive(wire[:end] + after)
        # Without its last zero only, the first one is ended by the second's leading zero.
        assert found == ([(0x84, 7, payload)] if end == len(wire) - 1 else []) + [GOOD], end


@pytest.mark.parametrize("payload", [b"", b"abc", bytes(40), bytes(range(256))], ids=len)
def test_beginning_lost_at_each_offset_and_the_next_one_comes(payload):
    wire, after = encode(payload), encode(GOOD[2], *GOOD[:2])
    for begin in range(2, len(wire)):
        assert receive(wire[begin:] + after) == [GOOD], begin


@pytest.mark.parametrize("payload", [b"", b"abc", bytes(64), bytes(range(256))], ids=len)
def test_each_bit_flipped_brings_no_wrong_byte(payload):
    wire, after = encode(payload), encode(GOOD[2], *GOOD[:2])
    for bit in range(8 * len(wire)):
        flipped = bytearray(wire)
        flipped[bit // 8] ^= 1 << bit % 8
        found = receive(bytes(flipped) + after)
        # Only the zeros around it may be hit without harm: a lone byte outside of a frame is noise.
        outside = bit // 8 in (0, len(wire) - 1)
        assert found in ([GOOD], [(0x84, 7, payload), GOOD] if outside else [GOOD]), bit


@pytest.mark.parametrize("seed", range(20))
def test_random_noise_between_frames_costs_none_of_them(seed):
    rng = random.Random(seed)
    wanted, line = [], b""
    for sequence in range(40):
        payload = rng.randbytes(rng.randrange(200))
        wanted.append((0x84, sequence, payload))
        line += rng.randbytes(rng.randrange(60)) + encode(payload, 0x84, sequence)
    assert receive(line) == wanted


@given(st.lists(st.tuples(st.binary(max_size=400), st.binary(max_size=288)), max_size=5))
@settings(max_examples=60)
def test_any_noise_before_frames_costs_none_of_them(pairs):
    line = b"".join(noise + encode(payload) for noise, payload in pairs)
    assert receive(line) == [(0x84, 7, payload) for _, payload in pairs]


def test_text_before_a_frame_is_ended_by_its_leading_zero():
    text = b'Traceback (most recent call last):\r\n  File "main.py"\r\n>>> '
    receiver = frame.Receiver(frame.MAX_PAYLOAD_BYTES)
    assert receive(text + encode(b"abc") + text + encode(b"d"), receiver) == [(0x84, 7, b"abc"), (0x84, 7, b"d")]
    assert receiver.dropped == 2


@given(st.binary(max_size=2000))
@settings(max_examples=200)
def test_noise_alone_brings_nothing(data):
    assert receive(data) == []


def test_memory_is_bounded_under_endless_noise():
    receiver = frame.Receiver(192)
    size = len(receiver._buffer)
    assert size <= 192 + 16
    assert receive(b"\xaa" * 50_000, receiver) == []
    assert len(receiver._buffer) == size
    assert receive(encode(b"x" * 192), receiver) == [(0x84, 7, b"x" * 192)]
    assert receiver.dropped == 1


@pytest.mark.parametrize("most", [0, 1, 192, 240, 245, 246, 253, 254, 288, 500])
def test_the_longest_payload_fits_and_a_longer_one_is_dropped(most):
    for payload in patterns(most)[:3]:
        assert receive(encode(payload), frame.Receiver(most)) == [(0x84, 7, payload)]
    receiver = frame.Receiver(most)
    assert receive(encode(bytes(most + 4)), receiver) == []
    assert receiver.dropped == 1


def test_a_whole_frame_with_bytes_behind_it_that_did_not_fit_is_dropped():
    most = 250
    for sequence in range(0x01010101, 0x01010201):
        wire = encode(b"x" * most, 0x84, sequence)
        if len(wire) - 2 == len(frame.Receiver(most)._buffer):  # fills the buffer to its last byte
            break
    assert len(wire) - 2 == len(frame.Receiver(most)._buffer)
    assert receive(wire, frame.Receiver(most)) == [(0x84, sequence, b"x" * most)]
    assert receive(wire[:-1] + b"yz\0", frame.Receiver(most)) == []


def test_reset_forgets_a_frame_begun():
    receiver = frame.Receiver(64)
    wire = encode(b"abc")
    receive(wire[:9], receiver)
    receiver.reset()
    assert receive(wire[1:], receiver) == [(0x84, 7, b"abc")]


def test_a_frame_too_short_for_its_checksum_is_dropped():
    receiver = frame.Receiver(64)
    for length in range(frame.OVERHEAD_BYTES):
        assert receive(b"\0" + cobs(b"\x01" * length) + b"\0", receiver) == []
    assert receiver.dropped == frame.OVERHEAD_BYTES


def longest_settings() -> list[tuple[int, str]]:
    found = []
    for name in schema.names():
        _, kind, low, high, _ = schema.find_row(name)
        value = high if kind == "int" else low[-1] if kind == "word" else "x" * high
        found.append(schema.to_wire(name, value))
    return found


def test_every_request_fits_the_consoles_buffer():
    sizes = {message.PUT_SETTING: max(len(request(message.PUT_SETTING, *one)) for one in longest_settings())}
    sizes[message.ACKNOWLEDGE] = len(request(message.ACKNOWLEDGE, 65535, 2**32 - 1, b"\xff" * 32))
    sizes[message.PUT_PROGRAM] = len(request(message.PUT_PROGRAM, 8, b"\xff" * program.MAX_BYTES))
    for kind, row in message.MESSAGES.items():
        if kind not in sizes and kind != message.REFUSED:
            assert set(row[0]) <= set("BHIQ")
            values = [2 ** (8 * {"B": 1, "H": 2, "I": 4, "Q": 8}[code]) - 1 for code in row[0]]
            sizes[kind] = len(request(kind, *values))
    assert set(sizes) == set(message.MESSAGES) - {message.REFUSED}
    assert max(sizes.values()) <= frame.MAX_TO_DEVICE_BYTES
    assert sizes[message.PUT_SETTING] == 65  # 4 of value, 1, 48 of `wearers=` and text, 9 around, 1 stuffed, 2 zeros
    assert frame.MAX_TO_DEVICE_BYTES <= 192


def request(kind: int, *values: object) -> bytes:
    scratch, out = bytearray(300), bytearray(310)
    end = message.pack(message.MESSAGES[kind][0], values, scratch, 5)
    return bytes(out[: frame.encode_into(out, scratch, kind, 2**32 - 1, end - 5)])


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_frames_of_every_version_read_as_they_did(path):
    for one in json.loads(path.read_text(encoding="utf-8"))["frames"]:
        wire, payload = bytes.fromhex(one["wire"]), bytes.fromhex(one["payload"])
        assert receive(wire) == [(one["kind"], one["sequence"], payload)]
        body = bytes((one["kind"],)) + one["sequence"].to_bytes(4, "little") + payload
        assert wire == b"\0" + cobs(body + binascii.crc32(body).to_bytes(4, "little")) + b"\0"
        kind = one["kind"] if one["kind"] == message.REFUSED else one["kind"] & 0x7F
        row, is_reply = message_rows()[kind], bool(one["kind"] & message.REPLY)
        codes, names = message.MESSAGES[kind][is_reply], row.reply if is_reply else row.request
        values = [value.hex() if isinstance(value, bytes) else value for value in message.unpack(codes, payload)]
        assert row.name == one["message"]
        assert dict(zip(names, values, strict=True)) == one["fields"]
    assert len(VECTORS) >= 1
