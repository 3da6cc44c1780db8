"""Features against plain sums; onsets against a second implementation, and on signals whose truth is known."""

from __future__ import annotations

import ast
import inspect
import math
from array import array

import numpy as np
import pytest
from chain_bounds import FULL
from features_reference import Features, Onsets
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from mmc_core import chain, features, onset
from mmc_core.features import OUT_CROSSINGS, OUT_ENERGY, OUT_EXPONENT, OUT_MOBILITY_Q12, OUT_SQUARE
from mmc_core.kernel import Kernel
from mmc_core.onset import OUT_ACTIVE, OUT_ONSET, OUT_SPIKE

RAIL = 16383


def run(counts: np.ndarray, mains_hz: int = 0, size: int = 10, **options: bool) -> list[list[int]]:
    """All words of a single channel after every block."""
    k = Kernel(1, 0, RAIL, mains_hz, block_samples=size, **options)
    found = []
    for at in range(0, len(counts) - size + 1, size):
        k.process(array("h", np.ascontiguousarray(counts[at : at + size], "<i2").tobytes()))
        found.append([*k.out[0], *(word - chain.BIAS for word in k.filtered)])
    return found


def band_noise(seconds: float, rms: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sos = signal.butter(4, [30, 350], "bandpass", fs=1000, output="sos")
    x = signal.sosfilt(sos, rng.standard_normal(round(seconds * 1000) + 500))[500:]
    return np.rint(x / x.std() * rms).clip(-RAIL, RAIL).astype(int)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["rail", "alternate", "noise", "small", "silence", "spike"]), st.integers(1, 60)),
        min_size=1, max_size=8,
    ),
    st.sampled_from([1, 2, 7, 10, 64]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_bit_exact_on_any_history(pieces: list[tuple[str, int]], size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for kind, blocks in pieces:
        n = np.arange(blocks * size)
        parts.append({
            "rail": np.where(n // 40 % 2, RAIL, -RAIL), "alternate": np.where(n % 2, RAIL, -RAIL),
            "noise": rng.integers(-RAIL, RAIL + 1, len(n)) // int(rng.integers(1, 500)),
            "small": rng.integers(-2, 3, len(n)), "silence": np.zeros(len(n), int),
            "spike": np.where(n == 3, RAIL, 0) + rng.integers(-9, 10, len(n)),
        }[kind].clip(-RAIL, RAIL))  # fmt: skip
    counts = np.concatenate(parts)
    one, onsets = Features(), Onsets()
    for number, words in enumerate(run(counts, 50, size)):
        z = words[onset.ALL_WORDS :]
        wanted = one.block(z)
        assert [words[w] for w in (OUT_SQUARE, OUT_EXPONENT, OUT_CROSSINGS, OUT_MOBILITY_Q12, OUT_ENERGY)] == [
            wanted[key] for key in ("square", "exponent", "crossings", "mobility", "energy")
        ]
        block = counts[number * size : number * size + size]
        told, active, spike = onsets.step(wanted["energy"], int(block.max() - block.min()))
        assert [words[OUT_ONSET], words[OUT_ACTIVE], words[OUT_SPIKE]] == [told, active, spike]
        assert bool(words[chain.OUT_QUALITY] & 8) == spike


@pytest.mark.parametrize("size", [1, 10, 64])
def test_no_sum_leaves_31_bits_on_any_input(size: int) -> None:
    """Cauchy and Schwarz: magnitudes sum to less than 2^14 after the shift, each rounded down adds at most 1."""
    magnitudes = 2**14 + size + 2
    assert magnitudes**2 < 2**30  # squares, and products of neighbours, two samples of the past included
    assert 2 * magnitudes**2 < 2**31  # the Teager-Kaiser energy, a difference of two such sums
    assert (64 * 3.5 * FULL * 8 + 1) * size < 2**31  # what the scale is found from
    code = inspect.getsource(features) + inspect.getsource(onset)
    assert all(
        abs(n.value) < 2**30 for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant) and type(n.value) is int
    )
    # Everything of find_onsets is an energy (at most 16 * (30 + 2 * 8) + 15 < 1000) times 256, or a range below 2^17.
    loud = run(np.where(np.arange(4000) % 4 < 2, RAIL, -RAIL), 0, size)
    assert max(words[OUT_ENERGY] for words in loud) < 1000


def test_words_of_both_modules_do_not_meet() -> None:
    """A word has one owner: chain.py the first CHANNEL_WORDS, then each constant of the others its own."""
    borrowed = {"_LEVEL_Q3": chain.OUT_LEVEL_Q3, "_QUALITY": chain.OUT_QUALITY, "_RANGE": chain.OUT_RANGE,
                "_ENERGY": OUT_ENERGY, "_BIAS": chain.BIAS, "_DEAD_BAND": 7}  # fmt: skip
    owned: list[int] = []
    for module in (features, onset):
        for name, value in vars(module).items():
            if type(value) is int and name in borrowed:
                assert value == borrowed[name]
            elif type(value) is int and name != "ALL_WORDS":
                owned.append(value)
    pairs = max(owned)
    assert sorted(owned) == list(range(chain.CHANNEL_WORDS, pairs + 1))
    assert pairs + 16 == onset.ALL_WORDS


@pytest.mark.parametrize("hz", [40, 80, 125, 250, 400])
def test_a_tone_has_the_features_of_a_tone(hz: int) -> None:
    """Mean square A^2/2, 2 f crossings per second, 2 (1 - cos(w)), A^2 sin^2(w) a sample."""
    amplitude = 4000.0
    counts = np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(4000) / 1000 + 0.3)).astype(int)
    words = run(counts, highpass=False, lowpass=False)[100:]
    w = 2 * np.pi * hz / 1000
    squares = np.array([v[OUT_SQUARE] << v[OUT_EXPONENT] for v in words], float)
    assert squares.mean() == pytest.approx(amplitude**2 / 2, rel=0.01)
    assert sum(v[OUT_CROSSINGS] for v in words) / 3.0 == pytest.approx(2 * hz, abs=2)
    weighted = np.average([v[OUT_MOBILITY_Q12] for v in words], weights=squares)
    assert weighted / 4096 == pytest.approx(2 * (1 - np.cos(w)), rel=0.02)
    teager = 10 * amplitude**2 * np.sin(w) ** 2
    # Linear between octaves, at most 0.086 of an octave too low, and rounded down.
    assert 16 * math.log2(teager) - 2.4 <= np.mean([v[OUT_ENERGY] for v in words]) <= 16 * math.log2(teager) + 0.2


