"""The kernel against its difference equations in exact integers, and against the ideal chain in float64."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from mmc_core import coeffs, kernel
from mmc_core.errors import UsageError
from mmc_core.kernel import OUT_ENVELOPE, OUT_FAST, OUT_Q3, OUT_QUALITY, Kernel

ONE = 2**14
RAIL = 16383
FULL = 2**14  # the largest input that the kernel promises to take
INT32 = 2**31


class Reference:
    """One channel, from the document's difference equations with Python's unbounded integers.

    Direct form I: each filter keeps its last two inputs and outputs and the remainder of its last division by 2^14.
    """

    def __init__(self, mains_hz: int) -> None:
        self.highpass = list(coeffs.HIGHPASS_20_HZ)
        self.notch = list(coeffs.NOTCH[mains_hz])
        self.f, self.q = coeffs.ENVELOPE_6_HZ
        self.hp_memory = [0] * 5  # x1 x2 y1 y2 remainder
        self.notch_memory = [0] * 5
        self.low = self.band = 0  # eighths of a count

    @staticmethod
    def _section(memory: list[int], x: int, b: Sequence[int], a1: int, a2: int) -> int:
        x1, x2, y1, y2, remainder = memory
        y, remainder = divmod(b[0] * x + b[1] * x1 + b[2] * x2 - a1 * y1 - a2 * y2 + remainder, ONE)
        memory[:] = [x, x1, y, y1, remainder]
        return y

    def filtered(self, x: int) -> int:
        """High-pass and notch."""
        g, minus_a1, a2 = self.highpass
        y = self._section(self.hp_memory, x, (g, -2 * g, g), -minus_a1, a2)
        g, h, a2 = self.notch
        return self._section(self.notch_memory, y, (g, -h, g), -h, a2)

    def sample(self, x: int) -> tuple[int, int]:
        """(filtered sample, envelope in eighths of a count) after one sample."""
        z = self.filtered(x)
        band = self.band // 8
        self.low += self.f * band // ONE
        # The three counts make good for what rounding down loses on average.
        self.band += self.f * (abs(z) + 3 - self.low // 8 - self.q * band // ONE) // ONE
        return z, self.low

    def block(self, samples: Sequence[int], rail: int, shift: int, gain: int) -> list[int]:
        """The four output words of a block; gain in units of 2^-18 per eighth of a count."""
        run = [self.sample(x << shift) for x in samples]
        level = max(run[-1][1], 0)
        fast = 8 * sum(abs(z) for z, _ in run) // len(run)
        quality = (max(samples) >= rail or min(samples) <= -rail) + 2 * (len(set(samples)) == 1)
        return [*(min(4095, value * gain // 2**18) for value in (level, fast)), quality, level]


def run_blocks(k: Kernel, counts: np.ndarray, sizes: Iterator[int]) -> Iterator[tuple[np.ndarray, list[list[int]]]]:
    """Feed (samples, channels) counts in blocks of the given sizes; yield each block and all outputs."""
    at = 0
    while at < len(counts):
        n = min(next(sizes), len(counts) - at)
        block = counts[at : at + n]
        k.process(array("h", block.astype("<i2").tobytes()), n)
        yield block, [list(out) for out in k.out]
        at += n


def forever(size: int) -> Iterator[int]:
    while True:
        yield size


def envelope_of(counts: np.ndarray, mains_hz: int = 50) -> np.ndarray:
    """The kernel's envelope, in counts, after every sample."""
    k = Kernel(1, 0, RAIL, mains_hz)
    return np.array([out[0][OUT_Q3] for _, out in run_blocks(k, counts.reshape(-1, 1), forever(1))]) / 8


def worst_input(respond: Callable[[int], int], length: int = 600) -> list[int]:
    """Full-scale samples that drive a linear response to its bound: the signs of the reversed impulse response."""
    answer = [respond(FULL if n == 0 else 0) for n in range(length)]
    return [FULL if value >= 0 else -FULL for value in reversed(answer)]


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
    }
    for mains_hz in (50, 60):
        chain = Reference(mains_hz)
        found[f"worst for the filters at {mains_hz} Hz"] = np.array(worst_input(chain.filtered) * 2)
    section, memory = Reference(50), [0] * 5
    g, minus_a1, a2 = coeffs.HIGHPASS_20_HZ
    found["worst for the high-pass"] = np.array(
        worst_input(lambda x: section._section(memory, x, (g, -2 * g, g), -minus_a1, a2)) * 2
    )
    return found


