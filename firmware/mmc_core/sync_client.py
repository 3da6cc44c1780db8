"""The host's end of the sync protocol, without a line: requests in, frames out; bytes in, replies out.

In:    requests as field values; bytes from the line in any portions; time as an argument
Out:   frames for the line; parsed replies; PeerError by code
State: the request in flight and how often it was sent
Cost:  a few buffers per request; the device never imports this, so that its heap is spared
Source: sync.py has the picture of both ends
"""

from mmc_core import frame, message
from mmc_core.errors import PeerError


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
        end = message.pack(message.MESSAGES[kind][0], values, scratch, 5)
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
                values = message.unpack(message.MESSAGES[kind if is_refused else self._kind][1], payload)
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
