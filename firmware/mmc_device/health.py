"""Health: faults are counted, kept and logged; none of them stops the training.

In:    faults as code and detail
Out:   the newest fault, the count, and what the log has not got yet
State: these
Cost:  nothing allocated
Source: order of degradation, a product decision: log detail first, then the log, then cues; the motor's failure is off
"""


class Health:
    """Faults since the start."""

    def __init__(self):
        self.faults = 0
        self.newest = 0
        self._detail = 0
        self._unlogged = False

    def note(self, code, detail):
        """Count a fault."""
        self.faults = min(self.faults + 1, 65535)  # what the status can carry
        self.newest, self._detail, self._unlogged = code, detail, True

    def take_unlogged(self):
        """(code, detail) of the newest fault once, else None."""
        if not self._unlogged:
            return None
        self._unlogged = False
        return self.newest, self._detail
