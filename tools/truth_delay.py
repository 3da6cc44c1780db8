"""How late the kernel crosses a threshold, against an envelope without delay: a row per setting.

In:     counts of a file's target muscle; the kernel's words for each choice of filters
Out:    per row and direction the delays of all unambiguous crossings, ms; `summarise` makes percentiles of all files
Source: the debounce is that of `mmc_core/coach/hold.py`, with the defaults of `mmc_core/settings.py`

The threshold is a share of the file's own strong level and the same for all rows. A crossing counts where the envelope
without delay has been clear of the threshold for a while on one side and stays so on the other. Of a row it is the
nearest change to the new side that counts, told at the end of its block; had the row already changed to that side
before, while the muscle was clear of the threshold, the crossing is one of its `early` ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import float_chain
import numpy as np
from numpy.typing import NDArray

from mmc_core import chain, onset
from mmc_core.sample import BLOCK_MS
from mmc_core.settings import find_row
from mmc_host.body import bodyfile

Words = NDArray[np.int64]
States = NDArray[np.bool_]
Delays = dict[str, Any]
CHOICES: dict[str, dict[str, Any]] = {"": {}, "_no_lowpass": {"lowpass": False}, "_no_notch": {"mains_hz": 0}}
DIRECTIONS = ("up", "down")
SHARE = 0.2  # of the strong level
STRONG_PERCENTILE = 95  # of the envelope without delay
STILL_MS = 200  # on either side of a crossing; some of the recorded bursts are shorter than 300 ms
CLEAR = 0.2  # the mean there is at least this share below or above the threshold
LATEST_MS = 1200  # a hold ends a second after its envelope fell
FAST_BLOCKS = 8  # that the hold detector takes the mean of


def crossings(envelope: NDArray[np.float64], threshold: float) -> Iterator[tuple[int, bool]]:
    """(first sample on the new side, whether that is above) of each unambiguous crossing."""
    over = envelope >= threshold
    for at in np.flatnonzero(over[1:] != over[:-1]) + 1:
        before, after = envelope[at - STILL_MS : at], envelope[at : at + STILL_MS]
        if at < STILL_MS or len(after) < STILL_MS:
            continue
        low, high = (before, after) if over[at] else (after, before)
        one_sided = (low < threshold).all() and (high >= threshold).all()
        if one_sided and low.mean() < threshold * (1 - CLEAR) and high.mean() > threshold * (1 + CLEAR):
            yield int(at), bool(over[at])


def debounced(states: States, up: str, down: str) -> States:
    """What a change has to last before it is told; `up` and `down` name the settings that say how long."""
    needed = {True: find_row(up)[4] // BLOCK_MS, False: find_row(down)[4] // BLOCK_MS}
    told = np.empty_like(states)
    state, run = bool(states[0]), 0
    for block, now in enumerate(states.tolist()):
        run = run + 1 if now != state else 0
        if run and run >= needed[now]:
            state, run = now, 0
        told[block] = state
    return told


def rows(words: dict[str, Words], threshold: float) -> dict[str, States]:
    """Above the threshold or not, after every block, for every row; `words` of one channel, by the keys of CHOICES."""
    plain, limit_q3 = words[""], 8 * threshold
    mean = np.convolve(plain[:, chain.OUT_LEVEL_Q3], np.full(FAST_BLOCKS, 1 / FAST_BLOCKS))[: len(plain)]
    found = {"fast" + name: one[:, chain.OUT_LEVEL_Q3] >= limit_q3 for name, one in words.items()}
    found |= {"envelope" + name: one[:, chain.OUT_Q3] >= limit_q3 for name, one in words.items()}
    found["fast_debounced"] = debounced(mean >= limit_q3, "regain_ms", "lost_ms")
    found["envelope_debounced"] = debounced(found["envelope"], "hold_enter_ms", "hold_leave_ms")
    found["display"] = 1000 * plain[:, chain.OUT_DISPLAY_UV] >= threshold * bodyfile.NV_PER_COUNT
    found["onset"] = plain[:, onset.OUT_ACTIVE] > 0
    return found


def delays(counts: NDArray[np.int16], words: dict[str, Words]) -> Delays:
    """Of one channel: crossings by direction; per row and direction the delays (ms) and the number of early ones."""
    envelope = float_chain.without_delay(counts)
    threshold = SHARE * float(np.percentile(envelope, STRONG_PERCENTILE))
    true = list(crossings(envelope, threshold))
    found: Delays = {"crossings": {name: sum(DIRECTIONS[not up] == name for _, up in true) for name in DIRECTIONS}}
    for row, states in rows(words, threshold).items():
        found[row] = {name: [] for name in DIRECTIONS} | {"early": dict.fromkeys(DIRECTIONS, 0)}
        changed = np.flatnonzero(states[1:] != states[:-1]) + 1
        for at, up in true:
            late = (changed[states[changed] == up] + 1) * BLOCK_MS - at
            late = late[(late >= -STILL_MS) & (late <= LATEST_MS)]
            if len(late):
                nearest = int(np.abs(late).argmin())
                found[row][DIRECTIONS[not up]].append(int(late[nearest]))
                found[row]["early"][DIRECTIONS[not up]] += nearest > 0
    return found


def summarise(files: list[Delays]) -> Delays:
    """All crossings of all files: per row and direction the 10th, 50th and 90th percentile, ms (null: none)."""
    found: Delays = {}
    for row in files[0]:
        if row == "crossings":
            found[row] = [sum(file[row][name] for file in files) for name in DIRECTIONS]
            continue
        pooled = {name: [late for file in files for late in file[row][name]] for name in DIRECTIONS}
        found[row] = {
            name: np.rint(np.percentile(late, (10, 50, 90))).astype(int).tolist() if late else None
            for name, late in pooled.items()
        }
        found[row]["n"] = [len(late) for late in pooled.values()]
        found[row]["early"] = [sum(file[row]["early"][name] for file in files) for name in DIRECTIONS]
    return found


def table(found: Delays) -> str:
    """What `summarise` found, as lines."""
    up, down = found["crossings"]
    lines = [
        f"  delay, ms{'':14} up, of {up:3}: p10  p50  p90    n early   down, of {down:3}: p10  p50  p90    n early"
    ]
    for row, cells in found.items():
        if row == "crossings":
            continue
        line = f"    {row:20}"
        for k, name in enumerate(DIRECTIONS):
            numbers = [*(cells[name] or ["-"] * 3), cells["n"][k], cells["early"][k]]
            line += f"{'':{10 + 4 * k}}" + "".join(f"{number:>5}" for number in numbers)
        lines.append(line)
    return "\n".join(lines)
