"""Fatigue on real recordings, as they are and backwards, on a muscle whose truth is known, and on the device."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth_fatigue
import truth_kernel
from core.test_fatigue import ADVICE, DIG_IN, LEVEL, TIRING, Rig, Told, kernel_words, kinds

from mmc_core import chain, event, features, onset
from mmc_core.coach import fatigue
from mmc_host import firmware
from mmc_host.body import muscle


@pytest.fixture(scope="module")
def files(data_dir: Path) -> dict[str, dict[str, Any]]:
    return {name: row for name, (_, row) in truth_kernel.judge_all(data_dir, truth_fatigue.judge).items()}


def test_fatigue_rises_over_a_set_to_exhaustion(files) -> None:
    row = files["fatigue_biceps_01"]
    assert row["fatigue_units"] == 30
    assert row["fatigue_index_rho"] >= 0.95  # wanted: 0.8
    assert row["fatigue_amplitude_rho"] >= 0.8 and row["fatigue_spectrum_rho"] <= -0.9
    assert row["fatigue_reversed_index_rho"] <= -0.95
    assert row["fatigue_spectrum_mdf_r"] >= 0.9
    assert row["fatigue_amplitude_permille"] == pytest.approx(550, abs=150)  # the collector's RMS: +55 %
    assert row["fatigue_spectrum_permille"] == pytest.approx(-250, abs=50)  # the collector's mean frequency: -25 %
    assert row["fatigue_tiring_told"] == 3 and row["fatigue_recovery_told"] == 0


def test_what_is_told_of_that_set(data_dir) -> None:
    """Fatigue in three steps, then stop at the last repetition; nothing of form, which stays."""
    path = data_dir / "fatigue_biceps_01.npz"
    arrays = truth_kernel.load(path)
    words = truth_fatigue.run_kernel(truth_kernel.counts_of(path, [0]))
    spans = list(zip(arrays["onsets_s"], arrays["offsets_s"], strict=True))
    told = truth_fatigue.run_reps(words, spans).told
    tiring = (event.EVENT_TIRING, event.REASON_FATIGUE)
    assert [row[:2] for row in told] == [tiring] * 3 + [(event.EVENT_ADVICE, event.REASON_STOP)]
    ends = np.searchsorted(arrays["offsets_s"], [row.t_samples / 1000 - 0.05 for row in told]) + 1
    assert 10 <= ends[0] <= 15 and ends[3] >= 28  # repetitions


def test_the_frequency_of_holds_goes_where_the_reference_says_and_back(files) -> None:
    summary = truth_fatigue.summarise(list(files.values()))
    assert summary["fatigue_sign_right"] == summary["fatigue_sign_right_of"] == 4
    assert summary["fatigue_reversed_sign_right"] == summary["fatigue_reversed_sign_right_of"] == 4
    assert summary["fatigue_offline_sign_right"] == summary["fatigue_offline_sign_right_of"] >= 3


def test_backwards_is_the_opposite_in_every_clear_hold(files) -> None:
    """Where the slope is more than twice its error, whatever the file's reference says or does not say."""
    clear = [row for name, row in files.items() if name.startswith("iso_") and abs(row["fatigue_slope_t"]) > 2]
    assert len(clear) >= 10
    assert all(row["fatigue_slope_t"] * row["fatigue_reversed_slope_t"] < 0 for row in clear)


def test_level_weighted_mobility_is_the_better_frequency(data_dir) -> None:
    found = truth_fatigue.compare_proxies(data_dir)
    holds, sets = found["mobility by level"]
    assert holds > found["crossings"][0] + 0.05 and sets > found["crossings"][1]
    assert holds > found["mobility, median"][0]
    assert holds > 0.45 and sets > 0.9


def test_verdicts_do_not_hang_on_single_constants(data_dir) -> None:
    found = truth_fatigue.grid(data_dir)
    assert len(found) == 54
    assert found[tuple(getattr(fatigue, name) for name in truth_fatigue.GRID)]
    assert sum(found.values()) >= 0.8 * len(found)


def test_the_judges_can_fail(data_dir) -> None:
    """A set whose order is lost, and holds against the opposite reference, do not pass."""
    for case in truth_fatigue.cases(data_dir):
        assert truth_fatigue.passes(case)
        arrays = dict(case.arrays)
        if truth_fatigue.is_set(arrays):
            assert not truth_fatigue.passes(case._replace(words=case.words[::-1]))
        else:
            arrays["ref_mdf_slope_hz_per_s"] = -arrays["ref_mdf_slope_hz_per_s"]
            assert not truth_fatigue.passes(case._replace(arrays=arrays))
    assert truth_fatigue.judge(Path("none"), {"emg": np.zeros((10, 1)), "rest": np.array(True)}) == {}


# Synthetic muscles


def mobility_of(median_hz: float) -> float:
    """Of the synthetic spectrum, behind the device's high-pass and low-pass."""
    hz = np.arange(0.5, 500, 0.5)
    power = muscle.power_density(hz, median_hz) / (1 + (20 / hz) ** 4) / (1 + (hz / 450) ** 4)
    return math.sqrt(float(np.sum(power * np.sin(np.pi * hz / 1000) ** 2) / np.sum(power)))


