"""The power fails at every program and every erase: what was written stays, and the host gets all of it.

Each run is the journal's traffic of a session of 60 s without the kernel. A failure names the cut, for example
`cut 17 torn`: `pytest -k 'cut_at_each and torn'` with `CUTS = [17]` runs it alone.
"""

from __future__ import annotations

import functools

import make_vectors
import pytest
from device import rig

from mmc_core import decoding, message, page
from mmc_core.errors import FormatError

SECONDS = 60
BLOCKS = 12
CUTS: list[int] | None = None  # None: every one


@functools.cache
def worn() -> bytes:
    """A flash that has been in use: an acknowledged session to erase, an unacknowledged one to keep, a torn rest."""
    flash, journal = rig.fresh(BLOCKS)
    rig.record_session(journal, 20)  # 0 1
    assert rig.acknowledge(journal, 1)
    rig.record_session(journal, 17)  # 2 3
    rest = 4 * rig.BLOCK_BYTES  # where the power failed in a session's first program
    return flash.image[:rest] + b"\x5a" * 100 + flash.image[rest + 100 :]


@functools.cache
def traffic(session: int, seconds: float = SECONDS) -> list[make_vectors.Record]:
    return list(make_vectors.session_records(session, seconds))


def live(journal, session_seconds: float = SECONDS) -> None:
    """What a device does between two power cuts: erase ahead, record, stop, erase ahead."""
    rig.prepare(journal)
    session = journal.open()
    assert session
    rig.write(journal, traffic(session, session_seconds))
    journal.close()
    rig.prepare(journal)


def programmed(flash: rig.StrictFlash) -> list[tuple[int, int]]:
    """Blocks and pages of the session under way whose program returned."""
    programs = [(block, at) for what, block, at in flash.done if what == "program"]
    return programs[:-1] if flash.done and flash.done[-1][0] == "program" else programs


def run_cut(image: bytes, cut_at: int, torn: bool) -> rig.StrictFlash | None:
    """Live until the power fails at operation `cut_at`; None when it lived longer."""
    flash, journal = rig.power_on(image, cut_at, torn)
    try:
        live(journal)
    except rig.PowerCut:
        return flash
    return None


