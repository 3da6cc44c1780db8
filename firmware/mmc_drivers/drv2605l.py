"""DRV2605L: haptic driver for ERM and LRA over I2C.

In:    an I2C bus; the chip's pin EN as an output with a bounded on-time, see rmt.py; the kind of motor and its two
       voltage codes
Out:   the motor at a strength, or effects of the chip's library, which end by themselves
State: whether the motor was told to run
Cost:  `on` and `off` two short transfers each, 0.2 ms at 400 kHz
Source: SLOS854C: 8.6 register map, 8.5.6 auto-calibration, 8.5.4 real-time playback; effects in its table 12

Real-time playback goes on until the chip is told otherwise. What bounds it is the pin EN: low, it stops the chip at
once, and the registers stay. So `on` opens that pin for at most its time, by hardware, whatever becomes of Python or
the bus, and `off` closes it where the bus fails. Otherwise `off` leaves it open for the rest of its time, so that the
motor is braked.

The voltage codes are registers 0x16 and 0x17, by the formulas of 8.5.2 for the motor and its supply.
Real-time playback is signed, closed loop and bidirectional as after a reset: 0 rests and brakes, 127 is full strength.
Not certain without hardware: how fast 0 brakes; how long each effect takes; how soon after EN the bus is heard.
"""

import time

from mmc_core.compat import const

_ADDRESS = const(0x5A)
_STATUS = const(0x00)
_MODE = const(0x01)
_RTP_INPUT = const(0x02)
_LIBRARY = const(0x03)
_WAVESEQ1 = const(0x04)
_GO = const(0x0C)
_RATED_VOLTAGE = const(0x16)
_CLAMP_VOLTAGE = const(0x17)
_A_CAL_COMP = const(0x18)
_A_CAL_BEMF = const(0x19)
_FEEDBACK = const(0x1A)
_CONTROL1 = const(0x1B)
_CONTROL3 = const(0x1D)
_CONTROL4 = const(0x1E)

_IDENTITY = const(7)  # of a DRV2605L, in the upper three bits of the status
_FAILED = const(0x08)
_TRIGGERED, _PLAYBACK, _CALIBRATE, _STANDBY, _RESET = 0x00, 0x05, 0x07, 0x40, 0x80
_ERM_FEEDBACK, _LRA_FEEDBACK = 0x36, 0xB6  # reset values but for the kind
_ERM_LIBRARY, _LRA_LIBRARY = 2, 6  # B: 3 V; A has its overdrive written in, which closed loop adds by itself
_BOOST = const(0x80)
_ERM_DRIVE_TIME = const(0x13)
_CLOSED_LOOP = const(0x80)  # of both kinds; signed playback
_CALIBRATE_LONG = const(0x30)  # 1.0 to 1.2 s
_FULL = const(127)
_SLOTS = const(8)
_LAST_EFFECT = const(123)

_RESET_MS = const(5)
_POLL_MS = const(50)
_CALIBRATION_MS = const(1500)
_ENABLE_US = const(300)
_ENODEV = const(19)
_EIO = const(5)
_ETIMEDOUT = const(110)


