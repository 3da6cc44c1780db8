"""ESP32: what the chip itself gives a board: console, clock, button, watchdog, journal, why it started.

In:    modules of the port, because no driver imports them; the button's pin
Out:   an object with those roles; a board puts its other parts on it
State: the button's pin, a byte of the console, what is missing
Cost:  `read` one poll and one byte; nothing allocated
Source: MicroPython's machine, esp32, select; ESP32 reference manual: RTC_CNTL_RESET_STATE has the last reset's cause
        in its bits 0 to 5; 15 is the brown-out detector. ESP-IDF's ext0_wakeup_prepare, and MicroPython's issue 3835: a
        pin that may wake reads 0 after light sleep until it is set up again

MicroPython tells a brown-out as power on, therefore the register. The watchdog begins with its first feed: a journal
that is full takes longer to look through than the watchdog waits.

Not certain without hardware: how much of the line's input is lost over a light sleep; that UART 0 changes its rate
under a running console.
"""

import time

from mmc_core.compat import const

BROWN_OUT = const(6)  # as a cause of reset, beside those of `machine`

_CAUSE_BITS = const(0x3F)
_BY_BROWN_OUT = const(15)
_PATIENCE_MS = const(8000)
_FIFO_MS = const(12)  # 128 bytes at 115200 bit/s: the console waits until they are in there, not until they are out
_MAINTENANCE = "/maintenance"
_EOPNOTSUPP = const(95)
_ENODEV = const(19)


class Console:
    """The role `console`: the line that MicroPython's own console has."""

    def __init__(self, sys, select, uart):
        """uart(0, rate): `machine.UART`."""
        self._input = sys.stdin.buffer
        self._output = sys.stdout.buffer
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)
        self._uart = uart
        self._one = bytearray(1)

    def read(self):
        """One byte, or -1. Never waits."""
        for _ in self._poller.ipoll(0):
            self._input.readinto(self._one)
            return self._one[0]
        return -1

    def write(self, data, size):
        """Send data[:size]."""
        self._output.write(memoryview(data)[:size])

    def set_rate(self, bits_per_s):
        """Both directions, once what was written is out. OSError where the port does not let go of its console."""
        time.sleep_ms(_FIFO_MS)
        try:
            self._uart(0, bits_per_s)
        except ValueError:
            raise OSError(_EOPNOTSUPP, "the console's rate is fixed")


class Clock:
    """The role `clock`."""

    def __init__(self, lightsleep, button):
        """button: its pin, which ends a doze."""
        self._lightsleep = lightsleep
        self._button = button

    def ticks_ms(self):
        """Milliseconds, wrapping at 2^30."""
        return time.ticks_ms()

    def sleep_ms(self, ms):
        """Wait."""
        time.sleep_ms(ms)

    def doze_ms(self, ms):
        """Wait with most of the chip off; a press of the button ends it."""
        self._lightsleep(ms)
        self._button.init(self._button.IN)  # sleep has lent the pin to the RTC: until it is back it reads 0


class Button:
    """The role `button`."""

    def __init__(self, pin, pressed):
        self._pin = pin
        self._pressed = pressed

    def is_down(self):
        """Whether it is pressed."""
        return self._pin() == self._pressed


class Watchdog:
    """The role `watchdog`."""

    def __init__(self, start):
        """start(timeout=): `machine.WDT`."""
        self._start = start
        self._timer = None

    def feed(self):
        """Call at least every 8 s from the first time on."""
        if self._timer is None:
            self._timer = self._start(timeout=_PATIENCE_MS)
        self._timer.feed()


class Board:
    """The roles of a board."""

    emg: object  # these four are the board's to set
    imu: object
    motor: object
    power: object
    folder = "/config"

    def __init__(self, facts, modules, button, pressed, reset_state):
        """modules: machine, esp32, micropython, sys, select. reset_state: address of the register."""
        machine, esp32, micropython, sys, select = modules
        micropython.kbd_intr(-1)  # 0x03 is a byte like any other
        facts.DEVICE_ID += "-{:02x}{:02x}{:02x}".format(*machine.unique_id()[-3:])
        self.facts = facts
        self.missing = ()
        self.micropython = ".".join([str(number) for number in sys.implementation.version[:3]])
        self.console = Console(sys, select, machine.UART)
        self.clock = Clock(machine.lightsleep, button)
        self.button = Button(button, pressed)
        esp32.wake_on_ext0(button, bool(pressed))
        self.watchdog = Watchdog(machine.WDT)
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")
        if not found:
            raise OSError(_ENODEV, "flash: there is no partition `journal`")
        self.flash = found[0]
        is_brown_out = machine.mem32[reset_state] & _CAUSE_BITS == _BY_BROWN_OUT
        self.reset_cause = BROWN_OUT if is_brown_out else machine.reset_cause()
        self._reset = machine.reset

    def begun(self, role, part, begin, otherwise):
        """The part, once begun; one that does not answer is named in `missing`, and `otherwise` takes its place."""
        try:
            begin()
        except OSError as error:
            self.missing += ((role, str(error.args[-1])),)
            return otherwise
        return part

    def restart(self, maintenance):
        """Reset. maintenance: no app is started then, once, see boot.py."""
        if maintenance:
            open(_MAINTENANCE, "w").close()
        self._reset()
