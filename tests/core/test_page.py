"""Pages: the header byte by byte, and that no damaged page is believed."""

from __future__ import annotations

import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmc_core import page
from mmc_core.errors import FormatError


def sealed(payload: bytes, sequence: int = 0x01020304, session: int = 0x0506, flags: int = 1) -> bytearray:
    one = bytearray(b"\xa5" * page.PAGE_BYTES)  # what an earlier page left behind
    one[page.HEADER_BYTES : page.HEADER_BYTES + len(payload)] = payload
    page.seal(one, sequence, session, len(payload), flags)
    return one


def test_layout_is_what_was_written_by_hand():
    one = sealed(b"abc")
    body = bytes.fromhex("04030201 0605 03 01") + b"abc" + b"\xff" * 241
    assert bytes(one[4:]) == body
    assert bytes(one[:4]) == binascii.crc32(body).to_bytes(4, "little")


@given(st.binary(max_size=244), st.integers(0, 2**32 - 1), st.integers(1, 65535), st.integers(0, 255))
def test_a_page_comes_back(payload, sequence, session, flags):
    one = sealed(payload, sequence, session, flags)
    assert page.unseal(one) == (sequence, session, len(payload), flags)
    assert bytes(one[12 : 12 + len(payload)]) == payload
    assert set(one[12 + len(payload) :]) <= {0xFF}
    assert page.unseal(bytes(one)) == page.unseal(memoryview(one)) == page.unseal(one)


def test_no_page_with_one_flipped_bit_is_believed():
    one = sealed(bytes(range(200)))
    for bit in range(8 * page.PAGE_BYTES):
        one[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            page.unseal(one)
        one[bit // 8] ^= 1 << bit % 8
    assert page.unseal(one) == (0x01020304, 0x0506, 200, 1)


@pytest.mark.parametrize("rest", [b"\xff", b"\x00", b"\xa5"])
def test_no_torn_page_is_believed(rest):
    one = bytes(sealed(bytes(range(1, 245))))
    for end in range(page.PAGE_BYTES):
        torn = one[:end] + rest * (page.PAGE_BYTES - end)
        if torn != one:
            with pytest.raises(FormatError):
                page.unseal(torn)


def test_a_page_torn_within_what_stays_erased_is_whole():
    one = bytes(sealed(b"abc"))
    for end in range(15, page.PAGE_BYTES):
        assert page.unseal(one[:end] + b"\xff" * (page.PAGE_BYTES - end)) == (0x01020304, 0x0506, 3, 1)


@given(st.binary(min_size=256, max_size=256))
def test_random_bytes_are_no_page(data):
    with pytest.raises(FormatError):
        page.unseal(data)


@pytest.mark.parametrize("fill", [0x00, 0xFF])
def test_erased_and_zeroed_flash_are_no_pages(fill):
    assert bytes((0xFF,)) * 256 == page.BLANK
    with pytest.raises(FormatError):
        page.unseal(bytes((fill,)) * 256)


@pytest.mark.parametrize(("session", "used"), [(0, 3), (1, 245), (1, 255)])
def test_a_right_checksum_does_not_excuse_a_header_out_of_range(session, used):
    one = sealed(b"abc")
    one[8:11] = session.to_bytes(2, "little") + bytes((used,))
    one[:4] = binascii.crc32(one[4:]).to_bytes(4, "little")
    with pytest.raises(FormatError):
        page.unseal(one)


def test_pages_of_a_session_go_round_the_two_reserved_ones():
    places = [page.physical_page(n) for n in range(50)]
    assert places == [n for n in range(52) if n not in (14, 15)]
    assert page.BLOCK_PAGES * page.PAGE_BYTES == page.BLOCK_BYTES == 4096
    assert page.HEADER_BYTES + page.PAYLOAD_BYTES == page.PAGE_BYTES == 256
