"""What the chip's own roles have to do, on modules that note what they are told."""

from conformance.expectations import fails, same


class Stream:
    """A standard stream: bytes in, bytes out."""

    def __init__(self, data=b""):
        self.data = data
        self.written = b""
        self.buffer = self

    def readinto(self, buffer):
        assert self.data, "it would wait"
        buffer[0] = self.data[0]
        self.data = self.data[1:]
        return 1

    def write(self, data):
        self.written += bytes(data)


class Poller:
    """`select.poll()` of one stream."""

    def register(self, stream, flags):
        self._stream = stream
        same(flags, 1)

    def ipoll(self, timeout_ms):
        same(timeout_ms, 0)
        if self._stream.data:
            yield self._stream, 1


class Pin:
    """An input. Light sleep takes it if it may wake: then it reads 0 until it is set up again, as on the chip."""

    IN = 1
    level = 1
    is_lent = False

    def __call__(self):
        return 0 if self.is_lent else self.level

    def init(self, mode):
        same(mode, self.IN)
        self.is_lent = False


class Partition:
    """A partition with a label, and how it is found."""

    TYPE_DATA = 1
    there = ("vfs", "journal")

    def __init__(self, label):
        self.label = label

    @classmethod
    def find(cls, kind, label=None):
        same(kind, cls.TYPE_DATA)
        return [Partition(label)] if label in cls.there else []


class Implementation:
    """`sys.implementation`."""

    version = (1, 29, 0, "")


class Machine:
    """Modules `machine`, `esp32`, `micropython`, `sys` and `select` in one."""

    POLLIN = 1
    Partition = Partition
    implementation = Implementation

    def __init__(self, cause=1, state=1):
        self.told = []
        self.mem32 = {0x1234: state}
        self._cause = cause
        self.stdin, self.stdout = Stream(), Stream()
        self.is_fixed = False
        self._wakes = None

    def poll(self):
        return Poller()

    def kbd_intr(self, byte):
        self.told.append(("kbd_intr", byte))

    def UART(self, number, rate):
        if self.is_fixed:
            raise ValueError("UART(0) is disabled (dedicated to REPL)")
        self.told.append(("uart", number, rate))

    def lightsleep(self, ms):
        self.told.append(("lightsleep", ms))
        self._wakes.is_lent = True

    def wake_on_ext0(self, pin, level):
        self.told.append(("wake", pin, level))
        self._wakes = pin

    def unique_id(self):
        return b"\xd8\xa0\x1d\x0a\xb0\xff"

    def reset_cause(self):
        return self._cause

    def reset(self):
        self.told.append("reset")

    def WDT(self, timeout):
        self.told.append(("wdt", timeout))
        return self

    def feed(self):
        self.told.append("feed")


class Facts:
    """A module of facts."""

    DEVICE_ID = "dev"


class Time:
    """The module `time`."""

    def __init__(self):
        self.slept = []

    def ticks_ms(self):
        return 0x3FFFFFFF

    def sleep_ms(self, ms):
        self.slept.append(ms)


class File:
    """A file that is only made."""

    def __init__(self, told):
        self._told = told

    def close(self):
        self._told.append("closed")


def build(driver, pin=None, pressed=0, **options):
    """A board, and the modules below it."""
    machine = Machine(**options)
    modules = (machine,) * 5
    return driver.Board(Facts(), modules, pin or Pin(), pressed, 0x1234), machine


def talks(driver):
    """A byte at a time, never waiting; the rate, where it can be had."""
    board, machine = build(driver)
    same(machine.told[0], ("kbd_intr", -1))
    machine.stdin.data = b"\x03\x00\xff"
    same([board.console.read() for _ in range(5)], [3, 0, 255, -1, -1])
    board.console.write(bytearray(b"\n\r\x00rest"), 3)
    same(machine.stdout.written, b"\n\r\x00")
    driver.time = time = Time()
    board.console.set_rate(921600)
    same((machine.told[-1], time.slept), (("uart", 0, 921600), [12]))
    machine.is_fixed = True
    fails(lambda: board.console.set_rate(9600), 95, "fixed")


def waits(driver):
    """Time, sleep, and what ends it; the watchdog from its first feed on."""
    driver.time = time = Time()
    for pressed in (0, 1):
        pin = Pin()
        board, machine = build(driver, pin, pressed)
        same(machine.told[1:], [("wake", pin, bool(pressed))])
        pin.level = pressed
        same(board.button.is_down(), True)
        pin.level = 1 - pressed
        same(board.button.is_down(), False)
    same(board.clock.ticks_ms(), 0x3FFFFFFF)
    board.clock.sleep_ms(10)
    same(time.slept, [10])
    board.clock.doze_ms(200)
    for pin.level in (0, 1):
        same(board.button.is_down(), pin.level == 1)
    board.watchdog.feed()
    board.watchdog.feed()
    same(machine.told[2:], [("lightsleep", 200), ("wdt", 8000), "feed", "feed"])


def starts(driver):
    """Causes; the journal; parts that answer and parts that don't; restarts."""
    for cause, state, told in (
        (1, 1, 1),
        (3, 0x3C0 | 1, 3),
        (5, 12, 5),
        (1, 15, 6),
        (1, 0x3C0 | 15, 6),
        (1, 0x2F, 1),
        (1, 0x1F, 1),
    ):
        board, _ = build(driver, cause=cause, state=state)
        same((cause, state, board.reset_cause), (cause, state, told))
    same((board.flash.label, board.folder, board.missing), ("journal", "/config", ()))
    same((board.facts.DEVICE_ID, board.micropython), ("dev-0ab0ff", "1.29.0"))
    Partition.there = ("vfs",)
    fails(lambda: build(driver), 19, "journal")
    Partition.there = ("vfs", "journal")

    def answers():
        pass

    def fails_to():
        raise OSError(19, "X 0x6A register 0x0F: not read")

    def fails_bare():
        raise OSError(19)

    board, machine = build(driver)
    same(board.begun("imu", "part", answers, "other"), "part")
    same(board.begun("motor", "part", fails_to, "other"), "other")
    same(board.begun("emg", "part", fails_bare, "other"), "other")
    same(board.missing, (("motor", "X 0x6A register 0x0F: not read"), ("emg", "19")))
    machine.told = []
    board.restart(False)
    same(machine.told, ["reset"])

    def make(path, mode):
        machine.told.append((path, mode))
        return File(machine.told)

    driver.open = make
    board.restart(True)
    del driver.open
    same(machine.told[1:], [("/maintenance", "w"), "closed", "reset"])


def conform(driver, lock, unlock):
    """All of it."""
    talks(driver)
    waits(driver)
    starts(driver)
