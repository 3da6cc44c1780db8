"""Facts of boards and images: what is wrong is told with its key; nothing but the locked image is flashed."""

from pathlib import Path

import pytest
from flash_facts import FACTORY, IMAGE, IMAGE_OFFSET, toml, write_board

from mmc_core.errors import UsageError
from mmc_host.errors import LinkError
from mmc_host.flash import boards, image
from mmc_host.flash.boards import Board, read_board


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return read_board(write_board(tmp_path / "boards" / "tester"))


def test_a_board(board: Board) -> None:
    assert (board.name, board.chip, board.flash_bytes, board.architecture) == ("tester", "esp32", 4 << 20, "xtensawin")
    assert [str(part) for part in board.table] == [
        "nvs 0x9000..0xf000",
        "phy_init 0xf000..0x10000",
        "factory 0x10000..0x200000",
        "vfs 0x200000..0x300000",
        "journal 0x300000..0x320000",
    ]
    assert board.button == (4, 0)
    assert board.image.size_bytes == len(IMAGE)


def test_boards_are_found_by_name_or_by_their_folder(board: Board, tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    write_board(folder / "other")
    write_board(folder / "sim", 'name = "sim"\nchip = "unix"\n')
    assert boards.flashable(folder) == ["other", "tester"]
    assert boards.find_board("tester", folder) == board
    assert boards.find_board(f"{folder}/tester", tmp_path) == board
    with pytest.raises(
        UsageError, match=r"^there is no board 'testr'; did you mean 'tester'\?; boards: other, tester$"
    ):
        boards.find_board("testr", folder)
    with pytest.raises(UsageError, match=r"^which board \(make: BOARD=name\)\? boards: other, tester$"):
        boards.find_board("", folder)
    with pytest.raises(UsageError, match=r"^sim has no image to flash; boards: other, tester$"):
        boards.find_board("sim", folder)
    with pytest.raises(UsageError, match=r"has no board\.toml"):
        boards.find_board(f"{tmp_path}/nowhere", folder)


def test_the_boards_of_the_repository_are_found() -> None:
    assert (boards.boards_folder() / "sim" / "board.toml").is_file()
    for name in boards.flashable(boards.boards_folder()):
        assert read_board(boards.boards_folder() / name).name == name


def test_without_any_board_the_simulator_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no board can be flashed yet: `mmc-host sim` is the wearable"):
        boards.find_board("tester", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('chip = "esp32"', 'chip = "unix"', "chip is 'unix': give one of esp32, "),
        ('name = "tester"\n', "", "name is missing"),
        ("size_bytes = 0x400000", "size_bytes = 4.0", "flash.size_bytes is 4.0: give a whole number"),
        ("size_bytes = 0x400000", "size_bytes = 0x200000", "vfs 0x200000..0x300000: ends behind the flash"),
        ("button_pin = 4", "button_pin = -1", "boot.button_pin is -1: give a whole number"),
        ("button_pin = 4", "button = 4", "boot.button is no fact of a board"),
        ("[boot]", "[boots]", ""),
        ("[image]", "[images]", "[image] is missing"),
        ("[partitions]", "[parts]", "[partitions] is missing"),
        ("vfs = [0x200000, 0x100000]", "vfs = [0x200000]", "partitions.vfs is [2097152]: give [offset, size]"),
        ("vfs = [0x200000, 0x100000]", "vfs = [0x200800, 0x100000]", "its offset is no multiple of 0x1000"),
        ("blocks = 32", "blocks = 33", "the partition journal has 131072 bytes, [journal] has 135168"),
        ("offset = 0x1000", "offset = 0x1F0000", "does not end in the partition factory"),
        ('"TEST-v1.29.0.bin"', '"../TEST.bin"', "image.name: give the name of a file"),
        ('sha256 = "', 'sha256 = "0', "image.sha256: give 64 digits"),
        ("[flash]", "[flash", "board.toml"),
    ],
)
def test_facts_that_cannot_be_used(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    text = toml()
    assert text.count(old) == 1
    folder = write_board(tmp_path / "tester", text.replace(old, new))
    if not sentence:  # a board without a button
        assert read_board(folder).button is None
        return
    with pytest.raises(UsageError) as caught:
        read_board(folder)
    assert sentence in str(caught.value)


def test_pieces_of_an_image_leave_nvs_and_the_table_alone(board: Board) -> None:
    found = image.pieces(board, IMAGE)
    assert [(piece.name, piece.offset) for piece in found] == [("bootloader", IMAGE_OFFSET), ("MicroPython", FACTORY)]
    assert found[0].data == b"\xe9boot loader" * 40
    assert found[1].data == b"\xe9MicroPython" * 999
    with pytest.raises(UsageError, match="no bootloader at 0x1000"):
        image.pieces(board, b"\xff" + IMAGE[1:])


def no_network(address: str, most: int) -> bytes:
    raise OSError(101, "Network is unreachable")


def never(address: str, most: int) -> bytes:
    raise AssertionError("the network is asked")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_image_is_fetched_once(board: Board, home: Path) -> None:
    asked: list[tuple[str, int]] = []

    def fetch(address: str, most: int) -> bytes:
        asked.append((address, most))
        return IMAGE

    for _ in range(2):
        assert image.get_image(board.image, None, may_download=True, fetch=fetch) == IMAGE
    assert asked == [("https://firmware.invalid/TEST-v1.29.0.bin", len(IMAGE))]
    assert [path.name for path in (home / "firmware").iterdir()] == ["TEST-v1.29.0.bin"]
    assert image.get_image(board.image, None, may_download=False, fetch=never) == IMAGE


def test_a_damaged_copy_in_the_cache_is_replaced_by_a_good_one_only(board: Board) -> None:
    place = image.cached(board.image)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half")
    with pytest.raises(UsageError, match=r"is damaged and nothing may be downloaded: fetch https://firmware\.invalid"):
        image.get_image(board.image, None, may_download=False, fetch=never)
    with pytest.raises(LinkError, match="gave another image, nothing was flashed: it has 5 bytes"):
        image.get_image(board.image, None, may_download=True, fetch=lambda address, most: b"error")
    assert place.read_bytes() == b"half"
    assert image.get_image(board.image, None, may_download=True, fetch=lambda address, most: IMAGE) == IMAGE
    assert place.read_bytes() == IMAGE


def test_without_network_it_says_what_to_fetch_and_where_to_put_it(board: Board) -> None:
    with pytest.raises(LinkError) as caught:
        image.get_image(board.image, None, may_download=True, fetch=no_network)
    assert "Network is unreachable" in str(caught.value)
    assert f"fetch {board.image.url} elsewhere, and put it to {image.cached(board.image)}" in str(caught.value)
    with pytest.raises(UsageError, match=r"TEST-v1\.29\.0\.bin is not here and nothing may be downloaded"):
        image.get_image(board.image, None, may_download=False, fetch=never)


def test_a_file_of_the_users_must_be_the_very_image(board: Board, tmp_path: Path) -> None:
    file = tmp_path / "my.bin"
    with pytest.raises(UsageError, match="No such file"):
        image.get_image(board.image, file, may_download=True, fetch=never)
    file.write_bytes(IMAGE)
    assert image.get_image(board.image, file, may_download=True, fetch=never) == IMAGE
    file.write_bytes(IMAGE[:-1])
    with pytest.raises(UsageError, match=r"my\.bin is not the image of this board: it has \d+ bytes"):
        image.get_image(board.image, file, may_download=True, fetch=never)
    file.write_bytes(IMAGE[:-1] + b"!")
    with pytest.raises(UsageError, match=r"its SHA-256 is [0-9a-f]{64}, that of TEST-v1\.29\.0\.bin is"):
        image.get_image(board.image, file, may_download=True, fetch=never)


def test_a_full_disk_is_told(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(old: Path, new: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UsageError, match="the disk is full: make room for"):
        image.get_image(board.image, None, may_download=True, fetch=lambda address, most: IMAGE)
    assert not image.cached(board.image).exists()
