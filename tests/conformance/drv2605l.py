"""What the driver of the DRV2605L has to do; values from SLOS854C, by hand."""

from conformance.expectations import I2C, each_transaction_fails, fails, refuses, register_writes, same

from mmc_sim.bus import Time
from mmc_sim.chips.drv2605l import Drv2605l as Chip
from mmc_sim.chips.rmt import OutputPin

CALIBRATION = (0x0D, 0x71)  # what the model finds, and the gain of 1 in the feedback register
# A resonance: CONTROL1 with half its period in tenths of a millisecond above 0.5 ms.
RESONANCES = {125: 0x80 | 35, 175: 0x80 | 23, 205: 0x80 | 19, 235: 0x80 | 16, 300: 0x80 | 11}


class Enable:
    """An output as rmt.py has it: 1.1 s at most."""

    def __init__(self, time):
        self.pin = OutputPin(time)
        self._time = time
        self._until_us = 0
        self._is_needed = False
        self.expired = 0
        self.pin.init(self.pin.OUT, value=0)

    @property
    def duty_pct(self):
        return self.pin.duty_pct if self._time.now_us < self._until_us else 0

    def run(self, duty_pct):
        same(duty_pct, 100)
        self.end()
        self._is_needed = True
        self._until_us = self._time.now_us + 1_100_000
        self.pin.init(self.pin.OUT, value=1)

    def is_over(self):
        return self.duty_pct == 0

    def release(self):
        self._is_needed = False

    def hold(self):
        self.end()
        self._until_us = self._time.now_us + 60_000_000
        self.pin.init(self.pin.OUT, value=1)

    def end(self):
        self.expired += self._is_needed and self.is_over()
        self._is_needed = False
        self.pin.init(self.pin.OUT, value=0)


def build(driver, **options):
    """A driver on a bus, the chip on it, and its pin EN."""
    driver.time = time = Time()
    enable = Enable(time)
    chip = Chip(time, enable=enable, **options)
    bus = I2C({0x5A: chip})
    return driver.Drv2605l(bus, enable), bus, chip, time, enable


def begins(driver):
    """An ERM and LRAs, calibrated and with a calibration of earlier."""
    motor, bus, chip, time, _ = build(driver)
    same(motor.begin(0x53, 0x89), CALIBRATION + (0x35,))
    before = [(1, 0x80), (1, 0), (3, 2), (0x16, 0x53), (0x17, 0x89), (0x1B, 0x93), (0x1D, 0x80), (0x1E, 0x30)]
    same(register_writes(bus), before + [(0x1A, 0x36), (1, 7), (0x0C, 1), (2, 0), (1, 0x40)])
    same(chip.drive_pct, 0)
    assert 1000 <= time.now_us // 1000 <= 1300
    for resonance_hz in sorted(RESONANCES):
        motor, bus, chip, _, _ = build(driver, motor="lra")
        same(motor.begin(0x53, 0x89, resonance_hz), CALIBRATION + (0xB5,))
        assert (0x1A, 0xB6) in register_writes(bus)
        same((chip.values[0x1A], chip.values[0x1B], chip.values[0x03]), (0xB5, RESONANCES[resonance_hz], 6))
    motor, bus, chip, time, _ = build(driver)
    same(motor.begin(0x53, 0x89, 0, (0x0E, 0x70, 0x34)), (0x0E, 0x70, 0x34))
    same(register_writes(bus), before + [(0x18, 0x0E), (0x19, 0x70), (0x1A, 0x34), (2, 0), (1, 0x40)])
    assert time.now_us < 10_000  # nothing was felt
    for resonance_hz in (124, 301):
        motor, bus, _, _, _ = build(driver)
        refuses(lambda motor=motor, hz=resonance_hz: motor.begin(0x53, 0x89, hz))
        same(bus.fault.transactions, 0)


