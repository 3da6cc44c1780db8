"""Read a recording, .npz or .csv, into arrays with a rate, channel names and what the file says about its units.

In:     .npz with `emg` (samples x channels), `fs` (Hz), and where present `channels`, `units`, `mvc_ref`, `imu` with
        `imu_channels`; or .csv with a header row of channel names, and its rate as a column `t_s` (seconds) or as a
        comment `# fs=1000`; a comment `# units=mV` names the unit of all its channels
Out:    a Source; nothing is guessed: a file without a rate is refused
Errors: UsageError when the user can mend it (no such file, no rate), FormatError when the file is damaged
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmc_core.errors import FormatError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Columns = NDArray[np.float64]

LOWEST_RATE_HZ = 100.0
HIGHEST_RATE_HZ = 100_000.0

_UV_PER = {"nv": 1e-3, "uv": 1.0, "µv": 1.0, "μv": 1.0, "mv": 1e3, "v": 1e6}  # both signs for micro
_G_PER = {"g": 1.0, "m/s2": 1 / 9.80665, "m/s^2": 1 / 9.80665, "m/s²": 1 / 9.80665}
_DPS_PER = {"deg/s": 1.0, "°/s": 1.0, "dps": 1.0, "rad/s": 57.29577951308232}
_COMMENT = re.compile(r"#\s*(fs|units)\s*[=:]\s*(.+)")
_NUMBERS = ("emg", "fs", "mvc_ref", "imu")
_TEXTS = ("channels", "units", "imu_channels")
_JITTER = 0.5  # of a sample: more than that off its place, and times are not those of a steady rate
_RATES_AGREE = 1e-3


@dataclass(frozen=True)
class Source:
    """A recording as it is.

    Attributes:
        path: where it was read from.
        emg: samples x channels, in the file's units.
        rate_hz: samples per second of `emg`.
        channels: name of each channel.
        uv_per_unit: microvolt per unit of `emg`; None: the file does not say.
        units: what the file says about units, verbatim.
        mvc_ref: mean rectified value per channel that stands in for 100 %, in units of `emg`; None: none is known.
        imu_g_dps: readings x 6, g and deg/s; None: there is none.
        imu_rate_hz: readings per second of `imu_g_dps`, 0 without.
    """

    path: Path
    emg: Columns
    rate_hz: float
    channels: tuple[str, ...]
    uv_per_unit: float | None
    units: str
    mvc_ref: tuple[float | None, ...]
    imu_g_dps: Columns | None
    imu_rate_hz: float


def unit_factor(units: str, quantity: str, factors: Mapping[str, float]) -> float | None:
    """Return what one unit of a quantity is worth, by a text like `EMG: mV; angle: deg`; None if it does not say.

    A clause names its quantity first (`acc g`, `emg: mV (...)`); a text of a single bare unit counts for any quantity.

    Args:
        units: the text.
        quantity: lower-case beginning of the quantity's name.
        factors: worth of each unit, by its lower-case name.
    """
    clauses = [clause.strip() for clause in units.split(";")]
    for clause in clauses:
        words = re.split(r"[\s:,()]+", clause.lower())
        if len(words) > 1 and words[0].startswith(quantity):
            return factors.get(words[1])
    return factors.get(clauses[0].lower()) if len(clauses) == 1 else None


def read(path: Path) -> Source:
    """Read a recording by its suffix.

    Raises:
        UsageError: no such file, another suffix, no EMG, no rate, or values that are no numbers.
        FormatError: the file is damaged.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix.lower() == ".npz":
        source = _read_npz(path)
    elif path.suffix.lower() == ".csv":
        source = _read_csv(path)
    else:
        raise UsageError(f"{path}: a recording is an .npz or a .csv file")
    _check(source)
    return source


def _check(source: Source) -> None:
    import numpy as np

    path = source.path
    if not LOWEST_RATE_HZ <= source.rate_hz <= HIGHEST_RATE_HZ:  # also refuses what is no number
        limits = f"{LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g} Hz"
        raise UsageError(f"{path}: {source.rate_hz:g} Hz is no rate of EMG: give a recording of {limits}")
    if len(set(source.channels)) != len(source.channels):
        raise UsageError(f"{path}: two channels have the same name: {', '.join(source.channels)}")
    if len(source.emg) < source.rate_hz:
        raise UsageError(f"{path}: {len(source.emg)} samples are less than a second")
    for values, name in ((source.emg, "EMG"), (source.imu_g_dps, "IMU")):
        if values is not None and not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise UsageError(f"{path}: {name} sample {row} of column {column} is no number: cut the recording there")


