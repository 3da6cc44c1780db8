"""The journal on a strict flash: what is erased and when, what is acknowledged, and what a failing flash costs."""

from __future__ import annotations

import contextlib
import hashlib
import random

import pytest
from device import rig
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc_core import decoding, page, record
from mmc_device.journal import STATE_ACKNOWLEDGED, STATE_CLOSED

CLOSED = STATE_CLOSED
BOTH = STATE_CLOSED | STATE_ACKNOWLEDGED


# Erasing


def test_what_is_blank_is_not_erased():
    flash, journal = rig.fresh(6)
    assert journal.ready_blocks == 5
    assert rig.prepare(journal) == 0
    assert flash.done == []


def test_foreign_bytes_are_erased_ahead_once():
    image = bytearray(random.Random(1).randbytes(4 * 4096)) + b"\xff" * 4096
    flash, journal = rig.power_on(bytes(image))
    assert (journal.session, journal.ready_blocks) == (0, 0)
    assert rig.prepare(journal) == 4
    assert [one[1] for one in flash.done] == [0, 1, 2, 3]
    assert journal.ready_blocks == 4
    assert rig.record_session(journal, 1) == 1
    assert flash.done[-1] == ("program", 0, 0)


def test_sessions_are_erased_oldest_first_each_from_its_end():
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 40)  # 0 1 2
    rig.record_session(journal, 20)  # 3 4
    rig.record_session(journal, 5)  # 5
    for session in (2, 1):
        assert rig.acknowledge(journal, session)
    done = len(flash.done)
    assert rig.prepare(journal) == 5
    assert [one[:2] for one in flash.done[done:]] == [("erase", block) for block in (2, 1, 0, 4, 3)]
    assert journal.ready_blocks == 7
    assert rig.sessions(journal) == [3]


def test_an_unacknowledged_session_protects_those_behind_it_only():
    flash, journal = rig.fresh(8)
    for _ in range(3):
        rig.record_session(journal, 14)
    assert rig.acknowledge(journal, 1) and rig.acknowledge(journal, 3)
    assert rig.prepare(journal) == 1
    assert [one for one in flash.done if one[0] == "erase"] == [("erase", 0, 0)]
    assert journal.free_blocks() == 7
    assert rig.sessions(journal) == [2]


def test_numbers_go_on_when_all_was_acknowledged_erased_and_restarted():
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 70)  # 0 to 4
    assert rig.acknowledge(journal, 1)
    assert rig.prepare(journal) == 4
    assert [one[1] for one in flash.done if one[0] == "erase"] == [4, 3, 2, 1]
    assert (journal.ready_blocks, journal._head) == (7, 1)
    assert rig.sessions(journal) == []
    again = rig.power_on(flash.image)[1]
    assert (again.ready_blocks, again._head, again.session) == (7, 1, 1)
    assert rig.sessions(again) == []
    assert again.free_blocks() == 8
    assert rig.prepare(again) == 0
    assert rig.record_session(again, 1) == 2
    assert rig.record_session(journal, 1) == 2  # the same without the restart


def test_the_next_session_has_all_blocks_but_one_after_a_long_one():
    _, journal = rig.fresh(8)
    rig.record_session(journal, 14 + 6 * 16)  # seven blocks
    assert rig.acknowledge(journal, 1)
    rig.prepare(journal)
    assert journal.ready_blocks == 7
    rig.record_session(journal, 14 + 6 * 16)
    assert journal.is_full and journal.dropped_pages == 0
    assert journal.size(2) == (14 + 6 * 16) * 256


def test_nothing_is_erased_while_a_session_is_open():
    flash, journal = rig.fresh(4)
    flash.journal = journal
    journal.open()
    with pytest.raises(rig.FlashMisuse):  # the rig's own teeth
        flash.ioctl(6, 3)


def test_the_two_argument_form_is_an_error_of_the_rig():
    flash, _ = rig.fresh(4)
    with pytest.raises(TypeError):
        flash.writeblocks(0, bytearray(256))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        flash.readblocks(0, bytearray(256))  # type: ignore[call-arg]


# Acknowledgement


