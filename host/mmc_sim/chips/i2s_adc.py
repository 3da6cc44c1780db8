"""The ESP32's I2S receiver with a PCM1808 behind it: DMA buffers, their queue, and what both lose in silence.

In:    counts of 24 bits, from a function of the sample's number and channel; time in microseconds by `run_us`
Out:   what `readinto` reads: 16 bits a sample, left first, as the port picks them out of slots of 32 bits
State: the ring of DMA buffers, the queue of full ones, the buffer that the reader has in hand
Cost:  reading allocates nothing
Source: MicroPython's ports/esp32/machine_i2s.c (arguments, DMA buffers of 256 samples, `readinto` that waits until a
        poll has asked once); ESP-IDF's i2s_common.c: the queue has one place less than there are buffers and drops its
        oldest; its interrupt is masked while flash is erased, and tells then of the last buffer only. SLES177: SCKI in
        step with 256 times the rate, else zeros
"""

from array import array

from mmc_sim.bus import BusMisuse

FRAMES = 256  # of a DMA buffer
_LOOK_US, _COPY_US = 20, 150  # what `readinto` takes when there is nothing, and for a buffer
_APB_HZ = 80000000
_ZERO_SAMPLES = 32  # after clocks came into step


class Pwm:
    """The LED controller's output, as `machine.PWM` sets it: as fine a duty as the frequency allows."""

    def __init__(self):
        self._divisor = 0  # Q8; 0: off
        self._bits = 0

    def init(self, freq, duty_u16):
        """Begin."""
        if duty_u16 != 32768:
            raise BusMisuse("duty {}: SCKI has to be high for 40 to 60 % of the time".format(duty_u16))
        self._bits = 0
        while _APB_HZ // freq >> self._bits + 1:
            self._bits += 1
        self._divisor = ((_APB_HZ << 8) + (freq << self._bits) // 2) // (freq << self._bits)

    def deinit(self):
        """Off."""
        self._divisor = 0

    def freq(self):
        """What comes out, to the next hertz below."""
        return (_APB_HZ << 8) // (self._divisor << self._bits) if self._divisor else 0

    def is_in_step(self, rate_hz):
        """256 times the rate, exactly?"""
        return 256 * rate_hz * (self._divisor << self._bits) == (_APB_HZ << 8)


class Poll:
    """A `select.poll()`."""

    def __init__(self):
        self._streams = []

    def register(self, stream, events):
        """One more."""
        if events != 1:
            raise BusMisuse("events {}: this stream can be read".format(events))
        self._streams.append(stream)

    def unregister(self, stream):
        """One less."""
        self._streams.remove(stream)

    def poll(self, timeout_ms):
        """Ask them all."""
        if timeout_ms:
            raise BusMisuse("waits for {} ms".format(timeout_ms))
        for stream in self._streams:
            stream.waits = False
        return []


class I2s:
    """One port; `open` stands for the class `machine.I2S`, and makes it run anew."""

    RX, TX = 1, 0
    MONO, STEREO = 0, 1

    def __init__(self, time, counts, clock, start_us=700, ppm=0):
        """counts(number, channel): of a sample since opening. start_us: how long the first takes more than others.
        ppm: by how much the rate is below what was asked for."""
        self._time = time
        self._counts = counts
        self._clock = clock
        self._start_us = start_us
        self._ppm = ppm
        self.is_open = False
        self.has_memory = True
        self.is_dead = False
        self.opened = []  # arguments of each opening
        self.waits = True
        self.has_interrupts = True
        self.pauses = None  # pauses(): microseconds that pass before and within `readinto`
        self._close()

    def _close(self):
        self.filled = self._told = 0  # buffers
        self._first = self._waiting = 0  # in the queue
        self._in_hand = -1
        self._at = FRAMES  # of the one in hand
        self._rest = 0  # of the drift

    def __call__(self, port, sck, ws, sd, mode, bits, format, rate, ibuf):
        """Open."""
        if port not in (0, 1):
            raise ValueError("invalid id")
        if mode != self.RX or bits not in (16, 32) or format != self.STEREO:
            raise ValueError("invalid mode, bits or format")
        if not self.has_memory:
            raise OSError(-257, "ESP_ERR_NO_MEM")
        if self.is_open:
            raise BusMisuse("opened twice")
        if bits != 16:
            raise BusMisuse("samples of {} bits are not modelled".format(bits))
        if not 8000 <= rate <= 96000:
            raise BusMisuse("the converter has no rate of {} Hz".format(rate))
        self.opened.append((port, sck, ws, sd, rate, ibuf))
        self.rate_hz = rate
        self.buffers = max(2, ibuf // (8 * FRAMES))
        self.is_open = True
        self.waits = True
        self.buffer_us = FRAMES * 1000000 // rate
        self._is_in_step = self._clock.is_in_step(rate)
        self._queue = array("i", bytes(4 * (self.buffers - 1)))
        self._close()
        self.next_us = self._time.now_us + self._start_us + self.buffer_us
        return self

    def deinit(self):
        """Close; the DMA memory is free again."""
        self.is_open = False

    def run_us(self, us):
        """Let time pass."""
        self._time.now_us += us
        self._fill()

    def _fill(self):
        while self.is_open and not self.is_dead and self.next_us <= self._time.now_us:
            self._rest += self.buffer_us * self._ppm
            self.next_us += self.buffer_us + self._rest // 1000000
            self._rest %= 1000000
            self.filled += 1
            if self.has_interrupts:
                self._tell()

    def _tell(self):
        """The interrupt: the last buffer that got full."""
        if self._told == self.filled:
            return
        self._told = self.filled
        if self._waiting == self.buffers - 1:
            self._take()
        self._queue[(self._first + self._waiting) % len(self._queue)] = self.filled - 1
        self._waiting += 1

    def _take(self):
        number = self._queue[self._first]
        self._first = (self._first + 1) % len(self._queue)
        self._waiting -= 1
        return number

    def set_interrupts(self, are_on):
        """Flash is erased, or no more."""
        self._fill()
        self.has_interrupts = are_on
        if are_on:
            self._tell()

    def _pause(self):
        if self.pauses:
            self.run_us(self.pauses())

    def readinto(self, buf):
        """Fill `buf` with what is there; how many bytes that were."""
        if not self.is_open:
            raise BusMisuse("closed")
        if self.waits:
            raise BusMisuse("would wait: nobody has polled")
        self._pause()
        done = 0
        self.run_us(_LOOK_US)
        while done < len(buf):  # array('h')
            if self._at == FRAMES:
                if not self._waiting:
                    break
                self._in_hand = self._take()
                self._at = 0
                self.run_us(_COPY_US)
                self._pause()
            # What DMA has come round to is newer, without a word
            newest = self._in_hand
            while newest + self.buffers <= self.filled:
                newest += self.buffers
            frame = newest * FRAMES + self._at
            for channel in range(2):
                counts = self._counts(frame, channel) >> 8
                if not self._is_in_step or frame < _ZERO_SAMPLES:
                    counts = 0
                buf[done] = max(-0x8000, min(0x7FFF, counts))
                done += 1
            self._at += 1
        return 2 * done
