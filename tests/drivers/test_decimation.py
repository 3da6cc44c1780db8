"""The I2S ADC's filters: sines through the driver's own integers, bounds of every number, drift of the coefficients."""

from __future__ import annotations

from array import array

import design_decimator
import numpy as np
import pytest
from conformance import i2s_adc as rig
from scipy import signal

from mmc_drivers import i2s_adc

PASS_HZ = (20, 50, 100, 150, 200, 250, 300, 350, 400, 425, 450)
STOP_HZ = (
    550, 560, 580, 600, 650, 700, 800, 950, 1000, 1050, 1200, 1449, 1550, 1600, 1750, 1900, 2050, 2100, 2449,
    2550, 2900, 3000, 3450, 3550, 3800, 4000, 4100, 4449, 4550, 4700, 4900, 4999,
)  # fmt: skip


def decimated(inputs: np.ndarray) -> np.ndarray:
    """What the driver makes of 16-bit values of both channels, in its own blocks of 256."""
    filters = array("i", (*i2s_adc._TAPS, *i2s_adc._ALLPASSES, *[0] * 16))
    raw, ring = array("H", [0x8000] * 600), array("h", bytes(4 * 256))
    left, out = 0, []
    for start in range(0, len(inputs) - 255, 256):
        raw[88:] = array("H", np.ascontiguousarray(inputs[start : start + 256], "<i2").tobytes())
        groups = (left + 256) // 10
        i2s_adc._decimate(memoryview(raw), 88 - 2 * left, 88 - 2 * left + 20 * groups, filters, ring, 0, 256)
        out.append(np.array(ring[: 2 * groups]).reshape(-1, 2))
        left += 256 - 10 * groups
    return np.concatenate(out)


def gain_db(hz: float) -> float:
    """Of a sine that comes near the rails, after the filters have settled; frequencies that alias count as they are."""
    t = np.arange(256 * 32) / 10_000
    sine = 32_000 * np.sin(2 * np.pi * hz * t + 0.3)
    out = decimated(np.stack([np.rint(sine), -np.rint(sine)], 1))[200:, 0]
    return 20 * float(np.log10(max(np.std(out), 1e-3) / (16_000 / np.sqrt(2))))


@pytest.mark.parametrize("hz", PASS_HZ)
def test_the_band_of_emg_passes_flat(hz: int) -> None:
    assert abs(gain_db(hz)) < 0.03


@pytest.mark.parametrize("hz", STOP_HZ)
def test_what_would_alias_into_it_is_64_db_down(hz: int) -> None:
    assert gain_db(hz) < -64


def test_what_the_tool_promises_is_what_scipy_finds() -> None:
    figures = design_decimator.figures()
    assert figures["ripple_db"] < 0.01 and figures["attenuation_db"] > 64.5
    half = np.array(i2s_adc._TAPS) / 2**14
    allpasses = np.array(i2s_adc._ALLPASSES) / 2**14
    for hz in (20.0, 100.0, 400.0, 600.0, 1800.0):
        _, first = signal.freqz(np.concatenate([half, half[::-1]]), worN=[hz], fs=10_000)
        chains = []
        for parity in (0, 1):
            b = a = np.array([1.0])
            for c in allpasses[parity::2]:
                b, a = np.convolve(b, [c, 0, 1]), np.convolve(a, [1, 0, c])
            chains.append(signal.freqz(np.concatenate([np.zeros(parity), b]), a, worN=[hz], fs=2000)[1])
        ours = design_decimator.response(hz)
        assert abs(ours - (first * (chains[0] + chains[1]) / 2)[0]) < 1e-9
    ideal = design_decimator.ideal_allpasses()
    assert max(abs(allpasses - ideal)) <= 2**-15 and sum(i2s_adc._TAPS) == 2**13


@pytest.mark.parametrize(("hz", "delay_ms"), [(20, 3.16), (100, 3.22), (200, 3.42), (400, 5.27)])
def test_the_delay_is_the_one_stated(hz: int, delay_ms: float) -> None:
    """The phase of a sine after the integers, from the last of ten samples on."""
    assert design_decimator.delay_ms(hz) == pytest.approx(delay_ms, abs=0.01)
    t = np.arange(256 * 64) / 10_000
    out = decimated(np.stack([np.rint(30_000 * np.sin(2 * np.pi * hz * t))] * 2, 1))[300:1300, 0]
    at = (np.arange(300, 1300) * 10 + 9) / 10_000
    turn = np.angle(np.sum(out * np.exp(-2j * np.pi * hz * at))) + np.pi / 2
    expected = np.angle(design_decimator.response(hz))
    assert abs((turn - expected + np.pi) % (2 * np.pi) - np.pi) < 0.002


def test_no_number_leaves_31_bits() -> None:
    """Sums of absolute values from the inputs to every number on the way: no input can do more."""
    half = np.array(i2s_adc._TAPS)
    assert max(np.cumsum(np.abs(half))) * 2 * 0xFFFF + 2**29 < 2**31 - 1  # while the offset is still in it
    most = np.sum(np.abs(half)) * 2 * 2**15 / 2**10 + 1  # of the first stage's results
    n = 4000
    impulse = np.zeros(n)
    impulse[0] = 1
    for parity in (0, 1):
        value, bound, floors = impulse, most, 0.0
        for c in np.array(i2s_adc._ALLPASSES)[parity::2] / 2**14:
            out = signal.lfilter([c, 1], [1, c], value)
            floors = (floors + 2) * (1 + 2 * c)  # what rounding down can add, amplified at most
            difference = (np.sum(np.abs(value)) + np.sum(np.abs(out))) * most + 2 * floors
            assert difference / 256 * c * 2**14 + 255 * 2**14 / 256 < 2**30
            bound = np.sum(np.abs(out)) * most + floors
            assert bound < 2**30
            value = out


def test_the_lines_are_what_their_tool_makes(tmp_path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    assert design_decimator.main(["--check"]) == 0
    assert (design_decimator.integer_taps(), design_decimator.integer_allpasses()) == (rig.TAPS, rig.ALLPASSES)
    edited = tmp_path / "i2s_adc.py"
    edited.write_text(design_decimator.TARGET.read_text(encoding="utf-8").replace("8514", "8515"), encoding="utf-8")
    monkeypatch.setattr(design_decimator, "ROOT", tmp_path)
    monkeypatch.setattr(design_decimator, "TARGET", edited)
    assert design_decimator.main(["--check"]) == 1
    assert "i2s_adc.py" in capsys.readouterr().err
    assert design_decimator.main([]) == 0
    assert design_decimator.main(["--check"]) == 0
