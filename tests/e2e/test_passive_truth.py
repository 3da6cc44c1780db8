"""Repetitions gone through are called passive, repetitions done are not, on recorded movements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth_kernel
import truth_motion
import truth_passive

from mmc_host.body import muscle

Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def files(data_dir: Path) -> Files:
    return {name: row for name, (_, row) in truth_kernel.judge_all(data_dir, truth_passive.judge).items()}


@pytest.mark.slow
def test_passive_and_active_are_told_apart(files: Files) -> None:
    found = truth_passive.summarise(list(files.values()))
    assert found["files"] == 18
    assert found["passive_silent_share"] >= 0.95 and found["passive_silent_reps"] >= 1000
    for work in ("synthetic", "recorded"):
        assert found[f"passive_{work}_share"] <= 0.05 and found[f"passive_{work}_reps"] >= 1000


@pytest.mark.slow
def test_repetitions_count_whatever_the_muscle_does(files: Files) -> None:
    """Motion counts them: nearly all of a silent muscle's too, at every noise."""
    for name, row in files.items():
        for work, by_snr in row.items():
            for snr_db, one in by_snr.items():
                true = 40 if "jumping" in name else 22 if "squat" in name else 20
                assert abs(one["reps"] - true) <= 1, (name, work, snr_db)


def test_one_movement_at_a_time(data_dir: Path) -> None:
    path = data_dir / "imu_row_s03R.npz"
    readings = truth_motion.counts_of(truth_kernel.load(path))
    pool = truth_passive.contractions(data_dir)
    assert len(pool) >= 80  # knees, biceps, thumb, arms
    assert truth_passive.count(readings, "silent", 30, pool, 7) == {"reps": 19, "passive": 19}
    assert truth_passive.count(readings, "recorded", 30, pool, 7) == {"reps": 19, "passive": 0}


def test_emg_is_as_large_as_asked_for() -> None:
    """Rest 20 dB below a contraction at the reference; in a movement the peak is within what was drawn."""
    spans = [(1000 + 3000 * k, 3000 + 3000 * k) for k in range(10)]
    draw = {
        work: truth_passive.emg_uv(32_000, spans, work, 20, 300.0, (), np.random.default_rng(4))
        for work in ("silent", "synthetic")
    }
    reference_rms = 300 / muscle.RECTIFIED_PER_RMS
    assert np.sqrt(np.mean(draw["silent"] ** 2)) == pytest.approx(reference_rms / 10, rel=0.1)
    work_uv = draw["synthetic"] - draw["silent"]
    outside = np.ones(32_000, bool)
    tops: list[float] = []
    for first, last in spans:
        outside[first:last] = False
        smooth = np.convolve(np.abs(work_uv[first:last]), np.full(100, 0.01), "same")
        tops.append(float(smooth.max()) / 300)
    assert not work_uv[outside].any()
    assert min(tops) > 0.1 and max(tops) < 1.3 and max(tops) / min(tops) < 2.5


def test_a_recorded_contraction_fits_its_movement() -> None:
    rng = np.random.default_rng(1)
    long = truth_passive._recorded(400, (np.ones(1000),), rng)
    assert len(long) == 400 and long[0] == long[-1] == 0 and long[200] == 1
    short = truth_passive._recorded(400, (np.ones(300),), rng)
    assert np.flatnonzero(short).tolist() == list(range(50, 350))
