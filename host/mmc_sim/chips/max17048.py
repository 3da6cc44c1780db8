"""MAX17048, register by register: words of 16 bits, high byte first, read as a whole.

In:    the cell's voltage, what is left in 1/256 percent, its change in 0.208 percent per hour
Out:   what I2C reads
State: those
Cost:  reads allocate nothing
Source: MAX17048 data sheet, register summary
"""

from mmc_sim.bus import BusMisuse

VCELL, SOC, VERSION, CRATE = 0x02, 0x04, 0x08, 0x16


class Max17048:
    """The chip. `version` may be another's."""

    def __init__(self, version=0x0012):
        self.version = version
        self.cell_mv = 3700
        self.soc_256 = 50 * 256
        self.crate = 0

    def read_into(self, register, buffer):
        """One read transfer."""
        if len(buffer) != 2:
            raise BusMisuse("{} bytes are no word".format(len(buffer)))
        if register == VCELL:
            value = self.cell_mv * 64 // 5
        elif register == SOC:
            value = self.soc_256
        elif register == VERSION:
            value = self.version
        elif register == CRATE:
            value = self.crate & 0xFFFF
        else:
            raise BusMisuse("register 0x{:02X} is not modelled".format(register))
        buffer[0] = value >> 8
        buffer[1] = value & 0xFF

    def write(self, register, data):
        """The gauge works by itself: a driver has nothing to write."""
        raise BusMisuse("register 0x{:02X} is written to".format(register))
