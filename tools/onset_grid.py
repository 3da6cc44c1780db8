#!/usr/bin/env python3
"""Do the onset detector's constants sit in the middle of what works? All combinations of their neighbours are judged.

In:     `--data DIR` (default $MMC_DATA) with the recordings that FILES names, and those of rest
Out:    the share of settings that pass, in all and for every value of every constant
Source: the text of `find_onsets` itself, in which each constant is replaced by a parameter; compiled by numba

A setting passes if it tells as many contractions as are labelled, dates them near enough, and tells none at rest. The
energies do not depend on these constants: chain and features run once per file.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import truth_kernel
from numpy.typing import NDArray

from mmc_core import chain, features, onset
from mmc_core.kernel import Kernel
from mmc_host.body import bodyfile

Figures = dict[str, Any]
Words = NDArray[np.int64]
MOST_ERROR_MS = 40.0  # median of the absolute errors
FILES = {  # name of a recording: whether the number told must be that of its labels, and whether MOST_ERROR_MS holds
    "burst_thumb_01": (True, True),
    "burst_bmc_01": (False, True),
    "burst_biceps_01": (True, False),
}


class Constant(NamedTuple):
    """A constant of `find_onsets`: its value, those to try, and where it stands in the text, less an offset there."""

    name: str
    value: int
    values: tuple[int, ...]
    places: tuple[tuple[str, int], ...]


CONSTANTS = (
    Constant("over_rest", 36, (30, 32, 34, 36, 38, 40, 42), (("limit = (base >> 8) + {}\n", 0),)),
    Constant("blocks_of_12", 9, (8, 9, 10), (("if i > {}:", -1),)),
    Constant(
        "floor",
        192,
        (184, 192, 200),
        (("if limit < {}:", 0), ("limit = {}\n", 0), ("if x < {}:", -8), ("x = {}\n", -8)),  # its end moves along
    ),
    Constant("off", 24, (20, 24, 28), (("x = (base >> 8) + {}\n", 0),)),
    Constant("quiet_blocks", 16, (12, 16, 20), (("if y > {}:", -1),)),
    Constant("fast_shift", 3, (2, 3, 4), (("fast += ((energy << 8) - fast) >> {}\n", 0),)),
    Constant("slow_shift", 7, (6, 7, 8), (("base += y >> {}\n", 0),)),
)
DEFAULT = tuple(constant.value for constant in CONSTANTS)
GRID = tuple(itertools.product(*(constant.values for constant in CONSTANTS)))


class Case(NamedTuple):
    """A recording: its name, range and energy of the target's blocks, its arrays."""

    name: str
    blocks: Words
    arrays: truth_kernel.Arrays


def parametrised(ptr32: Any) -> Any:
    """`find_onsets` with a fourth argument, the constants in the order of CONSTANTS, on what `ptr32` makes of words."""
    text = inspect.getsource(onset.find_onsets).replace("words):", "words, constants):", 1)
    for number, constant in enumerate(CONSTANTS):
        for place, offset in constant.places:
            literal = place.format(constant.value + offset)
            if literal not in text:
                raise ValueError(f"find_onsets has no {literal!r}: {constant.name} is another now, see CONSTANTS")
            text = text.replace(literal, place.format(f"(constants[{number}] + {offset})"))
    names: dict[str, Any] = {**vars(onset), "ptr32": ptr32}
    exec(text, names)
    return names["find_onsets"]


def detector() -> Callable[[Words, tuple[int, ...]], Words] | None:
    """What gives OUT_ONSET of every block for constants of one's choice; None without numba: it would take an hour."""
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError:
        return None

    def itself(words: Any) -> Any:
        return words

    find = numba.njit(parametrised(numba.njit(itself)))
    at_range, at_energy, at_onset = chain.OUT_RANGE, features.OUT_ENERGY, onset.OUT_ONSET

    def drive(blocks: Any, constants: Any, state: Any, ages: Any) -> None:
        words = (state,)
        for block in range(len(blocks)):
            state[at_range] = blocks[block, 0]
            state[at_energy] = blocks[block, 1]
            find(1, 0, words, constants)
            ages[block] = state[at_onset]

    fast_drive = numba.njit(drive)
    at_start = np.array(Kernel(1, 0, bodyfile.RAIL_COUNTS, 0).out[0], np.int64)

    def detect(blocks: Words, constants: tuple[int, ...]) -> Words:
        ages = np.empty(len(blocks), np.int64)
        fast_drive(blocks, np.array(constants, np.int64), at_start.copy(), ages)
        return ages

    return detect


def cases(data: Path) -> list[Case]:
    """The recordings that decide; none if one of FILES is not there."""
    found: list[Case] = []
    for path in sorted(data.glob("*.npz")):
        arrays = truth_kernel.load(path)
        if path.stem not in FILES and not ("emg" in arrays and bool(arrays.get("rest", False))):
            continue
        target = [truth_kernel.target_of(arrays)]
        words = truth_kernel.run(truth_kernel.counts_of(path, target, truth_kernel.scale_uv_of(arrays)))
        blocks = np.ascontiguousarray(words[:, 0, [chain.OUT_RANGE, features.OUT_ENERGY]])
        found.append(Case(path.stem, blocks, arrays))
    return found if FILES.keys() <= {case.name for case in found} else []


def passes(case: Case, ages: Words) -> bool:
    """Whether what was told of a recording is right."""
    found = truth_kernel.onsets(truth_kernel.begins(ages), case.arrays)
    if case.name not in FILES:
        return found["onsets_told"] == 0
    counted, dated = FILES[case.name]
    if counted and found["onsets_told"] != found["onsets_true"]:
        return False
    error_ms = found["onset_abs_error_ms_median"]
    return not dated or (error_ms is not None and error_ms <= MOST_ERROR_MS)


def grid(data: Path) -> dict[tuple[int, ...], bool]:
    """Whether each setting of GRID passes; nothing without numba or without the recordings."""
    detect, decide = detector(), cases(data)
    if detect is None or not decide:
        return {}
    return {setting: all(passes(case, detect(case.blocks, setting)) for case in decide) for setting in GRID}


def summarise(found: dict[tuple[int, ...], bool]) -> Figures:
    """Number of settings, the share that passes, and that share for every value of every constant."""
    if not found:
        return {}
    by_value: Figures = {}
    for number, constant in enumerate(CONSTANTS):
        chosen = {value: [ok for setting, ok in found.items() if setting[number] == value] for value in constant.values}
        by_value[constant.name] = {str(value): sum(oks) / len(oks) for value, oks in chosen.items()}
    passed = sum(found.values())
    return {"onset_grid_settings": len(found), "onset_grid_share": passed / len(found), "onset_grid_by_value": by_value}


def table(by_value: Figures) -> str:
    """The shares for every value, as lines."""
    lines = ["  share of settings that pass, by value"]
    for name, shares in by_value.items():
        lines.append(f"    {name:14}" + "".join(f"{value:>6}: {share:.2f}" for value, share in shares.items()))
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MMC_DATA") or None, help="folder of recordings")
    arguments = parser.parse_args()
    found = grid(arguments.data) if arguments.data else {}
    if not found:
        print("onset_grid: skipped: it needs numba, and a folder (--data DIR or MMC_DATA) that has " + ", ".join(FILES))
        return 0
    summary = summarise(found)
    print(f"{summary['onset_grid_share']:.3f} of {len(found)} settings pass; the default: {found[DEFAULT]}")
    print(table(summary["onset_grid_by_value"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
