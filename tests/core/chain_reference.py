"""The kernel's chain written a second time, from DESIGN's difference equations, with Python's unbounded integers.

Direct form I: a section keeps its last two inputs and outputs and the remainder of its last division by 2^14. It shares
nothing with the kernel but the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

ONE = 2**14


class Section:
    """y = (b0 x + b1 x1 + b2 x2 - a1 y1 - a2 y2 + what the last division left) / 2^14, rounded down.

    `carries`: whether what a division left is added to the next.
    """

    def __init__(self, b: Sequence[int], a: Sequence[int], carries: bool) -> None:
        self.carries = carries
        self.b, self.a = tuple(b), tuple(a)
        self.x = [0, 0]
        self.y = [0, 0]
        self.left = 0

    def step(self, x: int) -> int:
        total = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1]
        y, self.left = divmod(total - self.a[0] * self.y[0] - self.a[1] * self.y[1] + self.left, ONE)
        self.left *= self.carries
        self.x, self.y = [x, self.x[0]], [y, self.y[0]]
        return y


class Resonance:
    """What a notch takes away: d = (c (x - x2) + h d1 - a2 d2) / 2^14, in whole steps of 2^-14.

    h d1 is split into k / 2 d1, exact but for the last bit, and the rest, for which d1 is known to an eighth; likewise
    a2 d2 into d2 and the rest.
    """

    def __init__(self, c: int, h: int, a2: int) -> None:
        self.c, self.a2 = c, a2
        self.k = (2 * h + ONE // 2) // ONE
        self.rest = h - self.k * ONE // 2
        self.x = [0, 0]
        self.d = [0, 0]  # in steps of 2^-14

    def step(self, x: int) -> int:
        first, second = self.d
        d = self.c * (x - self.x[1]) - second
        d += first // 2 * self.k + self.rest * (first // 2**11) // 8
        d -= (self.a2 - ONE) * (second // 2**11) // 8
        self.x, self.d = [x, self.x[0]], [d, first]
        return d // ONE


class Channel:
    """One channel of the kernel, with the same options."""

    def __init__(
        self,
        tables: SimpleNamespace,
        *,
        shift: int = 0,
        rail: int = ONE,
        mains_hz: int = 50,
        highpass: bool = True,
        lowpass: bool = True,
        harmonic: bool = False,
        block_samples: int = 10,
        reference_q3: int = 12800,
        nv_per_count: int = 1000,
    ) -> None:
        g, minus_a1, a2 = tables.HIGHPASS
        self.highpass = Section((g, -2 * g, g), (-minus_a1, a2), True) if highpass else None
        self.notches = []
        for row in (tables.NOTCH[mains_hz], tables.HARMONIC[mains_hz if harmonic else 0]):
            self.notches.append(Resonance(*row) if row[0] else None)
        g, minus_a1, a2 = tables.LOWPASS
        self.lowpass = Section((g, 2 * g, g), (-minus_a1, a2), False) if lowpass and g else None
        self.shift, self.rail, self.reference_q3 = shift, rail, reference_q3
        self.smooth = [self._taken(keep, block_samples) for keep in (tables.ENVELOPE_KEEP, tables.DISPLAY_KEEP)]
        self.poles = [0, 0, 0]
        self.level_mean = self.away_mean = 0
        self.microvolt = nv_per_count * 1024 // 1000 // 2**shift

    @staticmethod
    def _taken(keep: int, samples: int) -> int:
        left = 2**15
        for _ in range(samples):
            left = (left * keep + 2**14) // 2**15
        return (2**15 - left) // 32

    def sample(self, count: int) -> tuple[int, int, int]:
        """(filtered sample, what the notch took, what the one at twice the mains took)."""
        x = count * 2**self.shift
        if self.highpass:
            x = self.highpass.step(x)
        away = [0, 0]
        for number, notch in enumerate(self.notches):
            if notch:
                away[number] = notch.step(x)
                x -= away[number]
        if self.lowpass:
            x = self.lowpass.step(x)
        return x, away[0], away[1]

    def _scaled(self, q3: int) -> int:
        gain = 1000 * 2**18 // self.reference_q3
        return min(q3, (2**30 - 1) // gain) * gain // 2**18

    def block(self, counts: Sequence[int], *, blank: bool = False, lead_off: bool = False) -> dict[str, int]:
        """All output words of a block, by name; and the filtered samples' last under `z`."""
        run = [self.sample(int(count)) for count in counts]
        level, mains, harmonic = (8 * sum(abs(one[k]) for one in run) // len(run) for k in range(3))
        self.level_mean += level - self.level_mean // 64
        self.away_mean += mains + harmonic - self.away_mean // 64
        quality = 32 * blank + 16 * lead_off
        quality += max(counts) >= self.rail or min(counts) <= -self.rail
        quality += 2 * (len(set(counts)) == 1)
        quality += 4 * (self.away_mean > self.level_mean // 256 * 192)
        value = level
        for pole, smooth in enumerate((self.smooth[0], self.smooth[0], self.smooth[1])):
            if not blank:
                self.poles[pole] += (value - self.poles[pole] // 1024) * smooth
            value = self.poles[pole] // 1024
        envelope, display = self.poles[1] // 1024, self.poles[2] // 1024
        return {
            "envelope": self._scaled(envelope),
            "fast": self._scaled(level),
            "display": self._scaled(display),
            "quality": quality,
            "q3": envelope,
            "display_uv": display // 8 * self.microvolt // 1024,
            "level_q3": level,
            "mains_q3": mains,
            "harmonic_q3": harmonic,
        }
