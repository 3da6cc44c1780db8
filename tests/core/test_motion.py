"""The motion sensor's questions against synthetic truth: a sensor that turns by a known angle about any axis."""

from __future__ import annotations

import inspect
import math
import subprocess
import textwrap
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from truth_motion import Rep, Told, follow

from mmc_core.coach import cycle, motion
from mmc_host import firmware

Array = NDArray[np.float64]
Leg = tuple[float, float]  # to how many degrees, in how many seconds
REST_S = 3.0


def angles(legs: Iterable[Leg]) -> Array:
    """Degrees at 100 Hz; every leg speeds up and slows down as a cosine does."""
    parts: list[Array] = []
    at = 0.0
    for to, seconds in legs:
        share = np.arange(1, round(100 * seconds) + 1) / round(100 * seconds)
        parts.append(at + (to - at) * (1 - np.cos(np.pi * share)) / 2)
        at = to
    return np.concatenate(parts)


def turned(axis: Array, gravity: Array, degrees: Array) -> Array:
    """Gravity in the axes of a sensor that turned about an axis (Rodrigues), g."""
    a = -np.radians(degrees)[:, None]
    return gravity * np.cos(a) + np.cross(axis, gravity) * np.sin(a) + axis * (axis @ gravity) * (1 - np.cos(a))


def frame(rng: np.random.Generator) -> tuple[Array, Array]:
    """Any axis and any gravity across it: the sensor may sit in any way."""
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    across = np.cross(axis, rng.standard_normal(3))
    return axis, across / np.linalg.norm(across)


def counts(accel_g: Array, gyro_dps: Array) -> list[list[int]]:
    full = np.rint(np.hstack([accel_g * 4096, gyro_dps * 16]))
    return np.clip(full, -32768, 32767).astype(int).tolist()


def sense(degrees: Array, seed: int, *, gyro: bool = True, noise: float = 1.0) -> list[list[int]]:
    """Readings of a consumer sensor that turns so: noise of 3 mg and 0.3 deg/s."""
    rng = np.random.default_rng(seed)
    axis, gravity = frame(rng)
    accel = turned(axis, gravity, degrees) + noise * 0.003 * rng.standard_normal((len(degrees), 3))
    rate = np.gradient(degrees)[:, None] * 100 * axis + noise * 0.3 * rng.standard_normal((len(degrees), 3))
    return counts(accel, rate if gyro else 0 * rate)


def exercise(reps: int, deg: float, up: float, stand: float, down: float, gap: float) -> list[Leg]:
    one = [(deg, up), *([(deg, stand)] if stand else []), (0.0, down), *([(0.0, gap)] if gap else [])]
    return [(0.0, REST_S), *(leg for _ in range(reps) for leg in one), (0.0, 2.0)]


@pytest.mark.parametrize("gyro", [True, False])
@pytest.mark.parametrize(
    ("deg", "up", "stand", "down", "gap"),
    [(90, 1.5, 0, 1.5, 0), (90, 1.5, 2, 1.5, 1), (60, 1.0, 0.5, 1.2, 0.3), (120, 1.2, 0, 1.4, 0.5), (40, 1, 0, 1, 0.2)],
)
def test_times_range_and_stand_of_known_repetitions(deg, up, stand, down, gap, gyro) -> None:
    """Range within 5 degrees; starts and turns within 50 ms, ends within 70, in the median over all ways to sit."""
    whole = up + stand + down + gap
    errors: list[list[float]] = []
    for seed in range(6):
        told = follow(sense(angles(exercise(6, deg, up, stand, down, gap)), seed, gyro=gyro))
        assert told.sets == [6] and len(told.reps) == 6
        for number, rep in enumerate(told.reps):
            start = 1000 * (REST_S + number * whole)
            true = (start, start + 1000 * up, start + 1000 * (up + stand + down), deg, 1000 * stand)
            errors.append([a - b for a, b in zip(rep[:5], true, strict=True)])
    off = np.abs(np.median(errors, axis=0))
    assert max(off[:2]) <= 50 and off[2] <= 70 and off[3] <= 5 and off[4] <= 100, off
    assert np.percentile(np.abs(errors), 90, axis=0)[:3].max() <= 150


