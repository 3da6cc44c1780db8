"""Where the coach's questions put their answers: a few events, kept until the next block.

In:    events, one at a time, from whichever question has something to tell in this block
Out:   `count` events in the order in which they were told, as columns
State: the events of this block
Cost:  nothing allocated; events beyond SIZE are counted in `dropped` and lost
Source: the columns are those of record.EVENT, so that the log says what was decided and why
"""

from array import array

from mmc_core.compat import const

SIZE = const(12)  # of what all questions together can tell in one block


class Outbox:
    """Events of one block."""

    def __init__(self):
        self.kinds = bytearray(SIZE)
        self.channels = bytearray(SIZE)
        self.reasons = bytearray(SIZE)
        self.values = array("h", bytes(2 * SIZE))
        self.thresholds = array("h", bytes(2 * SIZE))
        self.times = array("i", bytes(4 * SIZE))
        self.count = 0
        self.dropped = 0

    def clear(self):
        """Begin a block."""
        self.count = 0

    def tell(self, kind, channel, value, threshold, reason, t_samples):
        """Add an event of event.py; value and threshold are limited to what 16 bits hold."""
        at = self.count
        if at >= SIZE:
            self.dropped += 1
            return
        self.kinds[at] = kind
        self.channels[at] = channel
        self.values[at] = max(-32768, min(32767, value))
        self.thresholds[at] = max(-32768, min(32767, threshold))
        self.reasons[at] = reason
        self.times[at] = max(0, t_samples)  # what began before the session began with it
        self.count = at + 1
