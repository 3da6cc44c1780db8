"""A bench: fake modules `machine`, `esp32`, `micropython`, `sys`, `select` and `time`, with parts wired to pins.

It runs on CPython and on MicroPython, so it uses neither pytest nor f-strings. The parts are the strict models of
mmc_sim; the modules have the calls of MicroPython's ESP32 port and refuse what the chip can't do: a pin that is used
twice or not set up, a bus in the wrong mode, a timer that is taken. One bench is on the table at a time.
"""

import io

from mmc_drivers import ads1292r, drv2605l, esp32, i2s_adc, lsm6ds, mpu6050
from mmc_sim import bus
from mmc_sim.bus import BusMisuse
from mmc_sim.chips import ads1292r as ads
from mmc_sim.chips import drv2605l as drv
from mmc_sim.chips import i2s_adc as i2s
from mmc_sim.chips import lsm6ds as lsm
from mmc_sim.chips import max17048 as gauge
from mmc_sim.chips import mpu6050 as mpu
from mmc_sim.chips.esp32_adc import Adc, Ticker
from mmc_sim.chips.rmt import OutputPin, Rmt, StoppableRmt
from mmc_sim.flash import Flash

CAUSE_REGISTERS = {"esp32": 0x3FF48034, "esp32s3": 0x60008038}
TIMED = (ads1292r, drv2605l, esp32, i2s_adc, lsm6ds, mpu6050)  # drivers that wait
CAUSE = 1  # of the last reset
bench = None  # the one on the table


class Time(bus.Time):
    """The module `time`; what runs by itself runs while Python sleeps."""

    runs = None  # a part with `run_us`

    def sleep_us(self, us):
        if self.runs:
            self.runs.run_us(us)
        else:
            self.now_us += us

    def sleep_ms(self, ms):
        self.sleep_us(1000 * ms)

    def ticks_ms(self):
        return self.now_us // 1000 & 0x3FFFFFFF


class Stream:
    """A standard stream of the console."""

    def __init__(self):
        self.data = bytearray()
        self.buffer = self

    def readinto(self, buffer):
        if not self.data:
            raise BusMisuse("it would wait for input")
        buffer[0] = self.data[0]
        self.data = self.data[1:]
        return 1

    def write(self, data):
        self.data.extend(data)
        return len(data)


class Poller(i2s.Poll):
    """`select.poll()`."""

    def ipoll(self, timeout_ms):
        (stream,) = self._streams
        return ((stream, 1),) if stream.data else ()


class Pin(OutputPin):
    """`machine.Pin`. What is wired to it is called to read or set it."""

    IN, OUT, PULL_DOWN, PULL_UP, IRQ_FALLING = 1, 3, 1, 2, 2

    def __init__(self, number, mode=-1, pull=None, value=None):
        OutputPin.__init__(self, bench.time, number)
        if number in bench.uses:
            raise BusMisuse(f"pin {number} is used twice")
        self.uses = bench.uses[number] = set()
        bench.pins[number] = self
        self._wire = bench.wires.get(number)
        self._pull = pull
        self.is_lent = False  # to the RTC, by light sleep: then it reads 0
        if pull:
            self.uses.add("pull")
        if mode == self.OUT:
            self.init(mode, value=value)
        elif mode == self.IN:
            self.uses.add("in")

    def init(self, mode, value=None):
        if mode == self.IN and "in" in self.uses:
            self.is_lent = False
            return
        self.uses.add("out")
        OutputPin.init(self, mode, value)

    def __call__(self, level=None):
        if level is not None:
            if "out" not in self.uses:
                raise BusMisuse(f"pin {self.number} is no output")
            return self._wire(level)
        if "in" not in self.uses:
            raise BusMisuse(f"pin {self.number} is no input")
        if self.is_lent:
            return 0
        if self._wire is not None:
            return self._wire()
        if not self._pull:
            raise BusMisuse(f"pin {self.number} floats")
        return 1 if self._pull == self.PULL_UP else 0

    def irq(self, handler=None, trigger=IRQ_FALLING):
        self._wire.irq(handler, trigger)

    def has(self, use):
        """Note what it is used for; give what is wired to it."""
        self.uses.add(use)
        return self._wire


class ADC(Adc):
    """`machine.ADC`."""

    ATTN_11DB = 3

    def __init__(self, pin, atten):
        if atten != self.ATTN_11DB:
            raise BusMisuse("only 11 dB reach half of the supply")
        Adc.__init__(self, bench.time, pin.has("adc"))