def test_slow_repetitions_are_counted_and_dated_roughly() -> None:
    """Legs of 3 and 4 s: all count; a movement slower than 4 deg/s is a stand, so times are some 0.3 s off."""
    told = follow(sense(angles(exercise(5, 60, 3, 1, 4, 1)), 1))
    assert told.sets == [5]
    for number, rep in enumerate(told.reps):
        start = 1000 * (REST_S + 9 * number)
        assert abs(rep.start_t - start) < 350 and abs(rep.end_t - start - 8000) < 450 and abs(rep.range_deg - 60) <= 6


@pytest.mark.parametrize("reps", [1, 2, 3, 4, 12])
def test_a_set_of_three_counts_and_less_does_not(reps: int) -> None:
    for seed in range(5):
        told = follow(sense(angles(exercise(reps, 80, 1.2, 0, 1.2, 0.2)), seed))
        assert len(told.reps) == reps
        assert told.sets == ([reps] if reps >= 3 else [])


def test_confirmation_comes_three_at_once_and_then_one_by_one() -> None:
    sensor, counter = made()
    confirmed = []
    for number, reading in enumerate(sense(angles(exercise(5, 80, 1.2, 0, 1.2, 0.2)), 3), 1):
        sensor.step(reading)
        counter.step(10 * number)
        if counter.rep == cycle.ENDED:
            confirmed.append((counter.confirmed, counter.set_count))
    assert confirmed == [(0, 0), (0, 0), (3, 3), (1, 4), (1, 5)]


def test_phases_follow_each_other_one_per_block() -> None:
    sensor, counter = made()
    phases = []
    for number, reading in enumerate(sense(angles(exercise(4, 80, 1.0, 0, 1.0, 0)), 4), 1):
        sensor.step(reading)
        counter.step(10 * number)
        if counter.rep:
            phases.append(counter.rep)
    assert phases == [cycle.STARTED, cycle.TURNED, cycle.ENDED] * 4


def test_a_pause_ends_the_set() -> None:
    legs = exercise(4, 80, 1.2, 0, 1.2, 0.2)
    assert follow(sense(angles([*legs, (0.0, 5.0), *legs]), 1)).sets == [4, 4]
    assert follow(sense(angles([*legs[:-1], (0.0, 1.0), *legs[1:]]), 1)).sets == [8]


def test_the_direction_is_open_after_a_stand() -> None:
    """Another exercise after a rest, the other way round: its first leg is out as well."""
    first, second = exercise(3, 80, 1.2, 0, 1.2, 0.2), exercise(3, -80, 1.2, 0, 1.2, 0.2)
    told = follow(sense(angles([*first, (0.0, 5.0), *second]), 2))
    assert told.sets == [3, 3]
    begin = 1000 * (REST_S + 3 * 2.6 + 2 + 5 + REST_S)
    assert abs(told.reps[3].start_t - begin) < 80 and abs(told.reps[3].turn_t - begin - 1200) < 80


def test_unlike_movements_confirm_none() -> None:
    """In length; in time; in direction: each alone keeps three movements from being a set."""
    assert (
        follow(sense(angles([(0, 3), (120, 1.2), (0, 1.2), (50, 1.2), (0, 1.2), (120, 1.2), (0, 1.2), (0, 2)]), 1)).sets
        == []
    )
    assert (
        follow(sense(angles([(0, 3), (80, 0.8), (0, 0.8), (80, 4), (0, 4), (80, 0.8), (0, 0.8), (0, 2)]), 1)).sets == []
    )
    rng = np.random.default_rng(5)
    legs = angles([(0, 2), (80, 1.2), (0, 1.2), (0, 0.3)])
    readings: list[list[int]] = []
    for axis in np.eye(3):
        gravity = np.array([1.0, 1.0, 1.0]) / math.sqrt(3)
        accel = turned(axis, gravity, legs) + 0.003 * rng.standard_normal((len(legs), 3))
        readings += counts(accel, np.gradient(legs)[:, None] * 100 * axis)
    assert follow(readings).sets == []


def test_linear_movement_counts_where_nothing_turns() -> None:
    """A press with the forearm upright: 40 cm in 1.1 s each way, told by its speeding up and down only."""
    t = np.arange(0, 14 * 2.2, 0.01)
    push = 0.2 * (2 * math.pi / 2.2) ** 2 * np.cos(2 * math.pi * t / 2.2) / 9.81
    still = np.zeros(300)
    along = np.concatenate([still, push, still])
    accel = np.outer(along, [0.0, 0.1, 1.0]) + np.array([0.0, 0.0, 1.0])
    told = follow(counts(accel + 0.003 * np.random.default_rng(1).standard_normal(accel.shape), 0 * accel))
    assert len(told.sets) == 1 and abs(told.sets[0] - 14) <= 1


