"""Strict buses: the calls of `machine.I2C`, `machine.SPI` and `machine.Pin`, unforgiving chips, faults on demand.

In:    the calls that drivers make; chips attached by address or by chip select
Out:   bytes; OSError as the port raises it (19 nobody answers, 110 the bus is stuck); BusMisuse for a driver's mistake
State: the faults to come, the count of transactions
Cost:  reads allocate nothing, so that drivers can be tested with the heap locked
Source: MicroPython's machine.I2C and machine.SPI; what the ESP32 port raises
"""

ENODEV, ETIMEDOUT = 19, 110


class BusMisuse(Exception):
    """The driver did what the data sheet forbids: a real chip would answer with something, and it would be wrong."""


class Time:
    """The module `time` of drivers under test: sleeping is what makes time pass."""

    def __init__(self, start_ticks_us=0):
        """start_ticks_us: ticks when time begins, to see them wrap."""
        self.now_us = 0
        self._start_us = start_ticks_us
        self._wraps_us = 0x3FFFFFFF - start_ticks_us + 1

    def sleep_ms(self, ms):
        """Let time pass."""
        self.now_us += 1000 * ms

    def sleep_us(self, us):
        """Let time pass."""
        self.now_us += us

    def ticks_us(self):
        """Microseconds, wrapping at 2^30 as on the wearable."""
        if self._start_us and self.now_us >= self._wraps_us:  # no number beyond 2^30, which would be on the heap
            return self.now_us - self._wraps_us
        return (self._start_us + self.now_us) & 0x3FFFFFFF

    def ticks_diff(self, end, start):
        """From `start` to `end`, which may have wrapped."""
        return ((end - start + 0x20000000) & 0x3FFFFFFF) - 0x20000000


class Fault:
    """What a bus does next: nothing of it happens by itself."""

    def __init__(self):
        self.transactions = 0
        self.is_stuck = False  # a line is held down: nothing gets through
        self.fail_at = 0  # this transaction, counted from 1, is not acknowledged; 0: none

    def strike(self):
        """Count a transaction; raise what is due."""
        self.transactions += 1
        if self.is_stuck:
            raise OSError(ETIMEDOUT, "the bus is stuck")
        if self.transactions == self.fail_at:
            raise OSError(ENODEV, "nobody answers")


class I2C:
    """A bus with chips at 7-bit addresses. A chip has `write(register, data)` and `read_into(register, buffer)`."""

    def __init__(self, chips):
        """chips: address -> chip."""
        self.chips = chips
        self.fault = Fault()
        self.written = []  # (register, bytes) of each write that got through

    def _chip(self, address):
        if not 8 <= address < 0x78:
            raise BusMisuse("address 0x{:02X} is reserved".format(address))
        self.fault.strike()
        if address not in self.chips:
            raise OSError(ENODEV, "nobody answers")
        return self.chips[address]

    def scan(self):
        """Addresses that answer."""
        self.fault.strike()
        return sorted(self.chips)

    def readfrom_mem_into(self, addr, memaddr, buf):
        """Fill `buf` from a register on."""
        chip = self._chip(addr)
        if not len(buf):
            raise BusMisuse("nothing to read")
        chip.read_into(memaddr, buf)

    def writeto_mem(self, addr, memaddr, buf):
        """Write `buf` from a register on."""
        chip = self._chip(addr)
        if not len(buf):
            raise BusMisuse("nothing to write")
        chip.write(memaddr, buf)
        self.written.append((memaddr, bytes(buf)))


