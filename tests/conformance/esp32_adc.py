"""What the driver of the ESP32's ADC has to do."""

from array import array

from conformance.expectations import refuses, same

from mmc_sim.bus import Time
from mmc_sim.chips.esp32_adc import Adc, Ticker


def middle(now_us):
    """Half of 3.3 V."""
    return 1650


def at_once(timer):
    """Looking at the clock takes no time."""


def build(driver, signals=(middle, middle), start_us=0, rate_hz=1000, ring_samples=32, looking=at_once):
    """A driver, its timer, its time."""
    time = Time(start_us)
    timer = Ticker(time)

    def ticks_us():
        looking(timer)
        return time.ticks_us()

    channels = [(32 + i, Adc(time, signal)) for i, signal in enumerate(signals)]
    return driver.Esp32Adc(channels, timer, ticks_us, rate_hz, ring_samples), timer, time


def refuses_what_it_is_not(driver):
    """ADC2 stops while WiFi is on; the timer has whole milliseconds."""
    time = Time()
    adc = Adc(time, middle)
    for pin in (31, 40, 0, 27, 64):
        refuses(lambda pin=pin: driver.Esp32Adc([(32, adc), (pin, adc)], Ticker(time), time.ticks_us))
    for pin in range(32, 40):
        driver.Esp32Adc([(pin, adc)], Ticker(time), time.ticks_us)
    for rate_hz in (0, -1, 3, 300, 999, 2000):
        refuses(lambda rate_hz=rate_hz: driver.Esp32Adc([(32, adc)], Ticker(time), time.ticks_us, rate_hz))


def measures(driver, lock, unlock):
    """Millivolts about the middle, the ends of the range, channels in their order, across the wrap of the clock."""
    cases = (
        (1650, 0),
        (1651, 1),
        (1649, -1),
        (151, -1499),
        (150, -1500),
        (149, -1500),
        (0, -1500),
        (2449, 799),
        (2450, 1500),
        (3300, 1500),
    )
    for start_us in (0, 0x3FFFFFFF - 5500):
        for rate_hz, period_us in ((1000, 1000), (500, 2000), (100, 10000)):
            signals = [lambda us, n=n, p=period_us: cases[(us // p - 1 + n) % 10][0] for n in range(3)]
            emg, timer, _ = build(driver, signals, start_us, rate_hz)
            emg.begin()
            block = array("h", [0] * 30)
            for _ in range(4):
                timer.run_us(9 * period_us)
                assert not emg.read_into(block)
                lock()  # the timer's callback too
                timer.run_us(period_us)
                ready = emg.read_into(block)
                again = emg.read_into(block)
                unlock()
                assert ready is True and again is False
                for n in range(3):
                    same(list(block)[n::3], [cases[(i + n) % 10][1] for i in range(10)])
            same((emg.take_lost(), emg.lead_off(), emg.late_max_us), (0, 0, 0))
            emg.stop()
            timer.run_us(100_000)
            assert not emg.read_into(block)


def loses(driver, lock, unlock):
    """Whatever is not in a block is counted, where it was; callbacks that pile up take nothing twice."""
    block = array("h", [0] * 20)
    for stall_us, gap in (
        (100, 0),
        (1779, 0),
        (1780, 11),
        (1890, 11),
        (2889, 11),
        (2890, 12),
        (25_300, 34),
        (500_000, 509),
    ):
        emg, timer, time = build(driver)
        emg.begin()
        timer.run_us(8_000)  # eight are taken, the last until 8.11 ms; the ninth's period is over at 10 ms
        lock()
        timer.hold()
        timer.run_us(stall_us)
        timer.release()
        unlock()
        taken = lost = 0
        gaps = []
        for _ in range(60):
            timer.run_us(1_000)
            lock()
            while emg.read_into(block):
                taken += 10
            missing = emg.take_lost()
            unlock()
            lost += missing
            if missing:
                gaps.append(missing)
        same((stall_us, gaps), (stall_us, [gap] if gap else []))
        assert 0 <= time.now_us // 1000 - taken - lost < 10
    emg, timer, _ = build(driver)  # nobody reads: the ring keeps the oldest
    emg.begin()
    timer.run_us(100_000)
    for lost in (0, 0, 70):
        assert emg.read_into(block)
        same(emg.take_lost(), lost)
    timer.run_us(10_000)
    assert emg.read_into(block)
    same(emg.take_lost(), 0)


def tells_how_late(driver):
    """Each sample in its bin; bounds for shares of them."""
    for late_us, place in ((0, 0), (15, 0), (16, 1), (31, 1), (32, 2), (1023, 6), (4095, 8), (4096, 9), (9800, 9)):
        emg, timer, _ = build(driver, rate_hz=100)
        emg.begin()
        timer.hold()
        timer.run_us(10_000 + late_us)
        timer.release()
        same((late_us, list(emg.late), emg.late_max_us), (late_us, [int(i == place) for i in range(10)], late_us))
    for bins, bounds in (
        ((100, 0, 0, 0, 0, 0, 0, 0, 0, 0), (16, 16, 7777)),
        ((50, 49, 1, 0, 0, 0, 0, 0, 0, 0), (16, 32, 7777)),
        ((49, 49, 0, 0, 0, 0, 0, 0, 1, 1), (32, 4096, 7777)),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 5), (7777, 7777, 7777)),
    ):
        emg.late[:] = array("i", bins)
        emg.late_max_us = 7777
        same((emg.late_us(500), emg.late_us(990), emg.late_us(1000)), bounds)
    emg.begin()
    same((sum(emg.late), emg.late_max_us), (0, 0))


def conform(driver, lock, unlock):
    """All of it."""
    refuses_what_it_is_not(driver)
    measures(driver, lock, unlock)
    loses(driver, lock, unlock)
    tells_how_late(driver)
