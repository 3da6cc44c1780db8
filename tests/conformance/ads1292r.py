"""What the driver of the ADS1292R has to do; values from SBAS502, by hand."""

from array import array

from conformance.expectations import fails, refuses, same

from mmc_sim.bus import SPI, Time
from mmc_sim.chips.ads1292r import Ads1292r as Chip

RATES = {125: 0, 250: 1, 500: 2, 1000: 3, 2000: 4, 4000: 5, 8000: 6}
# Gain: CHnSET; picovolt per count at a shift of 3: 2.42 V / gain / (2^23 - 1) * 8.
GAINS = {
    1: (0x10, 2307892),
    2: (0x20, 1153946),
    3: (0x30, 769297),
    4: (0x40, 576973),
    6: (0x00, 384648),
    8: (0x50, 288486),
    12: (0x60, 192324),
}


class Running(Time):
    """Time in which a chip converts."""

    chip = None

    def sleep_ms(self, ms):
        """Let time pass."""
        self.chip.run_us(1000 * ms)

    def sleep_us(self, us):
        """Let time pass."""
        self.chip.run_us(us)


def zero(number, channel):
    """Nothing at the inputs."""
    return 0


def at_once(time):
    """Looking at the pulse counter takes no time."""


def build(driver, counts=zero, rate_hz=1000, gain=1, shift=0, ring_samples=32, identity=0x73, looking=at_once, chips=1):
    """A driver on a bus, the first chip on it, its time, and the bus. The second chip has channels 2 and 3."""
    driver.time = time = Running()
    time.chip = chip = Chip(time, counts, identity)
    bus = SPI(chip)
    if chips > 1:
        bus = SPI(chip, Chip(time, lambda number, channel: counts(number, channel + 2), master=chip))
    cs = tuple(bus.chip_select(i) for i in range(chips))

    def count():  # a pulse counter
        looking(time)
        return chip.edges % 30000

    return (
        driver.Ads1292r(bus, cs, chip.drdy, count, rate_hz, gain, shift, ring_samples),
        chip,
        time,
        bus,
    )


def begins(driver):
    """Commands and registers in the order of the data sheet, for every rate and gain."""
    for rate_hz in sorted(RATES):
        emg, chip, _, _ = build(driver, rate_hz=rate_hz, gain=6)
        emg.begin()
        same(chip.commands, [0x02, 0x06, 0x11, 0x10, 0x08])
        same(
            chip.written,
            [(1, RATES[rate_hz]), (2, 0xE0), (3, 0x10), (4, 0), (5, 0), (6, 0x2F), (7, 0x0F), (9, 0x02), (10, 0x03)],
        )
        emg.stop()
        same(chip.commands[5:], [0x11, 0x0A, 0x04])
        assert not chip.is_converting and chip.is_in_standby
    for gain in sorted(GAINS):
        emg, chip, _, _ = build(driver, gain=gain, shift=3)
        emg.begin()
        same((chip.values[4], chip.values[5], emg.pv_per_count), (GAINS[gain][0], GAINS[gain][0], GAINS[gain][1]))
    for rate_hz, gain in ((100, 6), (16000, 6), (1000, 0), (1000, 5)):
        refuses(lambda rate_hz=rate_hz, gain=gain: build(driver, rate_hz=rate_hz, gain=gain))


def begins_two(driver):
    """The first puts its clock out before the second is spoken to; both start at one moment; the first stops last."""
    emg, chip, _, _ = build(driver, gain=6, chips=2)
    second = chip.second
    for _ in range(2):
        starts = []
        for each in (chip, second):
            del each.commands[:]
            del each.written[:]
        emg.begin()
        for each in (chip, second):
            starts.append(each.next_us - each.period_us * each._number)
            same(each.commands, [0x02, 0x06, 0x11, 0x10, 0x08])
        same(starts[0], starts[1])
        same(
            chip.written,
            [(1, 3), (2, 0xE8), (3, 0x10), (4, 0), (5, 0), (6, 0x2F), (7, 0x0F), (9, 0x02), (10, 0x03)],
        )
        same(
            second.written,
            [(1, 3), (2, 0xE0), (3, 0x10), (4, 0), (5, 0), (6, 0x00), (7, 0x0F), (9, 0x02), (10, 0x03)],
        )
        emg.stop()
        for each in (chip, second):
            same(each.commands[5:], [0x11, 0x0A, 0x04])
            assert not each.is_converting and each.is_in_standby


