"""What a flash run decides: steps with reasons, in an order that a power cut can't hurt, or one clear refusal."""

from dataclasses import replace
from pathlib import Path

import pytest
from flash_facts import MIB, write_board

from mmc_core.errors import UsageError
from mmc_host.flash import manifest, plan
from mmc_host.flash.boards import Board, read_board
from mmc_host.flash.device_files import Device
from mmc_host.flash.manifest import App, DeviceFiles, File, file_of
from mmc_host.flash.partitions import Partition, Table
from mmc_host.flash.plan import Backup, Blank, Chip, Found, UpdateApp, WriteFirmware, WriteTable

STOCK = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
    Partition("vfs", 1, 0x81, 0x200000, 0x200000),
)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return read_board(write_board(tmp_path / "tester"))


@pytest.fixture
def app(tmp_path: Path) -> App:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_bytes(b"main")
    return manifest.read_app(folder, b"boot", None)


def device(app: App | None, table: Table, version: str = "1.29.0", free: int = 1 << 16) -> Device:
    files: dict[str, File] = {}
    if app:
        files = {path: file_of(path, data) for path, data in {**app.root, "/app_a/main.py": b"main"}.items()}
    listing = DeviceFiles(files, frozenset({"/app_a"}), "/app_a" if app else "", free, 4096)
    return Device(listing, version, 6, "xtensawin", table)


def kinds(steps: list[plan.Step]) -> list[type]:
    return [type(step) for step in steps]


def test_nothing_to_do_without_asking_the_chip(board: Board, app: App) -> None:
    found = Found(device(app, board.table))
    assert not plan.needs_chip(board, found)
    assert plan.decide(board, app, found) == []


def test_only_the_app(board: Board, app: App) -> None:
    assert plan.decide(board, app, Found(device(None, board.table))) == [UpdateApp("there is no app yet")]
    (app.folder / "main.py").write_bytes(b"newer")
    newer = manifest.read_app(app.folder, b"boot", None)
    steps = plan.decide(board, newer, Found(device(app, board.table)))
    assert steps == [UpdateApp("2 files differ from those in /app_a")]  # main.py and /active


def test_an_erased_chip_gets_everything(board: Board, app: App) -> None:
    steps = plan.decide(board, app, Found(chip=Chip("esp32", 4 * MIB, None)))
    assert kinds(steps) == [Backup, Backup, Blank, Blank, WriteFirmware, WriteTable, UpdateApp]
    assert steps[2] == Blank("vfs", 0x200000, 0x2000, "MicroPython makes its file system only where the flash is blank")
    assert steps[3] == Blank("journal", 0x300000, 0x20000, "the journal begins on erased flash")
    assert steps[5] == WriteTable("there is no partition table that can be read")


def test_a_used_stock_board_keeps_a_copy_of_its_files(board: Board, app: App) -> None:
    found = Found(device(None, STOCK), Chip("esp32", 4 * MIB, STOCK), unpulled=None)
    assert plan.needs_chip(board, found)
    steps = plan.decide(board, app, found)
    assert kinds(steps) == [Backup, Blank, Blank, WriteFirmware, WriteTable, UpdateApp]
    assert steps[0] == Backup(STOCK[3], "it moves to 0x200000..0x300000")
    assert steps[4] == WriteTable("the board's table differs: vfs, journal")


def older(board: Board) -> Table:
    """A layout of ours with a larger vfs, so that the journal moves."""
    vfs = Partition("vfs", 1, 0x81, 0x200000, 0x110000)
    return (*board.table[:3], vfs, Partition("journal", 1, 6, 0x310000, 0x20000))


def test_another_layout_of_ours_is_backed_up_whole(board: Board, app: App) -> None:
    found = Found(device(app, older(board)), Chip("esp32", 4 * MIB, older(board)), unpulled=0)
    steps = plan.decide(board, app, found)
    assert kinds(steps) == [Backup, Backup, Blank, Blank, WriteFirmware, WriteTable, UpdateApp]
    assert [step.part.name for step in steps if isinstance(step, Backup)] == ["vfs", "journal"]
    assert not plan.at_risk(board, found)


