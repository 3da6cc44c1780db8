"""A front end that rests, refuses or falls silent: the clock goes on, and nobody misses a press."""

from __future__ import annotations

from pathlib import Path

import pytest
from device.worn import RESTING, newest, refuse, strict, to_sleep, with_board, worn

from mmc_core import event, message


def test_asleep_the_front_end_rests_and_a_movement_or_a_press_wakes_it(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    stops, begins, blocks = [], [], []
    board = wearable.board
    for calls, part, verb in (
        (stops, board.emg, "stop"),
        (begins, board.emg, "begin"),
        (blocks, board.emg, "read_into"),
    ):
        before = getattr(part, verb)
        setattr(part, verb, lambda *a, c=calls, b=before: (c.append(1), b(*a))[1])
    wearable.run(250_000, lambda: bool(stops))
    assert wearable.app.desk.is_asleep and len(stops) == 1
    blocks.clear()
    wearable.run(5000)
    assert not blocks and len(stops) == 1 and not begins
    wearable.press()
    assert begins == [1] and not wearable.app.desk.is_asleep
    wearable.run(500)
    assert blocks
    wearable.press()  # and what follows works as before
    wearable.run(6000)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    wearable.run(3000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    found = wearable.session()
    assert found.accounted and not found.gaps


# A front end that does not begin, or falls silent


def test_a_front_end_that_refuses_to_wake_is_asked_again(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    to_sleep(wearable)
    strict(wearable)
    wearable.board.emg.begin = refuse(2, wearable.board.emg.begin)
    wearable.press()
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_NO_PART]
    assert newest(wearable) == (event.FAULT_SAMPLER, 19)
    wearable.run(2500)
    wearable.begin(2)
    assert wearable.app.sampler.samples >= 1900


def test_a_front_end_that_never_begins_leaves_the_rest_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    with_board(monkeypatch, lambda board: setattr(board.emg, "begin", refuse(1000, print)))
    wearable.power_on()
    wearable.run(5000)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_NO_PART]
    assert wearable.app.health.faults <= 8  # once a second, not at every tick


def test_a_start_that_wakes_it_finds_it_awake(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    to_sleep(wearable)
    strict(wearable)
    wearable.begin(2)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    assert wearable.session().accounted and wearable.session().samples > 1900


def test_a_front_end_that_falls_silent_is_begun_anew_and_the_time_is_a_gap(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin(2)
    emg = wearable.board.emg
    read_into, begin, stop = emg.read_into, emg.begin, emg.stop
    emg.read_into = lambda block: False
    stops: list[int] = []
    emg.stop = lambda: (stops.append(1), stop())

    def begin_well() -> None:
        begin()
        if len(stops) == 3:
            emg.read_into = read_into

    emg.begin = begin_well
    wearable.run(10_000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    found = wearable.session()
    assert found.accounted and {one.cause for one in found.gaps} == {"front_end_silent"}
    assert len(found.gaps) == len(stops) and all(1000 < gap.lost_samples < 1100 for gap in found.gaps)
    assert found.end is not None and abs(found.end.t_s - 12) < 0.1  # the counter is the clock all the same
    assert ("sampler", 110) in [(one.code, one.detail) for one in found.faults]
    assert 1.9 < found.gaps[0].t_s < 2.1


def test_electrodes_may_have_moved_after_half_an_hour_of_rest(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    to_sleep(wearable)
    wearable.press()
    wearable.run(500)
    assert wearable.app.wear.came_off == 0
    to_sleep(wearable)
    wearable.clock.now_ms += 1_800_000
    wearable.board.watchdog.feed = lambda: None  # type: ignore[method-assign]
    wearable.press()
    wearable.run(500)
    assert wearable.app.wear.came_off == 15


@pytest.mark.parametrize("on_usb", [False, True])
def test_one_click_wakes_it_whenever_it_comes(tmp_path: Path, on_usb: bool) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.board.power.is_on_usb = on_usb
    for offset_ms in range(0, 200, 20):
        to_sleep(wearable)
        at_ms = wearable.clock.now_ms + 1000 + offset_ms
        wearable.board.button._presses = [(at_ms, 120)]
        app = wearable.app
        while wearable.clock.now_ms < at_ms + 2000:  # as `run` does it
            app.tick(app._monotonic.now_ms(wearable.clock.ticks_ms()))
            wearable.board.watchdog.feed()
            app._pause()
        assert not app.desk.is_asleep, offset_ms
