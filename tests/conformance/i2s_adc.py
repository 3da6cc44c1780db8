"""What the driver of the I2S ADC has to do; filters by their definition, with coefficients copied by hand."""

from array import array

from conformance.expectations import fails, same

from mmc_sim.bus import Time
from mmc_sim.chips.i2s_adc import FRAMES, I2s, Poll, Pwm

TAPS = (-1, -5, -11, -16, -10, 15, 58, 102, 114, 59, -78, -270, -435, -458, -229, 304, 1091, 1983, 2761, 3218)
ALLPASSES = (1359, 4680, 8514, 11946, 14915)  # Q14, as the taps
BEHIND = FRAMES  # sample 0 begins behind the first buffer


class Running(Time):
    """Time in which DMA goes on."""

    bus = None

    def sleep_ms(self, ms):
        """Let time pass."""
        self.bus.run_us(1000 * ms)

    def sleep_us(self, us):
        """Let time pass."""
        self.bus.run_us(us)


def zero(number, channel):
    """Nothing at the inputs."""
    return 0


def build(driver, counts=zero, start_us=0, dma_buffers=8, first_us=700, ppm=0, looking=None):
    """A driver, its port, its time, SCKI."""
    driver.time = time = Running(start_us)
    clock = Pwm()
    time.bus = bus = I2s(time, counts, clock, first_us, ppm)

    def ticks_us():
        if looking:
            bus.run_us(looking())
        return time.ticks_us()

    return driver.I2sAdc(bus, ("sck", "ws", "sd"), clock, Poll(), ticks_us, 1, dma_buffers), bus, time, clock