def high_pass(values):
    """The high-pass by its definition, in exact integers: sum64 is 64 times the mean."""
    sum64 = 0
    for value in values:
        sum64 += value - sum64 // 64
        yield value - sum64 // 64


def measures(driver, lock, unlock):
    """Both signs, all channels, the mean taken away, the bits dropped, the rail."""
    steps = (0, 0, 1000, -1000, 70000, -70000, 255, 256, -256, 5)

    def wave(number, channel):
        if number < 60:  # `begin` looks at these
            return 0
        value = steps[(number - 60) % 10]
        return (3 - value if channel & 1 else value) >> (channel >> 1)

    for chips, shift in ((1, 0), (1, 3), (2, 0), (2, 3)):
        emg, _, time, _ = build(driver, wave, shift=shift, chips=chips)
        emg.begin()
        block = array("h", [0] * (20 * chips))
        samples = []
        for _ in range(5):
            time.sleep_ms(4)
            assert not emg.read_into(block)
            lock()  # the interrupt too
            time.sleep_ms(6)
            ready = emg.read_into(block)
            again = emg.read_into(block)
            unlock()
            assert ready is True and again is False
            samples += list(block)
        for channel in range(2 * chips):
            values = [wave(number, channel) for number in range(50, 100)]
            wanted = [max(-16383, min(16383, value >> shift)) for value in high_pass(values)]
            same([samples[i] for i in range(channel, len(samples), 2 * chips)], wanted)
        same((emg.take_lost(), emg.lead_off(), emg.bus_errors, emg.late_us(990)), (0, 0, 0, 0))
        for level, count in ((0x7FFFFF, 16383), (-0x800000, -16383), (0x7FFFFE, 0), (-0x7FFFFF, 0), (123456, 0)):
            emg, _, time, _ = build(driver, lambda number, channel, level=level: level, chips=chips)
            emg.begin()
            time.sleep_ms(10)
            assert emg.read_into(block)
            same(list(block), [count] * (20 * chips))


def tells_leads(driver):
    """Each electrode by itself, and where both channels miss one."""
    block = array("h", [0] * 20)
    emg, chip, time, _ = build(driver)
    emg.begin()
    same(emg.lead_off(), 0)
    wanted = ((1, 1), (2, 1), (4, 2), (8, 2), (3, 1), (12, 2), (5, 3), (10, 3), (0, 0))
    for off, channels in wanted:
        chip.off = off
        time.sleep_ms(10)
        assert emg.read_into(block)
        same(emg.lead_off(), channels)
    block = array("h", [0] * 40)
    emg, chip, time, _ = build(driver, chips=2)
    emg.begin()
    same(emg.lead_off(), 0)
    for off, channels in wanted:
        for chip.off, chip.second.off, bits in ((off, 0, channels), (0, off, 4 * channels), (off, off, 5 * channels)):
            time.sleep_ms(10)
            assert emg.read_into(block)
            same(emg.lead_off(), bits)