def test_spectrum_follows_the_truth_of_a_tiring_hold() -> None:
    """The muscle's own median falls to 70 % over 20 s, then stays: the device says by how much its mobility fell."""
    for seed in range(6):
        median_hz = 70.0 + 8 * seed
        one = muscle.Muscle("biceps brachii", 400, median_hz, endurance_s=7.0)
        activation = np.full(32_000, LEVEL)
        rows = kernel_words(activation, seed, 40, median_hz=median_hz, endurance_s=7.0)
        rig = Rig()
        rig.fatigue.begin_hold(rig.t)
        told: list[Told] = []
        for row in rows[100:3100]:
            rig.take(row)
            told += rig.told()
        first = muscle.tiredness(activation, one)[1000:4000].mean()
        wanted = 1000 * mobility_of(median_hz * 0.7) / mobility_of(median_hz * (1 - 0.3 * first)) - 1000
        assert rig.fatigue.spectrum_permille == pytest.approx(wanted, abs=60)
        assert [row[3] for row in told if row[:2] == (TIRING, event.REASON_FATIGUE)][:2] == [120, 240]


# The device

PROGRAM = """
import json
import micropython
from array import array
from mmc_core.coach.fatigue import Fatigue
from mmc_core.coach.outbox import Outbox

rows = json.load(open("rows.json"))
box = Outbox()
fatigue = Fatigue({}, box, 2)
words = array("I", bytes(4 * WORDS))
told = []
t = 1 << 28

def play(row):
    global t
    for i in range(len(PLACES)):
        words[PLACES[i]] = row[i]
    micropython.heap_lock()
    for _ in range(row[4]):
        t += 10
        fatigue.step(words, True, t)
    if row[5] == 0:
        fatigue.end_rep(10 * row[4], t)
    elif row[5] == 1:
        fatigue.begin_hold(t)
    elif row[5] == 2:
        fatigue.end_hold(t)
    elif row[5] == 3:
        fatigue.end_set(t)
    micropython.heap_unlock()
    for i in range(box.count):
        told.append((box.kinds[i], box.reasons[i], box.values[i], box.thresholds[i], box.times[i]))
    box.clear()

for row in rows:
    play(row)
print(json.dumps(told))
"""
PLACES = (chain.OUT_LEVEL_Q3, features.OUT_MOBILITY_Q12, chain.OUT_DISPLAY, chain.OUT_FAST)


def test_the_device_tells_the_same_with_its_heap_locked(tmp_path: Path, mpy: Path) -> None:
    """Repetitions that tire, slow and dig in, a trembling hold, full scale: the same events, nothing allocated."""
    rows = [[1600, 250, 500, 500, 200, 0]] * 3 + [[2600, 130, 520, 500, 320, 0]] * 6
    rows += [[2600, 130, 900, 500, 320, 0], [0, 0, 0, 0, 1, 3]]
    rows += [[2**19, 16384, 4095, 4095, 1200, 0]] * 5 + [[0, 0, 0, 0, 1, 3]]
    rows += [[1600, 250, 500, 500, 1, 1]] + [[1600, 250, 500, 500, 100, 4]] * 5
    rows += [[1600, 200, 500, 200 + 600 * (i % 2), 8, 4] for i in range(80)]
    rows += [[1600, 200, 500, 500, 10, 2], [0, 0, 0, 0, 1, 3]]
    rig = Rig()
    rig.t = 1 << 28
    wanted: list[Told] = []
    for row in rows:
        block = [0] * onset.ALL_WORDS
        for place, value in zip(PLACES, row[:4], strict=True):
            block[place] = value
        rig.take(block, row[4])
        if row[5] == 0:
            rig.fatigue.end_rep(10 * row[4], rig.t)
        elif row[5] < 4:
            (rig.fatigue.begin_hold, rig.fatigue.end_hold, rig.fatigue.end_set)[row[5] - 1](rig.t)
        wanted += rig.told()
    seen = set(kinds(wanted))
    assert {(DIG_IN, event.REASON_ABOVE), (TIRING, event.REASON_TREMOR), (TIRING, event.REASON_FATIGUE)} <= seen
    assert {(ADVICE, event.REASON_STOP), (ADVICE, event.REASON_LESS_LOAD), (ADVICE, event.REASON_FEWER_REPS)} <= seen
    tree = firmware.stage(tmp_path / "tree")
    (tree / "rows.json").write_text(json.dumps(rows))
    (tree / "probe.py").write_text(f"WORDS = {onset.ALL_WORDS}\nPLACES = {PLACES}\n{PROGRAM}")
    done = subprocess.run(
        [mpy, "-X", "heapsize=220k", "probe.py"],
        cwd=tree,
        env={**os.environ, "MICROPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert [tuple(row) for row in json.loads(done.stdout)] == wanted


def test_a_step_is_twice_what_is_clear() -> None:
    """So that the quadrant always has a name when a step is told."""
    assert fatigue._STEP >= 2 * fatigue._CLEAR
