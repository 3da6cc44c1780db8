"""ERM: a motor on a transistor, driven by pulses that end by themselves.

In:    an output with a bounded on-time, see rmt.py
Out:   the motor at a strength
State: the output's
Cost:  `on` and `off` one call of the output
Source: the transistor's gate has its resistor to ground: while nobody drives the pin, in a reset too, the motor rests
"""


class Erm:
    """The role `motor`."""

    def __init__(self, pulse):
        self._pulse = pulse

    def begin(self):
        """Off, whatever it was."""
        self._pulse.end()

    def on(self, strength_pct):
        """Run at 0 to 100 percent, until `off`, or until the output ends."""
        self._pulse.run(max(0, min(100, strength_pct)))

    def off(self):
        """Stop."""
        self._pulse.end()

    def stop(self):
        """The same: it has no sleep."""
        self._pulse.end()

    @property
    def expired(self):
        """How often nobody switched it off in time."""
        return self._pulse.expired
