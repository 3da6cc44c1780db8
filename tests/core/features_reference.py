"""What features.py computes, a second time: plain sums of unbounded integers, lists for history."""

from __future__ import annotations

from collections.abc import Sequence


class Features:
    """Power, crossings, mobility and energy of one channel's filtered samples."""

    def __init__(self, dead_band: int = 8) -> None:
        self.dead_band = dead_band
        self.past = [0, 0]  # the sample before the last, the last
        self.sign = 0

    def block(self, z: Sequence[int]) -> dict[str, int]:
        room = (8 * sum(map(abs, z)) // len(z) + 1) * len(z) // 8 + 1 + sum(map(abs, self.past))
        shift = 0
        while room >> shift >= 2**14:
            shift += 1
        run = [value >> shift for value in [*self.past, *z]]
        new = run[2:]
        squares = sum(v * v for v in new)
        teager = sum(run[k - 1] ** 2 - run[k] * run[k - 2] for k in range(2, len(run)))
        limit = (self.dead_band >> shift) + 1
        crossings = 0
        for v in new:
            if (v < -limit) if self.sign else (v > limit):
                self.sign = 1 - self.sign
                crossings += 1
        swing = min(sum((b - a) ** 2 for a, b in zip(run[1:], new, strict=False)), 4 * squares)
        mobility = 0
        for least, drop in ((2**22, 12), (2**16, 6), (1, 0)):
            if squares >= least:
                mobility = swing * 2 ** (12 - drop) // (squares >> drop)
                break
        energy = 0
        if teager > 0:
            octave = teager.bit_length() - 1
            energy = 16 * (octave + 2 * shift) + (teager * 16 >> octave) % 16
        self.past = [*self.past, *z][-2:]
        return {
            "square": squares // len(z), "exponent": 2 * shift, "crossings": crossings,
            "mobility": mobility, "energy": energy,
        }  # fmt: skip


class Spikes:
    """A range that is four times what came 6 to 13 blocks ago and what came in the last two."""

    def __init__(self) -> None:
        self.ranges = [0] * 14  # newest first
        self.held = 0

    def step(self, value: int, seen: int) -> tuple[bool, bool]:
        self.ranges = [value, *self.ranges[:13]]
        now, peak, before = max(self.ranges[:2]), max(self.ranges[2:6]), max(self.ranges[6:])
        rise = peak > 5120 and peak > 4 * before
        if rise and peak > 4 * now and seen > 2:
            self.held = 30
        spike = self.held > 0
        self.held -= spike
        return spike, rise


class Onsets:
    """Double threshold on the energy of blocks: 9 of 12 over the level at rest."""

    def __init__(self) -> None:
        self.spikes = Spikes()
        self.base = self.fast = self.peak = self.quiet = self.creep = self.seen = 0
        self.history = [False] * 12  # newest first
        self.active = False

    def step(self, energy: int, value: int) -> tuple[int, bool, bool]:
        """(1 + age of an onset that was decided or 0, active, spike) for a block's energy and range."""
        spike, rise = self.spikes.step(value, self.seen)
        if spike:
            self.history = [False] * 12
            return 0, self.active, True
        if self.seen < 16:
            self.seen += 1
            if self.seen == 1:
                self.fast, self.base = 256 * energy, 2**20
            self.fast += (256 * energy - self.fast) // 4
            if self.seen > 3:
                self.base = min(self.base, self.fast)
            if self.seen < 16:
                return 0, self.active, False
        energy = max(energy, self.fast // 256 - 32)
        limit = max(self.base // 256 + 36, 192)
        self.fast += (256 * energy - self.fast) // 8
        self.history = [energy > limit, *self.history[:11]]
        away = 256 * energy - self.base
        if self.fast < self.base - 8192:
            self.base, away = self.fast, 0
        if self.active:
            return self._go_on(away)
        if sum(self.history) >= 9:
            if not rise:
                self.active, self.quiet, self.creep, self.peak = True, 0, 0, self.fast
                return 12 - self.history[::-1].index(True), True, False
        elif away <= 0 or energy <= limit:
            self.base += away // 128
        return 0, self.active, False

    def _go_on(self, away: int) -> tuple[int, bool, bool]:
        self.peak = max(self.peak, self.fast)
        self.base += min(away, 0) // 128
        self.creep += 1
        if self.creep == 128:
            self.creep = 0
            self.base += 256
        off = max(self.base // 256 + 24, 184, self.peak // 256 - 72)
        self.quiet = self.quiet + 1 if self.fast // 256 < off else 0
        if self.quiet == 16:
            self.active, self.quiet, self.history = False, 0, [False] * 12
            if self.fast > self.base + 4608:
                self.base = self.fast
        return 0, self.active, False
