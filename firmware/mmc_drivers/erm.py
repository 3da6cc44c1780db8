"""ERM: a motor on a transistor, driven by PWM.

In:    a PWM output (`machine.PWM`); a one-shot timer (`machine.Timer`)
Out:   the motor at a strength
State: whether the timer had to stop it
Cost:  `on` and `off` one call of each part
Source: MicroPython's machine.PWM and machine.Timer

PWM goes on until it is told otherwise, so `on` sets a timer that stops the motor after LIMIT_MS even if nobody else
does. What stops Python itself stops that timer too: then the watchdog's reset ends it, because a reset lets go of the
pin, and the transistor's gate has its resistor to ground.
"""

from mmc_core.compat import const

LIMIT_MS = 1100  # the longest that anything of the wearable asks for is a second

_FULL = const(65535)


class Erm:
    """The role `motor`."""

    def __init__(self, pwm, one_shot):
        self._pwm = pwm
        self._one_shot = one_shot
        self._when_expired = self._expire
        self.expired = 0  # how often the timer had to stop the motor

    def begin(self):
        """Off, whatever it was."""
        self.off()

    def on(self, strength_pct):
        """Run at 0 to 100 percent, for at most LIMIT_MS."""
        self._one_shot.init(mode=self._one_shot.ONE_SHOT, period=LIMIT_MS, callback=self._when_expired)
        self._pwm.duty_u16(max(0, min(100, strength_pct)) * _FULL // 100)

    def off(self):
        """Stop."""
        self._pwm.duty_u16(0)
        self._one_shot.deinit()

    def stop(self):
        """The same: it has no sleep."""
        self.off()

    def _expire(self, _):
        """The timer: nobody switched the motor off in time."""
        self.expired += 1
        self._pwm.duty_u16(0)