def loses(driver, lock, unlock, chips):
    """Whatever is not in a block is counted, where it was."""
    block = array("h", [0] * (20 * chips))
    for stall_ms, times in ((1, 1), (2, 1), (3, 1), (25, 1), (31, 1), (500, 1), (2, 0), (500, 0), (29999, 1), (40, 2)):
        emg, chip, time, _ = build(driver, chips=chips)
        emg.begin()
        time.sleep_ms(7)
        before = chip.edges - 7
        lock()
        chip.drdy.hold_irq()
        time.sleep_ms(stall_ms)
        chip.drdy.release_irq(times)
        unlock()
        taken = lost = 0
        gaps = []
        for _ in range(100):
            time.sleep_ms(3)
            lock()
            while emg.read_into(block):
                taken += 10
            missing = emg.take_lost()
            unlock()
            if missing:
                gaps.append((taken, missing))
            lost += missing
        waiting = chip.edges - before - taken - lost
        assert 0 <= waiting < 10, (stall_ms, times, waiting)
        if stall_ms == 1 and times:
            same(gaps, [])
        elif stall_ms == 2 and not times:  # told when the next comes: 2 not seen, 1 seen too late, and all before them
            same(gaps, [(0, 12)])
        else:
            same(len(gaps), 1)
            assert gaps[0][0] == 0 and stall_ms + 7 <= gaps[0][1] <= stall_ms + 10, (stall_ms, gaps)
    emg, chip, time, _ = build(driver, chips=chips)  # nobody reads: the ring keeps the oldest
    emg.begin()
    time.sleep_ms(100)
    for lost in (0, 0, 70):
        assert emg.read_into(block)
        same(emg.take_lost(), lost)
    assert not emg.read_into(block)
    time.sleep_ms(10)
    assert emg.read_into(block)
    same(emg.take_lost(), 0)


def spoils(driver):
    """A frame that is read over the next DRDY, one without its mark, one that the bus refuses: lost and counted."""

    def slow(chip, time, emg, bus):
        transfer = chip.transfer
        chip.transfer = lambda value: (chip.transfer_late(value), setattr(chip, "transfer", transfer))[0]

        def late(value):
            sent = transfer(value)
            chip.edges += 1  # another sample meanwhile
            return sent

        chip.transfer_late = late

    def unmarked(chip, time, emg, bus):
        transfer = chip.transfer

        def wrong(value):
            chip.transfer = transfer
            return transfer(value) ^ 0x40

        chip.transfer = wrong

    def refused(chip, time, emg, bus):
        bus.fault.fail_at = bus.fault.transactions + 1

    def slow_second(chip, time, emg, bus):
        transfer = chip.second.transfer

        def late(value):
            chip.second.transfer = transfer
            chip.edges += 1
            return transfer(value)

        chip.second.transfer = late

    def unmarked_second(chip, time, emg, bus):
        unmarked(chip.second, time, emg, bus)

    def refused_second(chip, time, emg, bus):
        bus.fault.fail_at = bus.fault.transactions + 2

    for chips, spoil, lost, errors in (
        (1, slow, 9, 0),
        (1, unmarked, 8, 0),
        (1, refused, 8, 1),
        (2, slow, 9, 0),
        (2, unmarked, 8, 0),
        (2, refused, 8, 1),
        (2, slow_second, 9, 0),
        (2, unmarked_second, 8, 0),
        (2, refused_second, 8, 1),
    ):
        block = array("h", [0] * (20 * chips))
        emg, chip, time, bus = build(driver, chips=chips)
        emg.begin()
        time.sleep_ms(7)
        spoil(chip, time, emg, bus)
        time.sleep_ms(1)
        assert not emg.read_into(block)
        same((emg.take_lost(), emg.bus_errors), (lost, errors))
        time.sleep_ms(10)
        assert emg.read_into(block)
        same(emg.take_lost(), 0)


def sleeps(driver, chips):
    """Stopped and begun again, as often as one likes: samples from a fresh start each time, none from before."""
    block = array("h", [0] * (20 * chips))
    emg, chip, time, _ = build(driver, lambda number, channel: 500 + 100 * channel, chips=chips)
    for _ in range(20):
        emg.begin()
        time.sleep_ms(25)
        assert emg.read_into(block) and emg.read_into(block) and not emg.read_into(block)
        same((emg.take_lost(), emg.bus_errors), (0, 0))
        emg.stop()
        edges = chip.edges
        time.sleep_ms(1000)
        assert not emg.read_into(block)
        same(chip.edges, edges)


