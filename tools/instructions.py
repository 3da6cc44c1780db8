#!/usr/bin/env python3
"""Count what the kernel costs on the device, instruction by instruction, and compare its output with CPython's.

In:     the kernel's viper functions, the packer's of raw EMG and the decimation of the I2S ADC, compiled by mpy-cross
        for the ESP32 (xtensawin) and the ESP32-C3 (rv32imc); instruction_budget.toml beside this file
Out:    a table; `--check` exits 1 when a budget is exceeded or a single bit differs; `--json FILE` writes the figures

Counts have no noise: they are the same on every machine. What the runtime does within a call (converting arguments,
dividing) is not in them; the number of such calls is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from array import array
from pathlib import Path
from typing import Any, get_args

import numpy as np
from devicecode import Architecture, Counts, Machine, compile_viper

from mmc_core.kernel import Kernel
from mmc_core.rice import Packer
from mmc_core.sample import BLOCK_SAMPLES
from mmc_drivers import i2s_adc

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "firmware" / "mmc_core"
DRIVERS = ROOT / "firmware" / "mmc_drivers"
BUDGET = Path(__file__).with_name("instruction_budget.toml")
CHANNELS = 4
RAIL = 16383
SETTINGS: dict[str, dict[str, Any]] = {
    "chain": {"lowpass": False},
    "chain_lowpass": {},
    "everything": {"harmonic": True},
}

Figures = dict[str, Any]


class DeviceKernel:
    """A kernel whose viper functions run as machine code."""

    def __init__(self, architecture: Architecture, **options: Any) -> None:
        (filter_block,) = compile_viper(CORE / "chain.py", architecture)
        (measure_block,) = compile_viper(CORE / "features.py", architecture)
        (find_onsets,) = compile_viper(CORE / "onset.py", architecture)
        self.filter_block = Machine(filter_block, architecture)
        self.measure_block = Machine(measure_block, architecture)
        self.find_onsets = Machine(find_onsets, architecture)
        self.kernel = Kernel(CHANNELS, 0, RAIL, 50, **options)
        for channel in range(CHANNELS):
            self.kernel.set_reference(channel, 12800, 0)

    def process(self, block: array[int]) -> tuple[Counts, Counts, Counts]:
        """One block, as `Kernel.process` does it."""
        kernel = self.kernel
        n = kernel.block_samples
        return (
            self.filter_block.call([n, CHANNELS, kernel.words, block, kernel.filtered]),
            self.measure_block.call([n, CHANNELS, kernel.words, kernel.filtered]),
            self.find_onsets.call([CHANNELS, 0, kernel.words]),
        )


def blocks(n: int, count: int, seed: int) -> list[array[int]]:
    """EMG-like noise, then extremes: rails, alternation, steps, silence."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        t = np.arange(number * n, number * n + n)[:, None]
        block = rng.normal(0, 400, (n, CHANNELS)).clip(-RAIL, RAIL)
        if number % 5 == 3:
            block[:, 0], block[:, 1] = RAIL, -RAIL
            block[:, 2:] = np.where(t % 2, RAIL, -RAIL)
        if number % 11 == 7:
            block[:] = 0
        found.append(array("h", np.ascontiguousarray(np.rint(block), "<i2").tobytes()))
    return found


def compare(architecture: Architecture, count: int) -> int:
    """Blocks whose words or filtered samples differ between the machine code and CPython."""
    differing = 0
    for options in (*SETTINGS.values(), {"highpass": False}):
        device, beside = DeviceKernel(architecture, **options), Kernel(CHANNELS, 0, RAIL, 50, **options)
        for channel in range(CHANNELS):
            beside.set_reference(channel, 12800, 0)
        for block in blocks(10, count, 1):
            device.process(block)
            beside.process(block)
            differing += device.kernel.out != beside.out or device.kernel.filtered != beside.filtered
    return differing


def count(architecture: Architecture) -> Figures:
    """Instructions per sample and channel: in the loops over samples, and all of a block of 4 x 10."""
    found: Figures = {}
    for name, options in SETTINGS.items():
        device = DeviceKernel(architecture, **options)
        emg = [block for number, block in enumerate(blocks(10, 60, 2)) if number % 5 != 3 and number % 11 != 7]
        runs = [device.process(block) for block in emg][20:]
        samples = len(runs) * CHANNELS * 10
        # The loop over samples of a function is the one that runs once per sample and channel.
        loops = [
            sum(loop.instructions for r in runs for loop in r[k].loops if loop.iterations == CHANNELS * 10) / samples
            for k in (0, 1)
        ]
        row: Figures = {
            "filter_loop": loops[0],
            "measure_loop": loops[1],
            "loops": sum(loops),
            "block_4x10": sum(one.instructions for r in runs for one in r) / samples,
            "helper_calls_per_block": sum(one.helper_calls + one.conversions for one in runs[0]),
        }
        if architecture == "xtensawin":
            low = sum(one.cycles[0] for r in runs for one in r) / samples
            high = sum(one.cycles[1] for r in runs for one in r) / samples
            row["cycles_4x10_low"], row["cycles_4x10_high"] = low, high
            row["cpu_pct_4ch_1khz_240mhz_high"] = high * 4000 / 240e6 * 100
        found[name] = row
    found["code_bytes"] = {
        f"{module}.py": len(compile_viper(CORE / f"{module}.py", architecture)[0])
        for module in ("chain", "features", "onset", "rice")
    } | {"i2s_adc.py": len(compile_viper(DRIVERS / "i2s_adc.py", architecture)[0])}
    return found


