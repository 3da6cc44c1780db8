"""What every I2C chip has to do, asked through its driver: on a strict model here, on a real bus there.

It runs on CPython and on MicroPython. `look` raises OSError where the chip does not answer or is another one, and
returns what it measured; `judge` says what is wrong with that.
"""

from array import array

_MEASURE_MS = 2000
_RATE_HZ = {"mpu6050": 100, "lsm6ds": 104}
_COUNTS_PER_G = 4096  # at +-8 g; the LSM6DS has 4098
_IDENTITY_OF_DRV = (3, 7)  # DRV2605, DRV2605L

CHIPS = ("mpu6050", "lsm6ds", "drv2605l", "max17048")


def look(name, bus, clock):
    """Begin, measure, stop. Returns whole numbers by name."""
    driver = __import__("mmc_drivers." + name, None, None, (name,))
    if hasattr(driver, "time"):
        driver.time = clock
    if name == "mpu6050":
        return _imu(driver.Mpu6050(bus), _RATE_HZ[name], 1000, clock)
    if name == "lsm6ds":
        return _imu(driver.Lsm6ds(bus), _RATE_HZ[name], 500, clock)
    if name == "max17048":
        gauge = driver.Max17048(bus)
        gauge.begin()
        return {"percent": gauge.percent()}
    one = bytearray(1)
    bus.readfrom_mem_into(0x5A, 0, one)  # its driver would calibrate the motor
    return {"identity": one[0] >> 5}


def judge(name, found):
    """What is wrong; an empty list when nothing is."""
    wrong = []
    if "readings" in found:
        due = _RATE_HZ[name] * _MEASURE_MS // 1000
        if abs(found["readings"] - due) > due // 20 + 1:
            wrong.append("{} readings, {} were due".format(found["readings"], due))
        if not 950 <= found["gravity_mg"] <= 1050:
            wrong.append("gravity is {} mg: does it lie still?".format(found["gravity_mg"]))
    if "percent" in found and not 0 <= found["percent"] <= 100:
        wrong.append("the battery is at {} %".format(found["percent"]))
    if "identity" in found and found["identity"] not in _IDENTITY_OF_DRV:
        wrong.append("identity {} is no DRV2605L".format(found["identity"]))
    return wrong


def _imu(imu, rate_hz, gyro_range_dps, clock):
    imu.begin(rate_hz, 8, gyro_range_dps)
    reading, sums, count = array("h", [0] * 6), [0] * 3, 0
    for _ in range(_MEASURE_MS // 2):
        clock.sleep_ms(2)
        if imu.read_into(reading):
            count += 1
            for axis in range(3):
                sums[axis] += reading[axis]
    imu.stop()
    length = sum([one * one for one in sums]) ** 0.5
    return {"readings": count, "gravity_mg": int(length * 1000 / (max(1, count) * _COUNTS_PER_G))}
