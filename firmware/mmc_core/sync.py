"""The sync protocol without a line: bytes in, requests or replies out; time is an argument.

In:    bytes from the line in any portions; replies and requests as field values
Out:   frames as bytes for the line; parsed requests (server) and replies (client); PeerError by code
State: server: the last request's number and reply, so that a request that is sent again is not carried out again.
       client: the request in flight and how often it was sent
Cost:  bounded buffers, stated in the constructors
Source: FORMAT.md has the messages; DESIGN says why the host drives and one request is in flight

    client                                   server
    request ──frame──────────────────────▶  receive -> (kind, values)
    receive -> [(kind, values)] ◀──frame──  reply (once, or many times for READ)
    tick: no reply in time: the same frame again; after `tries` PeerError
"""

from mmc_core import frame, message
from mmc_core.errors import PeerError


class SyncServer:
    """The device's end. `receive` takes bytes one at a time; `reply_into` frames an answer to the request at hand."""

    def __init__(self):
        self._receiver = frame.Receiver(frame.MAX_TO_DEVICE_BYTES)
        self._scratch = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES)
        self.out = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES + 5)
        self._kind = 0
        self._sequence = -1
        self._repeat_bytes = 0

    def receive(self, byte):
        """Take one byte; return (kind, values) when it completes a new request, else None.

        A repeated request returns (0, bytes): the frame in `out` is to be sent again as it is; (0, 0): nothing is kept.
        """
        found = self._receiver.feed(byte)
        if found is None or not 0 < found[0] < message.REPLY:  # an echo of a reply is no request
            return None
        kind, sequence, payload = found
        if sequence == self._sequence and kind == self._kind and kind != message.READ:
            return 0, self._repeat_bytes
        self._kind, self._sequence, self._repeat_bytes = kind, sequence, 0
        row = message.MESSAGES.get(kind)
        if row is None:
            return kind, None
        try:
            return kind, message.unpack(row[1], payload)
        except ValueError:
            return kind, None

    def reply_into(self, values):
        """Frame the reply to the request at hand into `out`; return its length."""
        return self._frame(self._kind | message.REPLY, message.MESSAGES[self._kind][3], values)

    def refuse_into(self, code):
        """Frame a refusal of the request at hand into `out`; return its length."""
        return self._frame(message.REFUSED, message.MESSAGES[message.REFUSED][3], (self._kind & 0xFF, code))

    def _frame(self, kind, codes, values):
        end = message.pack(codes, values, self._scratch, 5)
        self._repeat_bytes = frame.encode_into(self.out, self._scratch, kind, self._sequence, end - 5)
        return self._repeat_bytes


class SyncClient:
    """The host's end: one request in flight, sent again until a reply comes."""

    def __init__(self, timeout_ms=500, tries=6, first_sequence=1):
        """first_sequence: where to begin counting, 32 bit; a new connection must not begin where the last one ended."""
        self._receiver = frame.Receiver(frame.MAX_PAYLOAD_BYTES)
        self._timeout_ms = timeout_ms
        self._max_tries = tries
        self._sequence = (first_sequence - 1) & 0xFFFFFFFF
        self._kind = 0
        self._wire = b""
        self._sent_ms = 0
        self._tries = 0

    @property
    def dropped(self):
        """Candidates on the line that were no valid frame."""
        return self._receiver.dropped

    def request(self, kind, values, now_ms):
        """Begin a request; return the bytes for the line. An earlier one is forgotten."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        scratch = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES)
        out = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES + 5)
        end = message.pack(message.MESSAGES[kind][1], values, scratch, 5)
        size = frame.encode_into(out, scratch, kind, self._sequence, end - 5)
        if size > frame.MAX_TO_DEVICE_BYTES:
            raise PeerError("a request of {} bytes is too long for the device".format(size), message.RESULT_RANGE)
        self._kind, self._wire, self._sent_ms, self._tries = kind, bytes(out[:size]), now_ms, 1
        return self._wire

    def receive(self, data, now_ms=None):
        """Take bytes; return the replies to the request in flight as (kind, values). PeerError: the device refused.

        now_ms: when they came; a reply restarts the time-out, because more of it may be under way.
        """
        replies = []
        for byte in data:
            found = self._receiver.feed(byte)
            if found is None or found[1] != self._sequence:
                continue
            kind, _, payload = found
            is_refused = kind == message.REFUSED
            if not is_refused and kind != self._kind | message.REPLY:
                continue
            try:
                values = message.unpack(message.MESSAGES[kind if is_refused else self._kind][3], payload)
            except ValueError as error:
                raise PeerError("a reply does not have the form it should: {}".format(error)) from None
            if is_refused:
                raise PeerError("the device refused request {} with code {}".format(values[0], values[1]), values[1])
            replies.append((self._kind, values))
            if now_ms is not None:
                self._sent_ms, self._tries = now_ms, 1
        return replies

    def tick(self, now_ms):
        """Return the frame to send again when its time is out, else None; PeerError when it was sent often enough."""
        if now_ms - self._sent_ms < self._timeout_ms:
            return None
        if self._tries >= self._max_tries:
            raise PeerError("no answer to {} attempts".format(self._tries))
        self._tries += 1
        self._sent_ms = now_ms
        return self._wire
