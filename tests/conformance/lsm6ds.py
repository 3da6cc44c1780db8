"""What the driver of the LSM6DSO and LSM6DSOX has to do; values from the data sheet, by hand."""

from array import array

from conformance.expectations import I2C, each_transaction_fails, fails, refuses, register_writes, same

from mmc_sim.bus import Time
from mmc_sim.chips.lsm6ds import Lsm6ds as Chip

# Rate: bits of ODR. Range: bits of FS, counts at 1 g or 100 degrees per second, a count in millionths.
RATES = {26: 0x20, 52: 0x30, 104: 0x40, 208: 0x50, 416: 0x60}
ACCEL = {2: (0x00, 16393, 61), 4: (0x08, 8196, 122), 8: (0x0C, 4098, 244), 16: (0x04, 2049, 488)}
GYRO = {
    125: (0x02, 22857, 4375),
    250: (0x00, 11428, 8750),
    500: (0x04, 5714, 17500),
    1000: (0x08, 2857, 35000),
    2000: (0x0C, 1428, 70000),
}


def build(driver, **options):
    """A driver on a bus, and the chip on it."""
    driver.time = time = Time()
    chip = Chip(time, **options)
    bus = I2C({0x6A: chip})
    return driver.Lsm6ds(bus), bus, chip, time


def begins(driver):
    """Registers in the order of the data sheet, for every rate and range."""
    for rate_hz in sorted(RATES):
        imu, bus, _, _ = build(driver)
        imu.begin(rate_hz, 2, 250)
        rate = RATES[rate_hz]
        both = rate | rate >> 4
        same(
            register_writes(bus),
            [(0x12, 0x05), (0x12, 0x44), (0x10, rate), (0x11, rate), (0x09, both), (0x0A, 0x06)],
        )
    for rate_hz, accel_g, gyro_dps in ((100, 8, 2000), (104, 3, 2000), (104, 8, 300)):
        imu, bus, _, _ = build(driver)
        refuses(lambda imu=imu, a=rate_hz, b=accel_g, c=gyro_dps: imu.begin(a, b, c))
        same(bus.fault.transactions, 0)


def measures(driver, lock, unlock):
    """Every range at 1 g and 100 degrees per second; both signs; full scale."""
    reading = array("h", [0] * 6)
    for i, accel_g in enumerate(sorted(ACCEL)):
        for j, gyro_dps in enumerate(sorted(GYRO)):
            imu, _, chip, time = build(driver)
            rate_hz, rate, period_ms = (26, 0x20, 39) if (i + j) & 1 else (104, 0x40, 10)
            imu.begin(rate_hz, accel_g, gyro_dps)
            accel_bits, per_g, micro_g = ACCEL[accel_g]
            gyro_bits, per_100_dps, micro_dps = GYRO[gyro_dps]
            same((chip.values[0x10], chip.values[0x11]), (rate | accel_bits, rate | gyro_bits))
            same((imu.accel_ug_per_count, imu.gyro_udps_per_count), (micro_g, micro_dps))
            chip.accel_mg[:] = 1000, -1000, 0
            chip.gyro_dps[:] = 100, -100, 0
            time.sleep_ms(period_ms)
            lock()
            ready = imu.read_into(reading)
            again = imu.read_into(reading)
            unlock()
            assert ready is True and again is False
            same(list(reading), [per_g, -per_g - 1, 0, per_100_dps, -per_100_dps - 1, 0])
    imu, _, chip, time = build(driver)
    imu.begin(416, 2, 125)
    chip.accel_mg[:] = 5000, -5000, 0
    chip.gyro_dps[:] = 0, 999, -999
    chip.other_tags = True
    time.sleep_ms(3)
    assert imu.read_into(reading)
    same(list(reading), [32767, -32768, 0, 0, 32767, -32768])


def is_late(driver, lock, unlock):
    """The newest reading after a stall of any length; what was passed over and overrun is told."""
    reading = array("h", [0] * 6)
    for stall_ms, passed_over, overruns in (
        (95, 8, 0),
        (1000, 103, 0),
        (2460, 254, 0),
        (2470, 255, 0),  # 512 words: full to the brim
        (2475, 255, 1),
        (99000, 255, 1),
    ):
        imu, _, chip, time = build(driver)
        imu.begin(104, 16, 2000)
        chip.other_status = 0xBC
        time.sleep_ms(1)
        while not imu.read_into(reading):
            time.sleep_ms(1)
        same(imu.passed_over, 0)
        time.sleep_ms(stall_ms)
        lock()
        ready = imu.read_into(reading)
        unlock()
        same((stall_ms, ready, imu.passed_over, imu.overruns), (stall_ms, True, passed_over, overruns))
        time.sleep_ms(10)
        assert imu.read_into(reading)
        same((imu.passed_over, imu.overruns), (passed_over, overruns))
        imu.begin(104, 16, 2000)
        same((imu.passed_over, imu.overruns), (0, 0))


