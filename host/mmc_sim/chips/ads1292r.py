"""ADS1292R, command by command: deaf to registers while it sends data, DRDY at its rate, the newest frame only.

A second chip lives by the clock of the first, which must put it out; time is let pass at the first, for both.

In:    counts per channel, from a function of the sample's number; time in microseconds by `run_us`
Out:   what SPI reads; edges of DRDY
State: registers, modes, the frame being sent
Cost:  a transfer allocates nothing
Source: SBAS502: opcodes, register map with reset values and bits that must be as they are, frame, RDATAC protocol,
       table 9 for the clock
"""

from mmc_sim.bus import BusMisuse, Pin

ID, CONFIG1, CONFIG2, LOFF, CH1SET, CH2SET, RLD_SENS, LOFF_SENS, LOFF_STAT, RESP1, RESP2, GPIO = range(12)
WAKEUP, STANDBY, RESET, START, STOP, RDATAC, SDATAC, RREG, WREG = 0x02, 0x04, 0x06, 0x08, 0x0A, 0x10, 0x11, 0x20, 0x40
GAINS = (6, 1, 2, 3, 4, 8, 12)
_AFTER_RESET = bytes((0x73, 0x02, 0x80, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x0C))
_WRITABLE = bytes((0x00, 0x87, 0x7B, 0xED, 0xFF, 0xFF, 0xFF, 0x3F, 0x40, 0xFF, 0x87, 0x0F))
_CLOCK_OUT = 0x08  # CLK_EN of CONFIG2
_RESET_US = 9  # 18 clocks of 512 kHz, rounded down: the driver has milliseconds


