"""ADS1292R: front end of two channels and 24 bits with lead-off detection, over SPI; or two of them, in step.

In:    SPI (mode 1, 1 MHz: registers stand no more than twice the chip's clock of 512 kHz), the pin CS of each chip and
       DRDY of the first, a counter of DRDY's falling edges (a pulse counter of the ESP32)
Out:   blocks of counts: array('h'), sample by sample, two channels of each chip; what was lost, exactly; electrodes off
State: a ring of frames that DRDY's interrupt fills; a mean per channel
Cost:  the interrupt one transfer of 9 bytes for each chip, 72 us; nothing allocated there or in `read_into`
Source: SBAS502, 9.5.1 to 9.5.3 for the protocol and 9.6 for registers; lead-off status and frame as there; "Multiple
       Device Configuration" for two

Every edge of DRDY is one sample, counted by hardware whatever Python does, so a sample is either in a block or lost:
the two add up to the edges. After a loss nothing is stored until what came before has been read and the loss was told,
so that a gap has a place. Counts are 16 bits of 24: the mean, which electrodes put into the range of 400 mV, is taken
away by a first-order high-pass (rate / 402: 2.5 Hz at 1 kHz; 0.07 dB at 20 Hz), then `shift` bits are dropped. Where
the converter is at its limit, so is the count: RAIL.

Two chips: the first puts its clock out at CLK, and the second (CLKSEL low) takes it there, so it hears nothing before
that. START goes to both at once: one edge of the first's DRDY then stands for a sample of each. The first alone drives
the right leg. A second that loses its clock later repeats its last frame, and nobody can tell.

Not certain without hardware: that a frame read over the next DRDY is spoilt (it is dropped here, and counted); that
the bits which must be set in RESP1 and RESP2 read back; that CS may rise 10 us after a command; that both chips send
zeros while they hear START together (a resistor in each DOUT bears it if not).
"""

import time
from array import array

from mmc_core.compat import const, micropython, ptr8, ptr16, ptr32

RAIL = const(16383)
EDGES = const(30000)  # the edge counter begins again there

_WAKEUP, _STANDBY, _RESET, _START, _STOP = 0x02, 0x04, 0x06, 0x08, 0x0A
_RDATAC, _SDATAC, _RREG, _WREG = 0x10, 0x11, 0x20, 0x40
_ID, _CONFIG1, _CONFIG2, _LOFF, _CH1SET, _CH2SET = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
_RLD_SENS, _LOFF_SENS, _RESP1, _RESP2 = 0x06, 0x07, 0x09, 0x0A

_IDENTITY = const(0x73)
_REFERENCE_AND_COMPARATORS = const(0xE0)  # 2.42 V
_AND_CLOCK_OUT = const(0xE8)
_SMALLEST_CURRENT = const(0x10)  # 6 nA DC, threshold 95 %
_RLD_OF_ALL = const(0x2F)  # the right-leg drive takes all four inputs
_NO_RLD = const(0x00)
_LOFF_OF_ALL = const(0x0F)
_NO_RESPIRATION = const(0x02)
_RLD_REFERENCE = const(0x03)  # internal
_MARK = const(0xC0)  # how every frame begins
_FRAME = const(9)

# Rate in Hz, its bits. Gain, its bits.
_RATES = ((125, 0), (250, 1), (500, 2), (1000, 3), (2000, 4), (4000, 5), (8000, 6))
_GAINS = ((1, 0x10), (2, 0x20), (3, 0x30), (4, 0x40), (6, 0x00), (8, 0x50), (12, 0x60))

_RESET_MS = const(10)
_SETTLE_MS = const(150)
_FIRST_DATA_MS = const(50)
_HOLD_US = const(10)
_TRIES = 5
_ENODEV = const(19)
_EIO = const(5)


@micropython.viper
def _store(ring: ptr8, slot: int, frames: ptr8, size: int):
    at = slot * size
    i = 0
    while i < size:
        ring[at + i] = frames[i]
        i += 1


@micropython.viper
def _decode(ring: ptr8, slot: int, slots: int, chips: int, mean, block: ptr16, samples: int, shift: int) -> int:
    """Frames from `slot` on into `block`; returns the electrodes of the last sample that are off, 5 bits a chip."""
    sums = ptr32(mean)
    frame = slot * chips
    frames = slots * chips
    chip = 0
    done = 0
    at = 0
    while done < samples * chips:
        at = frame * 9
        channel = 0
        while channel < 2:
            byte = at + 3 + 3 * channel
            value = (((ring[byte] << 16) | (ring[byte + 1] << 8) | ring[byte + 2]) ^ 0x800000) - 0x800000
            sum64 = sums[2 * chip + channel]
            sum64 += value - (sum64 >> 6)
            sums[2 * chip + channel] = sum64
            counts = (value - (sum64 >> 6)) >> shift
            if counts > RAIL or value == 0x7FFFFF:
                counts = RAIL
            if counts < -RAIL or value == -0x800000:
                counts = -RAIL
            block[2 * done + channel] = counts
            channel += 1
        chip += 1
        if chip == chips:
            chip = 0
        frame += 1
        if frame == frames:
            frame = 0
        done += 1
    off = ((ring[at] & 0x0F) << 1) | (ring[at + 1] >> 7)
    if chips > 1:
        off = (off << 5) | ((ring[at - 9] & 0x0F) << 1) | (ring[at - 8] >> 7)
    return off


