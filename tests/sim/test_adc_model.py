"""The simulated ADC of the ESP32 and its timer, late as Python may be."""

from __future__ import annotations

import pytest

from mmc_sim.bus import BusMisuse, Time
from mmc_sim.chips.esp32_adc import Adc, Ticker


def test_readings_are_whole_millivolts_within_the_range_and_take_time() -> None:
    time = Time()
    found = [Adc(time, lambda us, mv=mv: mv).read_uv() for mv in (0, 142, 150, 1650, 3300)]
    assert found == [142_000, 142_000, 150_000, 1_650_000, 3_139_000]
    assert time.now_us == 5 * 55


def test_callbacks_wait_and_pile_up_to_eight() -> None:
    time = Time()
    timer = Ticker(time)
    called: list[int] = []
    timer.init(mode=timer.PERIODIC, period=2, callback=lambda _: called.append(time.now_us))
    timer.run_us(4_500)
    assert called == [2000, 4000] and time.now_us == 4500
    timer.hold()
    timer.run_us(5_000)
    assert len(called) == 2
    timer.release()
    assert called[2:] == [9500] * 2  # those of 6 and 8 ms
    timer.hold()
    timer.run_us(100_000)
    timer.release()
    assert len(called) == 4 + 8
    timer.deinit()
    timer.run_us(100_000)
    assert len(called) == 12


def test_a_callback_that_takes_long_does_not_nest() -> None:
    time = Time()
    timer = Ticker(time)
    called: list[int] = []

    def slow(_: Ticker) -> None:
        called.append(time.now_us)
        if len(called) < 3:
            timer.run_us(1_500)

    timer.init(mode=timer.PERIODIC, period=1, callback=slow)
    timer.run_us(1_000)
    assert called == [1000, 2500, 4000, 4000]  # due at 1, 2, 3 and 4 ms
    timer.deinit()
    with pytest.raises(BusMisuse):
        timer.init(mode=0, period=1, callback=slow)