def test_an_acknowledgement_survives_a_restart():
    flash, journal = rig.fresh(6)
    rig.record_session(journal, 20)
    rig.record_session(journal, 3)
    data = rig.read(journal, 1)
    assert journal.state(1) == CLOSED
    assert rig.acknowledge(journal, 1)
    assert flash.done[-1] == ("program", 0, 14)
    assert flash.page(0, 15) == page.BLANK
    for one in (journal, rig.power_on(flash.image)[1]):
        assert (one.state(1), one.state(2)) == (BOTH, CLOSED)
        assert rig.sessions(one) == [2]
        assert rig.read(one, 1) == data
    sequence, session, used, flags = page.unseal(flash.page(0, 14))
    assert (sequence, session, flags) == (0, 1, page.FLAG_ACKNOWLEDGEMENT)
    found = list(decoding.decode(flash.page(0, 14), 12, 12 + used))
    assert found == [(12, record.ACKNOWLEDGEMENT, (20 * 256,), hashlib.sha256(data).digest())]


def test_a_wrong_size_or_checksum_is_refused_and_writes_nothing():
    flash, journal = rig.fresh(6)
    rig.record_session(journal, 20)
    data = rig.read(journal, 1)
    digest = hashlib.sha256(data).digest()
    image = flash.image
    for size in (0, len(data) - 1, len(data) + 1, len(data) - 256, len(data) + 256):
        assert journal.acknowledge(1, size, digest) is False
    for wrong in (bytes(32), digest[:31], digest + b"\0", b"", bytes((digest[0] ^ 1,)) + digest[1:]):
        while (verdict := journal.acknowledge(1, len(data), wrong)) is None:
            pass
        assert verdict is False
    assert journal.acknowledge(2, 0, hashlib.sha256().digest()) is False
    assert journal.acknowledge(0, 0, hashlib.sha256().digest()) is False
    assert flash.image == image
    assert journal.state(1) == CLOSED
    assert rig.prepare(journal) == 0
    assert rig.acknowledge(journal, 1, data)


def test_an_open_session_cannot_be_acknowledged():
    _, journal = rig.fresh(6)
    journal.open()
    rig.write_pages(journal, 20)
    data = rig.read(journal, 1)
    assert journal.acknowledge(1, len(data), hashlib.sha256(data).digest()) is False
    journal.close()
    assert rig.acknowledge(journal, 1, data)


def test_hashing_takes_a_few_pages_per_call():
    _, journal = rig.fresh(8)
    rig.record_session(journal, 40)
    data = rig.read(journal, 1)
    digest = hashlib.sha256(data).digest()
    verdicts = [journal.acknowledge(1, len(data), digest) for _ in range(3)]
    assert verdicts == [None, None, True]
    assert journal.acknowledge(1, len(data), digest) is True


def test_hashing_two_sessions_by_turns_mixes_nothing():
    _, journal = rig.fresh(8)
    rig.record_session(journal, 20)
    rig.record_session(journal, 25)
    both = {session: rig.read(journal, session) for session in (1, 2)}
    for session in (1, 2, 1):
        data = both[session]
        assert journal.acknowledge(session, len(data), hashlib.sha256(data).digest()) is None
    assert rig.acknowledge(journal, 2)
    assert rig.acknowledge(journal, 1)


def test_while_another_session_is_open_an_older_one_can_be_acknowledged():
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 20)
    journal.open()
    rig.write_pages(journal, 3)
    assert rig.acknowledge(journal, 1)
    rig.write_pages(journal, 3)
    journal.close()
    assert journal.size(2) == 6 * 256
    assert [row[1][0] for row in rig.payload(rig.read(journal, 2))] == [0, 1, 2, 0, 1, 2]
    assert rig.sessions(rig.power_on(flash.image)[1]) == [2]


@pytest.mark.parametrize("kept_bytes", range(0, 64))
def test_a_torn_acknowledgement_leaves_the_second_page(kept_bytes):
    flash, journal = rig.fresh(4)
    rig.record_session(journal, 3)
    data = rig.read(journal, 1)
    assert rig.acknowledge(journal, 1)
    is_whole = kept_bytes >= 12 + 2 + 4 + 32  # behind it the page stays erased anyway
    flash, journal = rig.power_on(rig.tear(flash.image, 0, 14, kept_bytes))
    assert journal.state(1) == (BOTH if is_whole else CLOSED)
    assert rig.acknowledge(journal, 1, data)
    assert flash.done == ([] if is_whole else [("program", 0, 15 if kept_bytes else 14)])
    assert rig.power_on(flash.image)[1].state(1) == BOTH
    assert rig.read(rig.power_on(flash.image)[1], 1) == data


