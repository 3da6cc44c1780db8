"""Histories of counts that drive the kernel to its bounds; seeded."""

from __future__ import annotations

import numpy as np


def history(blocks: int, channels: int, seed: int) -> np.ndarray:
    """Noise of many sizes, rails, alternation, silence and impulses, in stretches of 1 to 60 blocks."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < blocks * 10:
        n = np.arange(10 * int(rng.integers(1, 61)))[:, None] + np.zeros((1, channels), int)
        kind = int(rng.integers(6))
        level = int(2 ** rng.uniform(0, 14))
        parts.append(
            (
                rng.integers(-level, level + 1, n.shape),
                np.where(n // 40 % 2, 16384, -16384),
                np.where(n % 2, level, -level),
                np.zeros(n.shape, int),
                np.where(n % 53 == 0, level, 0),
                np.rint(level * np.sin(2 * np.pi * 50 * n / 1000)).astype(int),
            )[kind]
        )
    return np.concatenate(parts)[: blocks * 10].astype(np.int16)
