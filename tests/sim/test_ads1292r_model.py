"""The simulated ADS1292R refuses what a real one would ignore or spoil."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmc_sim.bus import SPI, BusMisuse, Pin, Time
from mmc_sim.chips.ads1292r import Ads1292r


class Rig:
    """The chip on its bus, selected for each exchange."""

    def __init__(self, counts: Callable[[int, int], int] = lambda number, channel: 0) -> None:
        self.time = Time()
        self.chip = Ads1292r(self.time, counts)
        self.bus = SPI(self.chip)
        self.cs = self.bus.chip_select()

    def exchange(self, *sent: int) -> bytes:
        answer = bytearray(len(sent))
        self.cs(0)
        try:
            self.bus.write_readinto(bytes(sent), answer)
        finally:
            self.cs(1)
        return bytes(answer)


def test_registers_after_a_reset_and_several_at_once() -> None:
    rig = Rig()
    rig.exchange(0x11)
    assert rig.exchange(0x20, 11, *bytes(12))[2:].hex() == "73028010" + "00000000" + "0000020c"
    rig.exchange(0x44, 1, 0x60, 0x10)
    assert rig.exchange(0x24, 1, 0, 0)[2:].hex() == "6010"


@pytest.mark.parametrize(
    "sent",
    [
        (0x40, 0, 0x72),  # the identity
        (0x41, 0, 0x0B),
        (0x42, 0, 0x20),  # a bit that must be set
        (0x43, 0, 0x00),
        (0x49, 0, 0x00),
        (0x4A, 0, 0x02),
        (0x44, 0, 0x70),  # no such gain
        (0x2B, 1, 0, 0),  # beyond the last
        (0x41, 0, 0x03, 0x00),  # more bytes than registers
        (0x41, 0),  # fewer
        (0xA1, 0, 0),
        (0x60, 0, 0),
        (0x01,),
        (0x00, 0x00),  # no frame there
    ],
)
def test_misuse(sent: tuple[int, ...]) -> None:
    rig = Rig()
    rig.exchange(0x11)
    with pytest.raises(BusMisuse):
        rig.exchange(*sent)


def test_it_is_deaf_to_registers_while_it_sends_data() -> None:
    rig = Rig()
    with pytest.raises(BusMisuse, match="sends data"):
        rig.exchange(0x20, 0, 0)
    rig = Rig()
    rig.exchange(0x06)
    with pytest.raises(BusMisuse, match="resets"):
        rig.exchange(0x11)


def test_frames_and_their_edges() -> None:
    rig = Rig(lambda number, channel: (1000 + number, -1000 - number)[channel])
    fallen: list[Pin] = []
    rig.chip.drdy.irq(fallen.append)
    rig.exchange(0x11)
    for register, value in ((1, 3), (2, 0xE0), (4, 0x10), (5, 0x60), (7, 0x0F)):
        rig.exchange(0x40 | register, 0, value)
    rig.exchange(0x10)
    rig.exchange(0x08)
    rig.chip.run_us(999)
    assert rig.chip.edges == 0 and rig.chip.drdy() == 1
    rig.chip.off = 0b1001  # IN1P and IN2N
    rig.chip.run_us(1)
    assert rig.chip.edges == 1 == len(fallen) and rig.chip.drdy() == 0
    # GPIO1 and 2 are inputs after a reset, low here; 12 times -1000 are -12000
    assert rig.exchange(*bytes(9)).hex() == "c48000" + "0003e8" + "ffd120"
    assert rig.chip.drdy() == 1
    with pytest.raises(BusMisuse, match="no frame"):
        rig.exchange(*bytes(9))
    rig.chip.run_us(3000)  # the newest only
    assert rig.exchange(*bytes(9))[3:6].hex() == "0003eb" and rig.chip.edges == 4 == len(fallen)
    rig.chip.run_us(1000)
    with pytest.raises(BusMisuse, match="broken off"):
        rig.exchange(*bytes(5))


def test_without_its_reference_it_measures_nothing() -> None:
    rig = Rig(lambda number, channel: 5)
    rig.chip.off = 0b0001
    rig.exchange(0x11)
    rig.exchange(0x44, 0, 0x10)
    rig.exchange(0x45, 0, 0x81)  # powered down
    rig.exchange(0x47, 0, 0x0F)
    rig.exchange(0x10)
    rig.exchange(0x08)
    rig.chip.run_us(2000)
    assert rig.exchange(*bytes(9)).hex() == "c00000" + "7fffff" + "7fffff"


def test_a_second_chip_lives_by_the_clock_of_the_first() -> None:
    time = Time()
    first = Ads1292r(time, lambda number, channel: 1000 + number)
    second = Ads1292r(time, lambda number, channel: 2000 + number, master=first)
    bus = SPI(first, second)
    selects = [bus.chip_select(0), bus.chip_select(1)]

    def send(*values: int, to: tuple[int, ...]) -> None:
        for i in to:
            selects[i](0)
        try:
            bus.write(bytes(values))
        finally:
            for i in to:
                selects[i](1)

    def read(chip: int) -> bytes:
        frame = bytearray(9)
        selects[chip](0)
        try:
            bus.write_readinto(bytes(9), frame)
        finally:
            selects[chip](1)
        return bytes(frame[3:6])

    with pytest.raises(BusMisuse, match="without a clock"):
        send(0x11, to=(1,))
    send(0x11, to=(0,))
    send(0x42, 0, 0xE8, to=(0,))
    for register, value in ((1, 3), (4, 0x10)):
        send(0x40 | register, 0, value, to=(0,))
    send(0x11, to=(1,))
    for register, value in ((1, 3), (2, 0xE0), (4, 0x10)):
        send(0x40 | register, 0, value, to=(1,))
    send(0x10, to=(0, 1))
    send(0x08, to=(0, 1))
    seen: list[int] = []
    first.drdy.irq(lambda pin: seen.append(second.edges))
    first.run_us(3000)
    assert seen == [1, 2, 3]  # the second's data are there when the first tells
    assert (read(0).hex(), read(1).hex()) == ("0003ea", "0007d2")
    selects[0](0)
    with pytest.raises(BusMisuse, match="two chips"):
        read(1)
    selects[0](1)
    first.values[2] = 0xE0  # the clock is taken away
    first.run_us(5000)
    assert (first.edges, second.edges) == (8, 3)


def test_handlers_do_not_nest() -> None:
    pin = Pin(1)
    calls: list[int] = []

    def handler(pin: Pin) -> None:
        calls.append(1)
        if len(calls) == 1:
            pin(1)
            pin(0)  # another edge while this one is handled
            assert len(calls) == 1

    pin.irq(handler)
    pin(0)
    assert len(calls) == 2
    pin.hold_irq()
    for _ in range(3):
        pin(1)
        pin(0)
    assert len(calls) == 2
    pin.release_irq()
    assert len(calls) == 3
    pin.hold_irq()
    pin(1)
    pin(0)
    pin.release_irq(0)
    pin.release_irq()
    assert len(calls) == 3