def wandering(seed: int, *, returns: float, minutes: int = 1, gyro: bool = True) -> list[list[int]]:
    """A hand that turns about any axis by 10 to 110 degrees in 0.4 to 2 s; a share of the turns is taken back."""
    rng = np.random.default_rng(seed)
    facing, back = np.eye(3), None
    accel, rate = [], []
    while len(accel) < 6000 * minutes:
        if back is not None:
            axis, deg, seconds = back
            back = None
        else:
            axis = frame(rng)[0]
            deg, seconds = rng.uniform(10, 110), rng.uniform(0.4, 2.0)
            if rng.random() < returns:
                back = axis, -deg * rng.uniform(0.7, 1.2), seconds * rng.uniform(0.6, 1.6)
        way = angles([(deg, seconds)])
        for at in way:
            accel.append(turned(axis, facing @ [0.0, 0.0, 1.0], np.array([at]))[0])
        rate += list(np.diff(way, prepend=0.0)[:, None] * 100 * axis)
        cross = np.cross(np.eye(3), axis)  # rows: e_i x axis
        a = -math.radians(deg)
        facing = (math.cos(a) * np.eye(3) - math.sin(a) * cross.T + (1 - math.cos(a)) * np.outer(axis, axis)) @ facing
        for _ in range(round(100 * rng.exponential(0.5))):
            accel.append(facing @ [0.0, 0.0, 1.0])
            rate.append(np.zeros(3))
    g, dps = np.array(accel), np.array(rate)
    g += 0.02 * rng.standard_normal(g.shape)
    dps += 2 * rng.standard_normal(dps.shape)
    return counts(g, dps if gyro else 0 * dps)


def test_everyday_like_movement_is_rarely_a_set() -> None:
    """Twenty minutes of random turns, a fourth of them taken back: many are provisional, two sets at most."""
    told = [follow(wandering(seed, returns=0.25, gyro=gyro)) for seed in range(10) for gyro in (True, False)]
    assert sum(len(one.reps) for one in told) >= 40
    assert sum(len(one.sets) for one in told) <= 2


def test_gestures_that_are_all_taken_back_are_rarely_alike() -> None:
    """The hardest case: every gesture out and back. At most one set in ten minutes."""
    told = [follow(wandering(seed, returns=1.0)) for seed in range(10)]
    assert sum(len(one.reps) for one in told) >= 60
    assert sum(len(one.sets) for one in told) <= 1


def test_an_arm_that_swings_while_walking_is_taken_for_repetitions() -> None:
    """Nothing here tells a walk from an exercise: what tells them is the program, or the muscle."""
    swing = 18 * np.sin(2 * math.pi * 0.95 * np.arange(1000) / 100)
    assert sum(follow(sense(np.concatenate([np.zeros(200), swing, np.zeros(100)]), 1)).sets) >= 7
    assert follow(sense(np.concatenate([np.zeros(200), swing / 6, np.zeros(100)]), 1)) == Told([], [])


def test_rest_and_holds_are_no_repetitions() -> None:
    rng = np.random.default_rng(1)
    n = 6000
    drift = 3 * np.sin(2 * math.pi * np.arange(n) / 2000)
    tremor = 0.3 * np.sin(2 * math.pi * 9 * np.arange(n) / 100)
    assert follow(sense(drift + tremor, 1)) == Told([], [])
    assert follow(sense(np.zeros(n), 2, noise=3.0)) == Told([], [])
    assert follow(
        counts(np.tile([0.0, 0.6, 0.8], (n, 1)) + 0.01 * rng.standard_normal((n, 3)), np.zeros((n, 3)))
    ) == Told([], [])


def made() -> tuple[motion.Motion, cycle.Cycle]:
    sensor = motion.Motion(4096, 16)
    return sensor, cycle.Cycle(sensor)


def watch(readings: list[list[int]], what: Callable[[motion.Motion], int]) -> list[int]:
    sensor = motion.Motion(4096, 16)
    found = []
    for reading in readings:
        sensor.step(reading)
        found.append(what(sensor))
    return found


