#!/usr/bin/env python3
"""Precision and recall of every kind of event on synthetic bodies with known truth, over signal-to-noise ratios.

In:     scenes of event_scenes.py, seeded; nothing else
Out:    a table, `build/events.svg`, and figures for `build/bench.json`; `--truths N` is how many per kind at least
State:  none; the same numbers in every run
Source: the device's kernel (mmc_host/replay.py) and coach (mmc_core/coach/team.py), as they stand

The signal-to-noise ratio is the power of the EMG at 40 % of the reference, a working contraction, over that of white
noise at the front end, 0 to 500 Hz. At the reference itself it would be 8 dB more, which nobody has while training.
The same bodies are heard at every ratio. The motion sensor's noise stays what a consumer part has.

An event answers a truth of its kind if its time, and its value where the truth names one, is within what
event_bodies.py states; each answers one. Precision is answers over events, recall answers over truths, each with its
95 % interval (Wilson 1927, J Am Stat Assoc 22:209).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import event_bodies
import event_curves
import event_scenes
import numpy as np
from event_bodies import QUESTIONS, Body, Question, Truth

from mmc_core import event
from mmc_core.coach.team import Coach
from mmc_core.cue import CuePolicy
from mmc_core.features import OUT_MOBILITY_Q12
from mmc_core.kernel import Kernel
from mmc_core.sample import BLOCK_SAMPLES
from mmc_core.settings import Settings
from mmc_device.haptic import Haptic
from mmc_host.body import bodyfile, muscle
from mmc_host.replay import replay

Figures = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
SNRS_DB = (6, 10, 15, 20, 30)
WORK = 0.4  # of the reference: where the ratio is defined
TRUTHS = 200  # of each kind
FEW_TRUTHS = 8  # for a bench of which this is a small part
GOAL, GOAL_DB = 0.95, 15
_Z = 1.96


class Told(NamedTuple):
    """An event of the coach."""

    kind: int
    reason: int
    value: int
    t_ms: int


class Count(NamedTuple):
    """Truths, events, and how many of them belong to each other."""

    truths: int = 0
    told: int = 0
    matched: int = 0

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(self.truths + other.truths, self.told + other.told, self.matched + other.matched)


class _Motor:
    """A motor that only the haptic knows of, and who hears of its faults."""

    def on(self, strength_pct: int) -> None:
        """Nothing to turn."""

    def off(self) -> None:
        """Nothing to stop."""

    def note(self, code: int, detail: int) -> None:
        """It has no faults."""


def noise_uv(snr_db: float) -> float:
    """RMS of the noise at the front end, microvolt."""
    return event_bodies.MVC_UV * WORK / muscle.RECTIFIED_PER_RMS * 10 ** (-snr_db / 20)


def listen(body: Body, snr_db: float, busy: Sequence[bool] = ()) -> tuple[list[Told], list[bool]]:
    """What the device tells of a body, and in which blocks the motor then runs.

    Args:
        body: who wears it.
        snr_db: how loud the noise is.
        busy: blocks in which the motor shakes the electrodes, as an earlier run gave them.
    """
    blocks, channels = len(body.emg_uv) // BLOCK_SAMPLES, body.emg_uv.shape[1]
    hiss_uv = noise_uv(snr_db)
    counts, _ = bodyfile.emg_counts(body.emg_uv + hiss_uv * body.noise)
    kernel = Kernel(channels, 0, bodyfile.RAIL_COUNTS, 50, nv_per_count=bodyfile.NV_PER_COUNT)
    config = Settings()
    for channel in range(channels):
        kernel.set_reference(channel, round(8 * event_bodies.MVC_UV * 1000 / bodyfile.NV_PER_COUNT), 0)
        config.put(f"ch{channel}_reference_nv", round(event_bodies.MVC_UV * 1000))
        config.put(f"ch{channel}_rest_nv", round(1000 * hiss_uv * muscle.RECTIFIED_PER_RMS))
        config.put(f"ch{channel}_reference_kind", "mvc")
    for name, value in body.settings.items():
        config.put(name, value)
    blank = np.zeros(blocks, np.bool_)
    blank[: len(busy)] = busy
    words = replay(kernel, counts, blank, threads=1).words[..., : OUT_MOBILITY_Q12 + 1].astype(np.int64).tolist()
    return _coached(body, config, words)


def _coached(body: Body, config: Settings, words: list[list[list[int]]]) -> tuple[list[Told], list[bool]]:
    facts = SimpleNamespace(
        EMG_CHANNELS=body.emg_uv.shape[1],
        IMU_ACCEL_COUNTS_PER_G=bodyfile.ACCEL_COUNTS_PER_G,
        IMU_GYRO_COUNTS_PER_DPS=bodyfile.GYRO_COUNTS_PER_DPS,
        MOTOR_SPIN_DOWN_MS=60,
    )
    coach = Coach(config, facts)
    cue = CuePolicy(config, coach.outbox)
    motor = _Motor()
    haptic = Haptic(motor, facts, motor.note)
    haptic.configure(config)
    readings = None if body.imu is None else [array("h", row) for row in body.imu.tolist()]
    told: list[Told] = []
    busy: list[bool] = []
    t_ms = 0
    for block, out in enumerate(words):
        busy.append(haptic.is_busy(t_ms))
        t_ms += BLOCK_SAMPLES
        haptic.tick(t_ms)
        coach.step(out, None if readings is None else readings[block], t_ms, busy[-1])
        _collect(coach.outbox, told)
        if body.cued:
            for at in range(coach.outbox.count):
                cue.hear(at)
            pattern = cue.next(busy[-1], t_ms)
            if pattern != event.CUE_NONE:
                coach.hear_cue(pattern, t_ms)
                haptic.play(pattern, t_ms)
                told.append(Told(event.EVENT_CUE, pattern, 0, t_ms))
    coach.close(t_ms)
    _collect(coach.outbox, told)
    return told, busy


def _collect(outbox: Any, told: list[Told]) -> None:
    for at in range(outbox.count):
        told.append(Told(outbox.kinds[at], outbox.reasons[at], outbox.values[at], outbox.times[at]))


def reacted(seed: int, snr_db: float) -> tuple[Body, list[Told]]:
    """A wearer who answers the device's own cue, and what is told then; nobody reacts where no cue came."""
    first = event_scenes.reacting(np.random.default_rng([99, seed]), None)
    told, busy = listen(first, snr_db)
    cues = [one.t_ms for one in told if one.kind == event.EVENT_CUE and one.reason == event.CUE_ENGAGE]
    body = event_scenes.reacting(np.random.default_rng([99, seed]), cues[0] if cues else None)
    return body, listen(body, snr_db, busy)[0]


