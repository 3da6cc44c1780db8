"""A workout that goes through every line of the coach and of the cues, on any interpreter: levels and readings by hand.

`main` is given the board's facts, what locks the heap and what unlocks it again. Only the kernel is left out: what it
would say of a block is written into its words. Returned is what was told while the heap was locked: events by kind and
by reason, cues by pattern, and how many events there was no room for.
"""

from array import array

from mmc_core import chain, event, features, onset
from mmc_core.pipeline import Pipeline
from mmc_core.sample import QUALITY_BAD
from mmc_core.settings import Settings

STILL = array("h", [4096, 0, 0, 0, 0, 0])
AWAY = array("h", [2896, 2896, 0, 0, 0, 0])  # 45 degrees from it
TILTED = array("h", [4080, 357, 0, 0, 0, 0])  # 5 degrees
OUT = array("h", [4096, 0, 0, 0, 0, 1600])  # 100 degrees per second
BACK = array("h", [4096, 0, 0, 0, 0, -1600])
FAST = array("h", [4096, 0, 0, 0, 0, 4800])  # too fast for a cue
ASIDE = array("h", [-1000, 4000, 0, 0, 0, 0])  # more than a right angle away
WILD = array("h", [32767, -32768, 32767, 32767, -32768, 32767])
KINDS = 44  # of events, and more than there are reasons
NAMES = "tired drift leak engage squeeze milestone tick"


class Words:
    """A kernel that says what it is told to say."""

    def __init__(self, channels):
        self.channels = channels
        self.out = [[0] * onset.ALL_WORDS for _ in range(channels)]

    def process(self, block, motor_busy, lead_off):
        """What the signal has is said by hand."""