def test_two_torn_acknowledgements_still_let_the_session_go():
    flash, journal = rig.fresh(4)
    rig.record_session(journal, 20)
    data = rig.read(journal, 1)
    for at in (14, 15):
        assert rig.acknowledge(journal, 1)
        flash, journal = rig.power_on(rig.tear(flash.image, 0, at, 30))
    assert (journal.state(1), rig.sessions(journal)) == (CLOSED, [1])
    assert rig.acknowledge(journal, 1, data)
    assert journal.state(1) == BOTH
    assert flash.done == []
    # Until it is erased a restart forgets that, and the host says it again without a byte moved.
    again = rig.power_on(flash.image)[1]
    assert again.state(1) == CLOSED
    assert rig.acknowledge(again, 1, data)
    rig.record_session(again, 1)
    assert rig.prepare(again) == 2


# Flash that fails


@pytest.mark.parametrize("refused", range(6))
def test_a_refused_program_costs_its_page_only(refused):
    flash, journal = rig.fresh(4)
    flash.refuse_program = {refused}
    journal.open()
    errors = 0
    for i in range(6):
        for _ in range(2):  # as the app does it
            try:
                journal.write(record.SETTING, (i, "x" * 200))
                break
            except OSError:
                errors += 1
        if i % 2:
            continue
        try:
            journal.tick()
        except OSError:
            errors += 1
    try:
        journal.close()
    except OSError:
        errors += 1
    assert errors == 1
    assert journal.dropped_pages == 1
    assert not journal.is_open
    wanted = [i for i in range(6) if i != refused]
    assert [row[1][0] for row in rig.payload(rig.read(journal, 1))] == wanted
    again = rig.power_on(flash.image)[1]
    assert [row[1][0] for row in rig.payload(rig.read(again, 1))] == wanted


def test_a_refused_program_at_the_end_does_not_let_the_next_session_write_over_this_one():
    flash, journal = rig.fresh(6)
    journal.open()
    rig.write_pages(journal, 3)
    journal.write(record.GAP, (1, 2, 3))
    flash.refuse_program = {3}
    with pytest.raises(OSError):
        journal.close()
    assert not journal.is_open
    before = rig.read(journal, 1)[: 3 * 256]
    assert rig.record_session(journal, 2) == 2
    assert rig.read(journal, 1)[: 3 * 256] == before
    assert [block for what, block, _ in flash.done] == [0, 0, 0, 1, 1]
    assert rig.acknowledge(journal, 1)
    assert rig.sessions(rig.power_on(flash.image)[1]) == [2]


def test_a_whole_block_of_refused_programs_stays_with_its_session():
    flash, journal = rig.fresh(8)
    journal.open()
    flash.refuse_program = set(range(14, 30))
    for i in range(46):
        journal.write(record.SETTING, (i, "x" * 200))
        journal._seal() if i not in range(15, 31) else None
        with contextlib.suppress(OSError):
            journal.tick()
        if i in range(15, 31):
            try:
                journal._seal()
            except OSError:
                journal._seal()
    journal.close()
    size, data = journal.size(1), rig.read(journal, 1)
    again = rig.power_on(flash.image)[1]
    assert again.size(1) == size
    assert rig.read(again, 1) == data
    assert rig.prepare(again) == 0
    assert rig.acknowledge(again, 1, data)


def test_a_block_that_refuses_to_be_erased_is_left_alone_until_the_next_start():
    flash, journal = rig.fresh(4)
    rig.record_session(journal, 14)
    rig.record_session(journal, 14)
    assert rig.acknowledge(journal, 1)
    flash.refuse_erase = {0}
    with pytest.raises(OSError):
        journal.prepare()
    assert journal.prepare() is True
    assert journal.ready_blocks == 2
    flash.refuse_erase = set()
    again = rig.mount(flash)
    assert rig.prepare(again) == 1
    assert again.ready_blocks == 3


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("bad", range(8))
def test_a_block_that_cannot_be_read_is_never_erased_nor_written(bad, acknowledged):
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 40)  # 0 1 2
    rig.record_session(journal, 20)  # 3 4
    rig.record_session(journal, 5)  # 5
    if acknowledged:
        for session in (1, 2):
            assert rig.acknowledge(journal, session)
    image = flash.image
    flash, journal = rig.power_on(image)
    flash.unreadable = {bad}
    journal = rig.mount(flash)
    rig.prepare(journal)
    session = journal.open()
    if session:
        rig.write_pages(journal, 30)
        journal.close()
    rig.prepare(journal)
    start = bad * 4096
    assert flash.image[start : start + 4096] == image[start : start + 4096]
    assert all(block != bad for _, block, _ in flash.done)
    # What was not acknowledged is there still, once the block can be read again.
    flash.unreadable = set()
    whole, now = rig.power_on(image)[1], rig.mount(flash)
    for session in [3] if acknowledged else [1, 2, 3]:
        assert rig.read(now, session) == rig.read(whole, session)


