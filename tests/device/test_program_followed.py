"""A program on the wearable: sets, rests, signals as the file says; logged, replayed to the same; and practice."""

from __future__ import annotations

from pathlib import Path

import pytest
from device.test_gym import HOLD, REST, TIME, Gym
from simulated import make_body, noise

from mmc_core import message
from mmc_core.errors import FormatError
from mmc_device.config import Config
from mmc_device.shelf import Shelf
from mmc_host import programs
from mmc_host.programs.compiling import compile_program
from mmc_host.rerun import recorded_events, rerun

HOLDS = """
name = "two by two"
evidence = "none"
mode = "hold"
sets = 2
reps = 2
hold_s = 2
relax_s = 1
rest_s = 4
target_low_pct = 30
target_high_pct = 80
cues = ["engage", "milestone", "tired"]
cue_fade = "off"
progress_step_pct = 5
progress_sessions = 2
progress_share_pct = 75
progress_limit_pct = 87
[[channel]]
role = "target"
"""
REPS = """
name = "five"
evidence = "none"
mode = "reps"
sets = 2
reps = 5
rest_s = 3
target_low_pct = 30
target_high_pct = 80
cues = ["squeeze", "milestone", "tired"]
[[channel]]
role = "target"
"""


def compiled(folder: Path, text: str) -> bytes:
    path = folder / "program.toml"
    path.write_text(text)
    return compile_program(programs.load(str(path)))


def follow(folder: Path, text: str, body: bytes, seconds: float) -> Gym:
    """Store a program, follow it for so long, and end the session by the button."""
    wearable = worn_raw(folder, body)
    assert wearable.ask(message.PUT_PROGRAM, 1, compiled(folder, text)) == [message.OK]
    wearable.put(program=1)
    train(wearable, seconds)
    return wearable


def worn_raw(folder: Path, body: bytes) -> Gym:
    """Calibrated by hand, its flash erased ahead."""
    folder.mkdir(exist_ok=True)
    wearable = Gym(body, folder / "state", blocks=384)
    wearable.put(autostart="off", ch0_reference_nv=400_000, ch0_rest_nv=2000, log_mode="raw")
    wearable.put(ch0_reference_kind="mvc")
    wearable.run(6000, lambda: wearable.app.activity == message.ACTIVITY_IDLE)
    return wearable


def train(wearable: Gym, seconds: float) -> None:
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    wearable.run(round(1000 * seconds), lambda: wearable.app.activity != message.ACTIVITY_RECORDING)
    if wearable.app.activity == message.ACTIVITY_RECORDING:
        wearable.hold_down()
    wearable.settle()


def holder(count: int, hold_ms: int = 3500, rest_ms: int = 3000) -> bytes:
    steps = [(0, TIME, 2000, 0)]
    for _ in range(count):
        steps += [(1, TIME, hold_ms, 0), (0, TIME, rest_ms, 0)]
    return make_body([REST, HOLD], [*steps, (0, TIME, 600_000, 0)])


def test_holds_are_counted_timed_and_rested_between(tmp_path: Path) -> None:
    wearable = follow(tmp_path, HOLDS, holder(4), 90)
    found = wearable.session()
    plan = [(one.reason, one.value, one.threshold) for one in found.events if one.kind == "plan"]
    assert plan == [("work", 1, 0), ("rest", 1, 2), ("work", 2, 2), ("done", 2, 4)]
    starts = [one.t_s for one in found.events if one.kind == "hold_start"]
    milestones = [(round(one.value), one.t_s) for one in found.events if one.kind == "milestone"]
    assert [share for share, _ in milestones] == [50, 100] * 4
    for start, (_, half), (_, whole) in zip(starts, milestones[::2], milestones[1::2], strict=True):
        assert half - start == pytest.approx(1, abs=0.011) and whole - start == pytest.approx(2, abs=0.011)
    times = {
        reason: one.t_s for one in found.events if one.kind == "plan" for reason in [f"{one.reason} {one.value:.0f}"]
    }
    stops = [one.t_s for one in found.events if one.kind == "cue" and one.reason == "stop"]
    assert len(stops) == 2 and 0 <= stops[0] - times["rest 1"] < 0.6 and 0 <= stops[1] - times["done 2"] < 0.6
    # The next hold came before the rest was over: the wearer decides, as soon as the muscle works.
    begun = [one.t_s for one in found.events if one.kind == "rep_start"]
    assert times["rest 1"] < begun[2] <= times["work 2"] <= starts[2] < times["rest 1"] + 5
    band = next(one for one in found.events if one.kind == "band")
    assert (band.value, band.threshold) == (100, 4)
    assert found.end is not None and found.end.reason == "idle"  # half a minute after the last
    assert found.end.t_s == pytest.approx(times["done 2"] + 30, abs=4)


