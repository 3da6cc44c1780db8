"""No sample is lost, late or doubled without being counted: random stalls of 1 to 500 ms in the way of interrupts."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable

import pytest
from conformance import ads1292r, esp32_adc, i2s_adc

import mmc_drivers.ads1292r
import mmc_drivers.esp32_adc
import mmc_drivers.i2s_adc
from mmc_sim.chips.i2s_adc import FRAMES

HISTORIES = 10_000  # of each front end
SHARES = 4  # tests, so that a failure is found sooner


def value_of(number: int) -> int:
    """Each sample has its own value, so that a shift by one is seen."""
    return number * 7919 % 401 - 200


class Wearer:
    """Reads as the sampler does, and knows from the clock alone which samples each block has to hold.

    Subclasses set `emg`, `sleep_us`, `hold` and `release`, and say how many samples there have been.
    """

    channels = 2
    emg: mmc_drivers.ads1292r.Ads1292r | mmc_drivers.esp32_adc.Esp32Adc
    sleep_us: Callable[[int], None]
    hold: Callable[[], None]
    release: Callable[[int], None]

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.ring_samples = luck.choice((16, 20, 64))
        self.pauses = [0]  # what a look at the counter or the clock takes
        self.taken = self.lost = self.gaps = 0
        self._block = array("h", bytes(20 * self.channels))

    def begin(self) -> None:
        self.emg.begin()
        self.pauses[:] = self.luck.choice(((0,), (0, 0, 0, 20, 400), (0, 0, 0, 0, 0, 1500)))

    def samples(self) -> int:
        raise NotImplementedError

    def holds(self, value: int) -> int:
        """What a block has to hold for a value, as samples follow each other."""
        return value

    def read(self) -> None:
        """All blocks, then the gap behind them."""
        while self.emg.read_into(self._block):
            for i in range(10):
                wanted = self.holds(value_of(self.taken + self.lost + i))
                assert all(self._block[self.channels * i + channel] == wanted for channel in range(self.channels))
            self.taken += 10
        lost = self.emg.take_lost()
        self.lost += lost
        self.gaps += lost > 0


class WearerOfAds1292r(Wearer):
    def __init__(self, luck: random.Random) -> None:
        super().__init__(luck)
        self.emg, self._chip, time, _ = ads1292r.build(
            mmc_drivers.ads1292r,
            lambda number, channel: value_of(number - self._first),
            ring_samples=self.ring_samples,
            looking=lambda time: time.sleep_us(luck.choice(self.pauses)),
            chips=self.channels // 2,
        )
        self._first = 50  # samples that `begin` waits for
        self.sleep_us = time.sleep_us
        self.hold, self.release = self._chip.drdy.hold_irq, self._chip.drdy.release_irq
        self.begin()
        assert self._chip.edges == self._first
        self._sum64 = 64 * value_of(-1)

    def samples(self) -> int:
        return self._chip.edges - self._first

    def holds(self, value: int) -> int:
        self._sum64 += value - self._sum64 // 64
        return value - self._sum64 // 64


class WearerOfTwoAds1292r(WearerOfAds1292r):
    channels = 4


class WearerOfEsp32Adc(Wearer):
    def __init__(self, luck: random.Random) -> None:
        super().__init__(luck)
        start_us = luck.choice((0, 2**30 - luck.randrange(1_000_000)))

        def signal(now_us: int) -> int:
            """The second channel is converted after the first, which may be in the next period."""
            return 1650 + value_of(now_us // 1000 - 1)

        def second(now_us: int) -> int:
            return signal(now_us - 55)

        self.emg, timer, self._time = esp32_adc.build(
            mmc_drivers.esp32_adc,
            (signal, second),
            start_us,
            ring_samples=self.ring_samples,
            looking=lambda timer: timer.run_us(luck.choice(self.pauses)),
        )
        self.sleep_us = timer.run_us
        self.hold = timer.hold
        self.release = lambda times: timer.release()
        self.begin()

    def samples(self) -> int:
        return self._time.now_us // 1000


def live(wearer: Wearer, luck: random.Random) -> None:
    """One history: work of any length between reads, stalls that hold the interrupt, samples that come meanwhile."""
    for _ in range(luck.randrange(1, 6)):
        for _ in range(luck.randrange(8)):
            wearer.sleep_us(luck.choice((300, 1000, 4100, 10_000)))
            wearer.read()
        stall_ms = luck.randrange(1, 501) if luck.random() < 0.5 else luck.randrange(1, 13)
        wearer.hold()
        wearer.sleep_us(1000 * stall_ms + luck.randrange(1000))
        wearer.release(luck.choice((0, 1, 1, 1, 2)))
        if luck.random() < 0.3:
            wearer.sleep_us(luck.randrange(40_000))  # and nobody reads
    wearer.pauses[:] = [0]
    for _ in range(8):
        wearer.sleep_us(5000)
        wearer.read()


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("kind", [WearerOfAds1292r, WearerOfTwoAds1292r, WearerOfEsp32Adc])
def test_samples_and_gaps_are_the_clock(
    kind: Callable[[random.Random], Wearer], share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mmc_drivers.ads1292r, "time", mmc_drivers.ads1292r.time)
    gaps = 0
    for seed in range(share, HISTORIES, SHARES):
        luck = random.Random(seed)
        wearer = kind(luck)
        live(wearer, luck)
        waiting = wearer.samples() - wearer.taken - wearer.lost
        assert 0 <= waiting < 10, seed
        gaps += wearer.gaps
    assert gaps > HISTORIES // SHARES


def test_a_sample_that_comes_while_a_gap_is_told_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmc_drivers.ads1292r, "time", mmc_drivers.ads1292r.time)
    emg, chip, time, _ = ads1292r.build(mmc_drivers.ads1292r)
    emg.begin()
    block = array("h", bytes(40))
    assert not emg.read_into(block)
    time.sleep_ms(5)
    chip.drdy.hold_irq()
    time.sleep_ms(3)
    chip.drdy.release_irq()
    count = emg._count_edges

    def count_and_be_interrupted() -> int:
        emg._count_edges = count
        edges = count()
        time.sleep_us(1000)
        return edges

    emg._count_edges = count_and_be_interrupted
    assert emg.take_lost() == 8
    time.sleep_ms(9)
    assert emg.read_into(block) and emg.take_lost() == 0


def decimate_by_taking_the_last(
    raw: memoryview, first: int, behind: int, filters: object, ring: array[int], slot: int, slots: int
) -> None:
    """A stand-in for the filters, which blur what is where: of ten samples the last, as it is."""
    new = memoryview(raw).cast("B").cast("h")
    for last in range(first + 18, behind, 20):
        ring[2 * slot], ring[2 * slot + 1] = new[last], new[last + 1]
        slot = (slot + 1) % slots
    raw[:88] = raw[-88:]


class WearerOfI2sAdc:
    """The same for DMA: each sample says itself where it belongs; interrupts stop while flash is erased."""

    def __init__(self, luck: random.Random, is_filtered: bool) -> None:
        self.is_filtered = is_filtered
        self.pauses = [0]
        self.taken = self.lost = self.gaps = 0
        self._block = array("h", bytes(40))
        self._fresh = 80  # samples in which the filters remember what came before a gap
        self.dma_buffers = luck.choice((3, 4, 8))
        self.emg, self.bus, self._time, _ = i2s_adc.build(
            mmc_drivers.i2s_adc,
            lambda number, channel: self.value(number) << 8,
            luck.choice((0, 2**30 - luck.randrange(1_000_000))),
            self.dma_buffers,
            luck.randrange(26_000),
            luck.choice((0, 0, -100, 100)),
            lambda: luck.choice(self.pauses),
        )
        self.emg.begin()
        self.pauses[:] = luck.choice(((0,), (0, 0, 0, 20, 400), (0, 0, 0, 0, 0, 2500)))
        self.bus.pauses = lambda: luck.choice(self.pauses)

    def value(self, number: int) -> int:
        """Filtered: a triangle of 1600 of the driver's samples, two counts each. Else a value for each sample."""
        if not self.is_filtered:
            return number * 7 % 32749
        place = number * 2 // 5 % 6400
        return min(place, 6400 - place) - 1600

    def read(self) -> None:
        while self.emg.read_into(self._block):
            for i in range(10):
                last = FRAMES + 10 * (self.taken + self.lost + i) + 9
                left, right = self._block[2 * i : 2 * i + 2]
                assert abs(left - right) <= self.is_filtered
                if not self.is_filtered:
                    assert left == self.value(last)
                    continue
                self._fresh -= 1
                wanted = self.value(last - 32) / 2  # a ramp comes out late by the filters' delay
                if self._fresh < 0 and abs(wanted) < 720:
                    assert abs(left - wanted) < 1.6, (left, wanted)
            self.taken += 10
        lost = self.emg.take_lost()
        self.lost += lost
        if lost:
            self.gaps += 1
            self._fresh = 80

    def waiting(self) -> int:
        """Samples that were converted and not told yet."""
        us = self._time.now_us - (self.bus.next_us - self.bus.buffer_us)
        return (self.bus.filled * FRAMES + us // 100 - FRAMES) // 10 - self.taken - self.lost

    def stall(self, luck: random.Random) -> bool:
        """Python or the whole chip is busy; True if nothing may be lost by that."""
        stall_ms = luck.randrange(1, 501) if luck.random() < 0.5 else luck.randrange(1, 151)
        if luck.random() < 0.3:
            self.bus.set_interrupts(False)
            self.bus.run_us(1000 * stall_ms)
            self.bus.set_interrupts(True)
            is_safe = stall_ms <= 15  # no two buffers get full
        else:
            self.bus.run_us(1000 * stall_ms)
            is_safe = stall_ms <= 150 and self.dma_buffers == 8
        return is_safe and max(self.pauses) <= 400


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("is_filtered", [False, True])
def test_samples_of_dma_and_gaps_are_the_clock(share: int, is_filtered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmc_drivers.i2s_adc, "time", mmc_drivers.i2s_adc.time)
    if not is_filtered:
        monkeypatch.setattr(mmc_drivers.i2s_adc, "_decimate", decimate_by_taking_the_last)
    gaps = harmless = 0
    histories = range(share, HISTORIES // (20 if is_filtered else 1), SHARES)
    for seed in histories:
        luck = random.Random(seed)
        wearer = WearerOfI2sAdc(luck, is_filtered)
        for _ in range(luck.randrange(1, 4)):
            for _ in range(luck.randrange(6)):
                wearer.bus.run_us(luck.choice((300, 1000, 4100, 10_000)))
                wearer.read()
            before = wearer.gaps
            is_settled = wearer.emg._unsure == 0  # of the stall before, all is decided
            is_safe = wearer.stall(luck) and is_settled
            wearer.read()
            harmless += is_safe
            assert wearer.gaps == before or not is_safe, seed
        wearer.pauses[:] = [0]
        for _ in range(8):
            wearer.bus.run_us(5000)
            wearer.read()
        assert 0 <= wearer.waiting() < 36, (seed, wearer.waiting())
        gaps += wearer.gaps
    assert min(gaps, harmless) > len(histories) // 8
