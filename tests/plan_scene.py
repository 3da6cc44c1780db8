"""Programs that are followed through every line of plan.py, on any interpreter: the scene of the coach, and its own.

`main` is given what coach_scene.main is, and shipped programs as bytes, by their names; some of their numbers are
changed, so that nobody has to rest for a minute.
"""

import coach_scene
from coach_scene import STILL, Scene

from mmc_core import program

HELPED = ("none", "helper", "stabiliser", "antagonist")


def skip(scene):
    """The button."""
    scene.pipeline.skip_rest()
    scene.play(1, imu=STILL)


def holds(scene):
    """Two holds to their end, a rest; one that is let go of, one that is lost three times; the end within one."""
    for _ in range(2):
        scene.play(1700, (500, 0, 0, 0), STILL)
        scene.play(500, imu=STILL)
        scene.play(1600, imu=STILL)
    scene.play(500, (500, 0, 0, 0), STILL)
    scene.play(300, imu=STILL)
    skip(scene)  # no pause
    for _ in range(4):
        scene.play(300, (500, 0, 0, 0), STILL)
        scene.play(30, (60, 0, 0, 0), STILL)
    scene.play(200, imu=STILL)
    skip(scene)  # no rest
    scene.play(400, (500, 0, 0, 0), STILL)
    scene.close()


def repetitions(scene):
    """To a beat: a set to its end, one that begins early and is broken off, and one in which the muscle tires."""
    scene.play(100, imu=STILL)
    for _ in range(12):
        scene.rep(600)
    skip(scene)
    for number in range(14):
        scene.rep(500 + 10 * number, mobility=2000 if number < 4 else 400)
    scene.play(300, imu=STILL)
    skip(scene)
    skip(scene)
    scene.close()


def drill(scene):
    """Reactions, and none; a set that is broken off; a rest that is over."""
    plan = scene.pipeline.plan
    scene.play(400, imu=STILL)
    for number in range(40):
        for _ in range(12):
            is_on = plan.phase == 3 and number % 3 != 2
            scene.play(50, (500 if is_on else 0, 0, 0, 0), STILL)
    skip(scene)
    scene.play(200, (500, 0, 0, 0), STILL)
    scene.close()


def senses(scene):
    """Each level as often as it is asked for."""
    plan = scene.pipeline.plan
    for _ in range(320):
        scene.play(50, (450 if plan.phase == 3 else 0, 0, 0, 0), STILL)
    scene.close()


def main(facts, lock, unlock, programs):
    total = coach_scene.main(facts, lock, unlock)
    for name, part, changed in (
        ("active-hang", holds, {program.RELAX_S: 20, program.REST_S: 10}),
        ("biceps-curl", repetitions, {program.STOP_FATIGUE_PERMILLE: 100}),
        ("contract-relax", drill, {program.REST_S: 1, program.SETS: 20}),
        ("sense-test", senses, {}),
    ):
        found = program.decode(programs[name])
        for place, value in changed.items():
            found.numbers[place] = value
        scene = Scene(facts, lock, unlock, HELPED, found)
        part(scene)
        coach_scene.add(total, scene)
    return total
