"""What the role `power` has to tell, with and without its parts."""

from conformance.expectations import same


class Gauge:
    """A fuel gauge, which may be gone."""

    is_gone = False

    def percent(self):
        if self.is_gone:
            raise OSError(19, "nobody answers")
        return 73

    def left_min(self):
        if self.is_gone:
            raise OSError(19, "nobody answers")
        return 95


def conform(driver, lock, unlock):
    """All of it."""
    gauge = Gauge()
    power = driver.Power(gauge, lambda: 2400001)
    same((power.percent(), power.minutes(), power.on_usb()), (73, 95, True))
    gauge.is_gone = True
    same((power.percent(), power.minutes(), power.on_usb()), (-1, -1, True))
    power = driver.Power(None, lambda: 2400000)
    same((power.percent(), power.minutes(), power.on_usb()), (-1, -1, False))
    same(driver.Power(None, None).on_usb(), False)