ADVERSARIES = adversaries()


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("name", sorted(ADVERSARIES))
def test_bit_exact_on_adversarial_input(name: str, mains_hz: int) -> None:
    """array('i') refuses what does not fit 32 bits, so this also shows that no state leaves them."""
    counts = ADVERSARIES[name][:, None]
    # Twice the rail of 15 bits is out of the question for array('h'): 2^14 itself fits.
    k, reference = Kernel(1, 0, FULL, mains_hz), Reference(mains_hz)
    k.set_reference(0, 12800, 0)
    for block, out in run_blocks(k, counts, forever(50)):
        assert out[0] == reference.block([int(x) for x in block[:, 0]], FULL, 0, 20480)


@settings(max_examples=40)
@given(
    st.integers(1, 4),
    st.sampled_from([0, 50, 60]),
    st.integers(0, 5),
    st.lists(st.integers(1, 64), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
)
def test_bit_exact_in_blocks_of_any_size(channels: int, mains_hz: int, shift: int, sizes: list[int], seed: int) -> None:
    """1 to 4 channels with signals and references of their own, blocks of 1 to 64 samples."""
    rail = FULL >> shift
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, rail + 1, channels)
    counts = np.stack([rng.integers(-level, level + 1, sum(sizes)) for level in levels], axis=1)
    counts[:, 0] = rng.choice([-rail, 0, rail], sum(sizes))
    references_q3 = [int(value) for value in rng.integers(1, 40_000, channels)]
    k = Kernel(channels, shift, rail, mains_hz)
    for channel, reference_q3 in enumerate(references_q3):
        k.set_reference(channel, reference_q3, 0)
    chains = [Reference(mains_hz) for _ in range(channels)]
    for block, out in run_blocks(k, counts, iter(sizes)):
        for channel, chain in enumerate(chains):
            wanted = chain.block(
                [int(x) for x in block[:, channel]], rail, shift, 2**18 * 1000 // references_q3[channel]
            )
            # Coarse references clamp below 4095, at the last multiple that is not beyond it.
            if references_q3[channel] < 1000:
                coarse = 2**18 * 1000 // references_q3[channel]
                ceiling = (2**30 - 1) // coarse * coarse >> 18
                wanted[:2] = [min(value, ceiling) for value in wanted[:2]]
            assert out[channel] == wanted


def test_channels_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(9)
    counts = rng.integers(-RAIL, RAIL + 1, (400, 4))
    together = Kernel(4, 0, RAIL, 60)
    alone = [Kernel(1, 0, RAIL, 60) for _ in range(4)]
    ones = [run_blocks(k, counts[:, c : c + 1], forever(10)) for c, k in enumerate(alone)]
    for _, out in run_blocks(together, counts, forever(10)):
        assert out == [next(one)[1][0] for one in ones]


def test_reset_forgets_the_past_and_keeps_the_reference() -> None:
    counts = np.random.default_rng(2).integers(-900, 901, (300, 1))
    k = Kernel(1, 0, RAIL, 50)
    k.set_reference(0, 3000, 0)
    first = [out for _, out in run_blocks(k, counts, forever(10))]
    assert [out for _, out in run_blocks(k, counts, forever(10))] != first
    k.reset()
    assert [out for _, out in run_blocks(k, counts, forever(10))] == first


# Bounds


def norms(mains_hz: int) -> dict[str, float]:
    """Worst-case gain (sum of |impulse response|) from the input to every intermediate that the kernel computes.

    From the transfer functions of the exact coefficients: with H = B/A of the high-pass and N of the notch, transposed
    form II holds h1 = (b1 - a1 y...) and so on; each is a linear filter of x whose response scipy gives.
    """
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    back = lambda v: np.concatenate([[0.0], v[:-1]])  # noqa: E731 - one sample later
    g, m, a2 = (value / ONE for value in coeffs.HIGHPASS_20_HZ)
    ng, nh, na2 = (value / ONE for value in coeffs.NOTCH[mains_hz])
    x = impulse
    y = signal.lfilter([g, -2 * g, g], [1, -m, a2], x)
    z = signal.lfilter([ng, -nh, ng], [1, -nh, na2], y)
    h2, n2 = g * x - a2 * y, ng * y - na2 * z
    h1, n1 = m * y - 2 * g * x + back(h2), nh * (z - y) + back(n2)
    found = {
        "g x": g * x, "h1": h1, "h2": h2, "g x + h1": g * x + back(h1), "a1 y": m * y, "2 g x": 2 * g * x,
        "a1 y - 2 g x": m * y - 2 * g * x, "a2 y": a2 * y,
        "g y": ng * y, "n1": n1, "n2": n2, "g y + n1": ng * y + back(n1), "h (z - y)": nh * (z - y), "a2 z": na2 * z,
    }  # fmt: skip
    return {name: float(np.sum(np.abs(value))) for name, value in found.items()} | {
        "|z|": float(np.sum(np.abs(z))),
    }