def answers(question: Question, told: Sequence[Told]) -> list[Told]:
    """Events that answer a question, by time."""
    found = [
        one for one in told if one.kind == question.kind and (not question.reasons or one.reason in question.reasons)
    ]
    found.sort(key=lambda one: one.t_ms)
    return found[:1] if question.first else found


def match(question: Question, truths: Sequence[Truth], told: Sequence[Told]) -> Count:
    """Pair events and truths, each with one at most: the truth whose time runs out first takes the earliest event."""
    left = answers(question, told)
    count = Count(len(truths), len(left))
    for truth in sorted(truths):
        fits = (
            at
            for at, one in enumerate(left)
            if -question.early_ms <= one.t_ms - truth.t_ms <= question.late_ms and truth.low <= one.value <= truth.high
        )
        at = next(fits, None)
        if at is not None:
            del left[at]
            count = count.plus(Count(matched=1))
    return count


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    share, z = hits / of, _Z * _Z / of
    middle, half = share + z / 2, _Z * math.sqrt(share * (1 - share) / of + z / (4 * of))
    return max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))


def measure(
    truths: int = FEW_TRUTHS,
    snrs_db: Sequence[int] = SNRS_DB,
    scenes: Sequence[str] = (),
    progress: Callable[[str], None] = lambda text: None,
) -> Figures:
    """{question: {ratio in dB: figures}} with at least so many truths of every kind, where its scene has any."""
    counts: dict[str, dict[int, Count]] = {}
    for scene in scenes or (*event_scenes.SCENES, "reacting"):
        began = time.perf_counter()
        mine: dict[str, int] = {}
        seed = 0
        while not mine or min(number for number in mine.values()) < truths:
            for name, number in _judge(scene, seed, snrs_db, counts).items():
                if name != "hold_start" or scene == "holds":  # movements must not start any
                    mine[name] = mine.get(name, 0) + number
            seed += 1
        progress(f"{scene}: {seed} bodies, {time.perf_counter() - began:.1f} s")
    return {
        name: {snr_db: _figures(counts[name][snr_db]) for snr_db in snrs_db} for name in QUESTIONS if name in counts
    }


