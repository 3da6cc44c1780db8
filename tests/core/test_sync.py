"""Sync: client and server back to back over a line that loses, doubles, damages, cuts and delays; time is injected."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc_core import frame, message
from mmc_core.errors import PeerError
from mmc_core.sync import SyncServer
from mmc_core.sync_client import SyncClient

CONTENT = random.Random(5).randbytes(9000)  # what READ gives


class Device:
    """A server that answers every request by a rule that the test can compute too, and notes what it carried out."""

    def __init__(self) -> None:
        self.server = SyncServer()
        self.done: list[tuple[int, tuple]] = []
        self.settings: dict[str, int] = {}

    def take(self, data: bytes) -> list[bytes]:
        """Bytes in; frames out."""
        sent = []
        for byte in data:
            request = self.server.receive(byte)
            if request is None:
                continue
            kind, values = request
            if kind == 0:
                size = values
            elif values is None:
                size = self.server.refuse_into(message.RESULT_UNKNOWN)
            else:
                self.done.append((kind, tuple(values)))
                if kind == message.READ:
                    sent += self.read(*values)
                    continue
                size = self.server.reply_into(answer(kind, values, len(self.done)))
            if size:
                sent.append(bytes(self.server.out[:size]))
        return sent

    def read(self, session: int, offset: int, count: int) -> list[bytes]:
        sent = []
        end = min(offset + count, len(CONTENT))
        for at in [*range(offset, end, 256), end]:
            size = self.server.reply_into((session, at, CONTENT[at : min(at + 256, end)]))
            sent.append(bytes(self.server.out[:size]))
        return sent


def answer(kind: int, values: list, number: int) -> tuple:
    """The reply to a request: depends on what was asked, and for CONTROL on how much was carried out before."""
    if kind == message.CONTROL:
        return (number % 251,)
    if kind == message.LIST:
        return values[0], 7 * values[0], 1, values[0] & 1
    if kind == message.GET_SETTING:
        return 52, values[0] - 100, f"key{values[0]}"
    return (values[0] % 251,)


class Line:
    """One direction of a wire: bytes keep their order; each frame may be lost, doubled, damaged, cut or held back."""

    def __init__(self, rng: random.Random, harm: float) -> None:
        self.rng = rng
        self.harm = harm
        self.harmed = 0
        self.held: list[tuple[int, bytes]] = []  # when it arrives, what

    def send(self, data: bytes, now_ms: int) -> None:
        rng = self.rng
        if rng.random() < self.harm:
            self.harmed += 1
            what = rng.randrange(6)
            if what == 0:
                return
            if what == 1:
                data += data
            elif what == 2:
                bit = rng.randrange(8 * len(data))
                data = data[: bit // 8] + bytes((data[bit // 8] ^ 1 << bit % 8,)) + data[bit // 8 + 1 :]
            elif what == 3:
                data = data[: rng.randrange(len(data))]
            elif what == 4:
                data = rng.randbytes(rng.randrange(30)) + data
            else:
                now_ms += rng.randrange(1500)
        due = max(now_ms, self.held[-1][0]) if self.held else now_ms  # a wire does not overtake itself
        self.held.append((due, data))

    def take(self, now_ms: int) -> bytes:
        data = b""
        while self.held and self.held[0][0] <= now_ms:
            data += self.held.pop(0)[1]
        return data


class Host:
    """A client on a clock that steps 50 ms."""

    def __init__(self, seed: int, harm: float, first_sequence: int = 1, harm_back: float | None = None) -> None:
        rng = random.Random(seed)
        self.device = Device()
        self.out, self.back = Line(rng, harm), Line(rng, harm if harm_back is None else harm_back)
        self.client = SyncClient(first_sequence=first_sequence)
        self.now_ms = 1 << 30

    def step(self) -> list[tuple[int, list]]:
        for sent in self.device.take(self.out.take(self.now_ms)):
            self.back.send(sent, self.now_ms)
        replies = self.client.receive(self.back.take(self.now_ms), self.now_ms)
        self.now_ms += 50
        again = None if replies else self.client.tick(self.now_ms)
        if again:
            self.out.send(again, self.now_ms)
        return replies

    def ask(self, kind: int, *values: object) -> list:
        self.out.send(self.client.request(kind, values, self.now_ms), self.now_ms)
        while True:
            replies = self.step()
            if replies:
                assert replies[0][0] == kind
                assert all(one == replies[0] for one in replies)  # a doubled frame says the same
                return replies[0][1]

    def pull(self) -> bytes:
        """All of CONTENT: pieces in order are taken, a hole or silence makes the host ask for the rest."""
        data = b""
        while True:
            self.out.send(self.client.request(message.READ, (1, len(data), 1 << 16), self.now_ms), self.now_ms)
            begun = len(data)
            quiet = 0
            while quiet < 40:
                replies = self.step()
                quiet = 0 if replies else quiet + 1
                for _, (session, offset, piece) in replies:
                    assert session == 1
                    assert piece == CONTENT[offset : offset + len(piece)]
                    if offset == len(data):
                        data += piece
                        if not piece:
                            return data
                if len(data) > begun and quiet > 5:
                    break


@pytest.mark.parametrize("seed", range(30))
def test_replies_are_right_or_the_host_gives_up(seed):
    host = Host(seed, 0.3)
    asked: list[tuple] = []
    right = gave_up = 0
    rng = random.Random(seed)
    for number in range(60):
        kind = rng.choice((message.CONTROL, message.CONTROL, message.LIST, message.GET_SETTING, message.PUT_SETTING))
        values = {
            message.CONTROL: (number, 1),
            message.PUT_SETTING: (number, "mains_hz"),
            message.GET_SETTING: (number,),
            message.LIST: (number,),
        }[kind]
        try:
            reply = host.ask(kind, *values)
        except PeerError as error:
            assert error.code == 0
            gave_up += 1
            continue
        right += 1
        asked.append((kind, values))
        at = host.device.done.index((kind, values))
        assert reply == list(answer(kind, list(values), at + 1))
    controls = [one for one in host.device.done if one[0] == message.CONTROL]
    assert len(controls) == len(set(controls))  # each carries its number: none was carried out twice
    assert [one for one in host.device.done if one in asked] == asked  # in order, each once
    assert right + gave_up == 60 and right >= 57


@given(st.integers(0, 2**32), st.floats(0, 0.9))
@settings(max_examples=40)
def test_no_control_is_carried_out_twice_on_any_line(seed, harm):
    host = Host(seed, harm)
    for number in range(12):
        try:
            reply = host.ask(message.CONTROL, number, 0)
        except PeerError:
            continue
        assert reply == [(host.device.done.index((message.CONTROL, (number, 0))) + 1) % 251]
    assert len(host.device.done) == len(set(host.device.done))


@pytest.mark.parametrize("seed", range(12))
def test_a_pull_over_a_bad_line_gives_exact_bytes(seed):
    host = Host(seed, 0.2, harm_back=0.15)
    assert host.pull() == CONTENT
    assert host.out.harmed + host.back.harmed >= 2


def test_a_perfect_line_asks_once():
    host = Host(0, 0)
    assert [host.ask(message.CONTROL, number, 0) for number in range(20)] == [[n + 1] for n in range(20)]
    assert host.pull() == CONTENT
    assert host.client.dropped == 0
    assert len(host.device.done) == 21


@pytest.mark.parametrize("lost", range(1, 6))
def test_the_same_frame_is_sent_again_when_its_time_is_out(lost):
    client = SyncClient(timeout_ms=500, tries=6)
    wire = client.request(message.CONTROL, (1, 0), 1000)
    now_ms = 1000
    for _ in range(lost):
        assert client.tick(now_ms + 499) is None
        now_ms += 500
        assert client.tick(now_ms) == wire
    device = Device()
    (reply,) = device.take(wire)
    assert client.receive(reply, now_ms + 1) == [(message.CONTROL, [1])]


def test_after_so_many_tries_it_is_over():
    client = SyncClient(timeout_ms=500, tries=6)
    client.request(message.STATUS, (), 0)
    assert all(client.tick(500 * i) for i in range(1, 6))
    assert client.tick(2999) is None
    with pytest.raises(PeerError) as caught:
        client.tick(3000)
    assert caught.value.code == 0
    assert client.request(message.STATUS, (), 3000)
    assert client.tick(3499) is None


def test_a_reply_restarts_the_time_out_because_more_may_come():
    client, device = SyncClient(), Device()
    pieces = device.take(client.request(message.READ, (1, 0, 1024), 0))
    for i, piece in enumerate(pieces):
        now_ms = 400 * (i + 1)
        assert client.tick(now_ms) is None
        assert len(client.receive(piece, now_ms)) == 1
    assert client.tick(400 * len(pieces) + 499) is None
    assert client.tick(400 * len(pieces) + 500) is not None


def test_sequence_numbers_wrap():
    host = Host(3, 0.3, first_sequence=2**32 - 3)
    for number in range(8):
        host.ask(message.CONTROL, number, 0)
    assert host.device.done == [(message.CONTROL, (number, 0)) for number in range(8)]
    receiver = frame.Receiver(192)
    client = SyncClient(first_sequence=2**32 - 1)
    seen = []
    for _ in range(3):
        for byte in client.request(message.STATUS, (), 0):
            found = receiver.feed(byte)
            seen += [found[1]] if found else []
    assert seen == [2**32 - 1, 0, 1]


def test_a_repeated_request_gets_the_reply_that_it_got():
    device, client = Device(), SyncClient()
    wire = client.request(message.CONTROL, (1, 0), 0)
    first = device.take(wire)
    assert device.take(wire) == device.take(wire) == first
    assert len(device.done) == 1
    assert device.take(SyncClient(first_sequence=2).request(message.CONTROL, (1, 0), 0)) != first
    assert len(device.done) == 2


def test_a_repeated_read_starts_over():
    device, client = Device(), SyncClient()
    wire = client.request(message.READ, (1, 0, 600), 0)
    assert device.take(wire) == device.take(wire)
    assert len(device.done) == 2


def test_replies_to_earlier_requests_are_not_taken():
    device, client = Device(), SyncClient()
    (late,) = device.take(client.request(message.CONTROL, (1, 0), 0))
    (reply,) = device.take(client.request(message.CONTROL, (2, 0), 0))
    assert client.receive(late) == []
    assert client.receive(late + reply + late) == [(message.CONTROL, [2])]


def test_a_refusal_is_an_error_with_its_code():
    server, client = SyncServer(), SyncClient()
    assert [server.receive(byte) for byte in client.request(message.STATUS, (), 0)][-1] == (message.STATUS, [])
    size = server.refuse_into(message.RESULT_BUSY)
    with pytest.raises(PeerError) as caught:
        client.receive(bytes(server.out[:size]))
    assert caught.value.code == message.RESULT_BUSY


def frame_of(kind: int, payload: bytes, sequence: int = 1) -> bytes:
    scratch, out = bytearray(5) + payload + bytes(4), bytearray(320)
    return bytes(out[: frame.encode_into(out, scratch, kind, sequence, len(payload))])


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (message.REFUSED, b""),
        (message.REFUSED, b"\x01"),
        (message.REFUSED, b"\x01\x02\x03"),
        (message.HELLO | message.REPLY, b"\x01\x00\x01\x00\x01\xff\x00\x00"),
        (message.HELLO | message.REPLY, b"\x01"),
    ],
)
def test_a_reply_out_of_form_is_the_peers_error(kind, payload):
    client = SyncClient()
    client.request(message.HELLO, (1, 0), 0)
    with pytest.raises(PeerError) as caught:
        client.receive(frame_of(kind, payload))
    assert caught.value.code == 0


@given(st.sampled_from(sorted(message.MESSAGES)), st.integers(0, 255), st.binary(max_size=280))
def test_any_reply_is_read_or_the_peers_error(request_kind, kind, payload):
    client = SyncClient()
    row = message.MESSAGES[request_kind]
    values = tuple({"t": "a", "*": b"a"}.get(code, 1) for code in row[0])
    client.request(request_kind, values, 0)
    try:
        replies = client.receive(frame_of(kind, payload))
    except PeerError:
        return
    assert replies == [] or (kind == request_kind | message.REPLY and len(replies) == 1)


@given(st.integers(0, 255), st.binary(max_size=160))
def test_any_frame_to_the_device_is_a_request_a_refusal_or_nothing(kind, payload):
    server = SyncServer()
    answers = [server.receive(byte) for byte in frame_of(kind, payload)]
    assert set(answers[:-1]) == {None}
    if not 0 < kind < message.REPLY:
        assert answers[-1] is None
    elif answers[-1][1] is None:
        assert answers[-1][0] == kind
        receiver = frame.Receiver(64)
        found = [receiver.feed(byte) for byte in bytes(server.out[: server.refuse_into(message.RESULT_UNKNOWN)])]
        assert (found[-1][0], bytes(found[-1][2])) == (message.REFUSED, bytes((kind, message.RESULT_UNKNOWN)))
    else:
        assert message.pack(message.MESSAGES[kind][0], answers[-1][1], bytearray(300), 0) == len(payload)


def test_an_echo_of_replies_is_neither_answered_nor_forgets_the_request():
    device, client = Device(), SyncClient()
    wire = client.request(message.CONTROL, (1, 0), 0)
    (reply,) = device.take(wire)
    assert device.take(reply) == []
    assert device.take(frame_of(message.REFUSED, b"\x09\x01")) == []
    assert device.take(wire) == [reply]
    assert len(device.done) == 1


def test_a_request_too_long_for_the_device_is_not_sent():
    client = SyncClient()
    with pytest.raises(PeerError) as caught:
        client.request(message.PUT_SETTING, (0, "x" * 200), 0)
    assert caught.value.code == message.RESULT_RANGE


def test_input_of_the_server_is_bounded():
    device, client = Device(), SyncClient()
    assert device.take(b"\xaa" * 20_000) == []
    assert len(device.take(client.request(message.CONTROL, (1, 0), 0))) == 1