def pack_instructions(architecture: Architecture, amplitude: float) -> float:
    """Instructions of the packer per sample and channel: four channels of noise of this size, in counts."""
    (code,) = compile_viper(CORE / "rice.py", architecture)
    machine, packer = Machine(code, architecture), Packer(4)
    counted, at = [], 0
    for number, block in enumerate(blocks(BLOCK_SAMPLES, 40, 3)):
        data = array("h", [max(-32768, min(round(sample * amplitude / 400), 32767)) for sample in block])
        before, room = list(packer._words), bytearray(packer.out)  # pyright: ignore[reportPrivateUsage]
        ran = machine.call([at, 4 if at == 0 else 0, packer._words, data, array("h", [0] * 6), packer.out])  # pyright: ignore[reportPrivateUsage]
        after = list(packer._words), bytes(packer.out)  # pyright: ignore[reportPrivateUsage]
        packer._words[:], packer.out[:] = array("I", before), room  # pyright: ignore[reportPrivateUsage]
        packer._at, packer.blocks = at, int(at > 0)  # pyright: ignore[reportPrivateUsage]
        is_full = packer.add(data, None, False, 0)
        same = (list(packer._words), bytes(packer.out)) == after  # pyright: ignore[reportPrivateUsage]
        if not same or ran.result != packer._at:  # pyright: ignore[reportPrivateUsage]
            raise SystemExit(f"instructions: pack, block {number}: the device's code and CPython differ")
        at = 0 if is_full else packer._at  # pyright: ignore[reportPrivateUsage]
        if number % 5 != 3 and number % 11 != 7:  # extremes and silence are compared and not counted
            counted.append(ran.instructions)
    return sum(counted) / len(counted) / (4 * BLOCK_SAMPLES)


def decimate(architecture: Architecture) -> Figures:
    """The I2S ADC's filters: a DMA buffer of noise, rails included, gives 25 samples of two channels."""
    machine = Machine(compile_viper(DRIVERS / "i2s_adc.py", architecture)[0], architecture)
    rng = np.random.default_rng(4)
    filters = array("i", (*i2s_adc._TAPS, *i2s_adc._ALLPASSES, *[0] * 16))  # pyright: ignore[reportPrivateUsage]
    raw, ring = array("H", [0x8000] * 600), array("h", [0] * 128)
    runs: list[Counts] = []
    for number in range(8):
        noise = rng.normal(0, 12000 if number < 6 else 60000, 512).clip(-32768, 32767)
        raw[88:] = array("H", np.rint(noise).astype("<i2").tobytes())
        beside = [array(one.typecode, one) for one in (raw, filters, ring)]
        slot = 25 * number % 64
        runs.append(machine.call([raw, 88, 588, filters, ring, slot, 64]))
        i2s_adc._decimate(beside[0], 88, 588, beside[1], beside[2], slot, 64)  # pyright: ignore[reportPrivateUsage]
        if [raw, filters, ring] != beside:
            raise SystemExit(f"instructions: I2S ADC, buffer {number}: the device's code and CPython differ")
    samples = len(runs) * 25 * 2
    row: Figures = {"sample": sum(one.instructions for one in runs) / samples}
    if architecture == "xtensawin":
        row["cpu_pct_2ch_1khz_240mhz_high"] = sum(one.cycles[1] for one in runs) / samples * 2000 / 240e6 * 100
    return row


def measure() -> Figures:
    """All figures, by architecture."""
    return {
        name: {
            **count(name),
            "pack": {"sample": pack_instructions(name, 400)},
            "i2s_adc": decimate(name),
            "differing_blocks": compare(name, 40),
        }
        for name in get_args(Architecture)
    }


def main() -> int:
    """Measure, print, and compare with the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when a budget is exceeded or a bit differs")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    found, budget, over = measure(), tomllib.loads(BUDGET.read_text()), []
    for architecture, rows in found.items():
        print(f"{architecture}: instructions per sample and channel; bytes of code")
        for name, row in rows.items():
            if not isinstance(row, dict):
                print(f"  {name} {row}")
                continue
            for key, value in row.items():
                limit = budget[architecture].get(name, {}).get(key)
                is_over = limit is not None and value > limit
                over += [f"{architecture} {name} {key}"] * is_over
                print(f"  {name:14} {key:30} {value:9.1f} {'-' if limit is None else limit:>6}{'  OVER' * is_over}")
        over += [f"{architecture}: blocks differ from CPython's"] * (rows["differing_blocks"] > 0)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))
    if over:
        print("over budget: " + ", ".join(over))
    return 1 if over and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
