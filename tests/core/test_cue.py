"""The cue policy as properties of whole histories: rare, never while the motor is busy, silent when it is too late."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import event
from mmc_core.cue import CuePolicy
from mmc_device.haptic import Haptic

BLOCK = 10
START, END, LOST, REGAINED = 1, 2, 3, 4


def policy(rest_ms: int = 2000, gap_ms: int = 100, engage: str = "on") -> CuePolicy:
    return CuePolicy({"cue_engage": engage, "cue_rest_ms": rest_ms, "cue_gap_ms": gap_ms})


histories = st.lists(
    st.tuples(st.sampled_from([0] * 12 + [START, END, LOST, LOST, REGAINED]), st.booleans(), st.integers(1, 60)),
    max_size=60,
)


@profile(max_examples=300)
@given(histories, st.integers(300, 5000))
def test_any_history(history: list[tuple[int, bool, int]], rest_ms: int) -> None:
    """Motor state and events in any order: what may be said, and what must be."""
    cue = policy(rest_ms)
    t = 0
    last = None  # when the motor was last busy or a cue last began
    away = False
    for kind, busy, blocks in history:
        for n in range(blocks):
            t += BLOCK
            if n == 0 and not busy and kind:
                cue.hear(kind)
                away = kind == LOST
            said = cue.next(busy, t)
            if busy:
                assert said == event.CUE_NONE
                last = t
                continue
            rested = last is None or t - last >= rest_ms
            assert said == (event.CUE_ENGAGE if away and rested else event.CUE_NONE)
            if said:
                last, away = t, False


@profile(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from([LOST, LOST, REGAINED, END]), st.integers(1, 90)), min_size=1, max_size=30),
    st.integers(300, 3000),
    st.integers(60, 500),
    st.integers(50, 500),
    st.integers(1, 5),
)
def test_with_the_motor_itself(
    history: list[tuple[int, int]], rest_ms: int, pulse_ms: int, gap_ms: int, pulses: int
) -> None:
    """Closed loop with the haptic: from the last pulse's end to the next cue's start at least the rest time passes, and
    no cue begins between the pulses of another, whatever the gap is."""
    cue = policy(rest_ms, gap_ms)
    running: list[bool] = []
    motor = SimpleNamespace(on=lambda pct: running.append(True), off=lambda: running.append(False))
    config = {"cue_pulse_ms": pulse_ms, "cue_gap_ms": gap_ms, "cue_pulses": pulses, "cue_strength_pct": 80}
    haptic = Haptic(motor, config, SimpleNamespace(MOTOR_SPIN_DOWN_MS=60), lambda code, detail: None)
    now, last_off, ons, cues = 0, None, 0, 0
    for kind, blocks in history:
        for n in range(blocks):
            now += BLOCK
            was_on = haptic.is_on
            haptic.tick(now)
            if was_on and not haptic.is_on:
                last_off = now
            ons += haptic.is_on and not was_on
            busy = haptic.is_busy(now)
            if n == 0 and not busy:
                cue.hear(kind)
            said = cue.next(busy, now)
            if said:
                assert not haptic.is_on
                assert last_off is None or now - last_off >= rest_ms
                assert ons == cues * pulses  # the cue before has ended
                cues += 1
                haptic.play(said, now)
                ons += 1


def test_lost_is_said_at_once_and_once() -> None:
    cue = policy()
    assert cue.next(False, 10) == event.CUE_NONE
    cue.hear(LOST)
    assert [cue.next(False, t) for t in range(20, 10000, 10)] == [event.CUE_ENGAGE] + [event.CUE_NONE] * 997


def test_a_second_loss_waits_for_the_rest_time() -> None:
    cue = policy(2000)
    cue.hear(LOST)
    assert cue.next(False, 1000)
    cue.next(True, 1400)  # the motor's last busy block
    cue.hear(LOST)
    said = [t for t in range(1410, 6000, 10) if cue.next(False, t)]
    assert said == [3400]


@pytest.mark.parametrize("kind", [REGAINED, END, START])
def test_regained_cancels_what_waits(kind: int) -> None:
    cue = policy(2000)
    cue.next(True, 0)
    cue.hear(LOST)
    assert not cue.next(False, 10)
    cue.hear(kind)
    assert not any(cue.next(False, t) for t in range(20, 10000, 10))


def test_no_event_cancels_nothing() -> None:
    cue = policy(300)
    cue.next(True, 0)
    cue.hear(LOST)
    cue.hear(0)
    assert cue.next(False, 300) == event.CUE_ENGAGE


def test_switched_off_it_never_speaks() -> None:
    cue = policy(engage="off")
    for t in range(0, 5000, 10):
        cue.hear(LOST)
        assert cue.next(False, t) == event.CUE_NONE


def test_reset_forgets() -> None:
    cue = policy(60000)
    cue.hear(LOST)
    cue.next(True, 1000)
    cue.reset()
    assert cue.next(False, 1010) == event.CUE_NONE
    cue.hear(LOST)
    assert cue.next(False, 1020) == event.CUE_ENGAGE  # the rest time is over as well
