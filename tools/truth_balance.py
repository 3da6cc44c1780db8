"""How left and right work, on recordings with known truth: what `make truth` says of coach/balance.py.

In:     a recording's path and arrays; the names in `channels` say which two are the same muscle's on both sides
Out:    figures of that file, none where it has no such pair; `summarise` puts those of all files together
Source: `lr_pattern` of a file is how its triceps work; other pairs have no truth

Where a file states its amplifier's rail, the front end's stands for it, so that what was clipped is marked and left
out. Every pair is judged twice: by the file's references, and by its strongest moments as if it had none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from truth_kernel import Arrays, Figures, counts_of, make_kernel

from mmc_core import chain, event
from mmc_core.coach import balance
from mmc_core.coach.outbox import Outbox
from mmc_core.sample import BLOCK_SAMPLES, QUALITY_BAD
from mmc_core.settings import Settings
from mmc_host.body import bodyfile
from mmc_host.replay import replay

TRUE_MUSCLE = "tri"  # triceps: the one that `lr_pattern` is about
NAMES = {
    balance.PATTERN_NONE: "none",
    balance.PATTERN_TOGETHER: "together",
    balance.PATTERN_ALTERNATING: "alternating",
}
BEYOND = 1.01  # an offset that is taken out may keep one side of the rail from being reached

# Neighbours of the defaults, first the default itself. `working` is the setting hold_leave_pct times ten.
GRID: dict[str, tuple[int, ...]] = {
    "_ALTERNATING_TENTHS": (8, 6, 7, 9),
    "_TOGETHER_TENTHS": (9, 8, 10),
    "_CROSSTALK": (4, 3, 6),
    "_ONE_SIDED": (8, 5, 12),
    "_LEAST_PAIRS": (10, 7, 15),
    "_PAIR_SAMPLES": (40, 20, 60),
    "working": (80, 50, 120),
}


@dataclass(frozen=True)
class Pair:
    """Envelopes of a muscle on both sides, permille, and whether both can be used; one row per block."""

    levels: list[list[int]]
    usable: list[bool]


@dataclass(frozen=True)
class Verdict:
    """What the device says of a pair: patterns after every block, and the index of the sides over the whole."""

    patterns: NDArray[np.int64]
    sides_permille: int | None


def pairs_of(arrays: Arrays) -> dict[str, tuple[int, int]]:
    """{muscle: (left column, right column)} of all muscles that are there on both sides."""
    sides: dict[str, dict[str, int]] = {}
    for column, name in enumerate(map(str, np.ravel(arrays.get("channels", [])))):
        found = re.fullmatch(r"(l|r|left|right)[ _-]+(.+)|(.+)[ _-]+(l|r|left|right)", name.strip(), re.IGNORECASE)
        if found:
            side, muscle = (found[1], found[2]) if found[1] else (found[4], found[3])
            sides.setdefault(muscle.lower(), {})[side[0].lower()] = column
    return {muscle: (both["l"], both["r"]) for muscle, both in sides.items() if len(both) == 2}


def scales_of(arrays: Arrays) -> tuple[bool, ...]:
    """Whether to scale by reference: both ways, but rest has no strong moments, and some files have no reference."""
    if "mvc_ref" not in arrays:
        return (False,)
    return (True,) if bool(arrays.get("rest", False)) else (True, False)


def measure(path: Path, arrays: Arrays, columns: tuple[int, int], by_reference: bool) -> Pair:
    """The kernel's envelopes of two channels."""
    emg = arrays["emg"][:, list(columns)].astype(float)
    strong = max(float(np.percentile(np.abs(emg - np.median(emg, axis=0)), 99.9)), 1e-9)
    scale_uv = 1000.0 / strong
    if "rail" in arrays:
        scale_uv = BEYOND * bodyfile.RAIL_COUNTS * bodyfile.NV_PER_COUNT / 1000 / float(np.ravel(arrays["rail"])[0])
    counts = counts_of(path, list(columns), scale_uv)
    kernel = make_kernel(2, 50)
    for channel, column in enumerate(columns):
        reference = float(arrays["mvc_ref"][column]) if by_reference else strong
        kernel.set_reference(channel, max(1, round(8 * reference * scale_uv * 1000 / bodyfile.NV_PER_COUNT)), 0)
    words = replay(kernel, counts).words
    bad = (words[..., chain.OUT_QUALITY] & QUALITY_BAD) > 0
    return Pair(words[..., chain.OUT_ENVELOPE].astype(int).tolist(), (~bad.any(axis=1)).tolist())


