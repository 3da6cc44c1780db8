"""The kernel against its difference equations in exact integers, against its bounds, and in what it promises."""

from __future__ import annotations

import ast
from array import array
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import chain_bounds
import design_filters
import numpy as np
import pytest
from chain_reference import Channel, Section
from hypothesis import given, settings
from hypothesis import strategies as st

from mmc_core import chain, coeffs, kernel
from mmc_core.errors import UsageError
from mmc_core.kernel import Kernel

FULL = 2**14  # the largest input that the kernel promises to take
RAIL = 16383
INT32 = 2**31
TABLES = {rate_hz: SimpleNamespace(**design_filters.tables(rate_hz)) for rate_hz in design_filters.RATES_HZ}
WORDS = {
    "envelope": chain.OUT_ENVELOPE, "fast": chain.OUT_FAST, "display": chain.OUT_DISPLAY,
    "quality": chain.OUT_QUALITY, "q3": chain.OUT_Q3, "display_uv": chain.OUT_DISPLAY_UV,
    "level_q3": chain.OUT_LEVEL_Q3, "mains_q3": chain.OUT_MAINS_Q3, "harmonic_q3": chain.OUT_HARMONIC_Q3,
}  # fmt: skip
EVERYTHING = {"highpass": True, "lowpass": True, "harmonic": True}


def block_of(counts: np.ndarray) -> array:
    return array("h", np.ascontiguousarray(counts, "<i2").tobytes())


def outputs(words: Any) -> dict[str, int]:
    """The chain's words by name; the bit for spikes is of features.py."""
    found = {key: words[word] for key, word in WORDS.items()}
    return {**found, "quality": found["quality"] & ~8}


def run(k: Kernel, counts: np.ndarray) -> Iterator[list[list[int]]]:
    """Feed (samples, channels) counts; yield all channels' words after each block. A rest is left out."""
    size = k.block_samples
    for at in range(0, len(counts) - size + 1, size):
        k.process(block_of(counts[at : at + size]))
        yield [list(words) for words in k.out]


def trace(counts: np.ndarray, word: int, mains_hz: int = 50, **options: Any) -> np.ndarray:
    """One output word of a single channel, after every block."""
    k = Kernel(1, 0, RAIL, mains_hz, **options)
    k.set_reference(0, 12800, 0)
    return np.array([out[0][word] for out in run(k, counts.reshape(-1, 1))])


