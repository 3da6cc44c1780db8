"""The app through faults and commands: cues go on, nothing is raised, the motor ends off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from simulated import Simulated, make_body, noise, records

from mmc_core import event, message, record

EIO = 5
TIME, STARTS, RESTS = 0, 1, 2
RESTING, HOLDING, LAZY = noise(3, [2, 2, 2, 2], 1), noise(5, [200, 20, 60, 3], 2), noise(4, [6, 5, 2, 2], 3)


class Wearable(Simulated):
    """Simulated, with short ways to what it did."""

    def pull(self, session: int) -> bytes:
        """All bytes of a session, straight from the journal."""
        data = b""
        while piece := bytes(self.app.journal.read(session, len(data))):
            data += piece
        return data

    def motor_on(self) -> list[str]:
        return [line for line in self.told if "motor on" in line]

    def events(self, session: int = 1) -> list[tuple]:
        return [values for kind, values, _ in records(self.pull(session)) if kind == record.EVENT]

    def cues(self) -> int:
        return self.app.pipeline.cues if self.app.pipeline else self.app.cues


def holder(rounds: int = 2) -> bytes:
    """Rest 1 s; then, again and again: hold 3 s, let go until the buzz (at most 1.5 s), and 400 ms to react."""
    steps = [(0, TIME, 1000, 0)]
    for _ in range(rounds):
        steps += [(1, TIME, 3000, 0), (2, STARTS, 1500, 400)]
    return make_body([RESTING, HOLDING, LAZY], [*steps, (1, TIME, 1500, 0)])


def worn(folder: Path, body: bytes, calibrated: bool = True, **changed: object) -> Wearable:
    """A wearable that was calibrated some day and is switched on now."""
    wearable = Wearable(body, folder, blocks=int(changed.pop("blocks", 24)))  # type: ignore[call-overload]
    wearable.put(autostart="off")
    if calibrated:
        wearable.put(ch0_reference_nv=400_000, ch0_rest_nv=2000)
        wearable.put(ch0_reference_kind="mvc")
    wearable.put(**{"autostart": "on", "cue_rest_ms": 500, **changed})
    wearable.told.clear()
    wearable.power_on()
    return wearable


def settle(wearable: Wearable) -> None:
    """Give patterns time to end; the motor must be off then."""
    wearable.run(4000)
    assert not wearable.board.motor.is_on and not wearable.app.haptic.is_on


# Starting and stopping


def test_it_begins_by_itself_when_calibrated(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder())
    wearable.run(200)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    assert len(wearable.motor_on()) == 1  # one pulse says so


def test_autostart_waits_for_the_calibration(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(), calibrated=False)
    wearable.run(500)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    always = worn(tmp_path / "b", holder(), calibrated=False, autostart="always")
    always.run(500)
    assert always.app.activity == message.ACTIVITY_RECORDING


def test_autostart_after_calibration(tmp_path: Path) -> None:
    strong = noise(4, [300, 100, 2, 2], 5)
    steps = [(0, STARTS, 0, 1000)] + [(0, STARTS, 0, 300), (1, RESTS, 0, 100)] * 3
    wearable = worn(tmp_path / "a", make_body([RESTING, strong], steps), calibrated=False)
    assert wearable.ask(message.CONTROL, message.VERB_CALIBRATE, 1) == [message.OK]
    wearable.run(40_000, lambda: wearable.app.activity == message.ACTIVITY_RECORDING)
    wearable.run(10)
    assert wearable.app.activity == message.ACTIVITY_RECORDING and wearable.app.pipeline.coach.scored


@pytest.mark.parametrize("when", ["before", "while preparing"])
def test_autostart_off_is_off(tmp_path: Path, when: str) -> None:
    wearable = worn(tmp_path / "a", holder())
    if when == "before":
        wearable.run(0)
        wearable.app.desk.config.settings.put("autostart", "off")
        wearable.app.desk.config.save()
        wearable.power_on()
    else:
        wearable.app.desk.put_setting(0, "autostart")
    wearable.run(1000)
    assert wearable.app.activity == message.ACTIVITY_IDLE and wearable.motor_on() == []


def test_results_of_start_and_stop(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(), autostart="off")
    wearable.run(100)
    ask = lambda verb, argument=0: wearable.ask(message.CONTROL, verb, argument)  # noqa: E731
    assert ask(message.VERB_STOP) == [message.OK]  # nothing to stop is no fault
    assert ask(message.VERB_START) == [message.OK]
    assert ask(message.VERB_START) == [message.RESULT_BUSY]
    assert wearable.ask(message.PUT_SETTING, 3, "cue_pulses") == [message.RESULT_BUSY]
    assert ask(message.VERB_CANCEL) == [message.OK] and wearable.app.activity == message.ACTIVITY_RECORDING
    assert ask(message.VERB_CHECK) == [message.RESULT_BUSY] and wearable.app.activity == message.ACTIVITY_RECORDING
    assert ask(99) == [message.RESULT_RANGE]
    assert ask(message.VERB_STOP) == [message.OK]
    settle(wearable)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    for bad in ((6, "cue_pulses"), (0, "nonsense"), (5, "mains_hz"), (0, "wearer=" + "x" * 17)):
        assert wearable.ask(message.PUT_SETTING, *bad) == [message.RESULT_RANGE]
    assert wearable.ask(message.PUT_SETTING, 3, "cue_pulses") == [message.OK]
    assert wearable.app.desk.config.settings["cue_pulses"] == 3


def test_a_second_session_counts_from_zero(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(), autostart="off")
    wearable.run(100)
    for session in (1, 2):
        assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
        wearable.run(700)
        assert wearable.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
        settle(wearable)
        found = records(wearable.pull(session))
        first = next(values for kind, values, _ in found if kind == record.FEATURES)
        kind, end, _ = found[-1]
        assert first[0] == 0 and kind == record.END
        assert end[:3] == (end[1], end[1], 0) and 700 <= end[0] <= 900  # samples = counter, nothing lost
        frames = [values for kind, values, _ in found if kind == record.FEATURES]
        assert sum(v[1] * (v[2] - 1) + v[3] for v in frames) == end[1]


def test_the_wall_clock_is_checked_and_ties_a_session(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder())
    wearable.run(300)
    assert wearable.ask(message.SET_TIME, 2**63) == [message.RESULT_RANGE]
    assert wearable.app.utc_ms() == 0
    assert wearable.ask(message.SET_TIME, 1_790_000_000_000) == [message.OK]
    wearable.run(300)
    assert wearable.app.utc_ms() - 1_790_000_000_000 in range(300, 400)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    clock = [values for kind, values, _ in records(wearable.pull(1)) if kind == record.CLOCK]
    assert len(clock) == 1 and clock[0][1] == 1_790_000_000_000 and clock[0][0] in range(200, 500)


# Cues


def test_without_calibration_nothing_is_scored_and_nothing_buzzes(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(), calibrated=False, autostart="always")
    wearable.run(12_000)
    assert len(wearable.motor_on()) == 1  # the session's begin
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    kinds = {values[1] for values in wearable.events()}
    assert kinds == {event.EVENT_MOTOR_ON, event.EVENT_MOTOR_OFF}


def test_each_loss_is_buzzed_and_logged(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(3))
    wearable.run(15_000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    settle(wearable)
    found = wearable.events()
    of = lambda kind: [values for values in found if values[1] == kind]  # noqa: E731
    assert len(of(event.EVENT_HOLD_START)) >= 1
    assert len(of(event.EVENT_ACTIVATION_LOST)) == len(of(event.EVENT_CUE)) == 4  # three, and when the script is over
    for lost, cue in zip(of(event.EVENT_ACTIVATION_LOST), of(event.EVENT_CUE), strict=True):
        assert cue[0] == lost[0]
    ons, offs = of(event.EVENT_MOTOR_ON), of(event.EVENT_MOTOR_OFF)
    assert len(ons) == len(offs) == 1 + 4 * 2  # the begin, then two pulses each
    assert {values[3] for values in offs} == {150, 300} and {values[3] for values in ons} == {80}
    end = next(values for kind, values, _ in records(wearable.pull(1)) if kind == record.END)
    assert end[4] == 4


def test_a_stall_hides_no_motor(tmp_path: Path) -> None:
    """Blocks that were sampled while the motor ran are marked so even when they are taken long after it stopped."""
    wearable = worn(tmp_path / "a", holder(1), cue_pulses=1)
    wearable.run(9_000, lambda: wearable.board.motor.is_on and wearable.clock.now_ms > 2000)
    wearable.run(2_000, lambda: not wearable.board.motor.is_on)
    off_ms = wearable.clock.now_ms - 10
    began_ms = off_ms - wearable.app.sampler.t_samples
    busy: list[tuple[int, bool]] = []
    step = wearable.app.pipeline.step
    wearable.app.pipeline.step = lambda b, t, i, m, off: (busy.append((t + began_ms, m)), step(b, t, i, m, off))[1]
    wearable.clock.sleep_ms(200)  # within the ring: nothing is lost
    wearable.run(100)
    assert wearable.app.sampler.lost_samples == 0
    shaken = [t for t, is_busy in busy if t - 10 < off_ms + 60]
    assert len(shaken) >= 5 and all(is_busy for t, is_busy in busy if t in shaken)
    assert not busy[-1][1]


def test_losses_are_placed_and_add_up(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(2))
    for stall in (40, 423, 246, 1000, 257):  # on top of the 10 ms of a tick; the ring holds 256
        wearable.run(900)
        wearable.clock.sleep_ms(stall)
    wearable.run(500)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    found = records(wearable.pull(1))
    gaps = [values for kind, values, _ in found if kind == record.GAP]
    frames = [values for kind, values, _ in found if kind == record.FEATURES]
    end = found[-1][1]
    spans = sorted([(v[0], v[1] * (v[2] - 1) + v[3]) for v in frames] + [(v[0], v[1]) for v in gaps])
    t = 0
    for begin, length in spans:
        assert begin == t
        t += length
    assert t == end[0] == end[1] + end[2] and end[2] == sum(v[1] for v in gaps) and len(gaps) == 3
    # The IMU goes on too: after each gap the readings stand where their blocks do.
    imu = [values for kind, values, _ in found if kind == record.IMU]
    starts = {begin for begin, _ in spans}
    assert {v[0] + v[1] for v in gaps} <= {v[0] for v in imu} and {v[0] for v in imu} - starts <= set(range(end[0]))


# Faults


class Faulty:
    """Fails the calls whose number is in `failing`; everything once `always` is set."""

    def __init__(self, failing: frozenset[int] = frozenset(), always: bool = False) -> None:
        self.failing, self.always, self.calls = failing, always, 0

    def call(self) -> None:
        self.calls += 1
        if self.always or self.calls - 1 in self.failing:
            raise OSError(EIO, "injected")


def break_motor(wearable: Wearable, faults: Faulty) -> None:
    motor = wearable.board.motor
    on, off = motor.on, motor.off

    def failing_on(strength: int) -> None:
        on(strength)
        faults.call()

    def failing_off() -> None:
        faults.call()
        off()

    motor.on, motor.off = failing_on, failing_off


def break_flash(wearable: Wearable, faults: Faulty, *, reads: bool = False) -> None:
    flash = wearable.board.flash
    write, control, read = flash.writeblocks, flash.ioctl, flash.readblocks

    def failing(real: Callable) -> Callable:
        def call(*arguments: object) -> object:
            faults.call()
            return real(*arguments)

        return call

    flash.writeblocks = failing(write)
    flash.ioctl = failing(control)
    if reads:
        flash.readblocks = failing(read)


def test_a_dead_flash_stops_no_cue(tmp_path: Path) -> None:
    """Every program and erase fails, header included: the same cues as on a good one, and faults are counted."""
    good, bad = worn(tmp_path / "good", holder(3)), worn(tmp_path / "bad", holder(3), log_mode="raw", blocks=80)
    break_flash(bad, Faulty(always=True))
    good.run(15_000)
    bad.run(15_000)
    assert bad.motor_on() == good.motor_on() and bad.cues() == good.cues() == 4
    assert bad.app.health.faults > 0 and bad.app.health.newest == event.FAULT_FLASH
    assert bad.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
    settle(bad)


def test_a_dead_motor_stops_no_log(tmp_path: Path) -> None:
    good, bad = worn(tmp_path / "good", holder(1)), worn(tmp_path / "bad", holder(1))
    bad.board.motor.on = lambda strength: (_ for _ in ()).throw(OSError(EIO, "injected"))
    for wearable in (good, bad):
        wearable.run(8_000)
        wearable.ask(message.CONTROL, message.VERB_STOP, 0)
        settle(wearable)
    kinds = [[v[1] for v in wearable.events() if v[1] < event.EVENT_MOTOR_ON] for wearable in (good, bad)]
    assert kinds[0][:3] == kinds[1][:3] == [event.EVENT_HOLD_START, event.EVENT_ACTIVATION_LOST, event.EVENT_CUE]
    faults = [values for kind, values, _ in records(bad.pull(1)) if kind == record.FAULT]
    assert faults and {values[1:] for values in faults} == {(event.FAULT_HAPTIC, EIO)}


def test_a_page_that_fails_costs_no_record_of_another(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(2), log_mode="raw")
    faults = Faulty()
    break_flash(wearable, faults)
    wearable.run(3_000)
    wearable.clock.sleep_ms(200)  # 20 blocks at once: pages are programmed while records are written
    faults.failing = frozenset([faults.calls + 3])
    wearable.run(3_000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    settle(wearable)
    data = wearable.pull(1)
    torn = [at for at in range(0, len(data), 256) if data[at : at + 256] == b"\xff" * 256]
    assert len(torn) == 1
    whole = b"".join(data[at : at + 256] for at in range(0, len(data), 256) if at not in torn)
    found = records(whole)
    end = found[-1][1]
    raw = [values for kind, values, _ in found if kind == record.PACKED]
    blocks = max(values[3] for values in raw)
    assert blocks > 2 and 0 < end[1] - sum(10 * values[3] for values in raw) <= 10 * blocks
    assert [values[1:] for kind, values, _ in found if kind == record.FAULT] == [(event.FAULT_FLASH, EIO)]


def test_a_flash_that_cannot_be_read_answers_and_lives(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(1))
    wearable.run(3_000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    settle(wearable)
    read = wearable.board.flash.readblocks
    faults = Faulty(always=True)
    break_flash(wearable, faults, reads=True)
    wearable.console.send(wearable.client.request(message.READ, (1, 0, 1 << 16), 0))
    wearable.run(300)
    assert wearable.app.health.newest == event.FAULT_FLASH
    faults.always = False
    wearable.board.flash.readblocks = read
    data = wearable.pull(1)
    # The length that was taken while nothing could be read may reach into blank pages: the host counts them as torn.
    written = [data[at : at + 256] for at in range(0, len(data), 256) if data[at : at + 256] != b"\xff" * 256]
    found = records(b"".join(written))
    assert found[0][0] == record.SESSION and found[-1][0] == record.END


def test_a_full_journal_stops_the_log_and_not_the_training(tmp_path: Path) -> None:
    """Three blocks of 4 KiB hold some seconds of raw data; later losses buzz all the same."""
    wearable = worn(tmp_path / "a", holder(4), blocks=4, log_mode="raw")
    wearable.run(17_000)
    assert wearable.app.journal.is_full and not wearable.app.journal.is_open
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    status = wearable.ask(message.STATUS)
    assert status[6] == 1 and status[10] == event.FAULT_JOURNAL_FULL
    assert wearable.cues() >= 3
    assert wearable.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
    settle(wearable)
    assert wearable.app.activity == message.ACTIVITY_IDLE
    # What was logged is whole up to the end of the flash, says why it ends, and is never erased unasked.
    data = wearable.pull(1)
    assert 14 + 16 + 13 <= len(data) // 256 <= 14 + 16 + 16 and records(data)[0][0] == record.SESSION
    kind, values, _ = records(data)[-1]
    assert kind == record.END and values[3] == 0 and values[5] == 2
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]  # one block is left
    wearable.run(4000)
    assert wearable.app.journal.is_full and wearable.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
    settle(wearable)
    buzzes = len(wearable.motor_on())
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_FLASH]
    settle(wearable)
    assert len(wearable.motor_on()) - buzzes == 5  # the error pattern
    assert wearable.pull(1) == data


def test_settings_that_cannot_be_kept_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wearable = worn(tmp_path / "a", holder(1), autostart="off")
    wearable.run(100)
    monkeypatch.setattr(
        wearable.app.desk.config, "write", lambda name, data: (_ for _ in ()).throw(OSError(28, "full"))
    )
    assert wearable.ask(message.PUT_SETTING, 4, "cue_pulses") == [message.RESULT_FLASH]
    assert wearable.app.health.newest == event.FAULT_FLASH
    settle(wearable)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]  # it is in force all the same
    assert wearable.app.haptic._engage_pulses == 4


def test_faults_are_counted_as_far_as_the_status_can_say(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(1), autostart="off")
    for _ in range(70_000):
        wearable.app.health.note(event.FAULT_FLASH, EIO)
    assert wearable.ask(message.STATUS)[6] == 65535


def test_damaged_settings_are_a_fault_and_defaults_are_in_force(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(1))
    path = tmp_path / "a" / "settings.mmc"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    wearable.power_on()
    assert wearable.app.health.newest == event.FAULT_SETTINGS
    assert wearable.app.desk.config.settings["ch0_reference_kind"] == "none"
    assert path.with_name("settings.mmc.bad").exists()


commands = st.lists(
    st.tuples(
        st.sampled_from(["run", "run", "run", "start", "stop", "calibrate", "cancel", "stall", "put"]),
        st.integers(1, 120),
    ),
    max_size=10,
)


@profile(max_examples=20)
@given(
    history=commands,
    motor_faults=st.frozensets(st.integers(0, 12), max_size=6),
    flash_faults=st.frozensets(st.integers(0, 60), max_size=20),
    dead=st.booleans(),
)
def test_no_history_raises_or_leaves_the_motor_on(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[str, int]],
    motor_faults: frozenset[int],
    flash_faults: frozenset[int],
    dead: bool,
) -> None:
    wearable = worn(tmp_path_factory.mktemp("history") / "a", holder(1), log_mode="raw", blocks=80)
    motor, flash = Faulty(motor_faults), Faulty(flash_faults, always=dead)
    break_motor(wearable, motor)
    break_flash(wearable, flash)
    app = wearable.app
    for action, amount in history:
        if action == "run":
            wearable.run(10 * amount)
        elif action == "stall":
            wearable.clock.sleep_ms(5 * amount)
            wearable.run(10)
        elif action == "put":
            assert (
                app.orders.at_rest() is None
                or app.orders.at_rest().put_setting(1 + amount % 5, "cue_pulses") == message.OK
            )
        else:
            verb = {"start": 1, "stop": 2, "calibrate": 3, "cancel": 4}[action]
            assert app.orders.control(verb, 1) in (message.OK, message.RESULT_BUSY, message.RESULT_FLASH)
    refused = len([n for n in motor_faults if n < motor.calls])
    motor.failing = frozenset()
    app.orders.control(message.VERB_STOP, 0)
    app.orders.control(message.VERB_CANCEL, 0)
    app.starts_itself = False
    wearable.run(2500)
    assert not wearable.board.motor.is_on and not app.haptic.is_on
    assert app.activity in (message.ACTIVITY_IDLE, message.ACTIVITY_PREPARING)
    if not dead and not flash.failing:
        assert app.health.faults == refused


# The loop itself


def test_run_feeds_the_watchdog_and_ends_with_the_motor_off(tmp_path: Path) -> None:
    """Power goes while the motor runs; the simulated watchdog raises when it is fed late."""
    wearable = worn(tmp_path / "a", holder(1))
    fed: list[int] = []
    feed = wearable.board.watchdog.feed
    wearable.board.watchdog.feed = lambda: (fed.append(wearable.clock.now_ms), feed())
    wearable.clock._stop_ms = 60
    with pytest.raises(SystemExit):
        wearable.app.run()
    assert wearable.motor_on() and not wearable.board.motor.is_on  # it was on at 60 ms, within its first pulse
    assert fed == list(range(0, 60, 10))


def test_run_stops_the_motor_whatever_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wearable = worn(tmp_path / "a", holder(1))
    tick = wearable.app.tick

    def failing(now_ms: int) -> None:
        tick(now_ms)
        if wearable.board.motor.is_on:
            raise ValueError("a bug")

    monkeypatch.setattr(wearable.app, "tick", failing)
    with pytest.raises(ValueError, match="a bug"):
        wearable.app.run()
    assert wearable.motor_on() and not wearable.board.motor.is_on


def test_a_session_that_ends_during_a_buzz_logs_that_the_motor_stopped(tmp_path: Path) -> None:
    wearable = worn(tmp_path / "a", holder(1))
    wearable.run(40_000, lambda: wearable.board.motor.is_on)  # the start cue
    wearable.run(50)
    assert wearable.board.motor.is_on
    wearable.app.orders.control(message.VERB_STOP, 0)
    wearable.run(100)
    kinds = [values[1] for kind, values, _ in records(wearable.pull(1)) if kind == record.EVENT]
    assert kinds.count(event.EVENT_MOTOR_ON) == kinds.count(event.EVENT_MOTOR_OFF) == 1
