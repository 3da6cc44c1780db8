"""The device's own pipeline over a recording: kernel replayed, coach and cue policy as they stand, the motor's answer.

In:     counts (samples, channels) of the simulated front end, readings of its motion sensor or none, settings
Out:    Played: every event with the block in which it was told, every cue, every word of the kernel
Source: mmc_core/pipeline.py driven as mmc_device/app.py drives it; mmc_host/replay.py computes the kernel's bits

A cue starts the motor of mmc_device/haptic.py, in whose blocks the kernel's envelopes stand still: from such a block
on the kernel runs anew. So what is measured is the wearable with its motor on.
"""

from __future__ import annotations

import runpy
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmc_core import event, record
from mmc_core.chain import OUT_QUALITY
from mmc_core.kernel import Kernel
from mmc_core.pipeline import Pipeline
from mmc_core.sample import BLOCK_SAMPLES, QUALITY_BAD
from mmc_core.settings import Settings
from mmc_device.haptic import Haptic
from mmc_host.replay import replay

Words = NDArray[np.uint32]
FACTS = {
    key: value
    for key, value in runpy.run_path(str(Path(__file__).parents[1] / "boards/sim/board_facts.py")).items()
    if key.isupper()
}
OF_MUSCLE = frozenset({  # events that only a muscle that was seen can give
    event.EVENT_HOLD_START, event.EVENT_ACTIVATION_LOST, event.EVENT_ACTIVATION_REGAINED, event.EVENT_REP_START,
    event.EVENT_REP_TURN, event.EVENT_REP_END, event.EVENT_PEAK, event.EVENT_SQUEEZE, event.EVENT_LEAK,
    event.EVENT_TIRING, event.EVENT_DIG_IN,
})  # fmt: skip


class Told(NamedTuple):
    """An event as it is logged, and `told_t`: the counter behind the block in which it was told."""

    kind: int
    channel: int
    value: int
    threshold: int
    reason: int
    t_samples: int
    told_t: int


class Played(NamedTuple):
    """What the device made of it.

    Attributes:
        events: in the order in which they were told.
        cues: (pattern, counter behind the block) of each motor command.
        words: (blocks, channels, words) of the kernel.
        busy: per block, whether the motor shook the electrodes.
    """

    events: list[Told]
    cues: list[tuple[int, int]]
    words: Words
    busy: NDArray[np.bool_]

    def of(self, *kinds: int) -> list[Told]:
        """The events of these kinds."""
        return [told for told in self.events if told.kind in kinds]


class _Replay:
    """The kernel's words of every block, made anew from the block in which the motor starts or stops."""

    def __init__(self, kernel: Kernel, counts: NDArray[np.int16]) -> None:
        self._kernel, self._counts = kernel, counts
        self.words: Words = replay(kernel, counts).words
        self.rows: list[list[list[int]]] = self.words.tolist()
        self.busy = np.zeros(len(self.words), np.bool_)

    def turn(self, block: int, is_busy: bool) -> None:
        """From this block on the motor is busy or not."""
        for channel, words in enumerate(self._kernel.out):
            words[:] = array("I", self.words[block - 1, channel].tolist())
        self.busy[block:] = is_busy
        anew = replay(self._kernel, self._counts[block * BLOCK_SAMPLES :], self.busy[block:]).words
        self.words[block:] = anew
        self.rows[block:] = anew.tolist()


def _take_no_part(*_: object) -> None:
    """A motor that always works, and a kernel whose words stand already."""


def calibrated(reference_uv: Sequence[float | None], **changed: object) -> Settings:
    """Default settings with references in microvolt by channel (None or 0: not calibrated), and changes by name."""
    config = Settings()
    for channel, microvolt in enumerate(reference_uv):
        if microvolt:
            config.put(f"ch{channel}_reference_nv", round(1000 * microvolt))
            config.put(f"ch{channel}_reference_kind", "mvc")
    for name, value in changed.items():
        config.put(name, value)
    return config


def play(
    counts: NDArray[np.int16], config: Settings, imu: Sequence[Sequence[int]] | None = None, *, motor: bool = True
) -> Played:
    """Play counts, in whole blocks, to the pipeline.

    Args:
        counts: (samples, channels).
        config: settings in force.
        imu: a reading of six counts per block; None: the board has no motion sensor.
        motor: False: cues are decided, but no motor shakes the electrodes.
    """
    facts = SimpleNamespace(**{**FACTS, "EMG_CHANNELS": counts.shape[1]})
    pipeline = Pipeline(config, facts)
    kernel: Any = pipeline.kernel
    found = _Replay(kernel, counts)
    seen: Any = SimpleNamespace(channels=kernel.channels, out=kernel.out, process=_take_no_part)
    pipeline.kernel = seen
    haptic = Haptic(SimpleNamespace(on=_take_no_part, off=_take_no_part), facts, _take_no_part)
    haptic.configure(config)
    events: list[Told] = []
    cues: list[tuple[int, int]] = []
    nothing = array("h", bytes(2 * BLOCK_SAMPLES * kernel.channels))

    def write(t: int) -> Any:
        def told(kind: int, values: tuple[int, ...], _tail: object, _count: int) -> None:
            if kind == record.EVENT and values[1] != event.EVENT_CUE:
                events.append(Told(values[1], values[2], values[3], values[4], values[5], values[0], t))

        return told

    for block in range(len(found.rows)):
        t = (block + 1) * BLOCK_SAMPLES
        is_busy = haptic.is_busy(t - BLOCK_SAMPLES) if motor else False
        if is_busy != found.busy[block]:
            found.turn(block, is_busy)
        seen.out = found.rows[block]
        cue = pipeline.step(nothing, t, array("h", imu[block]) if imu is not None else None, is_busy)
        haptic.tick(t)
        if cue != event.CUE_NONE:
            cues.append((cue, t))
            haptic.play(cue, t)
        pipeline.write_records(write(t), nothing, t, is_busy)
    pipeline.close(write(len(found.rows) * BLOCK_SAMPLES), len(found.rows) * BLOCK_SAMPLES)
    return Played(events, cues, found.words, found.busy)


def told_from_bad(played: Played, channel: int = 0) -> int:
    """Events of a muscle that were told in a block of that channel from which nothing may be scored."""
    bad = played.words[:, channel, OUT_QUALITY] & QUALITY_BAD != 0
    last = len(bad) * BLOCK_SAMPLES  # what the session's end closes is told of no block
    return sum(bool(bad[told.told_t // BLOCK_SAMPLES - 1]) for told in played.of(*OF_MUSCLE) if told.told_t < last)


def spread(values: Sequence[float]) -> Mapping[str, float]:
    """The distribution of some values: 10th, 25th, 50th, 75th and 90th percentile, the greatest, and how many."""
    if not len(values):
        return {"count": 0}
    names = ("p10", "p25", "median", "p75", "p90", "max")
    return {
        **{name: float(np.percentile(values, q)) for name, q in zip(names, (10, 25, 50, 75, 90, 100), strict=True)},
        "count": len(values),
    }
