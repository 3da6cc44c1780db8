"""The integer filters against scipy: gain, poles, notch depth, delay, at every rate; and the generated file."""

from types import SimpleNamespace

import design_filters
import numpy as np
import pytest
from scipy import signal

from mmc_core import coeffs, sample

TABLES = {rate_hz: SimpleNamespace(**design_filters.tables(rate_hz)) for rate_hz in design_filters.RATES_HZ}


def gain_db(ba: object, hz: object, rate_hz: int) -> np.ndarray:
    """Gain in dB at each frequency, by scipy."""
    b, a = ba  # type: ignore[misc]
    _, response = signal.freqz(b, a, worN=np.atleast_1d(hz), fs=rate_hz)
    return 20 * np.log10(np.maximum(np.abs(response), 1e-12))


def section(stored: tuple[int, int, int], middle: int) -> tuple[np.ndarray, np.ndarray]:
    g, minus_a1, a2 = stored
    return np.array([g, middle * g, g]) / 2**14, np.array([2**14, -minus_a1, a2]) / 2**14


def notch(stored: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x - d over one denominator: (1 - c) - h/z + (a2 + c)/z^2."""
    c, h, a2 = stored
    return np.array([2**14 - c, -h, a2 + c]) / 2**14, np.array([2**14, -h, a2]) / 2**14


def band(rate_hz: int) -> np.ndarray:
    return np.arange(30.0, min(450, 0.45 * rate_hz) + 0.1, 0.5)


def test_the_file_is_what_its_tool_makes() -> None:
    assert design_filters.TARGET.read_text(encoding="utf-8") == design_filters.render()
    assert design_filters.main(["--check"]) == 0
    assert {name: getattr(coeffs, name) for name in vars(TABLES[1000])} == vars(TABLES[1000])


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
    assert coeffs.RATE_HZ == sample.RATE_HZ == 1000
    assert sample.BLOCK_MS == design_filters.BLOCK_MS


@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_highpass_is_butterworth_of_order_2_at_20_hz(rate_hz: int) -> None:
    ours, ideal = section(TABLES[rate_hz].HIGHPASS, -2), signal.butter(2, 20, "highpass", fs=rate_hz)
    hz = band(rate_hz)
    assert np.max(np.abs(gain_db(ours, hz, rate_hz) - gain_db(ideal, hz, rate_hz))) < 0.02
    assert gain_db(ours, 20, rate_hz)[0] == pytest.approx(-3.01, abs=0.03)
    assert gain_db(ours, 2, rate_hz)[0] < -39  # 12 dB per octave: a decade below the edge
    assert sum(ours[0]) == 0  # nothing at 0 Hz
    assert np.abs(np.roots(ours[1])) == pytest.approx(np.abs(np.roots(ideal[1])), abs=2e-4)


@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_lowpass_is_butterworth_of_order_2_at_450_hz_where_the_rate_allows(rate_hz: int) -> None:
    stored = TABLES[rate_hz].LOWPASS
    if rate_hz == 500:
        assert stored == (0, 0, 0)
        return
    ours, ideal = section(stored, 2), signal.butter(2, 450, fs=rate_hz)
    hz = np.arange(0.0, 450.0, 0.5)
    assert np.max(np.abs(gain_db(ours, hz, rate_hz) - gain_db(ideal, hz, rate_hz))) < 0.01
    assert sum(ours[0]) == sum(ours[1])  # gain 1 at 0 Hz, exactly
    assert np.sort_complex(np.roots(ours[1])) == pytest.approx(np.sort_complex(np.roots(ideal[1])), abs=3e-4)


@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
@pytest.mark.parametrize(("mains_hz", "times"), [(50, 1), (60, 1), (50, 2), (60, 2)])
def test_notch_is_scipys(mains_hz: int, times: int, rate_hz: int) -> None:
    stored = (TABLES[rate_hz].NOTCH if times == 1 else TABLES[rate_hz].HARMONIC)[mains_hz]
    at = times * mains_hz
    ours, ideal = notch(stored), signal.iirnotch(at, 16 * times, fs=rate_hz)
    away = band(rate_hz)[np.abs(band(rate_hz) - at) >= 5]
    assert np.max(np.abs(gain_db(ours, away, rate_hz) - gain_db(ideal, away, rate_hz))) < 0.03
    assert gain_db(ours, at, rate_hz)[0] < -30
    assert gain_db(ours, [at - 0.2, at + 0.2], rate_hz).max() < -16.7  # mains wander
    poles = np.abs(np.roots(ours[1]))
    assert poles == pytest.approx(np.abs(np.roots(ideal[1])), abs=1e-4)
    assert poles.max() < 1
    c, h, a2 = stored
    assert a2 == 2**14 - 2 * c  # gain 1 at 0 Hz and at half the rate, exactly
    assert abs(h - 2**13 * round(2 * h / 2**14)) <= 2**12  # what the chain multiplies by is small


@pytest.mark.parametrize("mains_hz", [50, 60])
@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_the_chain_is_within_a_tenth_of_a_decibel(mains_hz: int, rate_hz: int) -> None:
    hz = band(rate_hz)
    hz = hz[(np.abs(hz - mains_hz) >= 5) & (np.abs(hz - 2 * mains_hz) >= 5)]
    real, ideal = np.zeros(len(hz)), np.zeros(len(hz))
    for name, stored, _, _ in design_filters.filters(rate_hz):
        if name in (f"notch {110 - mains_hz} Hz", f"notch {220 - 2 * mains_hz} Hz"):
            continue  # the other country's mains
        real += gain_db((stored.b, stored.a), hz, rate_hz)
    ideal += gain_db(signal.butter(2, 20, "highpass", fs=rate_hz), hz, rate_hz)
    ideal += gain_db(signal.iirnotch(mains_hz, 16, fs=rate_hz), hz, rate_hz)
    ideal += gain_db(signal.iirnotch(2 * mains_hz, 32, fs=rate_hz), hz, rate_hz)
    if rate_hz > 900:
        ideal += gain_db(signal.butter(2, 450, fs=rate_hz), hz, rate_hz)
    assert np.max(np.abs(real - ideal)) < 0.1


@pytest.mark.parametrize("rate_hz", design_filters.RATES_HZ)
def test_the_envelopes_delays_are_those_stated(rate_hz: int) -> None:
    """From the poles as stored: a ramp of block means comes out late by the delay; 45 ms is the most for decisions."""
    keeps = [(k / 2**15) ** (rate_hz // 100) for k in (TABLES[rate_hz].ENVELOPE_KEEP, TABLES[rate_hz].DISPLAY_KEEP)]
    first = second = display = 0.0
    for n in range(2000):
        first += (1 - keeps[0]) * (n - first)
        second += (1 - keeps[0]) * (first - second)
        display += (1 - keeps[1]) * (second - display)
    mean_ms = (10 - 1000 / rate_hz) / 2
    assert 10 * (1999 - second) + mean_ms == pytest.approx(design_filters.envelope_ms(rate_hz), abs=0.01)
    assert design_filters.envelope_ms(rate_hz) == pytest.approx(37.5, abs=0.1) and 37.5 < 45
    assert 10 * (1999 - display) + mean_ms == pytest.approx(100, abs=0.3)


@pytest.mark.parametrize("hz", [30.0, 90.0])
def test_group_delay_agrees_with_scipys(hz: float) -> None:
    one = design_filters.section(coeffs.HIGHPASS, -2)
    _, samples = signal.group_delay((one.b, one.a), w=[hz], fs=1000)
    assert one.delay_ms(hz, 1000) == pytest.approx(samples[0], abs=1e-6)


def test_the_report_states_the_measured_depth_and_delay() -> None:
    table = design_filters.filter_table()
    depth = -gain_db(notch(coeffs.NOTCH[60]), 60, 1000)[0]
    assert f"{depth:.0f} dB down at 60 Hz" in table
    assert len(table.splitlines()) == 2 + 6
    assert "| envelope | 37.5 ms |" in design_filters.delay_table()
