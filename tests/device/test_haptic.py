"""The motor's pulses to the tick, and the promise that it always ends off, on a driver that may fail at any call."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import event
from mmc_device.haptic import Haptic

SPIN_DOWN_MS = 60
EIO = 5


class Driver:
    """A motor whose driver fails at the calls that are named (counted from 0)."""

    def __init__(self, failing: frozenset[int] = frozenset()) -> None:
        self.failing = failing
        self.calls = 0
        self.is_on = False
        self.strengths: list[int] = []

    def _call(self) -> bool:
        self.calls += 1
        return self.calls - 1 in self.failing

    def on(self, strength_pct: int) -> None:
        self.strengths.append(strength_pct)
        self.is_on = True  # the worst kind of failure: it reports one and runs
        if self._call():
            raise OSError(EIO, "driver")

    def off(self) -> None:
        if self._call():
            raise OSError(EIO, "driver")
        self.is_on = False


def make(driver: Driver, **changed: int) -> tuple[Haptic, list[tuple[int, int]]]:
    config = {"cue_pulse_ms": 150, "cue_gap_ms": 100, "cue_pulses": 2, "cue_strength_pct": 80, **changed}
    faults: list[tuple[int, int]] = []
    facts = SimpleNamespace(MOTOR_SPIN_DOWN_MS=SPIN_DOWN_MS)
    haptic = Haptic(driver, facts, lambda code, detail: faults.append((code, detail)))
    haptic.configure(config)
    return haptic, faults


def run(haptic: Haptic, driver: Driver, start_ms: int, end_ms: int) -> list[tuple[int, bool]]:
    """Tick every 10 ms; return (time, is on) at each change."""
    found = []
    was = driver.is_on
    for now in range(start_ms, end_ms, 10):
        haptic.tick(now)
        if driver.is_on != was:
            was = driver.is_on
            found.append((now, was))
    return found


# Lengths of pulses and of the gaps between them, ms.
PATTERNS = {
    event.CUE_START: [300],
    event.CUE_STOP: [300, 150, 300],
    event.CUE_ERROR: [150, 100, 150, 100, 150, 100, 150, 100, 150],
    event.CUE_SQUEEZE: [60, 60, 60, 60, 60],
    event.CUE_LEAK: [60, 60, 300],
    event.CUE_DRIFT: [300, 60, 60],
    event.CUE_TICK: [60],
    event.CUE_MILESTONE: [60, 60, 60],
    event.CUE_TIRED: [600, 200, 600],
}


def switches(lengths: list[int], start_ms: int = 1000) -> list[tuple[int, bool]]:
    """When the motor goes on and off; on 10-ms ticks a length that is no multiple ends at the next one."""
    found, at = [(start_ms, True)], start_ms
    for number, length in enumerate(lengths):
        at += -(-length // 10) * 10
        found.append((at, number % 2 == 1))
    return found


@pytest.mark.parametrize(("pulse_ms", "gap_ms"), [(150, 100), (60, 50), (500, 500), (125, 75)])
def test_engage_is_as_the_settings_say(pulse_ms: int, gap_ms: int) -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulses=3, cue_pulse_ms=pulse_ms, cue_gap_ms=gap_ms)
    haptic.play(event.CUE_ENGAGE, 1000)
    assert driver.is_on  # at once, not at the next tick
    assert [(1000, True), *run(haptic, driver, 1010, 8000)] == switches([pulse_ms, gap_ms, pulse_ms, gap_ms, pulse_ms])
    assert driver.strengths == [80] * 3


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_other_pattern_is_exact_whatever_the_settings(pattern: int) -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulse_ms=500, cue_gap_ms=500)
    haptic.play(pattern, 1000)
    assert [(1000, True), *run(haptic, driver, 1010, 8000)] == switches(PATTERNS[pattern])


def test_patterns_differ_and_can_be_felt() -> None:
    """Pulses of at least 60 ms, gaps of at least 50; every cue has one, and no two are alike."""
    names = {value for name, value in vars(event).items() if name.startswith("CUE_") and value}
    assert names == PATTERNS.keys() | {event.CUE_ENGAGE}
    assert len({tuple(lengths) for lengths in PATTERNS.values()} | {(150, 100, 150)}) == len(names)
    for lengths in PATTERNS.values():
        assert min(lengths[::2]) >= 60 and min(lengths[1::2], default=50) >= 50


def test_nothing_to_play() -> None:
    driver = Driver()
    haptic, _ = make(driver)
    haptic.play(event.CUE_NONE, 0)
    assert run(haptic, driver, 0, 500) == [] and driver.calls == 0
    assert not haptic.is_busy(0)  # a motor that never ran spins down from nothing


def test_busy_until_it_has_spun_down() -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulses=1)
    haptic.play(event.CUE_ENGAGE, 100)
    busy = []
    for now in range(100, 500, 10):
        haptic.tick(now)
        busy.append((now, haptic.is_busy(now)))
    assert [now for now, is_busy in busy if is_busy] == list(range(100, 100 + 150 + SPIN_DOWN_MS, 10))


def test_changes_are_told_once_with_the_pulses_length() -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulses=1, cue_strength_pct=35)
    assert haptic.take_change() == 0
    haptic.play(event.CUE_ENGAGE, 0)
    assert [haptic.take_change(), haptic.take_change()] == [event.EVENT_MOTOR_ON, 0]
    run(haptic, driver, 10, 400)
    assert [haptic.take_change(), haptic.take_change()] == [event.EVENT_MOTOR_OFF, 0]
    assert haptic.pulse_ms == 150 and driver.strengths == [35]


def test_stop_ends_everything() -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulses=5)
    haptic.play(event.CUE_ENGAGE, 0)
    haptic.stop(70)
    assert not driver.is_on and haptic.pulse_ms == 70
    assert run(haptic, driver, 80, 3000) == []
    haptic.play(event.CUE_START, 3000)
    assert run(haptic, driver, 3010, 4000) == [(3300, False)]


def test_a_new_pattern_replaces_the_rest_of_the_old() -> None:
    driver = Driver()
    haptic, _ = make(driver, cue_pulses=5)
    haptic.play(event.CUE_ENGAGE, 0)
    haptic.tick(50)
    haptic.play(event.CUE_START, 50)  # one pulse behind the one that runs
    assert run(haptic, driver, 60, 3000) == [(150, False), (250, True), (550, False)]


def test_new_settings_hold_for_the_next_pulse() -> None:
    driver = Driver()
    haptic, _ = make(driver)
    haptic.configure({"cue_pulse_ms": 60, "cue_gap_ms": 50, "cue_pulses": 1, "cue_strength_pct": 10})
    haptic.play(event.CUE_ENGAGE, 0)
    assert run(haptic, driver, 10, 1000) == [(60, False)]
    assert driver.strengths == [10]


def test_a_failing_start_ends_the_pattern_with_the_motor_off() -> None:
    driver = Driver(frozenset([0]))
    haptic, faults = make(driver)
    haptic.play(event.CUE_ENGAGE, 0)
    assert not driver.is_on and not haptic.is_on
    assert haptic.is_busy(0) and not haptic.is_busy(SPIN_DOWN_MS)  # it may have moved
    assert faults == [(event.FAULT_HAPTIC, EIO)]
    assert run(haptic, driver, 10, 2000) == []
    haptic.play(event.CUE_ENGAGE, 2000)  # and the next one plays
    assert [on for _, on in run(haptic, driver, 2010, 4000)] == [False, True, False]


def test_a_failing_stop_is_tried_again_at_every_tick() -> None:
    driver = Driver(frozenset([1, 2, 3]))
    haptic, faults = make(driver, cue_pulses=1)
    haptic.play(event.CUE_ENGAGE, 0)
    assert run(haptic, driver, 10, 2000) == [(180, False)]
    assert faults == [(event.FAULT_HAPTIC, EIO)] * 3
    assert haptic.pulse_ms == 180  # the truth for the log
    driver = Driver(frozenset([1]))
    haptic, _ = make(driver)
    haptic.play(event.CUE_ENGAGE, 0)
    haptic.stop(50)
    assert haptic.is_on and haptic.is_busy(50)
    assert run(haptic, driver, 60, 2000) == [(60, False)]


actions = st.lists(
    st.tuples(
        st.sampled_from(["play", "stop", "tick", "tick", "tick", "configure"]), st.integers(0, 4), st.integers(0, 60)
    ),
    max_size=60,
)


@profile(max_examples=400)
@given(actions, st.frozensets(st.integers(0, 60), max_size=30), st.integers(1, 5))
def test_it_always_ends_off(history: list[tuple[str, int, int]], failing: frozenset[int], pulses: int) -> None:
    """Any history of patterns, stops, stalls and driver faults: no exception; the motor is never on unseen, runs no
    pulse beyond its length while the driver obeys, and when the patterns are over and the driver obeys it is off."""
    driver = Driver(failing)
    haptic, faults = make(driver, cue_pulses=pulses)
    now = 0
    for action, pattern, ticks in history:
        now += 10 * ticks
        if action == "play":
            haptic.play(pattern, now)
        elif action == "stop":
            haptic.stop(now)
        elif action == "configure":
            haptic.configure({"cue_pulse_ms": 60, "cue_gap_ms": 50, "cue_pulses": 1, "cue_strength_pct": 10})
        haptic.tick(now)
        assert driver.is_on <= haptic.is_on <= haptic.is_busy(now)
    assert len(faults) == len([call for call in failing if call < driver.calls])
    driver.failing = frozenset()
    for _ in range(550):
        now += 10
        haptic.tick(now)
    assert not driver.is_on and not haptic.is_on and not haptic.is_busy(now)


class Timed(Driver):
    """A driver that fails at random, and remembers each of its pulses: pattern, length, calls of `off` that failed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.pattern = 0
        self.fails = False
        self.pulses: list[tuple[int, int, int]] = []
        self._of = self._began = self._failed = 0

    def _call(self) -> bool:
        return self.fails

    def on(self, strength_pct: int) -> None:
        assert not self.is_on  # a pulse at a time
        self._began, self._failed, self._of = self.now, 0, self.pattern
        super().on(strength_pct)

    def off(self) -> None:
        self._failed += self.fails
        super().off()
        self.pulses.append((self._of, self.now - self._began, self._failed))


