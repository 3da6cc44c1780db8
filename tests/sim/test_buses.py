"""The simulated buses and the frame of a chip model: strict where real ones answer with something wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable

import mutation
import pytest

from mmc_sim.bus import I2C, SPI, BusMisuse, Pin, Registers, Time
from mmc_sim.chips.drv2605l import Drv2605l
from mmc_sim.chips.lsm6ds import Lsm6ds
from mmc_sim.chips.max17048 import Max17048
from mmc_sim.chips.mpu6050 import Mpu6050
from mmc_sim.chips.rmt import OutputPin, Rmt, StoppableRmt

TABLE = ((0x10, 0x00, 0xFF), (0x11, 0xA0, 0x0F), (0x12, 0x42, 0x00))


def i2c() -> tuple[I2C, Registers]:
    chip = Registers(TABLE)
    return I2C({0x20: chip}), chip


def test_transfers_go_on_with_the_next_register() -> None:
    bus, chip = i2c()
    buffer = bytearray(3)
    bus.writeto_mem(0x20, 0x10, b"\x55\xa7")
    bus.readfrom_mem_into(0x20, 0x10, buffer)
    assert buffer == b"\x55\xa7\x42"
    assert bus.written == [(0x10, b"\x55\xa7")] and bus.fault.transactions == 2 and bus.scan() == [0x20]
    chip.reset_values()
    bus.readfrom_mem_into(0x20, 0x10, buffer)
    assert buffer == b"\x00\xa0\x42"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda bus: bus.readfrom_mem_into(0x20, 0x0F, bytearray(1)),
        lambda bus: bus.readfrom_mem_into(0x20, 0x10, bytearray(4)),  # past the last register
        lambda bus: bus.readfrom_mem_into(0x20, 0x110, bytearray(1)),
        lambda bus: bus.readfrom_mem_into(0x20, 0x10, bytearray(0)),
        lambda bus: bus.readfrom_mem_into(0x7A, 0x10, bytearray(1)),
        lambda bus: bus.writeto_mem(0x20, 0x13, b"\0"),
        lambda bus: bus.writeto_mem(0x20, 0x10, b""),
        lambda bus: bus.writeto_mem(0x20, 0x11, b"\xb0"),  # a reserved bit
        lambda bus: bus.writeto_mem(0x20, 0x12, b"\x43"),  # read-only
    ],
)
def test_i2c_forgives_no_mistake_of_a_driver(misuse: Callable[[I2C], None]) -> None:
    bus, chip = i2c()
    with pytest.raises(BusMisuse):
        misuse(bus)
    assert bytes(chip.values[0x10:0x13]) == b"\x00\xa0\x42"


def test_faults_come_when_they_are_told_to() -> None:
    bus, _ = i2c()
    bus.fault.fail_at = 2
    buffer = bytearray(1)
    bus.readfrom_mem_into(0x20, 0x12, buffer)
    with pytest.raises(OSError) as info:
        bus.readfrom_mem_into(0x20, 0x12, buffer)
    assert info.value.errno == 19
    bus.readfrom_mem_into(0x20, 0x12, buffer)
    with pytest.raises(OSError) as info:
        bus.readfrom_mem_into(0x21, 0x12, buffer)
    assert info.value.errno == 19
    bus.fault.is_stuck = True
    for action in (lambda: bus.writeto_mem(0x20, 0x10, b"\1"), bus.scan):
        with pytest.raises(OSError) as info:
            action()
        assert info.value.errno == 110
    assert bus.written == [] and bus.fault.transactions == 6


class Echo:
    """A chip on SPI that answers with what came before."""

    def __init__(self) -> None:
        self.selected: list[bool] = []
        self._last = 0

    def select(self, is_selected: bool) -> None:
        self.selected.append(is_selected)

    def transfer(self, value: int) -> int:
        last, self._last = self._last, value
        return last


def test_spi_needs_a_selected_chip_and_equal_lengths() -> None:
    chip = Echo()
    bus = SPI(chip)
    select = bus.chip_select()
    buffer = bytearray(2)
    with pytest.raises(BusMisuse):
        bus.write(b"\1")
    select(0)
    bus.write(b"\1\2")
    bus.write_readinto(b"\3\4", buffer)
    assert buffer == b"\2\3" and bus.fault.transactions == 2
    with pytest.raises(BusMisuse):
        bus.write_readinto(b"\3", buffer)
    select(1)
    with pytest.raises(BusMisuse):
        bus.write_readinto(b"\3\4", buffer)
    assert chip.selected == [True, False]
    bus.fault.is_stuck = True
    select(0)
    with pytest.raises(OSError):
        bus.write(b"\1")


def test_a_pin_tells_falling_edges_only() -> None:
    told: list[Pin] = []
    pin = Pin(1)
    pin.irq(told.append, pin.IRQ_FALLING)
    for level in (1, 0, 0, 1, 0):
        pin(level)
    assert told == [pin, pin] and pin() == 0
    pin.irq(None)
    pin(1)
    pin(0)
    assert len(told) == 2
    with pytest.raises(BusMisuse):
        pin.irq(told.append, 1)


def test_time_wraps_as_ticks_do() -> None:
    time = Time(2**30 - 500)
    before = time.ticks_us()
    assert before == 2**30 - 500
    time.sleep_ms(1)
    assert time.ticks_us() == 500
    time.sleep_us(200)
    assert time.ticks_us() == 700 and time.now_us == 1200
    time.now_us = 1000
    assert time.ticks_diff(time.ticks_us(), before) == 1000 == -time.ticks_diff(before, time.ticks_us())


def mpu6050() -> tuple[Mpu6050, Time]:
    time = Time()
    return Mpu6050(time), time


def test_the_mpu6050_ignores_nothing_that_a_real_one_would_ignore() -> None:
    chip, time = mpu6050()
    with pytest.raises(BusMisuse, match="sleeps"):
        chip.write(0x19, b"\x09")
    with pytest.raises(BusMisuse, match="clock"):
        chip.write(0x6B, b"\x00")
    chip.write(0x6B, b"\x80")
    time.sleep_ms(49)
    with pytest.raises(BusMisuse, match="resets"):
        chip.write(0x6B, b"\x01")
    status = bytearray(1)
    chip.read_into(0x6B, status)
    assert status == b"\xc0"
    time.sleep_ms(1)
    chip.read_into(0x6B, status)
    assert status == b"\x40"
    chip.write(0x6B, b"\x01")
    chip.write(0x19, b"\x07")  # no filter: 8 kHz / 8
    chip.accel_mg[:] = 0, 0, 1000
    data = bytearray(15)
    time.sleep_ms(30)  # it starts up
    chip.read_into(0x3A, data)
    assert data[0] == 0
    time.sleep_ms(1)
    chip.read_into(0x3A, data)
    assert data.hex() == "01" + "00000000" + "4000" + "fdf7" + "000000000000"
    chip.read_into(0x3A, data)
    assert data[0] == 0


def test_the_mutation_check_finds_what_nobody_looks_at() -> None:
    tree = ast.parse("_A = const(0x10)\n_B = ((1, 2), 3)\n_WAIT_MS = 5\n_EIO = 5\n_C, _D = 7, 8\nclass C:\n    x = 1\n")
    found = [what for what, _ in mutation.mutants(tree)]
    assert len(found) == 8 + 3 * 8 + 2 * 8
    assert found[0] == "_A[0]: 0x10 -> 0x11" and {"_B[0]: 0x3 -> 0x83", "(_C, _D)[1]: 0x8 -> 0x0"} <= set(found)
    sources = {ast.unparse(changed) for _, changed in mutation.mutants(tree)}
    assert len(sources) == 48 and ast.unparse(tree) not in sources


def test_the_lsm6ds_tags_words_and_rolls_over() -> None:
    time = Time()
    chip = Lsm6ds(time)
    for register, value in ((0x10, 0x40), (0x11, 0x40), (0x09, 0x44), (0x0A, 0x06)):
        chip.write(register, bytes([value]))
    chip.accel_mg[:] = 1000, 0, -1000
    time.sleep_ms(20)  # two moments of 9.6 ms
    status = bytearray(2)
    chip.read_into(0x3A, status)
    assert status == b"\x04\x00"
    words = bytearray(21)
    chip.read_into(0x78, words)
    # gyroscope 0, accelerometer 0, gyroscope 1: sensor, moment, even parity; 1 g are 16393 counts of 61 micro-g
    assert [words[at] for at in (0, 7, 14)] == [0b00001_00_1, 0b00010_00_1, 0b00001_01_0]
    assert words[7:14].hex() == "11" + "0940" + "0000" + "f6bf"
    chip.read_into(0x3A, status)
    assert status == b"\x01\x00"
    for misuse in (
        lambda: chip.read_into(0x78, bytearray(6)),
        lambda: chip.read_into(0x79, bytearray(6)),
        lambda: chip.write(0x09, b"\x33"),
        lambda: chip.write(0x0A, b"\x01"),
        lambda: chip.write(0x10, b"\x70"),
        lambda: chip.write(0x10, b"\x42"),
        lambda: chip.write(0x11, b"\x46"),
    ):
        with pytest.raises(BusMisuse):
            misuse()
    chip.write(0x12, b"\x00")  # no automatic increment: the same register again
    chip.read_into(0x0F, status)
    assert status == b"\x6c\x6c"
    chip.write(0x12, b"\x01")
    with pytest.raises(BusMisuse, match="resets"):
        chip.write(0x12, b"\x44")


def drv2605l(motor: str) -> tuple[Drv2605l, Time]:
    time = Time()
    return Drv2605l(time, motor), time


@pytest.mark.parametrize(
    ("motor", "writes"),
    [
        ("erm", [(0x0C, 1)]),  # in standby
        ("erm", [(0x01, 0), (0x0C, 1)]),  # open loop, as after a reset
        ("erm", [(0x01, 0), (0x1D, 0x81), (0x0C, 1)]),
        ("erm", [(0x01, 0), (0x1D, 0x80), (0x03, 6), (0x0C, 1)]),  # the LRA's library
        ("lra", [(0x01, 0), (0x1D, 0x80), (0x03, 6), (0x0C, 1)]),  # driven as an ERM
        ("erm", [(0x01, 0), (0x1D, 0x80), (0x0C, 1)]),  # library A, in closed loop
        ("erm", [(0x01, 0), (0x1D, 0x80), (0x03, 2), (0x04, 124), (0x0C, 1)]),
        ("erm", [(0x01, 3)]),
        ("erm", [(0x1E, 0x31)]),  # for ever
        ("erm", [(0x01, 0x87)]),
        ("erm", [(0x01, 0x80), (0x01, 0x00)]),  # too soon
    ],
)
def test_the_drv2605l_refuses_what_a_real_one_would_do_wrong(motor: str, writes: list[tuple[int, int]]) -> None:
    chip, _ = drv2605l(motor)
    for register, value in writes[:-1]:
        chip.write(register, bytes([value]))
    with pytest.raises(BusMisuse):
        chip.write(writes[-1][0], bytes([writes[-1][1]]))


def test_standby_ends_whatever_the_drv2605l_plays() -> None:
    chip, time = drv2605l("erm")
    for register, value in ((0x01, 0), (0x1D, 0x80), (0x03, 2), (0x0C, 1)):
        chip.write(register, bytes([value]))
    assert chip.drive_pct == 100
    chip.write(0x01, b"\x40")
    assert chip.drive_pct == 0 and chip.fetch(0x0C) == 0
    chip.write(0x01, b"\x05")
    chip.write(0x02, b"\x80")
    with pytest.raises(BusMisuse, match="backwards"):
        _ = chip.drive_pct
    time.sleep_ms(10_000)
    chip.write(0x02, b"\x7f")
    assert chip.drive_pct == 100  # for ever


def test_the_rmt_ends_by_itself_and_refuses_what_would_not() -> None:
    time = Time()
    pin = OutputPin(time, 25)
    with pytest.raises(BusMisuse, match="pin 25 floats"):
        _ = pin.duty_pct
    rmt = Rmt(0, pin=pin, clock_div=80, tx_carrier=(20000, 33, 1))
    assert pin.duty_pct == 0 and rmt.wait_done()
    rmt.write_pulses(30000, (1, 1, 1))
    time.sleep_us(89_999)
    assert pin.duty_pct == 33 and not rmt.wait_done()
    with pytest.raises(BusMisuse, match="would wait"):
        rmt.write_pulses(1, (1,))
    time.sleep_us(1)
    assert pin.duty_pct == 0 and rmt.wait_done()
    for duration, data in ((0, (1,)), (32768, (1,)), (1, ()), (1, (1, 0)), (1, (1,) * 96)):
        with pytest.raises(BusMisuse):
            rmt.write_pulses(duration, data)
    rmt.write_pulses(1, (1,) * 95)  # with the end mark 48 symbols
    pin.init(pin.OUT, value=0)
    assert pin.duty_pct == 0
    with pytest.raises(BusMisuse, match="channel 0 is taken"):
        Rmt(0, pin=pin, clock_div=80)
    with pytest.raises(BusMisuse, match="interrupts off"):
        rmt.deinit()
    time.sleep_us(95)
    rmt.deinit()
    with pytest.raises(BusMisuse, match="pin 25 floats"):
        _ = pin.duty_pct
    stoppable = StoppableRmt(0, pin=pin, clock_div=80)
    stoppable.write_pulses(1, (1,))
    stoppable.deinit()
    for call in (rmt.wait_done, rmt.deinit, lambda: rmt.write_pulses(1, (1,))):
        with pytest.raises(OSError):
            call()
    for options in (
        {"number": 8},
        {"clock_div": 0},
        {"clock_div": 256},
        {"tx_carrier": (20000, 0, 1)},
        {"tx_carrier": (20000, 100, 1)},
        {"tx_carrier": (1000, 50, 1)},  # beyond the counters
        {"tx_carrier": (20000, 50, 0)},
    ):
        with pytest.raises(BusMisuse):
            Rmt(**{"number": 0, "pin": pin, "clock_div": 255, **options})
    with pytest.raises(BusMisuse):
        pin.init(1, value=0)


def test_the_drv2605l_is_deaf_and_still_while_its_pin_is_low() -> None:
    time = Time()
    pin = OutputPin(time)
    pin.init(pin.OUT, value=1)
    chip = Drv2605l(time, "erm", enable=pin)
    chip.write(0x02, b"\x7f")
    chip.write(0x01, b"\x05")
    assert chip.drive_pct == 100
    pin.init(pin.OUT, value=0)
    assert chip.drive_pct == 0
    for misuse in (lambda: chip.write(0x02, b"\0"), lambda: chip.read_into(0x00, bytearray(1))):
        with pytest.raises(BusMisuse, match="EN is low"):
            misuse()
    pin.init(pin.OUT, value=1)
    assert chip.drive_pct == 100  # the registers stay


def test_the_max17048_is_read_in_words() -> None:
    chip = Max17048()
    chip.cell_mv, chip.soc_256, chip.crate = 3700, 0x5080, -5
    data = bytearray(2)
    found = []
    for register in (0x02, 0x04, 0x08, 0x16):
        chip.read_into(register, data)
        found.append(data.hex())
    assert found == ["b900", "5080", "0012", "fffb"]  # 47360 units of 78.125 uV
    for misuse in (
        lambda: chip.read_into(0x04, bytearray(1)),
        lambda: chip.read_into(0x05, bytearray(2)),
        lambda: chip.read_into(0x10, bytearray(2)),
        lambda: chip.write(0x06, b"\x40\x00"),
    ):
        with pytest.raises(BusMisuse):
            misuse()
