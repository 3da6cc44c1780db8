"""Power: what is left in the cell, and whether the wearable hangs on USB.

In:    a fuel gauge; a pin that a divider from the USB supply pulls up; either may be missing
Out:   percent, minutes left, on USB or not
State: none
Cost:  one question to the gauge each
Source: 10 kOhm from the USB supply to the pin and 22 kOhm from there to ground, with the pin's own 45 kOhm: 2.8 V of
        4.7 are high (from 2.475 V on), and where nothing is wired the pin is low
"""


class Power:
    """The role `power`."""

    def __init__(self, gauge, usb):
        self._gauge = gauge
        self._usb = usb

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
        return bool(self._usb and self._usb())