deeds = st.lists(
    st.tuples(st.sampled_from(["play", "play", "stop", "tick", "tick"]), st.integers(0, 10), st.integers(1, 90),
              st.integers(0, 5)),
    max_size=40,
)  # fmt: skip


@profile(max_examples=300)
@given(deeds, st.integers(60, 500), st.integers(50, 500), st.integers(1, 5), st.booleans())
def test_no_pulse_lasts_and_after_a_stop_it_is_off(
    history: list[tuple[str, int, int, int]], pulse_ms: int, gap_ms: int, pulses: int, last: bool
) -> None:
    """With a tick every 10 ms no pulse is longer than the longest of its pattern by more than a tick, and one more for
    each time that the driver would not switch off; a stop is over with the first tick at which the driver obeys."""
    driver = Timed()
    haptic, _ = make(driver, cue_pulses=pulses, cue_pulse_ms=pulse_ms, cue_gap_ms=gap_ms)
    for action, pattern, ticks, failing in history:
        driver.fails = failing == 5
        if action == "play" and pattern:
            driver.pattern = pattern
            haptic.play(pattern, driver.now)
        elif action == "stop":
            haptic.stop(driver.now)
        for tick in range(ticks):
            driver.fails = tick < failing  # at first, so that it works again while something plays
            driver.now += 10
            haptic.tick(driver.now)
            assert not driver.is_on or haptic.is_busy(driver.now)
    driver.fails = last
    haptic.stop(driver.now)
    assert last or not driver.is_on
    driver.fails = False
    haptic.tick(driver.now)
    assert not driver.is_on and not haptic.is_on
    for pattern, length_ms, failed in driver.pulses:
        longest = max(PATTERNS.get(pattern, [pulse_ms])[::2])
        assert length_ms <= longest + 10 + 10 * failed
    assert run(haptic, driver, driver.now, driver.now + 3000) == []  # and nothing of the pattern is left