@pytest.mark.parametrize("gyro", [True, False])
def test_stillness(gyro) -> None:
    """Still at rest; not within 0.2 s of a movement's begin; still again within 0.6 s of its end."""
    degrees = angles([(0, 3), (90, 1), (90, 3)])
    for seed in range(5):
        still = watch(sense(degrees, seed, gyro=gyro), lambda sensor: sensor.is_still)
        assert all(still[50:300]) and not any(still[330:390]) and all(still[460:])


def test_a_hold_with_tremor_is_still() -> None:
    n = 3000
    tremor = 0.1 * np.sin(2 * math.pi * 9 * np.arange(n) / 100)
    assert all(watch(sense(tremor, 1), lambda sensor: sensor.is_still)[50:])


@pytest.mark.parametrize("dps", [20, 60, 200, 900])
def test_speed_is_the_gyroscopes(dps: int) -> None:
    for seed in range(5):
        speed = watch(sense(np.arange(200) * dps / 100, seed), lambda sensor: sensor.speed_dps)
        assert abs(speed[-1] - dps) <= 2 + dps // 50


def test_speed_without_a_gyroscope_is_a_guess() -> None:
    speed = watch(sense(np.arange(300) * 0.6, 1, gyro=False), lambda sensor: sensor.speed_dps)
    assert 40 <= speed[-1] <= 120


@pytest.mark.parametrize("deg", [0, 1, 3, 5, 10, 20, 45, 60, 89, 90, 91, 120, 150, 170, 180])
def test_drift_from_the_marked_pose(deg: int) -> None:
    """Within a degree, for any way the sensor sits; noise alone is half a degree at most."""
    for seed in range(10):
        sensor = motion.Motion(4096, 16)
        readings = sense(angles([(0, 1), (deg, 1), (deg, 2)]), seed, noise=0.3)
        for number, reading in enumerate(readings):
            sensor.step(reading)
            if number == 99:
                sensor.mark_pose()
                assert sensor.drift_deg10 <= 5
        assert abs(sensor.drift_deg10 - 10 * deg) <= 10
        assert sensor.is_still


def test_angle_against_the_arc_cosine() -> None:
    rng = np.random.default_rng(1)
    worst = 0.0
    for _ in range(2000):
        a, b = rng.standard_normal((2, 3))
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        true = 10 * math.degrees(math.acos(max(-1.0, min(1.0, float(a @ b)))))
        told = motion.angle_deg10([round(16384 * x) for x in a], [round(16384 * x) for x in b])
        worst = max(worst, abs(told - true))
    assert worst <= 5
    assert motion.angle_deg10([0, 0, 0], [0, 0, 16384]) == 0


def test_length_and_root() -> None:
    rng = np.random.default_rng(2)
    for x, y, z in rng.integers(-16383, 16384, (2000, 3)).tolist():
        assert motion.length(x, y, z) == pytest.approx(math.hypot(x, y, z), rel=1e-3, abs=1)
    assert motion.length(0, 0, 0) == 0
    for square in [*range(300), *rng.integers(0, 2**30, 2000).tolist()]:
        assert abs(cycle.root(square) - math.isqrt(square)) <= 1


class Small(int):
    """An integer that refuses to leave the device's 31 bits, and whatever is computed with it does too."""


def _guard(name: str) -> None:
    plain = getattr(int, name)

    def guarded(self: int, *others: int) -> object:
        made = plain(self, *map(int, others))
        if made is NotImplemented or isinstance(made, bool):
            return made
        assert -(2**30) <= made < 2**30, f"{int(self)} {name} {others} leaves 31 bits"
        return Small(made)

    setattr(Small, name, guarded)


for _name in "add radd sub rsub mul rmul floordiv rfloordiv lshift rlshift rshift rrshift neg abs".split():
    _guard(f"__{_name}__")


class Words(list[Small]):
    """An array('i') of the device: it keeps 32 bits, and hands out guarded integers."""

    def __setitem__(self, at, value):
        assert -(2**31) <= value < 2**31
        super().__setitem__(at, Small(value))


def guarded() -> tuple[motion.Motion, cycle.Cycle]:
    """Both, with every number that they remember guarded."""
    both = made()
    for one in both:
        for name, value in vars(one).items():
            if hasattr(value, "typecode"):
                setattr(one, name, Words(map(Small, value)))
            elif type(value) is int:
                setattr(one, name, Small(value))
    return both


