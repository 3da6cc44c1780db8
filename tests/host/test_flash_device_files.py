"""Files through the raw REPL: real mpremote, real MicroPython on a pseudo-terminal, real LittleFS."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from flash_board import BLOCK_BYTES, FlashBoard, blank, started
from flash_model import BOOT_TEXT

from mmc_core.errors import FormatError, PeerError, UsageError
from mmc_host.errors import LinkError
from mmc_host.flash import device_files, manifest
from mmc_host.flash.device_files import Mpremote
from mmc_host.flash.manifest import App, Copy, MakeFolder, Rename, Verify, file_of
from mmc_host.flash.partitions import Partition

BLOCKS = 64
OFFSET = 0x2000  # of the file system in the flash

TOLD = """>>> boot chatter
file 5 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 /boot.py
folder /app_a
file 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 /app_a/a name.mpy
active 2f6170705f610a
space 131072 4096
partition 1 129 2097152 524288 vfs
partition 0 0 65536 2031616 factory
micropython 1.26.1 11014
end
"""


def test_what_a_device_tells() -> None:
    found = device_files.parse(TOLD)
    assert found.files.files["/boot.py"] == file_of("/boot.py", b"hello")
    assert found.files.files["/app_a/a name.mpy"] == file_of("/app_a/a name.mpy", b"")
    assert found.files.folders == {"/app_a"} and found.files.active == "/app_a" and found.files.running is None
    assert (found.files.free_bytes, found.files.block_bytes) == (131072, 4096)
    assert found.table == (Partition("factory", 0, 0, 0x10000, 0x1F0000), Partition("vfs", 1, 0x81, 0x200000, 0x80000))
    assert (found.micropython, found.mpy_version, found.architecture) == ("1.26.1", 6, "xtensawin")
    device_files.check_loads(found, "xtensawin")
    with pytest.raises(UsageError, match="machine code for xtensawin, the board's is rv32imc"):
        device_files.check_loads(found, "rv32imc")
    with pytest.raises(UsageError, match=r"loads \.mpy of version 5"):
        device_files.check_loads(device_files.parse(TOLD.replace("11014", "11013")), "xtensawin")


def test_what_both_micropythons_tell(mpy: Path, tmp_path: Path) -> None:
    """The wearable's Python is no newer than the older of the two."""
    flash = blank(tmp_path / "flash.bin", BLOCKS * BLOCK_BYTES)
    fill = """
for path in ("/app_a", "/app_b", "/app_b/deep", "/settings"):
    os.mkdir(path)
for path in ("/boot.py", "/app_b/deep/x.mpy", "/settings/mine"):
    with open(path, "wb") as file:
        file.write(path * 300)
with open("/active", "w") as file:
    file.write("/app_b")
"""
    found = device_files.parse(started(mpy, flash, 0, BLOCKS, "", fill + device_files.script([""])))
    assert set(found.files.files) == {"/boot.py", "/active", "/app_b/deep/x.mpy"}
    assert found.files.files["/app_b/deep/x.mpy"] == file_of("/app_b/deep/x.mpy", b"/app_b/deep/x.mpy" * 300)
    assert found.files.folders == {"/app_a", "/app_b", "/app_b/deep"}
    assert found.files.active == "/app_b" and found.files.running is None
    assert found.mpy_version == 6 and found.architecture in ("x86", "x64")
    assert 0 < found.files.free_bytes < BLOCKS * BLOCK_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "",
        TOLD.replace("end\n", ""),
        TOLD.replace("space 131072 4096\n", ""),
        TOLD.replace("micropython 1.26.1 11014\n", ""),
        TOLD.replace("file 5 ", "file five "),
        TOLD.replace("file 5 ", "file "),
        TOLD.replace("partition 1 129 ", "partition 1 "),
        TOLD.replace("active 2f", "active 2"),
    ],
)
def test_what_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        device_files.parse(text)


def test_what_goes_to_the_device_together() -> None:
    check = Verify((), "/app_a")
    operations = [
        MakeFolder("/a"),
        MakeFolder("/b"),
        Copy(b"", "/x"),
        Copy(b"", "/y"),
        check,
        check,
        Rename("/x", "/z"),
    ]
    assert [len(batch) for batch in device_files.batches(operations)] == [2, 2, 1, 1, 1]


def make_app(folder: Path, name: str, more: dict[str, bytes] | None = None) -> App:
    files = {
        "main.py": f"import part.it\nprint('{name}', part.it.X)\n".encode(),
        "part/it.py": b"X = 1\n",
        **(more or {}),
    }
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return manifest.read_app(folder, BOOT_TEXT.encode(), (4, 0))


@pytest.fixture
def board(mpy64: Path, tmp_path: Path) -> Iterator[FlashBoard]:
    flash = blank(tmp_path / "flash.bin", OFFSET + BLOCKS * BLOCK_BYTES)
    with FlashBoard(mpy64, flash, OFFSET, BLOCKS) as powered:
        yield powered


def update(console: device_files.Console, app: App) -> int:
    operations = manifest.operations(app, device_files.read_device(console).files)
    device_files.carry_out(console, operations)
    return len(operations)


