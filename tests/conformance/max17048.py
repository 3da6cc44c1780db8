"""What the driver of the MAX17048 has to do; values from the data sheet, by hand."""

from conformance.expectations import I2C, each_transaction_fails, fails, same

from mmc_sim.chips.max17048 import Max17048 as Chip


def build(driver, **options):
    """A driver on a bus, and the chip on it."""
    chip = Chip(**options)
    bus = I2C({0x36: chip})
    return driver.Max17048(bus), bus, chip


def conform(driver, lock, unlock):
    """Who it is, percent, millivolts, minutes, failures."""
    for version in range(0x0010, 0x0020):
        build(driver, version=version)[0].begin()
    for version in (0x0000, 0x0003, 0x0020, 0x0110, 0x1012, 0xFFFF):
        gauge, _, _ = build(driver, version=version)
        fails(gauge.begin, 19, "MAX17048", "0x36", "0x08", "0x{:04X}".format(version))
    gauge, bus, chip = build(driver)
    gauge.begin()
    for soc_256, percent in ((0, 0), (255, 0), (256, 1), (0x5080, 80), (0x63FF, 99), (0x6400, 100), (0x6FFF, 100)):
        chip.soc_256 = soc_256
        lock()
        left = gauge.percent()
        unlock()
        same(left, percent)
    for cell_mv in (0, 2500, 3000, 3700, 4200, 5000):
        chip.cell_mv = cell_mv
        same(gauge.voltage_mv(), cell_mv)
    # 50 % at 48 * 0.208 = 9.984 % per hour: 5.008 hours; 100 % at one bit: 480.77 hours; full discharge in one hour.
    for soc_256, crate, minutes in (
        (0x3200, -48, 300),
        (0x6400, -1, 28846),
        (0x6400, -481, 59),
        (0x0100, -32768, 0),
        (0x3200, 0, -1),
        (0x3200, 1, -1),
        (0x3200, 32767, -1),
    ):
        chip.soc_256, chip.crate = soc_256, crate
        same(gauge.left_min(), minutes)
    fails(driver.Max17048(bus, 0x37).begin, 19, "0x37", "0x08")

    def fresh():
        gauge, bus, chip = build(driver)
        chip.crate = -48
        return gauge, bus.fault

    for action, where in (
        (lambda gauge: gauge.begin(), "register 0x08"),
        (lambda gauge: gauge.percent(), "register 0x04"),
        (lambda gauge: gauge.voltage_mv(), "register 0x02"),
        (lambda gauge: gauge.left_min(), "register 0x"),
    ):
        each_transaction_fails(fresh, action, "MAX17048 0x36", where)
