"""The link: what a host asks, byte by byte, over a console that drops and a line that damages."""

from __future__ import annotations

import hashlib
import random

import make_vectors
import pytest
from device import rig
from device.rig import recorded

from mmc_core import frame, message, record
from mmc_core import settings as schema
from mmc_core.errors import PeerError
from mmc_core.sync_client import SyncClient
from mmc_sim.console import INPUT_BYTES


def test_hello_says_who_it_is():
    _, line = recorded()
    versions = [message.PROTOCOL_MAJOR, message.PROTOCOL_MINOR, record.FORMAT_MAJOR, record.FORMAT_MINOR]
    assert line.ask(message.HELLO, 1, 0) == [*versions, "0.1.0", "rig-1", "rig"]
    assert line.ask(message.HELLO, 1, 255)[:2] == [1, message.PROTOCOL_MINOR]


@pytest.mark.parametrize("major", [0, 2, 255])
def test_another_major_of_the_protocol_is_refused(major):
    _, line = recorded()
    with pytest.raises(PeerError) as caught:
        line.ask(message.HELLO, major, 0)
    assert caught.value.code == message.RESULT_VERSION


def test_status_control_and_time_reach_the_app():
    _, line = recorded()
    assert line.ask(message.SET_TIME, 1_767_225_600_000) == [message.OK]
    assert line.ask(message.STATUS) == [1, 1_767_225_600_000, 1, 0, 0, 1, 0, 5, 2, 8, 0, 0]
    assert line.ask(message.CONTROL, message.VERB_CALIBRATE, 2) == [message.OK]
    assert line.app.controls == [(message.VERB_CALIBRATE, 2)]


# Sessions


def test_list_walks_over_the_sessions_that_the_host_has_not():
    _, journal = rig.fresh(8)
    line = rig.Line(journal)
    assert line.ask(message.LIST, 0) == [0, 0, 0, 0]
    for pages in (3, 20, 7):
        rig.record_session(journal, pages)
    assert line.ask(message.LIST, 0) == [1, 3 * 256, 1, 1]
    assert line.ask(message.LIST, 1) == [2, 20 * 256, 1, 1]
    assert line.ask(message.LIST, 2) == [3, 7 * 256, 1, 0]
    assert line.ask(message.LIST, 3) == [0, 0, 0, 0]
    assert line.ask(message.LIST, 65535) == [0, 0, 0, 0]
    assert line.acknowledge(2, rig.read(journal, 2)) == message.OK
    assert line.list() == [(1, 3 * 256, 1), (3, 7 * 256, 1)]
    journal.open()
    rig.write_pages(journal, 2)
    assert line.list() == [(1, 3 * 256, 1), (3, 7 * 256, 1), (4, 2 * 256, 0)]


def test_a_pull_from_each_offset_gives_the_rest():
    _, line = recorded()
    whole = rig.read(line.app.journal, 1)
    for offset in [*range(0, len(whole), 401), *range(14 * 256 - 2, 14 * 256 + 3), len(whole) - 1]:
        assert line.read(1, offset) == whole[offset:]
    assert line.read(1, len(whole)) == b""
    assert line.read(1, 2**32 - 1, 1) == b""


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000, 2**32 - 1])
@pytest.mark.parametrize("offset", [0, 100, 3584])
def test_a_read_gives_as_much_as_was_asked_for(offset, count):
    _, line = recorded()
    whole = rig.read(line.app.journal, 1)
    assert line.read(1, offset, count) == whole[offset : offset + count]


def test_one_piece_goes_out_per_tick():
    _, line = recorded(10)
    line.send(message.READ, 1, 100, 1000)
    sizes = [len(line.tick()[0][1][2]) for _ in range(6)]
    assert sizes == [156, 256, 256, 256, 76, 0]
    assert line.tick() == []
    assert frame.MAX_PAYLOAD_BYTES >= 6 + 256


def test_a_pull_while_recording_gives_a_growing_prefix_that_never_moves():
    _, journal = rig.fresh(8)
    line = rig.Line(journal)
    session = journal.open()
    have = b""
    with pytest.raises(PeerError) as caught:
        line.read(session)
    assert caught.value.code == message.RESULT_UNKNOWN
    for i, (kind, values, tail, count) in enumerate(make_vectors.session_records(session, 40)):
        journal.write(kind, values, tail, count)
        journal.tick()
        if i % 23 == 22 and journal.size(session):
            assert line.ask(message.LIST, 0)[2] == 0  # not closed
            assert line.read(session, 0, len(have)) == have
            have += line.read(session, len(have))
            assert len(have) == journal.size(session)
    assert line.acknowledge(session, have) == message.RESULT_MISMATCH
    journal.close()
    have += line.read(session, len(have))
    assert have == rig.read(journal, session)
    assert line.acknowledge(session, have) == message.OK
    assert line.list() == []


