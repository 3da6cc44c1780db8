"""The host's end of the line: a `Device` to ask and to tell. `mmc_host.pull` brings sessions home with it.

In:    a `Transport`; the clock as an argument, so that tests need no waiting
Out:   replies as values with names; the bytes of sessions in order; `PeerError` when the device refuses,
       `LinkError` when it does not answer
State: the request in flight is in `mmc_core.sync_client.SyncClient`; here the transport, the clock, the line's rate
"""

import contextlib
import secrets
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from mmc_core import message, settings
from mmc_core.errors import PeerError, UsageError
from mmc_core.sync_client import SyncClient
from mmc_host.errors import LinkError
from mmc_host.replies import Health, Hello, SessionEntry, Status, effect_of, refusal
from mmc_host.schema import message_rows
from mmc_host.transport import Transport
from mmc_host.units import printable

READ_BYTES = 16_384  # asked for at once: under two seconds at 115200 baud, so that progress shows and Ctrl-C works
_POLL_S = 0.05
_PERIOD_S = 0.1
_PERIOD_MS = 500
_STOP_TIMEOUT_S = 30.0
_PENDING_S = 0.02
_PENDING_TRIES = 3_000  # a device hashes about 100 KiB/s: a minute is more than a full journal takes
_READ_TRIES = 8  # broken streams in a row without one new byte
_PROOF_MS, _PROOF_TRIES = 200, 4  # a higher rate carries a greeting within the second that the device waits for one
_REVERT_TRIES = 14  # of 500 ms: the device is back at the usual rate 5 s after the last frame that it understood


