"""Into MicroPython's console, whatever the wearable does: what was measured is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from device.worn import RESTING, newest, refuse, to_sleep, with_board, worn

from mmc_core import event, message


@pytest.mark.parametrize("way", ["bye", "interrupt", "mpremote"])
def test_the_console_is_to_be_had_and_the_session_is_whole(tmp_path: Path, way: str) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.run(100)
    with pytest.raises(SystemExit):
        if way == "bye":
            wearable.ask(message.BYE)
        else:
            wearable.console.send(b"\x03" if way == "interrupt" else b"\r\x03")
            wearable.run(20)
    assert wearable.told[-1].endswith("maintenance") and not wearable.board.motor.is_on
    if way == "bye":
        assert wearable.client.receive(wearable.console.take()) == [(message.BYE, [message.OK])]
    wearable.power_on()
    found = wearable.session()
    assert found.end is not None and found.end.reason == "asked" and found.accounted


@pytest.mark.parametrize("when", ["start", "asking", "calibrating", "checking", "asleep", "full"])
def test_the_console_is_to_be_had_whatever_it_does(tmp_path: Path, when: str) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.put(ask="on", log_mode="raw")
    app, board = wearable.app, wearable.board
    if when == "start":
        wearable.console.send(wearable.client.request(message.CONTROL, (message.VERB_START, 0), 0))
        app.tick(wearable.clock.now_ms)
        assert app.activity == message.ACTIVITY_RECORDING and app.pipeline is None
    elif when == "asking":
        wearable.begin()
        wearable.press(1200)
        assert app.activity == message.ACTIVITY_ASKING
    elif when == "calibrating":
        wearable.ask(message.CONTROL, message.VERB_CALIBRATE, 1)
    elif when == "checking":
        wearable.ask(message.CONTROL, message.VERB_CHECK, 0)
        wearable.run(4000, lambda: board.motor.is_on)
    elif when == "asleep":
        to_sleep(wearable)
    else:
        wearable.begin()
        app.journal.ready_blocks = 0
        wearable.run(5000, lambda: app.journal.is_full)
    wearable.console.take()
    wearable.client = type(wearable.client)(first_sequence=77)
    with pytest.raises(SystemExit):
        wearable.ask(message.BYE)
    assert not board.motor.is_on
    wearable.power_on()
    if wearable.app.journal.session:
        assert wearable.session().end is not None


def test_a_file_system_without_room_for_the_flag_keeps_the_app_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_board(monkeypatch, lambda board: setattr(board, "restart", refuse(1, print)))
    wearable = worn(tmp_path / "a")
    wearable.begin()
    assert wearable.ask(message.BYE) == [message.OK]
    wearable.run(1000)
    assert wearable.app.activity == message.ACTIVITY_IDLE and newest(wearable) == (event.FAULT_FLASH, 19)


def test_the_chip_does_not_doze_while_the_motor_runs(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.run(250_000, lambda: wearable.app.desk is not None and wearable.app.desk.is_asleep)
    app, slept = wearable.app, []

    class Waits:
        """A clock that notes how it is waited for."""

        ticks_ms = wearable.board.clock.ticks_ms

        def sleep_ms(self, ms: int) -> None:
            slept.append(("sleep", ms))

        def doze_ms(self, ms: int) -> None:
            slept.append(("doze", ms))

    wearable.run(2000)
    app._clock = Waits()
    app._pause()
    app.note_fault(event.FAULT_FLASH, 5)
    assert wearable.board.motor.is_on
    app._pause()
    wearable.run(2500)
    app._pause()
    assert not wearable.board.motor.is_on
    assert slept == [("doze", 200), ("sleep", 10), ("doze", 200)]
