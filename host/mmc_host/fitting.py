"""Fit a simulated wearable to its wearer: what the body does, and the settings that a person would have made.

In:    a state folder (see `mmc_host.firmware`), a scenario or a recording
Out:   `body.bin`; on a device that was never used also `config/settings.mmc`, with muscles and, for a recording that
       knows its references, the calibration: its electrode site says "look-ahead", because the reference was found on
       the whole recording. A recording that nothing can be scored of begins its session by itself
"""

import binascii
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmc_core import record, settings
from mmc_host.columns import LOOK_AHEAD_SITE, RECORDING_SITE

_SETTINGS_FILE = "settings.mmc"  # the firmware's Config keeps it: SETTING records, then the CRC-32 of them
_LONGEST_MUSCLE_BYTES = settings.find_row("ch0_muscle")[3]


@dataclass(frozen=True)
class Fitted:
    """What the wearer will do, in words.

    summary: one line. notes: what else a person should know. steps: a word for each step of the script, if it has any.
    """

    summary: str
    notes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


def fit_scenario(state: Path, name: str, seed: int) -> Fitted:
    """Let the wearer follow a scenario.

    Raises:
        UsageError: the scenario is unknown, the seed negative, or the state folder can't be written.
    """
    from mmc_host import body

    info = body.write_scenario(name, state / "body.bin", seed)
    values: dict[str, int | str] = {"target_channel": info.target_channel, **_muscles(info.muscles)}
    write_settings(state, values)
    return Fitted(f"scenario {name}, seed {seed}", steps=info.steps)


def fit_recording(state: Path, source: Path, mapping: Sequence[str], seed: int) -> Fitted:
    """Let the wearer repeat a recording.

    Args:
        state: the state folder.
        source: .npz or .csv.
        mapping: texts CHANNEL=MUSCLE; none: the first channels under their own names.
        seed: decides the noise of the rest around it.

    Raises:
        UsageError: unknown channels or units, or the state folder can't be written.
        FormatError: the recording is damaged.
    """
    from mmc_host.body import recording

    info = recording.write_recording(
        source, state / "body.bin", recording.parse_mapping(mapping) if mapping else None, seed=seed
    )
    values: dict[str, int | str] = {**_muscles(info.muscles)}
    notes: list[str] = []
    for channel, (reference_uv, rest_uv) in enumerate(zip(info.reference_uv, info.rest_uv, strict=True)):
        values[f"ch{channel}_site"] = RECORDING_SITE
        if reference_uv is not None:
            values[f"ch{channel}_site"] = LOOK_AHEAD_SITE
            values[f"ch{channel}_reference_kind"] = "mvc"
            values[f"ch{channel}_reference_nv"] = round(reference_uv * 1000)
            values[f"ch{channel}_rest_nv"] = round(rest_uv * 1000)
            notes.append(
                f"{info.muscles[channel]}: 100 % = {reference_uv:.0f} µV, look-ahead: from the whole recording"
            )
    if info.scale_source == "by reference":
        notes.append(
            f"its size at the skin is not known: it is scaled so that 100 % = {recording.AUTO_REFERENCE_UV:.0f} µV"
        )
    if info.reference_uv[0] is None:
        values["autostart"] = "always"
        notes.append(f"{info.muscles[0]}: no reference is known, so nothing is scored; a session begins by itself")
    if info.left_out:
        notes.append(f"channels of the file that are not worn: {', '.join(info.left_out)}")
    for muscle, clipped in zip(info.muscles, info.clipped_samples, strict=True):
        if clipped:
            beyond = "1 sample is" if clipped == 1 else f"{clipped} samples are"
            notes.append(f"{muscle}: {beyond} beyond what the front end can take, and clipped")
    write_settings(state, values)
    return Fitted(f"recording {source.name}", tuple(notes))


def write_settings(state: Path, values: Mapping[str, int | str]) -> None:
    """Store settings on a simulated device that is switched off; one that has settings already keeps them.

    Args:
        state: the state folder.
        values: by name; the others stay at their defaults.

    Raises:
        UsageError: a name is unknown or a value out of range.
    """
    path = state / "config" / _SETTINGS_FILE
    if path.exists():
        return
    data = b""
    for name, value in values.items():
        buffer = bytearray(64)
        end = record.encode_into(buffer, 0, record.SETTING, settings.to_wire(name, settings.validate(name, value)))
        data += buffer[:end]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data + struct.pack("<I", binascii.crc32(data)))


def _muscles(names: Sequence[str]) -> dict[str, int | str]:
    """Return the settings that name muscles; what is too long for the device is cut."""
    found: dict[str, int | str] = {}
    for channel, name in enumerate(names):
        short = name.replace("=", " ").encode()[:_LONGEST_MUSCLE_BYTES].decode(errors="ignore")
        found[f"ch{channel}_muscle"] = short
    return found