class Scene:
    """One session, block by block."""

    def __init__(self, facts, lock, unlock, roles, program=None, **changed):
        config = Settings()
        if program:
            program.apply_to(config, 0)
        for name in NAMES.split():
            config.put("cue_" + name, "on")
        for channel in range(4):
            config.put(f"ch{channel}_reference_nv", 400000)
            config.put(f"ch{channel}_reference_kind", "mvc")
            config.put(f"ch{channel}_role", roles[channel])
        config.put("cue_rest_ms", 300)
        for name, value in changed.items():
            config.put(name, value)
        self.pipeline = Pipeline(config, facts, program.numbers if program else None)
        self.pipeline.kernel = self.kernel = Words(4)
        self.block = array("h", bytes(80))
        self.lock, self.unlock = lock, unlock
        self.t = 0
        self.told = [0] * KINDS
        self.reasons = [0] * KINDS
        self.cues = [0] * 11
        self.busy = 0

    def play(self, blocks, levels=(0, 0, 0, 0), imu=None, mobility=2000, bad=0):
        """So many blocks alike: permille of the four channels, a reading, mobility, bits of channels marked bad."""
        for channel in range(4):
            words = self.kernel.out[channel]
            words[chain.OUT_ENVELOPE] = words[chain.OUT_FAST] = words[chain.OUT_DISPLAY] = levels[channel]
            words[chain.OUT_LEVEL_Q3] = 4 * levels[channel]
            words[features.OUT_MOBILITY_Q12] = mobility
            words[chain.OUT_QUALITY] = QUALITY_BAD if bad >> channel & 1 else 0
        for _ in range(blocks):
            self.t += 10
            busy = self.busy > 0
            self.busy -= 1
            self.lock()
            cue = self.pipeline.step(self.block, self.t, imu, busy)
            self.unlock()
            if cue:
                self.busy = 20
                self.cues[cue] += 1
            self.hear()
            self.pipeline.write_records(nothing, self.block, self.t, busy)

    def hear(self):
        """Count what is told."""
        box = self.pipeline.coach.outbox
        for i in range(box.count):
            self.told[box.kinds[i]] += 1
            self.reasons[box.reasons[i]] += 1

    def rep(self, top=600, helper=0, blocks=60, out=OUT, back=BACK, mobility=2000, others=0):
        """A repetition that both witnesses see, and a rest."""
        levels = (top, helper, others, others)
        self.play(blocks, levels, out, mobility)
        self.play(blocks // 2, levels, back, mobility)
        self.play(blocks - blocks // 2, (0, 0, 0, 0), back)
        self.play(40, (0, 0, 0, 0), STILL)

    def pause(self):
        """A set ends."""
        self.play(2200, (0, 0, 0, 0), STILL)

    def close(self):
        self.lock()
        self.pipeline.coach.close(self.t)
        if self.pipeline.plan:
            self.pipeline.plan.close(self.t)
        self.unlock()
        self.hear()


def nothing(kind, values, tail=None, count=0):
    """A log that is not looked at."""


def repetitions(scene):
    """Sets of repetitions: tiring, passive, leaking, slower and faster, odd ones among them."""
    scene.play(100, imu=STILL)
    for _ in range(4):
        scene.rep(600, others=300)
    scene.rep(3000)  # unlike the others
    scene.rep(600)
    for _ in range(3):
        scene.rep(600, helper=560)  # the helper takes over
    for number in range(16):  # tires, then rests; slower, then faster
        mobility = (1500, 1000, 500, 300, 300, 300, 900, 1500, 2200, 2200, 4000, 4000, 6000, 6000, 2000, 2000)[number]
        scene.rep(500 + 10 * number, mobility=mobility, blocks=(60, 110, 110, 60, 30, 30)[number % 6])
    scene.rep(1500)  # digs in
    scene.pause()
    for _ in range(4):
        scene.rep(20)  # the motion sensor alone sees them
    for _ in range(3):
        scene.rep(600)
    scene.pause()
    scene.rep(250)
    scene.rep(1500)  # what was before it was no series
    for number in range(8):  # more and more force, and ever faster
        scene.rep(1000 + 150 * number, blocks=150 if number < 4 else 40)
    scene.play(5, (3000, 0, 0, 0), STILL)  # too short to be one
    scene.play(100, imu=STILL)
    scene.play(26, (900, 900, 0, 0), STILL, bad=2)  # the helper is seen when nothing is left to be seen
    scene.play(100, imu=STILL)
    scene.play(60, (900, 0, 0, 0), OUT, bad=14)  # and now not at all
    scene.play(60, imu=BACK, bad=14)
    scene.play(60, (900, 0, 0, 0), OUT)
    scene.play(30, (900, 0, 0, 0), BACK)
    scene.play(40, (900, 0, 0, 0), OUT)  # goes on after it has come back by half
    scene.play(100, imu=BACK)
    scene.pause()
    scene.rep(600)
    scene.rep(600)
    scene.play(600, imu=STILL)  # the first two had another pace
    scene.rep(600)
    scene.play(60, (600, 0, 0, 0), OUT)
    scene.play(600, imu=STILL)  # rests where it turns
    scene.play(60, (600, 0, 0, 0), BACK)
    scene.play(60, imu=STILL)


def hold(scene, helper=0):
    """A hold that is lost and found again, drifts, trembles and tires."""
    scene.play(300, (600, helper, 300, 0), STILL)
    scene.play(30, (60, 0, 0, 0), STILL)
    scene.play(300, (600, 0, 300, 0), STILL)
    scene.play(300, (600, 0, 300, 0), AWAY)
    scene.play(200, (600, 0, 300, 0), TILTED)
    scene.play(200, (600, 0, 300, 0), ASIDE)
    for number in range(60):
        scene.play(5, (800, 0, 0, 0), STILL, 1000 - 10 * number)
        scene.play(5, (400, 0, 0, 0), STILL, 1000 - 10 * number)
    scene.play(200, (0, 0, 0, 0), STILL)
    scene.play(1600, (2000, 2000, 2000, 2000), STILL)  # longer than a repetition can be
    scene.play(200, (0, 0, 0, 0), STILL)


def learning(scene):
    """Better and better, then faults: cues are left out, wait for a limb that is fast, and are too many."""
    for _ in range(8):
        scene.rep(1000)
    for _ in range(12):
        scene.rep(500)
    for _ in range(12):
        scene.rep(500, back=FAST)
    for _ in range(6):
        scene.play(60, (1000, 0, 0, 0), OUT)
        scene.play(60, (0, 1000, 0, 0), BACK)  # now this side, now that
    scene.play(150, (900, 0, 0, 0), WILD)


def end_within(scene):
    """The session ends in the third of three: the muscle still works, and the limb is on its way back."""
    scene.pause()
    scene.rep(600)
    scene.rep(600)
    scene.play(60, (600, 0, 0, 0), OUT)
    scene.play(58, (600, 0, 0, 0), BACK)
    scene.close()


def without_gyroscope(scene):
    """Gravity alone turns."""
    for _ in range(4):
        scene.play(80, (600, 0, 0, 0), AWAY)
        scene.play(80, (0, 0, 0, 0), STILL)
    scene.play(300, (600, 0, 0, 0), STILL)
    scene.close()  # within a hold


def by_hand(scene):
    """What no workout leads to: answers to questions that nobody asks, and more events than there is room for."""
    coach, cue, t = scene.pipeline.coach, scene.pipeline.cue, scene.t
    out, box = scene.kernel.out, coach.outbox
    scene.lock()
    box.clear()
    box.tell(event.EVENT_MILESTONE, 0, 5, 0, 0, t)
    cue.hear(0)
    given = cue.next(False, t + 60000)
    coach._balance.step(out, 0, t - t % 20)
    coach._balance.end(t)
    coach._fatigue.step(out[0], False, t)
    for _ in range(13):
        box.tell(event.EVENT_REP, 0, 1, 0, 0, t)
    level = coach.hold.level
    scene.unlock()
    scene.told[event.EVENT_MILESTONE] += 1
    scene.cues[given] += 1
    return level


def main(facts, lock, unlock):
    total = [[0] * KINDS, [0] * KINDS, [0] * 11, 0]
    helped = ("none", "helper", "stabiliser", "antagonist")
    mirrored = ("none", "mirror", "helper", "stabiliser")
    for roles, parts, changed in (
        (helped, (repetitions, hold, Scene.pause, by_hand), {"cue_fade": "off", "cue_max_per_min": 30}),
        (mirrored, (repetitions, hold, learning, by_hand), {"cue_probe_every": 2}),
        (mirrored, (learning, hold), {"peak_pct": 80, "cue_max_per_min": 2}),
        (helped, (end_within,), {}),
        (helped, (without_gyroscope,), {}),
    ):
        scene = Scene(facts, lock, unlock, roles, **changed)
        for part in parts:
            part(scene)
        add(total, scene)
    return total


def add(total, scene):
    """What a scene told, to what others did."""
    for column, more in enumerate((scene.told, scene.reasons, scene.cues)):
        for at in range(len(more)):
            total[column][at] += more[at]
    total[3] += scene.pipeline.coach.outbox.dropped
