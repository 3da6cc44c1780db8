"""The import law of DESIGN.md: imports follow the data. Every import in the tree is parsed; any other arrow fails.

`LAW` is the law. A row names modules by their longest prefix, and what they may import, also by prefix. Imports inside
functions count as much as those at the top; only for the optional extras of `mmc_host` does the place matter.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

STDLIB = frozenset(sys.stdlib_module_names)
RUNTIME = frozenset("click jinja2 numpy platformdirs rich rich_click scipy serial".split())
EXTRAS = frozenset("bleak edfio numba pyarrow pylsl starlette textual uvicorn".split())  # inside functions only
PORT = frozenset("bluetooth esp32 micropython neopixel network os select sys time vfs".split())
MICROPYTHON_TOO = frozenset(
    "array asyncio binascii collections errno gc hashlib io json os select struct sys time vfs".split()
)

# Modules           may import
LAW: dict[str, frozenset[str]] = {
    # the pure core: the host imports these very files
    "mmc_core": frozenset({"mmc_core", "struct", "array", "binascii", "hashlib"}),
    "mmc_core.compat": frozenset({"micropython", "sys"}),
    # one chip per file
    "mmc_drivers": frozenset({"mmc_core.compat", "struct", "array", "time"}),
    # the shell: hardware arrives as arguments, the clock included; it may compute with what the core computes with
    "mmc_device": frozenset({"mmc_core", "mmc_device", "os", "gc", "struct", "array", "binascii", "hashlib"}),
    # what the interpreter starts
    "boot": frozenset({"board", "machine", "gc", "os", "sys"}),
    "main": frozenset({"board", "mmc_core", "mmc_device", "gc", "os", "sys"}),
    # declarations: pins and constructors under role names
    "boards": frozenset({"board_facts", "machine", "mmc_drivers", "mmc_core.compat"}) | PORT,
    "boards.sim": frozenset({"board_facts", "machine", "mmc_drivers", "mmc_core.compat", "mmc_sim"}) | PORT,
    # simulated parts
    "mmc_sim": frozenset({"mmc_core", "mmc_sim"}) | MICROPYTHON_TOO,
    # what users install
    "mmc_host": frozenset({"mmc_core", "mmc_host"}) | STDLIB | RUNTIME | EXTRAS,
    "mmc_host.commands.sim": frozenset({"mmc_core", "mmc_host", "mmc_sim"}) | STDLIB | RUNTIME | EXTRAS,
    "mmc_host.transport.sim": frozenset({"mmc_core", "mmc_host", "mmc_sim"}) | STDLIB | RUNTIME | EXTRAS,
}

# Within the core a module may import only those listed before it: the order in which data passes. The files of `coach`
# are one stage, and none imports another; its own `__init__` stands before them.
STAGES = (
    "compat",
    "errors",
    "event",
    "fixed",
    "schema",
    "settings",
    "program",
    "sample",
    "coeffs",
    "chain",
    "features",
    "onset",
    "kernel",
    "mains",
    "fitting",
    "coach",
    "coach.*",
    "coach.team",
    "cue",
    "record",
    "decoding",
    "page",
    "rice",
    "pipeline",
    "message",
    "frame",
    "sync",
    "sync_client",
)


class Import(NamedTuple):
    """One name that a module imports, where it does so, and whether only when a function is called."""

    name: str
    line: int
    in_function: bool


def source_files() -> dict[str, Path]:
    """Return every module of ours by the name it is imported under (boards by their folder)."""
    files: dict[str, Path] = {}
    for base in (ROOT / "firmware", ROOT / "host", ROOT / "boards"):
        for path in sorted(base.rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            files[".".join(("boards", *parts) if base.name == "boards" else parts)] = path
    return files


def imports_of(module: str, text: str, *, package: bool = False, known: Iterable[str] = ()) -> Iterator[Import]:
    """Yield what a module's text imports, in full names; `known` modules are told from the names inside a module."""
    known = set(known)
    parents = module.split(".") if package else module.split(".")[:-1]

    def walk(node: ast.AST, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, in_function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = parents[: len(parents) - child.level + 1] if child.level else []
                origin = ".".join([*base, *([child.module] if child.module else [])])
                for alias in child.names:
                    full = f"{origin}.{alias.name}"
                    yield Import(full if full in known or child.module is None else origin, child.lineno, in_function)
            elif isinstance(child, ast.Call):
                called = child.func.attr if isinstance(child.func, ast.Attribute) else getattr(child.func, "id", "")
                if called in ("__import__", "import_module"):
                    named = child.args[0] if child.args else None
                    constant = isinstance(named, ast.Constant) and isinstance(named.value, str)
                    yield Import(named.value if constant else "?", child.lineno, in_function)
            deeper = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, in_function or deeper)

    yield from walk(ast.parse(text), False)


def _covers(prefixes: Iterable[str], name: str) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _row(module: str) -> str:
    """Return the row of the law that rules a module: its longest prefix."""
    return max((prefix for prefix in LAW if _covers([prefix], module)), key=len, default="")


def _stage(module: str) -> int:
    """Return a core module's place in the flow of data, -1 for the package itself."""
    name = module.removeprefix("mmc_core").removeprefix(".")
    if not name:
        return -1
    listed = "coach.*" if name.startswith("coach.") and name not in STAGES else name
    return STAGES.index(listed) if listed in STAGES else len(STAGES)