def _load(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file that are of use here."""
    import numpy as np

    if not zipfile.is_zipfile(path):  # np.load would take it for a pickle, and advise to allow that
        raise FormatError(f"{path}: no readable .npz file: it is no archive, or cut short")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            found = {key: np.asarray(data[key], dtype=np.float64) for key in _NUMBERS if key in data}
            return {**found, **{key: data[key] for key in _TEXTS if key in data}}
    except ValueError as error:  # an array of objects, or of texts where numbers belong; a header that makes no sense
        raise FormatError(f"{path}: an array in it is not made of plain numbers or texts, or is damaged") from error
    except (TypeError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise FormatError(f"{path}: no readable .npz file: {error}") from error


def _read_npz(path: Path) -> Source:
    import numpy as np

    data = _load(path)
    for key, meaning in (("emg", "samples x channels"), ("fs", "samples per second")):
        if key not in data:
            raise UsageError(f"{path}: there is no array {key!r} ({meaning})")
    emg: Columns = data["emg"]
    emg = emg[:, None] if emg.ndim == 1 else emg
    if emg.ndim != 2 or emg.size == 0 or data["fs"].size != 1:
        raise FormatError(f"{path}: 'emg' has the shape {emg.shape}, 'fs' {data['fs'].shape}: one rate is expected")
    n_channels = emg.shape[1]
    names = tuple(str(name) for name in np.atleast_1d(data["channels"])) if "channels" in data else ()
    names = names or tuple(f"channel {i}" for i in range(n_channels))
    mvc_ref: tuple[float | None, ...] = (None,) * n_channels
    if "mvc_ref" in data:
        values = [float(value) for value in np.atleast_1d(data["mvc_ref"])]
        mvc_ref = tuple(value if np.isfinite(value) and value > 0 else None for value in values)
    if len(names) != n_channels or len(mvc_ref) != n_channels:
        raise FormatError(f"{path}: {n_channels} channels, {len(names)} names, {len(mvc_ref)} values of mvc_ref")
    units = str(data["units"]) if "units" in data else ""
    rate_hz = float(data["fs"].item())
    imu = _imu(data, units, path) if "imu" in data else None
    return Source(
        path=path,
        emg=emg,
        rate_hz=rate_hz,
        channels=names,
        uv_per_unit=unit_factor(units, "emg", _UV_PER),
        units=units,
        mvc_ref=mvc_ref,
        imu_g_dps=imu,
        imu_rate_hz=0.0 if imu is None else rate_hz * len(imu) / len(emg),  # both span the same time
    )


def _imu(data: Mapping[str, Any], units: str, path: Path) -> Columns:
    """The IMU as readings x 6 in g and deg/s; a missing gyroscope reads zero."""
    import numpy as np

    imu: Columns = data["imu"]
    names = [str(name).lower() for name in np.atleast_1d(data["imu_channels"])] if "imu_channels" in data else []
    names = [name.replace("w", "g") for name in names]
    if names not in (["ax", "ay", "az"], ["ax", "ay", "az", "gx", "gy", "gz"]) or imu.shape[1:] != (len(names),):
        raise UsageError(f"{path}: the IMU's columns are {names}: they must be ax ay az, or ax ay az wx wy wz")
    g_per_unit = unit_factor(units, "acc", _G_PER)
    dps_per_unit = unit_factor(units, "gyr", _DPS_PER) if len(names) == 6 else 1.0
    if g_per_unit is None or dps_per_unit is None:
        raise UsageError(f"{path}: the IMU's units are not known: write them as `acc g; gyro rad/s`, not {units!r}")
    full = np.zeros((len(imu), 6))
    full[:, :3] = imu[:, :3] * g_per_unit
    full[:, 3 : len(names)] = imu[:, 3:] * dps_per_unit
    return full


def _read_csv(path: Path) -> Source:
    import numpy as np

    said: dict[str, str] = {}
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        found = _COMMENT.match(line)
        if found:
            said[found[1]] = found[2].strip()
        elif line.strip() and not line.startswith("#"):
            rows.append((number, [cell.strip().strip('"') for cell in line.split(",")]))
    if len(rows) < 2:
        raise FormatError(f"{path}: a header row of channel names and rows of numbers are expected")
    header = rows[0][1]
    try:
        values = [[float(cell) for cell in cells] for _, cells in rows[1:]]
    except ValueError:
        number, cells = next((n, c) for n, c in rows[1:] if not all(_is_number(cell) for cell in c))
        raise FormatError(f"{path}: line {number} holds something else than numbers: {','.join(cells)[:60]}") from None
    for (number, _), row in zip(rows[1:], values, strict=True):
        if len(row) != len(header):
            raise FormatError(f"{path}: line {number} has {len(row)} columns, the header {len(header)}")
    table = np.array(values)
    channels = tuple(name for name in header if name != "t_s")
    if not channels or all(_is_number(name) for name in channels):
        raise UsageError(f"{path}: the first row must name the channels, for example `t_s,biceps brachii`")
    units = said.get("units", "")
    return Source(
        path=path,
        emg=table[:, [i for i, name in enumerate(header) if name != "t_s"]],
        rate_hz=_csv_rate_hz(path, said.get("fs"), table[:, header.index("t_s")] if "t_s" in header else None),
        channels=channels,
        uv_per_unit=unit_factor(units, "emg", _UV_PER),
        units=units,
        mvc_ref=(None,) * len(channels),
        imu_g_dps=None,
        imu_rate_hz=0.0,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv_rate_hz(path: Path, said: str | None, t_s: Columns | None) -> float:
    """The rate that the file states, by its comment or its times; both must agree."""
    import numpy as np

    if said is not None and not _is_number(said):
        raise UsageError(f"{path}: `# fs={said}` is no rate: write samples per second, for example `# fs=1000`")
    if t_s is None:
        if said is None:
            raise UsageError(f"{path}: the rate is not known: add a column t_s in seconds, or a line `# fs=1000`")
        return float(said)
    span_s = float(t_s[-1] - t_s[0])
    if not span_s > 0:
        raise UsageError(f"{path}: the times in t_s do not rise")
    rate_hz = (len(t_s) - 1) / span_s
    off = np.abs((t_s - t_s[0]) * rate_hz - np.arange(len(t_s)))
    if float(off.max()) > _JITTER:
        row = int(np.argmax(off > _JITTER))
        raise UsageError(f"{path}: t_s is no steady rate (sample {row} at {t_s[row]:g} s): cut it at its gaps")
    if said is not None and abs(rate_hz / float(said) - 1) > _RATES_AGREE:
        raise UsageError(f"{path}: t_s makes {rate_hz:g} Hz, the comment says {said} Hz")
    return float(said) if said is not None else rate_hz
