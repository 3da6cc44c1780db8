"""Lines: a pseudo-terminal through pyserial, TCP on the loopback, what is attached, and every failure in words."""

import fcntl
import json
import os
import pty
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import pytest

from mmc_core.errors import UsageError
from mmc_host import transport
from mmc_host.errors import LinkError
from mmc_host.transport import discover, open_transport
from mmc_host.transport.serial import PortLock, SerialTransport
from mmc_host.transport.tcp import TcpTransport

EVERY_BYTE = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks and lists of simulators stay in the test's own folder."""
    monkeypatch.setenv("MMC_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the device's end, and the path of the host's end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for number in (master, slave):
        try:
            os.close(number)
        except OSError:
            continue  # the test closed it


def read_all(link: transport.Transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = link.read(2.0)
        assert piece, f"only {len(data)} of {count} bytes came"
        data += piece
    return data


def test_serial_carries_every_byte_both_ways(line: tuple[int, str]) -> None:
    master, path = line
    link = open_transport(path)
    assert isinstance(link, SerialTransport) and link.name == path
    os.write(master, EVERY_BYTE)
    assert read_all(link, len(EVERY_BYTE)) == EVERY_BYTE
    link.write(EVERY_BYTE)
    received = b""
    while len(received) < len(EVERY_BYTE):
        received += os.read(master, 4096)
    assert received == EVERY_BYTE
    assert link.read(0.0) == b""
    link.close()
    link.close()


def test_a_serial_port_is_for_one_at_a_time(line: tuple[int, str]) -> None:
    _, path = line
    link = SerialTransport(path)
    with pytest.raises(LinkError, match=f"in use by process {os.getpid()}"):
        SerialTransport(path)
    link.close()
    SerialTransport(path).close()


def test_a_second_name_of_a_port_has_the_same_lock(line: tuple[int, str], tmp_path: Path) -> None:
    _, path = line
    other = tmp_path / "wearable"
    other.symlink_to(path)
    lock = PortLock(path)
    with pytest.raises(LinkError, match="in use"):
        SerialTransport(str(other))
    lock.release()
    lock.release()


def test_reset_lines_rest_before_the_port_is_opened(line: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    import serial

    seen: list[tuple[bool, bool, int, bool | None]] = []
    genuine = serial.Serial.open

    def opened(self: serial.Serial) -> None:
        seen.append((self.dtr, self.rts, self.baudrate, self.exclusive))
        genuine(self)

    monkeypatch.setattr(serial.Serial, "open", opened)
    SerialTransport(line[1]).close()
    assert seen == [(False, False, 115200, True)]


def test_a_lost_serial_line_is_a_link_error_with_the_port_in_it(line: tuple[int, str]) -> None:
    master, path = line
    link = SerialTransport(path)
    os.close(master)
    words = f"the line at {path} was lost: the wearable was unplugged or switched off; check the cable"
    with pytest.raises(LinkError, match=words):
        for _ in range(3):
            link.read(0.5)
    link.close()
    with pytest.raises(LinkError, match="was lost"):
        link.write(b"x")


def test_a_missing_port_and_a_file_are_no_ports(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="there is no port"):
        open_transport(str(tmp_path / "ttyNONE"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LinkError, match="can't be opened as a serial port"):
        open_transport(str(tmp_path / "file"))
    open_again = PortLock(str(tmp_path / "file"))  # the failure let go of the lock
    open_again.release()


@pytest.mark.parametrize(
    "port", ["", " ", "http://x", "tcp://", "tcp://localhost", "tcp://localhost:no", "tcp://[", "sim://holds?pace=2"]
)
def test_what_is_no_address_is_a_usage_error(port: str) -> None:
    with pytest.raises(UsageError, match=r"give|known"):
        open_transport(port)


@pytest.mark.parametrize("scheme", ["tcp", "socket"])
def test_tcp_carries_bytes_both_ways_and_tells_when_it_ends(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        link = open_transport(f"{scheme}://127.0.0.1:{port}")
        assert isinstance(link, TcpTransport) and link.name == f"{scheme}://127.0.0.1:{port}"
        peer, _ = server.accept()
        with peer:
            echo = threading.Thread(target=lambda: peer.sendall(peer.recv(4096)[::-1]))
            echo.start()
            link.write(b"hello\x00\xff")
            assert read_all(link, 7) == b"\xff\x00olleh"
            echo.join()
            assert link.read(0.0) == b""
        with pytest.raises(LinkError, match="the other end closed it"):
            link.read(2.0)
        link.close()
        with pytest.raises(LinkError, match="was lost"):
            link.write(b"x")


def test_nobody_at_a_tcp_address_is_a_link_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(LinkError, match=r"nobody answers at tcp://127\.0\.0\.1"):
        open_transport(f"tcp://127.0.0.1:{port}")


def ports(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, int | None, int]) -> None:
    from serial.tools import list_ports

    listed = [
        SimpleNamespace(device=device, vid=vid, pid=pid, description=f"UART {device}") for device, vid, pid in found
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: listed)


def test_one_wearable_needs_no_port(monkeypatch: pytest.MonkeyPatch, line: tuple[int, str]) -> None:
    ports(monkeypatch, ("/dev/ttyS0", None, 0))
    with discover.registered(line[1], "scenario holds"):
        assert discover.find_one() == discover.Attached(
            line[1], "sim", f"simulator, scenario holds, process {os.getpid()}"
        )
        link = open_transport(None)
        assert link.name == line[1]
        link.close()
        with pytest.raises(LinkError, match=r"no board found: plug it in.*or name its port with --port"):
            discover.find_one(("serial",))
    with pytest.raises(LinkError, match=r"no wearable found: plug it in.*or start one with `mmc-host sim`"):
        open_transport(None)


SEVERAL = (
    ("/dev/ttyACM0", 0x2341, 0x0043),
    ("/dev/ttyS0", None, 0),
    ("/dev/ttyACM1", 0x303A, 0x1001),
    ("/dev/ttyUSB1", 0x1A86, 0x55D4),
    ("/dev/ttyUSB0", 0x10C4, 0xEA60),
)


def test_several_wearables_are_listed_the_likely_ones_first(
    monkeypatch: pytest.MonkeyPatch, line: tuple[int, str]
) -> None:
    ports(monkeypatch, *SEVERAL)
    with discover.registered(line[1], "scenario holds"):
        assert [entry.port for entry in discover.attached()] == [
            "/dev/ttyACM1", "/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyACM0", line[1],
        ]  # fmt: skip
        with pytest.raises(LinkError, match="several wearables") as caught:
            discover.find_one()
        with pytest.raises(LinkError, match="several boards") as board:
            discover.find_one(("serial",))
    assert "--port /dev/ttyACM1   (the ESP32's own USB, serial and JTAG)\n" in str(caught.value)
    assert "--port /dev/ttyUSB0   (CP210x, as on many ESP32 boards)\n" in str(caught.value)
    assert "--port /dev/ttyACM0   (UART /dev/ttyACM0; hardly a wearable)\n" in str(caught.value)
    assert f"--port {line[1]}" in str(caught.value) and line[1] not in str(board.value)


def test_at_a_terminal_a_number_chooses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ports(monkeypatch, *SEVERAL)
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    answers = iter(["x", "9", "3"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: next(answers))
    assert discover.find_one().port == "/dev/ttyUSB1"
    told = capsys.readouterr()
    assert "  2  /dev/ttyUSB0   (CP210x, as on many ESP32 boards)\n" in told.err and told.out == ""


def test_simulators_that_are_gone_are_not_listed(
    monkeypatch: pytest.MonkeyPatch, line: tuple[int, str], home: Path
) -> None:
    ports(monkeypatch)
    folder = home / "run" / "sim"
    folder.mkdir(parents=True)
    entry = {"pid": os.getpid(), "port": line[1], "scenario": "left over: nobody holds this file"}
    (folder / "1.json").write_text(json.dumps(entry))
    (folder / "notes.txt").touch()
    with discover.registered("/dev/pts/not-there", "its port is gone"):
        assert discover.attached() == []
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]  # what a killed simulator left is removed
    with discover.registered(line[1], "x") as path:
        path.write_text("{ half a file")
        assert discover.attached() == [] and path.exists()


def test_a_simulator_whose_file_is_taken_for_a_leftover_is_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, line: tuple[int, str]
) -> None:
    ports(monkeypatch)
    genuine = fcntl.flock
    lookers = [discover.attached]  # one who looks between the file's making and its locking

    def flock(file: TextIO | int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and lookers:
            assert lookers.pop()() == []
        genuine(file, operation)

    monkeypatch.setattr("mmc_host.transport.discover.fcntl.flock", flock)
    with discover.registered(line[1], "x"):
        assert [entry.port for entry in discover.attached()] == [line[1]]
