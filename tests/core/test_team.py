"""The coach as a whole: workouts of known content through the pipeline, and what is told of them."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from simulated import load_facts, noise

from mmc_core import event, record
from mmc_core.pipeline import Pipeline
from mmc_core.settings import Settings

FACTS = load_facts()
STILL = array("h", [4096, 0, 0, 0, 0, 0])


class Workout:
    """A pipeline, its log and its cues; time goes on from call to call."""

    def __init__(self, **changed: object) -> None:
        config = Settings()
        for channel in range(4):
            config.put(f"ch{channel}_reference_nv", 400_000)
            config.put(f"ch{channel}_rest_nv", 2000)
            config.put(f"ch{channel}_reference_kind", "mvc")
        for name, value in changed.items():
            config.put(name, value)
        self.pipeline = Pipeline(config, FACTS)
        self.t = 0
        self.log: list[tuple[int, ...]] = []
        self.seed = 0

    def write(self, kind: int, values: tuple, tail: object = None, count: int = 0) -> None:
        if kind == record.EVENT:
            self.log.append(values)

    def live(self, levels: np.ndarray, angles_deg: np.ndarray | None = None, lead_off: int = 0) -> None:
        """Rectified means of the four channels in microvolt, a row for every 10 ms; the arm's angle where it moves."""
        self.seed += 1
        carrier = noise(len(levels) / 100, [1, 1, 1, 1], self.seed).astype(float)
        counts = carrier / np.mean(np.abs(carrier), axis=0) * np.repeat(levels, 10, axis=0) * 4
        for number, rows in enumerate(np.rint(counts).astype("<i2").reshape(-1, 10, 4)):
            imu = STILL
            if angles_deg is not None:
                angle = np.radians(angles_deg[number])
                turn = np.gradient(angles_deg)[number] * 100
                gravity = [round(4096 * np.cos(angle)), round(4096 * np.sin(angle)), 0]
                imu = array("h", [*gravity, 0, 0, round(max(-2000, min(2000, turn)) * 16)])
            self.t += 10
            block = array("h", rows.tobytes())
            self.pipeline.step(block, self.t, imu, False, lead_off)
            self.pipeline.write_records(self.write, block, self.t, False)

    def told(self, kind: int) -> list[tuple[int, ...]]:
        return [values for values in self.log if values[1] == kind]


def level(seconds: float, *microvolt: float) -> np.ndarray:
    """The same for some seconds; channels that are not named rest."""
    row = [2.0, 2.0, 2.0, 2.0]
    row[: len(microvolt)] = microvolt
    return np.tile(row, (round(100 * seconds), 1))


