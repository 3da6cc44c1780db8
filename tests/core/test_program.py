"""Programs as bytes: what each row means on the wire, what is refused, and the same under every interpreter."""

from __future__ import annotations

import binascii
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmc_core import event, frame, program, settings
from mmc_core.errors import FormatError
from mmc_host import firmware, mpy, programs
from mmc_host.programs.compiling import compile_program

# The rows on the wire: name, low, high, default. Bytes of today must be read tomorrow, so they are written down twice.
ROWS = (
    ("mode", 0, 5, 0),
    ("sets", 1, 20, 3),
    ("reps", 0, 100, 1),
    ("hold_s", 0, 600, 0),
    ("relax_s", 0, 120, 0),
    ("rest_s", 0, 900, 90),
    ("target_low_pct", 1, 200, 25),
    ("target_high_pct", 1, 200, 75),
    ("sense_1_pct", 0, 100, 0),
    ("sense_2_pct", 0, 100, 0),
    ("sense_3_pct", 0, 100, 0),
    ("tempo_down_ms", 0, 20000, 0),
    ("tempo_pause_ms", 0, 20000, 0),
    ("tempo_up_ms", 0, 20000, 0),
    ("peak_pct", 0, 200, 0),
    ("peak_hold_ms", 0, 5000, 0),
    ("drift_deg", 3, 90, 15),
    ("cues", 0, 0x7E2, 0x422),
    ("cue_band_pct", 0, 50, 15),
    ("cue_fade", 0, 1, 1),
    ("cue_probe_every", 0, 20, 0),
    ("cue_max_per_min", 1, 30, 12),
    ("stop_fatigue_permille", 0, 1000, 0),
    ("stop_lost_count", 0, 50, 0),
    ("progress_step_pct", 0, 20, 0),
    ("progress_share_pct", 50, 100, 80),
    ("progress_sessions", 1, 20, 3),
    ("progress_limit_pct", 1, 200, 100),
)
NAMES = [name for name, *_ in ROWS]
DEFAULTS = {name: default for name, _, _, default in ROWS}
BICEPS = ((1, 2, "biceps brachii"), (2, 0, ""), (4, 1, "triceps brachii lateral"))


def text(value: str) -> bytes:
    return bytes([len(value.encode())]) + value.encode()


def sealed(body: bytes) -> bytes:
    return body + struct.pack("<I", binascii.crc32(body))


def head(name: str = "curl", channels: Any = BICEPS, version: int = 1) -> bytes:
    """Everything in front of the rows."""
    told = b"".join(bytes([role, side]) + text(muscle) for role, side, muscle in channels)
    return bytes([version]) + text(name) + bytes([len(channels)]) + told


def rows(**values: int) -> bytes:
    """The rows, with the defaults but for `values`."""
    assert values.keys() <= DEFAULTS.keys()
    return b"".join(
        values.get(name, default).to_bytes(2 if high > 255 else 1, "little") for name, _, high, default in ROWS
    )


def numbers(found: program.Program) -> dict[str, int]:
    return {name: found.numbers[getattr(program, name.upper())] for name in NAMES}


def test_every_row_stands_where_it_belongs() -> None:
    """Each row at its lowest and its highest, the others at their defaults, and no other attribute moves."""
    for name, low, high, _ in ROWS:
        for value in (low, high):
            others = {"target_low_pct": 1, "target_high_pct": 200} if name.startswith("target_") else {}
            others = {key: limit for key, limit in others.items() if key != name}
            if (name, value) in (("target_low_pct", 200), ("target_high_pct", 1)):
                continue  # the band would be empty
            found = program.decode(sealed(head() + rows(**others, **{name: value})))
            assert numbers(found) == {**DEFAULTS, **others, name: value}


def test_channels_and_texts() -> None:
    found = program.decode(sealed(head("pull, é") + rows()))
    assert found.name == "pull, é"
    assert found.channels == 3 and found.target_channel == 0
    assert found.muscles == ["biceps brachii", "", "triceps brachii lateral", ""]
    assert list(found.roles) == [program.ROLE_TARGET, program.ROLE_HELPER, program.ROLE_ANTAGONIST, program.ROLE_NONE]
    assert list(found.sides) == [program.SIDE_RIGHT, 0, program.SIDE_LEFT, 0]
    moved = program.decode(sealed(head(channels=((0, 0, ""), (5, 1, ""), (3, 3, ""), (1, 2, ""))) + rows()))
    assert moved.target_channel == 3 and list(moved.roles) == [0, 5, 3, 1] and list(moved.sides) == [0, 1, 3, 2]


