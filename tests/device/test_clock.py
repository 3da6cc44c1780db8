"""Monotonic time from ticks that wrap at 2^30: against plain addition, and a whole session across the wrap."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import Simulated, make_body, noise, records

from mmc_core import event, record
from mmc_device.clock import Monotonic

PERIOD = 2**30


@given(st.integers(0, PERIOD - 1), st.lists(st.integers(0, PERIOD // 2 - 1), max_size=60))
def test_any_history_adds_up(start: int, steps: list[int]) -> None:
    """Sleeps of up to 6 days: the sum, whatever the counter did."""
    clock = Monotonic(start)
    now = 0
    for step in steps:
        now += step
        assert clock.now_ms((start + now) % PERIOD) == now


@given(st.integers(0, PERIOD - 1), st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 5000)), max_size=30))
def test_a_reading_from_the_past_is_no_time(start: int, steps: list[tuple[int, int]]) -> None:
    """Ticks that step back (two readings out of order) neither move the time back nor a period ahead."""
    clock = Monotonic(start)
    now = 0
    for step, back in steps:
        now += step
        assert clock.now_ms((start + now) % PERIOD) == now
        assert clock.now_ms((start + now - back) % PERIOD) == now


def test_across_the_wrap_tick_by_tick() -> None:
    clock = Monotonic(PERIOD - 25)
    assert [clock.now_ms((PERIOD - 25 + ms) % PERIOD) for ms in range(0, 60, 10)] == [0, 10, 20, 30, 40, 50]


def test_a_month_is_beyond_every_period() -> None:
    clock = Monotonic(7)
    day = 86_400_000
    for days in range(1, 31):
        assert clock.now_ms((7 + days * day) % PERIOD) == days * day


@pytest.mark.parametrize("before_ms", [10, 2_345, 6_000])
def test_a_session_across_the_wrap_gives_the_same_bytes(tmp_path: Path, before_ms: int) -> None:
    """A hold, a loss, the buzz and the end; the wrap at boot, in the hold, and near the cue."""
    takes = [noise(3, [2, 2, 2, 2]), noise(5, [200, 20, 90, 3], 2), noise(4, [5, 5, 2, 2], 3)]
    body = make_body(takes, [(0, 0, 2000, 0), (1, 0, 4000, 0), (2, 1, 3000, 300), (1, 0, 2000, 0)], 500)
    flashes = []
    for folder, ticks_ms in (("plain", 0), ("wrapping", PERIOD - before_ms)):
        wearable = Simulated(body, tmp_path / folder, blocks=16)
        wearable.put(ch0_reference_nv=400_000)
        wearable.put(ch0_reference_kind="mvc")
        wearable.told.clear()
        wearable.power_on(ticks_ms=ticks_ms)
        wearable.run(11_000)
        assert wearable.app.orders.control(2, 0) == 0
        wearable.run(1_000)
        kinds = [values[1] for kind, values, _ in records(wearable.pull(1)) if kind == record.EVENT]
        assert {event.EVENT_HOLD_START, event.EVENT_CUE, event.EVENT_MOTOR_ON, event.EVENT_MOTOR_OFF} <= set(kinds)
        flashes.append((wearable.flash_bytes, tuple(wearable.told)))
    assert flashes[0] == flashes[1]