def _judge(scene: str, seed: int, snrs_db: Sequence[int], counts: dict[str, dict[int, Count]]) -> dict[str, int]:
    """Add one body to the counts; how many truths of each question it has."""
    body = None if scene == "reacting" else event_scenes.make(scene, seed)
    found: dict[str, int] = {}
    for snr_db in snrs_db:
        heard, told = reacted(seed, snr_db) if body is None else (body, listen(body, snr_db)[0])
        for name, truths in heard.truths.items():
            row = counts.setdefault(name, {})
            row[snr_db] = row.get(snr_db, Count()).plus(match(QUESTIONS[name], truths, told))
            found[name] = len(truths)
    return found


def _figures(count: Count) -> Figures:
    precision, recall = wilson(count.matched, count.told), wilson(count.matched, count.truths)
    return {
        "truths": count.truths,
        "told": count.told,
        "matched": count.matched,
        "precision": count.matched / count.told if count.told else None,
        "precision_interval": precision,
        "recall": count.matched / count.truths if count.truths else None,
        "recall_interval": recall,
    }


def table(found: Figures) -> str:
    """Precision and recall of every kind, a column for each ratio; `!` where one is below the goal."""
    snrs_db = list(next(iter(found.values())))
    lines = [f"{'precision/recall at':20}{'truths':>7}" + "".join(f"{snr_db:>10} dB" for snr_db in snrs_db)]
    for name, row in found.items():
        cells = [_cell(row[snr_db]) for snr_db in snrs_db]
        lines.append(
            f"{name:20}{max(one['truths'] for one in row.values()):7}" + "".join(f"{cell:>13}" for cell in cells)
        )
    return "\n".join(lines)


def _cell(row: Figures) -> str:
    parts = [" none" if row[key] is None else f"{row[key]:.3f}" for key in ("precision", "recall")]
    low = any(row[key] is None or row[key] < GOAL for key in ("precision", "recall"))
    return "/".join(parts) + ("!" if low else " ")


def draw(found: Figures) -> Path:
    """The curves, as build/events.svg."""
    target = ROOT / "build" / "events.svg"
    target.parent.mkdir(exist_ok=True)
    title = "What the coach tells of synthetic bodies: precision and recall"
    target.write_text(event_curves.draw(found, GOAL, GOAL_DB, title), encoding="utf-8")
    return target


def keep(found: Figures) -> None:
    """Put the figures into build/bench.json, beside what another bench left there."""
    target = ROOT / "build" / "bench.json"
    before: Figures = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    target.write_text(json.dumps({**before, "events": found}, indent=1), encoding="utf-8")


def main() -> int:
    """Measure, print, draw, and put the figures beside the bench's others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truths", type=int, default=TRUTHS, help="of every kind, at least")
    parser.add_argument("--scenes", nargs="*", default=(), help="only these")
    parser.add_argument("--snr", nargs="*", type=int, default=SNRS_DB, help="only these, dB")
    arguments = parser.parse_args()
    found = measure(arguments.truths, arguments.snr, arguments.scenes, print)
    print(table(found))
    print(f"wrote {draw(found).relative_to(ROOT)}")
    keep(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