class Drv2605l:
    """The role `motor`."""

    def __init__(self, bus, enable, address=_ADDRESS):
        self._bus = bus
        self._enable = enable
        self._address = address
        self._one = bytearray(1)
        self._sequence = bytearray(_SLOTS)

    def begin(self, rated_code, clamp_code, resonance_hz=0, calibration=None):
        """Check who answers, reset, set up, calibrate. resonance_hz: of an LRA (125 to 300); 0: it is an ERM.

        calibration: what an earlier call returned; with None the motor is calibrated now, which takes 1.2 s and is
        felt. Returns the calibration, three integers.
        """
        if resonance_hz and not 125 <= resonance_hz <= 300:
            raise ValueError("DRV2605L: {} Hz is no resonance of an LRA".format(resonance_hz))
        try:
            return self._set_up(rated_code, clamp_code, resonance_hz, calibration)
        finally:
            self._enable.end()

    def _set_up(self, rated_code, clamp_code, resonance_hz, calibration):
        self._open()
        identity = self._get(_STATUS) >> 5
        if identity != _IDENTITY:
            self._fail(_ENODEV, _STATUS, "identity {}, not {}".format(identity, _IDENTITY))
        self._put(_MODE, _RESET)
        time.sleep_ms(_RESET_MS)
        if self._get(_MODE) != _STANDBY:
            self._fail(_EIO, _MODE, "no reset")
        self._set(_MODE, _TRIGGERED)
        self._set(_LIBRARY, _LRA_LIBRARY if resonance_hz else _ERM_LIBRARY)
        self._set(_RATED_VOLTAGE, rated_code)
        self._set(_CLAMP_VOLTAGE, clamp_code)
        drive_time = _ERM_DRIVE_TIME
        if resonance_hz:
            drive_time = (500000 // resonance_hz - 500) // 100  # half a period, in 0.1 ms above 0.5 ms
        self._set(_CONTROL1, _BOOST | drive_time)
        self._set(_CONTROL3, _CLOSED_LOOP)
        self._set(_CONTROL4, _CALIBRATE_LONG)
        if calibration is None:
            self._set(_FEEDBACK, _LRA_FEEDBACK if resonance_hz else _ERM_FEEDBACK)
            calibration = self._calibrate()
        else:
            for register, value in zip((_A_CAL_COMP, _A_CAL_BEMF, _FEEDBACK), calibration):
                self._set(register, value)
        self._set(_RTP_INPUT, 0)
        self._set(_MODE, _STANDBY)
        return calibration

    def on(self, strength_pct):
        """Run at 0 to 100 percent, until `off`, or until the pin ends it."""
        strength_pct = max(0, min(100, strength_pct))
        self._open()
        self._put(_RTP_INPUT, strength_pct * _FULL // 100)
        self._put(_MODE, _PLAYBACK)

    def off(self):
        """Brake and rest; an effect ends too. It does not fail: where the bus does, the pin ends it."""
        try:
            if self._enable.is_over():
                self._enable.end()
            else:
                self._put(_RTP_INPUT, 0)
                self._put(_GO, 0)
                self._enable.release()
        except OSError:
            self._enable.end()

    def play(self, *effects):
        """Play up to eight effects of the library, 1 to 123, one after the other."""
        if not 1 <= len(effects) <= _SLOTS or min(effects) < 1 or max(effects) > _LAST_EFFECT:
            raise ValueError("DRV2605L: {} are no effects of it".format(effects))
        for i in range(_SLOTS):
            self._sequence[i] = effects[i] if i < len(effects) else 0
        self._open()
        self._put(_MODE, _TRIGGERED)
        self._write(_WAVESEQ1, self._sequence)
        self._put(_GO, 1)

    def is_playing(self):
        """Whether an effect is under way."""
        return not self._enable.is_over() and bool(self._get(_GO))

    def stop(self):
        """Shut down."""
        self._enable.end()

    @property
    def expired(self):
        """How often nobody switched it off in time."""
        return self._enable.expired

    def _open(self):
        self._enable.run(100)
        time.sleep_us(_ENABLE_US)

    def _calibrate(self):
        self._set(_MODE, _CALIBRATE)
        self._enable.hold()  # it takes longer than the pin's time, and ends by itself
        time.sleep_us(_ENABLE_US)
        self._put(_GO, 1)
        waited_ms = 0
        while self._get(_GO):
            if waited_ms >= _CALIBRATION_MS:
                self._put(_MODE, _STANDBY)
                self._fail(_ETIMEDOUT, _GO, "calibration does not end")
            time.sleep_ms(_POLL_MS)
            waited_ms += _POLL_MS
        if self._get(_STATUS) & _FAILED:
            self._put(_MODE, _STANDBY)
            self._fail(_EIO, _STATUS, "calibration failed: is the motor connected, and of this kind?")
        return self._get(_A_CAL_COMP), self._get(_A_CAL_BEMF), self._get(_FEEDBACK)

    def _get(self, register):
        try:
            self._bus.readfrom_mem_into(self._address, register, self._one)
        except OSError as error:
            self._fail(error.errno, register, "not read")
        return self._one[0]

    def _write(self, register, buffer):
        try:
            self._bus.writeto_mem(self._address, register, buffer)
        except OSError as error:
            self._fail(error.errno, register, "not written")

    def _put(self, register, value):
        self._one[0] = value
        self._write(register, self._one)

    def _set(self, register, value):
        """Write and read back."""
        self._put(register, value)
        got = self._get(register)
        if got != value:
            self._fail(_EIO, register, "0x{:02X} written, 0x{:02X} read".format(value, got))

    def _fail(self, errno, register, what):
        raise OSError(errno, "DRV2605L 0x{:02X} register 0x{:02X}: {}".format(self._address, register, what))
