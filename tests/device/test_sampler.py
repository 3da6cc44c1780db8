"""Samples plus gaps are the clock, exactly, whatever the device was busy with; every sample is that of its time."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from simulated import load_facts, make_body

from mmc_device.sampler import Sampler
from mmc_sim.body import Body, Imu
from mmc_sim.clock import Clock

FACTS = load_facts()
RING = FACTS.EMG_RING_SAMPLES
LENGTH = 16_000  # samples of the take; each carries its own number
TAKE = np.stack([np.arange(LENGTH), -np.arange(LENGTH), np.arange(LENGTH) % 97, np.zeros(LENGTH)], axis=1).astype("<i2")


def light_body() -> bytes:
    """One take whose samples are numbered and whose IMU readings are too."""
    data = bytearray(make_body([TAKE], []))
    imu = np.zeros((LENGTH // 10, 6), "<i2")
    imu[:, 0] = np.arange(LENGTH // 10)
    data[-imu.nbytes :] = imu.tobytes()
    return bytes(data)


BODY = light_body()


class Bench:
    """A sampler on a numbered body; `stall` lets time pass and then takes all there is."""

    def __init__(self) -> None:
        self.clock = Clock(0)
        self.body = Body(io.BytesIO(BODY), self.clock, FACTS.EMG_RAIL_COUNTS, RING, lambda text: None)
        self.sampler = Sampler(self.body, Imu(self.body), FACTS)
        self.sampler.wake(0)
        self.blocks: list[tuple[int, int]] = []  # counter at the first sample, its number
        self.gaps: list[tuple[int, int]] = []  # counter at the first lost sample, how many
        self.readings: list[tuple[int, int]] = []

    def take_all(self) -> None:
        sampler = self.sampler
        while True:
            if sampler.next_block():
                first = np.array(sampler.block).reshape(10, 4)
                assert np.array_equal(first[:, 0], np.arange(first[0, 0], first[0, 0] + 10) % LENGTH)
                assert np.array_equal(first[:, 1], -first[:, 0]) and np.array_equal(first[:, 2], first[:, 0] % 97)
                self.blocks.append((sampler.t_samples - 10, int(first[0, 0])))
                if sampler.reading is not None:
                    self.readings.append((sampler.t_samples - 10, sampler.reading[0]))
                continue
            t = sampler.t_samples
            lost = sampler.take_lost()
            if not lost:
                return
            self.gaps.append((t, lost))

    def stall(self, ms: int) -> None:
        self.clock.sleep_ms(ms)
        self.take_all()


@profile(max_examples=300)
@given(st.lists(st.one_of(st.just(10), st.integers(1, 40), st.integers(1, 500)), min_size=1, max_size=50))
def test_samples_plus_gaps_equal_the_clock(stalls: list[int]) -> None:
    bench = Bench()
    for ms in stalls:
        waiting = bench.clock.now_ms - bench.sampler.t_samples
        before = bench.sampler.lost_samples
        bench.stall(ms)
        now = bench.clock.now_ms
        # All but what fills no block yet: at 1 kHz a sample is a millisecond.
        assert 0 <= now - bench.sampler.t_samples < 10
        # Nothing is lost while the ring holds it; beyond that the ring's blocks are saved and the rest is lost.
        produced = waiting + ms
        saved = RING // 10 * 10
        assert bench.sampler.lost_samples - before == (produced - saved if produced > RING else 0)
    # Without a seam and in order: each block and each gap begins where the one before ended.
    pieces = sorted([(t, 10) for t, _ in bench.blocks] + bench.gaps)
    t = 0
    for begin, length in pieces:
        assert begin == t
        t += length
    assert t == bench.sampler.t_samples == bench.sampler.samples + bench.sampler.lost_samples
    # A sample's number is the counter: the place of every loss is exact.
    assert all(number == at % LENGTH for at, number in bench.blocks)
    # Each block brings the reading that was taken during it.
    assert [t for t, _ in bench.readings] == [t for t, _ in bench.blocks]
    assert all(reading == -(-(at % LENGTH) // 10) % (LENGTH // 10) for at, reading in bench.readings)


def test_one_loss_by_hand() -> None:
    bench = Bench()
    bench.stall(100)
    bench.stall(423)
    assert bench.gaps == [(350, 173)]  # 25 whole blocks of the ring of 256 are saved
    bench.stall(17)
    assert bench.blocks[-1] == (523, 523) and bench.sampler.t_samples == 533
    assert bench.sampler.lost_samples == 173 and bench.sampler.samples == 360


def test_a_full_ring_loses_nothing() -> None:
    bench = Bench()
    bench.stall(RING)
    assert bench.gaps == [] and bench.sampler.samples == 250
    bench.stall(250)
    assert bench.gaps == [] and bench.sampler.samples == 500


def test_restart_drops_what_waits_and_counts_from_zero() -> None:
    for stall in (100, 423, 7):
        bench = Bench()
        bench.stall(40)
        bench.clock.sleep_ms(stall)
        bench.sampler.restart()
        assert bench.sampler.t_samples == 0 and bench.sampler.lost_samples == 0
        bench.blocks.clear()
        bench.stall(10)
        fresh = bench.clock.now_ms - 10
        assert len(bench.blocks) == 1
        t, number = bench.blocks[0]
        assert t == 0 and fresh - 10 < number <= fresh  # less than a block old


def test_no_reading_is_none() -> None:
    clock = Clock(0)
    data = bytearray(BODY)
    data[9] = 20  # the IMU at half the rate
    body = Body(io.BytesIO(data), clock, FACTS.EMG_RAIL_COUNTS, RING, lambda text: None)
    sampler = Sampler(body, Imu(body), FACTS)
    sampler.wake(0)
    clock.sleep_ms(60)
    seen = []
    while sampler.next_block():
        seen.append(sampler.reading is not None)
    assert seen == [True, False] * 3


def test_a_motion_sensor_that_fails_costs_no_sample() -> None:
    bench = Bench()

    def fail(out: object) -> bool:
        raise OSError(5, "no answer")

    bench.sampler._imu.read_into = fail
    bench.clock.sleep_ms(50)
    taken = 0
    while bench.sampler.next_block():
        taken += 1
        assert bench.sampler.reading is None and bench.sampler.imu_error == 5
    assert taken == 5 and bench.sampler.t_samples == 50 and bench.sampler.lost_samples == 0
