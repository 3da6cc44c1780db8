"""The kernel on real recordings: one set of defaults, judged by the arrays in each file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth
import truth_kernel


@cache
def judged(data_dir: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Arrays and figures of every file with EMG, by name."""
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for path in sorted(data_dir.glob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if "emg" in arrays:
            scale_uv = truth.scale_of(arrays).get("scale_uv")
            found[path.stem] = arrays, truth_kernel.judge(path, arrays, truth.target_of(arrays), scale_uv)
    return found


@pytest.fixture(scope="module")
def files(data_dir: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    return judged(data_dir)


def test_display_envelope_follows_the_force(files) -> None:
    """Causal, and yet at most 0.02 below the look-ahead reference in the median."""
    less = [row["force_r_less_reference"] for _, row in files.values() if "force_r_less_reference" in row]
    assert len(less) == 21 and np.median(less) >= -0.02


@pytest.mark.parametrize(
    ("name", "count", "abs_error_ms"),
    [("burst_thumb_01", 21, 40), ("burst_bmc_01", 3, 40), ("burst_biceps_01", 9, 100)],
)
def test_onsets_of_bursts(files, name: str, count: int, abs_error_ms: float) -> None:
    """Abrupt ones within 40 ms; the slow biceps within what its labels are good for, 100 ms."""
    _, row = files[name]
    assert row["onsets_told"] == row["onsets_true"] == count
    assert row["onset_abs_error_ms_median"] <= abs_error_ms


def test_no_onset_at_rest(files) -> None:
    rests = [(arrays, row) for arrays, row in files.values() if bool(arrays.get("rest", False))]
    assert rests and all(row["onsets_told"] == 0 for _, row in rests)


def test_mains_is_named_where_it_is_and_nowhere_else(files) -> None:
    for name, (arrays, row) in files.items():
        named = set(row["mains_named_hz"]) - {0}
        assert named == ({int(arrays["mains_hz"])} if "mains_hz" in arrays else set()), name
        assert all(down >= 20 for down in row["mains_line_down_db"]), name
    assert np.median([row["emg_lost_db"] for _, row in files.values() if "emg_lost_db" in row]) <= 0.5


def test_clipped_blocks_and_artefacts_are_marked(files) -> None:
    _, pulling = files["bilat_sub01_pulling"]
    assert pulling["clipped_blocks"] > 300 and pulling["clipped_marked"] >= 0.9 * pulling["clipped_blocks"]
    noisy = [row for _, row in files.values() if "artefacts" in row]
    assert len(noisy) == 2
    assert sum(row["onsets_in_artefacts"] for row in noisy) == 0
    assert sum(row["artefacts_marked"] for row in noisy) == sum(row["artefacts"] for row in noisy)
    assert max(row["spike_share"] for _, row in files.values() if "artefacts" not in row) < 0.02