def test_a_read_that_fails_is_reported_and_nothing_else_happens():
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 40)
    image = flash.image
    flash.unreadable = {1}
    assert len(journal.read(1, 0)) == 256
    with pytest.raises(OSError):
        journal.read(1, 14 * 256)
    with pytest.raises(OSError):
        rig.acknowledge(journal, 1, b"x" * 40 * 256)
    assert flash.image == image
    again = rig.mount(flash)
    assert again.size(1) == 40 * 256
    flash.unreadable = {2}
    assert rig.mount(flash).size(1) == 30 * 256
    flash.unreadable = set()
    assert rig.acknowledge(journal, 1)


# Any history


class Model:
    """What the journal must hold, in plain Python: every session's pages, and which of them the host has."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}  # not acknowledged
        self.newest = 0


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("session"), st.integers(1, 50)),
        st.tuples(st.just("acknowledge"), st.integers(0, 9)),
        st.tuples(st.just("wrong"), st.integers(0, 9)),
        st.tuples(st.just("prepare"), st.integers(1, 9)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("cut"), st.integers(1, 30)),
    ),
    max_size=25,
)


def check(journal, model: Model) -> None:
    assert rig.sessions(journal) == sorted(model.kept)
    for session, data in model.kept.items():
        assert journal.size(session) == len(data)
        assert rig.read(journal, session) == data
        assert journal.state(session) == CLOSED
    assert journal.session == model.newest


@given(st.integers(3, 9), OPERATIONS)
@settings(max_examples=300)
def test_any_history_keeps_what_the_host_has_not(blocks, operations):
    flash, journal = rig.fresh(blocks)
    model = Model()
    for what, number in operations:
        if what == "session":
            ready = journal.ready_blocks
            session = journal.open()
            assert (session == 0) == (ready == 0)
            if session:
                rig.write_pages(journal, number)
                journal.close()
                assert session == model.newest + 1
                model.newest = session
                data = rig.read(journal, session)
                room = 16 * ready - 2
                assert len(data) == 256 * min(number, room)
                assert [row[1][0] for row in rig.payload(data)] == list(range(min(number, room)))
                model.kept[session] = data
        elif what in ("acknowledge", "wrong") and model.kept:
            session = sorted(model.kept)[number % len(model.kept)]
            right = what == "acknowledge"
            data = model.kept[session] if right else model.kept[session][:-1] + b"\0"
            if data != model.kept[session] or right:
                assert rig.acknowledge(journal, session, data) is right
            if right:
                del model.kept[session]
        elif what == "prepare":
            for _ in range(number):
                if journal.prepare():
                    break
        elif what == "restart":
            before = journal._head, journal.ready_blocks, journal.free_blocks()
            flash, journal = rig.power_on(flash.image)
            assert (journal._head, journal.ready_blocks, journal.free_blocks()) == before
        elif what == "cut":
            flash, journal = rig.power_on(flash.image, cut_at=number)
            session = 0
            try:
                for _ in range(20):
                    journal.prepare()
                    for session in sorted(model.kept)[1:2]:
                        assert rig.acknowledge(journal, session)
                        del model.kept[session]
            except rig.PowerCut:
                pass
            flash, journal = rig.power_on(flash.image)
            if journal.state(session) == BOTH:  # what the cut program had written was all there was to write
                model.kept.pop(session, None)
        check(journal, model)
    # When the host has all, all is free but the block that numbers go on from.
    for session in sorted(model.kept):
        assert rig.acknowledge(journal, session)
    rig.prepare(journal)
    assert journal.ready_blocks == blocks - 1
    assert journal.free_blocks() == blocks
