#!/usr/bin/env python3
"""Make each board's `board_facts.py` from its `board.toml`: the device reads no TOML, and facts stand in one place.

In:     `boards/<board>/board.toml`; every key of `FACTS` is required, any other is refused
Out:    `boards/<board>/board_facts.py`, flat constants in upper case: `[emg] rate_hz` becomes EMG_RATE_HZ
Others: `--check` compares the files instead of writing them
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONGEST_TEXT_BYTES = 24  # texts of a session's header are short

# Every fact of a board: whole numbers with their lowest and highest value; None: a text.
FACTS: dict[str, tuple[int, int] | None] = {
    "name": None,
    "chip": None,
    "device_id": None,
    "emg.channels": (1, 4),
    "emg.rate_hz": (1000, 1000),  # the rate that the kernel's filters are made for
    "emg.block_samples": (10, 10),  # as mmc_core/sample.py has it
    "emg.nv_per_count": (1, 100_000),
    "emg.rail_counts": (127, 16_384),
    "emg.kernel_shift": (0, 7),
    "emg.ring_samples": (20, 8192),
    "imu.rate_hz": (10, 1000),
    "imu.accel_counts_per_g": (128, 16_384),
    "imu.gyro_counts_per_dps": (1, 512),
    "motor.spin_down_ms": (0, 500),
    "journal.blocks": (4, 16_384),
    "journal.block_bytes": (4096, 4096),
    "console.input_bytes": (64, 65_536),
}

# Facts of flashing, which the device does not need: mmc_host/flash/boards.py reads and checks them; and pins, which
# board.py has where it opens them: a test compares the two.
HOST_TABLES = ("flash", "image", "boot", "partitions", "pins")


class BadFacts(Exception):
    """A board.toml can't be used; the text says what to change."""


def flatten(table: Mapping[str, object]) -> dict[str, object]:
    """Return the device's keys of a TOML document with their table in front: {"emg.rate_hz": 1000, ...}."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        if key in HOST_TABLES:
            continue
        if isinstance(value, dict):
            flat.update({f"{key}.{inner}": fact for inner, fact in value.items()})
        else:
            flat[key] = value
    return flat


def check(facts: Mapping[str, object]) -> list[str]:
    """Return one sentence for each fact that is missing, unknown or out of range."""
    told = [f"{key} is missing" for key in FACTS if key not in facts]
    told += [f"{key} is no fact of a board" for key in facts if key not in FACTS]
    for key, value in facts.items():
        limits = FACTS.get(key)
        if key not in FACTS:
            continue
        if limits is None:
            if not isinstance(value, str) or not 0 < len(value.encode()) <= LONGEST_TEXT_BYTES:
                told.append(f"{key} is {value!r}: give a text of 1 to {LONGEST_TEXT_BYTES} bytes")
            elif not value.isascii() or not value.isprintable() or '"' in value or "\\" in value:
                told.append(f"{key} is {value!r}: give plain ASCII without quotes")
        elif type(value) is not int or not limits[0] <= value <= limits[1]:
            told.append(f"{key} is {value!r}: give a whole number from {limits[0]} to {limits[1]}")
    if not told and int(str(facts["emg.rail_counts"])) << int(str(facts["emg.kernel_shift"])) > 1 << 14:
        told.append("emg.rail_counts << emg.kernel_shift is beyond 2^14, which the kernel's integers hold")
    if not told and int(str(facts["emg.rate_hz"])) % int(str(facts["imu.rate_hz"])):
        told.append("emg.rate_hz is no multiple of imu.rate_hz")
    return told


def read(source: Path) -> dict[str, object]:
    """Return the checked facts of a board.toml, in the order of `FACTS`.

    Raises:
        BadFacts: the file is no TOML, or a fact is missing, unknown or out of range.
    """
    try:
        facts = flatten(tomllib.loads(source.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadFacts(f"{source}: {error}") from error
    told = check(facts)
    if told:
        raise BadFacts("\n".join(f"{source}: {sentence}" for sentence in told))
    if facts["name"] != source.parent.name:
        raise BadFacts(f"{source}: name is {facts['name']!r}, but the folder is {source.parent.name!r}")
    return {key: facts[key] for key in FACTS}


def render(facts: Mapping[str, object]) -> str:
    """Return the text of board_facts.py."""
    lines = ['"""GENERATED from board.toml by `python tools/make_board_facts.py`; do not edit."""', ""]
    for key, value in facts.items():
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        lines.append(f"{key.replace('.', '_').upper()} = {shown}")
    return "\n".join(lines) + "\n"


def sources() -> list[Path]:
    """Return every board's board.toml."""
    return sorted((ROOT / "boards").glob("*/board.toml"))


def main(arguments: list[str] | None = None) -> int:
    """Write or check all boards; return the exit code (1: a file is not what this tool makes, 2: facts are bad)."""
    parser = argparse.ArgumentParser(description="Make boards/*/board_facts.py from boards/*/board.toml.")
    parser.add_argument("--check", action="store_true", help="compare the files instead of writing them")
    options = parser.parse_args(arguments)
    code = 0
    for source in sources():
        target = source.with_name("board_facts.py")
        try:
            text = render(read(source))
        except BadFacts as error:
            print(error, file=sys.stderr)
            return 2
        if not options.check:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            print(f"{target.relative_to(ROOT)} is not what tools/make_board_facts.py makes: run it", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
