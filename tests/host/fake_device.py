"""A wearable's end of the line, scripted with `mmc_core.message` and `frame` alone, on a clock that tests move."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from mmc_core import event, frame, message, settings
from mmc_host.schema import message_rows

PIECE_BYTES = 256


class FakeClock:
    """A clock in seconds that only moves when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class FakeTransport:
    """A line in memory. `lose(n)` says whether the n-th frame to the host, from 0, gets lost."""

    name = "fake"
    has_rate = False

    def __init__(self, device: FakeDevice, clock: FakeClock) -> None:
        self.device = device
        self.clock = clock
        self.lose: Callable[[int], bool] = lambda number: False
        self.lose_request: Callable[[int], bool] = lambda number: False
        self.noise = b""
        self.frames_sent = 0
        self.requests_sent = 0
        self.longest_wait_s = 0.0
        self.closed = False
        self._waiting: list[bytes] = []

    def read(self, timeout_s: float) -> bytes:
        if not self._waiting:
            self.clock.now_s += timeout_s
            self.longest_wait_s = max(self.longest_wait_s, timeout_s)
            return b""
        self.clock.now_s += 0.001
        return self._waiting.pop(0)

    def write(self, data: bytes) -> None:
        assert len(data) <= frame.MAX_TO_DEVICE_BYTES
        self.requests_sent += 1
        if self.lose_request(self.requests_sent - 1):
            return
        for answer in self.device.take(data):
            if not self.lose(self.frames_sent):
                self._waiting.append(self.noise + answer)
            self.frames_sent += 1

    def close(self) -> None:
        self.closed = True