class Timer(Ticker):
    """`machine.Timer`: one of the four of the chip."""

    def __init__(self, number):
        if not 0 <= number <= 3 or number in bench.timers:
            raise BusMisuse(f"timer {number} is taken, or none")
        bench.timers.add(number)
        Ticker.__init__(self, bench.time)
        bench.time.runs = self


class PCNT:
    """`esp32.PCNT`: edges of a pin; at its bound it begins at 0 again."""

    INCREMENT = 1

    def __init__(self, number, min, max):
        if not 0 <= number <= 3 or not -32768 <= min < 0 < max <= 32767:
            raise BusMisuse(f"PCNT {number} from {min} to {max}")
        self._modulus = max
        self._counts = self._is_started = False

    def init(self, channel, pin, falling):
        pin.has("in")
        self._counts = channel == 0 and falling == self.INCREMENT

    def start(self):
        self._is_started = True

    def value(self):
        if not self._counts or not self._is_started:
            raise BusMisuse("it counts nothing")
        return bench.front_end.edges % self._modulus


class PWM(i2s.Pwm):
    """`machine.PWM`."""

    def __init__(self, pin):
        pin.has("out")
        i2s.Pwm.__init__(self)
        bench.front_end = i2s.I2s(bench.time, lambda number, channel: (100 + channel) << 16 if number & 32 else 0, self)
        bench.front_end.has_memory = "emg" not in bench.missing
        bench.time.runs = bench.front_end


class I2S:
    """`machine.I2S`: the bench's port, with its pins."""

    RX, STEREO = i2s.I2s.RX, i2s.I2s.STEREO

    def __new__(cls, port, sck, ws, sd, **options):
        sck.has("out")
        ws.has("out")
        sd.has("in")
        return bench.front_end(port, sck, ws, sd, **options)


class Implementation:
    """`sys.implementation`."""

    version = (1, 29, 0, "")


class Port:
    """Modules `machine`, `esp32`, `micropython`, `sys` and `select` in one."""

    Pin, ADC, Timer, PCNT, PWM, I2S = Pin, ADC, Timer, PCNT, PWM, I2S
    POLLIN = 1
    TYPE_DATA = 1
    implementation = Implementation
    poll = Poller
    wakes = None  # the pin that ends light sleep

    def __init__(self):
        self.stdin, self.stdout = Stream(), Stream()
        self.told = []
        self.mem32 = {CAUSE_REGISTERS[bench.chip]: 0xC40 | CAUSE}  # of the other processor too
        self.Partition = self
        # What is imported by its name must be no method.
        self.I2C, self.SPI = self.open_i2c, self.open_spi
        self.RMT = Rmt if bench.chip == "esp32" else StoppableRmt

    # machine

    def open_i2c(self, number, sda, scl, freq):
        if number not in (0, 1) or freq > 400000:
            raise BusMisuse(f"I2C {number} at {freq} Hz")
        sda.has("i2c")
        scl.has("i2c")
        return bench.i2c

    def open_spi(self, number, baudrate, polarity, phase, sck, mosi, miso):
        if number not in (1, 2) or (polarity, phase) != (0, 1) or baudrate > 4000000:
            raise BusMisuse(f"SPI {number} in mode {polarity} {phase} at {baudrate} Hz")
        sck.has("out")
        mosi.has("out")
        miso.has("in")
        return bench.spi

    def UART(self, number, rate):
        self.told.append(("uart", number, rate))

    def WDT(self, timeout):
        self.told.append(("wdt", timeout))
        return self

    def feed(self):
        pass

    def lightsleep(self, ms):
        bench.time.now_us += 1000 * ms  # nothing runs
        if self.wakes:
            self.wakes.is_lent = True

    def reset(self):
        raise SystemExit

    def reset_cause(self):
        return 1

    def unique_id(self):
        return b"\x24\x0a\xc4\x0b\x00\xee"

    # micropython, esp32

    def kbd_intr(self, byte):
        self.told.append(("kbd_intr", byte))

    def wake_on_ext0(self, pin, level):
        self.told.append(("wake", pin.number, level))
        self.wakes = pin

    def find(self, kind, label):
        return [bench.flash] if (kind, label) == (1, "journal") else []


