#!/usr/bin/env python3
"""Design the filters that bring the I2S ADC's 10 kHz down to 1 kHz, round them to integers, and say what is left.

In:     the parameters below; nothing else, so that any machine and any library version make the same numbers
Out:    two lines of `firmware/mmc_drivers/i2s_adc.py` (`--check`: compare them only; `--report`: print what the driver
        promises)
Source: first stage, by 5: a sinc under Kaiser's window (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5).
        Second stage, by 2: the elliptic half-band of two chains of all-passes, in closed form (Valenzuela and
        Constantinides, Digital signal processing schemes for efficient interpolation and decimation, IEE Proc. G 130,
        1983; coefficients by Jacobi's theta functions)

Forms, as the driver runs them:
    first stage   40 taps, symmetric: 20 stored, Q14; both halves together pass 0 Hz with gain 1 exactly
    second stage  y = c (x - y') + x' of each all-pass, x' and y' a sample before; c stored, Q14; those at even places
                  make up the chain of the newer sample, the others that of the older one; the two are averaged
Half-band all-passes wait 1.4 ms at low frequencies. A symmetric filter as steep would wait 16 ms.
"""

from __future__ import annotations

import argparse
import cmath
import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "firmware" / "mmc_drivers" / "i2s_adc.py"

INPUT_HZ = 10000
MIDDLE_HZ = 2000
PASS_HZ = 450  # to here the band is to be flat
STOP_HZ = 550  # what aliases into it begins here, after the second stage
TAPS = 40
KAISER_DB = 69.0
ALLPASSES = 5
Q14 = 1 << 14
CHIP_DELAY = 17.4  # of the PCM1808's own filter, in its samples


def _bessel(x: float) -> float:
    """The modified Bessel function of order 0, by its series."""
    term = total = 1.0
    k = 1
    while term > 1e-17 * total:
        term *= (x / 2 / k) ** 2
        total += term
        k += 1
    return total


def ideal_taps() -> list[float]:
    """The first stage: cut in the middle between the band and what would alias into it."""
    cut = MIDDLE_HZ / INPUT_HZ  # per half of the rate: halfway from PASS_HZ to MIDDLE_HZ - PASS_HZ
    beta = 0.1102 * (KAISER_DB - 8.7)
    taps = []
    for i in range(TAPS):
        t = i - (TAPS - 1) / 2
        window = _bessel(beta * math.sqrt(1 - (2 * t / (TAPS - 1)) ** 2))
        taps.append(window * math.sin(math.pi * cut * t) / t)
    return [tap / sum(taps) for tap in taps]


def integer_taps() -> tuple[int, ...]:
    """The first half as stored: what the rounding left over goes to the largest."""
    half = [round(tap * Q14) for tap in ideal_taps()[: TAPS // 2]]
    half[-1] += Q14 // 2 - sum(half)
    return tuple(half)


def ideal_allpasses() -> list[float]:
    """The second stage."""
    k = math.tan((1 - 2 * (STOP_HZ - PASS_HZ) / MIDDLE_HZ) * math.pi / 4) ** 2
    root = (1 - k * k) ** 0.25
    e = (1 - root) / (1 + root) / 2
    q = e * (1 + e**4 * (2 + e**4 * (15 + 150 * e**4)))
    order = 2 * ALLPASSES + 1
    found = []
    for c in range(1, ALLPASSES + 1):
        above = sum((-1) ** i * q ** (i * i + i) * math.sin((2 * i + 1) * c * math.pi / order) for i in range(9))
        below = 0.5 + sum((-1) ** i * q ** (i * i) * math.cos(2 * i * c * math.pi / order) for i in range(1, 9))
        w = (above * q**0.25 / below) ** 2
        x = math.sqrt((1 - w * k) * (1 - w / k)) / (1 + w)
        found.append((1 - x) / (1 + x))
    return found


def integer_allpasses() -> tuple[int, ...]:
    """The second stage as stored."""
    return tuple(round(c * Q14) for c in ideal_allpasses())


def response(hz: float) -> complex:
    """Gain of the integers for an input of this frequency, whatever it comes out as."""
    half = integer_taps()
    back = cmath.exp(-2j * math.pi * hz / INPUT_HZ)
    first = sum(c * (back**i + back ** (TAPS - 1 - i)) for i, c in enumerate(half)) / Q14
    one = cmath.exp(-2j * math.pi * hz / MIDDLE_HZ)
    chains = [1 + 0j, one]
    for i, c in enumerate(integer_allpasses()):
        a = c / Q14
        chains[i % 2] *= (a + one * one) / (1 + a * one * one)
    return first * (chains[0] + chains[1]) / 2


def gain_db(hz: float) -> float:
    """The same in decibels."""
    return 20 * math.log10(max(abs(response(hz)), 1e-9))


def delay_ms(hz: float) -> float:
    """Group delay of both stages."""
    step = 0.01
    turn = cmath.phase(response(hz + step) / response(hz - step))
    return -turn / (2 * math.pi * 2 * step) * 1000


def figures() -> dict[str, float]:
    """What is promised: ripple up to PASS_HZ, attenuation from STOP_HZ on, delays."""
    inside = [gain_db(hz) for hz in range(1, PASS_HZ + 1)]
    outside = [gain_db(hz) for hz in range(STOP_HZ, INPUT_HZ // 2 + 1) if _alias(hz) <= PASS_HZ]
    return {
        "ripple_db": max(inside) - min(inside),
        "attenuation_db": -max(outside),
        **{f"delay_{hz}_ms": delay_ms(hz) for hz in (20, 100, 200, 400)},
        "chip_delay_ms": CHIP_DELAY / INPUT_HZ * 1000,
    }


def _alias(hz: int) -> int:
    """Where a frequency comes out."""
    return abs((hz + 500) % 1000 - 500)


def lines() -> tuple[str, str]:
    """The lines of the driver."""
    return f"_TAPS = {integer_taps()}", f"_ALLPASSES = {integer_allpasses()}"


def render(text: str) -> str:
    """The driver's text with its two lines made anew."""
    for line in lines():
        name = line.split(" ")[0]
        text, count = re.subn(rf"^{name} = .*$", line, text, flags=re.M)
        if count != 1:
            raise SystemExit(f"{TARGET.name} has {count} lines of {name}")
    return text


def main(arguments: list[str] | None = None) -> int:
    """Write, check or report; return the exit code (1: the lines are not what this tool makes)."""
    parser = argparse.ArgumentParser(description="Design the I2S ADC's decimation and write it into its driver.")
    parser.add_argument("--check", action="store_true", help="compare the lines instead of writing them")
    parser.add_argument("--report", action="store_true", help="print ripple, attenuation and delays")
    options = parser.parse_args(arguments)
    if options.report:
        for name, value in figures().items():
            print(f"{name} {value:.3f}")
        return 0
    text = TARGET.read_text(encoding="utf-8")
    if options.check:
        if text != render(text):
            print(f"{TARGET.relative_to(ROOT)} is not what tools/design_decimator.py makes: run it", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(render(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
