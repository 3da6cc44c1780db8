"""Power: what is left in the cell, and whether the wearable hangs on USB.

In:    a fuel gauge; the microvolt behind a divider from the USB supply; either may be missing
Out:   percent, minutes left, on USB or not
State: none
Cost:  one question to the gauge each
Source: 10 kOhm from the DevKit's 5V pin to the converter's and 22 kOhm from there to ground. A cable makes 2.8 V there
        or more. Without one, what feeds 3V3 comes back through the DevKit's own regulator: 2.0 V at most, by reckoning;
        as a digital level that would be neither high nor low
"""

from mmc_core.compat import const

_FED_UV = const(2400000)


class Power:
    """The role `power`."""

    def __init__(self, gauge, usb_uv):
        """usb_uv(): as `machine.ADC.read_uv`."""
        self._gauge = gauge
        self._usb_uv = usb_uv

    def percent(self):
        """What is left, 0 to 100; -1 where it can't be told."""
        try:
            return self._gauge.percent() if self._gauge else -1
        except OSError:
            return -1

    def minutes(self):
        """Until empty at the present pace; -1 where it can't be told, and while it does not discharge."""
        try:
            return self._gauge.left_min() if self._gauge else -1
        except OSError:
            return -1

    def on_usb(self):
        """Whether USB power is there; False where it can't be told."""
        return bool(self._usb_uv and self._usb_uv() > _FED_UV)
