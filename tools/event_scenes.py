"""Scenes: what a synthetic body does, and what a coach should tell of it.

In:     a scene's name and a seed
Out:    a `Body` of event_bodies.py
State:  none; the same scene and seed give the same body

Truth comes from the activation curve and the limb's angle alone, and from the settings' own waiting: a hold counts
500 ms after the activation passed 20 %. What filters cost is the device's, and counts as its delay. Every scene also
has what should not be told: short bursts, shallow dips, small moves, fresh muscles, even sides. What lies between the
two (a top that misses the mark by a tenth) is not asked, because no answer would be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from event_bodies import IMU_MS, Body, Samples, Truth, build, crossing, fresh, hump, ramps

from mmc_host.body import muscle

SET_PAUSE_MS = 20_000  # after which a set has ended
CUE_MS = 460  # two pulses, the gap, the motor's spin-down
TIRING, STOP = 0.12, 0.4  # of the index of fatigue: the first step, and time to stop


def holds(rng: np.random.Generator) -> Body:
    """Three holds with lapses and dips in them, short bursts between, and a posture that drifts or nearly so.

    A lapse is shorter than a second, or it would be the hold's end; a dip leaves two thirds. Letting go at the end of
    a hold is a loss too until a second has passed.
    """
    parts: list[tuple[float, float, float]] = []
    at = 1500.0
    for _ in range(3):
        length = rng.uniform(7000, 10_000)
        parts.append((at, at + length, rng.uniform(0.3, 0.6)))
        at += length + 4500
    n_ms = round(at)
    activation, angle = np.zeros(n_ms), np.zeros(n_ms)
    truths: dict[str, list[Truth]] = {
        name: [] for name in "hold_start hold_end activation_lost activation_regained lapse drift".split()
    }
    for begin, end, level in parts:
        down_ms = rng.uniform(150, 400)
        curve = level * ramps(n_ms, begin, end, rng.uniform(200, 500), down_ms)
        line = max(0.08, level * 0.33)
        truths["hold_start"].append(Truth(crossing(curve, 0.2, begin, end, rising=True) + 500))
        for share in (0.3, 0.65):
            what = rng.choice(["lapse", "dip", "nothing"], p=[0.5, 0.3, 0.2])
            away_ms, fall_ms, rise_ms = rng.uniform(450, 800), rng.uniform(50, 200), rng.uniform(50, 150)
            since = begin + share * (end - begin)
            until = since + fall_ms + away_ms + rise_ms
            if what == "nothing":
                continue
            depth = rng.uniform(0.85, 1.0) if what == "lapse" else rng.uniform(0.15, 0.35)
            curve *= 1 - depth * ramps(n_ms, since, until, fall_ms, rise_ms)
            if what == "lapse":
                lost = crossing(curve, line, since, until, rising=False) + 30
                back = crossing(curve, level * 0.5, lost, until + 1, rising=True) + 100
                truths["activation_lost"].append(Truth(lost))
                truths["activation_regained"].append(Truth(back))
                truths["lapse"].append(Truth(back, back - lost - 250, back - lost + 250))
        let_go = crossing(curve, line, end - down_ms, end, rising=False)
        truths["hold_end"].append(Truth(let_go))
        truths["activation_lost"].append(Truth(let_go + 30))
        activation += curve
        burst = end + rng.uniform(1600, 1900)
        activation += rng.uniform(0.3, 0.6) * ramps(n_ms, burst, burst + rng.uniform(150, 300), 50)
        angle += _drift(rng, truths["drift"], n_ms, begin, end)
    return build(rng, activation[:, None], truths, angle_deg=angle[::IMU_MS])


def _drift(rng: np.random.Generator, truths: list[Truth], n_ms: int, begin: float, end: float) -> Samples:
    """A limb that leaves its pose within a hold, at once or creeping, or by less than the limit of 15 degrees.

    A moving limb's angle is not trusted: a quick drift can be told half a second after the limb stood still for 200 ms;
    one that creeps at less than 10 degrees per second counts as still, by the coach's limit of 12.
    """
    since = begin + rng.uniform(1800, 2500)
    what = rng.choice(["quick", "creeping", "small", "none"], p=[0.3, 0.3, 0.3, 0.1])
    if what == "none":
        return np.zeros(n_ms)
    far = {"quick": (24, 40), "creeping": (20, 28), "small": (3, 10)}[str(what)]
    takes_ms = 4500 if what == "creeping" else rng.uniform(600, 900)
    angle = rng.uniform(*far) * hump(n_ms, since, takes_ms, end + 300 - since - takes_ms, 900)
    if what == "quick":
        truths.append(Truth(since + takes_ms + 700))
    elif what == "creeping":
        truths.append(Truth(crossing(angle, 15, since, end, rising=True) + 500))
    return angle * rng.choice([-1.0, 1.0])


def reps(rng: np.random.Generator) -> Body:
    """A set of repetitions seen by the muscle alone, weak contractions before it, a pause of more than 20 s behind it.

    The first three make the mark for the others, which reach 60 to 75 % of it, or 120 to 130 %: a contraction below a
    third of the strongest is no repetition by the coach's rule.
    """
    count = int(rng.integers(6, 10))
    base, length_ms, gap_ms = rng.uniform(0.35, 0.55), rng.uniform(1600, 3000), rng.uniform(500, 1000)
    begin = 6000.0
    n_ms = round(begin + count * 1.1 * (length_ms + gap_ms) + SET_PAUSE_MS + 3000)
    activation = np.zeros(n_ms)
    for at in (1500.0, 3200.0):
        activation += base * rng.uniform(0.1, 0.2) * hump(n_ms, at, 200, rng.uniform(0, 300), 200)
    names = ["rep by the muscle", "rep_start", "rep_turn", "rep_end", "squeeze", "peak below", "set"]
    truths: dict[str, list[Truth]] = {name: [] for name in names}
    ends: list[float] = []
    at = begin
    for number in range(count):
        weak = number >= 3 and rng.random() < 0.45
        share = rng.uniform(0.95, 1.05) if number < 3 else rng.uniform(0.6, 0.75) if weak else rng.uniform(1.2, 1.3)
        takes_ms = length_ms * rng.uniform(0.9, 1.1)
        up_ms = takes_ms * rng.uniform(0.4, 0.55)
        top = base * share
        curve = top * hump(n_ms, at, up_ms, 0, takes_ms - up_ms)
        activation += curve
        turn, end = at + up_ms, at + takes_ms
        ends.append(crossing(curve, 0.3 * top, turn, end, rising=False))
        truths["rep_start"].append(Truth(crossing(curve, 0.1 * top, at, turn, rising=True)))
        truths["rep_turn"].append(Truth(turn))
        truths["rep_end"].append(Truth(ends[-1]))
        if weak:
            truths["squeeze"].append(Truth(crossing(curve, 0.7 * top, turn, end, rising=False)))
            truths["peak below"].append(Truth(ends[-1] + 200))
        at = end + gap_ms * rng.uniform(0.9, 1.1)
    truths["rep by the muscle"] += [Truth(ends[max(number, 2)] + 200) for number in range(count)]
    truths["set"].append(Truth(ends[-1] + 200 + SET_PAUSE_MS, count, count))
    n_ms = round(ends[-1] + SET_PAUSE_MS + 2500)
    return build(rng, activation[:n_ms, None], truths)


def movements(rng: np.random.Generator) -> Body:
    """A set of movements with the muscle, without it, or without it after the first three; two unlike ones well before.

    Where the muscle took part in three, and then in some only, the two witnesses disagree on the count.
    They stand at their turn for half a second at most: a muscle that works for half a second in a limb that has been
    still for 200 ms is a hold by the coach's rule.
    """
    count = int(rng.integers(6, 10))
    far, up_ms, down_ms = rng.uniform(50, 110), rng.uniform(800, 1600), rng.uniform(800, 1800)
    stand_ms, gap_ms = rng.choice([0.0, 300.0, 500.0]), rng.uniform(100, 600)
    begin = 13_000.0
    n_ms = round(begin + count * 1.1 * (up_ms + stand_ms + down_ms + gap_ms) + SET_PAUSE_MS + 5000)
    activation, angle = np.zeros(n_ms), np.zeros(n_ms)
    for at, degrees in ((1500.0, 20.0), (4500.0, 45.0)):
        angle += degrees * hump(n_ms, at, 700, 0, 900)
    names = ["rep by motion", "passive", "engagement", "rep_disputed", "hold_start"]
    truths: dict[str, list[Truth]] = {name: [] for name in names}
    share = rng.choice([0.0, 0.6, 1.0], p=[0.25, 0.5, 0.25])  # of those without the muscle
    ends: list[float] = []
    silent: list[bool] = []
    at = begin
    for number in range(count):
        pace = rng.uniform(0.95, 1.05)
        legs = (up_ms * pace, stand_ms, down_ms * pace)
        angle += far * rng.uniform(0.95, 1.05) * hump(n_ms, at, *legs)
        silent.append(bool(rng.random() < share and (number >= 3 or share == 1.0)))
        if not silent[-1]:
            activation += rng.uniform(0.3, 0.6) * hump(n_ms, at, *legs)
        ends.append(at + sum(legs))
        at = ends[-1] + gap_ms
    told = [ends[max(number, 2)] for number in range(count)]
    truths["rep by motion"] += [Truth(t) for t in told]
    truths["passive"] += [Truth(t) for t, is_silent in zip(told, silent, strict=True) if is_silent]
    n_ms = round(ends[-1] + 3000)
    engaged = 1000 * silent.count(False) / count
    truths["engagement"].append(Truth(n_ms, engaged - 50, engaged + 50))
    if 0 < silent.count(True) < count:
        truths["rep_disputed"].append(Truth(n_ms, count, count))
    return build(rng, activation[:n_ms, None], truths, angle_deg=angle[:n_ms:IMU_MS])


def team(rng: np.random.Generator) -> Body:
    """Target, helper, stabiliser and antagonist: a helper that takes over or not, a stabiliser that joins or not."""
    units, unit_ms, rest_ms = 10, 3500, 1500
    n_ms = rest_ms + units * (unit_ms + rest_ms) + 500
    activation = np.zeros((n_ms, 4))
    truths: dict[str, list[Truth]] = {name: [] for name in "leak stabiliser isolation cocontraction".split()}
    usual = rng.uniform(0.2, 0.5)
    for unit in range(units):
        begin = rest_ms + unit * (unit_ms + rest_ms)
        end = begin + unit_ms
        target = rng.uniform(0.3, 0.6) * ramps(n_ms, begin, end, 400)
        share = np.full(n_ms, usual * rng.uniform(0.85, 1.15))
        if unit >= 3 and rng.random() < 0.5:
            since = begin + rng.uniform(900, 1700)
            taken = ramps(n_ms, since, since + rng.uniform(900, 1500), 150)
            share += (rng.uniform(1.2, 1.8) - share) * taken
            truths["leak"].append(Truth(crossing(share, 0.8, since, end, rising=True) + 300))
        joins = rng.uniform(0.4, 0.8)
        if rng.random() < 0.5:
            joins = 0.0
            truths["stabiliser"].append(Truth(crossing(target, 0.2, begin, end, rising=True) + 1000))
        part = np.stack([target, target * share, target * joins, target * rng.uniform(0, 0.3)], axis=1)
        activation += part
        isolation = 1000 * part[:, 0].sum() / part.sum()
        both = 2000 * np.minimum(part[:, 0], part[:, 3]).sum() / (part[:, 0] + part[:, 3]).sum()
        truths["isolation"].append(Truth(end, isolation - 100, isolation + 100))
        truths["cocontraction"].append(Truth(end, both - 100, both + 100))
    roles: dict[str, int | str] = {"ch1_role": "helper", "ch2_role": "stabiliser", "ch3_role": "antagonist"}
    return build(rng, activation, truths, settings=roles, crosstalk=0.05)


def sides(rng: np.random.Generator) -> Body:
    """Left and right at a time or in turn, even or not by 150 to 300 permille either way."""
    units, unit_ms, rest_ms = 10, 2000, 1500
    in_turn = bool(rng.random() < 0.5)
    step_ms = 2 * unit_ms if in_turn else unit_ms + rest_ms
    n_ms = rest_ms + unit_ms + units * step_ms + rest_ms
    activation = np.zeros((n_ms, 2))
    truths: dict[str, list[Truth]] = {"uneven sides": []}
    for unit in range(units):
        begin = rest_ms + unit_ms + unit * step_ms
        index = rng.uniform(-0.02, 0.02)
        if unit and rng.random() < 0.6:  # the first of those in turn has no whole cycle behind it
            index = rng.uniform(0.15, 0.3) * rng.choice([-1.0, 1.0])
            low, high = (75.0, math.inf) if index > 0 else (-math.inf, -75.0)
            truths["uneven sides"].append(Truth(begin + unit_ms, low, high))
        mean = rng.uniform(0.3, 0.45)
        other = begin - unit_ms if in_turn else begin
        activation[:, 0] += mean * (1 + index) * ramps(n_ms, begin, begin + unit_ms, 300)
        activation[:, 1] += mean * (1 - index) * ramps(n_ms, other, other + unit_ms, 300)
    return build(rng, activation, truths, settings={"ch1_role": "mirror"}, crosstalk=0.05)


def tiring(rng: np.random.Generator) -> Body:
    """A set of fourteen of a muscle that tires fully, a little or not, with a last repetition that digs in or not.

    Fully: its spectrum is compressed to 0.55 to 0.65 and its amplitude rises by 0.4 to 0.6; a little: to 0.8 to 0.86,
    by 0.15 to 0.3. It gets there with 60 % of the set's work: the coach wants two repetitions to agree before it tells.
    The muscle that does not tire may be asked for up to 30 % more force, which is no fatigue.
    """
    count, length_ms, gap_ms = 14, rng.uniform(1700, 2400), rng.uniform(500, 800)
    step_ms = length_ms + gap_ms
    n_ms = round(2000 + count * step_ms + 1000)
    activation = np.zeros(n_ms)
    kind = str(rng.choice(["fully", "little", "fresh"], p=[0.45, 0.1, 0.45]))
    base, more = rng.uniform(0.3, 0.45), rng.uniform(0, 0.3) if kind == "fresh" else 0.0
    digs_in = bool(rng.random() < 0.5)
    spans: list[slice] = []
    for number in range(count):
        begin = 2000 + number * step_ms
        top = base * (1 + more * number / count) * rng.uniform(0.95, 1.05)
        if number == count - 1 and digs_in:
            top *= rng.uniform(1.6, 1.9)
        activation += top * hump(n_ms, begin, length_ms / 2, 0, length_ms / 2)
        spans.append(slice(round(begin), round(begin + length_ms)))
    made = fresh(rng)
    if kind != "fresh":
        made = replace(
            made,
            endurance_s=0.6 * float(np.maximum(activation - made.fatigue_level, 0).sum()) / 1000,
            tired_median=rng.uniform(0.8, 0.86) if kind == "little" else rng.uniform(0.55, 0.65),
            tired_gain=rng.uniform(1.15, 1.3) if kind == "little" else rng.uniform(1.4, 1.6),
        )
    truths: dict[str, list[Truth]] = {"tiring": [], "stop": [], "dig_in": []}
    index = _fatigue_index(muscle.tiredness(activation, made), activation, spans, made)
    for name, line in (("tiring", TIRING), ("stop", STOP)):
        over = [number for number in range(count) if index[number] >= line]
        if over:
            truths[name].append(Truth(spans[over[0]].stop))
    if digs_in:
        truths["dig_in"].append(Truth(n_ms))
    return build(rng, activation[:, None], truths, muscles=[made])


def long_hold(rng: np.random.Generator) -> Body:
    """A hold of half a minute of a muscle that tires, or is relieved by a helper in the second half, or neither.

    The coach's units are the seconds from the fifth on, the first three of them its reference. The helper has no habit
    yet: it takes over when it does more than one and a half of what the target does.
    """
    begin, length = 1500, round(rng.uniform(26_000, 34_000))
    n_ms = begin + length + 2000
    inside = ramps(n_ms, begin, begin + length, 400)
    target = rng.uniform(0.3, 0.4) * inside
    share = np.full(n_ms, rng.uniform(0.2, 0.5))
    truths: dict[str, list[Truth]] = {"tiring in a hold": [], "stop in a hold": [], "leak late in a hold": []}
    made = fresh(rng)
    if rng.random() < 0.5:
        work_s = float(np.maximum(target - made.fatigue_level, 0).sum()) / 1000
        made = replace(
            made, endurance_s=0.7 * work_s, tired_median=rng.uniform(0.45, 0.55), tired_gain=rng.uniform(1.5, 1.8)
        )
    elif rng.random() < 0.7:
        since = begin + rng.uniform(16_000, 22_000)
        share += (rng.uniform(1.9, 2.3) - share) * ramps(n_ms, since, since + rng.uniform(1500, 3000), 150)
        truths["leak late in a hold"].append(Truth(crossing(share, 1.5, since, n_ms, rising=True) + 300))
    spans = [slice(at, at + 1000) for at in range(begin + 5000, begin + length - 1000, 1000)]
    index = _fatigue_index(muscle.tiredness(target, made), target, spans, made)
    for name, line in (("tiring in a hold", TIRING), ("stop in a hold", STOP)):
        over = [number for number, value in enumerate(index) if value >= line]
        if over:
            truths[name].append(Truth(spans[over[0]].stop))
    activation = np.stack([target, target * share], axis=1)
    return build(rng, activation, truths, settings={"ch1_role": "helper"}, muscles=[made, fresh(rng)])


def _fatigue_index(tired: Samples, activation: Samples, spans: list[slice], made: muscle.Muscle) -> list[float]:
    """Of each repetition: the fall of the mobility, and as much of the rise of amplitude as that bears out.

    Mobility (Hjorth 1970) of the model's spectrum behind filters of 20 and 450 Hz: it falls by four fifths of what the
    median frequency does.
    """
    levels = [float(np.average(tired[span], weights=activation[span] + 1e-9)) for span in spans]
    mobility = [_mobility(made.median_hz, 1 - (1 - made.tired_median) * level) for level in levels]
    force = [float(np.mean(activation[span])) for span in spans]
    amplitude = [(1 + (made.tired_gain - 1) * level) * pull for level, pull in zip(levels, force, strict=True)]
    fall = [1 - value / np.mean(mobility[:3]) for value in mobility]
    rise = [value / np.mean(amplitude[:3]) - 1 for value in amplitude]
    return [float(f + max(0.0, min(f, r))) for f, r in zip(fall, rise, strict=True)]


def _mobility(median_hz: float, pace: float) -> float:
    """Root of the power of the differences over the power, of a spectrum that is compressed to `pace`."""
    hz = np.arange(0.5, 500.0, 0.5)
    power = muscle.power_density(hz / pace, median_hz) / (1 + (20 / hz) ** 4) / (1 + (hz / 450) ** 4)
    return math.sqrt(float(np.sum(power * 4 * np.sin(np.pi * hz / 1000) ** 2) / np.sum(power)))


def reacting(rng: np.random.Generator, cue_ms: float | None) -> Body:
    """A hold in which the muscle lets go, and comes back some time after the cue, or never.

    Cues are the device's, so that it takes two runs: in the first (`cue_ms` None) the muscle stays away, and the cue's
    time comes out; the second has the same muscle and noise, and the wearer reacts to that cue. The answer can be told
    when the muscle is back and the motor no longer shakes, and has been for 100 ms.
    """
    level, react_ms = rng.uniform(0.3, 0.6), rng.uniform(200, 700)
    lets_go, is_answered = rng.uniform(3000, 5000), rng.random() < 0.7
    n_ms, fall_ms, rise_ms = 9000, rng.uniform(50, 200), rng.uniform(50, 150)
    curve = level * ramps(n_ms, 1000, 2 * n_ms, 300)
    truths: dict[str, list[Truth]] = {"response": []}
    back = math.inf
    if cue_ms is not None and is_answered:
        back = cue_ms + react_ms
    curve *= 1 - ramps(n_ms, lets_go, min(back + rise_ms, 2 * n_ms), fall_ms, rise_ms)
    if cue_ms is not None and is_answered:
        told = max(crossing(curve, level / 2, back, n_ms, rising=True), cue_ms + CUE_MS) + 100
        truths["response"].append(Truth(told, told - cue_ms - 350, told - cue_ms + 350))
    return replace(build(rng, curve[:, None], truths, settings={"cue_fade": "off"}), cued=True)


SCENES: dict[str, Callable[[np.random.Generator], Body]] = {
    "holds": holds,
    "reps": reps,
    "movements": movements,
    "team": team,
    "sides": sides,
    "tiring": tiring,
    "long hold": long_hold,
}


def make(scene: str, seed: int) -> Body:
    """The body of a scene; those that answer to cues are made by `reacting`."""
    return SCENES[scene](np.random.default_rng([list(SCENES).index(scene), seed]))