def rep(top: float, helper: float = 2.0, seconds: float = 3.0, rest: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A repetition: the muscle rises and falls, the arm goes up by 90 degrees and comes back; then half a second."""
    n = round(100 * seconds)
    shape = np.sin(np.pi * np.arange(n) / n)
    levels = np.column_stack([rest + (top - rest) * shape, 2 + (helper - 2) * shape, np.full(n, 2.0), np.full(n, 2.0)])
    angles = 45 * (1 - np.cos(2 * np.pi * np.arange(n) / n))
    return np.vstack([levels, level(0.5, rest)]), np.concatenate([angles, np.zeros(50)])


def reps(workout: Workout, tops: list[float], **shape: float) -> None:
    for top in tops:
        workout.live(*rep(top, **shape))


def test_a_set_of_repetitions_is_counted_once_by_both_witnesses() -> None:
    workout = Workout()
    workout.live(level(3))
    reps(workout, [200] * 8)
    workout.live(level(25))
    counted = [values[3] for values in workout.told(event.EVENT_REP)]
    assert counted == list(range(1, 9))
    assert {values[5] for values in workout.told(event.EVENT_REP)} <= {
        event.REASON_MOTION,
        event.REASON_EFFORT,
    }
    assert [values[3] for values in workout.told(event.EVENT_SET)] == [8]
    assert [values[3] for values in workout.told(event.EVENT_ENGAGEMENT)] == [1000]
    assert workout.told(event.EVENT_PASSIVE) == [] and workout.told(event.EVENT_REP_DISPUTED) == []
    assert workout.told(event.EVENT_HOLD_START) == []  # a limb that moves holds nothing


def test_going_through_the_motions_is_called_passive() -> None:
    """Movement as before, the muscle silent: eight of eight, and nobody disagrees, because the muscle counts none."""
    workout = Workout()
    workout.live(level(3))
    reps(workout, [2.0] * 8)
    workout.live(level(25))
    assert len(workout.told(event.EVENT_PASSIVE)) == 8
    assert [values[3] for values in workout.told(event.EVENT_ENGAGEMENT)] == [0]


def test_engagement_counts_what_both_witnesses_saw_once() -> None:
    """The muscle is sure of the first three before the motion sensor is: three done, three gone through are a half."""
    workout = Workout()
    workout.live(level(3))
    reps(workout, [200] * 3 + [2.0] * 3)
    workout.live(level(25))
    assert [values[3] for values in workout.told(event.EVENT_REP)] == list(range(1, 7))
    assert len(workout.told(event.EVENT_PASSIVE)) == 3
    assert [values[3] for values in workout.told(event.EVENT_ENGAGEMENT)] == [500]
    (disputed,) = workout.told(event.EVENT_REP_DISPUTED)
    assert disputed[3:6] == (6, 3, event.REASON_MOTION)


def test_noise_of_a_silent_muscle_is_not_taken_for_work() -> None:
    """Electrodes that hiss at 7 % of the reference, as calibration knows: gone through, though the peaks reach 8 %."""
    workout = Workout(ch0_rest_nv=28_000)
    workout.live(level(3, 28))
    reps(workout, [28.0] * 8, rest=28.0)
    assert len(workout.told(event.EVENT_PASSIVE)) == 8
    assert max(values[3] for values in workout.told(event.EVENT_PASSIVE)) > 80


def test_a_muscle_that_nobody_sees_is_not_called_passive() -> None:
    """The same movement with the electrode off: repetitions are counted, nothing is scored from what is not there."""
    workout = Workout()
    workout.live(level(3))
    for _ in range(8):
        levels, angles = rep(2.0)
        workout.live(levels, angles, lead_off=1)
    workout.live(level(25))
    assert [values[3] for values in workout.told(event.EVENT_REP)] == list(range(1, 9))
    assert workout.told(event.EVENT_PASSIVE) == [] and workout.told(event.EVENT_ENGAGEMENT) == []


def test_a_weak_top_is_told_at_the_turn_and_cued() -> None:
    """Three at half of the reference set the mark; two at a quarter of it are below."""
    workout = Workout(cue_fastest_dps=0, cue_fade="off")
    workout.live(level(3))
    reps(workout, [220, 220, 220, 110, 110])
    low = workout.told(event.EVENT_SQUEEZE)
    assert len(low) == 2 and all(values[3] < values[4] * 0.85 for values in low)
    cues = [values for values in workout.told(event.EVENT_CUE) if values[5] == event.CUE_SQUEEZE]
    assert len(cues) == 2
    assert [values[5] for values in workout.told(event.EVENT_PEAK)][3:] == [event.REASON_BELOW] * 2


def test_a_helper_that_takes_over_is_told_and_cued_when_wanted() -> None:
    workout = Workout(ch1_role="helper", cue_leak="on", cue_fastest_dps=0)
    workout.live(level(3))
    reps(workout, [220] * 4, helper=60)
    assert workout.told(event.EVENT_LEAK) == []
    reps(workout, [160] * 3, helper=330)
    leaks = workout.told(event.EVENT_LEAK)
    assert len(leaks) == 3 and {values[2] for values in leaks} == {1}
    assert any(values[5] == event.CUE_LEAK for values in workout.told(event.EVENT_CUE))
    shares = [values[3] for values in workout.told(event.EVENT_ISOLATION)]
    assert min(shares[:4]) > 700 and max(shares[4:]) < 400


def test_a_hold_with_a_lapse_and_a_drift() -> None:
    workout = Workout(cue_drift="on", cue_fade="off", drift_deg=15)
    workout.live(level(3))
    workout.live(level(4, 200))
    workout.live(level(0.8, 20))
    workout.live(level(4, 200))
    tilt = np.concatenate([np.linspace(0, 25, 200), np.full(300, 25.0)])
    workout.live(level(5, 200), tilt)
    workout.live(level(25))
    kinds = [values[1] for values in workout.log]
    for kind in (event.EVENT_HOLD_START, event.EVENT_LAPSE, event.EVENT_HOLD_END):
        assert kinds.count(kind) == 1, kind
    assert kinds.count(event.EVENT_ACTIVATION_LOST) == 2  # the lapse, and the end
    (drift,) = workout.told(event.EVENT_DRIFT)
    # It tilts by 12.5 degrees a second, and is told half a second behind the limit.
    assert drift[3] == pytest.approx(150 + 125 / 2, abs=15) and drift[4] == 150
    patterns = [values[5] for values in workout.told(event.EVENT_CUE)]
    assert patterns == [event.CUE_ENGAGE, event.CUE_DRIFT, event.CUE_ENGAGE]
    assert workout.told(event.EVENT_REP) == []
    (done,) = workout.told(event.EVENT_SET)
    assert done[3] == 0 and done[4] == pytest.approx(14, abs=2)


def test_rest_and_everyday_tell_nothing() -> None:
    workout = Workout()
    workout.live(level(60))
    assert workout.log == []


def test_a_long_hold_is_one_set_of_its_length() -> None:
    """Longer than the muscle's own patience and than a set's pause: 60 s of hold, told after it."""
    workout = Workout()
    workout.live(level(3))
    workout.live(level(60, 200))
    workout.live(level(25))
    (done,) = workout.told(event.EVENT_SET)
    assert done[4] == pytest.approx(60, abs=1) and done[0] > 80_000


def test_a_set_that_is_ended_before_anything_happened_leaves_the_next_one_whole() -> None:
    made = Workout()
    made.live(level(1, 2))
    made.pipeline.skip_rest()
    made.live(level(1, 2))
    assert not made.pipeline.coach.ends_set
    made.live(level(3, 200))
    made.live(level(2, 2))
    made.live(level(3, 200))
    made.live(level(2, 2))
    assert len(made.told(event.EVENT_HOLD_END)) == 2 and made.told(event.EVENT_SET) == []
    made.pipeline.skip_rest()
    made.live(level(1, 2))
    assert [values[4] for values in made.told(event.EVENT_SET)] == [5]  # seconds of both


def test_a_long_hold_is_watched_to_its_end() -> None:
    """A helper that takes over after 25 s of 40 is told, and the share of the target is that of the whole hold."""
    workout = Workout(ch1_role="helper")
    workout.live(level(3))
    workout.live(level(25, 160, 40))
    workout.live(level(5, 160, 330))
    workout.live(level(10, 160, 40))
    workout.live(level(25))
    (leak,) = workout.told(event.EVENT_LEAK)
    assert leak[2] == 1 and leak[0] == pytest.approx(28_300, abs=250)
    (isolation,) = workout.told(event.EVENT_ISOLATION)
    assert isolation[3] == pytest.approx(1000 * 160 * 40 / (160 * 40 + 40 * 35 + 330 * 5), abs=15)


def test_a_set_ends_while_a_moving_arm_carries_something() -> None:
    """Work that is neither hold nor repetition: the set is over 20 s after its last one all the same."""
    workout = Workout()
    workout.live(level(3))
    reps(workout, [200] * 4)
    last_t = workout.told(event.EVENT_REP)[-1][0]
    workout.live(level(40, 120), 4 * np.sin(2 * np.pi * np.arange(4000) / 80))
    (done,) = workout.told(event.EVENT_SET)
    assert done[3] == 4 and done[0] == pytest.approx(last_t + 20_000, abs=600)
    assert workout.told(event.EVENT_HOLD_START) == []
