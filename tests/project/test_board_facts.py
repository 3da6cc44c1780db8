"""Boards' facts: the generated files are current, and bad facts are refused with a sentence that says why."""

import runpy
from pathlib import Path

import make_board_facts
import pytest

from mmc_core import coeffs, sample
from mmc_host.body import bodyfile

SIM = make_board_facts.ROOT / "boards" / "sim"


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "board.toml"
    source.write_text(text, encoding="utf-8")
    return source


@pytest.fixture
def sim_text() -> str:
    return (SIM / "board.toml").read_text(encoding="utf-8")


def test_generated_files_are_current() -> None:
    assert [source.parent.name for source in make_board_facts.sources()] != []
    assert make_board_facts.main(["--check"]) == 0


def test_the_simulators_facts() -> None:
    facts = runpy.run_path(str(SIM / "board_facts.py"))
    assert {key: value for key, value in facts.items() if key.isupper()} == {
        "NAME": "sim",
        "CHIP": "unix",
        "DEVICE_ID": "sim-0001",
        "EMG_CHANNELS": 4,
        "EMG_RATE_HZ": 1000,
        "EMG_BLOCK_SAMPLES": 10,
        "EMG_NV_PER_COUNT": 250,
        "EMG_RAIL_COUNTS": 16383,
        "EMG_KERNEL_SHIFT": 0,
        "EMG_RING_SAMPLES": 256,
        "IMU_RATE_HZ": 100,
        "IMU_ACCEL_COUNTS_PER_G": 4096,
        "IMU_GYRO_COUNTS_PER_DPS": 16,
        "MOTOR_SPIN_DOWN_MS": 60,
        "JOURNAL_BLOCKS": 384,
        "JOURNAL_BLOCK_BYTES": 4096,
        "CONSOLE_INPUT_BYTES": 259,
    }
    assert facts["JOURNAL_BLOCKS"] * facts["JOURNAL_BLOCK_BYTES"] == 3 * 2**19  # 1.5 MiB
    assert facts["EMG_BLOCK_SAMPLES"] == sample.BLOCK_SAMPLES
    assert facts["EMG_RATE_HZ"] == sample.RATE_HZ == coeffs.RATE_HZ == bodyfile.RATE_HZ
    assert facts["EMG_CHANNELS"] == bodyfile.MAX_CHANNELS
    assert facts["EMG_NV_PER_COUNT"] == bodyfile.NV_PER_COUNT
    assert facts["EMG_RAIL_COUNTS"] == bodyfile.RAIL_COUNTS
    assert facts["EMG_RATE_HZ"] == facts["IMU_RATE_HZ"] * bodyfile.IMU_DIVIDER
    assert facts["IMU_ACCEL_COUNTS_PER_G"] == bodyfile.ACCEL_COUNTS_PER_G
    assert facts["IMU_GYRO_COUNTS_PER_DPS"] == bodyfile.GYRO_COUNTS_PER_DPS


def test_facts_of_flashing_stay_on_the_host(tmp_path: Path, sim_text: str) -> None:
    source = write(tmp_path / "sim", sim_text + "\n[flash]\nsize_bytes = 1\n[partitions]\nvfs = [0, 1]\n")
    assert make_board_facts.read(source) == make_board_facts.read(SIM / "board.toml")


def test_drift_is_reported_and_mended(tmp_path: Path, monkeypatch, capsys, sim_text: str) -> None:
    monkeypatch.setattr(make_board_facts, "ROOT", tmp_path)
    source = write(tmp_path / "boards" / "sim", sim_text.replace("spin_down_ms = 60", "spin_down_ms = 61"))
    target = source.with_name("board_facts.py")
    assert make_board_facts.main(["--check"]) == 1
    target.write_text((SIM / "board_facts.py").read_text(encoding="utf-8"), encoding="utf-8")
    assert make_board_facts.main(["--check"]) == 1
    assert "boards/sim/board_facts.py" in capsys.readouterr().err
    assert make_board_facts.main([]) == 0
    assert make_board_facts.main(["--check"]) == 0
    assert "MOTOR_SPIN_DOWN_MS = 61\n" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("nv_per_count = 250", "nv_per_cuont = 250", "emg.nv_per_cuont is no fact of a board"),
        ("nv_per_count = 250", "", "emg.nv_per_count is missing"),
        ("[console]", "[consol]", "consol.input_bytes is no fact of a board"),
        ("channels = 4", "channels = 5", "emg.channels is 5: give a whole number from 1 to 4"),
        ("rail_counts = 16383", "rail_counts = 16383.0", "emg.rail_counts is 16383.0: give a whole number"),
        ("blocks = 384", "blocks = true", "journal.blocks is True: give a whole number"),
        ("kernel_shift = 0", "kernel_shift = 1", "emg.rail_counts << emg.kernel_shift is beyond 2^14"),
        ("rate_hz = 100 ", "rate_hz = 300 ", "emg.rate_hz is no multiple of imu.rate_hz"),
        ('"unix"', '"a chip with a name too long"', "chip is 'a chip with a name too long': give a text of 1 to 24"),
        ('"unix"', "'un\"ix'", "give plain ASCII without quotes"),
        ('name = "sim"', 'name = "other"', "name is 'other', but the folder is 'sim'"),
        ("[emg]", "[emg", "board.toml"),
    ],
)
def test_bad_facts_are_refused(
    tmp_path: Path, monkeypatch, capsys, sim_text: str, old: str, new: str, sentence: str
) -> None:
    assert sim_text.count(old) == 1
    source = write(tmp_path / "boards" / "sim", sim_text.replace(old, new))
    monkeypatch.setattr(make_board_facts, "ROOT", tmp_path)
    assert make_board_facts.main([]) == 2
    assert sentence in capsys.readouterr().err
    assert not source.with_name("board_facts.py").exists()