class FakeDevice:
    """Holds sessions and settings; `log` is what it was asked, `payload_bytes` what it sent of sessions."""

    def __init__(self) -> None:
        self.sessions: dict[int, bytes] = {}
        self.closed: set[int] = set()
        self.acknowledged: set[int] = set()
        self.settings = settings.Settings()
        self.programs: dict[int, tuple[int, int, bytes]] = {}  # by slot: shift in percent, streak, bytes
        self.findings: list[tuple[int, int, int, int]] = []  # per channel, as `message.CHECKED` says
        self.newer_settings: list[tuple[int, str]] = []
        self.log: list[tuple[int, list]] = []
        self.payload_bytes = 0
        self.pending = 0  # how often ACKNOWLEDGE answers that it is still hashing
        self.refuse: dict[int, int] = {}  # request kind: code
        self.protocol_major = message.PROTOCOL_MAJOR
        self.statuses: list[dict[str, int]] = []  # what STATUS says, one after the other; the last one stays
        self.utc_ms = 0
        self.health: dict[str, int | str] = {}  # what HEALTH says
        self.on_usb = False  # refuses to measure on USB power, unless it is told to accept it
        self._receiver = frame.Receiver(frame.MAX_TO_DEVICE_BYTES)

    def add(self, session: int, data: bytes, *, closed: bool = True, acknowledged: bool = False) -> FakeDevice:
        self.sessions[session] = data
        (self.closed.add if closed else self.closed.discard)(session)
        if acknowledged:
            self.acknowledged.add(session)
        return self

    def count(self, kind: int) -> int:
        return sum(1 for asked, _ in self.log if asked == kind)

    def take(self, data: bytes) -> list[bytes]:
        """Answer what a host sent: one frame per element."""
        answers: list[bytes] = []
        for byte in data:
            found = self._receiver.feed(byte)
            if found is None:
                continue
            kind, sequence, payload = found
            values = message.unpack(message.MESSAGES[kind][0], payload)
            self.log.append((kind, values))
            if kind in self.refuse:
                answers.append(encode(message.REFUSED, sequence, "BB", [kind, self.refuse[kind]]))
                continue
            codes = message.MESSAGES[kind][1]
            answers += [encode(kind | message.REPLY, sequence, codes, reply) for reply in self._answer(kind, values)]
        return answers

    def _answer(self, kind: int, values: list) -> list[list]:
        return getattr(self, f"_{message_rows()[kind].name}")(*values)

    def _hello(self, major: int, minor: int) -> list[list]:
        return [[self.protocol_major, 0, 1, 0, "0.1.0", "mmc-fake", "none"]]

    def _status(self) -> list[list]:
        now = self.statuses.pop(0) if len(self.statuses) > 1 else (self.statuses or [{}])[0]
        names = message_rows()[message.STATUS].reply
        defaults = {
            "activity": 1,
            "blocks": 384,
            "free_blocks": 96,
            "ready_blocks": 90,
            "session": max([0, *self.sessions]),
        }
        return [[{**defaults, **now}.get(name, 0) for name in names]]

    def _list(self, after: int) -> list[list]:
        later = sorted(number for number in self.sessions if number > after and number not in self.acknowledged)
        if not later:
            return [[0, 0, 0, 0]]
        number = later[0]
        return [[number, len(self.sessions[number]), int(number in self.closed), int(len(later) > 1)]]

    def _read(self, session: int, offset: int, count: int) -> list[list]:
        data = self.sessions[session][offset : offset + count]
        pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
        self.payload_bytes += len(data)
        replies = [[session, offset + at * PIECE_BYTES, piece] for at, piece in enumerate(pieces)]
        return [*replies, [session, offset + len(data), b""]]

    def _acknowledge(self, session: int, size: int, sha256: bytes) -> list[list]:
        if self.pending:
            self.pending -= 1
            return [[session, message.RESULT_PENDING]]
        data = self.sessions[session]
        if size != len(data) or hashlib.sha256(data).digest() != sha256:
            return [[session, message.RESULT_MISMATCH]]
        self.acknowledged.add(session)
        return [[session, message.OK]]

    def _get_program(self, slot: int) -> list[list]:
        return [[slot, *self.programs.get(slot, (0, 0, b""))]]

    def _put_program(self, slot: int, data: bytes) -> list[list]:
        self.programs[slot] = (0, 0, data)
        return [[message.OK]]

    def _set_time(self, utc_ms: int) -> list[list]:
        self.utc_ms = utc_ms
        return [[message.OK]]

    def _get_setting(self, index: int) -> list[list]:
        known = [settings.to_wire(name, self.settings[name]) for name in settings.names()] + self.newer_settings
        number, key = known[index]
        return [[len(known), number, key]]

    def _put_setting(self, number: int, key: str) -> list[list]:
        name, value = settings.from_wire(number, key)
        self.settings.put(name, value)
        return [[message.OK]]

    def _health(self) -> list[list]:
        usual = {"reset_cause": 1, "battery_pct": 87, "battery_min": -1, "heap_free": 20480, "micropython": "1.29.0"}
        known = {**usual, **self.health}
        return [[known.get(name, "" if name == "words" else 0) for name in message_rows()[message.HEALTH].reply]]

    def _control(self, verb: int, argument: int) -> list[list]:
        if verb == message.VERB_ON_USB:
            self.on_usb = not argument
        if verb == message.VERB_START and self.on_usb:
            return [[message.RESULT_USB_POWER]]
        hurts = verb == message.VERB_ANSWER and argument == event.QUESTION_PAIN << 4 | 1
        return [[message.RESULT_NOT_TODAY if hurts else message.OK]]

    def _checked(self) -> list[list]:
        return [[2, b"".join(struct.pack("<4h", *row) for row in self.findings)]]


def encode(kind: int, sequence: int, codes: str, values: list) -> bytes:
    """Frame a reply."""
    scratch = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES)
    out = bytearray(len(scratch) + 8)
    end = message.pack(codes, values, scratch, 5)
    return bytes(out[: frame.encode_into(out, scratch, kind, sequence, end - 5)])


def connect(device: FakeDevice) -> tuple[FakeTransport, FakeClock]:
    """A line to a fake device, and its clock."""
    clock = FakeClock()
    return FakeTransport(device, clock), clock
