"""MAX17048: fuel gauge of one lithium cell, over I2C.

In:    an I2C bus
Out:   percent, millivolts, minutes left
State: one transfer buffer
Cost:  one transfer of two bytes per question; nothing allocated
Source: MAX17048 data sheet, register summary: VCELL 78.125 uV, SOC 1/256 %, CRATE 0.208 % per hour, all per bit

It gauges by itself from the moment it has power and hibernates by itself, so there is nothing to stop.
Without a cell VERSION reads 0xFFFF, and `begin` refuses.
Not certain without hardware: that every lot has a VERSION of 0x001_.
"""

from mmc_core.compat import const

_ADDRESS = const(0x36)
_VCELL = const(0x02)
_SOC = const(0x04)
_VERSION = const(0x08)
_CRATE = const(0x16)

_FAMILY = const(0x001)  # the version without its last digit
_ENODEV = const(19)


class Max17048:
    """The role `power`."""

    def __init__(self, bus, address=_ADDRESS):
        self._bus = bus
        self._address = address
        self._two = bytearray(2)

    def begin(self):
        """Check who answers."""
        version = self._get(_VERSION)
        if version >> 4 != _FAMILY:
            self._fail(_ENODEV, _VERSION, "version 0x{:04X}, not 0x{:03X}_".format(version, _FAMILY))

    def percent(self):
        """What is left, 0 to 100."""
        left = self._get(_SOC) >> 8
        return 100 if left > 100 else left

    def voltage_mv(self):
        """Of the cell."""
        return self._get(_VCELL) * 5 >> 6

    def left_min(self):
        """Minutes until empty at the present pace; -1 while it does not discharge."""
        pace = -((self._get(_CRATE) ^ 0x8000) - 0x8000)  # 0.208 % per hour
        if pace <= 0:
            return -1
        return self._get(_SOC) * 1875 // (pace * 1664)  # 60 / 256 / 0.208, in whole numbers

    def _get(self, register):
        try:
            self._bus.readfrom_mem_into(self._address, register, self._two)
        except OSError as error:
            self._fail(error.errno, register, "not read")
        return self._two[0] << 8 | self._two[1]

    def _fail(self, errno, register, what):
        raise OSError(errno, "MAX17048 0x{:02X} register 0x{:02X}: {}".format(self._address, register, what))