def test_a_stream_follows_a_session_that_grows_while_it_runs():
    _, journal = rig.fresh(8)
    line = rig.Line(journal)
    session = journal.open()
    rig.write_pages(journal, 3)
    line.send(message.READ, session, 0, 1 << 20)
    data, pieces = b"", 0
    while True:
        ((_, (_, offset, piece)),) = line.tick()
        assert offset == len(data)
        if not piece:
            break
        data += piece
        pieces += 1
        if pieces < 10:
            rig.write_pages(journal, 1)
    assert pieces == 12
    journal.close()
    assert data == rig.read(journal, session)


@pytest.mark.parametrize("pieces", range(0, 12))
def test_an_interrupted_stream_resumes(pieces):
    _, line = recorded(10)
    whole = rig.read(line.app.journal, 1)
    line.send(message.READ, 1, 0, 1 << 20)
    data = b""
    for _ in range(pieces):
        for _, (_, offset, piece) in line.tick():
            assert offset == len(data)
            data += piece
    # The cable is pulled; another host process begins with another sequence, and asks for the rest.
    line.client = SyncClient(first_sequence=99)
    line.console.take()
    assert line.ask(message.HELLO, 1, 0)[0] == 1  # ends the stream
    assert line.tick() == []
    data += line.read(1, len(data))
    assert data == whole
    assert line.acknowledge(1, data) == message.OK


@pytest.mark.parametrize("session", [0, 2, 65535])
def test_what_does_not_exist_is_refused(session):
    _, line = recorded()
    with pytest.raises(PeerError) as caught:
        line.read(session)
    assert caught.value.code == message.RESULT_UNKNOWN
    assert line.ask(message.ACKNOWLEDGE, session, 0, hashlib.sha256().digest()) == [session, message.RESULT_MISMATCH]


def test_an_acknowledgement_takes_several_questions():
    _, line = recorded(40)
    data = rig.read(line.app.journal, 1)
    digest = hashlib.sha256(data).digest()
    ask = (message.ACKNOWLEDGE, 1, len(data), digest)
    assert [line.ask(*ask)[1] for _ in range(4)] == [message.RESULT_PENDING] * 2 + [message.OK] * 2
    assert line.list() == []


@pytest.mark.parametrize("digest", [b"", bytes(32), b"\xff" * 100])
def test_a_wrong_acknowledgement_is_a_mismatch(digest):
    flash, line = recorded(3)
    image = flash.image
    assert line.ask(message.ACKNOWLEDGE, 1, 3 * 256, digest) == [1, message.RESULT_MISMATCH]
    assert line.ask(message.ACKNOWLEDGE, 1, 3 * 256 - 1, digest) == [1, message.RESULT_MISMATCH]
    assert flash.image == image


# Settings


def test_all_settings_come_one_by_one():
    _, line = recorded()
    names = list(schema.names())
    for index, name in enumerate(names):
        count, number, key = line.ask(message.GET_SETTING, index)
        assert count == len(names)
        assert schema.from_wire(number, key) == (name, schema.find_row(name)[4])
    for index in (len(names), 255):
        with pytest.raises(PeerError) as caught:
            line.ask(message.GET_SETTING, index)
        assert caught.value.code == message.RESULT_UNKNOWN


