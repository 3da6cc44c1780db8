"""Link: the console's bytes to requests, requests to the app, answers to the console; a pull in portions.

In:    bytes from the console, polled one at a time; `tick`
Out:   frames to the console; calls of the app's verbs
State: the protocol server; the stream that a READ began; when the line was last heard, and when its rate was raised
Cost:  at most INPUT_BYTES taken, and one piece of a stream sent per tick, or a few at a higher rate
Source: a stock console keeps 259 input bytes and drops the rest: the host sends one small frame and waits. Under
        kbd_intr(-1) nobody but the app can let a tool into MicroPython's console; every such tool begins with 0x03

The app behind it (orders.py) offers: `version`, `facts`, `journal`, `wear`, status(), health(), control(verb,
argument), set_time(utc_ms), get_setting(index), stir(), at_rest(), leave(). Control and set_time return a result code
of message.py; at_rest the desk, which has put_setting(number, key), put_program(slot, data) and `shelf`, or None;
leave returns only where it fails.
"""

from mmc_core import message, record
from mmc_core.compat import const
from mmc_core.sync import SyncServer

INPUT_BYTES = const(256)
_PIECES = const(2)  # of a stream in a tick, while the rate is raised: what 460800 bit/s carry

_CR = const(13)
_INTERRUPT = const(3)  # what asks for MicroPython's console
_QUIET_MS = const(20)  # in front of it, between two frames
_LONG_QUIET_MS = const(1000)  # likewise, whatever was there before
_PROOF_MS = const(1000)  # a new rate has to carry a frame within that
_TRUST_MS = const(5000)  # and another one within that, as long as it is in force


