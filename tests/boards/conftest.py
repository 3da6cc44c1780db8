"""A board's unchanged board.py, opened on a bench."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from boards import bench as benches

ROOT = Path(__file__).resolve().parents[2]
BOARDS = sorted(benches.RIGS)


@pytest.fixture(params=BOARDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "boards" / name / "board.toml").read_text("utf-8"))


def load(folder: Path, module: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    return loaded


Opened = tuple[Any, benches.Bench]


@pytest.fixture
def opened(name: str, toml: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Opened]]:
    """open(missing=()) -> the board's roles, and the bench below."""
    folder = ROOT / "boards" / name
    for driver in benches.TIMED:
        monkeypatch.setattr(driver, "time", driver.time)

    def open_board(missing: tuple[str, ...] = ()) -> Opened:
        bench = benches.Bench(toml["chip"], toml["journal"]["blocks"], benches.RIGS[name], missing)
        for module in ("machine", "esp32", "micropython"):
            monkeypatch.setitem(sys.modules, module, bench.port)
        for module in ("board", "board_facts"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        load(folder, "board_facts")
        return bench.open(load(folder, "board")), bench

    yield open_board
    for module in ("board", "board_facts"):
        sys.modules.pop(module, None)