class Ads1292r:
    """The role `emg`."""

    def __init__(self, spi, cs, drdy, count_edges, rate_hz, gain, shift, ring_samples=256):
        """cs: (CS,) or (CS, CS of the second). count_edges(): falling edges of DRDY modulo EDGES, as `esp32.PCNT`."""
        self._spi = spi
        self._cs = self._spoken_to = cs
        self._name = "ADS1292R"
        self._drdy = drdy
        self._count_edges = count_edges
        self._rate = self._code(_RATES, rate_hz)
        self._gain = self._code(_GAINS, gain)
        self._shift = shift
        self.pv_per_count = (2420000000000 << shift) // (gain * 8388607)  # 2.42 V are full scale at a gain of 1
        self._slots = ring_samples
        self._frames_bytes = _FRAME * len(cs)
        self._ring = bytearray(self._frames_bytes * ring_samples)
        self._frames = bytearray(self._frames_bytes)
        frames = memoryview(self._frames)
        self._chips = tuple((cs[i], frames[_FRAME * i : _FRAME * (i + 1)]) for i in range(len(cs)))
        self._zeros = bytes(_FRAME)
        self._three = bytearray(3)
        self._answer = bytearray(3)
        self._mean = array("i", [0, 0] * len(cs))  # 64 times
        self._when_ready = self._take
        self._block_samples = 0  # of the caller's blocks
        self._clear()

    def begin(self):
        """Check who answers, set up, convert."""
        self._drdy.irq(None)
        for number in range(len(self._cs)):
            self._speak_to(number)
            self._set_up(number)
        self._clear()
        self._spoken_to = self._cs
        self._name = "ADS1292R"
        self._command(_START)
        time.sleep_ms(_FIRST_DATA_MS)
        for number in range(len(self._cs)):
            self._speak_to(number)
            self._look(number)
        self._is_busy = True
        self._drdy.irq(self._when_ready, self._drdy.IRQ_FALLING)
        self._seen = self._count_edges()
        self._is_due = False
        self._go_on()

    def read_into(self, block):
        """Fill `block` (array('h'), samples x channels) and return True, or False when fewer samples wait."""
        chips = len(self._cs)
        self._block_samples = samples = len(block) // (2 * chips)
        if self._head - self._tail < samples:
            return False
        slot = self._tail % self._slots
        self._off = _decode(self._ring, slot, self._slots, chips, self._mean, block, samples, self._shift)
        self._tail += samples
        if self._tail >= self._slots:  # small numbers: both stay below twice the ring
            self._is_busy = True
            self._tail -= self._slots
            self._head -= self._slots
            self._go_on()
        return True

    def take_lost(self):
        """Samples lost behind those read, once less than a block of them is left; else 0."""
        if not self._is_stopped or self._head - self._tail >= self._block_samples > 0:
            return 0
        self._is_busy = True
        now = self._count_edges()
        lost = self._lost + (now - self._seen) % EDGES + self._head - self._tail
        self._seen = now
        self._lost = 0
        self._tail = self._head
        self._is_stopped = False
        self._go_on()
        return lost

    def lead_off(self):
        """Bits of the channels with an electrode off, as of the last block."""
        off = self._off
        first = (1 if off & 0x03 else 0) | (2 if off & 0x0C else 0)
        return first | (4 if off & 0x60 else 0) | (8 if off & 0x180 else 0)

    def late_us(self, permille):
        """The chip's clock samples."""
        return 0

    def stop(self):
        """Standby; the first goes last, because its clock is the second's."""
        self._drdy.irq(None)
        for number in range(len(self._cs) - 1, -1, -1):
            self._speak_to(number)
            self._command(_SDATAC)
            self._command(_STOP)
            self._command(_STANDBY)

    def _speak_to(self, number):
        self._spoken_to = self._cs[number : number + 1]
        if len(self._cs) > 1:
            self._name = "ADS1292R {}".format(number + 1)

    def _set_up(self, number):
        self._command(_WAKEUP)  # in standby, which `stop` leaves it in, it may hear nothing else
        self._command(_RESET)
        time.sleep_ms(_RESET_MS)
        self._command(_SDATAC)
        identity = self._get(_ID)
        for _ in range(_TRIES - 1):
            if identity == _IDENTITY:
                break
            time.sleep_ms(_RESET_MS)
            identity = self._get(_ID)
        if identity != _IDENTITY:
            self._fail(_ENODEV, _ID, "identity 0x{:02X}, not 0x{:02X}".format(identity, _IDENTITY))
        has_second = number + 1 < len(self._cs)
        self._set(_CONFIG1, self._rate)
        self._set(_CONFIG2, _AND_CLOCK_OUT if has_second else _REFERENCE_AND_COMPARATORS)
        time.sleep_ms(_SETTLE_MS)
        self._set(_LOFF, _SMALLEST_CURRENT)
        self._set(_CH1SET, self._gain)
        self._set(_CH2SET, self._gain)
        self._set(_RLD_SENS, _NO_RLD if number else _RLD_OF_ALL)
        self._set(_LOFF_SENS, _LOFF_OF_ALL)
        self._set(_RESP1, _NO_RESPIRATION)
        self._set(_RESP2, _RLD_REFERENCE)
        self._command(_RDATAC)

    def _look(self, number):
        """The first frame, from which the means begin; DRDY tells of the first chip, the frame's mark of the second."""
        frame = self._chips[number][1]
        for _ in range(_TRIES):
            self._transfer(self._zeros, frame, _ID, "no frame read")
            if self._count_edges() != self._seen and frame[0] & 0xF0 == _MARK:
                break
            time.sleep_ms(1)
        else:
            self._fail(_EIO, _CONFIG1, "no data gets ready")
        for channel in range(2):
            at = 3 + 3 * channel
            value = frame[at] << 16 | frame[at + 1] << 8 | frame[at + 2]
            self._mean[2 * number + channel] = ((value ^ 0x800000) - 0x800000) << 6

    def _clear(self):
        self._head = self._tail = 0  # samples stored and read
        self._lost = self._off = self.bus_errors = 0
        self._is_stopped = False  # after a loss, until it is told
        self._is_busy = self._is_due = False  # the ring is being changed; the interrupt came meanwhile
        self._seen = self._count_edges()

    def _take(self, _):
        """DRDY: the newest frame into the ring; what came between is lost."""
        if self._is_busy:
            self._is_due = True
            return
        now = self._count_edges()
        new = (now - self._seen) % EDGES
        if not new:
            return
        self._seen = now
        if self._is_stopped:
            self._lost += new
            return
        is_good = new == 1 and self._head - self._tail < self._slots
        if is_good:
            for cs, frame in self._chips:
                cs(0)
                try:
                    self._spi.write_readinto(self._zeros, frame)
                except OSError:
                    self.bus_errors += 1
                    is_good = False
                cs(1)
                if frame[0] & 0xF0 != _MARK:
                    is_good = False
        if not is_good or self._count_edges() != now:
            self._lost += new
            self._is_stopped = True
            return
        _store(self._ring, self._head % self._slots, self._frames, self._frames_bytes)
        self._head += 1

    def _go_on(self):
        """The ring is whole again: take what came meanwhile."""
        self._is_busy = False
        if self._is_due:
            self._is_due = False
            self._take(None)

    def _code(self, table, wanted):
        for value, code in table:
            if value == wanted:
                return code
        raise ValueError("ADS1292R: {} is no rate or gain of it".format(wanted))

    def _select(self, level):
        for cs in self._spoken_to:
            cs(level)

    def _transfer(self, sent, answer, register, failed):
        self._select(0)
        try:
            self._spi.write_readinto(sent, answer)
            time.sleep_us(_HOLD_US)
        except OSError as error:
            self._fail(error.errno, register, failed)
        finally:
            self._select(1)

    def _command(self, command):
        self._select(0)
        try:
            self._spi.write(bytes((command,)))
            time.sleep_us(_HOLD_US)
        except OSError as error:
            raise OSError(error.errno, "{} SPI command 0x{:02X}: not sent".format(self._name, command))
        finally:
            self._select(1)

    def _get(self, register):
        self._three[0] = _RREG | register
        self._three[1] = self._three[2] = 0
        self._transfer(self._three, self._answer, register, "not read")
        return self._answer[2]

    def _set(self, register, value):
        """Write and read back."""
        self._three[0] = _WREG | register
        self._three[1] = 0
        self._three[2] = value
        self._transfer(self._three, self._answer, register, "not written")
        got = self._get(register)
        if got != value:
            self._fail(_EIO, register, "0x{:02X} written, 0x{:02X} read".format(value, got))

    def _fail(self, errno, register, what):
        raise OSError(errno, "{} SPI register 0x{:02X}: {}".format(self._name, register, what))