class Decimator:
    """The two stages by their definition, one channel, in plain integers."""

    def __init__(self):
        self._inputs = [0] * 40
        self._memory = [[0, 0] for _ in ALLPASSES]

    def _chain(self, value, sections):
        for section in sections:
            before, out = self._memory[section]
            product = value - out
            product = before + ((product // 256 * ALLPASSES[section] + product % 256 * ALLPASSES[section] // 256) // 64)
            self._memory[section] = [value, product]
            value = product
        return value

    def step(self, ten):
        """Ten values of 16 bits make one."""
        middle = []
        for half in (ten[:5], ten[5:]):
            self._inputs = self._inputs[5:] + list(half)
            total = 0
            for i in range(20):
                total += TAPS[i] * (self._inputs[i] + self._inputs[39 - i])
            middle.append((total + 512) // 1024)
        value = (self._chain(middle[1], (0, 2, 4)) + self._chain(middle[0], (1, 3)) + 32) // 64
        if 0x7FFF in ten:
            return 16383
        if -0x8000 in ten:
            return -16383
        return max(-16383, min(16383, value))


def begins(driver):
    """Clocks and port as they have to be; the memory stays when it rests; each failure says what it is."""
    emg, bus, _, clock = build(driver)
    emg.begin()
    same(bus.opened, [(1, "sck", "ws", "sd", 10000, 16384)])
    same((clock.freq(), clock.is_in_step(10000)), (2560000, True))
    assert bus.filled == 1
    same((emg.late_us(990), emg.lead_off(), driver.RAIL, driver.PV_PER_COUNT), (0, 0, 16383, 3000000000000 // 32768))
    emg.begin()
    same(len(bus.opened), 2)
    block = array("h", [0] * 20)
    for _ in range(20):
        emg.stop()
        same((bus.is_open, clock.freq(), emg.read_into(block), emg.take_lost()), (True, 0, False, 0))
        emg.stop()
        emg.begin()
    emg, bus, _, clock = build(driver)
    bus.has_memory = False
    fails(emg.begin, -257, "I2S ADC port 1", "8 DMA buffers")
    same((bus.is_open, clock.freq(), emg.read_into(block), emg.take_lost()), (False, 0, False, 0))
    emg, bus, _, clock = build(driver)
    bus.is_dead = True
    fails(emg.begin, 5, "I2S ADC port 1", "no buffer")
    same((bus.is_open, clock.freq()), (True, 0))  # the memory stays
    emg, bus, _, clock = build(driver)
    clock.freq = lambda: 2559999
    fails(emg.begin, 95, "I2S ADC port 1", "SCKI", "2559999")
    same(bus.opened, [])


def knows_its_clock(driver):
    """Differences and sums across the wrap at 2^30."""
    for now_us, then_us, us in (
        (5, 0x3FFFFFFE, 7),
        (0x3FFFFFFE, 5, -7),
        (0x1FFFFFFF, 0, 0x1FFFFFFF),
        (0x20000000, 0, -0x20000000),
    ):
        same(driver._since(now_us, then_us), us)
    same((driver._later(0x3FFFFFFE, 1), driver._later(0x3FFFFFFF, 1)), (0x3FFFFFFF, 0))
    same(driver._later(0x3FFFFF00, 25600), 25344)


def wave(number, channel):
    """24 bits of noise, both signs; steps between the rails; alternation; silence."""
    place = number // 300 % 5
    if place < 2:
        value = number % 997 * 23757 % 65521 - 32760
    elif place == 2:
        value = 0x7FFE if number % 100 < 50 else -0x7FFF
    elif place == 3:
        value = 0x7000 if number & 1 else -0x7000
    else:
        value = 0
    return (value if channel == 0 else -1 - value) << 8 | number & 0xFF


def single(number, channel):
    """Impulses, far from each other, in each place of the ten."""
    return 0x6B57_00 if number % 407 == 300 + channel else 0


RAILS = (0x7FFF00, 0x7FFE00, -0x800000, -0x7FFF00)


def railed(number, channel):
    """Only the outermost two values are the rail."""
    if channel != number // 1200 & 1:
        return 0
    return RAILS[number // 300 & 3]


def measures(driver, lock, unlock):
    """Every sample is what the definition makes of its ten, across seams of buffers and of the ring, clock wrapped."""
    block = array("h", [0] * 20)
    for counts in (wave, single, railed):
        emg, bus, _, _ = build(driver, counts, 0x3FFFFFFF - 150_000)
        emg.begin()
        wanted = [Decimator(), Decimator()]
        number = BEHIND
        for _ in range(45):
            bus.run_us(9_000)
            lock()
            ready = emg.read_into(block)
            unlock()
            if not ready:
                continue
            for i in range(10):
                for channel in range(2):
                    ten = [counts(n, channel) >> 8 for n in range(number, number + 10)]
                    same((number, channel, block[2 * i + channel]), (number, channel, wanted[channel].step(ten)))
                number += 10
        assert number > BEHIND + 3600
        same(emg.take_lost(), 0)


def rests(driver):
    """After the most violent input, silence is silence: nothing hums on."""
    emg, bus, _, _ = build(driver, lambda number, channel: 0 if number > 1500 else wave(number, channel))
    emg.begin()
    block = array("h", [0] * 20)
    last = []
    for _ in range(60):
        bus.run_us(10_000)
        if emg.read_into(block):
            last.append(list(block))
    same(last[-20:], [[0] * 20] * 20)


def drain(emg, bus, block, lock, unlock):
    """All that comes for a while: samples taken, gaps as (place, samples)."""
    taken = 0
    gaps = []
    for _ in range(30):
        bus.run_us(5_000)
        lock()
        while taken < 2000 and emg.read_into(block):
            taken += 10
        missing = emg.take_lost()
        unlock()
        if missing:
            gaps.append((taken, missing))
    return taken, gaps


def loses(driver, lock, unlock):
    """What Python's absence costs, and interrupts that are off; a gap is where it is, and as long as it is."""
    block = array("h", [0] * 20)
    for dma_buffers, stall_us, has_interrupts, gap in (
        (8, 150_000, True, False),
        (8, 150_000, False, True),
        (8, 170_000, True, False),
        (8, 215_000, True, True),
        (8, 500_000, True, True),
        (8, 500_000, False, True),
        (8, 20_000, False, False),
        (8, 55_000, False, True),
        (4, 60_000, True, False),
        (4, 120_000, True, True),
        (8, 400_000_000, True, True),
    ):
        for phase_us in (0, 4_000, 11_000, 18_000, 24_000):
            emg, bus, time, _ = build(driver, dma_buffers=dma_buffers)
            emg.begin()
            block_us = time.now_us - 150
            bus.run_us(phase_us)
            taken, gaps = drain(emg, bus, block, lock, unlock)
            same(gaps, [])
            bus.set_interrupts(has_interrupts)
            bus.run_us(stall_us)
            bus.set_interrupts(True)
            more, gaps = drain(emg, bus, block, lock, unlock)
            same((stall_us, has_interrupts, phase_us, len(gaps)), (stall_us, has_interrupts, phase_us, int(gap)))
            lost = gaps[0][1] if gaps else 0
            waiting = (time.now_us - block_us) // 1000 - taken - more - lost
            assert 0 <= waiting < 36, (stall_us, has_interrupts, phase_us, waiting)
            if gap:
                assert stall_us // 1000 - 35 <= lost <= stall_us // 1000 + 70, (stall_us, lost)
                assert gaps[0][0] <= 20, gaps  # what was read before counts still, what came after waits
    emg, bus, time, _ = build(driver)  # a reader of larger blocks, who comes rarely
    emg.begin()
    large = array("h", [0] * 50)
    bus.run_us(140_000)
    count = 0
    while count < 500 and emg.read_into(large):
        count += 25
    same((count, emg.take_lost()), (125, 0))


def survives_a_stall_while_it_reads(driver):
    """DMA comes round to the very buffer that is being copied."""
    emg, bus, _, _ = build(driver, lambda number, channel: number << 8)
    emg.begin()
    pauses = [0, 0]
    bus.pauses = lambda: pauses.pop() if pauses else 0
    bus.run_us(30_000)
    pauses[:] = [206_000, 0]
    block = array("h", [0] * 20)
    assert not emg.read_into(block)
    lost = emg.take_lost()
    assert 230 <= lost <= 250, lost


def conform(driver, lock, unlock):
    """All of it."""
    begins(driver)
    knows_its_clock(driver)
    measures(driver, lock, unlock)
    rests(driver)
    loses(driver, lock, unlock)
    survives_a_stall_while_it_reads(driver)