def pairs_one_moment(driver):
    """Halves of different moments are never put together, be it after an overrun or between two words of a moment."""
    imu, _, chip, _ = build(driver)
    imu.begin(104, 2, 250)
    reading = array("h", [0] * 6)
    chip.batch(2, 0, (1, 1, 1), 1, 1)  # its gyroscope was overwritten
    chip.batch(1, 1, (20, 20, 20), 1, 1)
    chip.batch(2, 1, (2, 2, 2), 1, 1)
    chip.batch(1, 2, (30, 30, 30), 1, 1)
    assert imu.read_into(reading)
    same(list(reading), [2, 2, 2, 20, 20, 20])
    assert not imu.read_into(reading)
    chip.batch(2, 2, (3, 3, 3), 1, 1)
    assert imu.read_into(reading)
    same((list(reading), imu.passed_over), ([3, 3, 3, 30, 30, 30], 0))
    chip.batch(2, 3, (4, -4, 256), 1, 1)  # the other way round
    chip.batch(1, 3, (40, -40, -256), 1, 1)
    assert imu.read_into(reading)
    same(list(reading), [4, -4, 256, 40, -40, -256])
    chip.batch(1, 0, (50, 50, 50), 1, 1)
    imu.begin(104, 2, 250)  # nothing of before
    chip.batch(2, 0, (5, 5, 5), 1, 1)
    assert not imu.read_into(reading)


def stops(driver):
    """Powered down, and nothing new comes."""
    imu, bus, _, time = build(driver)
    imu.begin(104, 8, 2000)
    register_writes(bus)
    imu.stop()
    same(register_writes(bus), [(0x0A, 0x00), (0x10, 0x00), (0x11, 0x00)])
    time.sleep_ms(100)
    assert not imu.read_into(array("h", [0] * 6))


def tells_what_failed(driver):
    """Nobody there, somebody else there, a dead chip, each transaction of each call."""
    imu, bus, chip, _ = build(driver, identity=0x6A)
    fails(lambda: imu.begin(104, 8, 2000), 19, "LSM6DS", "0x6A", "0x0F", "identity 0x6A")
    same(bus.written, [])
    fails(lambda: driver.Lsm6ds(bus, 0x6B).begin(104, 8, 2000), 19, "0x6B", "0x0F")
    imu, _, chip, time = build(driver)
    imu.begin(104, 8, 2000)
    chip.is_dead = True
    time.sleep_ms(1000)
    assert not imu.read_into(array("h", [0] * 6))
    imu, _, chip, _ = build(driver)
    chip.values[0x12] = 0x44
    chip.write = lambda register, data: None  # it says yes and does nothing
    fails(lambda: imu.begin(104, 8, 2000), 5, "0x6A", "0x12")
    imu, _, chip, _ = build(driver)
    chip.fetch = lambda register: 0x00 if register == 0x11 else Chip.fetch(chip, register)
    fails(lambda: imu.begin(104, 8, 2000), 5, "0x11", "0x4C", "0x00")

    def fresh():
        imu, bus, _, _ = build(driver)
        return imu, bus.fault

    def begun():
        imu, bus, _, time = build(driver)
        imu.begin(104, 8, 2000)
        time.sleep_ms(200)
        return imu, bus.fault

    each_transaction_fails(fresh, lambda imu: imu.begin(104, 8, 2000), "LSM6DS", "0x6A", "register 0x")
    each_transaction_fails(begun, lambda imu: imu.read_into(array("h", [0] * 6)), "LSM6DS 0x6A register 0x")
    each_transaction_fails(begun, lambda imu: imu.stop(), "LSM6DS 0x6A register 0x")


def conform(driver, lock, unlock):
    """All of it."""
    begins(driver)
    measures(driver, lock, unlock)
    is_late(driver, lock, unlock)
    pairs_one_moment(driver)
    stops(driver)
    tells_what_failed(driver)
