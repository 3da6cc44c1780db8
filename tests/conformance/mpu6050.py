"""What the driver of the MPU-6050 has to do; values from the register map, by hand."""

from array import array

from conformance.expectations import I2C, each_transaction_fails, fails, refuses, register_writes, same

from mmc_sim.bus import Time
from mmc_sim.chips.mpu6050 import Mpu6050 as Chip

# Rate: SMPLRT_DIV, CONFIG. 1 kHz / (1 + 9) = 100 Hz behind a filter of 44 Hz, and so on.
RATES = {50: (19, 4), 100: (9, 3), 200: (4, 2), 500: (1, 1), 1000: (0, 1)}
# Range: the register, counts at 1 g, at 100 degrees per second.
ACCEL = {2: (0x00, 16384), 4: (0x08, 8192), 8: (0x10, 4096), 16: (0x18, 2048)}
GYRO = {250: (0x00, 13100, 131000), 500: (0x08, 6550, 65500), 1000: (0x10, 3280, 32800), 2000: (0x18, 1640, 16400)}


def build(driver, **options):
    """A driver on a bus, and the chip on it."""
    driver.time = time = Time()
    chip = Chip(time, **options)
    bus = I2C({0x68: chip})
    return driver.Mpu6050(bus), bus, chip, time


def begins(driver):
    """Registers in the order of the data sheet, for every rate and range."""
    for rate_hz in sorted(RATES):
        imu, bus, chip, _ = build(driver)
        imu.begin(rate_hz, 8, 2000)
        divider, low_pass = RATES[rate_hz]
        same(
            register_writes(bus),
            [(0x6B, 0x80), (0x6B, 0x01), (0x19, divider), (0x1A, low_pass), (0x1B, 0x18), (0x1C, 0x10)],
        )
        assert not chip.is_asleep
    for rate_hz, accel_g, gyro_dps in ((99, 8, 2000), (0, 8, 2000), (100, 3, 2000), (100, 8, 125)):
        imu, bus, _, _ = build(driver)
        refuses(lambda imu=imu, a=rate_hz, b=accel_g, c=gyro_dps: imu.begin(a, b, c))
        same(bus.fault.transactions, 0)


def measures(driver, lock, unlock):
    """Gravity, turning, full scale, and one reading per sample."""
    reading = array("h", [0] * 6)
    for accel_g in sorted(ACCEL):
        for gyro_dps in sorted(GYRO):
            imu, _, chip, time = build(driver)
            imu.begin(100, accel_g, gyro_dps)
            per_g, (_, per_100_dps, per_1000_dps) = ACCEL[accel_g][1], GYRO[gyro_dps]
            same(chip.values[0x1C], ACCEL[accel_g][0])
            same(chip.values[0x1B], GYRO[gyro_dps][0])
            same((imu.accel_counts_per_g, imu.gyro_counts_per_1000_dps), (per_g, per_1000_dps))
            chip.accel_mg[:] = 1000, -1000, 500
            chip.gyro_dps[:] = 100, -100, 50
            time.sleep_ms(10)
            lock()
            ready = imu.read_into(reading)
            again = imu.read_into(reading)
            unlock()
            assert ready is True and again is False
            wanted = [per_g, -per_g, per_g // 2, per_100_dps, -per_100_dps, per_100_dps // 2]
            same(list(reading), wanted)
    imu, _, chip, time = build(driver)
    imu.begin(100, 2, 250)
    chip.accel_mg[:] = 5000, -5000, 0  # beyond full scale
    chip.gyro_dps[:] = 0, 999, -999
    chip.other_status = 0xFE
    taken = 0
    time.sleep_ms(10)
    for _ in range(50):  # 100 ms in steps of 2 ms: ten samples, whatever else the status says
        time.sleep_ms(2)
        lock()
        taken += imu.read_into(reading)
        unlock()
    same(taken, 11)  # and the one that was there
    same(list(reading), [32767, -32768, 0, 0, 32767, -32768])


def stops(driver):
    """Asleep, and nothing new comes."""
    imu, bus, chip, time = build(driver)
    imu.begin(100, 8, 2000)
    register_writes(bus)
    imu.stop()
    same(register_writes(bus), [(0x6B, 0x40)])
    time.sleep_ms(100)
    imu.read_into(array("h", [0] * 6))
    assert chip.is_asleep and not imu.read_into(array("h", [0] * 6))


def tells_what_failed(driver):
    """Nobody there, somebody else there, a dead chip, each transaction of each call."""
    imu, bus, chip, _ = build(driver, identity=0x70)
    fails(lambda: imu.begin(100, 8, 2000), 19, "MPU-6050", "0x68", "0x75", "0x70")
    same(bus.written, [])
    fails(lambda: driver.Mpu6050(bus, 0x69).begin(100, 8, 2000), 19, "0x69", "0x75")
    imu, _, chip, time = build(driver)
    imu.begin(100, 8, 2000)
    chip.is_dead = True
    time.sleep_ms(1000)
    assert not imu.read_into(array("h", [0] * 6))

    imu, _, chip, _ = build(driver)
    chip.write = lambda register, data: None  # it says yes and does nothing
    chip.values[0x6B] = 0x01
    fails(lambda: imu.begin(100, 8, 2000), 5, "0x68", "0x6B")
    imu, _, chip, _ = build(driver)
    chip.writable[0x1B] = 0xFF
    chip.fetch = lambda register: 0x08 if register == 0x1B else Chip.fetch(chip, register)
    fails(lambda: imu.begin(100, 8, 2000), 5, "0x1B", "0x18", "0x08")

    def fresh():
        imu, bus, _, _ = build(driver)
        return imu, bus.fault

    def begun():
        imu, fault = fresh()
        imu.begin(100, 8, 2000)
        return imu, fault

    each_transaction_fails(fresh, lambda imu: imu.begin(100, 8, 2000), "MPU-6050", "0x68", "register 0x")
    each_transaction_fails(begun, lambda imu: imu.read_into(array("h", [0] * 6)), "0x68", "0x3A")
    each_transaction_fails(begun, lambda imu: imu.stop(), "0x68", "0x6B")


def conform(driver, lock, unlock):
    """All of it."""
    begins(driver)
    measures(driver, lock, unlock)
    stops(driver)
    tells_what_failed(driver)
