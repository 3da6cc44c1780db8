"""The device's end of the sync protocol, without a line: bytes in, requests out; replies in, frames out.

In:    bytes from the line in any portions; replies as field values
Out:   parsed requests; frames for the line
State: the last request's number and reply, so that a request that is sent again is not carried out again
Cost:  bounded buffers, stated in the constructor
Source: FORMAT.md has the messages; DESIGN says why the host drives and one request is in flight

    sync_client.py: client                   server
    request ──frame──────────────────────▶  receive -> (kind, values)
    receive -> [(kind, values)] ◀──frame──  reply (once, or many times for READ)
    tick: no reply in time: the same frame again; after `tries` PeerError
"""

from mmc_core import frame, message


class SyncServer:
    """`receive` takes bytes one at a time; `reply_into` frames an answer to the request at hand."""

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
        if sequence == self._sequence and kind == self._kind and kind not in (message.READ, message.RATE):
            return 0, self._repeat_bytes
        self._kind, self._sequence, self._repeat_bytes = kind, sequence, 0
        row = message.MESSAGES.get(kind)
        if row is None:
            return kind, None
        try:
            return kind, message.unpack(row[0], payload)
        except ValueError:
            return kind, None

    @property
    def is_idle(self):
        """No request is half received."""
        return self._receiver.is_empty

    def reply_into(self, values):
        """Frame the reply to the request at hand into `out`; return its length."""
        return self._frame(self._kind | message.REPLY, message.MESSAGES[self._kind][1], values)

    def refuse_into(self, code):
        """Frame a refusal of the request at hand into `out`; return its length, 0 when there is none."""
        if self._sequence < 0:
            return 0
        return self._frame(message.REFUSED, message.MESSAGES[message.REFUSED][1], (self._kind & 0xFF, code))

    def _frame(self, kind, codes, values):
        end = message.pack(codes, values, self._scratch, 5)
        self._repeat_bytes = frame.encode_into(self.out, self._scratch, kind, self._sequence, end - 5)
        return self._repeat_bytes
