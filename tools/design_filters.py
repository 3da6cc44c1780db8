#!/usr/bin/env python3
"""Design the kernel's filters in closed form, round them to integers, and say what the rounding did to them.

In:     the parameters below; nothing else, so that any machine and any library version make the same file
Out:    `firmware/mmc_core/coeffs.py` (`--check`: compare it only; `--report`: print the tables of DESIGN.md)
Source: high-pass: second-order Butterworth by the bilinear transform; 20 Hz and 12 dB/octave is the advice of De Luca
        et al. 2010, "Filtering the surface EMG signal" (doi 10.1016/j.jbiomech.2010.01.027). Notch: the two-pole,
        two-zero notch of Orfanidis, "Introduction to Signal Processing", 1996, which `scipy.signal.iirnotch` has too.
        Envelope: Chamberlin's state-variable low-pass ("Musical Applications of Microprocessors", 1980), its f and q
        chosen so that its poles are those of the analogue Butterworth low-pass, mapped by z = exp(s T)

Forms and Q-formats, as `mmc_core/kernel.py` runs them:
    high-pass  b = g (1, -2, 1), a = (1, a1, a2)                        stored: g, -a1, a2, all Q14
    notch      b = (g, -h, g), a = (1, -h, a2) with a2 = 2 g - 1        stored: g, h, a2, all Q14
    envelope   low += f band; band += f (in - low - q band)             stored: f in Q17, q in Q14
The zeros of both notch and high-pass lie on the unit circle whatever the rounding, the notch passes 0 Hz and half the
rate with gain 1 exactly (a2 is made from the rounded g), and the envelope's gain at 0 Hz is 1 in any rounding.
"""

from __future__ import annotations

import argparse
import cmath
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "firmware" / "mmc_core" / "coeffs.py"

RATE_HZ = 1000
HIGHPASS_HZ = 20
NOTCHES_HZ = (50, 60)
NOTCH_QUALITY = 10  # a band of 5 Hz at 50 Hz: mains wander by +-0.2 Hz stays 20 dB down
ENVELOPES_HZ = (5, 6, 8)  # that were compared
CHOSEN_HZ = 6  # that the kernel has

Q14 = 1 << 14
Q17 = 1 << 17
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


def ideal_notch(mains_hz: float, rate_hz: int) -> Section:
    """Notch at `mains_hz` with a -3 dB band of mains_hz / NOTCH_QUALITY."""
    w = 2 * math.pi * mains_hz / rate_hz
    g = 1 / (1 + math.tan(w / NOTCH_QUALITY / 2))
    h = 2 * g * math.cos(w)
    return Section((g, -h, g), (1.0, -h, 2 * g - 1))


def integer_highpass(cutoff_hz: float, rate_hz: int) -> tuple[int, int, int]:
    """The high-pass as stored: g, -a1, a2 in Q14."""
    ideal = ideal_highpass(cutoff_hz, rate_hz)
    return round(ideal.b[0] * Q14), round(-ideal.a[1] * Q14), round(ideal.a[2] * Q14)


def integer_notch(mains_hz: float, rate_hz: int) -> tuple[int, int, int]:
    """The notch as stored: g, h, a2 in Q14; `mains_hz` 0 gives the section that passes every sample unchanged."""
    if mains_hz == 0:
        return Q14, 0, Q14
    g = round(ideal_notch(mains_hz, rate_hz).b[0] * Q14)
    return g, round(2 * g * math.cos(2 * math.pi * mains_hz / rate_hz)), 2 * g - Q14


def integer_envelope(cutoff_hz: float, rate_hz: int) -> tuple[int, int]:
    """The state-variable low-pass as stored: f in Q17, q in Q14.

    Its denominator is 1 - (2 - f q - f^2)/z + (1 - f q)/z^2; with a pole pair p, conj(p) that gives f = |1 - p| and
    q = (1 - |p|^2) / f.
    """
    w = 2 * math.pi * cutoff_hz / rate_hz
    pole = cmath.exp(w * complex(-math.sqrt(0.5), math.sqrt(0.5)))
    f = abs(1 - pole)
    return round(f * Q17), round((1 - abs(pole) ** 2) / f * Q14)


def highpass_section(stored: tuple[int, int, int]) -> Section:
    """The high-pass that the stored integers make."""
    g, minus_a1, a2 = (value / Q14 for value in stored)
    return Section((g, -2 * g, g), (1.0, -minus_a1, a2))


def notch_section(stored: tuple[int, int, int]) -> Section:
    """The notch that the stored integers make."""
    g, h, a2 = (value / Q14 for value in stored)
    return Section((g, -h, g), (1.0, -h, a2))


def envelope_section(stored: tuple[int, int]) -> Section:
    """The low-pass that the stored integers make."""
    f, q = stored[0] / Q17, stored[1] / Q14
    return Section((0.0, f * f, 0.0), (1.0, -(2 - f * q - f * f), 1 - f * q))


def butterworth_lowpass_gain(hz: float, cutoff_hz: float) -> float:
    """Gain of the analogue second-order Butterworth low-pass."""
    return 1 / math.sqrt(1 + (hz / cutoff_hz) ** 4)


def worst_error_db(
    section: Section,
    ideal_gain: Callable[[float], float],
    band_hz: tuple[float, float],
    *,
    skip_hz: float = 0.0,
) -> float:
    """Largest difference in gain from the ideal, in dB, on a grid of 0.1 Hz; `skip_hz`: leave out what is near it."""
    worst = 0.0
    for step in range(round(band_hz[0] * 10), round(band_hz[1] * 10) + 1):
        hz = step / 10
        if skip_hz and abs(hz - skip_hz) < NOTCH_MARGIN_HZ:
            continue
        worst = max(worst, abs(20 * math.log10(abs(section.response(hz, RATE_HZ)) / ideal_gain(hz))))
    return worst