@pytest.mark.parametrize(("name", "low", "high"), [row[:3] for row in ROWS])
def test_a_row_out_of_range_is_refused_with_its_value_and_range(name: str, low: int, high: int) -> None:
    body = head() + rows(**{name: high + 1})
    last = len(head()) + sum(1 + (row[2] > 255) for row in ROWS[: NAMES.index(name) + 1]) - 1
    with pytest.raises(FormatError, match=f"^program, byte {last}: {high + 1} is not {low} to {high}$"):
        program.decode(sealed(body))
    if low:
        with pytest.raises(FormatError, match=f": {low - 1} is not {low} to {high}$"):
            program.decode(sealed(head() + rows(**{name: low - 1})))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (head(version=2) + rows(), "^program, byte 0: 2 is not 1 to 1$"),
        (head(channels=((1, 0, ""), (1, 0, ""))) + rows(), "does not fit together"),  # two targets
        (head(channels=((2, 0, ""),)) + rows(), "does not fit together"),  # none
        (head(channels=()) + rows(), "0 is not 1 to 4"),
        (head(channels=((1, 0, ""),) + ((0, 0, ""),) * 4) + rows(), "5 is not 1 to 4"),
        (head(channels=((6, 0, ""),)) + rows(), "6 is not 0 to 5"),
        (head(channels=((1, 4, ""),)) + rows(), "4 is not 0 to 3"),
        (head() + rows(target_low_pct=50, target_high_pct=50), "does not fit together"),  # an empty band
        (head() + rows(cues=0x422 | 1 << event.CUE_ERROR), "does not fit together"),  # the device's own cue
        (head() + rows() + b"\0", "does not fit together"),  # a row that a newer host knows
        (head("n" * 25) + rows(), "no text, or too long"),
        (head(channels=((1, 0, "m" * 25),)) + rows(), "no text, or too long"),
        (b"\x01\x02\xff\xfe" + head()[6:] + rows(), "no text"),  # no UTF-8
        (b"\x01", "no text"),
    ],
)
def test_what_is_wrong_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        program.decode(sealed(body))


def test_rows_that_an_older_host_did_not_know_have_their_defaults() -> None:
    given = {"mode": 1, "sets": 5, "reps": 12, "progress_limit_pct": 90}
    whole = rows(**given)
    at = 0
    for number, (_, _, high, _) in enumerate(ROWS):
        found = program.decode(sealed(head() + whole[:at]))
        assert numbers(found) == {**DEFAULTS, **{key: value for key, value in given.items() if key in NAMES[:number]}}
        at += 1 + (high > 255)
    assert at == len(whole)


def test_half_a_row_is_refused() -> None:
    at = 0
    for name, low, high, default in ROWS:
        if high > 255:
            with pytest.raises(FormatError):
                program.decode(sealed(head() + rows()[: at + 1]))
        at += 1 + (high > 255)
        assert low <= default <= high, name


def test_every_torn_or_flipped_byte_is_found() -> None:
    data = sealed(head() + rows())
    for length in range(len(data)):
        with pytest.raises(FormatError):
            program.decode(data[:length])
    for at in range(len(data)):
        with pytest.raises(FormatError, match="checksum"):
            program.decode(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 255))
@example(b"", 0, 0)
def test_decoding_is_total(tail: bytes, at: int, byte: int) -> None:
    """Any bytes with a good checksum, and good ones with any byte changed: a program within its ranges, or refused."""
    good = bytearray(head() + rows())
    good[at % len(good)] = byte
    for body in (b"\x01" + tail, head() + tail, bytes(good)):
        try:
            found = program.decode(sealed(body))
        except FormatError:
            continue
        assert all(low <= value <= high for value, (_, low, high, _) in zip(found.numbers, ROWS, strict=True))
        assert list(found.roles).count(program.ROLE_TARGET) == 1
        assert found.roles[found.target_channel] == program.ROLE_TARGET
        assert found.numbers[program.TARGET_LOW_PCT] < found.numbers[program.TARGET_HIGH_PCT]
        assert found.numbers[program.CUES] & ~program.ALL_CUES == 0


def test_the_longest_program_fits_one_frame_to_the_device() -> None:
    body = head("n" * 24, ((1, 0, "m" * 24),) + ((2, 0, "m" * 24),) * 3) + rows()
    assert len(sealed(body)) == program.MAX_BYTES
    payload = sealed(body)
    scratch = bytearray(frame.MAX_PAYLOAD_BYTES + frame.OVERHEAD_BYTES)
    scratch[5 : 5 + len(payload)] = payload
    out = bytearray(len(scratch) + 8)
    assert frame.encode_into(out, scratch, 0x0A, 1, len(payload)) <= frame.MAX_TO_DEVICE_BYTES