def adversaries() -> dict[str, np.ndarray]:
    n = np.arange(1500)
    rng = np.random.default_rng(3)
    found = {
        "rail for ever": np.full(1500, FULL),
        "negative rail": np.full(1500, -FULL),
        "alternating": np.where(n % 2, FULL, -FULL),
        "steps": np.where(n // 150 % 2, FULL, -FULL),
        "impulses": np.where(n % 97 == 0, FULL, 0),
        "square at 20 Hz": np.where(n // 25 % 2, FULL, -FULL),
        "square at 50 Hz": np.where(n // 10 % 2, FULL, -FULL),
        "random signs": rng.choice([-FULL, FULL], 1500),
        "random": rng.integers(-FULL, FULL + 1, 1500),
        "small": rng.integers(-3, 4, 1500),
        "one impulse, then rest": np.where(n == 3, FULL, 0),
    }
    for mains_hz in (50, 60):
        one = Channel(TABLES[1000], mains_hz=mains_hz, harmonic=True)
        answer = [one.sample(FULL if k == 0 else 0)[0] for k in range(600)]
        found[f"worst at {mains_hz} Hz"] = np.array([FULL if v >= 0 else -FULL for v in reversed(answer)] * 2)
    return found


ADVERSARIES = adversaries()


@pytest.mark.parametrize("options", [{}, EVERYTHING, {"lowpass": False}, {"highpass": False}], ids=str)
@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("name", sorted(ADVERSARIES))
def test_bit_exact_on_adversarial_input(name: str, mains_hz: int, options: dict[str, bool]) -> None:
    """array('I') refuses what does not fit 32 bits, so this also shows that no state leaves them."""
    counts = ADVERSARIES[name][:, None]
    k = Kernel(1, 0, FULL, mains_hz, block_samples=50, **options)
    k.set_reference(0, 12800, 0)
    reference = Channel(TABLES[1000], mains_hz=mains_hz, block_samples=50, **options)
    for number, out in enumerate(run(k, counts)):
        wanted = reference.block(counts[50 * number : 50 * number + 50, 0].tolist())
        assert outputs(out[0]) == wanted


@settings(max_examples=100)
@given(
    channels=st.integers(1, 4),
    rate_hz=st.sampled_from(design_filters.RATES_HZ),
    mains_hz=st.sampled_from([0, 50, 60]),
    shift=st.integers(0, 5),
    size=st.sampled_from([1, 1, 2, 3, 5, 64]),
    options=st.fixed_dictionaries({key: st.booleans() for key in EVERYTHING}),
    pieces=st.lists(
        st.tuples(
            st.sampled_from(["rail", "alternate", "impulse", "noise", "small", "tone", "still"]), st.integers(1, 60)
        ),
        min_size=1, max_size=8,
    ),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_bit_exact_on_any_history(
    channels: int, rate_hz: int, mains_hz: int, shift: int, size: int, options: dict[str, bool],
    pieces: list[tuple[str, int]], seed: int,
) -> None:  # fmt: skip
    """Any mixture of extremes, any block size, channel count, rate and switch; buzzes and lifted electrodes between."""
    rail = FULL >> shift
    rng = np.random.default_rng(seed)
    parts = []
    for kind, blocks in pieces:
        n = np.arange(blocks * size)[:, None] + rng.integers(0, 50, (1, channels))
        parts.append({
            "rail": np.where(n // 40 % 2, rail, -rail),
            "alternate": np.where(n % 2, rail, -rail),
            "impulse": np.where(n % 37 == 0, rail, 0),
            "noise": rng.integers(-rail, rail + 1, n.shape),
            "small": rng.integers(-2, 3, n.shape),
            "tone": np.rint(rail * np.sin(2 * np.pi * (mains_hz or 20) * n / rate_hz)).astype(int),
            "still": np.full(n.shape, rng.integers(-rail, rail + 1)),
        }[kind])  # fmt: skip
    counts = np.concatenate(parts)
    references_q3 = [int(value) for value in rng.integers(1, 40_000, channels)]
    k = Kernel(channels, shift, rail, mains_hz, tables=TABLES[rate_hz], block_samples=size, nv_per_count=250, **options)
    chains = []
    for channel, reference_q3 in enumerate(references_q3):
        k.set_reference(channel, reference_q3, 0)
        chains.append(Channel(
            TABLES[rate_hz], shift=shift, rail=rail, mains_hz=mains_hz, block_samples=size, nv_per_count=250,
            reference_q3=reference_q3, **options,
        ))  # fmt: skip
    for at in range(0, len(counts), size):
        block = counts[at : at + size]
        blank, off = bool(rng.random() < 0.2), int(rng.integers(16)) if rng.random() < 0.1 else 0
        k.process(block_of(block), blank, off)
        for channel, one in enumerate(chains):
            wanted = one.block(block[:, channel].tolist(), blank=blank, lead_off=bool(off >> channel & 1))
            assert outputs(k.out[channel]) == wanted


def test_channels_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(9)
    counts = rng.integers(-RAIL, RAIL + 1, (400, 4))
    together = run(Kernel(4, 0, RAIL, 60), counts)
    alone = [run(Kernel(1, 0, RAIL, 60), counts[:, c : c + 1]) for c in range(4)]
    for out in together:
        assert out == [next(one)[0] for one in alone]


def test_reset_forgets_the_past_and_keeps_the_reference() -> None:
    counts = np.random.default_rng(2).integers(-900, 901, (300, 1))
    k = Kernel(1, 0, RAIL, 50)
    k.set_reference(0, 3000, 0)
    first = list(run(k, counts))
    assert list(run(k, counts)) != first
    k.reset()
    assert list(run(k, counts)) == first


# Bounds


def coefficients_of(rate_hz: int, mains_hz: int) -> dict[str, float]:
    """The header's coefficients by the names of the chain's text, everything switched on, input not shifted.

    mains_hz 0: while the mains is looked for.
    """
    k = Kernel(1, 0, RAIL, mains_hz, tables=TABLES[rate_hz], **EVERYTHING)
    if mains_hz == 0:
        k.search_mains()
    names = {}
    for statement in chain_bounds.function().body:
        text = ast.unparse(statement)
        if " = H[" in text and "H[_" not in text:
            name, _, word = text.partition(" = H[")
            raw = k._header[int(word.split("]")[0])]
            names[name] = float(raw - 2**31 if word.endswith("- sign") else raw)
    assert len(names) == 14
    return names


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_no_intermediate_leaves_32_bits_on_any_input(rate_hz: int, mains_hz: int) -> None:
    bounds = chain_bounds.linear_bounds(coefficients_of(rate_hz, mains_hz))
    assert len(bounds) > 40  # every expression of four sections
    worst = max(bounds, key=lambda key: bounds[key])
    assert bounds[worst] < 0.95 * INT32, worst
    stored = [node.lineno for node in ast.walk(chain_bounds.sample_loop()) if isinstance(node, ast.Subscript)]
    samples = {
        f"y@{node.lineno}"
        for node in ast.walk(chain_bounds.sample_loop())
        if isinstance(node, ast.Assign) and ast.unparse(node).startswith("y = ") and " * " not in ast.unparse(node)
    }
    z = max(
        value
        for key, value in bounds.items()
        if key.split(":")[0] in samples and int(key[2:].split(":")[0]) < max(stored)
    )
    assert z < chain.BIAS  # so that z + BIAS is not negative
    away = max(value for key, value in bounds.items() if key.startswith("x >> 3"))
    top = 8.0 * z
    loop = next(node for node in chain_bounds.function().body if isinstance(node, ast.While))
    after = loop.body[[isinstance(node, ast.While) for node in loop.body].index(True) + 1 :]
    after = [s for s in after if " + sign" not in ast.unparse(s) and not isinstance(s, ast.AugAssign)]
    for n in (1, 10, 64):
        names = {
            "total": (0, n * z), "naway": (0, n * away), "maway": (0, n * away), "n": (n, n), "channel": (0, 3),
            "low": (-32768, 32767), "high": (-32768, 32767), "x": (-z, z), "y": (0, z), "i": (0, 256),
        }  # fmt: skip
        words = {
            "H[_BLANK]": (0, 1), "H[_RAIL]": (0, FULL), "H[_LEAD_OFF]": (0, 15), "H[_MAINS_LIMIT]": (192, 192),
            "H[_SMOOTH]": (0, 1024), "H[_SMOOTH_DISPLAY]": (0, 1024), "H[_MICROVOLT]": (0, 2**14),
            "S[_LEVEL]": (0, 64 * top + 64), "S[_AWAY]": (0, 64 * 16 * away + 64), "S[_ENVELOPE_1]": (0, 1024 * top),
            "S[_ENVELOPE_2]": (0, 1024 * top), "S[_DISPLAY]": (0, 1024 * top),
            "S[GAIN]": (0, 2**30 - 1), "S[CEILING]": (0, 2**30 - 1),
        }  # fmt: skip
        bounded = chain_bounds.Intervals(names, words, (0, 1024 * top + 1023))
        # Gain times what passes the ceiling is below 2^30 by construction (set_reference): intervals can't know that.
        scaled = [s for s in after if "* low" in ast.unparse(s)]
        assert len(scaled) == 3
        bounded.run([s for s in after if s not in scaled])
        for text, (low, high) in bounded.widest.items():
            if not text.startswith("(i - (x >> 10)) * ") and not text.startswith("(y - (x >> 10)) * "):
                assert low >= -INT32 and high < INT32, text
        # A pole takes (in - out) * gain / 1024 of the way to its input: it stays between 0 and the greatest input.
        assert 1024 * top < 2**30


def test_a_pole_stays_between_its_input_and_itself() -> None:
    """The one step that intervals can't bound: w' = w + (in - w // 1024) * gain with gain <= 1024, exhaustively at
    its corners: never below 0, never above 1024 * in or w."""
    for w in [*range(5000), 2**29 - 1, 2**29]:
        for level in (0, 1, 7, 2**19):
            for gain in (0, 1, 141, 386, 1023, 1024):
                after = w + (level - w // 1024) * gain
                assert 0 <= after <= max(w, 1024 * level + 1023)


def test_the_bounds_are_no_exaggeration() -> None:
    """The sign-matched input reaches the bound of the filtered sample, less what rounding may add."""
    for mains_hz in (50, 60):
        bounds = chain_bounds.linear_bounds(coefficients_of(1000, mains_hz))
        z = next(value for key, value in reversed(bounds.items()) if key.startswith("y@"))
        one = Channel(TABLES[1000], mains_hz=mains_hz, harmonic=True)
        answer = [one.sample(FULL if k == 0 else 0)[0] for k in range(1500)]
        one = Channel(TABLES[1000], mains_hz=mains_hz, harmonic=True)
        reached = max(abs(one.sample(FULL if value >= 0 else -FULL)[0]) for value in reversed(answer))
        assert 0.985 * z < reached <= z


def test_too_wide_a_front_end_is_refused() -> None:
    Kernel(1, 2, 4096, 50)
    with pytest.raises(UsageError, match="15 bits"):
        Kernel(1, 2, 4097, 50)
    with pytest.raises(UsageError, match="15 bits"):
        Kernel(1, 0, 16385, 50)


# Rest


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("offset", [0, 1, -1, 37, -1000, 12345, RAIL, -FULL])
def test_an_offset_leaves_nothing(offset: int, mains_hz: int) -> None:
    """After an impulse and a step the high-pass leaves exactly 0. The last bit of a notch may toggle on, for ever: the
    low-pass makes 2 counts of it (4 with both notches), half a microvolt on the simulated board."""
    one = Channel(TABLES[1000], mains_hz=mains_hz, lowpass=False)
    filtered = [one.sample(FULL if n == 0 else offset)[0] for n in range(6000)][3000:]
    assert max(abs(z) for z in filtered) <= (1 if mains_hz else 0)
    for harmonic, ringing in ((False, 2), (True, 4)):
        one = Channel(TABLES[1000], mains_hz=mains_hz, harmonic=harmonic)
        filtered = [one.sample(FULL if n == 0 else offset)[0] for n in range(6000)][3000:]
        assert max(abs(z) for z in filtered) <= (ringing if mains_hz else 0)
        assert abs(np.mean(filtered)) <= 1
    k = Kernel(1, 0, FULL, mains_hz, nv_per_count=250)
    k.set_reference(0, 0, 8192)
    outs = [out[0] for out in run(k, np.full((3000, 1), offset))]
    assert {out[chain.OUT_ENVELOPE] for out in outs[200:]} == {0}
    assert {out[chain.OUT_DISPLAY_UV] for out in outs[250:]} == {0}


# Envelopes


def test_a_steady_level_is_reached_exactly() -> None:
    """A square wave of period 4 that only the high-pass meets: level, envelope and display agree to an eighth."""
    counts = np.where(np.arange(20_000) % 4 < 2, 1000, -1000)
    k = Kernel(1, 0, RAIL, 0, lowpass=False, highpass=False)
    *_, last = run(k, counts[:, None])
    words = last[0]
    assert words[chain.OUT_LEVEL_Q3] == 8000
    assert words[chain.OUT_Q3] == 8000
    assert words[chain.OUT_DISPLAY_UV] == 1000  # 1 uV a count unless it is told


@pytest.mark.parametrize(("word", "delay_ms"), [(chain.OUT_Q3, 37.5), (chain.OUT_DISPLAY_UV, 100.0)])
@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_delay_of_the_envelopes(rate_hz: int, word: int, delay_ms: float) -> None:
    """A carrier whose amplitude swings at 0.25 Hz comes out late by the stated delay, at every rate."""
    size = rate_hz // 100
    t = np.arange(24 * rate_hz) / rate_hz
    counts = np.rint(6000 * (1 + 0.5 * np.cos(2 * np.pi * 0.25 * t)) * np.sin(2 * np.pi * 170 * t)).astype(int)
    options = {"highpass": False, "lowpass": False, "tables": TABLES[rate_hz], "block_samples": size}
    out = trace(counts, word, 0, **options).astype(float)[400:]
    at = t[size - 1 :: size][400:]
    phase = np.angle(np.sum((out - out.mean()) * np.exp(-2j * np.pi * 0.25 * at)))
    assert -phase / (2 * np.pi * 0.25) * 1000 == pytest.approx(delay_ms, abs=1.0)


def test_an_envelope_does_not_overshoot() -> None:
    counts = np.concatenate([np.zeros(500, int), np.where(np.arange(1500) % 4 < 2, 4000, -4000)])
    out = trace(counts, chain.OUT_Q3, 0, highpass=False, lowpass=False)
    assert np.all(np.diff(out) >= 0) and out[-1] == 32000


@pytest.mark.parametrize("reference_q3", [1000, 1001, 4096, 12800, 77777, 262144])
def test_permille_is_exact_and_ends_at_4095(reference_q3: int) -> None:
    """The value is level x 1000 / reference, rounded down; the rounded factor of 18 bits may cost one or two."""
    tops = set()
    for amplitude in (0, 1, 40, 300, 2000, 9000, RAIL):
        k = Kernel(1, 0, RAIL, 0)
        k.set_reference(0, reference_q3, 0)
        for out in run(k, np.where(np.arange(400) % 4 < 2, amplitude, -amplitude)[:, None]):
            level = out[0][chain.OUT_Q3]
            exact = level * 1000 // reference_q3
            assert min(exact - 1 - level // 2**18, 4095) <= out[0][chain.OUT_ENVELOPE] <= min(exact, 4095)
            tops.add(out[0][chain.OUT_FAST])
    assert max(tops) == 4095 if reference_q3 < 20_000 else max(tops) <= 4095


def test_a_reference_of_nothing_gives_nothing_and_a_tiny_one_stays_in_range() -> None:
    counts = np.random.default_rng(1).integers(-9000, 9001, (200, 1))
    k = Kernel(1, 0, RAIL, 0)
    for reference_q3, unit_q18 in ((0, 0), (2**30, 0), (1, 0), (0, 2**31)):
        k.set_reference(0, reference_q3, unit_q18)
        for out in run(k, counts):
            for word in (chain.OUT_ENVELOPE, chain.OUT_FAST, chain.OUT_DISPLAY):
                assert 0 <= out[0][word] <= kernel.MAX_PERMILLE
                if reference_q3 == 2**30 or unit_q18 == reference_q3 == 0:
                    assert out[0][word] == 0


@pytest.mark.parametrize(("mains_hz", "amplitude"), [(50, 8000), (60, 8000), (50, 400), (60, 400)])
def test_notch_is_30_db_deep_on_integers(mains_hz: int, amplitude: int) -> None:
    t = np.arange(4000) / 1000
    for hz in (mains_hz, 2 * mains_hz):
        tone = np.rint(amplitude * np.sin(2 * np.pi * hz * t)).astype(int)
        through, stopped = (
            trace(tone, chain.OUT_LEVEL_Q3, notch_hz, harmonic=True)[200:].mean() / 8 for notch_hz in (0, mains_hz)
        )
        assert through == pytest.approx(amplitude * 2 / np.pi, rel=0.03)
        assert 20 * np.log10(through / max(stopped, 1)) >= 30
        word = chain.OUT_MAINS_Q3 if hz == mains_hz else chain.OUT_HARMONIC_Q3
        assert trace(tone, word, mains_hz, harmonic=True)[200:].mean() / 8 == pytest.approx(through, rel=0.02)


# Quality


@pytest.mark.parametrize(
    ("samples", "quality"),
    [
        ([0] * 10, 2), ([5] * 10, 2), ([2047] * 10, 3), ([-2047] * 10, 3), ([0] * 9 + [2047], 1),
        ([-2047] + [1] * 9, 1), ([2046, -2046] * 5, 0), ([2047, -2047] * 5, 1), ([0] * 9 + [1], 0), ([2048, 0], 1),
    ],
)  # fmt: skip
def test_clipped_and_flat(samples: list[int], quality: int) -> None:
    """Bit 0: a raw count at either rail; bit 1: all samples alike."""
    k = Kernel(2, 3, 2047, 0, block_samples=len(samples))
    k.process(array("h", [value for x in samples for value in (x, 7)]))
    assert k.out[0][chain.OUT_QUALITY] == quality
    assert k.out[1][chain.OUT_QUALITY] == 2


def test_lead_off_and_motor_are_marked_per_channel() -> None:
    k = Kernel(3, 0, RAIL, 50)
    block = block_of(np.random.default_rng(1).integers(-50, 51, (10, 3)))
    for _ in range(200):  # until the notch's own beginning is past
        k.process(block_of(np.random.default_rng(1).integers(-50, 51, (10, 3))))
    k.process(block, False, 0b101)
    assert [words[chain.OUT_QUALITY] for words in k.out] == [16, 0, 16]
    k.process(block, True, 0b010)
    assert [words[chain.OUT_QUALITY] for words in k.out] == [32, 48, 32]


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_mains_that_dominates_is_marked_and_goes_away_again(mains_hz: int) -> None:
    rng = np.random.default_rng(4)
    t = np.arange(4000) / 1000
    noise = rng.normal(0, 100, 4000)
    clean = np.rint(noise).astype(int)
    hum = np.rint(noise + 600 * np.sin(2 * np.pi * mains_hz * t)).astype(int)
    marks = trace(np.concatenate([clean, hum, clean]), chain.OUT_QUALITY, mains_hz) & 4
    assert not marks[:400].any()
    assert marks[500:800].all()
    assert not marks[1000:].any()


# The motor


def test_a_buzz_leaves_the_envelopes_where_they_were() -> None:
    """Vibration ten times the muscle's level: neither the beginning nor the end of a buzz is a jump."""
    rng = np.random.default_rng(7)
    emg = rng.normal(0, 400, 4000)
    t = np.arange(4000) / 1000
    shaken = emg + np.where((t >= 2) & (t < 2.35), 5000 * np.sin(2 * np.pi * 170 * t), 0)
    k = Kernel(1, 0, RAIL, 50)
    k.set_reference(0, 3200, 0)
    words = []
    for at in range(0, 4000, 10):
        k.process(block_of(np.rint(shaken[at : at + 10, None])), 200 <= at // 10 < 240)
        words.append([k.out[0][w] for w in (chain.OUT_ENVELOPE, chain.OUT_DISPLAY, chain.OUT_FAST)])
    envelope, display, fast = np.array(words).T
    assert len(set(envelope[199:240])) == len(set(display[199:240])) == 1
    assert fast[205:230].min() > 5000 // 3200  # the fast level does show it, and is marked
    steps = np.abs(np.diff(envelope))
    assert steps[240:260].max() <= 1.5 * steps[100:200].max()


def test_reference_section_is_scipys_filter() -> None:
    """The reference itself, against scipy in float64: otherwise two of the same mistake would agree."""
    from scipy import signal

    x = np.random.default_rng(5).integers(-8000, 8001, 4000)
    sos = np.concatenate([
        signal.butter(2, 20, "highpass", fs=1000, output="sos"), signal.tf2sos(*signal.iirnotch(50, 16, fs=1000)),
        signal.butter(2, 450, fs=1000, output="sos"),
    ])  # fmt: skip
    one = Channel(TABLES[1000], mains_hz=50)
    ours = np.array([one.sample(int(v))[0] for v in x])
    assert np.max(np.abs(ours - signal.sosfilt(sos, x))) < 0.001 * 8000 + 4
    assert isinstance(one.highpass, Section)
    assert vars(coeffs)["HIGHPASS"] == TABLES[1000].HIGHPASS
