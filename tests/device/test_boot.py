"""boot.py on both MicroPythons and a real LittleFS: which app starts, and when none does."""

from pathlib import Path

import pytest
from flash_board import BLOCK_BYTES, blank, started
from flash_model import BOOT_TEXT

BLOCKS = 64

_APPS = """
def put(path, text):
    with open(path, "w") as file:
        file.write(text)
put("/boot.py", {boot!r})
for one in ("a", "b"):
    os.mkdir("/app_" + one)
    put("/app_" + one + "/main.py", "import part\\nprint('app', part.NAME)")
    put("/app_" + one + "/part.py", "NAME = '" + one + "'")
put("/active", "/app_b")
put("/button", "4 0")
{then}
"""


class Wearable:
    """A flash with both apps on it, /app_b active."""

    def __init__(self, micropython: Path, flash: Path, then: str):
        self._micropython, self._flash = micropython, blank(flash, BLOCKS * BLOCK_BYTES)
        self.start(_APPS.format(boot=BOOT_TEXT, then=then))

    def start(self, then: str = "", held: str = "") -> str:
        return started(self._micropython, self._flash, 0, BLOCKS, held, then).strip()


@pytest.fixture
def wearable(mpy: Path, tmp_path: Path):
    return lambda then="": Wearable(mpy, tmp_path / "flash.bin", then)


def test_the_active_app_starts_and_imports_from_its_own_folder(wearable) -> None:
    board = wearable()
    assert board.start('put = open("/active", "w"); put.write("/app_a\\n"); put.close()') == "app b"
    assert board.start("print(os.getcwd())") == "app a\n/app_a"


def test_boot_leaves_nothing_on_the_heap(wearable) -> None:
    assert wearable().start("print('start' in globals(), 'words' in globals())") == "app b\nFalse False"


def test_the_maintenance_flag_is_used_up(wearable) -> None:
    board = wearable('put("/maintenance", "")')
    assert board.start('print(os.getcwd(), "maintenance" in os.listdir())') == (
        "mmc: maintenance, no app is started this once\n/ False"
    )
    assert board.start() == "app b"


def test_holding_the_button_keeps_the_console_free(wearable) -> None:
    board = wearable()
    assert board.start(held="4") == "mmc: the button is held, no app is started"
    assert board.start(held="5") == "app b"


def test_a_button_that_pulls_up_when_pressed(wearable) -> None:
    board = wearable('put("/button", "4 1")')
    assert board.start(held="4") == "mmc: the button is held, no app is started"
    assert board.start() == "app b"


@pytest.mark.parametrize("text", ["", "4", "four 0", "4 0 1", "4 x"])
def test_a_damaged_button_file_keeps_no_app_from_starting(wearable, text: str) -> None:
    assert wearable(f'put("/button", {text!r})').start(held="4") == "app b"


@pytest.mark.parametrize(
    "damage", ['os.remove("/active")', 'put("/active", "/app_c")', 'put("/active", "")', 'os.remove("/app_b/main.py")']
)
def test_without_an_active_app_there_is_the_console(wearable, damage: str) -> None:
    assert wearable(damage).start("print(os.getcwd())") == "mmc: there is no app yet\n/"
