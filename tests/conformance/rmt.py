"""What an output with a bounded on-time has to do."""

from conformance.expectations import fails, same

from mmc_sim.bus import Time
from mmc_sim.chips.rmt import OutputPin, Rmt, StoppableRmt


def build(driver, rmt, channels):
    """An output, its pin, its time, and what RMTs were asked for."""
    time = Time()
    pin = OutputPin(time)
    asked = []

    def open_rmt(number, carrier):
        asked.append(carrier)
        return rmt(number, pin=pin, clock_div=driver.DIVIDER, tx_carrier=carrier)

    return driver.Pulse(pin, open_rmt, channels), pin, time, asked


def runs_on(driver):
    """What can't be stopped ends unheard; as many at a time as there are channels, and none is lost."""
    pulse, pin, time, _ = build(driver, Rmt, driver.CHANNELS_ESP32)
    same(driver.CHANNELS_ESP32, 7)
    for _ in range(50):
        for number in range(7):
            pulse.run(80)
            same((pin.duty_pct, len(pin.channels)), (80, number + 1))
            time.sleep_ms(60)
            pulse.end()
            same(pin.duty_pct, 0)
            time.sleep_ms(60)
            same(pin.duty_pct, 0)
        fails(lambda: pulse.run(80), 16, "no channel")
        same((pin.duty_pct, pulse.is_over()), (0, True))
        time.sleep_ms(1100)
        pulse.end()
        same((pin.duty_pct, len(pin.channels), pulse.expired), (0, 0, 0))
    for _ in range(50):  # one pulse after the other, as fast as they are felt as such
        pulse.run(80)
        time.sleep_ms(100)
        pulse.end()
        time.sleep_ms(100)


def stops(driver):
    """One channel is enough where it can be stopped."""
    pulse, pin, time, _ = build(driver, StoppableRmt, driver.CHANNELS_ESP32S3)
    same(driver.CHANNELS_ESP32S3, 1)
    for _ in range(50):
        pulse.run(80)
        time.sleep_ms(60)
        pulse.end()
        same((pin.duty_pct, len(pin.channels)), (0, 0))


def conform(driver, lock, unlock):
    """Both chips."""
    bounds(driver, Rmt, driver.CHANNELS_ESP32)
    bounds(driver, StoppableRmt, driver.CHANNELS_ESP32S3)
    runs_on(driver)
    stops(driver)


def bounds(driver, rmt, channels):
    """Duties, the end by itself to the microsecond, ends by hand, and what nobody ended in time."""
    pulse, pin, time, asked = build(driver, rmt, channels)
    same((pin.duty_pct, pulse.is_over()), (0, True))  # whatever it was
    for duty_pct in (1, 50, 60, 99):
        pulse.run(duty_pct)
        same((pin.duty_pct, pulse.is_over(), asked.pop()), (duty_pct, False, (20000, duty_pct, 1)))
    pulse.run(100)
    same((pin.duty_pct, asked.pop()), (100, None))
    pulse.run(0)
    same((pin.duty_pct, pulse.is_over(), asked), (0, True, []))
    pulse.end()
    pulse.end()
    same(pulse.expired, 0)
    for number in range(3):  # nobody ends it: 11 times 31372 ticks of 255/80 us
        pulse.run(80)
        time.sleep_us(1_099_979)
        same((pin.duty_pct, pulse.is_over(), pulse.expired), (80, False, number))
        time.sleep_us(1)
        same((pin.duty_pct, pulse.is_over(), pulse.expired), (0, True, number))
        pulse.end()
        same(pulse.expired, number + 1)
    pulse.run(80)
    pulse.release()
    same(pin.duty_pct, 80)
    time.sleep_ms(1100)
    pulse.run(80)
    same(pulse.expired, 3)  # nobody depended on the end of the former
    time.sleep_ms(1000)
    pulse.run(40)  # a new one has its own time
    time.sleep_ms(1000)
    same((pin.duty_pct, pulse.expired), (40, 3))
    pulse.hold()
    time.sleep_ms(5000)
    same((pin.duty_pct, pulse.is_over()), (100, True))
    pulse.end()
    same((pin.duty_pct, pulse.expired), (0, 3))
    pulse.run(70)
    pin.is_dead = True
    fails(lambda: pulse.run(80), 12)
    same((pin.duty_pct, pulse.is_over()), (0, True))
