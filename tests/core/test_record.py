"""Records: every row there and back, bytes against bytes written by hand, damage of every kind."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import make_vectors
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmc_core import decoding, page, record
from mmc_host.schema import record_rows

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
VERSIONS = sorted(VECTORS.glob("format-*.mmc"))
RANGES = {code: (0, 2 ** (8 * struct.calcsize("<" + code)) - 1) for code in "BHIQ"}
RANGES |= {
    code: (-(2 ** (8 * struct.calcsize("<" + code) - 1)), 2 ** (8 * struct.calcsize("<" + code) - 1) - 1)
    for code in "bhi"
}


def texts(longest_bytes: int = 24) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), max_size=longest_bytes).filter(
        lambda t: len(t.encode()) <= longest_bytes
    )


@st.composite
def any_record(draw: st.DrawFn) -> tuple[int, tuple, object]:
    """A record of any row with any values, and a tail that fits."""
    kind = draw(st.sampled_from(sorted(record.RECORDS)))
    codes, tail_kind = record.RECORDS[kind]
    values = tuple(draw(texts() if code == "t" else st.integers(*RANGES[code])) for code in codes)
    if tail_kind == record.TAIL_12:
        return kind, values, draw(st.lists(st.integers(0, 4095), max_size=64))
    if tail_kind == record.TAIL_16:
        return kind, values, draw(st.lists(st.integers(0, 65535), max_size=80))
    return kind, values, draw(st.binary(max_size=40)) if tail_kind else None


def encode(kind: int, values: tuple, tail: object = None) -> bytes:
    buffer = bytearray(257)
    end = record.encode_into(buffer, 0, kind, values, tail, len(tail) if tail is not None else 0)
    assert end
    return bytes(buffer[:end])


def packed_12(values: list[int]) -> bytes:
    """12-bit packing by another way: one long integer, three half-bytes a value, the least significant first."""
    number = sum((value % 4096) << (12 * i) for i, value in enumerate(values))
    return number.to_bytes((12 * len(values) + 7) // 8, "little")


@given(any_record())
def test_every_row_comes_back(one):
    kind, values, tail = one
    data = encode(*one)
    assert list(decoding.decode(data, 0, len(data))) == [(0, kind, values, tail)]


@given(st.lists(any_record(), max_size=5), st.integers(0, 7))
def test_a_run_of_records_comes_back_from_any_place(run, start):
    data = b"\xa5" * start + b"".join(encode(*one) for one in run)
    assert [found[1:] for found in decoding.decode(data, start, len(data))] == run


@given(st.lists(st.integers(-5000, 70000), max_size=80))
@example([0x123, 0xABC, 0xFFF])
def test_packing_in_12_bits_is_one_long_number(values):
    data = encode(record.IMU, (0, 0, 0, 0), values)
    assert data[10:] == packed_12(values)
    assert record.tail_bytes(record.TAIL_12, len(values)) == len(packed_12(values))
    assert next(decoding.decode(data, 0, len(data)))[3] == [value % 4096 for value in values]


@given(st.lists(st.integers(-40000, 70000), max_size=80))
def test_tails_of_16_bits_keep_the_low_ones(values):
    data = encode(record.RAW, (0, 0, 0, 0), values)
    assert data[9:] == b"".join((value % 65536).to_bytes(2, "little") for value in values)


BY_HAND = [
    (record.GAP, (0x01020304, 5, 2), None, "13 09 04030201 05000000 02"),
    (record.EVENT, (1000, 3, 255, -2, 330, 3, 1), None, "12 0c e8030000 03 ff feff 4a01 03 01"),
    (record.SETTING, (-1, "wearer=é"), None, "03 0e ffffffff 09 7765617265723d c3a9"),
    (record.CLOCK, (10, 0x0102030405060708), None, "15 0c 0a000000 0807060504030201"),
    (record.FAULT, (10, 2, -5), None, "16 09 0a000000 02 fbffffff"),
    (record.VITALS, (10, 16, 256, 70000, -1, 258, 1), None, "18 10 0a000000 1000 0001 70110100 ff 0201 01"),
    (record.END, (100, 90, 10, 1, 2, 3), None, "1f 11 64000000 5a000000 0a000000 0100 0200 03"),
    (record.IMU, (7, 100, 1, 1), [0x123, 0xABC, -1], "11 0d 07000000 6400 01 01 23c1ab ff0f"),
    (record.RAW, (7, 1, 2, 0), [-2, 0x1234], "14 0b 07000000 01 02 00 feff 3412"),
    (record.PACKED, (7, 10, 4, 3, 1), b"\xa5\x00", "17 0a 07000000 0a 04 03 01 a500"),
    (record.FEATURES, (1, 50, 1, 50, 2, 1, 0x21), [1, 0x800], "10 0f 01000000 32 01 32 02 0100 2100 010080"),
    (record.ACKNOWLEDGEMENT, (256,), b"\x01\x02", "20 06 00010000 0102"),
    (record.PROGRAM, (3, 5, 1), b"\x01\x00\xff", "04 06 03 05 01 0100ff"),
    (
        record.CHANNEL,
        (1, 2, 1, 40, 3200, 250, 5, "a", "", "uV"),
        None,
        "02 1b 01 02 01 2800 800c0000 fa000000 0500000000000000 01 61 00 02 7556",
    ),
    (
        record.SESSION,
        (1, 0, 9, 7, 1, 6, 1000, 10, 5, 10, 3906, 1000, 4, 1, "d", "f", "b", "w"),
        None,
        "01 27 01 00 09000000 07000000 01 0600000000000000 e803 0a 05 0a00 420f e803 04 01 0164 0166 0162 0177",
    ),
]


@pytest.mark.parametrize(("kind", "values", "tail", "text"), BY_HAND, ids=lambda item: str(item)[:12])
def test_layout_is_what_was_written_by_hand(kind, values, tail, text):
    assert encode(kind, values, tail) == bytes.fromhex(text)


def test_every_row_is_written_by_hand_once():
    assert {row[0] for row in BY_HAND} == set(record.RECORDS)


@pytest.mark.parametrize("kind", sorted(record.RECORDS))
def test_a_record_that_does_not_fit_writes_nothing(kind):
    values = next(row[1] for row in BY_HAND if row[0] == kind)
    tail = next(row[2] for row in BY_HAND if row[0] == kind)
    count = len(tail) if tail is not None else 0
    size = len(encode(kind, values, tail))
    for offset in (0, 3):
        exact = bytearray(offset + size)
        assert record.encode_into(exact, offset, kind, values, tail, count) == offset + size
        for short in range(offset, offset + size):
            buffer = bytearray(short)
            assert record.encode_into(buffer, offset, kind, values, tail, count) == 0
            assert buffer == bytes(short)
            limited = bytearray(300)
            assert record.encode_into(limited, offset, kind, values, tail, count, short or -1) == 0
            assert limited == bytes(300)


def test_a_body_holds_at_most_255_bytes():
    buffer = bytearray(400)
    assert record.encode_into(buffer, 0, record.SETTING, (0, "x" * 250)) == 257
    assert buffer[1] == 255
    assert record.encode_into(buffer, 0, record.SETTING, (0, "x" * 251)) == 0


def sample() -> bytes:
    return b"".join(encode(kind, values, tail) for kind, values, tail, _ in BY_HAND)


def boundaries() -> list[int]:
    ends, at = [0], 0
    for row in BY_HAND:
        at += len(encode(*row[:3]))
        ends.append(at)
    return ends


def test_truncation_at_each_offset_keeps_what_is_whole():
    data, ends = sample(), boundaries()
    wanted = [(at, *row[:2], row[2]) for at, row in zip(ends, BY_HAND, strict=False)]
    for end in range(len(data) + 1):
        found = list(decoding.decode(data[:end], 0, end))
        whole = sum(e <= end for e in ends) - 1
        assert [one[:3] for one in found[:whole]] == [one[:3] for one in wanted[:whole]]
        if end in ends:
            assert len(found) == whole
        else:
            assert found[whole:] == [(ends[whole], 0, "record runs past its page", None)]
        # The same bytes in a longer buffer: nothing behind `end` is looked at.
        assert list(decoding.decode(data + b"\x00" * 300, 0, end)) == found


def check_total(data: bytes) -> list[tuple]:
    """Decode anything: offsets rise and are in range, at most one damage report and that last."""
    found = list(decoding.decode(data, 0, len(data)))
    at = 0
    for offset, kind, values, tail in found:
        assert offset == at
        if kind == 0 and isinstance(values, str):
            assert (offset, kind) == found[-1][:2] and tail is None
            return found
        at += 2 + data[at + 1]
        if kind not in record.RECORDS:
            assert values is None and tail == data[offset + 2 : at]
        else:
            assert len(values) == len(record.RECORDS[kind][0])
    assert at == len(data)
    return found


def test_each_bit_flipped_damages_one_record_and_perhaps_those_behind_it():
    data, ends = sample(), boundaries()
    whole = list(decoding.decode(data, 0, len(data)))
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        hit = sum(e <= bit // 8 for e in ends) - 1
        found = check_total(bytes(flipped))
        assert found[:hit] == whole[:hit]
        if bit // 8 not in (ends[hit], ends[hit] + 1) and found[-1][1]:
            assert found[hit + 1 :] == whole[hit + 1 :]


@given(st.binary(max_size=300))
@settings(max_examples=300)
@example(b"\xff" * 244)
@example(b"\x00" * 7)
def test_any_bytes_decode_to_records_or_located_damage(data):
    check_total(data)


@given(st.sampled_from(sorted(record.RECORDS)), st.binary(max_size=255))
@settings(max_examples=300)
def test_any_body_of_a_known_row_decodes(kind, body):
    check_total(bytes((kind, len(body))) + body)


@given(st.integers(1, 255).filter(lambda kind: kind not in record.RECORDS), st.binary(max_size=255))
def test_unknown_kinds_are_skipped_with_their_body(kind, body):
    known = encode(*BY_HAND[0][:3])
    data = known + bytes((kind, len(body))) + body + known
    first, unknown, last = decoding.decode(data, 0, len(data))
    assert unknown == (len(known), kind, None, body)
    assert first[1:] == last[1:] == BY_HAND[0][:3]


@pytest.mark.parametrize("kind", sorted(k for k in record.RECORDS if not record.RECORDS[k][1]))
def test_fields_that_a_newer_minor_version_adds_are_skipped(kind):
    row = next(row for row in BY_HAND if row[0] == kind)
    data = bytearray(encode(*row[:3]) + b"new")
    data[1] += 3
    assert list(decoding.decode(data, 0, len(data))) == [(0, kind, row[1], None)]


def test_text_that_is_no_text_is_damage_with_its_place():
    data = encode(record.GAP, (0, 0, 0)) + bytes.fromhex("03 06 00000000 01 ff")
    found = list(decoding.decode(data, 0, len(data)))
    assert found[-1][:2] == (11, 0)
    assert found[-1][2].startswith("record 0x03: ")


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_sessions_of_every_version_read_as_they_did(path):
    text = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    data = path.read_bytes()
    assert make_vectors.hashlib.sha256(data).hexdigest() == text["sha256"]
    assert len(data) == page.PAGE_BYTES * len(text["pages"])
    seen = set()
    for i, wanted in enumerate([*text["pages"], text["acknowledgement_page"]]):
        one = data[page.PAGE_BYTES * i :][: page.PAGE_BYTES] or bytes.fromhex(text["acknowledgement"])
        sequence, session, used, flags = page.unseal(one)
        assert (sequence, session, used, flags) == tuple(wanted[k] for k in ("sequence", "session", "used", "flags"))
        found = list(decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + used))
        assert len(found) == len(wanted["records"])
        for (_, kind, values, tail), line in zip(found, wanted["records"], strict=True):
            row, (_, tail_kind) = record_rows()[kind], record.RECORDS[kind]
            seen.add(kind)
            assert row.name == line["kind"]
            assert dict(zip(row.names, values, strict=False)).items() >= line["fields"].items()
            assert (tail.hex() if tail_kind == record.TAIL_BYTES else tail) == line.get("tail")
    if path.stem == f"format-{record.FORMAT_MAJOR}.{record.FORMAT_MINOR}":
        assert seen == set(record.RECORDS)


def test_vectors_are_what_their_tool_makes():
    assert make_vectors.main(["--check"]) == 0
    assert len(VERSIONS) >= 1


def test_the_tool_says_what_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_vectors, "FOLDER", tmp_path)
    monkeypatch.setattr(make_vectors, "ROOT", tmp_path)
    assert make_vectors.main([]) == 0
    assert make_vectors.main(["--check"]) == 0
    path = tmp_path / f"format-{record.FORMAT_MAJOR}.{record.FORMAT_MINOR}.mmc"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert make_vectors.main(["--check"]) == 1
    assert f"{path.name} is not what" in capsys.readouterr().err
    assert path.read_bytes()[-1] == 0
