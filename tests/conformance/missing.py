"""What stand-ins have to do: nothing, in the words of their roles."""

from conformance.expectations import same


def conform(driver, lock, unlock):
    """Each call of each role."""
    emg, imu, motor = driver.NoFrontEnd(), driver.NoImu(), driver.NoMotor()
    told = (
        emg.begin(),
        emg.read_into(None),
        emg.take_lost(),
        emg.lead_off(),
        emg.late_us(990),
        emg.stop(),
        imu.read_into(None),
        motor.on(80),
        motor.off(),
        motor.expired,
    )
    same(told, (None, False, 0, 0, 0, None, False, None, None, 0))