def running(console: Mpremote) -> str:
    """Folder that boot.py went to."""
    return console.run("import os\nprint(os.getcwd())").strip()


def test_install_update_and_nothing_to_do(board: FlashBoard, tmp_path: Path) -> None:
    console = Mpremote(board.port)
    device_files.wait_for(console, 20.0)
    before = device_files.read_device(console)
    assert dict(before.files.files) == {} and before.files.active == ""
    assert before.files.free_bytes == (BLOCKS - 2) * BLOCK_BYTES
    assert (before.mpy_version, before.architecture) == (6, "x64")

    progress: list[tuple[int, int]] = []
    first = make_app(tmp_path / "first", "first", {"big.mpy": bytes(range(256)) * 40})
    operations = manifest.operations(first, before.files)
    device_files.carry_out(console, operations, lambda done, total: progress.append((done, total)))
    assert progress[-1] == (len(operations), len(operations))
    after = device_files.read_device(console)
    assert after.files.files["/app_a/big.mpy"] == file_of("/app_a/big.mpy", bytes(range(256)) * 40)
    # Free blocks are what the estimate said or more: small files are kept in their folder's blocks.
    used = before.files.free_bytes - after.files.free_bytes
    assert 0 < used <= manifest.needed_bytes(first, before.files)

    device_files.restart(console)
    device_files.wait_for(console, 20.0)
    assert running(console) == "/app_a"
    assert console.run("import part.it\nprint(part.it.X)") == "1\n"
    assert update(console, first) == 0

    second = make_app(tmp_path / "second", "second")
    assert update(console, second) > 0
    device_files.restart(console)
    device_files.wait_for(console, 20.0)
    assert running(console) == "/app_b"
    assert update(console, second) == 0

    device_files.restart(console, maintenance=True)
    device_files.wait_for(console, 20.0)
    assert running(console) == "/"
    device_files.restart(console, maintenance=True)
    board.held = [4]
    device_files.restart(console)  # takes the flag away
    device_files.wait_for(console, 20.0)
    assert running(console) == "/"
    board.held = []
    board.reset()
    device_files.wait_for(console, 20.0)
    assert running(console) == "/app_b"


class Unplugged(Exception):
    """The line is gone."""


class Line:
    """A console that spoils files on the way, or dies behind a number of calls."""

    def __init__(self, console: Mpremote, calls: int = 1000, spoil: Callable[[bytes], bytes] = lambda data: data):
        self._console, self._left, self._spoil = console, calls, spoil

    def _count(self) -> None:
        if self._left == 0:
            raise Unplugged
        self._left -= 1

    def run(self, script: str) -> str:
        self._count()
        return self._console.run(script)

    def answers(self) -> bool:
        return self._console.answers()

    def copy(self, files: Sequence[Copy]) -> None:
        self._count()
        self._console.copy([Copy(self._spoil(file.data), file.path) for file in files])

    def reset(self) -> None:
        self._console.reset()


def test_power_cut_after_every_call(board: FlashBoard, tmp_path: Path) -> None:
    console = Mpremote(board.port)
    device_files.wait_for(console, 20.0)
    old, new = make_app(tmp_path / "old", "old"), make_app(tmp_path / "new", "new")
    update(console, old)
    seen: list[str] = []
    for calls in range(1, 20):
        with contextlib.suppress(Unplugged):
            update(Line(console, calls), new)
        board.reset()
        device_files.wait_for(console, 20.0)
        seen.append(running(console))
        if seen[-1] == "/app_b":
            break
    assert len(seen) == 5  # each try finds what the one before it left
    assert seen == ["/app_a"] * (len(seen) - 1) + ["/app_b"]


def test_a_file_that_arrives_damaged_is_never_started(board: FlashBoard, tmp_path: Path) -> None:
    console = Mpremote(board.port)
    device_files.wait_for(console, 20.0)
    update(console, make_app(tmp_path / "old", "old"))
    new = make_app(tmp_path / "new", "new")
    with pytest.raises(PeerError, match=r"/app_b/main.py.*not what was sent; what started before still starts"):
        update(Line(console, spoil=lambda data: data.replace(b"new", b"old")), new)
    assert device_files.read_device(console).files.running == "/app_a"
    update(console, new)
    assert device_files.read_device(console).files.running == "/app_b"


def test_a_full_file_system_says_so_and_the_old_app_stays(board: FlashBoard, tmp_path: Path) -> None:
    console = Mpremote(board.port)
    device_files.wait_for(console, 20.0)
    update(console, make_app(tmp_path / "old", "old"))
    big = make_app(tmp_path / "big", "big", {"big.mpy": bytes(BLOCKS * BLOCK_BYTES)})
    found = device_files.read_device(console).files
    assert manifest.needed_bytes(big, found) > found.free_bytes
    with pytest.raises(LinkError):
        update(console, big)
    assert device_files.read_device(console).files.running == "/app_a"


def test_a_port_where_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="no-such-port"):
        Mpremote(str(tmp_path / "no-such-port")).run("pass")