class Ads1292r:
    """The chip, with its pin `drdy`."""

    def __init__(self, time, counts, identity=0x73, master=None):
        """counts(number, channel): 24-bit counts of a sample at a gain of 1. master: the chip that clocks this one."""
        self._time = time
        self._counts = counts
        self.identity = identity
        self._master = master
        self.second = None  # the chip that this one clocks
        if master:
            master.second = self
        self.drdy = Pin(1)
        self.edges = 0  # of DRDY, falling: what a pulse counter counts
        self.is_dead = False  # it never has data
        self.flips = {}  # register -> bits that come back wrong
        self.off = 0  # electrodes off: bits IN1P, IN1N, IN2P, IN2N
        self.written = []  # (register, value) of each write
        self.commands = []  # all but those of registers
        self.values = bytearray(_AFTER_RESET)
        self._frame = bytearray(9)
        self._reset()
        self._reset_at_us = -1000

    def _reset(self):
        self.values[:] = _AFTER_RESET
        self.values[ID] = self.identity
        self.is_continuous = True
        self.is_converting = False
        self.is_in_standby = False
        self._number = 0  # samples since the start
        self.next_us = 0
        self._at = -1  # byte of the frame that goes out next; -1: none
        self._command = 0
        self._left = -1  # registers of a transfer: -1: their number comes next
        self._register = 0
        self._reset_at_us = self._time.now_us
        self.drdy(1)

    @property
    def period_us(self):
        """Of a sample."""
        code = self.values[CONFIG1]
        if code > 6:
            raise BusMisuse("there is no rate 7, and single shots are not modelled")
        return 8000 >> code

    @property
    def is_clocked(self):
        """By itself, or by a first chip that puts its clock out."""
        master = self._master
        return not master or (master.values[CONFIG2] & _CLOCK_OUT and not master.is_in_standby)

    def converts_by(self, end_us):
        """Whether a sample is due by then."""
        return self.is_converting and not self.is_dead and self.is_clocked and self.next_us <= end_us

    def run_us(self, us):
        """Let time pass: samples are converted when they are due, the second chip's just before the first's."""
        end_us = self._time.now_us + us
        while True:
            chip = self if self.converts_by(end_us) else None
            if self.second and self.second.converts_by(self.next_us if chip else end_us):
                chip = self.second
            if not chip:
                break
            self._time.now_us = max(self._time.now_us, chip.next_us)
            chip.next_us += chip.period_us
            chip.convert()
        self._time.now_us = max(self._time.now_us, end_us)

    def convert(self):
        """The sample that is due."""
        values = self.values
        frame = self._frame
        off = self.off & values[LOFF_SENS] & 0x0F
        if values[CONFIG2] & 0xE0 != 0xE0:
            off = 0  # comparators without power or reference
        frame[0] = 0xC0 | off >> 1
        frame[1] = off << 7 & 0x80 | values[GPIO] << 5 & 0x60
        frame[2] = 0
        for channel in range(2):
            setting = values[CH1SET + channel]
            counts = self._counts(self._number, channel) * GAINS[setting >> 4 & 7] if not setting & 0x8F else 0
            if not values[CONFIG2] & 0x20:
                counts = 0x7FFFFF  # no reference
            counts = max(-0x800000, min(0x7FFFFF, counts))
            frame[3 + 3 * channel] = counts >> 16 & 0xFF
            frame[4 + 3 * channel] = counts >> 8 & 0xFF
            frame[5 + 3 * channel] = counts & 0xFF
        self._number += 1
        if self.is_continuous:
            self._at = 0
        self.edges += 1
        self.drdy(1)
        self.drdy(0)

    def select(self, is_selected):
        """Chip select: a transfer of registers ends with it."""
        if not is_selected:
            if self._command and self._left:
                raise BusMisuse("command 0x{:02X} was broken off".format(self._command))
            self._command = 0
            self._left = -1
            if 0 < self._at < 9:
                raise BusMisuse("a frame was broken off after {} bytes".format(self._at))

    def transfer(self, value):
        """One byte each way."""
        if not self.is_clocked:
            raise BusMisuse("spoken to without a clock")
        if self._time.now_us - self._reset_at_us < _RESET_US:
            raise BusMisuse("spoken to while it resets")
        if self._command:
            return self._transfer_register(value)
        if value:
            self._obey(value)
            return 0
        if self.is_dead and self.is_converting:
            return 0
        if not self.is_continuous or self._at < 0 or self._at > 8:
            raise BusMisuse("there is no frame to read")
        sent = self._frame[self._at]
        self._at += 1
        if self._at == 1:
            self.drdy(1)
        return sent

    def _obey(self, command):
        if self.is_in_standby and command != WAKEUP:
            raise BusMisuse("command 0x{:02X} in standby, where only WAKEUP may be sent".format(command))
        if command < RREG:
            self.commands.append(command)
        if command == RESET:
            self._reset()
        elif command == SDATAC:
            self.is_continuous = False
            self._at = -1
        elif command == RDATAC:
            self.is_continuous = True
        elif command == START:
            self.is_converting = True
            self._number = 0
            self.next_us = self._time.now_us + self.period_us
        elif command == STOP:
            self.is_converting = False
            self._at = -1
        elif command == STANDBY:
            if self.is_converting:
                raise BusMisuse("standby while it converts")
            self.is_in_standby = True
        elif command == WAKEUP:
            self.is_in_standby = False
        elif command & 0xE0 in (RREG, WREG):
            if self.is_continuous:
                raise BusMisuse("registers can't be reached while it sends data")
            self._command = command & 0xE0
            self._register = command & 0x1F
            self._left = -1
        else:
            raise BusMisuse("command 0x{:02X}".format(command))

    def _transfer_register(self, value):
        if self._left < 0:
            self._left = (value & 0x1F) + 1
            if value > 0x1F or self._register + self._left > 12:
                raise BusMisuse("register 0x{:02X} and {} more".format(self._register, value))
            return 0
        if not self._left:
            raise BusMisuse("more bytes than registers")
        register = self._register
        self._register += 1
        self._left -= 1
        if self._command == RREG:
            return self.values[register] ^ self.flips.get(register, 0)
        if (value ^ self.values[register]) & ~_WRITABLE[register] & 0xFF:
            raise BusMisuse("register 0x{:02X}: 0x{:02X} changes reserved bits".format(register, value))
        if register in (CH1SET, CH2SET) and value & 0x70 == 0x70:
            raise BusMisuse("there is no gain 7")
        if (register == RESP1 and not value & 0x02) or (register == RESP2 and not value & 0x01):
            raise BusMisuse("register 0x{:02X}: 0x{:02X} lacks the bit that must be set".format(register, value))
        self.values[register] = value
        self.written.append((register, value))
        return 0