def depth_db(section: Section, hz: float) -> float:
    """How far below 1 the gain is at a frequency, in dB (a perfect zero counts as 200 dB)."""
    return -20 * math.log10(max(abs(section.response(hz, RATE_HZ)), 1e-10))


def _row(name: str, section: Section, error_db: float, band_hz: tuple[float, float], remark: str) -> str:
    pole = section.pole()
    pole_hz = abs(cmath.phase(pole)) * RATE_HZ / (2 * math.pi)
    low, high = (f"{edge:g}" for edge in band_hz)
    return f"| {name} | {abs(pole):.5f} | {pole_hz:.2f} Hz | {error_db:.3f} dB, {low}-{high} Hz | {remark} |"


def filter_table() -> str:
    """What the rounding left of each filter, as Markdown: poles, largest error, and what each is for."""
    rows = [
        "| filter | pole radius | pole at | gain differs from the ideal by at most | |",
        "| --- | --- | --- | --- | --- |",
    ]
    ideal = ideal_highpass(HIGHPASS_HZ, RATE_HZ)
    section = highpass_section(integer_highpass(HIGHPASS_HZ, RATE_HZ))
    error = worst_error_db(section, lambda hz: abs(ideal.response(hz, RATE_HZ)), BAND_HZ)
    rows.append(_row(f"high-pass {HIGHPASS_HZ} Hz", section, error, BAND_HZ, "no gain at 0 Hz"))
    for mains_hz in NOTCHES_HZ:
        wanted = ideal_notch(mains_hz, RATE_HZ)
        section = notch_section(integer_notch(mains_hz, RATE_HZ))
        error = worst_error_db(
            section, lambda hz, wanted=wanted: abs(wanted.response(hz, RATE_HZ)), BAND_HZ, skip_hz=mains_hz
        )
        remark = f"{min(depth_db(section, mains_hz), 99):.0f} dB down at {mains_hz} Hz, "
        remark += f"{depth_db(section, mains_hz + 0.2):.0f} dB at {mains_hz + 0.2:g} Hz"
        rows.append(_row(f"notch {mains_hz} Hz", section, error, BAND_HZ, remark))
    for cutoff_hz in ENVELOPES_HZ:
        section = envelope_section(integer_envelope(cutoff_hz, RATE_HZ))
        band_hz = (0.1, 4.0 * cutoff_hz)
        error = worst_error_db(
            section, lambda hz, cutoff_hz=cutoff_hz: butterworth_lowpass_gain(hz, cutoff_hz), band_hz
        )
        at_edge = depth_db(section, cutoff_hz)
        rows.append(
            _row(f"envelope {cutoff_hz} Hz", section, error, band_hz, f"{at_edge:.2f} dB down at {cutoff_hz} Hz")
        )
    return "\n".join(rows) + "\n"


def delay_table() -> str:
    """How much later each filter's output is, as Markdown: group delay in ms.

    High-pass and notch work on the EMG itself, so theirs is given at three frequencies of its band; the envelope works
    on the rectified signal, whose level changes slowly, so its delay is that at 0 Hz.
    """
    carriers_hz = (30, 90, 200)
    head = " | ".join(f"at {hz} Hz" for hz in carriers_hz)
    rows = [f"| filter | at 0 Hz | {head} |", "| --- |" + " --- |" * (1 + len(carriers_hz))]
    section = highpass_section(integer_highpass(HIGHPASS_HZ, RATE_HZ))
    sections = [(f"high-pass {HIGHPASS_HZ} Hz", section, False)]
    for mains_hz in NOTCHES_HZ:
        sections.append((f"notch {mains_hz} Hz", notch_section(integer_notch(mains_hz, RATE_HZ)), False))
    for cutoff_hz in ENVELOPES_HZ:
        sections.append((f"envelope {cutoff_hz} Hz", envelope_section(integer_envelope(cutoff_hz, RATE_HZ)), True))
    for name, section, is_envelope in sections:
        cells = ["" for _ in range(1 + len(carriers_hz))]
        if is_envelope:
            cells[0] = f"{section.delay_ms(0.0, RATE_HZ):.1f} ms"
        else:
            cells[1:] = [f"{section.delay_ms(hz, RATE_HZ):.2f} ms" for hz in carriers_hz]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def render() -> str:
    """The text of coeffs.py."""
    lines = [
        '"""GENERATED by `python tools/design_filters.py`; do not edit. The kernel\'s integer filters.',
        "",
        "High-pass: Butterworth of order 2: g, -a1, a2 (Q14). Notch, by mains frequency (0: passes all unchanged), Q =",
        f"{NOTCH_QUALITY}: g, h, a2 (Q14). Envelope: state-variable low-pass with Butterworth poles: f (Q17), q (Q14).",
        '"""',
        "",
        f"RATE_HZ = {RATE_HZ}",
        f"HIGHPASS_{HIGHPASS_HZ}_HZ = {integer_highpass(HIGHPASS_HZ, RATE_HZ)}",
        "NOTCH = {",
    ]
    lines += [f"    {mains_hz}: {integer_notch(mains_hz, RATE_HZ)}," for mains_hz in (0, *NOTCHES_HZ)]
    lines.append("}")
    lines.append(f"ENVELOPE_{CHOSEN_HZ}_HZ = {integer_envelope(CHOSEN_HZ, RATE_HZ)}")
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