def extremes(kind: int) -> Iterable[list[int]]:
    """Full scale that stays, alternates slowly or quickly, turns steadily, or jumps at random."""
    rng = np.random.default_rng(kind)
    signs = rng.choice([-1, 1], 6)
    for number in range(3000):
        period = (10**9, 1, 20, 150, 400)[kind % 5]
        if kind >= 5:
            yield [int(x) for x in rng.choice([-32768, 32767, 0], 6)] if number % 37 == 0 or kind == 6 else [32767] * 6
        else:
            sign = -1 if number // period % 2 else 1
            yield [-32768 if s * sign < 0 else 32767 for s in signs]


@pytest.mark.parametrize("kind", range(7))
def test_full_scale_stays_within_31_bits(kind: int) -> None:
    sensor, counter = guarded()
    start = 10**9 - 40000  # 12 days after power-on
    for number, reading in enumerate(extremes(kind)):
        sensor.step([Small(x) for x in reading])
        counter.step(Small(start + 10 * number))
        sensor.mark_pose()
        assert 0 <= sensor.drift_deg10 <= 1800


def test_the_guard_can_fail() -> None:
    with pytest.raises(AssertionError, match="31 bits"):
        Small(2**20) * 2**10
    with pytest.raises(AssertionError, match="31 bits"):
        2 * (Small(2**28) + 2**28)


def test_closing_ends_what_came_back() -> None:
    readings = sense(angles([(0, 3), (90, 1.2), (0, 1.2), (90, 1.2), (0, 1.2), (90, 1.2), (5, 1.1)]), 1)
    assert follow(readings).sets == [3]
    assert follow(readings[:-60]).sets == []


def test_rep_fields_keep_their_order() -> None:
    for rep in follow(sense(angles(exercise(6, 70, 0.7, 0.3, 0.9, 0.1)), 9)).reps:
        assert isinstance(rep, Rep) and rep.start_t < rep.turn_t <= rep.turn_t + rep.pause_ms < rep.end_t <= rep.told_t


PROGRAM = """
import micropython
from array import array
from mmc_core.coach import cycle, motion
sensor = motion.Motion(4096, 16)
counter = cycle.Cycle(sensor)
reading = array("h", [0] * 6)
ended = confirmed = t = 0
for x, z, rate in READINGS * 8:
    t += 10
    reading[0], reading[2], reading[4] = x, z, rate
    micropython.heap_lock()
    sensor.step(reading)
    counter.step(t)
    if t % 1000 == 0:
        sensor.mark_pose()
    drift = sensor.drift_deg10
    micropython.heap_unlock()
    ended += counter.rep == cycle.ENDED
    confirmed += counter.confirmed
print(ended, confirmed, counter.rep_range_deg)
"""


def test_nothing_is_allocated_and_every_interpreter_says_the_same(tmp_path, mpy) -> None:
    degrees = angles([(80, 1.0), (0, 1.0)])
    made_of = np.rint(
        np.stack(
            [4096 * np.sin(np.radians(degrees)), 4096 * np.cos(np.radians(degrees)), 1600 * np.gradient(degrees)], 1
        )
    ).astype(int)
    tree = firmware.stage(tmp_path / "tree")
    program = f"READINGS = {[tuple(row) for row in made_of.tolist()]!r}\n{textwrap.dedent(PROGRAM)}"
    (tree / "probe.py").write_text(program)
    done = subprocess.run(
        [mpy, "-X", "heapsize=220k", "probe.py"],
        cwd=tree,
        env={"MICROPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    sensor, counter = made()
    ended = confirmed = 0
    for number, (x, z, rate) in enumerate(made_of.tolist() * 8, 1):
        sensor.step([x, 0, z, 0, rate, 0])
        counter.step(10 * number)
        ended += counter.rep == cycle.ENDED
        confirmed += counter.confirmed
    assert done.stdout.split() == [str(ended), str(confirmed), str(counter.rep_range_deg)]
    assert confirmed >= 7


def test_hot_methods_build_nothing() -> None:
    """No list, tuple display, closure or text is made in what runs per block."""
    for one in (
        motion.Motion.step,
        motion.Motion._smooth,
        motion.Motion._judge,
        motion.Motion._project,
        cycle.Cycle.step,
    ):
        code = inspect.unwrap(one).__code__
        assert not code.co_freevars and not code.co_cellvars
