"""Boards are alike: each folder has the same files, each board the roles that the app takes and no others."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from boards.test_boards import ROLES
from simulated import ROOT, Simulated, make_body, noise

BOARDS = sorted(path.parent for path in (ROOT / "boards").glob("*/board.toml"))
FILES = {"README.md", "board.py", "board.toml", "board_facts.py"}


def roles_that_the_app_takes() -> set[str]:
    """Every `board.<role>` in the app's source."""
    tree = ast.parse((ROOT / "firmware/mmc_device/app.py").read_text())
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "board"
    }


def test_there_is_a_board() -> None:
    assert "sim" in {board.name for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_folder_is_alike(board: Path) -> None:
    assert {path.name for path in board.iterdir() if path.is_file()} == FILES
    functions = {
        node.name for node in ast.parse((board / "board.py").read_text()).body if isinstance(node, ast.FunctionDef)
    }
    assert "open_board" in functions


def test_the_simulated_board_has_the_roles_of_the_app_and_no_others(tmp_path: Path) -> None:
    wearable = Simulated(make_body([noise(2, [2, 2, 2, 2])], [(0, 0, 1000, 0)]), tmp_path)
    roles = {name for name in dir(wearable.board) if not name.startswith("_")}
    assert roles == roles_that_the_app_takes()
    for role, verbs in ROLES.items():
        for verb, parameters in verbs.items():
            taken = inspect.signature(getattr(getattr(wearable.board, role), verb)).parameters
            assert len(taken) == len(parameters.split()), (role, verb)