def settings(working: int = GRID["working"][0]) -> Settings:
    """The defaults, with another level above which a muscle works."""
    made = Settings()
    made.put("hold_leave_pct", working // 10)
    return made


def decide(pair: Pair, working: int = GRID["working"][0]) -> Verdict:
    """Show a pair to the device, as one unit: left is the target, right its mirror."""
    outbox = Outbox()
    device = balance.Balance((balance.ROLE_TARGET, balance.ROLE_MIRROR), (0, 0), settings(working), outbox)
    out = [[0] * (chain.OUT_ENVELOPE + 1) for _ in range(2)]
    patterns: list[int] = []
    t_samples = 0
    device.begin(0)
    for levels, usable in zip(pair.levels, pair.usable, strict=True):
        t_samples += BLOCK_SAMPLES
        out[0][chain.OUT_ENVELOPE], out[1][chain.OUT_ENVELOPE] = levels
        device.step(out, 3 if usable else 0, t_samples)
        patterns.append(device.pattern)
    device.end(t_samples)
    told = [outbox.values[i] for i in range(outbox.count) if outbox.kinds[i] == event.EVENT_SIDES]
    return Verdict(np.array(patterns), told[0] if told else None)


def chance_ratio(pair: Pair, working: int = GRID["working"][0]) -> float | None:
    """mean (L R) / (mean L * mean R) while a side works, in float, over every block that can be used."""
    levels = np.array(pair.levels, float)[np.array(pair.usable, bool)]
    levels = levels[levels.max(axis=1, initial=0) >= working]
    means = levels.mean(axis=0) if len(levels) else np.zeros(2)
    return float(np.mean(levels[:, 0] * levels[:, 1]) / means.prod()) if means.all() else None


@contextmanager
def constants(**changed: int) -> Generator[None]:
    """The module with other constants: on the host they are names like any other."""
    before = {name: getattr(balance, name) for name in changed}
    try:
        for name, value in changed.items():
            setattr(balance, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(balance, name, value)


def combinations() -> Iterator[dict[str, int]]:
    """Every point of the grid at which the line for `together` is not below that for `alternating`."""
    for values in itertools.product(*GRID.values()):
        point = dict(zip(GRID, values, strict=True))
        if point["_TOGETHER_TENTHS"] >= point["_ALTERNATING_TENTHS"]:
            yield point


def passes(pair: Pair, truth: int, point: dict[str, int]) -> bool:
    """Is the pair judged right at the end of the recording, at this point of the grid?"""
    with constants(**{name: value for name, value in point.items() if name != "working"}):
        return int(decide(pair, point["working"]).patterns[-1]) == truth


def judge(path: Path, arrays: Arrays) -> Figures:
    """Everything that this file's arrays allow to be said of the sides."""
    pairs = {} if "emg" not in arrays else pairs_of(arrays)
    if not pairs:
        return {}
    found: Figures = {"pairs": {}}
    for muscle, columns in pairs.items():
        for by_reference in scales_of(arrays):
            pair = measure(path, arrays, columns, by_reference)
            verdict = decide(pair)
            decided = np.flatnonzero(verdict.patterns)
            key = muscle + ("" if by_reference else ", strongest moments")
            found["pairs"][key] = row = {
                "pattern": NAMES[int(verdict.patterns[-1])],
                "pattern_decided_s": float(decided[0] + 1) * BLOCK_SAMPLES / 1000 if len(decided) else None,
                "pattern_changes": int(np.count_nonzero(np.diff(verdict.patterns[decided]))),
                "pattern_chance_ratio": chance_ratio(pair),
                "sides_permille": verdict.sides_permille,
                "unusable_share": 1 - float(np.mean(pair.usable)),
            }
            if "lr_pattern" in arrays and muscle.startswith(TRUE_MUSCLE):
                row |= truth_of(str(np.ravel(arrays["lr_pattern"])[0]), pair, verdict)
    return found


def truth_of(named: str, pair: Pair, verdict: Verdict) -> Figures:
    """How right a verdict is, and by how much."""
    truth = next(code for code, name in NAMES.items() if name == named)
    ratio = chance_ratio(pair) or 0.0
    line = GRID["_TOGETHER_TENTHS" if named == "together" else "_ALTERNATING_TENTHS"][0] / 10
    decided = verdict.patterns[verdict.patterns > 0]
    return {
        "pattern_true": named,
        "pattern_right": bool(verdict.patterns[-1] == truth),
        "pattern_right_share": float(np.mean(decided == truth)) if len(decided) else 0.0,
        "pattern_margin": ratio - line if named == "together" else line - ratio,
    }


def grid(cases: list[tuple[Pair, int]], every: int = 1) -> list[bool]:
    """For every point of the grid, or each so many: are all pairs judged right?"""
    points = itertools.islice(combinations(), 0, None, every)
    return [all(passes(pair, truth, point) for pair, truth in cases) for point in points]


def cases_of(path: Path, arrays: Arrays) -> list[tuple[Pair, int]]:
    """The pairs with truth of a file, with and without its references."""
    if "lr_pattern" not in arrays:
        return []
    truth = next(code for code, name in NAMES.items() if name == str(np.ravel(arrays["lr_pattern"])[0]))
    chosen = [columns for muscle, columns in pairs_of(arrays).items() if muscle.startswith(TRUE_MUSCLE)]
    return [(measure(path, arrays, columns, scale), truth) for columns in chosen for scale in scales_of(arrays)]


def summarise(rows: list[Figures]) -> Figures:
    """All files together."""
    pairs: list[dict[str, Any]] = [pair for row in rows for pair in row.get("pairs", {}).values()]
    known = [pair for pair in pairs if "pattern_right" in pair]
    found: Figures = {"files": sum("pairs" in row for row in rows), "pairs": len(pairs), "pairs_with_truth": len(known)}
    if known:
        found["pattern_right"] = sum(pair["pattern_right"] for pair in known)
        found["pattern_right_share_min"] = min(pair["pattern_right_share"] for pair in known)
        found["pattern_margin_min"] = min(pair["pattern_margin"] for pair in known)
    return found


def main() -> int:
    """Print every pair of the folder that MMC_DATA names, and the grid."""
    import json
    import os

    import truth_kernel

    rows: list[Figures] = []
    cases: list[tuple[Pair, int]] = []
    for path in sorted(Path(os.environ["MMC_DATA"]).glob("*.npz")):
        arrays = truth_kernel.load(path)
        rows.append(judge(path, arrays))
        cases += cases_of(path, arrays)
        for muscle, row in rows[-1].get("pairs", {}).items():
            print(f"{path.stem:24} {muscle:24} {json.dumps(row)}")
    passed = grid(cases)
    print(json.dumps(summarise(rows) | {"grid_points": len(passed), "grid_share": float(np.mean(passed))}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