def drives(driver):
    """Strengths, off, and the pin behind."""
    motor, bus, chip, time, enable = build(driver)
    motor.begin(0x53, 0x89)
    same(enable.duty_pct, 0)
    for strength_pct, value in ((1, 1), (50, 63), (60, 76), (99, 125), (100, 127), (101, 127), (-1, 0)):
        register_writes(bus)
        motor.on(strength_pct)
        same(register_writes(bus), [(2, value), (1, 5)])
        same(chip.drive_pct, value * 100 // 127)
        motor.off()
        same((register_writes(bus), chip.drive_pct, enable.duty_pct), ([(2, 0), (0x0C, 0)], 0, 100))  # it brakes
    time.sleep_ms(5000)
    motor.off()
    motor.on(30)
    motor.off()
    same((chip.drive_pct, motor.expired), (0, 0))
    for start in range(2):  # nobody switches it off
        motor.on(80)
        time.sleep_us(1_099_699)
        same((chip.drive_pct, motor.expired), (79, start))
        time.sleep_us(1)
        same(chip.drive_pct, 0)
        register_writes(bus)
        motor.off()
        same((register_writes(bus), chip.drive_pct, motor.expired), ([], 0, start + 1))
    motor.on(80)  # and the bus is stuck when it shall go off
    bus.fault.is_stuck = True
    motor.off()
    same((chip.drive_pct, enable.duty_pct, motor.expired), (0, 0, 2))
    bus.fault.is_stuck = False
    motor.on(100)
    same(chip.drive_pct, 100)
    motor.stop()
    same((chip.drive_pct, enable.duty_pct, motor.expired), (0, 0, 2))


def plays(driver):
    """Effects end by themselves, or when they are told to."""
    motor, bus, chip, time, _ = build(driver)
    motor.begin(0x53, 0x89)
    register_writes(bus)
    motor.play(1, 47, 123)
    same(bus.written, [(1, b"\x00"), (4, b"\x01\x2f\x7b\0\0\0\0\0"), (0x0C, b"\x01")])
    time.sleep_ms(749)
    assert motor.is_playing()
    same(chip.drive_pct, 100)
    time.sleep_ms(1)
    assert not motor.is_playing()
    same(chip.drive_pct, 0)
    motor.play(*range(1, 9))
    same(bytes(chip.values[4:12]), bytes(range(1, 9)))
    time.sleep_ms(1000)
    assert motor.is_playing()
    motor.off()
    assert not motor.is_playing()
    same(chip.drive_pct, 0)
    transactions = bus.fault.transactions
    for effects in ((), (0,), (124,), (1, 2, 3, 4, 5, 6, 7, 8, 9)):
        refuses(lambda effects=effects: motor.play(*effects))
    same(bus.fault.transactions, transactions)
    motor.on(100)
    same(chip.drive_pct, 100)
    motor.play(5)
    time.sleep_ms(250)
    same(chip.drive_pct, 0)


def tells_what_failed(driver):
    """Nobody there, the older chip, no motor, a calibration without end, each transaction of each call."""
    motor, bus, chip, _, enable = build(driver, identity=3)
    fails(lambda: motor.begin(0x53, 0x89), 19, "DRV2605L", "0x5A", "0x00", "identity 3")
    same((bus.written, enable.duty_pct), ([], 0))
    fails(lambda: driver.Drv2605l(bus, enable, 0x5B).begin(0x53, 0x89), 19, "0x5B", "0x00")
    motor, bus, chip, _, _ = build(driver, motor="none")
    fails(lambda: motor.begin(0x53, 0x89), 5, "0x5A", "0x00", "calibration")
    same(bus.written[-1], (1, b"\x40"))
    motor, bus, chip, _, _ = build(driver)
    chip.is_hanging = True
    fails(lambda: motor.begin(0x53, 0x89), 110, "0x5A", "0x0C", "calibration")
    same((chip.drive_pct, bus.written[-1]), (0, (1, b"\x40")))
    motor, _, chip, _, _ = build(driver)
    chip.values[1] = 0x05
    chip.write = lambda register, data: None  # it says yes and does nothing
    fails(lambda: motor.begin(0x53, 0x89), 5, "0x5A", "0x01")
    motor, _, chip, _, _ = build(driver)
    chip.fetch = lambda register: 0x3E if register == 0x16 else Chip.fetch(chip, register)
    fails(lambda: motor.begin(0x53, 0x89), 5, "0x16", "0x53", "0x3E")
    motor, _, chip, _, _ = build(driver)
    # over-temperature and over-current in the status are no failed calibration
    chip.fetch = lambda register: Chip.fetch(chip, register) | (0x17 if register == 0 else 0)
    same(motor.begin(0x53, 0x89), CALIBRATION + (0x35,))

    def fresh():
        motor, bus, _, _, _ = build(driver)
        return motor, bus.fault

    def begun():
        motor, fault = fresh()
        motor.begin(0x53, 0x89, 0, (0x0E, 0x70, 0x34))
        return motor, fault

    where = "DRV2605L 0x5A register 0x"
    each_transaction_fails(fresh, lambda motor: motor.begin(0x53, 0x89), where)
    each_transaction_fails(begun, lambda motor: motor.on(50), where)
    each_transaction_fails(begun, lambda motor: motor.play(1), where)

    def playing():
        motor, fault = begun()
        motor.play(1)
        return motor, fault

    each_transaction_fails(playing, lambda motor: motor.is_playing(), where)
    for number in (1, 2):
        motor, fault = playing()
        fault.fail_at = fault.transactions + number
        motor.off()  # the pin ends it
        assert not motor.is_playing()


def conform(driver, lock, unlock):
    """All of it."""
    begins(driver)
    drives(driver)
    plays(driver)
    tells_what_failed(driver)
