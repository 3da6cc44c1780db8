"""`mmc-host flash` before it touches anything: which board, which port, is it free."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flash_facts import IMAGE, write_board
from host.command_line import run

from mmc_host.transport import discover
from mmc_host.transport.discover import Attached
from mmc_host.transport.serial import PortLock


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MMC_PORT", raising=False)


@pytest.fixture
def board(tmp_path: Path) -> str:
    return str(write_board(tmp_path / "tester"))


@pytest.fixture
def port() -> Iterator[str]:
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def attach(monkeypatch: pytest.MonkeyPatch, *found: Attached) -> None:
    monkeypatch.setattr(discover, "attached", lambda: list(found))


def refused(code: int, *arguments: str) -> str:
    result = run("flash", *arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_a_board_that_is_not_there() -> None:
    assert "mmc-host: which board (make: BOARD=name)? " in refused(2)
    assert "mmc-host: there is no board 'devkit'" in refused(2, "devkit")
    assert "mmc-host: sim has no image to flash; " in refused(2, "sim")


def test_no_port_and_two_ports(board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attach(monkeypatch, Attached("/dev/pts/9", "sim", "a simulator is no board"))
    assert "no board found: plug it in with a cable that carries data" in refused(3, board)
    attach(monkeypatch, Attached("/dev/ttyUSB0", "serial", "CP2102"), Attached("/dev/ttyUSB1", "serial", "CH340"))
    told = refused(3, board)
    assert "several boards found; say which one:" in told
    assert "  --port /dev/ttyUSB1   (CH340)" in told


def test_a_port_that_is_in_use(board: str, port: str) -> None:
    lock = PortLock(port)
    try:
        assert f"{port} is in use by process {os.getpid()}" in refused(3, board, "--port", port)
    finally:
        lock.release()


def test_a_port_that_is_gone(board: str, tmp_path: Path) -> None:
    assert "there is no port" in refused(3, board, "--port", str(tmp_path / "gone"))


@pytest.mark.parametrize("line", ["sim://holds", "tcp://localhost:1"])
def test_a_line_to_an_app_is_no_port_to_flash(board: str, line: str) -> None:
    assert f"{line} is a line to an app: give a serial device's path" in refused(2, board, "--port", line)


def test_a_wrong_image_is_told_before_the_port_is_looked_for(board: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.bin").write_bytes(IMAGE[:-1] + b"?")
    told = refused(2, board, "--image", str(tmp_path / "wrong.bin"), "--port", str(tmp_path / "gone"))
    assert "is not the image of this board: its SHA-256 is" in told
