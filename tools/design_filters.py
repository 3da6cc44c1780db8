#!/usr/bin/env python3
"""Design the kernel's filters in closed form, round them to integers, and say what the rounding did to them.

In:     the parameters below; nothing else, so that any machine and any library version make the same file
Out:    `firmware/mmc_core/coeffs.py` (`--check`: compare it only; `--report`: print the tables of DESIGN.md)
Source: high-pass: second-order Butterworth by the bilinear transform; 20 Hz and 12 dB/octave is the advice of De Luca
        et al. 2010, "Filtering the surface EMG signal" (doi 10.1016/j.jbiomech.2010.01.027). Notch: the two-pole,
        two-zero notch of Orfanidis, "Introduction to Signal Processing", 1996, which `scipy.signal.iirnotch` has too.
        Envelope: mean of each block, then poles at its rate, exp(-T / tau), two equal ones for decisions (no
        overshoot), a slower one behind them for the display

Forms and Q-formats, as `mmc_core/chain.py` runs them:
    high-pass  b = g (1, -2, 1), a = (1, a1, a2)                  stored: g, -2 g, -a1, a2, all Q14
    low-pass   b = g (1, 2, 1), a = (1, a1, a2)                   stored: g, 2 g, -a1, a2, all Q14
    notch      x - d, d = c (1, 0, -1) / (1, -h, 1 - 2 c)         stored: c, h, 1 - 2 c, all Q14
    envelope   what each pole keeps of itself per sample          stored: Q15
The zeros lie on the unit circle whatever the rounding, the notch passes 0 Hz and half the rate with gain 1 exactly, and
so do the envelopes 0 Hz. The low-pass passes 0 Hz with gain 1 because g is made from the rounded a1 and a2.
"""

from __future__ import annotations

import argparse
import cmath
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "firmware" / "mmc_core" / "coeffs.py"

RATE_HZ = 1000
HIGHPASS_HZ = 20
NOTCHES_HZ = (50, 60)
LOWPASS_HZ = 450  # where the rate allows
NOTCH_QUALITY = 16  # a band of 3 Hz at 50 Hz takes at most 0.5 dB of recorded EMG; mains 0.2 Hz off is 17 dB down
HARMONIC_QUALITY = 32  # as wide in Hz, because it lies where the EMG is strong
ENVELOPE_DELAY_MS = 37.5  # of the decision envelope, block mean included
DISPLAY_DELAY_MS = 100.0
BLOCK_MS = 10  # what delays are given for
RATES_HZ = (500, 1000, 2000)  # that are proved

Q14 = 1 << 14
Q15 = 1 << 15
BAND_HZ = (30.0, 450.0)  # where the rounded chain is compared with the ideal one
NOTCH_MARGIN_HZ = 5.0  # left and right of the mains that comparison is left out


class Section(NamedTuple):
    """A second-order section in floating point: numerator and denominator in powers of 1/z, a0 = 1."""

    b: tuple[float, float, float]
    a: tuple[float, float, float]

    def response(self, hz: float, rate_hz: int) -> complex:
        """Complex gain at a frequency."""
        back = cmath.exp(-2j * math.pi * hz / rate_hz)
        return _polynomial(self.b, back) / _polynomial(self.a, back)

    def delay_ms(self, hz: float, rate_hz: int) -> float:
        """Group delay at a frequency, in milliseconds, from the coefficients (no differences)."""
        back = cmath.exp(-2j * math.pi * hz / rate_hz)
        return (_delay(self.b, back) - _delay(self.a, back)) * 1000 / rate_hz

    def pole(self) -> complex:
        """The pole in the upper half plane."""
        _, a1, a2 = self.a
        return (-a1 + cmath.sqrt(a1 * a1 - 4 * a2)) / 2


def _polynomial(c: tuple[float, float, float], back: complex) -> complex:
    return c[0] + (c[1] + c[2] * back) * back


def _delay(c: tuple[float, float, float], back: complex) -> float:
    return ((c[1] + 2 * c[2] * back) * back / _polynomial(c, back)).real