def test_the_rest_ends_by_itself_with_a_buzz(tmp_path: Path) -> None:
    wearable = follow(tmp_path, HOLDS, holder(2), 25)
    found = wearable.session()
    times = {f"{one.reason} {one.value:.0f}": one.t_s for one in found.events if one.kind == "plan"}
    assert times["work 2"] - times["rest 1"] == pytest.approx(4, abs=0.011)
    # One after the pause between two holds of a set, one after the rest.
    starts = [one.t_s for one in found.events if one.kind == "cue" and one.reason == "start"]
    assert len(starts) == 2 and starts[1] == pytest.approx(times["work 2"], abs=0.011)


def test_a_session_with_a_program_replays_to_the_same(tmp_path: Path) -> None:
    wearable = follow(tmp_path, HOLDS, holder(2), 22)
    found = wearable.session()
    again = rerun(found)
    assert again.events == recorded_events(found) and {"plan", "milestone", "cue"} <= {one.kind for one in again.events}

    skipped = worn_raw(tmp_path / "skipped", holder(3))
    skipped.ask(message.PUT_PROGRAM, 1, compiled(tmp_path, HOLDS))
    skipped.put(program=1)
    skipped.ask(message.CONTROL, message.VERB_START, 0)
    skipped.run(7000)
    skipped.press(2)  # enough of this set
    skipped.run(1000)
    skipped.press(2)  # enough of this rest
    skipped.run(6000)
    skipped.hold_down()
    skipped.settle()
    found = skipped.session()
    assert found.count("skip") == 2
    assert [one.reason for one in found.events if one.kind == "plan"][:3] == ["work", "rest", "work"]
    assert rerun(found).events == recorded_events(found)


def curls(count: int) -> bytes:
    """Repetitions of one second, with one and a half between them."""
    steps = [(0, TIME, 3000, 0)]
    for _ in range(count):
        steps += [(1, TIME, 1000, 0), (0, TIME, 1500, 0)]
    return make_body([REST, noise(1, [200, 2, 2, 2], 4)], [*steps, (0, TIME, 600_000, 0)])


def test_repetitions_are_counted_and_are_no_holds(tmp_path: Path) -> None:
    wearable = follow(tmp_path, REPS, curls(10), 40)
    found = wearable.session()
    counted = [round(one.value) for one in found.events if one.kind == "rep"]
    assert counted == [1, 2, 3, 4, 5] * 2  # the coach's count begins anew with the program's set
    assert [one.reason for one in found.events if one.kind == "plan"] == ["work", "rest", "work", "done"]
    assert [round(one.value) for one in found.events if one.kind == "milestone"] == [60, 80] * 2  # half, one to go
    sets = [round(one.value) for one in found.events if one.kind == "set"]
    assert sets == [5, 5]
    # A repetition of a second looks like a hold, and its end like a lapse: a program of repetitions knows better.
    kinds = {one.kind for one in found.events}
    assert not kinds & {"hold_start", "activation_lost"} and found.count("cue", "engage") == 0
    assert found.settings["holds"] == "off"
    assert rerun(found).events == recorded_events(found)


