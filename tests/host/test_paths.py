"""Folders: what is missing is empty, what can't be read or written is told in words, and looking makes nothing."""

import errno
import os
from pathlib import Path

import pytest
from host.command_line import run, workout
from host.fake_device import FakeDevice
from host.stored import put

from mmc_core.errors import UsageError
from mmc_host import paths
from mmc_host.statefolder import StateLock
from mmc_host.store import Store
from mmc_host.transport import open_transport
from mmc_host.transport.discover import registered
from mmc_host.transport.serial import PortLock


@pytest.mark.parametrize("command", [["sessions"], ["show", "last"], ["report"], ["devices"]])
def test_a_home_that_is_a_file_is_not_an_empty_one(command: list[str], home: Path) -> None:
    home.write_text("not a folder")
    result = run(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(home) in result.stderr and "can't be read (Not a directory)" in result.stderr
    assert "MMC_HOME" in result.stderr


def test_sessions_that_may_not_be_read_are_not_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store() as store:
        kept = put(store, "d", 1, workout())
    genuine = os.listdir
    locked = kept.path.parent.parent

    def listdir(folder: str | os.PathLike[str]) -> list[str]:
        if Path(folder) == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return genuine(folder)

    monkeypatch.setattr(os, "listdir", listdir)
    for folder in (kept.path.parent.parent, kept.path.parent):
        locked = folder
        result = run("sessions")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"mmc-host: {folder} can't be read (Permission denied)")
    monkeypatch.undo()
    with Store(home) as store:
        assert store.sessions() == [kept]  # nothing was dropped for having been unreadable


def test_looking_makes_no_folder(home: Path) -> None:
    assert "No wearable found" in run("devices").stdout
    assert not home.exists()
    assert paths.entries(home) == []


def test_a_home_that_may_not_be_written_is_told_with_its_folder(home: Path, device: FakeDevice) -> None:
    home.mkdir()
    (home / "sessions").write_text("")  # in the way
    (home / "run").write_text("")
    with pytest.raises(UsageError) as caught, registered("/dev/null", "x"):
        pass
    assert str(caught.value) == (
        f"{home / 'run' / 'sim'} can't be written (Not a directory): let MMC_HOME name a folder that you may write to"
    )
    with pytest.raises(UsageError, match=r"run can't be written \(there is a file of that name\): .*MMC_HOME"):
        PortLock("/dev/null")
    (home / "sessions").unlink()
    (home / "sessions").mkdir()
    (home / "sessions" / "mmc-fake").write_text("")
    device.add(1, workout())
    result = run("pull")
    assert result.exit_code == 2
    assert f"{home / 'sessions' / 'mmc-fake'} can't be written (there is a file of that name)" in result.stderr
    assert "MMC_HOME" in result.stderr and device.acknowledged == set()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_told_in_words_and_the_next_pull_goes_on(
    call: str, home: Path, device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    data = workout()
    device.add(1, data)
    with monkeypatch.context() as patch:
        patch.setattr(f"mmc_host.store.os.{call}", full)
        result = run("pull")
    assert result.exit_code == 2
    folder = home / "sessions" / "mmc-fake"
    assert result.stderr == f"mmc-host: the disk is full: make room for {folder}, then run the command again\n"
    assert device.acknowledged == set()
    assert run("pull").exit_code == 0 and device.acknowledged == {1}


def test_a_state_folder_is_for_one_simulator_at_a_time(tmp_path: Path, home: Path) -> None:
    state = tmp_path / "state"
    with StateLock(state):
        result = run("sim", "--state", str(state))
        assert result.exit_code == 2
        assert result.stderr == (
            f"mmc-host: {state} is in use by another simulator: end that one, or choose another folder\n"
        )
        with pytest.raises(UsageError, match="in use by another simulator"):
            open_transport(f"sim://holds?state={state}")
        assert list(state.iterdir()) == []  # the second wrote nothing
    lock = StateLock(state)
    lock.release()
    lock.release()
    with pytest.raises(UsageError, match="choose another folder for --state"):
        (tmp_path / "file").touch()
        StateLock(tmp_path / "file" / "state")
