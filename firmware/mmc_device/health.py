"""Health: faults are counted, kept and logged; none of them stops the training.

In:    faults as code and detail
Out:   the newest fault, the count, and what the log has not got yet
State: these; per code its newest detail, and when the log got it
Cost:  nothing allocated
Source: order of degradation, a product decision: log detail first, then the log, then cues; the motor's failure is off
"""

from array import array

from mmc_core.compat import const

_CODES = const(16)
_APART_SAMPLES = const(10000)  # what fails at every tick is not to fill the flash


class Health:
    """Faults since the start."""

    def __init__(self):
        self.faults = 0
        self.newest = 0
        self._details = array("i", bytes(4 * _CODES))
        self._logged = array("i", bytes(4 * _CODES))  # sample at which the log got it
        self._unlogged = 0  # bits of codes

    def note(self, code, detail):
        """Count a fault."""
        self.faults = min(self.faults + 1, 65535)  # what the status can carry
        self.newest = code
        self._details[code] = detail
        self._unlogged |= 1 << code

    def begin_log(self):
        """A log that has none of them begins."""
        for code in range(_CODES):
            self._logged[code] = -_APART_SAMPLES

    def take_unlogged(self, t_samples):
        """(code, detail) of a fault that is due in the log, else None; each code at most every ten seconds."""
        for code in range(_CODES) if self._unlogged else ():
            if self._unlogged >> code & 1 and t_samples - self._logged[code] >= _APART_SAMPLES:
                self._unlogged &= ~(1 << code)
                self._logged[code] = t_samples
                return code, self._details[code]
        return None
