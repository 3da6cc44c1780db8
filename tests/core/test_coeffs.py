"""The integer filters against scipy's designs: gain, poles, notch depth, delay, and the generated file itself."""

import math

import design_filters
import numpy as np
import pytest
from scipy import signal

from mmc_core import coeffs, sample

RATE_HZ = 1000
HZ = np.arange(30.0, 450.1, 0.5)


def gain_db(b: object, a: object, hz: object) -> np.ndarray:
    """Gain in dB at each frequency, by scipy."""
    _, response = signal.freqz(b, a, worN=np.atleast_1d(hz), fs=RATE_HZ)
    return 20 * np.log10(np.maximum(np.abs(response), 1e-12))


def highpass() -> tuple[np.ndarray, np.ndarray]:
    g, minus_a1, a2 = coeffs.HIGHPASS_20_HZ
    return np.array([g, -2 * g, g]) / 2**14, np.array([2**14, -minus_a1, a2]) / 2**14


def notch(mains_hz: int) -> tuple[np.ndarray, np.ndarray]:
    g, h, a2 = coeffs.NOTCH[mains_hz]
    return np.array([g, -h, g]) / 2**14, np.array([2**14, -h, a2]) / 2**14


def envelope(stored: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The loop low += f band; band += f (in - low - q band), put over one denominator."""
    f, q = stored[0] / 2**17, stored[1] / 2**14
    return np.array([0.0, f * f, 0.0]), np.array([1.0, f * q + f * f - 2, 1 - f * q])


ENVELOPES = {
    cutoff_hz: design_filters.integer_envelope(cutoff_hz, coeffs.RATE_HZ) for cutoff_hz in design_filters.ENVELOPES_HZ
}


def test_the_file_is_what_its_tool_makes() -> None:
    assert design_filters.TARGET.read_text(encoding="utf-8") == design_filters.render()
    assert design_filters.main(["--check"]) == 0


def test_drift_is_reported(tmp_path, monkeypatch, capsys) -> None:
    edited = tmp_path / "coeffs.py"
    edited.write_text(design_filters.render().replace("14991", "14992"), encoding="utf-8")
    monkeypatch.setattr(design_filters, "ROOT", tmp_path)
    monkeypatch.setattr(design_filters, "TARGET", edited)
    assert design_filters.main(["--check"]) == 1
    assert "coeffs.py" in capsys.readouterr().err
    assert design_filters.main([]) == 0
    assert design_filters.main(["--check"]) == 0


def test_the_rate_is_that_of_the_blocks() -> None:
    assert coeffs.RATE_HZ == sample.RATE_HZ == RATE_HZ


def test_all_are_plain_small_integers() -> None:
    stored = [*coeffs.HIGHPASS_20_HZ, *(v for row in coeffs.NOTCH.values() for v in row)]
    stored += [v for row in ENVELOPES.values() for v in row]
    assert all(type(value) is int and 0 <= value < 2**15 for value in stored)


def test_highpass_is_butterworth_of_order_2_at_20_hz() -> None:
    b, a = signal.butter(2, 20, "highpass", fs=RATE_HZ)
    assert np.max(np.abs(gain_db(*highpass(), HZ) - gain_db(b, a, HZ))) < 0.005
    assert gain_db(*highpass(), 20)[0] == pytest.approx(-3.01, abs=0.02)
    assert gain_db(*highpass(), 2)[0] < -39  # 12 dB per octave: a decade below the edge
    assert sum(highpass()[0]) == 0  # nothing at 0 Hz
    assert np.abs(np.roots(highpass()[1])) == pytest.approx(np.abs(np.roots(a)), abs=1e-4)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_notch_is_scipys_with_quality_10(mains_hz: int) -> None:
    b, a = signal.iirnotch(mains_hz, 10, fs=RATE_HZ)
    away = HZ[np.abs(HZ - mains_hz) >= 5]
    assert np.max(np.abs(gain_db(*notch(mains_hz), away) - gain_db(b, a, away))) < 0.005
    assert gain_db(*notch(mains_hz), mains_hz)[0] < -50
    assert gain_db(*notch(mains_hz), [mains_hz - 0.2, mains_hz + 0.2]).max() < -20  # mains wander
    half_band = mains_hz / 10 / 2
    assert gain_db(*notch(mains_hz), mains_hz + half_band)[0] == pytest.approx(-3.0, abs=0.25)
    poles = np.abs(np.roots(notch(mains_hz)[1]))
    assert poles == pytest.approx(np.abs(np.roots(a)), abs=1e-4)
    assert poles.max() < 1


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_notch_passes_0_hz_and_half_the_rate_exactly(mains_hz: int) -> None:
    g, h, a2 = coeffs.NOTCH[mains_hz]
    assert 2 * g - h == 2**14 - h + a2
    assert 2 * g + h == 2**14 + h + a2


def test_no_notch_passes_every_sample_unchanged() -> None:
    g, h, a2 = coeffs.NOTCH[0]
    n1 = n2 = 0
    for y in (0, 1, -1, 16383, -16384, 77, -4096, 5):  # the kernel's own lines
        x = g * y + n1
        n1 = (x & 16383) + n2
        x = x >> 14
        n1 = (x - y) * h + n1
        n2 = g * y - a2 * x
        assert (x, n1, n2) == (y, 0, 0)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_the_chain_is_within_a_tenth_of_a_decibel(mains_hz: int) -> None:
    away = HZ[np.abs(HZ - mains_hz) >= 5]
    ideal = gain_db(*signal.butter(2, 20, "highpass", fs=RATE_HZ), away)
    ideal += gain_db(*signal.iirnotch(mains_hz, 10, fs=RATE_HZ), away)
    real = gain_db(*highpass(), away) + gain_db(*notch(mains_hz), away)
    assert np.max(np.abs(real - ideal)) < 0.1


def test_the_kernel_has_the_chosen_one():
    assert ENVELOPES[design_filters.CHOSEN_HZ] == coeffs.ENVELOPE_6_HZ


@pytest.mark.parametrize("cutoff_hz", sorted(ENVELOPES))
def test_envelope_is_butterworth_in_gain_poles_and_delay(cutoff_hz: int) -> None:
    b, a = envelope(ENVELOPES[cutoff_hz])
    hz = np.arange(0.1, 4 * cutoff_hz, 0.1)
    _, analogue = signal.freqs(*signal.butter(2, 2 * math.pi * cutoff_hz, analog=True), worN=2 * math.pi * hz)
    assert np.max(np.abs(gain_db(b, a, hz) - 20 * np.log10(np.abs(analogue)))) < 0.05
    assert gain_db(b, a, cutoff_hz)[0] == pytest.approx(-3.01, abs=0.02)
    assert sum(b) == pytest.approx(sum(a), rel=1e-9)  # gain 1 at 0 Hz
    _, analogue_poles, _ = signal.butter(2, 2 * math.pi * cutoff_hz, analog=True, output="zpk")
    wanted = np.exp(analogue_poles / RATE_HZ)
    assert np.sort_complex(np.roots(a)) == pytest.approx(np.sort_complex(wanted), abs=1e-4)


@pytest.mark.parametrize("cutoff_hz", sorted(ENVELOPES))
def test_envelope_delay_is_the_analogue_filters(cutoff_hz: int) -> None:
    wanted_ms = 1000 * math.sqrt(2) / (2 * math.pi * cutoff_hz)
    section = design_filters.envelope_section(ENVELOPES[cutoff_hz])
    assert section.delay_ms(0.0, RATE_HZ) == pytest.approx(wanted_ms, abs=0.05)
    assert f"| envelope {cutoff_hz} Hz | {wanted_ms:.1f} ms |" in design_filters.delay_table()
    f, q = ENVELOPES[cutoff_hz][0] / 2**17, ENVELOPES[cutoff_hz][1] / 2**14
    low = band = fall = 0.0  # the delay of a ramp, from the loop itself
    for n in range(3000):
        low += f * band
        band += f * (n - low - q * band)
        fall = n - low
    assert fall == pytest.approx(wanted_ms, abs=0.05)  # 1 sample is 1 ms


@pytest.mark.parametrize(("stored", "hz"), [(coeffs.HIGHPASS_20_HZ, 90.0), (coeffs.HIGHPASS_20_HZ, 30.0)])
def test_group_delay_agrees_with_scipys(stored: tuple[int, int, int], hz: float) -> None:
    section = design_filters.highpass_section(stored)
    _, samples = signal.group_delay((section.b, section.a), w=[hz], fs=RATE_HZ)
    assert section.delay_ms(hz, RATE_HZ) == pytest.approx(samples[0], abs=1e-6)


def test_the_report_states_the_measured_depth() -> None:
    table = design_filters.filter_table()
    depth = -gain_db(*notch(50), 50)[0]
    assert f"{depth:.0f} dB down at 50 Hz" in table
    assert len(table.splitlines()) == 2 + 1 + 2 + 3
