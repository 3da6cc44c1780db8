"""USB power, battery, missing parts, faults: nobody is measured who should not be, and the log has what went wrong."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import simulated
from device.worn import BODY, RESTING, Worn, newest, refuse, with_board, worn

from mmc_core import event, message
from mmc_device import gym
from mmc_device.vitals import EMPTY_PCT, LOOK_MS
from mmc_host import programs
from mmc_host.programs.compiling import compile_program

# USB power


@pytest.mark.parametrize("verb", ["VERB_START", "VERB_CALIBRATE", "VERB_CHECK"])
def test_nobody_is_measured_on_usb_power_unless_the_host_says_so(tmp_path: Path, verb: str) -> None:
    wearable = worn(tmp_path / "a")
    wearable.board.power.is_on_usb = True
    asked = (message.CONTROL, getattr(message, verb), 1)
    assert wearable.ask(*asked) == [message.RESULT_USB_POWER]
    assert wearable.app.activity == message.ACTIVITY_IDLE and wearable.health()["power"] == message.ON_USB
    assert wearable.ask(message.CONTROL, message.VERB_ON_USB, 1) == [message.OK]
    assert wearable.ask(*asked) == [message.OK]
    wearable.run(500)
    assert wearable.app.activity != message.ACTIVITY_IDLE


def test_the_word_of_the_host_is_taken_back_and_forgotten_at_the_next_start(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.board.power.is_on_usb = True
    wearable.ask(message.CONTROL, message.VERB_ON_USB, 1)
    wearable.ask(message.CONTROL, message.VERB_ON_USB, 0)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_USB_POWER]
    wearable.ask(message.CONTROL, message.VERB_ON_USB, 1)
    wearable.power_on()
    wearable.board.power.is_on_usb = True
    wearable.run(1000)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_USB_POWER]


def test_the_button_is_refused_with_an_error_and_the_status_says_why(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.board.power.is_on_usb = True
    wearable.press()
    wearable.run(3000)
    assert wearable.buzzes() == 5  # the pattern of an error
    assert wearable.app.desk.gym.state == gym.STATE_READY and wearable.app.activity == message.ACTIVITY_IDLE
    assert newest(wearable) == (event.FAULT_REFUSED, message.RESULT_USB_POWER)
    wearable.board.power.is_on_usb = False
    wearable.press()
    wearable.run(6000)
    assert wearable.app.activity == message.ACTIVITY_RECORDING


def test_it_does_not_begin_by_itself_while_it_is_charged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wearable = worn(tmp_path / "a")
    wearable.put(autostart="always")
    with_board(monkeypatch, lambda board: setattr(board.power, "is_on_usb", True))
    wearable.power_on()
    wearable.run(3000)
    assert wearable.app.activity == message.ACTIVITY_IDLE and not wearable.buzzes()


def test_a_session_that_runs_goes_on_when_power_is_plugged_in(tmp_path: Path) -> None:
    """Its end, with all that it has to say, is worth more than a refusal that comes too late; the log has it."""
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.board.power.is_on_usb = True
    wearable.run(2000)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    first, last = wearable.session().vitals
    assert (first.on_usb, last.on_usb) == (False, True)


# Battery


def test_an_empty_battery_closes_the_session_first_and_lets_no_other_begin(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.board.power.pct = EMPTY_PCT
    wearable.run(2 * LOOK_MS)
    assert wearable.app.activity == message.ACTIVITY_RECORDING  # one or two looks may be the motor's dips
    wearable.run(LOOK_MS + 5000)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    found = wearable.session()
    assert found.end is not None and found.end.reason == "battery" and found.accounted
    assert found.vitals[-1].battery_pct == EMPTY_PCT and found.vitals[0].battery_pct == 100
    assert wearable.app.health.newest == event.FAULT_BATTERY
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_BATTERY]
    wearable.board.power.pct = EMPTY_PCT + 1
    wearable.run(LOOK_MS + 100)
    wearable.begin()


def test_two_low_readings_and_a_good_one_end_nothing(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    for _ in range(4):
        wearable.board.power.pct = 0
        wearable.run(2 * LOOK_MS)
        wearable.board.power.pct = 50
        wearable.run(LOOK_MS)
    assert wearable.app.activity == message.ACTIVITY_RECORDING


def test_a_gauge_that_fails_or_knows_nothing_ends_nothing(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")

    def fail() -> int:
        raise OSError(110)

    wearable.board.power.percent = wearable.board.power.minutes = fail  # type: ignore[method-assign]
    wearable.run(2 * LOOK_MS)
    found = wearable.health()
    assert (found["battery_pct"], found["battery_min"]) == (-1, -1)
    wearable.begin(45)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    wearable.board.button.is_held = True
    wearable.run(1200)
    wearable.board.button.is_held = False
    wearable.run(4000)
    wearable.told.clear()
    for _ in range(4):
        wearable.board.button.is_held = True
        wearable.run(80)
        wearable.board.button.is_held = False
        wearable.run(120)
    wearable.run(4000)
    assert wearable.buzzes() == 5  # four clicks ask for the battery: it can't tell


# Parts


def test_without_a_front_end_sessions_can_be_pulled_and_none_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    words = (("emg", "ADS1292R SPI register 0x00: identity 0x00, not 0x73"), ("imu", "MPU-6050 0x68: no answer"))
    with_board(monkeypatch, lambda board: setattr(board, "missing", words))
    wearable.power_on()
    wearable.run(2000)
    found = wearable.health()
    assert found["missing"] == 1 | 2
    assert found["words"] == "emg: " + words[0][1] + "; imu: " + words[1][1]
    assert newest(wearable) == (event.FAULT_PART, 3)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_NO_PART]
    assert wearable.session().end is not None


def test_words_too_long_for_the_line_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = tuple((role, "no answer " * 9) for role in ("emg", "imu", "motor", "power", "button"))
    with_board(monkeypatch, lambda board: setattr(board, "missing", words))
    wearable = Worn(BODY, tmp_path / "a", blocks=64)
    wearable.run(500)
    found = wearable.health()
    assert found["missing"] == 31 and str(found["words"]).startswith("emg: no answer no answer")


@pytest.mark.parametrize("cause", [3, 6], ids=["watchdog", "brown-out"])
def test_a_start_that_nobody_asked_for_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: int) -> None:
    wearable = worn(tmp_path / "a")
    with_board(monkeypatch, lambda board: setattr(board, "reset_cause", cause))
    wearable.power_on()
    wearable.run(1000)
    assert wearable.health()["reset_cause"] == cause
    wearable.begin()
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    found = wearable.session()
    assert found.header.reset_cause == cause
    assert [(fault.code, fault.detail) for fault in found.faults] == [("reset", cause)]


# Faults


def test_what_fails_at_every_tick_stands_in_the_log_every_ten_seconds(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin(1)
    wearable.board.imu.read_into = refuse(10_000, print)
    wearable.run(35_000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    times = [fault.t_s for fault in wearable.session().faults]
    assert len(times) == 4 and all(9.9 < b - a < 10.2 for a, b in pairwise(times))
    assert wearable.app.health.faults > 3000


def test_faults_of_different_kinds_do_not_hide_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wearable = worn(tmp_path / "a", RESTING)

    def change(board: simulated.Wearable) -> None:
        board.reset_cause, board.missing = 3, (("imu", "no answer"),)

    with_board(monkeypatch, change)
    wearable.power_on()
    wearable.run(1000)
    wearable.board.power.is_on_usb = True
    wearable.press()
    wearable.run(3000)
    wearable.board.power.is_on_usb = False
    for number in (1, 2):
        wearable.begin()
        wearable.ask(message.CONTROL, message.VERB_STOP, 0)
        wearable.run(3000)
        found = {(fault.code, fault.detail) for fault in wearable.session(number).faults}
        assert found == ({("part", 2), ("reset", 3), ("refused", message.RESULT_USB_POWER)} if number == 1 else set())


def test_the_battery_that_ended_a_session_stands_in_its_log(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.board.power.pct = 3
    wearable.run(4 * LOOK_MS)
    wearable.board.power.pct = 90
    wearable.run(2 * LOOK_MS)
    wearable.begin()
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    assert [(one.code, one.detail) for one in wearable.session(1).faults] == [("battery", 3)]
    assert not wearable.session(2).faults


def test_a_gauge_of_which_one_half_fails_still_ends_the_session(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.board.power.pct = 3
    wearable.board.power.minutes = refuse(1000, print)  # type: ignore[method-assign]
    wearable.run(4 * LOOK_MS)
    assert wearable.app.activity == message.ACTIVITY_IDLE


def test_minutes_beyond_the_field_are_its_most(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a")
    wearable.board.power.min = 33_462
    wearable.run(2 * LOOK_MS)
    assert wearable.health()["battery_min"] == 32_767


# Refusals, and ways out


@pytest.mark.parametrize("what", ["usb", "battery"])
def test_a_calibration_asked_for_in_a_session_is_refused_as_any_other(tmp_path: Path, what: str) -> None:
    wearable = worn(tmp_path / "a")
    wearable.begin()
    wearable.board.power.is_on_usb, wearable.board.power.pct = what == "usb", 3 if what == "battery" else 100
    wearable.run(LOOK_MS)
    wanted = message.RESULT_USB_POWER if what == "usb" else message.RESULT_BATTERY
    assert wearable.ask(message.CONTROL, message.VERB_CALIBRATE, 1) == [wanted]
    assert wearable.app.activity == message.ACTIVITY_RECORDING


def test_a_check_that_is_given_up_stops_the_motor(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    for _ in range(2):  # and the next one has it run again
        wearable.ask(message.CONTROL, message.VERB_CHECK, 0)
        wearable.run(4000, lambda: wearable.board.motor.is_on)
        assert wearable.board.motor.is_on
        wearable.ask(message.CONTROL, message.VERB_CANCEL, 0)
        assert not wearable.board.motor.is_on
        wearable.run(3000)


def test_maxima_are_asked_of_nobody_who_is_not_there(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.ask(message.PUT_PROGRAM, 1, compile_program(programs.load("mvc-test")))
    wearable.put(program=1, autostart="always")
    wearable.power_on()
    wearable.run(20_000)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]  # somebody wants it
    assert wearable.app.activity == message.ACTIVITY_CALIBRATING
