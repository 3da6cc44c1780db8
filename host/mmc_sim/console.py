"""Simulated consoles: the line as a stock ESP32 has it, with a small input buffer that drops silently.

In:    bytes that a host sends
Out:   the role `console`: read() gives one byte or -1 and never waits; write() sends
State: at most INPUT_BYTES that wait
Cost:  a poll per byte
Source: measured on the stock image: the console keeps 259 input bytes and drops the rest without a word
"""

INPUT_BYTES = 259
MOST_BITS_PER_S = 3000000


class Inbox:
    """What the console keeps of what came in."""

    def __init__(self):
        self._bytes = bytearray(INPUT_BYTES)
        self._first = self._count = 0
        self.dropped = 0

    def put(self, byte):
        """Keep a byte, or drop it when the buffer is full."""
        if self._count == INPUT_BYTES:
            self.dropped += 1
            return
        self._bytes[(self._first + self._count) % INPUT_BYTES] = byte
        self._count += 1

    def get(self):
        """The oldest byte, or -1."""
        if self._count == 0:
            return -1
        byte = self._bytes[self._first]
        self._first = (self._first + 1) % INPUT_BYTES
        self._count -= 1
        return byte


class StandardConsole:
    """The console on the process's standard input and output."""

    def __init__(self, stdin, stdout, poll):
        """poll(): True when at least one byte can be read from stdin without waiting."""
        self._stdin = stdin
        self._stdout = stdout
        self._poll = poll
        self._inbox = Inbox()

    def read(self):
        """One byte, or -1."""
        byte = self._inbox.get()
        if byte >= 0:
            return byte
        while self._poll():
            data = self._stdin.read(1)
            if not data:
                break
            self._inbox.put(data[0])
        return self._inbox.get()

    def write(self, data, size):
        """Send data[:size]."""
        self._stdout.write(memoryview(data)[:size])

    def set_rate(self, bits_per_s):
        """Take a rate; a pseudo-terminal has none. OSError beyond what USB bridges can do."""
        if bits_per_s > MOST_BITS_PER_S:
            raise OSError(22)


class PipeConsole:
    """A console in memory, for a host in the same process."""

    def __init__(self):
        self._inbox = Inbox()
        self._sent = bytearray()
        self.bits_per_s = 115200

    def read(self):
        """One byte, or -1."""
        return self._inbox.get()

    def write(self, data, size):
        """Send data[:size]."""
        self._sent.extend(memoryview(data)[:size])

    def set_rate(self, bits_per_s):
        """Take a rate, for a host that looks at it. OSError beyond what USB bridges can do."""
        if bits_per_s > MOST_BITS_PER_S:
            raise OSError(22)
        self.bits_per_s = bits_per_s

    def send(self, data):
        """The host's side: bytes to the device."""
        for byte in data:
            self._inbox.put(byte)

    def take(self):
        """The host's side: what the device sent since."""
        sent, self._sent = bytes(self._sent), bytearray()
        return sent