def ideal_highpass(cutoff_hz: float, rate_hz: int) -> Section:
    """Second-order Butterworth high-pass, -3 dB at `cutoff_hz` (above 0, below half of `rate_hz`)."""
    k = math.tan(math.pi * cutoff_hz / rate_hz)
    g = 1 / (1 + math.sqrt(2) * k + k * k)
    return Section((g, -2 * g, g), (1.0, 2 * (k * k - 1) * g, (1 - math.sqrt(2) * k + k * k) * g))


def ideal_lowpass(cutoff_hz: float, rate_hz: int) -> Section:
    """Second-order Butterworth low-pass, -3 dB at `cutoff_hz` (above 0, below half of `rate_hz`)."""
    k = math.tan(math.pi * cutoff_hz / rate_hz)
    g = k * k / (1 + math.sqrt(2) * k + k * k)
    a = (1.0, 2 * (k * k - 1) / (1 + math.sqrt(2) * k + k * k), (1 - math.sqrt(2) * k + k * k) * g / (k * k))
    return Section((g, 2 * g, g), a)


def ideal_notch(mains_hz: float, rate_hz: int, quality: float = NOTCH_QUALITY) -> Section:
    """Notch at `mains_hz` with a -3 dB band of mains_hz / quality."""
    w = 2 * math.pi * mains_hz / rate_hz
    g = 1 / (1 + math.tan(w / quality / 2))
    h = 2 * g * math.cos(w)
    return Section((g, -h, g), (1.0, -h, 2 * g - 1))


def integer_highpass(cutoff_hz: float, rate_hz: int) -> tuple[int, int, int]:
    """The high-pass as stored: g, -a1, a2 in Q14; its numerator is g (1, -2, 1)."""
    ideal = ideal_highpass(cutoff_hz, rate_hz)
    return round(ideal.b[0] * Q14), round(-ideal.a[1] * Q14), round(ideal.a[2] * Q14)


def integer_lowpass(cutoff_hz: float, rate_hz: int) -> tuple[int, int, int]:
    """The low-pass as stored: g, -a1, a2 in Q14, numerator g (1, 2, 1); all zero, none, where the rate is low."""
    if cutoff_hz >= rate_hz / 2:
        return 0, 0, 0
    ideal = ideal_lowpass(cutoff_hz, rate_hz)
    a1, a2 = round(ideal.a[1] * Q14), round(ideal.a[2] * Q14)
    a2 += -(Q14 + a1 + a2) % 4  # so that g is whole
    g = (Q14 + a1 + a2) // 4
    return g, -a1, a2


def integer_notch(mains_hz: float, rate_hz: int, quality: float = NOTCH_QUALITY) -> tuple[int, int, int]:
    """The notch as stored: c, h, 1 - 2 c in Q14; `mains_hz` 0 gives all zero, which is none."""
    if mains_hz == 0:
        return 0, 0, 0
    g = round(ideal_notch(mains_hz, rate_hz, quality).b[0] * Q14)
    return Q14 - g, round(2 * g * math.cos(2 * math.pi * mains_hz / rate_hz)), 2 * g - Q14


def smoothing(delay_ms: float) -> float:
    """What a pole at the rate of blocks takes in of each block, for a delay at 0 Hz."""
    return BLOCK_MS / (BLOCK_MS + delay_ms)


def integer_keep(delay_ms: float, rate_hz: int) -> int:
    """What the pole keeps of itself per sample, Q15."""
    return round((1 - smoothing(delay_ms)) ** (1000 / BLOCK_MS / rate_hz) * Q15)


def envelope_pole_ms(rate_hz: int) -> float:
    """Delay of each of the two poles: half of what the block's mean leaves."""
    return (ENVELOPE_DELAY_MS - mean_delay_ms(rate_hz)) / 2


def mean_delay_ms(rate_hz: int) -> float:
    """Delay of the mean over a block."""
    return (BLOCK_MS - 1000 / rate_hz) / 2