class Pin:
    """A pin: called to read or to set it; edges call the interrupt handler at once."""

    IRQ_FALLING = 2

    def __init__(self, level=1, on_change=None):
        self._level = level
        self._on_change = on_change
        self._handler = None
        self._is_held = self._is_due = False

    def __call__(self, level=None):
        if level is None:
            return self._level
        before, self._level = self._level, 1 if level else 0
        if before != self._level:
            if self._on_change:
                self._on_change(self._level)
            if before and self._handler:
                self._is_due = True
                if not self._is_held:
                    self._call(1)
        return None

    def _call(self, times):
        """Handlers don't nest: what comes in one waits for its end."""
        self._is_held = True
        while self._is_due and self._handler:
            self._is_due = False
            for _ in range(times):
                self._handler(self)
            times = 1
        self._is_held = self._is_due = False

    def hold_irq(self):
        """Python is busy elsewhere: handlers have to wait."""
        self._is_held = True

    def release_irq(self, times=1):
        """Call the handler so often for all that waited: once, or never if the port's queue was full."""
        self._is_held = False
        if self._is_due:
            self._call(times)

    def irq(self, handler=None, trigger=IRQ_FALLING):
        """Call handler(pin) at falling edges; None: no more."""
        if trigger != self.IRQ_FALLING:
            raise BusMisuse("only falling edges are told")
        self._handler = handler


class SPI:
    """A bus with chips, each of which has `select(is_selected)` and `transfer(byte) -> byte`."""

    def __init__(self, *chips):
        self.chips = chips
        self.fault = Fault()
        self._is_selected = bytearray(len(chips))

    def chip_select(self, number=0):
        """The pin that selects a chip: low is selected."""
        return Pin(1, lambda level: self._select(number, level))

    def _select(self, number, level):
        self._is_selected[number] = not level
        self.chips[number].select(not level)

    def _begin(self):
        if not any(self._is_selected):
            raise BusMisuse("no chip is selected")
        self.fault.strike()

    def write(self, buf):
        """Send, to several chips too; what comes back is dropped."""
        self._begin()
        for value in buf:
            for i in range(len(self.chips)):
                if self._is_selected[i]:
                    self.chips[i].transfer(value)

    def write_readinto(self, write_buf, read_buf):
        """Send and receive as many bytes."""
        self._begin()
        if len(write_buf) != len(read_buf):
            raise BusMisuse("{} bytes out, {} in".format(len(write_buf), len(read_buf)))
        if sum(self._is_selected) > 1:
            raise BusMisuse("two chips answer at once")
        chip = self.chips[self._is_selected.find(b"\x01")]
        for i in range(len(write_buf)):
            read_buf[i] = chip.transfer(write_buf[i])


class Registers:
    """A chip's registers of 8 bits, strict about which there are and which bits of them may be written.

    `table` has (register, value after reset, bits that can be written) for each. Subclasses override `wrote` for what a
    value does, and `fetch` for registers that are made up when they are read.
    """

    def __init__(self, table):
        self._table = table
        self.values = bytearray(256)
        self.writable = bytearray(256)
        self._is_there = bytearray(256)
        for register, _, writable in table:
            self._is_there[register] = 1
            self.writable[register] = writable
        self.reset_values()

    def reset_values(self):
        """All registers as after power-on."""
        for register, value, _ in self._table:
            self.values[register] = value

    def following(self, register):
        """The register that a transfer goes on with."""
        return register + 1

    def fetch(self, register):
        """The value that a read gets."""
        return self.values[register]

    def wrote(self, register):
        """A value was written."""

    def read_into(self, register, buffer):
        """One read transfer."""
        for i in range(len(buffer)):
            self._look_up(register)
            buffer[i] = self.fetch(register)
            register = self.following(register)

    def write(self, register, data):
        """One write transfer."""
        for value in data:
            self._look_up(register)
            before = self.values[register]
            if (value ^ before) & ~self.writable[register] & 0xFF:
                raise BusMisuse("register 0x{:02X}: 0x{:02X} changes reserved bits".format(register, value))
            self.values[register] = value
            try:
                self.wrote(register)
            except BusMisuse:
                self.values[register] = before
                raise
            register = self.following(register)

    def _look_up(self, register):
        if not 0 <= register < 256 or not self._is_there[register]:
            raise BusMisuse("there is no register 0x{:02X}".format(register))