class Bench:
    """Parts by pin, and what was done with the pins. Making one puts it on the table."""

    def __init__(self, chip, journal_blocks, rig, missing=()):
        """rig(bench): wires the parts. missing: names of chips that do not answer."""
        global bench
        bench = self
        self.chip = chip
        self.missing = missing
        self.time = Time()
        self.uses = {}  # pin: what it is used for
        self.pins = {}
        self.wires = {}  # pin: what is on it
        self.chips = {}  # on I2C, by address
        self.i2c = bus.I2C(self.chips)
        self.spi = self.front_end = None
        self.timers = set()
        self.flash = Flash(io.BytesIO(b"\xff" * (4096 * journal_blocks)), journal_blocks)
        self.port = Port()
        for driver in TIMED:
            driver.time = self.time
        rig(self)

    def solder(self, name, address, chip):
        """A chip on I2C, if it is not missing."""
        if name not in self.missing:
            self.chips[address] = chip
        return chip

    def open(self, board):
        """The roles of a module `board` that was imported with this bench's port."""
        board.time, board.sys, board.select = self.time, self.port, self.port
        return board.open_board()


def level_of(part):
    """What a pin reads from a part's `level`."""
    return lambda: part.level


class Level:
    """A button, or the supply of USB."""

    def __init__(self, level):
        self.level = level


def rig_devkit_myoware(bench):
    """Two signals about the middle, an MPU-6050 at rest, a button, USB."""
    for pin in (34, 35):
        bench.wires[pin] = lambda now_us, pin=pin: 1650 + (pin - 33) * (10 if now_us // 5000 & 1 else -10)
    bench.imu = bench.solder("imu", 0x68, mpu.Mpu6050(bench.time))
    bench.imu.accel_mg[:] = 0, 0, 1000
    bench.button, bench.usb = Level(1), Level(0)
    bench.wires[27] = level_of(bench.button)
    bench.wires[26] = volts_of(bench.usb)
    bench.motor_pin = 25


def rig_devkit_i2s(bench):
    """A converter with two signals, an LSM6DSOX at rest, a DRV2605L with an ERM, a button, USB."""
    bench.imu = bench.solder("imu", 0x6A, lsm.Lsm6ds(bench.time))
    bench.imu.accel_mg[:] = 0, 0, 1000
    bench.motor = bench.solder("motor", 0x5A, drv.Drv2605l(bench.time, "erm", enable=Enable(bench, 25)))
    bench.button, bench.usb = Level(1), Level(0)
    bench.wires[27] = level_of(bench.button)
    bench.wires[26] = volts_of(bench.usb)
    bench.motor_pin = 25


def rig_s3_ads1292r(bench):
    """An ADS1292R with its counts, an LSM6DSO at rest, a DRV2605L with an LRA, a MAX17048, a button, USB."""
    rig_s3(bench, (10,))


def rig_s3_ads1292r_4ch(bench):
    """The same with two ADS1292R."""
    rig_s3(bench, (10, 14))


def rig_s3(bench, selects):
    """As many ADS1292R as there are pins that select one."""
    front_end = ads.Ads1292r(bench.time, lambda number, channel: 500 + channel * 100 if number & 8 else 0)
    chips = [front_end]
    for _ in selects[1:]:
        chips.append(ads.Ads1292r(bench.time, lambda number, channel: 700 if number & 8 else 0, master=front_end))
    bench.front_end = front_end
    bench.time.runs = front_end
    if "emg" in bench.missing:
        front_end.transfer = lambda value: 0xFF
    bench.spi = bus.SPI(*chips)
    for number, pin in enumerate(selects):
        bench.wires[pin] = bench.spi.chip_select(number)
    bench.wires[9] = front_end.drdy
    bench.imu = bench.solder("imu", 0x6A, lsm.Lsm6ds(bench.time))
    bench.imu.accel_mg[:] = 0, 0, 1000
    bench.motor = bench.solder("motor", 0x5A, drv.Drv2605l(bench.time, "lra", enable=Enable(bench, 5)))
    bench.gauge = bench.solder("power", 0x36, gauge.Max17048())
    bench.button, bench.usb = Level(1), Level(0)
    bench.wires[4] = level_of(bench.button)
    bench.wires[6] = volts_of(bench.usb)
    bench.motor_pin = 5


def volts_of(level):
    """The divider behind the 5V pin, in millivolt: a cable's, or what comes back through the regulator."""
    return lambda now_us: 2850 if level.level else 2000


class Enable:
    """A pin of the bench as a chip feels it."""

    def __init__(self, bench, number):
        self._bench = bench
        self._number = number

    @property
    def duty_pct(self):
        return self._bench.pins[self._number].duty_pct


RIGS = {
    "devkit_i2s": rig_devkit_i2s,
    "devkit_myoware": rig_devkit_myoware,
    "s3_ads1292r": rig_s3_ads1292r,
    "s3_ads1292r_4ch": rig_s3_ads1292r_4ch,
}
