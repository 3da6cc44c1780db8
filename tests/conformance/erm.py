"""What the driver of a motor on a transistor has to do."""

from conformance.expectations import same


class Pulse:
    """An output as rmt.py has it, which notes what it is told."""

    def __init__(self):
        self.told = []
        self.expired = 7

    def run(self, duty_pct):
        self.told.append(duty_pct)

    def end(self):
        self.told.append("end")


def conform(driver, lock, unlock):
    """Strengths, and off in each of its words."""
    pulse = Pulse()
    motor = driver.Erm(pulse)
    motor.begin()
    for strength_pct in (0, 1, 50, 100, 101, -1):
        motor.on(strength_pct)
    motor.off()
    motor.stop()
    same(pulse.told, ["end", 0, 1, 50, 100, 100, 0, "end", "end"])
    same(motor.expired, 7)