def whole_pages(image: bytes) -> dict[tuple[int, int], bytes]:
    """(session, sequence) to bytes, of every valid page that carries a session; numbers must not repeat."""
    found: dict[tuple[int, int], bytes] = {}
    sequences = set()
    flash = rig.StrictFlash(len(image) // rig.BLOCK_BYTES, image)
    for session, sequence, flags, one in flash.valid_pages():
        if not flags & page.FLAG_ACKNOWLEDGEMENT:
            assert sequence not in sequences, f"sequence {sequence} twice"
            sequences.add(sequence)
            found[session, sequence] = one
    return found


def valid(data: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    for at in range(0, len(data), page.PAGE_BYTES):
        one = data[at : at + page.PAGE_BYTES]
        try:
            sequence, session, _, _ = page.unseal(one)
        except FormatError:
            continue
        found.append((session, sequence, one))
    return found


def check_recovery(image: bytes, acknowledged: set[int], what: str) -> None:
    """Start, pull, record another session, pull again: all pages of the flash come home, once and exactly."""
    pages = whole_pages(image)
    flash, journal = rig.power_on(image)
    assert flash.done == [], f"{what}: mounting wrote"
    assert flash.image == image
    line = rig.Line(journal)
    entries = line.list()
    wanted = {session for session, _ in pages} - acknowledged
    assert {session for session, _, _ in entries} == wanted, what
    assert all(state == 1 for _, _, state in entries), what
    pulled = line.pull()
    for session in wanted:
        here = [(s, q, one) for (s, q), one in sorted(pages.items()) if s == session]
        assert valid(pulled[session]) == here, f"{what}: session {session}"
    newest = journal.session
    live(journal, 4)
    assert journal.session == newest + 1, what
    assert all(session <= newest for session in wanted), what
    assert line.list() == [(newest + 1, journal.size(newest + 1), 1)], what
    after = line.pull()
    found = []
    for _, _, one in valid(after[newest + 1]):
        found += [row[1] for row in decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + page.unseal(one)[2])]
    assert found == [one[0] for one in traffic(newest + 1, 4)], what
    assert flash.image == journal._flash.image
    whole_pages(flash.image)
    assert line.list() == [], what


@functools.cache
def operations() -> int:
    flash, journal = rig.power_on(worn())
    live(journal)
    return flash.operations


def test_the_session_is_as_long_as_it_should_be():
    flash, journal = rig.power_on(worn())
    live(journal)
    programs = [one for one in flash.done if one[0] == "program"]
    erases = [one for one in flash.done if one[0] == "erase"]
    assert operations() == len(programs) + len(erases)
    assert 60 <= len(programs) <= 100
    assert [block for _, block, _ in erases] == [4, 1, 0]
    assert len(programs) * page.PAGE_BYTES <= 280 * SECONDS + 10 * page.PAGE_BYTES


@pytest.mark.parametrize("torn", [True, False], ids=["torn", "clean"])
def test_cut_at_each_program_and_erase_of_a_session(torn):
    kept = rig.read(rig.power_on(worn())[1], 2)
    for cut in CUTS or range(1, operations() + 1):
        what = f"cut {cut} {'torn' if torn else 'clean'}"
        flash = run_cut(worn(), cut, torn)
        assert flash is not None, what
        image = flash.image
        # Every page whose program returned is there, bit for bit, and so is the older session.
        pages = set(whole_pages(image).values())
        for block, at in programmed(flash):
            assert flash.page(block, at) in pages, what
        assert rig.read(rig.power_on(image)[1], 2) == kept, what
        check_recovery(image, {1}, what)


def test_no_cut_no_loss():
    assert run_cut(worn(), operations() + 1, True) is None


@pytest.mark.parametrize("torn", [True, False], ids=["torn", "clean"])
def test_cut_at_each_operation_of_a_pull(torn):
    """The host pulls two sessions, the device erases them: cut at each acknowledgement and each erase."""
    flash, journal = rig.fresh(BLOCKS)
    rig.record_session(journal, 40)
    rig.record_session(journal, 3)
    image = flash.image
    contents = {session: rig.read(journal, session) for session in (1, 2)}

    def pull_and_erase(journal) -> None:
        rig.Line(journal).pull()
        rig.prepare(journal)

    flash, journal = rig.power_on(image)
    pull_and_erase(journal)
    total = flash.operations
    assert [one[:2] for one in flash.done] == [("program", 0), ("program", 3)] + [("erase", b) for b in (2, 1, 0)]
    for cut in CUTS or range(1, total + 1):
        what = f"cut {cut} {'torn' if torn else 'clean'}"
        flash, journal = rig.power_on(image, cut, torn)
        with pytest.raises(rig.PowerCut):
            pull_and_erase(journal)
        _, journal = rig.power_on(flash.image)
        listed = [session for session, _, _ in rig.Line(journal).list()]
        # The acknowledgement that was cut may be known or not; none that returned is forgotten, no other is invented.
        assert listed in ({1: ([1, 2], [2]), 2: ([2], [])}.get(cut, ([],))), what
        for session in listed:
            assert rig.read(journal, session) == contents[session], what
        check_recovery(flash.image, {1, 2} - set(listed), what)


@pytest.mark.parametrize("torn", [True, False], ids=["torn", "clean"])
def test_cut_twice_within_a_short_life(torn):
    """The power fails, and fails again at each operation of the life that follows."""
    flash, journal = rig.fresh(8)
    rig.record_session(journal, 20)
    assert rig.acknowledge(journal, 1)
    rig.record_session(journal, 3)
    kept = rig.read(journal, 2)
    begin = flash.image
    runs = 0
    first = 0
    while True:
        first += 1
        flash, journal = rig.power_on(begin, first, torn)
        try:
            live(journal, 8)
            break
        except rig.PowerCut:
            pass
        second = 0
        while True:
            second += 1
            what = f"cuts {first} and {second} {'torn' if torn else 'clean'}"
            again, journal = rig.power_on(flash.image, second, torn)
            try:
                live(journal, 8)
                break
            except rig.PowerCut:
                pass
            runs += 1
            before, after = whole_pages(flash.image), whole_pages(again.image)
            # Only what the host had may be gone.
            assert {key: one for key, one in before.items() if key[0] != 1}.items() <= after.items(), what
            mounted = rig.power_on(again.image)[1]
            assert rig.read(mounted, 2) == kept, what
            assert 1 not in rig.sessions(mounted), what
            if second % 3 == first % 3:
                check_recovery(again.image, {1}, what)
    assert runs > 100


@pytest.mark.parametrize("kept_bytes", [0, 1, 4, 11, 12, 13, 100, 200])
@pytest.mark.parametrize("number", [0, 1, 13, 14, 29, 30])
def test_the_last_page_torn_after_any_number_of_bytes(number, kept_bytes):
    flash, journal = rig.fresh(6)
    journal.open()
    rig.write_pages(journal, number + 1)
    before = rig.read(journal, 1)
    _, block, at = flash.done[-1]
    image = rig.tear(flash.image, block, at, kept_bytes)
    _, journal = rig.power_on(image)
    data = rig.read(journal, 1)
    # A block whose only page is torn belongs to nobody: the torn page is no loss beyond itself.
    alone = at == 0
    size = 256 * (number + (kept_bytes > 0 and not alone))
    assert data == before[: 256 * number] + image[block * 4096 + at * 256 :][: size - 256 * number]
    check_recovery(image, set(), f"page {number}, {kept_bytes} bytes")


def test_the_line_says_what_a_torn_page_is():
    flash, journal = rig.fresh(6)
    rig.record_session(journal, 5)
    _, journal = rig.power_on(rig.tear(flash.image, 0, 2, 99))
    data = rig.Line(journal).pull()[1]
    assert len(data) == 5 * 256
    assert [q for _, q, _ in valid(data)] == [0, 1, 3, 4]
    assert rig.Line(journal).ask(message.LIST, 0) == [0, 0, 0, 0]