def breaches(module: str, found: Iterable[Import]) -> list[str]:
    """Return one sentence for each import that the law does not allow."""
    row = _row(module)
    if not row:
        return [f"{module}: no row of the law names it"]
    told: list[str] = []
    for name, line, in_function in found:
        at = f"{module}:{line}"
        if name == "?":
            if row.split(".")[0] != "mmc_host":
                told.append(f"{at} imports by a computed name, which the law can't read")
        elif not _covers(LAW[row], name):
            told.append(f"{at} may not import {name}")
        elif row.startswith("mmc_host") and name.split(".")[0] in EXTRAS and not in_function:
            told.append(f"{at} imports the optional {name} outside a function")
        elif module.startswith("mmc_core") and name.startswith("mmc_core"):
            if _stage(name) == len(STAGES) or _stage(module) == len(STAGES):
                told.append(f"{at} imports {name}: list both in STAGES, where data passes them")
            elif name != module and _stage(name) >= _stage(module):
                told.append(f"{at} may not import {name}, which lies downstream of it or beside it")
    return told


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def import_graph(files: dict[str, Path]) -> dict[str, set[str]]:
    """Return which of our modules import which, with the names that stand for a board's files put in full."""
    boards = [name for name in files if name.startswith("boards.") and name.endswith(".board")]
    graph: dict[str, set[str]] = {name: set() for name in files}
    for module, path in files.items():
        for name, _, _ in imports_of(
            module, path.read_text(encoding="utf-8"), package=path.name == "__init__.py", known=files
        ):
            full = f"{module.rsplit('.', 1)[0]}.{name}" if module.startswith("boards.") else name
            targets = boards if name == "board" else [target for target in (full, name) if target in files]
            graph[module].update(target for target in targets if target != module)
    return graph


FILES = source_files()


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_obey_the_law(module: str) -> None:
    path = FILES[module]
    text = path.read_text(encoding="utf-8")
    found = imports_of(module, text, package=path.name == "__init__.py", known=FILES)
    assert breaches(module, found) == []


def test_every_core_module_has_a_place_in_the_flow() -> None:
    core = [name for name in FILES if name.startswith("mmc_core")]
    assert core
    assert [name for name in core if _stage(name) == len(STAGES)] == []


def test_no_import_cycles() -> None:
    assert cycle(import_graph(FILES)) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("mmc_core.kernel", "import machine"),
        ("mmc_core.kernel", "import numpy as np"),
        ("mmc_core.kernel", "def f():\n    from time import ticks_ms"),
        ("mmc_core.kernel", "import micropython"),
        ("mmc_core.kernel", "from mmc_core.sync import SyncServer"),
        ("mmc_core.kernel", "from . import sync"),
        ("mmc_core.kernel", "from .sync import SyncServer"),
        ("mmc_core.kernel", "from mmc_core import sync"),
        ("mmc_core.kernel", "__import__('machine')"),
        ("mmc_core.kernel", "name = 'os'\n__import__(name)"),
        ("mmc_core.coach.hold", "from mmc_core.coach import balance"),
        ("mmc_core.coach.hold", "from ..pipeline import step"),
        ("mmc_core.coach.hold", "from mmc_core.helper import f"),
        ("mmc_core.record", "if True:\n    import mmc_device.journal"),
        ("mmc_drivers.lsm6ds3", "from mmc_drivers import icm20948"),
        ("mmc_drivers.lsm6ds3", "from mmc_core.record import encode_into"),
        ("mmc_device.journal", "import time"),
        ("mmc_device.journal", "from machine import Pin"),
        ("mmc_device.app", "import board"),
        ("mmc_device.app", "from mmc_drivers.lsm6ds3 import Imu"),
        ("boards.sim.board", "from mmc_device.app import App"),
        ("boards.esp32.board", "from mmc_sim import clock"),
        ("mmc_sim.clock", "from mmc_host import store"),
        ("mmc_sim.clock", "import mmc_device.app"),
        ("mmc_sim.clock", "import numpy"),
        ("mmc_host.store", "from mmc_device import journal"),
        ("mmc_host.store", "from mmc_sim.flash import Flash"),
        ("mmc_host.store", "import numba"),
        ("mmc_host.store", "import some_other_library"),
        ("elsewhere", "import os"),
    ],
)
def test_a_forbidden_import_is_caught(module: str, text: str) -> None:
    known = {"mmc_core.sync", "mmc_core.coach.balance", "mmc_drivers.icm20948"}
    assert len(breaches(module, imports_of(module, text, known=known))) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("mmc_core.kernel", "from mmc_core.compat import micropython, ptr16\nfrom . import coeffs"),
        ("mmc_core.coach.hold", "from mmc_core import event"),
        ("mmc_core.compat", "try:\n    import micropython\nexcept ImportError:\n    pass"),
        ("mmc_device.app", "import gc\nfrom mmc_device.sampler import Sampler"),
        ("mmc_host.analysis.fatigue", "import numpy as np\ndef f():\n    import numba"),
        ("mmc_host.transport.sim", "from mmc_sim.device import Device"),
        ("mmc_host.cli", "import importlib\nimportlib.import_module(name)"),
    ],
)
def test_an_allowed_import_passes(module: str, text: str) -> None:
    known = {"mmc_core.coeffs", "mmc_core.event"}
    assert breaches(module, imports_of(module, text, known=known)) == []


def test_a_cycle_is_caught() -> None:
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
