"""The staged tree is what a wearable carries; interpreters, speeds and the simulator's lines are read well."""

import binascii
import os
import stat
import struct
import sys
from pathlib import Path

import pytest

from mmc_core import decoding, settings
from mmc_core.errors import UsageError
from mmc_host import firmware
from mmc_host.errors import LinkError
from mmc_host.fitting import write_settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_staged_tree_has_every_file_of_the_firmware_and_nothing_else(tmp_path: Path) -> None:
    staged = firmware.stage(tmp_path / "tree")
    found = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    wanted = {"boot.py", "main.py", *(path.name for path in (ROOT / "boards" / "sim").glob("*.py"))}
    for package in (ROOT / "firmware/mmc_core", ROOT / "firmware/mmc_device", ROOT / "host/mmc_sim"):
        wanted |= {path.relative_to(package.parent).as_posix() for path in package.rglob("*.py")}
    assert {"board.py", "board_facts.py", "mmc_core/kernel.py", "mmc_device/app.py", "mmc_sim/wearable.py"} <= found
    assert {name for name in found if name.endswith(".py")} == wanted
    assert not [name for name in found if "__pycache__" in name]
    assert (staged / "mmc_core/sync.py").read_bytes() == (ROOT / "firmware/mmc_core/sync.py").read_bytes()


def test_an_installed_wheel_brings_its_own_programs_and_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mmc_host"
    board = package / "device" / "boards" / "sim"
    board.mkdir(parents=True)
    for path in (package / "device" / "main.py", package / "device" / "boot.py", board / "board.py"):
        path.write_text(f"# {path.name} of the wheel")
    monkeypatch.setattr(firmware, "__file__", str(package / "firmware.py"))
    staged = firmware.stage(tmp_path / "tree")
    assert (staged / "main.py").read_text() == "# main.py of the wheel"
    assert (staged / "board.py").read_text() == "# board.py of the wheel"


def test_the_named_interpreter_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my-micropython"
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("MICROPYTHON", str(program))
    assert firmware.micropython() == program
    monkeypatch.setenv("MICROPYTHON", str(tmp_path / "not-there"))
    with pytest.raises(UsageError, match="no program that can be run"):
        firmware.micropython()


def test_without_any_interpreter_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.delenv("MICROPYTHON", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(UsageError, match="pip install"):
        firmware.micropython()


@pytest.mark.parametrize(("text", "percent"), [("max", 0), ("1", 100), ("2.5", 250), ("0.01", 1), ("1000", 100_000)])
def test_speeds(text: str, percent: int) -> None:
    assert firmware.parse_speed(text) == percent


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "0.001", "1001", "nan", "inf"])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(UsageError, match="give max, or a number"):
        firmware.parse_speed(text)


def test_lines_of_the_simulator() -> None:
    assert firmware.parse_line("@12400 motor on 80") == firmware.Happening(12400, "motor on", 80)
    assert firmware.parse_line("@12550 motor off") == firmware.Happening(12550, "motor off", None)
    assert firmware.parse_line("@9 script done") == firmware.Happening(9, "script done", None)
    assert firmware.parse_line("@7 step 3") == firmware.Happening(7, "step", 3)
    for other in ("", "motor on 80", "@x motor on 80", "Traceback (most recent call last):", "@1 motor on 80 now"):
        assert firmware.parse_line(other) is None


def test_a_state_without_a_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no body"):
        firmware.start(tmp_path)


STAND_IN = """#!{python}
import os, sys
def tell(text):
    sys.stderr.write(text + "\\n")
    sys.stderr.flush()
tell(" ".join(sys.argv[1:]))
for name in ("MICROPYPATH", "MMC_SIM_DIR", "MMC_SIM_SPEED"):
    tell(name + "=" + os.environ[name])
tell("main.py" if os.path.exists("main.py") else "no tree here")
tell("@10 motor on 80")
while True:
    data = os.read(0, 1)
    if data == b"!":
        sys.exit("gave up")
    os.write(1, bytes([data[0] ^ 0xFF]))
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A program in MicroPython's place: tells how it was started, then inverts bytes; `!` ends it."""
    program = tmp_path / "stand-in"
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    return program


def test_the_simulator_is_started_as_agreed_and_reached_through_its_port(tmp_path: Path, stand_in: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "body.bin").write_bytes(b"MMCBODY1")
    with firmware.start(state, speed_pct=0, heap_kib=110, interpreter=stand_in) as simulator:
        assert simulator.next_line(20.0) == "-X heapsize=110k main.py"
        told = [simulator.next_line(5.0) for _ in range(4)]
        assert told == ["MICROPYPATH=.", f"MMC_SIM_DIR={state}", "MMC_SIM_SPEED=0", "main.py"]
        assert (state / "config").is_dir()
        assert simulator.wait_for("motor on", 5.0).value == 80
        line = os.open(simulator.port, os.O_RDWR | os.O_NOCTTY)
        os.write(line, b"\x00\x0a\x0d\x11")
        received = b""
        while len(received) < 4:
            received += os.read(line, 16)
        assert received == b"\xff\xf5\xf2\xee"  # raw: no byte is translated on the way
        assert simulator.running and not simulator.has_ended
        os.write(line, b"!")
        with pytest.raises(LinkError, match=r"stopped:(.|\n)*gave up"):
            simulator.wait_for("script done", 10.0)
        os.close(line)
        assert simulator.has_ended and simulator.stop() == 1
    assert simulator.stop() == 1
    assert not list(tmp_path.glob("mmc-firmware-*"))


def test_stopping_ends_the_process(tmp_path: Path, stand_in: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"MMCBODY1")
    simulator = firmware.start(tmp_path, interpreter=stand_in)
    pid = simulator.pid
    assert simulator.wait_for("motor on", 20.0).ms == 10
    assert simulator.stop() < 0  # by a signal
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_settings_are_stored_as_the_device_stores_them_and_only_once(tmp_path: Path) -> None:
    write_settings(tmp_path, {"ch0_muscle": "biceps brachii", "ch0_reference_nv": 400_000, "ch0_reference_kind": "mvc"})
    path = tmp_path / "config" / "settings.mmc"
    data = path.read_bytes()
    assert struct.unpack("<I", data[-4:])[0] == binascii.crc32(data[:-4])
    found = [settings.from_wire(*values) for _, kind, values, _ in decoding.decode(data, 0, len(data) - 4) if kind]
    assert found == [("ch0_muscle", "biceps brachii"), ("ch0_reference_nv", 400_000), ("ch0_reference_kind", "mvc")]
    write_settings(tmp_path, {"ch0_muscle": "soleus"})
    assert path.read_bytes() == data
    with pytest.raises(UsageError):
        write_settings(tmp_path / "other", {"ch0_muscel": "soleus"})
