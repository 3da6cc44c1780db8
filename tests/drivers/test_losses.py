"""No sample is lost, late or doubled without being counted: random stalls of 1 to 500 ms in the way of DRDY."""

from __future__ import annotations

import random
from array import array
from types import ModuleType

import pytest
from conformance import ads1292r as conformance

from mmc_drivers import ads1292r as driver

HISTORIES = 10_000
SHARES = 4  # tests, so that a failure is found sooner


def value_of(number: int) -> int:
    """Each sample has its own value, so that a shift by one is seen."""
    return number * 7919 % 20011 - 10005


class Wearer:
    """Reads as the sampler does, and knows from the clock alone which samples each block has to hold."""

    def __init__(self, driver: ModuleType, luck: random.Random) -> None:
        pauses = [0]
        later = luck.choice(((0,), (0, 0, 0, 20, 400), (0, 0, 0, 0, 0, 1500)))
        self.emg, self.chip, self.time, _ = conformance.build(
            driver,
            lambda number, channel: value_of(number),
            ring_samples=luck.choice((16, 20, 64)),
            looking=lambda time: time.sleep_us(luck.choice(pauses)),
        )
        self.emg.begin()
        pauses[:] = later
        self.first = self.chip.edges
        self.taken = self.lost = self.gaps = 0
        self._sum64 = 64 * value_of(self.first - 1)
        self._block = array("h", bytes(40))

    def read(self) -> None:
        """All blocks, then the gap behind them."""
        while self.emg.read_into(self._block):
            for i in range(10):
                value = value_of(self.first + self.taken + self.lost + i)
                self._sum64 += value - self._sum64 // 64
                assert self._block[2 * i] == self._block[2 * i + 1] == value - self._sum64 // 64
            self.taken += 10
        lost = self.emg.take_lost()
        self.lost += lost
        self.gaps += lost > 0

    @property
    def missing(self) -> int:
        """Samples by the clock, less those that were read or counted as lost."""
        return self.chip.edges - self.first - self.taken - self.lost


def live(seed: int) -> Wearer:
    """One history: work of any length between reads, stalls that hold the interrupt, samples that come meanwhile."""
    luck = random.Random(seed)
    wearer = Wearer(driver, luck)
    for _ in range(luck.randrange(1, 6)):
        for _ in range(luck.randrange(8)):
            wearer.time.sleep_us(luck.choice((300, 1000, 4100, 10_000)))
            wearer.read()
        stall_ms = luck.randrange(1, 501) if luck.random() < 0.5 else luck.randrange(1, 13)
        wearer.chip.drdy.hold_irq()
        wearer.time.sleep_us(1000 * stall_ms + luck.randrange(1000))
        wearer.chip.drdy.release_irq(luck.choice((0, 1, 1, 1, 2)))
        if luck.random() < 0.3:
            wearer.time.sleep_us(luck.randrange(40_000))  # and nobody reads
    for _ in range(8):
        wearer.time.sleep_us(5000)
        wearer.read()
    return wearer


@pytest.mark.parametrize("share", range(SHARES))
def test_samples_and_gaps_are_the_clock(share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "time", driver.time)
    gaps = 0
    for seed in range(share, HISTORIES, SHARES):
        wearer = live(seed)
        assert 0 <= wearer.missing < 10, seed  # what waits for its block
        gaps += wearer.gaps
    assert gaps > HISTORIES // SHARES
