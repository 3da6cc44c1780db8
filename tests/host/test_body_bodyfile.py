"""The body file: its bytes, its round trip, exact conversion to counts, and what is refused."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmc_core.errors import FormatError, UsageError
from mmc_host.body import bodyfile
from mmc_host.body.bodyfile import Body, Step, Take, Until


def small_body() -> Body:
    rng = np.random.default_rng(5)
    return Body(
        emg=rng.integers(-16383, 16384, (3000, 2)).astype(np.int16),
        imu=rng.integers(-32768, 32768, (300, 6)).astype(np.int16),
        takes=(Take(0, 2000), Take(2000, 1000)),
        steps=(Step(0, Until.MOTOR_QUIET, 0, 5), Step(1, Until.TIME, 1500), Step(1, Until.MOTOR_STARTS, 4000, 350)),
        artefact_counts=120,
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    body = small_body()
    bodyfile.write(body, tmp_path / "body.bin")
    read = bodyfile.read(tmp_path / "body.bin")
    assert np.array_equal(read.emg, body.emg)
    assert np.array_equal(read.imu, body.imu)
    assert (read.takes, read.steps) == (body.takes, body.steps)
    assert (read.artefact_counts, read.rate_hz, read.imu_divider) == (120, 1000, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["body.bin"]


def test_the_bytes_are_those_of_the_contract(tmp_path: Path) -> None:
    body = small_body()
    bodyfile.write(body, tmp_path / "body.bin")
    data = (tmp_path / "body.bin").read_bytes()
    assert data[:24] == b"MMCBODY1" + bytes([2, 10]) + struct.pack("<HHHIHH", 1000, 2, 3, 3000, 120, 0)
    assert data[24:40] == struct.pack("<IIII", 0, 2000, 2000, 1000)
    assert data[40:52] == struct.pack("<HBBII", 0, 2, 0, 0, 5)
    assert data[52:64] == struct.pack("<HBBII", 1, 0, 0, 1500, 0)
    assert data[64:76] == struct.pack("<HBBII", 1, 1, 0, 4000, 350)
    assert struct.unpack_from("<hh", data, 76 + 4 * 2000) == tuple(body.emg[2000])
    assert struct.unpack_from("<6h", data, 76 + 4 * 3000 + 12 * 200) == tuple(body.imu[200])
    assert len(data) == 76 + 2 * 2 * 3000 + 2 * 6 * 300


def test_emg_counts_are_exact() -> None:
    emg_uv = np.array([[0.0, 0.25], [-0.25, 100.0], [4095.75, -4095.75], [4095.9, -5000.0], [0.2, 0.1]])
    counts, clipped = bodyfile.emg_counts(emg_uv)
    assert counts.tolist() == [[0, 1], [-1, 400], [16383, -16383], [16383, -16383], [1, 0]]
    assert counts.dtype == np.int16
    assert clipped == (1, 1)


def test_imu_counts_are_exact() -> None:
    counts = bodyfile.imu_counts(np.array([[0.0, -1.0, 1.5], [8.0, -8.0, 9.0]]), np.array([[1.0, -2.5, 0.0]] * 2))
    assert counts.tolist() == [[0, -4096, 6144, 16, -40, 0], [32767, -32768, 32767, 16, -40, 0]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"emg": np.zeros((3000, 5), np.int16)}, "1 to 4 channels"),
        ({"emg": np.zeros((3000, 2))}, "int16"),
        ({"emg": np.full((3000, 2), -16384, np.int16)}, "sample 0 of channel 0 is beyond the rails"),
        ({"imu": np.zeros((299, 6), np.int16)}, "3000 samples of EMG need 300 x 6"),
        ({"takes": (Take(0, 1990), Take(1990, 1010))}, "take 0 is rest and lasts 1990 samples"),
        ({"takes": (Take(0, 2000), Take(2000, 1010))}, "take 1 ends at sample 3010 of 3000"),
        ({"takes": (Take(0, 2000), Take(2005, 100))}, "take 1 (2005, 100) is not whole IMU readings"),
        ({"takes": ()}, "give at least one take"),
        ({"steps": (Step(2, Until.TIME, 10),)}, "step 0 plays take 2 of 2"),
        ({"steps": (Step(0, Until.TIME, 0),)}, "step 0 ends by time and has no time"),
        ({"steps": (Step(0, Until.MOTOR_STARTS, -1),)}, "step 0: -1 ms"),
        ({"artefact_counts": 20000}, "artefact of 20000 counts"),
    ],
)
def test_a_bad_body_is_not_written(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match="body: ") as error:
        bodyfile.write(replace(small_body(), **change), tmp_path / "body.bin")
    assert sentence in str(error.value)
    assert list(tmp_path.iterdir()) == []


def with_byte(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[:-1], "but its header asks for"),
        (lambda data: data + b"\0", "but its header asks for"),
        (lambda data: data[:20], "no body file"),
        (lambda data: b"X" + data[1:], "no body file"),
        (lambda data: with_byte(data, 9, 0), "IMU divider 0"),
        (lambda data: with_byte(data, 22, 1), "reserved field 1"),
        (lambda data: with_byte(data, 42, 3), "step 0 ends by 3"),
        (lambda data: with_byte(data, 40, 7), "step 0 plays take 7 of 2"),
        (lambda data: with_byte(data, 77, 0x7F), "beyond the rails"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage, sentence: str) -> None:
    path = tmp_path / "body.bin"
    bodyfile.write(small_body(), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError) as error:
        bodyfile.read(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
