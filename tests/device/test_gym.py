"""A gym without a host: one button and the motor, from power-on to the pulled session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from simulated import Simulated, make_body, noise, records

from mmc_core import event, message, record
from mmc_device import gym
from mmc_host import programs
from mmc_host.programs.compiling import compile_program
from mmc_host.session import decode

TIME, STARTS, RESTS = 0, 1, 2
REST = noise(6, [2, 2, 2, 2], 1)
HOLD = noise(6, [200, 20, 60, 3], 2)
UTC_MS = 1_790_000_000_000


class Gym(Simulated):
    """A wearable whose button is pressed; times in ms."""

    def press(self, clicks: int = 1) -> None:
        """Click so often, and wait until it is counted."""
        for _ in range(clicks):
            self.board.button.is_held = True
            self.run(80)
            self.board.button.is_held = False
            self.run(120)
        self.run(500)

    def hold_down(self) -> None:
        """A long press."""
        self.board.button.is_held = True
        self.run(1100)
        self.board.button.is_held = False
        self.run(50)

    @property
    def state(self) -> int:
        return self.app.desk.gym.state if self.app.desk else gym.STATE_TRAIN

    def settle(self, ms: int = 3000) -> None:
        self.run(ms)

    def pulses(self) -> list[int]:
        """When the motor started, since the last call."""
        found = [int(line[1:].split()[0]) for line in self.told if "motor on" in line]
        self.told.clear()
        return found

    def session(self, number: int = 1):
        return decode(self.pull(number))

    def until(self, state: int, ms: int = 60_000) -> None:
        self.run(ms, lambda: self.state == state)
        assert self.state == state


def worn(folder: Path, body: bytes, **changed: object) -> Gym:
    """Calibrated by hand some day (nobody knows when: the calibration counts), idle, with nothing to play."""
    wearable = Gym(body, folder, blocks=64)
    wearable.put(autostart="off", ch0_reference_nv=400_000, ch0_rest_nv=2000)
    wearable.put(ch0_reference_kind="mvc", **changed)
    wearable.settle(500)
    wearable.told.clear()
    return wearable


def resting(*more: tuple[int, int, int, int]) -> bytes:
    return make_body([REST, HOLD], [(0, TIME, 600_000, 0), *more])


def test_one_press_checks_and_trains_marks_and_ends(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    wearable.press()
    assert wearable.state == gym.STATE_CHECK and wearable.app.activity == message.ACTIVITY_CHECKING
    wearable.until(gym.STATE_TRAIN, 4000)
    wearable.run(2000)
    wearable.press()
    wearable.run(1000)
    wearable.press()
    wearable.hold_down()
    wearable.settle()
    assert wearable.app.activity == message.ACTIVITY_IDLE
    found = wearable.session()
    marks = [one for one in found.events if one.kind == "mark"]
    assert [mark.value for mark in marks] == [1, 2] and marks[1].t_s - marks[0].t_s == pytest.approx(1.7, abs=0.2)
    assert found.end is not None and found.end.reason == "asked" and found.accounted


def test_a_bad_channel_is_named_and_a_bad_target_does_not_start(tmp_path: Path) -> None:
    flat = REST.copy()
    flat[:, 0] = 0
    wearable = worn(tmp_path / "target", make_body([flat], [(0, TIME, 600_000, 0)]))
    wearable.press()
    wearable.until(gym.STATE_READY, 4000)
    wearable.settle(5000)
    times = wearable.pulses()
    assert len(times) == 5 + 1  # error, and one pulse: the first channel
    assert wearable.app.wear.bad == 1 and wearable.app.activity == message.ACTIVITY_IDLE

    clipped = REST.copy()
    clipped[::7, 2] = 16383
    helper = worn(
        tmp_path / "helper", make_body([clipped], [(0, TIME, 600_000, 0)]),
        ch2_reference_nv=300_000, ch2_role="helper", confirm="off",
    )  # fmt: skip
    helper.put(ch2_reference_kind="mvc")
    helper.press()
    helper.until(gym.STATE_TRAIN, 8000)
    helper.run(2000)
    assert len(helper.pulses()) >= 1
    helper.hold_down()
    helper.settle()
    found = helper.session()
    contact = [one for one in found.events if one.kind == "contact"]
    assert [(one.channel, one.reason) for one in contact] == [(2, "clipped")] and contact[0].value > 50
    assert [channel.reference_kind for channel in found.channels] == ["mvc", "none", "none", "none"]  # never scored


@pytest.mark.parametrize(("hum_uv", "is_named"), [(8, False), (60, True)])
def test_hum_is_named_when_it_is_much_of_the_reference(tmp_path: Path, hum_uv: float, is_named: bool) -> None:
    """A line at 50 Hz, mean rectified, beside a reference of 100 uV: the notch takes the small one away."""
    line = hum_uv * np.pi / 2 * 4 * np.sin(2 * np.pi * 50 * np.arange(len(REST)) / 1000)
    body = make_body([(REST + line[:, None]).astype("<i2")], [(0, TIME, 600_000, 0)])
    wearable = worn(tmp_path / "a", body, ch0_reference_nv=100_000)
    wearable.put(ch0_reference_kind="mvc")
    wearable.press()
    wearable.until(gym.STATE_READY if is_named else gym.STATE_TRAIN, 6000)
    wearable.run(500)
    if not is_named:
        return
    (found,) = [note for note in wearable.app.wear.notes if note[0] == event.EVENT_CONTACT]
    assert found[1] == 0 and found[4] == event.REASON_MAINS and found[2] == pytest.approx(60, rel=0.05)


def test_programs_are_chosen_by_counting(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    for slot, name in ((2, "wall-sit"), (5, "biceps-curl")):
        data = compile_program(programs.load(name))
        assert wearable.ask(message.PUT_PROGRAM, slot, data) == [message.OK]
        assert wearable.ask(message.GET_PROGRAM, slot) == [slot, 0, 0, data]
    assert wearable.ask(message.PUT_PROGRAM, 9, data) == [message.RESULT_RANGE]
    assert wearable.ask(message.PUT_PROGRAM, 3, b"\x01no program") == [message.RESULT_RANGE]
    assert wearable.ask(message.GET_PROGRAM, 3) == [3, 0, 0, b""]
    wearable.pulses()
    counted = []
    wearable.press(2)
    wearable.settle(4000)
    counted.append(len(wearable.pulses()))
    for _ in range(3):
        wearable.press()
        wearable.settle(5000)
        counted.append(len(wearable.pulses()))
    assert counted == [1, 3, 6, 1]  # as you like, place 2, place 5, as you like again
    wearable.press()
    wearable.settle(4000)
    wearable.hold_down()
    wearable.settle()
    config = wearable.app.desk.config.settings
    assert wearable.state == gym.STATE_READY and config["program"] == 2
    assert config["ch0_muscle"] == "vastus lateralis" and config["ch0_reference_kind"] == "none"
    # What is not taken is left: by a double press, and by waiting.
    wearable.press(2)
    wearable.press()
    wearable.press(2)
    assert wearable.state == gym.STATE_READY and config["program"] == 2
    wearable.press(2)
    wearable.until(gym.STATE_READY, 17_000)
    assert config["program"] == 2
    wearable.power_on()
    wearable.run(100)
    assert wearable.app.desk.config.settings["program"] == 2


def test_another_wearer_begins_without_a_calibration(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting(), wearer="anna", wearers="anna,ben")
    wearable.put(ch0_reference_kind="mvc")
    wearable.press(5)
    wearable.press()
    wearable.settle(2500)
    wearable.hold_down()
    wearable.settle()
    config = wearable.app.desk.config.settings
    assert (config["wearer"], config["ch0_reference_kind"]) == ("ben", "none")
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    wearable.run(500)
    wearable.hold_down()
    wearable.settle()
    assert wearable.session().header.wearer == "ben"


def strong_script() -> bytes:
    """Rests until a calibration begins, then contracts between its buzzes."""
    steps = [(0, STARTS, 0, 1000)] + [(0, STARTS, 0, 300), (1, RESTS, 0, 100)] * 3
    return make_body([REST, HOLD], steps)


def test_a_calibration_needs_a_second_double_press(tmp_path: Path) -> None:
    wearable = Gym(strong_script(), tmp_path / "a", blocks=24)
    wearable.put(autostart="off")
    wearable.press(3)
    assert wearable.state == gym.STATE_SURE
    wearable.press()  # one press is a no
    assert wearable.state == gym.STATE_READY and wearable.app.activity == message.ACTIVITY_IDLE
    wearable.power_on()
    wearable.run(300)
    wearable.press(3)
    wearable.board.emg._enter_step(0)  # the wearer did not mean those buzzes
    wearable.press(2)
    assert wearable.app.activity == message.ACTIVITY_CALIBRATING
    wearable.until(gym.STATE_READY, 40_000)
    assert wearable.app.wear.phase == message.PHASE_DONE
    config = wearable.app.desk.config.settings
    assert config["ch0_reference_kind"] == "mvc" and config["ch0_reference_nv"] > 100_000
    assert config["ch0_calibrated_utc_s"] == 1  # the clock was not set: some time


@pytest.mark.parametrize("renewed", [True, False])
def test_a_calibration_from_before_power_on_is_renewed_or_relative(tmp_path: Path, renewed: bool) -> None:
    wearable = worn(tmp_path / "a", make_body([REST, HOLD], [(0, TIME, 600_000, 0)]), ch0_calibrated_utc_s=1000)
    wearable.power_on()
    wearable.run(500)
    assert wearable.app.desk.stale() == 1
    if renewed:
        wearable.press()
        wearable.until(gym.STATE_RENEW, 6000)
        wearable.run(3000, lambda: wearable.app.wear.phase == message.PHASE_REST + 1)
        take = wearable.board.emg._takes
        wearable.board.emg._takes = [take[1], take[1]]  # the wearer contracts
        wearable.run(3200)
        wearable.board.emg._takes = take
        wearable.until(gym.STATE_TRAIN, 12_000)
        wearable.run(1000)
    else:
        assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
        wearable.run(1000)
    wearable.hold_down()
    wearable.settle()
    channel = wearable.session().channels[0]
    assert channel.reference_kind == ("ref" if renewed else "relative") and channel.calibrated
    assert channel.unit == ("%ref" if renewed else "%rel")
    if renewed:
        assert 150 < channel.reference_uv < 250  # type: ignore[operator]
    else:
        assert channel.reference_uv == 400


def test_an_electrode_that_came_off_makes_its_calibration_stale(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting(), ch0_calibrated_utc_s=UTC_MS // 1000)
    assert wearable.ask(message.SET_TIME, UTC_MS + 3_600_000) == [message.OK]
    assert wearable.app.desk.stale() == 0  # an hour old
    wearable.board.emg.lead_off = lambda: 1
    wearable.run(50)
    wearable.board.emg.lead_off = lambda: 0
    assert wearable.app.desk.stale() == 1
    wearable.app.wear.came_off = 0
    assert wearable.ask(message.SET_TIME, UTC_MS + 9 * 3_600_000) == [message.OK]
    assert wearable.app.desk.stale() == 1  # nine hours


def test_pain_means_not_today_and_says_so_once(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting(), ask="on")
    wearable.press()
    wearable.settle(2500)
    assert wearable.state == gym.STATE_ASK
    wearable.press(7)  # energy
    wearable.settle(3500)
    wearable.pulses()
    wearable.press(2)  # pain: yes
    wearable.settle(4000)
    assert wearable.state == gym.STATE_READY and len(wearable.pulses()) == 2  # "tired": two long ones
    wearable.press()  # all the same
    wearable.until(gym.STATE_TRAIN, 5000)
    wearable.run(1500)
    wearable.hold_down()
    assert wearable.app.activity == message.ACTIVITY_ASKING
    for clicks in (8, 3, 1):
        wearable.settle(3500)
        wearable.press(clicks)
    wearable.settle(4000)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    found = wearable.session()
    answers = [(one.reason, one.threshold, one.value) for one in found.events if one.kind == "answer"]
    effort, energy, pain = event.QUESTION_EFFORT, event.QUESTION_ENERGY, event.QUESTION_PAIN
    before = [("before", energy, 7), ("before", pain, 1)]
    assert answers == [*before, ("after", effort, 8), ("after", energy, 3), ("after", pain, 0)]
    assert [one.reason for one in found.events if one.kind == "advice"] == ["not_today"]
    assert found.end is not None and found.accounted


def test_questions_that_nobody_answers_pass(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting(), ask="on")
    wearable.press()
    wearable.until(gym.STATE_TRAIN, 40_000)
    wearable.run(1000)
    wearable.hold_down()
    wearable.run(60_000, lambda: wearable.app.activity == message.ACTIVITY_IDLE)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    assert wearable.session().count("answer") == 0 and wearable.session().end is not None


def test_answers_over_the_line(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    ask = lambda question, value: wearable.ask(message.CONTROL, message.VERB_ANSWER, question << 4 | value)  # noqa: E731
    assert ask(event.QUESTION_ENERGY, 6) == [message.OK]
    assert ask(event.QUESTION_PAIN, 1) == [message.RESULT_NOT_TODAY]
    assert ask(0, 1) == [message.RESULT_RANGE]
    wearable.ask(message.CONTROL, message.VERB_START, 0)
    wearable.run(500)
    assert ask(event.QUESTION_EFFORT, 9) == [message.OK]
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    wearable.settle()
    answers = [(one.threshold, one.value) for one in wearable.session().events if one.kind == "answer"]
    assert answers == [(event.QUESTION_ENERGY, 6), (event.QUESTION_PAIN, 1), (event.QUESTION_EFFORT, 9)]


@pytest.mark.parametrize("swapped", [False, True])
def test_channels_answer_by_name(tmp_path: Path, swapped: bool) -> None:
    """Two muscles; asked for the first, the wearer tightens the first: does the first channel answer?"""
    tight = [noise(3, [200, 8, 2, 2], 5), noise(3, [8, 200, 2, 2], 6)]
    wearable = worn(tmp_path / "a", make_body([REST, *tight], [(0, TIME, 600_000, 0)]), ch1_reference_nv=400_000)
    wearable.put(ch1_reference_kind="mvc")
    wearable.press()
    wearable.until(gym.STATE_CONFIRM, 6000)
    takes = wearable.board.emg._takes
    for asked in range(2):
        wearable.run(6000, lambda asked=asked: wearable.app.desk is None or wearable.app.desk.gym._roll.asked == asked)
        for _ in range(2 if swapped else 1):
            wearable.run(1500)
            channel = 1 - asked if swapped else asked
            wearable.board.emg._takes = [takes[1 + channel]] * 3
            wearable.run(1200)
            wearable.board.emg._takes = takes
            wearable.run(1500)
    wearable.until(gym.STATE_TRAIN, 60_000)
    wearable.run(1000)
    wearable.hold_down()
    wearable.settle()
    found = [(one.channel, one.value) for one in wearable.session().events if one.kind == "confirmed"]
    assert found == ([(0, 1), (0, 1), (1, 0), (1, 0)] if swapped else [(0, 0), (1, 1)])


def test_battery_pairing_and_sleep(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    for percent, pulses in ((100, 5), (61, 4), (20, 1), (0, 1)):
        wearable.board.power.pct = percent
        wearable.pulses()
        wearable.press(4)
        wearable.settle(4000)
        assert len(wearable.pulses()) == pulses
    wearable.hold_down()
    flags = message_index("motor")
    assert wearable.ask(message.STATUS)[flags] & 2
    wearable.until(gym.STATE_READY, 61_000)
    assert not wearable.ask(message.STATUS)[flags] & 2

    wearable.until(gym.STATE_SLEEP, 245_000)
    kernel, calls = wearable.app.desk.kernel, []
    process = kernel.process
    kernel.process = lambda *a: (calls.append(1), process(*a))
    wearable.run(2000)
    assert not calls and wearable.app.desk.is_asleep  # nothing is measured
    read = wearable.board.imu.read_into
    wearable.board.imu.read_into = lambda out: (read(out), out.__setitem__(0, 1000))[0]  # somebody turns it over
    wearable.run(200)
    wearable.board.imu.read_into = read
    assert wearable.state == gym.STATE_READY
    wearable.run(100)
    assert calls
    wearable.until(gym.STATE_SLEEP, 245_000)
    wearable.press()
    assert wearable.state == gym.STATE_READY
    wearable.until(gym.STATE_SLEEP, 245_000)
    assert wearable.ask(message.STATUS)  # a host wakes it too
    assert wearable.state == gym.STATE_READY


def message_index(name: str) -> int:
    from mmc_host.schema import message_rows

    return list(message_rows()[message.STATUS].reply).index(name)


def test_a_session_in_which_nothing_happens_ends(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting(), idle_stop_min=1)
    wearable.ask(message.CONTROL, message.VERB_START, 0)
    wearable.run(59_000)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    wearable.run(3000)
    assert wearable.app.activity != message.ACTIVITY_RECORDING
    found = wearable.session()
    assert found.end is not None and found.end.reason == "idle" and found.end.t_s == pytest.approx(60, abs=0.5)


def test_the_motor_measures_itself(tmp_path: Path) -> None:
    """Its line in the signal against the rest's power, as mean rectified values give it."""
    body = make_body([REST], [(0, TIME, 600_000, 0)], artefact_counts=40)
    wearable = Gym(body, tmp_path / "a", blocks=24)
    wearable.put(autostart="off")
    wearable.settle(500)
    assert wearable.ask(message.CONTROL, message.VERB_CHECK, 0) == [message.OK]
    assert wearable.ask(message.CHECKED)[0] == 1
    wearable.settle(4000)
    assert not wearable.board.motor.is_on
    state, data = wearable.ask(message.CHECKED)
    rows = np.frombuffer(data, "<i2").reshape(4, 4)
    assert state == 2 and rows[:, 0].tolist() == [0, 0, 0, 0]
    assert np.all(np.abs(rows[:, 2] - 20) <= 4)  # 2 uV of rest, in tenths
    # 40 counts are 10 uV at the peak of a trapezoid at 167 Hz, 6 uV rectified: that and the rest are independent.
    line, rest = 10.0 * np.mean([0, 55, 55, 0, 55, 55]) / 64, 2.0
    expected = 100 * (line / rest) ** 2
    assert np.all((rows[:, 3] > expected / 2) & (rows[:, 3] < expected * 2))
    wearable.ask(message.CONTROL, message.VERB_START, 0)
    wearable.run(500)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    wearable.settle()
    logged = [one.value for one in wearable.session().events if one.kind == "artefact"]
    assert logged == rows[:, 3].tolist()


