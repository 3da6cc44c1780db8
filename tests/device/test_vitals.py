"""Battery, USB power, missing parts, and the way into MicroPython's console: nobody is measured who should not be, and
what was measured is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import simulated
from simulated import Simulated, make_body, noise

from mmc_core import event, message
from mmc_device import gym
from mmc_device.vitals import EMPTY_PCT, LOOK_MS
from mmc_host.schema import message_rows
from mmc_host.session import Session, decode

TIME = 0
RESTING = make_body([noise(3, [2, 2, 2, 2], 1)], [(0, TIME, 900_000, 0)])
BODY = make_body(
    [noise(3, [2, 2, 2, 2], 1), noise(5, [200, 20, 60, 3], 2)], [(0, TIME, 3000, 0), (1, TIME, 600_000, 0)]
)


class Worn(Simulated):
    """A calibrated wearable with a button."""

    def press(self, hold_ms: int = 80) -> None:
        self.board.button.is_held = True
        self.run(hold_ms)
        self.board.button.is_held = False
        self.run(700)

    def begin(self, seconds: float = 3) -> None:
        assert self.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
        self.run(round(1000 * seconds))

    def health(self) -> dict[str, object]:
        return dict(zip(message_rows()[message.HEALTH].reply, self.ask(message.HEALTH), strict=True))

    def session(self, number: int = 1) -> Session:
        return decode(self.pull(number))

    def buzzes(self) -> int:
        found = sum("motor on" in line for line in self.told)
        self.told.clear()
        return found


def worn(folder: Path, body: bytes = BODY) -> Worn:
    wearable = Worn(body, folder, blocks=64)
    wearable.put(autostart="off", ask="off", ch0_reference_nv=400_000, ch0_rest_nv=2000)
    wearable.put(ch0_reference_kind="mvc")
    wearable.run(1000)
    wearable.told.clear()
    return wearable


def with_board(monkeypatch: pytest.MonkeyPatch, change: Callable[[simulated.Wearable], None]) -> None:
    """Boards are different from now on."""

    class Changed(simulated.Wearable):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            change(self)

    monkeypatch.setattr(simulated, "Wearable", Changed)


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
    assert (wearable.app.health.newest, wearable.app.health._detail) == (event.FAULT_REFUSED, message.RESULT_USB_POWER)
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

    wearable.board.power.percent = fail  # type: ignore[method-assign]
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
    assert (wearable.app.health.newest, wearable.app.health._detail) == (event.FAULT_PART, 3)
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


# Into MicroPython's console


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


def test_a_front_end_that_fails_to_wake_is_tried_again(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", RESTING)
    wearable.run(250_000, lambda: wearable.app.desk is not None and wearable.app.desk.is_asleep)
    emg, tries = wearable.board.emg, []
    begin = emg.begin

    def fails_twice() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(12, "no memory")
        begin()

    emg.begin = fails_twice
    wearable.press()
    wearable.run(500)
    assert len(tries) == 3 and wearable.app.sampler.samples > 300
    assert wearable.health()["reset_cause"] == 1 and wearable.app.health.newest == event.FAULT_SAMPLER
