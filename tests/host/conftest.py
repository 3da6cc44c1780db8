"""Fixtures of the host's tests: a home of the test's own, and a device that every command finds."""

import functools
from pathlib import Path

import pytest
from host.fake_device import FakeDevice, FakeTransport, connect

from mmc_host import client, transport


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store and a runtime folder of the test's own, and no port on USB."""
    from serial.tools import list_ports

    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MMC_PORT", raising=False)
    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    """A device that every command finds, on a clock that nobody waits for."""
    fake = FakeDevice()
    link, clock = connect(fake)

    def open_fake(port: str | None = None) -> FakeTransport:
        return link

    monkeypatch.setattr(transport, "open_transport", open_fake)
    monkeypatch.setattr(client, "Device", functools.partial(client.Device, monotonic_s=clock))
    return fake
