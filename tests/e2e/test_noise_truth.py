"""Spoilt recordings: bad channels are named, nothing is scored from bad blocks, no cue begins in an artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import truth_coach
import truth_kernel
import truth_noise

from mmc_core import event
from mmc_core.chain import OUT_QUALITY
from mmc_host.body import muscle

Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def files(data_dir: Path) -> Files:
    return {name: row for name, (_, row) in truth_kernel.judge_all(data_dir, truth_noise.judge).items()}


@pytest.fixture(scope="module")
def summary(files: Files) -> dict[str, Any]:
    return truth_noise.summarise(list(files.values()))


def test_every_clipped_channel_is_named_and_no_other(summary) -> None:
    assert summary["noise_files"] == 10 and summary["noise_channels"] == 55
    assert summary["noise_clipped_channels"] == summary["noise_clipped_channels_named"] == 30
    assert summary["noise_clipped_channels_named_wrongly"] == 0
    assert summary["noise_clipped_blocks_wrong"] == 0


def test_nothing_is_scored_from_a_bad_block(summary) -> None:
    assert summary["noise_events"] >= 500
    assert summary["noise_told_from_bad"] == 0


def test_no_cue_begins_in_an_artefact(summary) -> None:
    assert summary["noise_artefacts"] == summary["noise_artefacts_marked"] == 15
    assert summary["noise_cues_in_artefacts"] == 0
    assert summary["noise_cues"] >= 100  # with every cue on there is a lot to say elsewhere


def test_artefacts_over_another_muscle_tell_nothing(summary) -> None:
    """Each of five recorded ones, four times in twenty seconds, at twenty places: at rest, and within a hold."""
    rest, hold = summary["noise_over_rest"], summary["noise_over_hold"]
    for row in (rest, hold):
        assert row["cases"] == 100 and row["artefacts"] == row["artefacts_marked"] == 400
        assert row["cues_in_artefacts"] == row["cues_outside"] == row["reps"] == 0
    assert rest["holds"] == 0
    assert hold["holds"] == 100 and hold["events_in_artefacts"] == 0


def test_mains_and_artefacts_are_named_where_the_files_say_so(files: Files) -> None:
    assert files["dyn_kneeext_1N"]["noise_mains_named"] == [0, 1, 2, 3]  # "on all channels, strongest on" the last
    shares = [one["mains"] for one in files["dyn_kneeext_1N"]["noise_channels"]]
    assert max(shares) == shares[3] >= 0.9
    assert 2 in files["dyn_kneeflex_1N"]["noise_mains_named"]  # "on vastus medialis"
    for name in ("noise_elder_s26_BF", "noise_elder_s27_BF"):
        assert files[name]["noise_spike_named"] == [1]
    clean = [row for name, row in files.items() if not name.endswith("_1N")]
    assert all(row["noise_mains_named"] == [] for row in clean)


def test_what_is_told_within_a_span_is_found() -> None:
    rng = np.random.default_rng(2)
    uv = np.concatenate([muscle.rest_noise_uv(ms, level, rng) for level, ms in ((4, 2000), (160, 3000), (4, 2500))])
    counts = np.rint(4 * uv[:, None]).astype(np.int16)
    played = truth_coach.play(counts, truth_coach.calibrated([400], **truth_noise.TALKATIVE))
    [(pattern, t)] = played.cues
    assert pattern == event.CUE_ENGAGE and 5000 < t < 5200
    found = truth_noise.in_artefacts(played, np.array([[0.5, 1.0], [5.0, 5.3]]))
    assert found == {"artefacts": 2, "artefacts_marked": 0, "cues_in_artefacts": 1, "events_in_artefacts": 1}
    played.words[510, 0, OUT_QUALITY] |= 8
    assert truth_noise.in_artefacts(played, np.array([[5.0, 5.3]]))["artefacts_marked"] == 1


def test_an_artefact_is_set_where_it_is_said_to_be() -> None:
    artefact = np.zeros(400, np.int16)
    artefact[190:210] = 8000
    counts, spans = truth_noise.set_over(artefact, "hold", 3)
    assert len(spans) == 4 and len(counts) == 26_000
    strong = np.flatnonzero(np.abs(counts[:, 0]) > 6000)
    inside = [(strong >= 1000 * a) & (strong < 1000 * b) for a, b in spans]
    assert np.any(inside, axis=0).all() and all(one.sum() >= 19 for one in inside)
    assert (spans[:, 1] - spans[:, 0]).tolist() == pytest.approx([0.2] * 4)
    assert (spans > 3).all() and (spans < 23).all()


def test_a_channel_that_never_works_has_no_reference() -> None:
    rng = np.random.default_rng(3)
    quiet = np.rint(4 * muscle.rest_noise_uv(5000, 5, rng)[:, None]).astype(np.int16)
    assert truth_noise.reference_of(quiet, 50) is None
    works = np.concatenate([quiet, 20 * quiet])
    found = truth_noise.reference_of(works, 50)
    assert found is not None and found == pytest.approx(100, rel=0.2)