def noise_gain(minus_a1: float, a2: float) -> float:
    """Largest deviation, in counts, that the dropped fractions cause at a section's output.

    The fraction f in [0, 1) of step n is fed back in step n + 1, so that the output carries -(1 - 1/z)/A(z) f.
    """
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    return float(np.sum(np.abs(signal.lfilter([1, -1], [1, -minus_a1, a2], impulse))))


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
def test_nothing_leaves_32_bits_by_worst_case_gain(mains_hz: int) -> None:
    worst = norms(mains_hz)
    # Rounding adds at most its own worst case, in units of 2^14 for the products: less than 100 counts in all.
    _, m, a2 = (value / ONE for value in coeffs.HIGHPASS_20_HZ)
    _, nh, na2 = (value / ONE for value in coeffs.NOTCH[mains_hz])
    rounding = noise_gain(m, a2) * worst["|z|"] + (noise_gain(nh, na2) if mains_hz else 0)
    assert rounding < 100
    bounds = {name: (gain * FULL + 4 * rounding) * ONE for name, gain in worst.items()}
    assert max(bounds.values()) < 0.55 * INT32  # a whole bit to spare nearly; the greatest is a1 y of the high-pass
    assert max(bounds, key=lambda name: bounds[name]) == "a1 y"
    top = worst["|z|"] * FULL + 4 * rounding  # of what is rectified
    assert 64 * top * 8 < INT32  # the sum over the longest block, in eighths
    # Envelope, per count of input: the loop's own worst-case gains.
    f, q = coeffs.ENVELOPE_6_HZ[0] / 2**17, coeffs.ENVELOPE_6_HZ[1] / ONE
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    low = signal.lfilter([0, f * f], [1, f * q + f * f - 2, 1 - f * q], impulse)
    band = signal.lfilter([f, -f], [1, f * q + f * f - 2, 1 - f * q], impulse)
    low_gain, band_gain = np.sum(np.abs(low)), np.sum(np.abs(band))
    high_gain = 1 + low_gain + q * band_gain
    assert coeffs.ENVELOPE_6_HZ[1] * band_gain * top < 0.6 * INT32  # q band
    assert coeffs.ENVELOPE_6_HZ[0] * high_gain * top < 0.6 * INT32  # f high
    assert coeffs.ENVELOPE_6_HZ[0] * band_gain * top < 0.6 * INT32  # f band
    assert 8 * low_gain * top < 0.01 * INT32


def test_sums_that_meet_the_bounds() -> None:
    """The sign-matched input reaches the bound of the filtered sample: the bound is no exaggeration."""
    for mains_hz in (50, 60):
        g, m, a2 = (value / ONE for value in coeffs.HIGHPASS_20_HZ)
        ng, nh, na2 = (value / ONE for value in coeffs.NOTCH[mains_hz])
        impulse = np.eye(1, 1500)[0]
        answer = signal.lfilter([ng, -nh, ng], [1, -nh, na2], signal.lfilter([g, -2 * g, g], [1, -m, a2], impulse))
        chain = Reference(mains_hz)
        reached = max(abs(chain.filtered(FULL if value >= 0 else -FULL)) for value in answer[::-1])
        rounding = 1.5 * noise_gain(m, a2) + noise_gain(nh, na2)
        assert reached == pytest.approx(norms(mains_hz)["|z|"] * FULL, abs=rounding)
        assert reached > 3 * FULL  # three times full scale: 15 bits at the input are the most that fit


def test_too_wide_a_front_end_is_refused() -> None:
    Kernel(1, 2, 4096, 50)
    with pytest.raises(UsageError, match="15 bits"):
        Kernel(1, 2, 4097, 50)
    with pytest.raises(UsageError, match="15 bits"):
        Kernel(1, 0, 16385, 50)