def test_practice_moves_the_band_and_the_next_session_knows(tmp_path: Path) -> None:
    wearable = worn_raw(tmp_path, holder(40))
    wearable.put(log_mode="features")
    data = compiled(tmp_path, HOLDS)
    wearable.ask(message.PUT_PROGRAM, 1, data)
    wearable.put(program=1)
    seen = []
    for _ in range(5):
        wearable.board.emg._enter_step(0)  # the wearer begins anew
        train(wearable, 14)
        seen.append(wearable.ask(message.GET_PROGRAM, 1)[1:3])
    # Two sessions in a row move it by 5, the next two by the 2 that the limit leaves; then it stays.
    assert seen == [[0, 1], [5, 0], [5, 1], [7, 0], [7, 1]]
    last = wearable.session(5)
    assert last.plan is not None and (last.plan.shift_pct, last.plan.streak) == (7, 0)
    assert (last.settings["target_low_pct"], last.settings["target_high_pct"]) == (37, 87)
    wearable.power_on()
    wearable.run(100)
    assert wearable.ask(message.GET_PROGRAM, 1) == [1, 7, 1, data]


def test_a_session_out_of_the_band_begins_the_count_anew(tmp_path: Path) -> None:
    shelf = Shelf(Config(str(tmp_path)))
    data = compiled(tmp_path, HOLDS)
    shelf.put(1, data, 0, 1)
    assert not shelf.note(1, 4, 2) and shelf.get(1) == (0, 0, data)  # half of them
    assert not shelf.note(1, 1, 1) and shelf.get(1) == (0, 0, data)  # one hold is no session
    assert not shelf.note(1, 4, 3) and shelf.note(1, 4, 3) and shelf.get(1) == (5, 0, data)
    assert not shelf.note(2, 4, 4)


def test_damaged_programs_are_set_aside_and_training_goes_on(tmp_path: Path) -> None:
    config = Config(str(tmp_path))
    shelf = Shelf(config)
    data = compiled(tmp_path, HOLDS)
    shelf.put(1, data)
    path = tmp_path / "program1.mmc"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert shelf.load(1) is None and shelf.get(1) == (0, 0, b"")
    assert (tmp_path / "program1.mmc.bad").exists()
    with pytest.raises(FormatError):
        shelf.put(1, data[:-1])
    with pytest.raises(FormatError):
        shelf.put(0, data)
    shelf.put(1, data)
    assert shelf.next_slot(0) == 1 and shelf.next_slot(1) == 0
    shelf.put(1, b"")
    assert shelf.load(1) is None and shelf.next_slot(0) == 0


def test_an_mvc_test_is_a_calibration(tmp_path: Path) -> None:
    wearable = worn_raw(tmp_path, holder(2))
    wearable.ask(message.PUT_PROGRAM, 1, compile_program(programs.load("mvc-test")))
    wearable.put(program=1)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    assert wearable.app.activity == message.ACTIVITY_CALIBRATING


def drill_body() -> bytes:
    """Tightens 300 ms after each short pulse and lets go 300 ms after the next."""
    steps = [(0, 1, 0, 300), (1, 1, 0, 300)] * 12
    return make_body([REST, HOLD], [(0, 1, 0, 500), *steps])


def test_a_drill_measures_both_ways(tmp_path: Path) -> None:
    wearable = worn_raw(tmp_path, drill_body())
    wearable.ask(message.PUT_PROGRAM, 1, compile_program(programs.load("contract-relax")))
    wearable.put(program=1)
    train(wearable, 40)
    found = wearable.session()
    reactions = [(one.reason, one.value) for one in found.events if one.kind == "reaction"]
    assert [reason for reason, _ in reactions[:6]] == ["tighten", "relax"] * 3
    for reason, value_ms in reactions[:6]:
        assert 290 <= value_ms <= (330 if reason == "tighten" else 420), reactions
    ticks = [one.t_s for one in found.events if one.kind == "cue" and one.reason == "tick"]
    waits = [round(b - a, 2) for a, b in zip(ticks[1::2], ticks[2::2], strict=False)]
    assert len(set(waits)) > 1 and all(3 <= wait <= 5.1 for wait in waits)  # nobody should know when
    assert rerun(found).events == recorded_events(found)
