"""The kernel on real recordings: one set of defaults, judged by the arrays in each file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import float_chain
import numpy as np
import onset_grid
import pytest
import truth_delay
import truth_kernel
from project.test_documents import described_keys

from mmc_core import chain, onset
from mmc_core.coach import hold


@pytest.fixture(scope="module")
def files(data_dir: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    return truth_kernel.judge_all(data_dir, truth_kernel.judge)


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


def test_keys_are_described(files) -> None:
    described = described_keys("build/truth.json")
    rows = [row for _, row in files.values()]
    assert {key for row in rows for key in row} - {"delays"} <= described
    whole = {re.sub("_(median|max|min)$", "", key) for key in truth_kernel.summarise(rows)}
    assert whole | set(onset_grid.summarise(dict.fromkeys(onset_grid.GRID, True))) <= described | {"files"}


@pytest.fixture(scope="module")
def delays(files) -> dict[str, Any]:
    return truth_kernel.summarise([row for _, row in files.values()])["delay_ms"]


def test_delays_on_recordings(delays) -> None:
    """Medians, rising and falling, against what DESIGN's filters and the settings of the hold detector add up to."""
    up, down = delays["crossings"]
    assert up >= 50 and down >= 50
    within = {
        "fast": (0, 25, 0, 25),
        "envelope": (30, 60, 30, 60),
        "display": (70, 110, 90, 150),
        "fast_debounced": (100, 160, 50, 95),  # 80-ms mean, then 100 ms to regain, 30 ms to lose
        "envelope_debounced": (500, 560, 1000, 1060),  # 500 ms to enter, 1 s to leave
    }
    for row, (up_least, up_most, down_least, down_most) in within.items():
        assert up_least <= delays[row]["up"][1] <= up_most, row
        assert down_least <= delays[row]["down"][1] <= down_most, row
    assert all(delays[row]["n"] == [up, down] for row in ("fast", "envelope", "display"))
    assert delays["fast"]["early"][1] > delays["envelope"]["early"][1]  # a block alone is no detector


def test_filters_cost_the_delay_that_they_should(delays) -> None:
    """The low-pass less than half a block; the notch, which rings for 64 ms after mains or muscle, up to 20 ms."""
    for row in ("fast", "envelope"):
        for direction in truth_delay.DIRECTIONS:
            default = delays[row][direction][1]
            assert abs(delays[f"{row}_no_lowpass"][direction][1] - default) <= 5
            assert 0 <= default - delays[f"{row}_no_notch"][direction][1] <= 20


def test_envelope_without_delay_finds_steps_where_they_are() -> None:
    """Noise that is switched on and off: half of its level within 15 ms; the level is that of the causal chain."""
    rng = np.random.default_rng(5)
    on = np.zeros(8000, bool)
    on[1500:3500] = on[5000:6500] = True
    counts = np.rint(rng.normal(0, 1000, 8000) * on + rng.normal(0, 10, 8000)).astype(np.int16)
    envelope = float_chain.without_delay(counts)
    level = float_chain.causal(counts[:, None])[0][160:340].mean()
    found = list(truth_delay.crossings(envelope, level / 2))
    assert [up for _, up in found] == [True, False, True, False]
    assert np.abs(np.array([at for at, _ in found]) - [1500, 3500, 5000, 6500]).max() <= 15
    assert envelope[1700:3300].mean() == pytest.approx(level, rel=0.02)


def test_debounce_tells_a_change_when_it_has_lasted() -> None:
    """Ten blocks to regain, three to lose, on a mean over as many blocks as the hold detector's."""
    assert truth_delay.FAST_BLOCKS == hold._FAST_BLOCKS
    states = np.array([0] * 5 + [1] * 9 + [0] + [1] * 20 + [0] * 2 + [1] * 3 + [0] * 6, bool)
    told = truth_delay.debounced(states, "regain_ms", "lost_ms")
    assert np.flatnonzero(np.diff(told.astype(int))).tolist() == [15 + 9 - 1, 40 + 3 - 2]


def test_envelope_is_that_of_float64(files) -> None:
    """At most 0.1 % of full scale off anywhere, and one count at rest."""
    rows = [row for _, row in files.values()]
    assert len(rows) == 45 and sum(row["rest_channels"] for row in rows) >= 50
    assert max(row["envelope_error_pct_fs"] for row in rows) <= 0.1
    assert max(row["display_error_pct_fs"] for row in rows) <= 0.1
    assert max(row["envelope_error_rest_counts"] or 0 for row in rows) <= 1


def test_envelope_comes_to_rest_after_a_contraction() -> None:
    """Zeros after near full scale: two seconds later at most one count is left."""
    counts = np.random.default_rng(6).integers(-16383, 16384, (3000, 1)).astype(np.int16)
    counts[1000:] = 0
    words = truth_kernel.run(counts)[:, 0]
    error = words[:, chain.OUT_Q3] / 8 - float_chain.causal(counts)[1][:, 0]
    assert np.abs(error[-100:]).max() <= 1


def test_parametrised_onsets_are_those_of_the_device(data_dir) -> None:
    detect = onset_grid.detector()
    cases = onset_grid.cases(data_dir)
    assert detect is not None and len(cases) == 4
    for case in cases:
        counts = truth_kernel.counts_of(data_dir / f"{case.name}.npz", [0], truth_kernel.scale_uv_of(case.arrays))
        assert np.array_equal(detect(case.blocks, onset_grid.DEFAULT), truth_kernel.run(counts)[:, 0, onset.OUT_ONSET])
    deaf = (160, *onset_grid.DEFAULT[1:])
    assert not all(onset_grid.passes(case, detect(case.blocks, deaf)) for case in cases)


def test_onsets_do_not_hang_on_single_constants(data_dir) -> None:
    found = onset_grid.grid(data_dir)
    summary = onset_grid.summarise(found)
    assert found[onset_grid.DEFAULT]
    assert summary["onset_grid_settings"] == 7 * 3**6
    assert summary["onset_grid_share"] >= 0.8