# Accuracy


def emg(seconds: float, mean_rectified_counts: float, seed: int) -> np.ndarray:
    """Noise in the EMG's band, slowly rising and falling, in counts."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 1000)
    sos = signal.butter(4, [25, 350], "bandpass", fs=1000, output="sos")
    band = signal.sosfilt(sos, rng.standard_normal(count + 500))[500:]
    swell = 1 + 0.8 * np.sin(2 * np.pi * 0.5 * np.arange(count) / 1000)
    return np.rint(band / np.mean(np.abs(band)) * mean_rectified_counts * swell).clip(-RAIL, RAIL).astype(int)


def ideal_envelope(counts: np.ndarray, mains_hz: int) -> np.ndarray:
    """The chain as designed, in float64: Butterworth, iirnotch, |x|, analogue Butterworth poles by z = exp(s T)."""
    sos = [signal.butter(2, 20, "highpass", fs=1000, output="sos")]
    if mains_hz:
        sos.append(signal.tf2sos(*signal.iirnotch(mains_hz, 10, fs=1000)))
    rectified = np.abs(signal.sosfilt(np.concatenate(sos), counts.astype(float)))
    pole = np.exp(2 * np.pi * 6 / 1000 * complex(-math.sqrt(0.5), math.sqrt(0.5)))
    a1, a2 = -2 * pole.real, abs(pole) ** 2
    return signal.sosfilt(np.array([[0, 1 + a1 + a2, 0, 1, a1, a2]]), rectified)


def envelope_rounding() -> tuple[float, float]:
    """Bounds of what rounding does to the envelope's level, in counts, from its five roundings down.

    Each takes d in [0, 1) of its unit away at one place of the loop; its contribution is d through the loop's own
    response from there to `low`. The sum of the negative (positive) parts of those responses bounds the error.
    """
    f, q = coeffs.ENVELOPE_6_HZ[0] / 2**17, coeffs.ENVELOPE_6_HZ[1] / ONE
    denominator = [1, f * q + f * f - 2, 1 - f * q]
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    into_low = signal.lfilter([1, f * q - 1], denominator, impulse)  # something added to low itself
    into_band = signal.lfilter([0, f], denominator, impulse)  # something added to band
    later = np.concatenate([[0.0], into_band[:-1]])  # band as it was, used in the next step
    eighth = 1 / 8
    parts = [
        -eighth * into_low,  # f band, in eighths
        -eighth * into_band,  # f high, in eighths
        f * into_band,  # low >> 3 within high: less is taken off
        f * into_band,  # q band within high
        -(f * into_low - f * q * into_band) + 0 * later,  # band >> 3, a whole count, used in both places
    ]
    bottom = sum(float(np.sum(np.minimum(part, 0))) for part in parts)
    top = sum(float(np.sum(np.maximum(part, 0))) for part in parts)
    return bottom + 3, top + 3


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("level", [8, 100, 1600])
def test_envelope_is_the_ideal_chain_in_float64(level: int, mains_hz: int) -> None:
    """Within the worst case of rounding plus 0.1 % of the level, and without a bias.

    0.1 %: test_coeffs bounds the gains' error by 0.005 dB = 0.06 % for each of the two filters.
    """
    counts = emg(6, level, 17)
    error = envelope_of(counts, mains_hz) - ideal_envelope(counts, mains_hz)
    _, m, a2 = (value / ONE for value in coeffs.HIGHPASS_20_HZ)
    _, nh, na2 = (value / ONE for value in coeffs.NOTCH[mains_hz])
    # The worst that dropped fractions do to the filtered sample passes |x| unamplified; the loop overshoots by 4.5 %.
    filters = 1.05 * (noise_gain(m, a2) * 1.5 + (noise_gain(nh, na2) if mains_hz else 0))
    bottom, top = envelope_rounding()
    slack = 0.001 * np.max(ideal_envelope(counts, mains_hz))
    assert error.min() >= bottom - filters - slack
    assert error.max() <= top + filters + slack
    # On average the five roundings cancel against the three counts given back (without them: 3.1 counts too low). What
    # is left at rest, where fractions no longer spread evenly, is below one count, 0.25 uV on the simulated board.
    assert abs(np.mean(error[1000:])) < (1 if level < 100 else 0.25)
    assert np.sqrt(np.mean(error[1000:] ** 2)) < (1.5 if level < 100 else 0.5)


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
@pytest.mark.parametrize("offset", [1, -1, 37, -1000, 12345, RAIL, -FULL])
def test_an_offset_leaves_nothing(offset: int, mains_hz: int) -> None:
    """DC error nil: without the notch every filtered sample after the transient is exactly 0.

    The notch's own rounding may ring on near its frequency, by two counts (0.5 uV) at most and without a mean: the sum
    over any length stays below that of half a period.
    """
    chain = Reference(mains_hz)
    filtered = [chain.filtered(offset) for _ in range(6000)][2000:]
    ringing = 0 if mains_hz == 0 else 2
    assert max(abs(z) for z in filtered) <= ringing
    assert np.max(np.abs(np.cumsum(filtered))) <= ringing * 10
    k = Kernel(1, 0, FULL, mains_hz)
    k.set_reference(0, 0, 8192)
    outs = [out[0] for _, out in run_blocks(k, np.full((3000, 1), offset), forever(50))]
    assert {out[OUT_FAST] for out in outs[40:]} == {0}  # in uV: below 4 counts
    assert {out[OUT_ENVELOPE] for out in outs[40:]} == {0}


@pytest.mark.parametrize(("mains_hz", "amplitude"), [(50, 8000), (60, 8000), (50, 400), (60, 400)])
def test_notch_is_30_db_deep_on_integers(mains_hz: int, amplitude: int) -> None:
    t = np.arange(4000) / 1000
    tone = np.rint(amplitude * np.sin(2 * np.pi * mains_hz * t)).astype(int)

    def level(notch_hz: int) -> float:
        k = Kernel(1, 0, RAIL, notch_hz)
        k.set_reference(0, 0, 2**18 // 8)  # whole counts
        if amplitude > 4000:
            k.set_reference(0, 0, 2**18 // 64)
        outs = [out[0][OUT_FAST] for _, out in run_blocks(k, tone[:, None], forever(50))]
        return float(np.mean(outs[40:])) * (8 if amplitude > 4000 else 1)

    assert level(0) == pytest.approx(amplitude * 2 / np.pi, rel=0.02)  # the high-pass alone lets it pass (0.1 dB)
    assert 20 * np.log10(level(0) / max(level(mains_hz), 1)) >= 30
    assert level(110 - mains_hz) > 0.85 * level(0)  # the other country's notch does not help: 10 Hz away


def delay_of(response: Callable[[np.ndarray], np.ndarray], carrier_hz: float) -> float:
    """Group delay in ms by the phase of two tones beside the carrier."""
    phases = []
    t = np.arange(4000) / 1000
    for hz in (carrier_hz - 1, carrier_hz + 1):
        x = np.rint(8000 * np.cos(2 * np.pi * hz * t)).astype(int)
        y = response(x)[2000:]
        phases.append(np.angle(np.sum(y * np.exp(-2j * np.pi * hz * t[2000:]))))
    return float(-np.angle(np.exp(1j * (phases[1] - phases[0]))) / (2 * np.pi * 2) * 1000)


@pytest.mark.parametrize("carrier_hz", [30.0, 90.0, 200.0])
def test_group_delay_of_the_filters(carrier_hz: float) -> None:
    """Measured on the integers (test_bit_exact: the reference is the kernel); wanted: scipy's, of the ideal filters."""
    chain = Reference(50)
    measured = delay_of(lambda x: np.array([chain.filtered(int(v)) for v in x]), carrier_hz)
    wanted = 0.0
    for b, a in (signal.butter(2, 20, "highpass", fs=1000), signal.iirnotch(50, 10, fs=1000)):
        wanted += signal.group_delay((b, a), w=[carrier_hz], fs=1000)[1][0]
    # The tones stand 1 Hz left and right of the carrier; the delay's curvature there is below 0.02 ms.
    assert measured == pytest.approx(wanted, abs=0.03)


