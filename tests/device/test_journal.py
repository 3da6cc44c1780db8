"""The journal on a strict flash: where pages go, how they are read, and how the ring goes round."""

from __future__ import annotations

import make_vectors
import pytest
from device import rig

from mmc_core import page, record
from mmc_device.journal import STATE_CLOSED
from mmc_sim.flash import Flash

CLOSED = STATE_CLOSED

# Writing


def test_records_come_back_in_order():
    flash, journal = rig.fresh(8)
    session = journal.open()
    written = list(make_vectors.session_records(session, 20, raw=False))
    rig.write(journal, written)
    journal.close()
    wanted = [
        (kind, values, tail if tail is None or kind == record.PROGRAM else [v & 0xFFF for v in tail[:count]])
        for kind, values, tail, count in written
    ]
    assert rig.payload(rig.read(journal, session)) == wanted
    assert rig.payload(rig.read(rig.power_on(flash.image)[1], session)) == wanted


def test_pages_stand_where_the_format_says():
    flash, journal = rig.fresh(4)
    assert rig.record_session(journal, 20) == 1
    data = rig.read(journal, 1)
    assert len(data) == 20 * 256
    places = [(0, at) for at in range(14)] + [(1, at) for at in range(6)]
    assert flash.done == [("program", block, at) for block, at in places]
    for i, (block, at) in enumerate(places):
        one = flash.page(block, at)
        assert one == data[256 * i : 256 * i + 256]
        assert page.unseal(one)[:2] == (i, 1)
        assert page.unseal(one)[3] == (page.FLAG_FIRST if i == 0 else 0)
    assert flash.page(0, 14) == flash.page(0, 15) == page.BLANK
    assert flash.page(1, 6) == page.BLANK
    assert journal._head == 2
    assert journal.ready_blocks == 2