def tells_what_failed(driver):
    """Nobody there, somebody else, registers that do not hold, no data, each transaction."""
    for identity in (0x00, 0x53, 0xFF):
        emg, chip, _, bus = build(driver, identity=identity)
        fails(emg.begin, 19, "ADS1292R", "0x00", "identity 0x{:02X}".format(identity))
        same((chip.written, bus.fault.transactions), ([], 3 + 5))
    emg, chip, _, bus = build(driver)
    chip.flips[0] = 0xFF
    sleep = driver.time.sleep_ms

    def late(ms):  # the fifth try gets through
        if bus.fault.transactions == 3 + 4:
            chip.flips.clear()
        sleep(ms)

    driver.time.sleep_ms = late
    emg.begin()
    for register in (1, 2, 3, 4, 5, 6, 7, 9, 10):
        emg, chip, _, _ = build(driver)
        chip.flips[register] = 0x04
        fails(emg.begin, 5, "ADS1292R", "register 0x{:02X}".format(register), "written", "read")
    emg, chip, _, _ = build(driver)
    chip.is_dead = True
    fails(emg.begin, 5, "ADS1292R", "no data")
    emg, chip, _, bus = build(driver)
    emg.begin()
    count = bus.fault.transactions
    for number in range(1, count + 1):
        emg, chip, _, bus = build(driver)
        bus.fault.fail_at = number
        fails(emg.begin, 19, "ADS1292R SPI ")
        emg.begin()  # and it is selected no more
    bus.fault.is_stuck = True
    fails(emg.begin, 110, "ADS1292R SPI command 0x02")
    fails(emg.stop, 110, "ADS1292R SPI command 0x11")


def tells_which_failed(driver):
    """Of two chips: each by its number, and neither is selected any more."""
    for number, identities in ((1, (0x53, 0x73)), (2, (0x73, 0x53)), (1, (0x53, 0x53))):
        emg, chip, _, _ = build(driver, chips=2)
        chip.identity, chip.second.identity = identities
        fails(emg.begin, 19, "ADS1292R {} SPI register 0x00".format(number), "identity 0x53, not 0x73")
    for number in (1, 2):
        for register in (1, 2, 3, 4, 5, 6, 7, 9, 10):
            emg, chip, _, _ = build(driver, chips=2)
            (chip if number == 1 else chip.second).flips[register] = 0x04
            wanted = "ADS1292R {} SPI register 0x{:02X}".format(number, register)
            fails(emg.begin, 5, wanted, "written", "read")
        emg, chip, _, _ = build(driver, chips=2)
        (chip if number == 1 else chip.second).is_dead = True
        fails(emg.begin, 5, "ADS1292R {} SPI".format(number), "no data")
    emg, chip, _, bus = build(driver, chips=2)
    emg.begin()
    count = bus.fault.transactions
    named = []
    for number in range(1, count + 1):
        emg, chip, _, bus = build(driver, chips=2)
        bus.fault.fail_at = number
        try:
            emg.begin()
        except OSError as error:
            named.append(error.args[1][:11])
        emg.begin()
    of_one = (count - 3) // 2
    same(named[:of_one], ["ADS1292R 1 "] * of_one)
    same(named[of_one : 2 * of_one], ["ADS1292R 2 "] * of_one)
    same(named[2 * of_one], "ADS1292R SP")  # START is for both
    same(named[2 * of_one + 1 :], ["ADS1292R 1 ", "ADS1292R 2 "])


def conform(driver, lock, unlock):
    """All of it."""
    begins(driver)
    begins_two(driver)
    measures(driver, lock, unlock)
    tells_leads(driver)
    for chips in (1, 2):
        loses(driver, lock, unlock, chips)
        sleeps(driver, chips)
    spoils(driver)
    tells_what_failed(driver)
    tells_which_failed(driver)
