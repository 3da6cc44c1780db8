"""DRV2605L with a motor, register by register: standby, real-time playback, effects, auto-calibration.

In:    time in microseconds; the motor: "erm", "lra", or "none" for a broken lead; the pin EN, which stops it when low
Out:   what I2C reads; `drive_pct`: how hard the motor is driven now
State: registers; since when it plays, calibrates or resets
Cost:  reads allocate nothing
Source: SLOS854C: addresses, reset values, bits, calibration times; lengths of effects are invented
"""

from mmc_sim.bus import BusMisuse, Registers

STATUS, MODE, RTP_INPUT, LIBRARY, WAVESEQ1, WAVESEQ8, GO = 0x00, 0x01, 0x02, 0x03, 0x04, 0x0B, 0x0C
RATED, CLAMP, A_CAL_COMP, A_CAL_BEMF, FEEDBACK = 0x16, 0x17, 0x18, 0x19, 0x1A
CONTROL1, CONTROL2, CONTROL3, CONTROL4 = 0x1B, 0x1C, 0x1D, 0x1E
EFFECT_US = 250_000
CALIBRATION_US = (350_000, 450_000, 700_000, 1_200_000)  # the longest that the data sheet names

_TABLE = (
    (STATUS, 0xE0, 0x00),
    (MODE, 0x40, 0xC7),
    (RTP_INPUT, 0x00, 0xFF),
    (LIBRARY, 0x01, 0x07),
    (WAVESEQ1, 0x01, 0xFF),
    (GO, 0x00, 0x01),
    (RATED, 0x3E, 0xFF),
    (CLAMP, 0x8C, 0xFF),
    (A_CAL_COMP, 0x0C, 0xFF),
    (A_CAL_BEMF, 0x6C, 0xFF),
    (FEEDBACK, 0x36, 0xFF),
    (CONTROL1, 0x93, 0xBF),
    (CONTROL2, 0xF5, 0xFF),
    (CONTROL3, 0xA0, 0xFF),
    (CONTROL4, 0x20, 0x30),  # bit 0 burns the registers in for ever
) + tuple((register, 0x00, 0xFF) for register in range(WAVESEQ1 + 1, WAVESEQ8 + 1))


class Drv2605l(Registers):
    """The chip. `identity` is in the status; 7 is the DRV2605L, 3 the DRV2605."""

    def __init__(self, time, motor="erm", identity=7, enable=None):
        """enable: the pin EN, with `duty_pct`; None: it is wired high."""
        Registers.__init__(self, _TABLE)
        self._time = time
        self._enable = enable
        self._motor = motor
        self._identity = identity
        self.values[STATUS] = identity << 5
        self.is_hanging = False  # a calibration never ends
        self._reset_at_us = -1000
        self._went_us = 0

    @property
    def drive_pct(self):
        """How hard the motor is driven now, in percent of its rated voltage."""
        mode = self.values[MODE]
        if not self._is_enabled():
            return 0
        if mode == 5:
            value = self.values[RTP_INPUT]
            if value > 127:
                raise BusMisuse("driven backwards")
            return value * 100 // 127
        return 100 if mode in (0, 7) and self._is_going() else 0

    def _is_enabled(self):
        return self._enable is None or self._enable.duty_pct == 100

    def read_into(self, register, buffer):
        """One read transfer."""
        self._hear()
        Registers.read_into(self, register, buffer)

    def write(self, register, data):
        """One write transfer."""
        self._hear()
        Registers.write(self, register, data)

    def _hear(self):
        if not self._is_enabled():
            raise BusMisuse("EN is low: it answers, and neither reads nor writes")

    def wrote(self, register):
        """Reset, start, and what the data sheet rules out."""
        values = self.values
        now_us = self._time.now_us
        if now_us - self._reset_at_us < 1000:
            raise BusMisuse("written to while it resets")
        if register == MODE and values[MODE] & 0x80:
            if values[MODE] != 0x80:
                raise BusMisuse("a reset goes with no mode")
            self.reset_values()
            values[STATUS] = self._identity << 5
            self._reset_at_us = now_us
        elif register == MODE and values[MODE] & 0x40:
            values[GO] = 0  # standby ends whatever plays
        elif register == MODE and values[MODE] not in (0, 5, 7):
            raise BusMisuse("mode {} is not modelled".format(values[MODE]))
        elif register == GO and values[GO]:
            self._go(now_us)

    def _go(self, now_us):
        values = self.values
        if values[MODE] not in (0, 7):
            raise BusMisuse("there is nothing to start in mode 0x{:02X}".format(values[MODE]))
        is_lra = values[FEEDBACK] >> 7
        if self._motor != "none" and is_lra != (self._motor == "lra"):
            raise BusMisuse("the motor is of the other kind")
        if (values[LIBRARY] == 6) != bool(is_lra):
            raise BusMisuse("library {} is for the other kind of motor".format(values[LIBRARY]))
        if values[MODE] == 0 and values[LIBRARY] == 1 and not values[CONTROL3] & 0x20:
            raise BusMisuse("library A has its overdrive written in: for open loop only")
        if values[CONTROL3] & 0x21:
            raise BusMisuse("open loop: there is no feedback")
        if values[MODE] == 0:
            for slot in range(WAVESEQ1, WAVESEQ8 + 1):
                if values[slot] & 0x7F > 123 or values[slot] & 0x80:
                    raise BusMisuse("effect {} is none".format(values[slot]))
        self._went_us = now_us

    def _length_us(self):
        if self.values[MODE] == 7:
            return CALIBRATION_US[self.values[CONTROL4] >> 4 & 3]
        slot = WAVESEQ1
        while slot <= WAVESEQ8 and self.values[slot]:
            slot += 1
        return EFFECT_US * (slot - WAVESEQ1)

    def _is_going(self):
        """GO clears itself when the effect or the calibration is over."""
        values = self.values
        if not values[GO]:
            return False
        if self.is_hanging or self._time.now_us - self._went_us < self._length_us():
            return True
        values[GO] = 0
        if values[MODE] == 7:
            failed = self._motor == "none" or not values[RATED] or values[CLAMP] < values[RATED]
            values[STATUS] = self._identity << 5 | (0x08 if failed else 0x00)
            if not failed:
                values[A_CAL_COMP] = 0x0D
                values[A_CAL_BEMF] = 0x71
                values[FEEDBACK] = values[FEEDBACK] & 0xFC | 0x01
        return False

    def fetch(self, register):
        """The start bit and the status as they are now."""
        if register == MODE and self._time.now_us - self._reset_at_us < 1000:
            return 0x80
        self._is_going()
        return self.values[register]
