"""Battery, USB power, missing parts, and the way into MicroPython's console: nobody is measured who should not be, and
what was measured is kept."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import simulated
from simulated import Simulated, make_body, noise

from mmc_core import event, message
from mmc_device import gym
from mmc_device.vitals import EMPTY_PCT, LOOK_MS
from mmc_host import programs
from mmc_host.programs.compiling import compile_program
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


def newest(wearable: Worn) -> tuple[int, int]:
    """Code and detail of the newest fault."""
    health = wearable.app.health
    return health.newest, health._details[health.newest]


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


def to_sleep(wearable: Worn) -> None:
    """Nobody does anything for so long that it falls asleep."""
    wearable.run(260_000, lambda: wearable.app.desk is not None and wearable.app.desk.is_asleep)
    assert wearable.app.desk.is_asleep
    wearable.run(500)


def refuse(times: int, then: Callable[..., object]) -> Callable[..., object]:
    """Raise OSError so often, then do what is to be done."""
    left = [0] * times

    def call(*arguments: object) -> object:
        if left:
            left.pop()
            raise OSError(19, "no answer")
        return then(*arguments)

    return call


def strict(wearable: Worn) -> None:
    """A front end that rests must not be read."""
    emg, read_into = wearable.board.emg, wearable.board.emg.read_into

    def read(block: object) -> bool:
        assert not emg._is_stopped, "read while it rests"
        return read_into(block)

    emg.read_into = read


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