def test_a_journal_that_stays_is_left_alone(board: Board, app: App) -> None:
    smaller = (*board.table[:3], Partition("vfs", 1, 0x81, 0x200000, 0x80000), board.table[4])
    found = Found(device(app, smaller), Chip("esp32", 4 * MIB, smaller), unpulled=7)
    steps = plan.decide(board, app, found)
    assert [(type(step), step.part.name) for step in steps if isinstance(step, Backup)] == [(Backup, "vfs")]
    assert [step.name for step in steps if isinstance(step, Blank)] == ["vfs"]
    assert not plan.at_risk(board, found)


def test_a_new_micropython_leaves_the_table_and_all_data(board: Board, app: App) -> None:
    found = Found(device(app, board.table, "1.26.1"), Chip("esp32", 4 * MIB, board.table), unpulled=3)
    assert plan.decide(board, app, found) == [
        WriteFirmware("tester runs MicroPython 1.29.0, on this one is 1.26.1"),
    ]


def test_a_board_whose_console_is_silent_keeps_its_data_too(board: Board, app: App) -> None:
    found = Found(None, Chip("esp32", 4 * MIB, board.table))
    assert kinds(plan.decide(board, app, found)) == [WriteFirmware, UpdateApp]


@pytest.mark.parametrize("erase", [False, True])
@pytest.mark.parametrize("table", [STOCK, "older", None], ids=["stock", "older", "none"])
def test_the_table_comes_after_all_that_needs_the_old_one(board: Board, app: App, table, erase: bool) -> None:
    table = older(board) if table == "older" else table
    steps = kinds(plan.decide(board, app, Found(None, Chip("esp32", 4 * MIB, table), 0), erase=erase))
    order = [Backup, Blank, WriteFirmware, WriteTable, UpdateApp]
    assert [order.index(kind) for kind in steps] == sorted(order.index(kind) for kind in steps)


@pytest.mark.parametrize(
    ("unpulled", "words"),
    [
        (1, "the journal moves, and 1 session was not pulled: run `mmc-host pull` first, or give them up with --erase"),
        (12, "12 sessions were not pulled"),
        (None, "whether it holds sessions that were not pulled can't be told"),
    ],
)
def test_sessions_are_never_given_up_unasked(board: Board, app: App, unpulled: int | None, words: str) -> None:
    found = Found(device(app, older(board)), Chip("esp32", 4 * MIB, older(board)), unpulled)
    with pytest.raises(UsageError) as caught:
        plan.decide(board, app, found)
    assert words in str(caught.value)
    assert plan.at_risk(board, found)
    steps = plan.decide(board, app, found, erase=True)
    assert [step.part.name for step in steps if isinstance(step, Backup)] == ["vfs", "journal"]


def test_another_chip_or_flash_is_refused(board: Board, app: App) -> None:
    with pytest.raises(UsageError, match=r"^this is an esp32s3, tester has an esp32: is it another board"):
        plan.decide(board, app, Found(chip=Chip("esp32s3", 4 * MIB, None)))
    with pytest.raises(UsageError, match=r"^this board has 16 MiB of flash, tester has 4 MiB: is it another board"):
        plan.decide(board, app, Found(chip=Chip("esp32", 16 * MIB, None)))


def test_a_full_file_system_is_refused_before_anything_happens(board: Board, app: App) -> None:
    full = device(None, board.table, free=4096)
    with pytest.raises(UsageError, match=r"the app needs \d+ bytes, 4096 are free"):
        plan.decide(board, app, Found(full))
    enough = replace(full.files, free_bytes=manifest.needed_bytes(app, full.files))
    assert plan.decide(board, app, Found(replace(full, files=enough)))