def test_numbers_that_others_have_too() -> None:
    names = "ENGAGE SQUEEZE LEAK DRIFT TICK MILESTONE TIRED".split()
    assert sum(1 << getattr(event, f"CUE_{name}") for name in names) == program.ALL_CUES
    assert sum(1 << getattr(event, f"CUE_{name}") for name in ("ENGAGE", "SQUEEZE", "TIRED")) == program.CUES_DEFAULT
    assert program.MOST_CHANNELS == settings.MAX_CHANNELS
    assert settings.find_row("ch0_muscle")[3] == program.TEXT_BYTES
    sides = settings.find_row("ch0_side")[2]
    constants = {name: value for name, value in vars(program).items() if name.startswith("SIDE_")}
    assert [f"SIDE_{side.upper().replace(' ', '_')}" for side in sides] == sorted(constants, key=constants.__getitem__)


def test_what_a_setting_says_too_has_its_range_and_default() -> None:
    """A program carries some settings under the same name; both must allow the same."""
    shared = [row for row in ROWS if row[0] in set(settings.names())]
    assert {"target_low_pct", "target_high_pct"} <= {row[0] for row in shared}
    for name, low, high, default in shared:
        _, kind, at_least, at_most, set_default = settings.find_row(name)
        if kind == "word":
            assert (low, high, at_least[default]) == (0, len(at_least) - 1, set_default), name
        else:
            assert (low, high, default) == (at_least, at_most, set_default), name
    for cue in (name for name in settings.names() if hasattr(event, name.upper()) and name != "cue_none"):
        expected = "on" if program.CUES_DEFAULT >> getattr(event, cue.upper()) & 1 else "off"
        assert settings.find_row(cue)[4] == expected, cue


PROBE = """
import json
from mmc_core import program
from mmc_core.errors import FormatError

for line in open("bytes"):
    try:
        p = program.decode(bytes(int(line[i : i + 2], 16) for i in range(0, len(line.strip()), 2)))
        told = [p.name, p.muscles, list(p.roles), list(p.sides), p.channels, p.target_channel]
        told += list(p.numbers)
    except FormatError as error:
        told = str(error)
    print(json.dumps(told))
"""


def refused_or_decoded(data: bytes) -> object:
    try:
        found = program.decode(data)
    except FormatError as error:
        return str(error)
    texts = [found.name, found.muscles, list(found.roles), list(found.sides), found.channels, found.target_channel]
    return [*texts, *numbers(found).values()]


@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_same_bytes_are_the_same_program_everywhere(
    mpy64: Path, mpy32: Path, tmp_path: Path, is_compiled: bool
) -> None:
    """Shipped programs, rows at their limits, what is refused: 64-bit, 32-bit, and as .mpy with constants folded."""
    cases = [compile_program(programs.load(name)) for name in programs.shipped()]
    cases += [sealed(head() + rows(**{name: value})) for name, low, high, _ in ROWS for value in (low, high)]
    cases += [sealed(head() + rows(**{name: high + 1})) for name, _, high, _ in ROWS]
    cases += [sealed(head() + rows() + b"\0"), sealed(head("é" * 12) + rows()[:9]), b"", sealed(head())[:-1]]
    expected = [refused_or_decoded(data) for data in cases]
    assert sum(isinstance(one, list) for one in expected) >= len(programs.shipped()) + 2 * len(ROWS) - 2
    assert sum(isinstance(one, str) for one in expected) >= len(ROWS)
    probe = f"NAMES = {NAMES!r}\n{PROBE}"
    if is_compiled:
        expected = ["" if isinstance(one, str) else one for one in expected]  # a device's errors are mute
        tree = tmp_path / "tree"
        sources = mpy.read_package(Path(program.__file__).parents[1], "mmc_core")
        wanted = ("__init__", "compat", "errors", "schema", "settings", "program")
        mpy.compile_tree(tree, {f"mmc_core.{name}": sources[f"mmc_core.{name}"] for name in wanted}, "x86", probe)
    else:
        tree = firmware.stage(tmp_path / "tree")
    (tree / "bytes").write_text("\n".join(data.hex() for data in cases))
    (tree / "probe.py").write_text(probe)
    for interpreter in (mpy32,) if is_compiled else (mpy64, mpy32):
        done = subprocess.run(
            [interpreter, "-X", "heapsize=220k", "probe.py"],
            cwd=tree, env={"MICROPYPATH": "."}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        assert [json.loads(line) for line in done.stdout.splitlines()] == expected
