"""What the driver of a motor on PWM has to do."""

from conformance.expectations import same

from mmc_sim.bus import Time
from mmc_sim.pulses import OneShot, Pwm


def conform(driver, lock, unlock):
    """Strengths, off, and the timer behind."""
    time = Time()
    pwm, timer = Pwm(), OneShot(time)
    motor = driver.Erm(pwm, timer)
    motor.begin()
    same(pwm.duty, 0)
    for strength_pct, duty in ((0, 0), (1, 655), (50, 32767), (60, 39321), (100, 65535), (101, 65535), (-1, 0)):
        motor.on(strength_pct)
        same(pwm.duty, duty)
    motor.off()
    same(pwm.duty, 0)
    time.sleep_ms(5000)
    timer.fire_due()
    same(motor.expired, 0)
    for start in range(2):  # nobody switches it off
        motor.on(80)
        time.sleep_ms(1099)
        timer.fire_due()
        same((pwm.duty, motor.expired), (52428, start))
        time.sleep_ms(1)
        timer.fire_due()
        same((pwm.duty, motor.expired), (0, start + 1))
    motor.on(80)
    time.sleep_ms(1000)
    motor.on(40)  # a new pulse has its own time
    time.sleep_ms(1099)
    timer.fire_due()
    same((pwm.duty, motor.expired), (26214, 2))
    motor.stop()
    same(pwm.duty, 0)