def test_mobility_falls_when_the_spectrum_does() -> None:
    """The spectral proxy: EMG-like noise whose band is compressed to 80 % has a lower mobility."""
    noise = band_noise(40, 900, 1)
    slow = np.rint(signal.resample(noise, round(len(noise) * 1.25))).astype(int)
    fast, slower = (np.mean([w[OUT_MOBILITY_Q12] for w in run(x)]) for x in (noise, slow))
    assert slower < 0.8 * fast


@pytest.mark.parametrize("rms", [2, 5, 20, 200])
def test_rest_has_no_onset(rms: int) -> None:
    for seed in range(3):
        assert sum(w[OUT_ONSET] > 0 for w in run(band_noise(60, rms, seed))) == 0


@pytest.mark.parametrize("snr_db", [15, 25])
def test_bursts_are_found_once_each_and_dated_well(snr_db: int) -> None:
    errors = []
    for seed in range(6):
        rng = np.random.default_rng([seed, snr_db])
        counts, truth = [band_noise(3, 20, seed)], []
        for burst in range(8):
            truth.append(sum(map(len, counts)))
            counts.append(band_noise(float(rng.uniform(0.4, 1.5)), 20 * 10 ** (snr_db / 20), 100 * seed + burst))
            counts.append(band_noise(float(rng.uniform(0.8, 2.0)), 20, 500 + 100 * seed + burst))
        words = run(np.concatenate(counts))
        told = [10 * (n - w[OUT_ONSET] + 1) for n, w in enumerate(words) if w[OUT_ONSET]]
        assert len(told) == len(truth)
        errors += [a - b for a, b in zip(told, truth, strict=True)]
    assert abs(np.median(errors)) <= 10
    assert np.percentile(np.abs(errors), 90) <= 40


def test_a_spike_is_marked_for_300_ms_and_is_no_onset() -> None:
    counts = band_noise(6, 20, 4)
    counts[3000:3012] += np.rint(9000 * np.hanning(12)).astype(int)
    words = run(counts)
    marked = [n for n, w in enumerate(words) if w[OUT_SPIKE]]
    assert marked == list(range(marked[0], marked[0] + len(marked)))
    assert 301 <= marked[0] <= 306 and 30 <= len(marked) <= 34
    assert sum(w[OUT_ONSET] > 0 for w in words) == 0
    # A contraction of the same size is not a spike.
    burst = np.concatenate([band_noise(3, 20, 5), band_noise(1, 2500, 6), band_noise(3, 20, 7)])
    assert not any(w[OUT_SPIKE] for w in run(burst))