def other_value(name: str) -> object:
    _, kind, low, high, default = schema.find_row(name)
    if kind == "int":
        return high if default != high else low
    return low[-1] if kind == "word" and default != low[-1] else low[0] if kind == "word" else "ü" * (high // 2)


def test_every_setting_can_be_put_and_is_then_in_force():
    _, line = recorded()
    for index, name in enumerate(schema.names()):
        value = other_value(name)
        assert value != schema.find_row(name)[4]
        assert line.ask(message.PUT_SETTING, *schema.to_wire(name, value)) == [message.OK]
        assert line.app.config.settings[name] == value
        _, number, key = line.ask(message.GET_SETTING, index)
        assert schema.from_wire(number, key) == (name, value)


@pytest.mark.parametrize(
    ("number", "key"),
    [(0, "target_low_pct"), (201, "target_low_pct"), (9, "mains_hz"), (-1, "mains_hz"), (0, "nonsense"), (0, "")],
)
def test_a_setting_out_of_range_is_refused_and_changes_nothing(number, key):
    _, line = recorded()
    assert line.ask(message.PUT_SETTING, number, key) == [message.RESULT_RANGE]
    assert all(line.app.config.settings[name] == schema.find_row(name)[4] for name in schema.names())


# Damage


def raw_frame(kind: int, payload: bytes, sequence: int = 77) -> bytes:
    scratch, out = bytearray(5) + payload + bytes(4), bytearray(320)
    return bytes(out[: frame.encode_into(out, scratch, kind, sequence, len(payload))])


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    receiver = frame.Receiver(frame.MAX_PAYLOAD_BYTES)
    found = (receiver.feed(byte) for byte in data)
    return [(one[0], one[1], bytes(one[2])) for one in found if one]


@pytest.mark.parametrize("kind", [k for k in range(1, 128) if k not in message.MESSAGES])
def test_an_unknown_request_is_refused(kind):
    _, line = recorded(1)
    line.console.send(raw_frame(kind, b"abc"))
    line.link.tick(line.now_ms)
    assert frames(line.console.take()) == [(message.REFUSED, 77, bytes((kind, message.RESULT_UNKNOWN)))]


@pytest.mark.parametrize("kind", [0, *range(128, 256)])
def test_what_is_no_request_gets_no_answer_and_disturbs_no_stream(kind):
    _, line = recorded(4)
    line.send(message.READ, 1, 0, 1 << 20)
    data = line.tick()[0][1][2]
    line.console.send(raw_frame(kind, b"\x01\x00"))
    for _ in range(4):
        data += line.tick()[0][1][2]
    assert data == rig.read(line.app.journal, 1)


@pytest.mark.parametrize("kind", sorted(set(message.MESSAGES) - {message.REFUSED}))
def test_a_request_with_a_wrong_payload_is_refused_and_not_carried_out(kind):
    _, line = recorded(1)
    for payload in (b"\x01", b"\x01" * 3, b"\x05" * 60):
        try:
            message.unpack(message.MESSAGES[kind][0], payload)
        except ValueError:
            line.console.send(raw_frame(kind, payload, len(payload)))
            line.link.tick(line.now_ms)
            wanted = (message.REFUSED, len(payload), bytes((kind, message.RESULT_UNKNOWN)))
            assert frames(line.console.take()) == [wanted]
    assert line.app.controls == []


def test_text_and_noise_before_a_request():
    _, line = recorded(1)
    rng = random.Random(3)
    for noise in (b"\r\n>>> import os\r\n", b"\x03\x03\x04", bytes(40), rng.randbytes(60), b"\xff" * 100):
        line.console.send(noise)
        assert line.ask(message.LIST, 0) == [1, 256, 1, 0]


def test_what_the_console_drops_is_asked_again():
    _, line = recorded(1)
    line.console.send(b"\xaa" * 1000)  # a paste: the console keeps 259 bytes
    wire = line.send(message.CONTROL, 1, 0)
    assert line.console._inbox.dropped == 1000 - INPUT_BYTES + len(wire)
    assert line.tick() == line.tick() == []
    assert line.app.controls == []
    line.console.send(line.client.tick(line.now_ms + 500))
    assert line.tick() == [(message.CONTROL, [message.OK])]
    assert line.app.controls == [(1, 0)]


def test_a_request_cut_by_the_full_console_does_not_join_the_next():
    _, line = recorded(1)
    line.console.send(b"\xaa" * (INPUT_BYTES - 6))
    line.send(message.CONTROL, 1, 0)  # six bytes of it get in
    line.tick()
    line.tick()
    assert line.ask(message.CONTROL, 2, 0) == [message.OK]
    assert line.app.controls == [(2, 0)]


def test_one_tick_takes_no_more_than_one_buffer():
    _, line = recorded(1)
    line.console.send(b"\xaa" * (INPUT_BYTES - 1) + b"\x00")
    line.link.tick(line.now_ms)
    assert line.console._inbox._count == INPUT_BYTES - 256
    line.link.tick(line.now_ms)
    assert line.console._inbox._count == 0


def test_a_request_sent_twice_is_carried_out_once_and_answered_twice():
    _, line = recorded(1)
    wire = line.send(message.CONTROL, 1, 7)
    line.console.send(wire)
    line.link.tick(line.now_ms)
    first, second = frames(line.console.take())
    assert first == second == (message.CONTROL | message.REPLY, 1, bytes((message.OK,)))
    assert line.app.controls == [(1, 7)]


def test_a_new_request_ends_a_stream():
    _, line = recorded(10)
    line.send(message.READ, 1, 0, 1 << 20)
    line.tick()
    assert line.ask(message.LIST, 0) == [1, 10 * 256, 1, 0]
    assert line.tick() == []


def test_a_read_sent_twice_starts_over():
    _, line = recorded(3)
    wire = line.send(message.READ, 1, 0, 1 << 20)
    offsets = [line.tick()[0][1][1], line.tick()[0][1][1]]
    line.console.send(wire)
    offsets += [line.tick()[0][1][1] for _ in range(4)]
    assert offsets == [0, 256, 0, 256, 512, 768]


def test_a_stream_of_a_session_that_is_erased_meanwhile_just_ends():
    _, journal = rig.fresh(8)
    line = rig.Line(journal)
    rig.record_session(journal, 40)
    rig.record_session(journal, 1)
    data = rig.read(journal, 1)
    assert line.acknowledge(1, data) == message.OK
    line.send(message.READ, 1, 0, 1 << 20)
    got = line.tick()[0][1][2]
    assert rig.prepare(journal) == 3
    ((_, (_, offset, piece)),) = line.tick()
    assert (got, offset, piece) == (data[:256], 256, b"")
    assert line.tick() == []


def test_flash_that_cannot_be_read_is_refused_and_raised_once():
    flash, line = recorded(40)
    whole = rig.read(line.app.journal, 1)
    flash.unreadable = {1}
    line.send(message.READ, 1, 0, 1 << 20)
    data = b""
    for _ in range(14):
        data += line.tick()[0][1][2]
    with pytest.raises(OSError):
        line.link.tick(line.now_ms)
    with pytest.raises(PeerError) as caught:
        line.tick()
    assert caught.value.code == message.RESULT_FLASH
    assert line.tick() == []
    assert data == whole[: 14 * 256]
    # An acknowledgement that needs those bytes is refused the same way, and works when they can be read again.
    digest = hashlib.sha256(whole).digest()
    line.send(message.ACKNOWLEDGE, 1, len(whole), digest)
    with pytest.raises(OSError):
        line.link.tick(line.now_ms)
    with pytest.raises(PeerError) as caught:
        line.tick()
    assert caught.value.code == message.RESULT_FLASH
    flash.unreadable = set()
    assert line.acknowledge(1, whole) == message.OK


@pytest.mark.parametrize("seed", range(8))
def test_any_noise_and_any_frames_leave_the_device_answering(seed):
    flash, line = recorded(20)
    image = flash.image
    rng = random.Random(seed)
    for _ in range(60):
        kind, size = rng.randrange(256), rng.choice((0, 1, 2, 5, 7, 10, 38, 150))
        wire = raw_frame(kind, rng.randbytes(size), rng.randrange(2**32))
        if rng.random() < 0.5:
            wire = wire[: rng.randrange(len(wire))] + rng.randbytes(rng.randrange(9)) + wire[rng.randrange(len(wire)) :]
        line.console.send(wire)
        line.link.tick(line.now_ms)
        line.link.tick(line.now_ms)
    line.console.take()
    line.client = SyncClient(first_sequence=5_000_000)
    line.console.send(b"\0")
    assert line.ask(message.LIST, 0) == [1, 20 * 256, 1, 0]
    assert flash.image == image


def test_a_pull_over_a_line_that_loses_and_damages_is_exact():
    _, journal = rig.fresh(8)
    wanted = {}
    for pages in (20, 5, 33):
        session = rig.record_session(journal, pages)
        wanted[session] = rig.read(journal, session)
    line = rig.Line(journal)
    rng = random.Random(11)
    harmed = 0

    def harm(data: bytes) -> bytes:
        nonlocal harmed
        if not data or rng.random() > 0.1:
            return data
        harmed += 1
        at = rng.randrange(len(data))
        return rng.choice((b"", data[:at], data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]))

    def ask(kind: int, *values: object) -> list[list]:
        """All replies until 500 ms of silence; the request goes again until the first came."""
        wire: bytes | None = line.client.request(kind, values, line.now_ms)
        found: list[list] = []
        begun = line.now_ms
        while not found or line.now_ms - begun < 500:
            if wire:
                line.console.send(harm(wire))
            line.link.tick(line.now_ms)
            line.now_ms += 10
            replies = line.client.receive(harm(line.console.take()), line.now_ms)
            found += [values for _, values in replies]
            begun = line.now_ms if replies else begun
            wire = None if found else line.client.tick(line.now_ms)
            if kind != message.READ and found:
                break
            if found and kind == message.READ and not found[-1][2]:
                break
        return found

    home = {}
    session, size, _, _ = ask(message.LIST, 0)[0]
    while session:
        data = b""
        while len(data) < size:
            for _, offset, piece in ask(message.READ, session, len(data), size - len(data)):
                if offset <= len(data):
                    data += piece[len(data) - offset :]
        result = message.RESULT_PENDING
        while result == message.RESULT_PENDING:
            result = ask(message.ACKNOWLEDGE, session, len(data), hashlib.sha256(data).digest())[0][1]
        assert result == message.OK
        home[session] = data
        session, size, _, _ = ask(message.LIST, session)[0]
    assert home == wanted
    assert harmed > 10
    assert line.list() == []