def test_every_record_of_a_gym_session_is_known(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    data = compile_program(programs.load("wall-sit"))
    wearable.ask(message.PUT_PROGRAM, 1, data)
    wearable.put(program=1)
    wearable.ask(message.CONTROL, message.VERB_START, 0)
    wearable.run(1000)
    wearable.hold_down()
    wearable.settle()
    found = [(values, bytes(tail)) for kind, values, tail in records(wearable.pull(1)) if kind == record.PROGRAM]  # type: ignore[call-overload]
    assert found == [((1, 0, 0), data)]
    plan = wearable.session().plan
    assert plan is not None and plan.data == data and plan.slot == 1
    low, high = (programs.load("wall-sit").numbers[f"target_{end}_pct"] for end in ("low", "high"))
    assert (wearable.session().settings["target_low_pct"], wearable.session().settings["target_high_pct"]) == (
        low,
        high,
    )


def test_an_mvc_test_by_the_button_ends_where_the_next_press_counts(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    wearable.ask(message.PUT_PROGRAM, 1, compile_program(programs.load("mvc-test")))
    wearable.put(program=1)
    wearable.press()
    wearable.run(6000, lambda: wearable.app.activity == message.ACTIVITY_CALIBRATING)
    assert wearable.state == gym.STATE_CALIBRATE
    wearable.until(gym.STATE_READY, 40_000)
    wearable.settle(5000)
    wearable.press(4)
    assert wearable.state == gym.STATE_READY and wearable.app.activity == message.ACTIVITY_IDLE


def test_another_muscle_is_not_relative_to_the_old_ones_reference(tmp_path: Path) -> None:
    """The calibration is old, and the program names another muscle for its channel: there is no reference at all."""
    wearable = worn(tmp_path / "a", resting(), ch0_calibrated_utc_s=1000)
    wearable.ask(message.PUT_PROGRAM, 1, compile_program(programs.load("wall-sit")))
    wearable.put(program=1)
    wearable.power_on()
    wearable.run(500)
    assert wearable.app.desk.stale() == 1
    wearable.ask(message.CONTROL, message.VERB_START, 0)
    wearable.run(500)
    wearable.hold_down()
    wearable.settle()
    channel = wearable.session().channels[0]
    assert (channel.reference_kind, channel.reference_uv, channel.unit) == ("none", None, "uV")


def test_the_last_answer_to_a_question_counts(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", resting())
    desk = wearable.app.desk
    for value in (1, 1, 0):
        desk.answer(event.QUESTION_PAIN, value, event.REASON_BEFORE)
    desk.answer(event.QUESTION_ENERGY, 1, event.REASON_BEFORE)
    desk.answer(event.QUESTION_ENERGY, 7, event.REASON_BEFORE)
    kinds = [(note[0], note[2], note[3]) for note in wearable.app.wear.notes]
    assert kinds == [(event.EVENT_ANSWER, 0, event.QUESTION_PAIN), (event.EVENT_ANSWER, 7, event.QUESTION_ENERGY)]
