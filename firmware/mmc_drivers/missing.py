"""Stand-ins for parts that did not answer, so that the wearable runs with the rest.

In:    nothing
Out:   the calls of a role, without effect
State: none
Cost:  nothing
Source: the board's `missing` says which parts they stand for
"""


class NoFrontEnd:
    """The role `emg`: never has a block, never lost a sample."""

    def begin(self):
        """Nothing to begin."""

    def read_into(self, block):
        """No block."""
        return False

    def take_lost(self):
        """None."""
        return 0

    def lead_off(self):
        """It can't tell."""
        return 0

    def late_us(self, permille):
        """Nothing is late."""
        return 0

    def stop(self):
        """Nothing to stop."""


class NoImu:
    """The role `imu`: never has a reading."""

    def read_into(self, reading):
        """No reading."""
        return False


class NoMotor:
    """The role `motor`: nobody feels it."""

    expired = 0

    def on(self, strength_pct):
        """Nothing to run."""

    def off(self):
        """Nothing to stop."""