def tables(rate_hz: int) -> dict[str, Any]:
    """Everything that coeffs.py holds for a rate, by name."""
    return {
        "RATE_HZ": rate_hz,
        "HIGHPASS": integer_highpass(HIGHPASS_HZ, rate_hz),
        "NOTCH": {hz: integer_notch(hz, rate_hz) for hz in (0, *NOTCHES_HZ)},
        "HARMONIC": {hz: integer_notch(2 * hz, rate_hz, HARMONIC_QUALITY) for hz in (0, *NOTCHES_HZ)},
        "LOWPASS": integer_lowpass(LOWPASS_HZ, rate_hz),
        "ENVELOPE_KEEP": integer_keep(envelope_pole_ms(rate_hz), rate_hz),
        "DISPLAY_KEEP": integer_keep(DISPLAY_DELAY_MS - ENVELOPE_DELAY_MS, rate_hz),
    }


def section(stored: tuple[int, int, int], middle: int) -> Section:
    """The high-pass (`middle` -2) or low-pass (2) that the stored integers make."""
    g, minus_a1, a2 = (value / Q14 for value in stored)
    return Section((g, middle * g, g), (1.0, -minus_a1, a2))


def notch_section(stored: tuple[int, int, int]) -> Section:
    """The notch that the stored integers make."""
    c, h, a2 = (value / Q14 for value in stored)
    return Section((1 - c, -h, a2 + c), (1.0, -h, a2))


def worst_error_db(
    section: Section,
    ideal_gain: Callable[[float], float],
    band_hz: tuple[float, float],
    *,
    skip_hz: float = 0.0,
    rate_hz: int = RATE_HZ,
) -> float:
    """Largest difference in gain from the ideal, in dB, on a grid of 0.1 Hz; `skip_hz`: leave out what is near it."""
    worst = 0.0
    for step in range(round(band_hz[0] * 10), round(band_hz[1] * 10) + 1):
        hz = step / 10
        if skip_hz and abs(hz - skip_hz) < NOTCH_MARGIN_HZ:
            continue
        worst = max(worst, abs(20 * math.log10(abs(section.response(hz, rate_hz)) / ideal_gain(hz))))
    return worst


def depth_db(section: Section, hz: float) -> float:
    """How far below 1 the gain is at a frequency, in dB (a perfect zero counts as 200 dB)."""
    return -20 * math.log10(max(abs(section.response(hz, RATE_HZ)), 1e-10))


def _row(name: str, section: Section, error_db: float, band_hz: tuple[float, float], remark: str) -> str:
    pole = section.pole()
    pole_hz = abs(cmath.phase(pole)) * RATE_HZ / (2 * math.pi)
    low, high = (f"{edge:g}" for edge in band_hz)
    return f"| {name} | {abs(pole):.5f} | {pole_hz:.2f} Hz | {error_db:.3f} dB, {low}-{high} Hz | {remark} |"


def filters(rate_hz: int) -> list[tuple[str, Section, Section, float]]:
    """Each filter of a rate: name, as stored, as designed, the mains that comparison leaves out (0: none)."""
    found = tables(rate_hz)
    rows = [(f"high-pass {HIGHPASS_HZ} Hz", section(found["HIGHPASS"], -2), ideal_highpass(HIGHPASS_HZ, rate_hz), 0.0)]
    for hz in NOTCHES_HZ:
        rows.append((f"notch {hz} Hz", notch_section(found["NOTCH"][hz]), ideal_notch(hz, rate_hz), hz))
    for hz in NOTCHES_HZ:
        ideal = ideal_notch(2 * hz, rate_hz, HARMONIC_QUALITY)
        rows.append((f"notch {2 * hz} Hz", notch_section(found["HARMONIC"][hz]), ideal, 2 * hz))
    if found["LOWPASS"][0]:
        rows.append(
            (f"low-pass {LOWPASS_HZ} Hz", section(found["LOWPASS"], 2), ideal_lowpass(LOWPASS_HZ, rate_hz), 0.0)
        )
    return rows