def test_a_record_stays_in_ram_until_its_page_is_full():
    flash, journal = rig.fresh(4)
    journal.open()
    per_page = page.PAYLOAD_BYTES // 13  # a gap is 11 bytes, a clock 14, ...
    gap = (record.GAP, (1, 2, 1))
    assert per_page == 18
    for _ in range(page.PAYLOAD_BYTES // 11):
        journal.write(*gap)
        journal.tick()
    assert flash.done == []
    journal.write(*gap)
    assert flash.done == []  # sealed, and waiting for the tick
    journal.tick()
    journal.tick()
    assert flash.done == [("program", 0, 0)]
    assert page.unseal(flash.page(0, 0))[2] == 22 * 11


def test_two_waiting_pages_are_written_without_a_tick():
    flash, journal = rig.fresh(8)
    journal.open()
    for i in range(60):
        journal.write(record.SETTING, (i, "x" * 200))
    assert len(flash.done) == 58  # one is being filled, one waits
    journal.close()
    assert len(flash.done) == 60
    assert [row[1][0] for row in rig.payload(rig.read(journal, 1))] == list(range(60))
    assert journal.dropped_pages == 0


def test_sequence_goes_on_from_session_to_session_and_over_a_restart():
    flash, journal = rig.fresh(6)
    rig.record_session(journal, 3)
    rig.record_session(journal, 16)
    flash, journal = rig.power_on(flash.image)
    assert journal.session == 2
    assert rig.record_session(journal, 1) == 3
    assert [(s, q) for s, q, _, _ in flash.valid_pages()] == [(1, 0), (1, 1), (1, 2)] + [
        (2, q) for q in range(3, 19)
    ] + [(3, 19)]
    assert rig.sessions(journal) == [1, 2, 3]


def test_each_offset_reads_the_pages_that_were_programmed():
    flash, journal = rig.fresh(4)
    rig.record_session(journal, 17)
    whole = b"".join(flash.page(block, at) for _, block, at in flash.done)
    for one in (journal, rig.power_on(flash.image)[1]):
        assert one.size(1) == len(whole) == 17 * 256
        for offset in range(0, len(whole), 7):
            piece = bytes(one.read(1, offset))
            assert piece == whole[offset : (offset // 256 + 1) * 256]
        for offset in (len(whole), len(whole) + 1, 1 << 31):
            assert bytes(one.read(1, offset)) == b""
        for session in (0, 2, 65535):
            assert bytes(one.read(session, 0)) == b""
            assert one.size(session) == one.state(session) == 0


@pytest.mark.parametrize("pages", [1, 2, 13, 14, 15, 16, 29, 30, 31, 46, 47])
def test_size_is_the_same_while_open_closed_and_after_a_restart(pages):
    flash, journal = rig.fresh(6)
    journal.open()
    rig.write_pages(journal, pages)
    assert journal.size(1) == 256 * pages
    assert journal.state(1) == 0
    growing = rig.read(journal, 1)
    journal.close()
    assert journal.size(1) == 256 * pages
    assert journal.state(1) == CLOSED
    again = rig.power_on(flash.image)[1]
    assert again.size(1) == 256 * pages
    assert rig.read(again, 1) == rig.read(journal, 1) == growing
    assert again.ready_blocks == journal.ready_blocks
    assert again._head == journal._head
    assert again.free_blocks() == journal.free_blocks() == 6 - journal._head


def test_a_session_that_grows_shows_a_prefix_that_never_moves():
    _, journal = rig.fresh(6)
    session = journal.open()
    before = b""
    for kind, values, tail, count in make_vectors.session_records(session, 60):
        journal.write(kind, values, tail, count)
        journal.tick()
        if journal.size(session) > len(before):
            now = rig.read(journal, session)
            assert now[: len(before)] == before
            assert len(now) == journal.size(session) == len(before) + 256
            before = now
    assert len(before) > 40 * 256


def test_a_session_opened_and_closed_without_a_page_leaves_nothing():
    flash, journal = rig.fresh(4)
    assert journal.open() == 1
    journal.close()
    assert (journal.size(1), journal.next_session(0), journal._head, flash.done) == (0, 0, 0, [])


# The ring


def test_the_ring_goes_round():
    flash, journal = rig.fresh(5)
    for number in range(1, 30):
        rig.prepare(journal)
        assert rig.record_session(journal, 20) == number  # two blocks each
        data = rig.read(journal, number)
        assert len(data) == 20 * 256
        assert rig.acknowledge(journal, number)
        if number % 3 == 0:
            flash, journal = rig.power_on(flash.image)
            assert rig.read(journal, number) == data
    used = {block for what, block, _ in flash.done if what == "program"}
    assert used <= set(range(5)) and len(used) > 1


def test_a_session_may_lie_across_the_end_of_the_ring():
    flash, journal = rig.fresh(5)
    rig.record_session(journal, 40)  # three blocks
    assert rig.acknowledge(journal, 1)
    rig.record_session(journal, 1)  # the fourth, so that all of the first may go
    assert rig.acknowledge(journal, 2)
    rig.prepare(journal)
    rig.record_session(journal, 40)
    blocks = [block for what, block, _ in flash.done[-40:]]
    assert blocks == [4] * 14 + [0] * 16 + [1] * 10
    data = rig.read(journal, 3)
    again = rig.power_on(flash.image)[1]
    assert rig.read(again, 3) == data
    assert again._head == 2
    assert rig.acknowledge(again, 3, data)


def test_a_session_never_takes_all_blocks():
    flash, journal = rig.fresh(4)
    session = journal.open()
    rig.write_pages(journal, 14 + 16 + 11)
    assert not journal.is_full
    rig.write_pages(journal, 1)  # four pages are left, for what is in RAM and for the session's end
    assert journal.is_full
    rig.write_pages(journal, 4)
    assert journal.dropped_pages == 0
    rig.write_pages(journal, 3)
    assert journal.dropped_pages == 3
    journal.close()
    assert journal.size(session) == 46 * 256
    assert {block for _, block, _ in flash.done} == {0, 1, 2}
    again = rig.power_on(flash.image)[1]
    for one in (journal, again):
        assert (one.size(session), one._head, one.ready_blocks) == (46 * 256, 3, 1)
    assert rig.record_session(again, 14) == session + 1  # the last block is for another one
    assert (again.size(session), again.ready_blocks, again.open()) == (46 * 256, 0, 0)


def test_a_full_journal_begins_no_session_and_erases_nothing():
    flash, journal = rig.fresh(4)
    for _ in range(3):
        rig.record_session(journal, 14)
    rig.record_session(journal, 5)
    image = flash.image
    assert rig.prepare(journal) == 0
    assert journal.open() == 0
    assert journal.is_full and not journal.is_open
    assert journal.free_blocks() == 0
    assert flash.image == image
    assert rig.acknowledge(journal, 1)
    assert journal.free_blocks() == 1
    assert rig.prepare(journal) == 1
    assert journal.open() == 5


def test_the_device_never_uses_the_two_argument_write() -> None:
    assert Flash.writeblocks.__code__.co_argcount == 4 and Flash.writeblocks.__defaults__ is None