def test_delay_of_the_envelope_is_37_5_ms() -> None:
    """A carrier whose amplitude swings at 0.5 Hz: sqrt(2) / (2 pi 6 Hz), plus the filters' delay at the carrier."""
    t = np.arange(12000) / 1000
    swing = 1 + 0.5 * np.cos(2 * np.pi * 0.5 * t)
    counts = np.rint(6000 * swing * np.sin(2 * np.pi * 170 * t)).astype(int)
    out = envelope_of(counts)[4000:]
    phase = np.angle(np.sum((out - out.mean()) * np.exp(-2j * np.pi * 0.5 * t[4000:])))
    wanted = 1000 * math.sqrt(2) / (2 * math.pi * 6)
    for b, a in (signal.butter(2, 20, "highpass", fs=1000), signal.iirnotch(50, 10, fs=1000)):
        wanted += signal.group_delay((b, a), w=[170.0], fs=1000)[1][0]
    assert -phase / (2 * np.pi * 0.5) * 1000 == pytest.approx(wanted, abs=0.5)


# Scaling and quality


@pytest.mark.parametrize("reference_q3", [1000, 1001, 4096, 12800, 77777, 262144])
def test_permille_is_exact_and_ends_at_4095(reference_q3: int) -> None:
    """The value is level x 1000 / reference, rounded down; the rounded factor of 18 bits may cost one or two."""
    k = Kernel(1, 0, RAIL, 0)
    k.set_reference(0, reference_q3, 0)
    gain = 1000 * 2**18 // reference_q3
    tops = set()
    for amplitude in (0, 1, 40, 300, 2000, 9000, RAIL):
        counts = np.where(np.arange(400) % 4 < 2, amplitude, -amplitude)[:, None]
        for _, out in run_blocks(k, counts, forever(10)):
            level = out[0][OUT_Q3]
            assert out[0][OUT_ENVELOPE] == min(level * gain // 2**18, 4095)
            exact = level * 1000 // reference_q3
            assert min(exact - 1 - level // 2**18, 4095) <= out[0][OUT_ENVELOPE] <= min(exact, 4095)
            tops.update(out[0][:2])
    assert max(tops) == 4095 if reference_q3 < 20_000 else max(tops) <= 4095


def test_uncalibrated_output_is_microvolt() -> None:
    """250 nV a count: an eighth of a count is 1/32 uV, exactly; the factor is what the pipeline sets."""
    k = Kernel(1, 0, RAIL, 50)
    k.set_reference(0, 0, (250 << 15) // 1000)
    seen = set()
    for block, out in run_blocks(k, emg(2, 900, 5)[:, None], forever(10)):
        assert out[0][OUT_ENVELOPE] == out[0][OUT_Q3] // 32
        assert len(block) == 10
        seen.add(out[0][OUT_ENVELOPE])
    assert max(seen) > 200
    loud = Kernel(1, 0, RAIL, 50)
    loud.set_reference(0, 0, (250 << 15) // 1000)
    square = np.where(np.arange(600) % 10 < 5, RAIL, -RAIL)[:, None]
    last = [out[0] for _, out in run_blocks(loud, square, forever(10))][-1]
    assert last[OUT_ENVELOPE] == min(last[OUT_Q3] // 32, 4095)


def test_a_reference_of_nothing_gives_nothing_and_a_tiny_one_stays_in_range() -> None:
    k = Kernel(1, 0, RAIL, 0)
    for reference_q3, unit_q18 in ((0, 0), (2**30, 0), (1, 0), (0, 2**31)):
        k.set_reference(0, reference_q3, unit_q18)
        for _, out in run_blocks(k, emg(0.2, 4000, 1)[:, None], forever(10)):
            assert 0 <= out[0][OUT_ENVELOPE] <= kernel.MAX_PERMILLE
            assert 0 <= out[0][OUT_FAST] <= kernel.MAX_PERMILLE
            if reference_q3 == 2**30 or unit_q18 == reference_q3 == 0:
                assert out[0][:2] == [0, 0]


@pytest.mark.parametrize(
    ("samples", "quality"),
    [
        ([0] * 10, 2), ([5] * 10, 2), ([2047] * 10, 3), ([-2047] * 10, 3), ([0] * 9 + [2047], 1),
        ([-2047] + [1] * 9, 1), ([2046, -2046] * 5, 0), ([2047, -2047] * 5, 1), ([0] * 9 + [1], 0), ([2048, 0], 1),
    ],
)  # fmt: skip
def test_quality(samples: list[int], quality: int) -> None:
    """Bit 0: a raw count at either rail; bit 1: all samples alike."""
    k = Kernel(2, 3, 2047, 50)
    block = array("h", [value for x in samples for value in (x, 7)])
    k.process(block, len(samples))
    assert k.out[0][OUT_QUALITY] == quality
    assert k.out[1][OUT_QUALITY] == 2