def filter_table() -> str:
    """What the rounding left of each filter, as Markdown: poles, largest error, and what each is for."""
    rows = [
        "| filter | pole radius | pole at | gain differs from the ideal by at most | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, stored, ideal, mains_hz in filters(RATE_HZ):
        error = worst_error_db(stored, lambda hz, i=ideal: abs(i.response(hz, RATE_HZ)), BAND_HZ, skip_hz=mains_hz)
        remark = ""
        if mains_hz:
            remark = f"{min(depth_db(stored, mains_hz), 99):.0f} dB down at {mains_hz} Hz, "
            remark += f"{depth_db(stored, mains_hz + 0.2):.0f} dB at {mains_hz + 0.2:g} Hz"
        rows.append(_row(name, stored, error, BAND_HZ, remark))
    return "\n".join(rows) + "\n"


def delay_table() -> str:
    """How much later each filter's output is, as Markdown: group delay in ms.

    The filters work on the EMG itself, so theirs is given at three frequencies of its band; the envelopes work on the
    rectified signal, whose level changes slowly, so their delay is that at 0 Hz.
    """
    carriers_hz = (30, 90, 200)
    head = " | ".join(f"at {hz} Hz" for hz in carriers_hz)
    rows = [f"| filter | at 0 Hz | {head} |", "| --- |" + " --- |" * (1 + len(carriers_hz))]
    for name, stored, _, _ in filters(RATE_HZ):
        cells = [f"{stored.delay_ms(hz, RATE_HZ):.2f} ms" for hz in carriers_hz]
        rows.append(f"| {name} |  | {' | '.join(cells)} |")
    mean_ms = mean_delay_ms(RATE_HZ)
    for name, delay_ms in (
        ("fast level: mean of a block", mean_ms),
        ("envelope", envelope_ms(RATE_HZ)),
        ("display envelope", envelope_ms(RATE_HZ) + pole_ms(tables(RATE_HZ)["DISPLAY_KEEP"], RATE_HZ)),
    ):
        rows.append(f"| {name} | {delay_ms:.1f} ms |" + "  |" * len(carriers_hz))
    return "\n".join(rows) + "\n"


def pole_ms(keep_q15: int, rate_hz: int) -> float:
    """Delay at 0 Hz of a pole as stored."""
    keep = (keep_q15 / Q15) ** (rate_hz * BLOCK_MS / 1000)
    return keep / (1 - keep) * BLOCK_MS


def envelope_ms(rate_hz: int) -> float:
    """Delay at 0 Hz of the decision envelope as stored."""
    return mean_delay_ms(rate_hz) + 2 * pole_ms(tables(rate_hz)["ENVELOPE_KEEP"], rate_hz)


def render() -> str:
    """The text of coeffs.py."""
    lines = [
        '"""GENERATED by `python tools/design_filters.py`; do not edit. The kernel\'s integer filters.',
        "",
        "High-pass, low-pass: Butterworth of order 2: b0, -a1, a2 (Q14). Notches, by mains frequency (0: none):",
        f"c, h, a2 (Q14), Q = {NOTCH_QUALITY} at the mains and {HARMONIC_QUALITY} at twice the mains. ..._KEEP: what a",
        "pole of the envelopes keeps per sample (Q15).",
        '"""',
        "",
    ]
    for name, value in tables(RATE_HZ).items():
        if isinstance(value, dict):
            lines += [f"{name} = {{", *(f"    {key}: {one}," for key, one in value.items()), "}"]
        else:
            lines.append(f"{name} = {value}")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write, check or report; return the exit code (1: the file is not what this tool makes)."""
    parser = argparse.ArgumentParser(description="Design the kernel's filters and write mmc_core/coeffs.py.")
    parser.add_argument("--check", action="store_true", help="compare the file instead of writing it")
    parser.add_argument("--report", action="store_true", help="print what rounding did, and the delays, as Markdown")
    options = parser.parse_args(arguments)
    if options.report:
        print(f"{filter_table()}\n{delay_table()}", end="")
        return 0
    if options.check:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != render():
            print(f"{TARGET.relative_to(ROOT)} is not what tools/design_filters.py makes: run it", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