class Device:
    """A wearable at the other end of a line."""

    def __init__(
        self, transport: Transport, monotonic_s: Callable[[], float] = time.monotonic, client: SyncClient | None = None
    ):
        """Take over an open line; nothing is sent yet.

        Args:
            transport: the line; the caller closes it.
            monotonic_s: a clock in seconds that never goes back.
            client: the protocol's state; None: a fresh one that begins to count at random.
        """
        self.transport = transport
        self._monotonic_s = monotonic_s
        self._client = client or SyncClient(first_sequence=secrets.randbits(32))
        self.bits_per_s: int = message.LINE_BITS_PER_S  # of the line

    def hello(self) -> Hello:
        """Greet the device.

        Raises:
            PeerError: its protocol differs in the major version.
            LinkError: it does not answer.
        """
        values = self._ask(message.HELLO, [message.PROTOCOL_MAJOR, message.PROTOCOL_MINOR])
        hello = Hello(*values[:4], *map(printable, values[4:]))
        if hello.protocol_major != message.PROTOCOL_MAJOR:
            raise PeerError(
                f"the wearable speaks protocol {hello.protocol_major}, this program {message.PROTOCOL_MAJOR}: "
                "update the older of firmware and mmc-host",
                message.RESULT_VERSION,
            )
        return hello

    def status(self) -> Status:
        """Ask what the device is doing."""
        return Status(*self._ask(message.STATUS, []))

    def health(self) -> Health:
        """Ask how the device is.

        Raises:
            PeerError: its firmware speaks a protocol before 1.2 (code RESULT_UNKNOWN).
        """
        values = self._ask(message.HEALTH, [])
        return Health(*values[:-2], *map(printable, values[-2:]))

    def raise_rate(self, bits_per_s: int) -> str:
        """Go to a higher rate of the line; return why it stays at the usual one, or nothing.

        A greeting has to come back at the new rate within the second that the device waits for one.

        Raises:
            LinkError: the device does not answer at the usual rate either.
        """
        if not self.transport.has_rate:
            return "this line has no rate that can be changed"
        try:
            self._check(self._ask(message.RATE, [bits_per_s])[0], "the rate was not changed")
        except PeerError as error:
            return str(error)
        self.bits_per_s = bits_per_s  # the device's, whatever this end can do
        try:
            self.transport.set_rate(bits_per_s)
        except LinkError as error:
            self.lower_rate()
            return str(error)
        try:
            self._prove(_PROOF_MS, _PROOF_TRIES)
        except (LinkError, PeerError):
            self.lower_rate()
            return f"{bits_per_s} bit/s do not get through on {self.transport.name}"
        return ""

    def lower_rate(self) -> None:
        """Go back to the usual rate, with the device's help or without; nothing if it is there already.

        Raises:
            LinkError: the device does not answer there.
        """
        if self.bits_per_s == message.LINE_BITS_PER_S:
            return
        self.bits_per_s = message.LINE_BITS_PER_S
        with contextlib.suppress(LinkError, PeerError):
            self._with_client(_PROOF_MS, _PROOF_TRIES, message.RATE, [message.LINE_BITS_PER_S])
        self.transport.set_rate(message.LINE_BITS_PER_S)
        self._prove(_PERIOD_MS, _REVERT_TRIES)

    def _prove(self, timeout_ms: int, tries: int) -> None:
        hello = [message.PROTOCOL_MAJOR, message.PROTOCOL_MINOR]
        self._with_client(timeout_ms, tries, message.HELLO, hello)

    def _with_client(self, timeout_ms: int, tries: int, kind: int, values: list[int | str | bytes]) -> None:
        """Ask with another patience; what is half received at another rate is forgotten with it."""
        usual = self._client
        self._client = SyncClient(timeout_ms, tries, secrets.randbits(32))
        try:
            self._ask(kind, values)
        finally:
            self._client = usual

    def sessions(self) -> Iterator[SessionEntry]:
        """Yield the sessions in the device's journal, oldest first."""
        after, more = 0, 1
        while more:
            session, size_bytes, state, more = self._ask(message.LIST, [after])
            if session == 0:
                return
            if session <= after:
                raise PeerError(f"the wearable lists session {session} after session {after}")
            yield SessionEntry(session, size_bytes, state)
            after = session

    def read_session(self, session: int, offset: int, total: int) -> Iterator[bytes]:
        """Yield the bytes of a session from `offset` to `total`, in order, without a hole; lost ones are asked again.

        Args:
            session: its number.
            offset: where to begin, in bytes from its start.
            total: where to end; at most the size that the device lists.

        Raises:
            PeerError: the device has no such bytes.
            LinkError: it stopped answering.
        """
        barren = 0  # broken streams since the last new byte
        while offset < total:
            begun = offset
            for data in self._read_batch(session, offset, min(READ_BYTES, total - offset)):
                offset += len(data)
                yield data
            barren = barren + 1 if offset == begun else 0
            if barren == _READ_TRIES:
                raise LinkError(
                    f"session {session} does not come past byte {offset}: too much noise on {self.transport.name}; "
                    "try another cable, then pull again (it resumes)"
                )

    def _read_batch(self, session: int, offset: int, count: int) -> Iterator[bytes]:
        """Ask once and yield what comes in order; end early at a hole, or when the rest stays away."""
        begun, end = offset, offset + count
        self._send(message.READ, [session, offset, count])
        while True:
            for reply_session, at, data in self._replies(message.READ):
                if reply_session != session or at > offset:
                    return
                if not data:
                    if at < offset:
                        continue
                    if offset == begun:
                        raise PeerError(
                            f"session {session} ends at byte {offset} on the wearable, not at {end}",
                            message.RESULT_RANGE,
                        )
                    return
                data = data[offset - at : end - at]
                offset += len(data)
                if data:
                    yield data
            if offset >= end:
                return
            again = self._tick()
            if again:
                if offset > begun:
                    return  # ask for the rest only
                self.transport.write(again)

    def acknowledge(self, session: int, size_bytes: int, sha256: bytes) -> None:
        """Tell the device that the host holds a closed session; the device checks and may then free it.

        Args:
            session: its number.
            size_bytes: how much of it the host holds.
            sha256: 32 bytes.

        Raises:
            PeerError: they differ from the device's bytes (code RESULT_MISMATCH), or it refuses.
        """
        for _ in range(_PENDING_TRIES):
            _, result = self._ask(message.ACKNOWLEDGE, [session, size_bytes, sha256])
            if result != message.RESULT_PENDING:
                self._check(result, f"session {session} was not acknowledged")
                return
            self.pause(_PENDING_S)
        raise LinkError(f"the wearable does not finish checking session {session}: reset it, then pull again")

    def set_time(self, utc_ms: int) -> None:
        """Set the device's wall clock, in ms since 1970 UTC."""
        self._check(self._ask(message.SET_TIME, [utc_ms])[0], "the time was not set")

    def settings(self) -> dict[str, int | str]:
        """Return all settings of the device by name; those that only a newer firmware knows come as they are."""
        found: dict[str, int | str] = {}
        index, count = 0, 1
        while index < count:
            count, number, key = self._ask(message.GET_SETTING, [index])
            try:
                name, value = settings.from_wire(number, key)
            except UsageError:
                name, text_follows, text = str(key).partition("=")
                value = text if text_follows else int(number)
            found[name] = value
            index += 1
        return found

    def put_setting(self, name: str, value: int | str) -> None:
        """Change a setting on the device, where it is stored.

        Raises:
            UsageError: the name is unknown or the value out of range; nothing was sent.
            PeerError: the device refused.
        """
        number, key = settings.to_wire(name, settings.validate(name, value))
        self._check(self._ask(message.PUT_SETTING, [number, key])[0], f"{name} was not set")

    def program(self, slot: int) -> tuple[int, int, bytes]:
        """Return (shift of the band in percent, sessions in a row that mastered it, bytes) of a place from 1 on."""
        _, shift_pct, streak, data = self._ask(message.GET_PROGRAM, [slot])
        return shift_pct, streak, bytes(data)

    def put_program(self, slot: int, data: bytes) -> None:
        """Keep a program on the device, or none; its progress begins anew.

        Raises:
            PeerError: the device refused.
        """
        self._check(self._ask(message.PUT_PROGRAM, [slot, data])[0], f"the program was not stored in place {slot}")

    def findings(self) -> tuple[int, tuple[tuple[int, int, int, int], ...]]:
        """Return how the newest check stands (0 none, 1 under way, 2 done), and its findings; see `message.CHECKED`."""
        state, data = self._ask(message.CHECKED, [])
        return state, tuple(struct.iter_unpack("<4h", data))

    def control(self, verb: int, argument: int = 0) -> None:
        """Start or stop something, see `message.VERB_*`.

        Raises:
            PeerError: the device refused.
        """
        self._check(self._ask(message.CONTROL, [verb, argument])[0], f"no {effect_of(verb)}")

    def answer(self, question: int, value: int) -> bool:
        """Answer a question of `event.QUESTION_*` for the session's log; True when the advice is: not today."""
        result = self._ask(message.CONTROL, [message.VERB_ANSWER, question << 4 | value])[0]
        if result != message.RESULT_NOT_TODAY:
            self._check(result, "the answer was not taken")
        return bool(result == message.RESULT_NOT_TODAY)

    def bye(self) -> None:
        """Let the device end what it does and start into MicroPython's console, which answers a second or so later.

        Raises:
            PeerError: it refused; firmware before protocol 1.2 does not know how.
        """
        self._check(self._ask(message.BYE, [])[0], "the app did not make room")

    def pause(self, seconds: float) -> None:
        """Let time pass while the line is read, so that nothing piles up in it."""
        end = self._monotonic_s() + seconds
        while (left := end - self._monotonic_s()) > 0:
            self._client.receive(self.transport.read(left))

    def stop(self) -> Status:
        """End the session that is being recorded, and wait until it is closed."""
        self.control(message.VERB_STOP)
        return self.wait_until(lambda status: not status.recording, _STOP_TIMEOUT_S, "end the session")

    def wait_until(
        self, done: Callable[[Status], bool], timeout_s: float, what: str, period_s: float = _PERIOD_S
    ) -> Status:
        """Ask for the status until `done` says so; return that status.

        Args:
            done: judges a status.
            timeout_s: how long to wait, in seconds of the clock.
            what: what is waited for, for the error.
            period_s: pause between two questions, in seconds.

        Raises:
            LinkError: it did not happen in time.
        """
        end = self._monotonic_s() + timeout_s
        while True:
            status = self.status()
            if done(status):
                return status
            if self._monotonic_s() >= end:
                raise LinkError(f"waited {timeout_s:.0f} s for the wearable to {what}: it is {status.activity_name}")
            self.pause(period_s)

    def _ask(self, kind: int, values: list[int | str | bytes]) -> list[Any]:
        """Send a request and return the values of its one reply."""
        self._send(kind, values)
        while True:
            for reply in self._replies(kind):
                return reply
            again = self._tick()
            if again:
                self.transport.write(again)

    def _send(self, kind: int, values: list[int | str | bytes]) -> None:
        self.transport.write(self._client.request(kind, values, self._now_ms()))

    def _replies(self, kind: int) -> list[list[Any]]:
        """Wait a moment for bytes; return the replies in them."""
        data = self.transport.read(_POLL_S)
        try:
            return [values for _, values in self._client.receive(data, self._now_ms())]
        except PeerError as error:
            if not error.code:
                raise
            name = message_rows()[kind].name.replace("_", " ")
            raise PeerError(f"the wearable refused {name!r}: {self._why(error.code, kind)}", error.code) from error

    def _tick(self) -> bytes | None:
        try:
            return self._client.tick(self._now_ms())
        except PeerError as error:
            raise LinkError(
                f"the wearable at {self.transport.name} does not answer: check that it is switched on and runs this "
                "firmware, reset it, then try again"
            ) from error

    def _check(self, result: int, what: str) -> None:
        if result != message.OK:
            raise PeerError(f"{what}: {self._why(result)}", result)

    def _why(self, result: int, kind: int | None = None) -> str:
        """Words for a refusal, of a kind of request if that is known; what a busy device does is asked for."""
        if result != message.RESULT_BUSY or kind == message.STATUS:
            return refusal(result)
        try:
            return refusal(result, Status(*self._ask(message.STATUS, [])))
        except (PeerError, LinkError):
            return refusal(result)

    def _now_ms(self) -> int:
        return int(self._monotonic_s() * 1000)
