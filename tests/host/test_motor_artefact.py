"""A buzz shakes the electrodes: a thousand wearers, and not one lapse or return that the motor made up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from mmc_core import chain, event
from mmc_core.coach.hold import HoldDetector
from mmc_core.kernel import Kernel
from mmc_core.sample import QUALITY_BAD
from mmc_core.settings import Settings
from mmc_host.replay import replay

SAMPLES, LET_GO, PULSE, GAP, SPIN_DOWN = 6000, 3000, 150, 100, 60
BAND = signal.butter(4, [25, 350], "bandpass", fs=1000, output="sos")


def wearer(seed: int, lets_go: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Counts, blocks in which the motor shakes, and the sample at which the buzz begins.

    A hold; who lets go keeps 2 to 12 % of it. Then a buzz of two pulses: a line at 100 to 240 Hz with two harmonics, 0
    to 20 dB over the muscle as it is then, that rises with 30 ms and dies with 20 ms; at each switching a step of the
    baseline, as electrodes that shift make it.
    """
    rng = np.random.default_rng([seed, lets_go])
    noise = signal.sosfilt(BAND, rng.standard_normal(SAMPLES + 300))[300:]
    level = np.full(SAMPLES, rng.uniform(400, 900))
    if lets_go:
        level[LET_GO:] *= rng.uniform(0.02, 0.12)
    emg = noise / np.abs(noise).mean() * level
    start = LET_GO + (300 + 10 * int(rng.integers(20)) if lets_go else 10 * int(rng.integers(50)))
    rms = np.sqrt(np.mean(emg[LET_GO + 100 :] ** 2))
    hz, size = rng.uniform(100, 240), rms * np.sqrt(2) * 10 ** (rng.uniform(0, 20) / 20)
    t = 2 * np.pi * hz * np.arange(SAMPLES) / 1000
    line = np.sin(t) + 0.4 * np.sin(2 * t + 1) + 0.2 * np.sin(3 * t + 2)
    shaken, busy = emg + rng.normal(0, 3, SAMPLES), np.zeros(SAMPLES // 10, bool)
    for on in (start, start + PULSE + GAP):
        off = on + PULSE
        swing = np.zeros(SAMPLES)
        swing[on:off] = 1 - np.exp(-np.arange(PULSE) / 30)
        swing[off:] = swing[off - 1] * np.exp(-np.arange(SAMPLES - off) / 20)
        shaken += size * swing * line
        shaken[on:] += rng.normal(0, 2) * rms
        shaken[off:] += rng.normal(0, 2) * rms
        busy[on // 10 : (off + SPIN_DOWN) // 10] = True
    return np.rint(shaken).clip(-16383, 16383).astype(np.int16), busy, start


@pytest.mark.parametrize("lets_go", [False, True])
def test_the_motor_makes_nothing_up(lets_go: bool) -> None:
    """From the buzz's start to 100 ms after its end, spin-down included: neither "lost" nor "regained"."""
    for seed in range(500):
        counts, busy, start = wearer(seed, lets_go)
        kernel = Kernel(1, 0, 16383, 50)
        kernel.set_reference(0, 12800, 0)
        words = replay(kernel, counts[:, None], busy).words[:, 0]
        hold = HoldDetector(Settings())
        told = []
        for block in range(len(busy)):
            if not busy[block] and not words[block, chain.OUT_QUALITY] & QUALITY_BAD:
                envelope, fast = (int(words[block, w]) for w in (chain.OUT_ENVELOPE, chain.OUT_FAST))
                if hold.step(envelope, fast, 10 * block + 10):
                    told.append((hold.kind, 10 * block + 10))  # when it was decided
        before = [kind for kind, at in told if at < start]
        assert before == [event.EVENT_HOLD_START, event.EVENT_ACTIVATION_LOST][: 1 + lets_go], seed
        end = start + 2 * PULSE + GAP + SPIN_DOWN + 100
        made_up = (event.EVENT_ACTIVATION_LOST, event.EVENT_ACTIVATION_REGAINED)
        assert not [kind for kind, at in told if start <= at <= end and kind in made_up], seed