class Link:
    """Serves one console."""

    def __init__(self, console, app):
        self._console = console
        self._app = app
        self._server = SyncServer()
        self._stream_session = 0
        self._stream_at = self._stream_end = 0
        self._answers = {
            message.HELLO: self._hello,
            message.STATUS: self._status,
            message.LIST: self._list,
            message.READ: self._read,
            message.ACKNOWLEDGE: self._acknowledge,
            message.SET_TIME: self._set_time,
            message.GET_SETTING: self._get_setting,
            message.PUT_SETTING: self._put_setting,
            message.CONTROL: self._control,
            message.GET_PROGRAM: self._get_program,
            message.PUT_PROGRAM: self._put_program,
            message.CHECKED: self._checked,
            message.HEALTH: self._health,
            message.RATE: self._rate,
            message.BYE: self._bye,
        }
        self._heard_ms = -_LONG_QUIET_MS
        self._is_first = False  # what comes next was not in front of it for a while
        self._new_rate = 0  # to apply once the reply is out
        self._raised_ms = 0  # when the rate was raised, or last proved
        self._patience_ms = 0  # how long it may go without a proof; 0: the rate is the usual one

    def tick(self, now_ms):
        """Take what came in, answer it, send one piece of a stream. The flash's OSError is refused, then raised."""
        try:
            for _ in range(INPUT_BYTES):
                byte = self._console.read()
                if byte < 0:
                    break
                self._app.stir()
                if self._asks_for_console(byte, now_ms):
                    self._app.leave()
                request = self._server.receive(byte)
                if request is not None:
                    self._answer(request[0], request[1])
                    if self._patience_ms:
                        self._raised_ms, self._patience_ms = now_ms, _TRUST_MS
                    self._apply_rate(now_ms)
            if self._stream_session:
                self._raised_ms = now_ms
                for _ in range(_PIECES if self._patience_ms else 1):
                    self._send_piece()
            elif self._patience_ms and now_ms - self._raised_ms > self._patience_ms:
                self._set_rate(message.LINE_BITS_PER_S, now_ms)
        except OSError:
            self._stream_session = 0
            self._send(self._server.refuse_into(message.RESULT_FLASH))
            raise

    def _asks_for_console(self, byte, now_ms):
        quiet_ms, self._heard_ms = now_ms - self._heard_ms, now_ms
        if quiet_ms >= (_QUIET_MS if self._server.is_idle else _LONG_QUIET_MS):
            self._is_first = True
        is_first, self._is_first = self._is_first, self._is_first and byte == _CR
        return is_first and byte == _INTERRUPT

    def _apply_rate(self, now_ms):
        rate, self._new_rate = self._new_rate, 0
        if rate:
            self._set_rate(rate, now_ms)

    def _set_rate(self, rate, now_ms):
        try:
            self._console.set_rate(rate)
            self._raised_ms, self._patience_ms = now_ms, 0 if rate == message.LINE_BITS_PER_S else _PROOF_MS
        except OSError:
            pass  # the host hears nothing at a new rate, and comes back; to the usual one the way is tried again

    def _answer(self, kind, values):
        if kind == 0:
            self._send(values)
            return
        self._stream_session = 0
        answer = self._answers.get(kind)
        if answer is None or values is None:
            self._send(self._server.refuse_into(message.RESULT_UNKNOWN))
            return
        reply = answer(*values)
        if reply is not None:
            self._send(self._server.reply_into(reply))

    def _send(self, size):
        if size:
            self._console.write(self._server.out, size)

    def _send_piece(self):
        """One page of the stream at most; an empty piece ends it."""
        if not self._stream_session:
            return
        data = self._app.journal.read(self._stream_session, self._stream_at)
        data = data[: self._stream_end - self._stream_at]
        self._send(self._server.reply_into((self._stream_session, self._stream_at, data)))
        self._stream_at += len(data)
        if len(data) == 0:
            self._stream_session = 0

    def _hello(self, protocol_major, _protocol_minor):
        if protocol_major != message.PROTOCOL_MAJOR:
            self._send(self._server.refuse_into(message.RESULT_VERSION))
            return None
        facts = self._app.facts
        versions = (message.PROTOCOL_MAJOR, message.PROTOCOL_MINOR, record.FORMAT_MAJOR, record.FORMAT_MINOR)
        return versions + (self._app.version, facts.DEVICE_ID, facts.NAME)

    def _status(self):
        return self._app.status()

    def _list(self, after_session):
        journal = self._app.journal
        session = journal.next_session(after_session)
        more = 1 if session and journal.next_session(session) else 0
        return session, journal.size(session), journal.state(session), more

    def _read(self, session, offset, count):
        if self._app.journal.size(session) == 0:
            self._send(self._server.refuse_into(message.RESULT_UNKNOWN))
            return
        self._stream_session = session
        self._stream_at = offset
        self._stream_end = offset + count

    def _acknowledge(self, session, size, sha256):
        verified = self._app.journal.acknowledge(session, size, sha256)
        if verified is None:
            return session, message.RESULT_PENDING
        return session, message.OK if verified else message.RESULT_MISMATCH

    def _set_time(self, utc_ms):
        return (self._app.set_time(utc_ms),)

    def _get_setting(self, index):
        found = self._app.get_setting(index)
        if found is None:
            self._send(self._server.refuse_into(message.RESULT_UNKNOWN))
        return found

    def _put_setting(self, number, key):
        desk = self._app.at_rest()
        return (desk.put_setting(number, key) if desk else message.RESULT_BUSY,)

    def _get_program(self, slot):
        desk = self._app.at_rest()
        if desk is None:
            self._send(self._server.refuse_into(message.RESULT_BUSY))
            return None
        return (slot,) + desk.shelf.get(slot)

    def _put_program(self, slot, data):
        desk = self._app.at_rest()
        return (desk.put_program(slot, data) if desk else message.RESULT_BUSY,)

    def _checked(self):
        return self._app.wear.checked, self._app.wear.findings

    def _health(self):
        return self._app.health()

    def _rate(self, bits_per_s):
        if bits_per_s < message.LINE_BITS_PER_S:
            return (message.RESULT_RANGE,)
        self._new_rate = bits_per_s
        return (message.OK,)

    def _bye(self):
        self._send(self._server.reply_into((message.OK,)))
        self._app.leave()

    def _control(self, verb, argument):
        return (self._app.control(verb, argument),)
