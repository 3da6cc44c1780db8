"""Folding: small sources with every form of use, and the firmware against its own modules as Python imports them."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path

import heap
import pytest

from mmc_core.errors import UsageError
from mmc_host import mpy

NUMBERS = """\
from core.compat import const

_WIDTH = const(3)
BITS = const(1 << _WIDTH)  # a comment that stays
BELOW = const(-BITS)
TABLE = {
    BITS: "b",
}
name = "not a constant"
"""
USER = """\
from core import numbers
from core.numbers import (
    BELOW as LOW,
    BITS,
    name,
)
from core import other, numbers as again

def use(x):
    return x.BITS + numbers.BITS * LOW, name, again.BELOW, other.BITS, "BITS"
"""


def folded(**sources: str) -> dict[str, str]:
    found = mpy.fold({f"core.{name}": text for name, text in sources.items()})
    return {name.removeprefix("core."): text for name, text in found.items()}


def test_every_form_of_use() -> None:
    found = folded(numbers=NUMBERS, user=USER, other="import numbers\n")
    assert found["numbers"].split("\n")[2:7] == [
        "_WIDTH = const(3)",
        "  # a comment that stays",
        "",
        "TABLE = {",
        '    8: "b",',
    ]
    lines = found["user"].split("\n")
    assert lines[:7] == ["", "from core.numbers import name", "", "", "", "", "from core import other"]
    assert lines[9] == '    return x.BITS + 8 * (-8), name, (-8), other.BITS, "BITS"'
    for name, text in (("numbers", NUMBERS), ("user", USER)):
        assert len(found[name].split("\n")) == len(text.split("\n"))  # a traceback points where it should


def test_a_module_that_is_used_for_more_stays_imported() -> None:
    text = "from core import numbers\nx = (numbers.BITS, numbers.name)\n"
    assert folded(numbers=NUMBERS, user=text)["user"] == "from core import numbers\nx = (8, numbers.name)\n"


def test_constants_of_strange_modules_stay_names() -> None:
    text = "from else_where import BITS\nx = BITS\n"
    assert folded(numbers=NUMBERS, user=text)["user"] == text


def test_an_import_alone_in_a_function_leaves_a_function() -> None:
    text = "def f():\n    from core import numbers\n\n    return numbers.BITS\n"
    assert folded(numbers=NUMBERS, user=text)["user"] == "def f():\n    pass\n\n    return 8\n"


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("from core import numbers\ndef f(numbers):\n    return numbers.BITS\n", 2, "numbers"),
        ("from core.numbers import BITS\nfor BITS in (1, 2):\n    pass\n", 2, "BITS"),
        ("from core.numbers import BITS\n\nBITS = 4\n", 3, "BITS"),
    ],
)
def test_a_name_that_is_bound_again_is_refused(text: str, line: int, name: str) -> None:
    with pytest.raises(UsageError, match=f"core.user:{line}: {name} already names"):
        folded(numbers=NUMBERS, user=text)


def test_a_constant_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"core\.numbers:1: X is no constant number"):
        folded(numbers="X = const(len('ab') + y)\n")


def test_what_mpy_cross_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"core\.bad: mpy-cross refuses it"):
        mpy.compile_tree(tmp_path, {"core.bad": "nonlocal x\n"}, "xtensawin")
    assert not list(tmp_path.rglob("*.py"))


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc"])
def test_the_firmware_compiles_for_every_chip(tmp_path: Path, architecture: str) -> None:
    sources = heap.sources()
    called = mpy.compile_tree(tmp_path, sources, architecture)
    found = {
        path.relative_to(tmp_path).with_suffix("").as_posix().replace("/", ".")
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    # Every module is there once, at the top, but packages and what is none of a package.
    assert found == {new for old, new in called.items() if not old.endswith("__init__")} and called.keys() == set(
        sources
    )
    assert all("." not in name for name in found) and len(found) == len(
        [one for one in sources if "__init__" not in one]
    )


class AsImported(ast.NodeTransformer):
    """The same by another way: what a name stands for is asked of the module that Python has imported."""

    def __init__(self, module: str) -> None:
        self.namespace = vars(importlib.import_module(module))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self.namespace.get(node.id)
        if isinstance(node.ctx, ast.Load) and node.id.isupper() and type(value) is int and node.id[0] != "_":
            return ast.copy_location(ast.parse(repr(value), mode="eval").body, node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.attr.isupper() and node.attr[0] != "_":
            value = getattr(self.namespace.get(node.value.id), node.attr, None)
            if type(value) is int:
                return ast.copy_location(ast.parse(repr(value), mode="eval").body, node)
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        is_constant = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "const"
        return None if is_constant and not ast.unparse(node.targets[0]).startswith("_") else self.generic_visit(node)


@cache
def firmware() -> tuple[dict[str, str], dict[str, str]]:
    """The sources, as they are and folded."""
    sources = heap.sources()
    return sources, mpy.fold(sources)


def firmware_modules() -> list[str]:
    return [name for name in heap.sources() if name.startswith("mmc_") and not name.endswith("__init__")]


@pytest.mark.parametrize("module", firmware_modules())
def test_the_firmware_folded_is_the_firmware_as_imported(module: str) -> None:
    source, folded_text = (texts[module] for texts in firmware())
    wanted = AsImported(module).visit(ast.parse(source))
    found = AsImported(module).visit(ast.parse(folded_text))
    assert ast.dump(found) == ast.dump(wanted)
    names = {node.id for node in ast.walk(ast.parse(folded_text)) if isinstance(node, ast.Name)}
    assert not names & _constants(source), "a name is left"


def _constants(text: str) -> set[str]:
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("const("):
            name = ast.unparse(node.targets[0])
            if not name.startswith("_"):
                found.add(name)
    return found
