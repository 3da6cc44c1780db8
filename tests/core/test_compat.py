"""The only file that knows the interpreter: under CPython its names are identities."""

from __future__ import annotations

import ast
from array import array
from pathlib import Path

from mmc_core import compat

CORE = Path(compat.__file__).parent


def test_decorators_and_const_change_nothing() -> None:
    def double(x: int) -> int:
        return 2 * x

    assert compat.micropython.viper(double) is double
    assert compat.const(0x3FFFFFFF) == 2**30 - 1


def test_pointers_are_the_arrays_themselves() -> None:
    words = array("I", [1, 2])
    assert compat.ptr32(words) is words and compat.ptr8 is compat.ptr16 is compat.ptr32
    assert sorted(compat.__all__) == ["const", "let_go", "micropython", "ptr16", "ptr32", "ptr8", "unsigned"]


def test_counts_are_shown_as_viper_loads_them() -> None:
    assert list(compat.unsigned(array("h", [0, 5, -1, -32768, 32767]))) == [0, 5, 65535, 32768, 32767]


def test_no_other_file_of_the_core_tries_micropython() -> None:
    for path in CORE.rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)]
        names = [alias.name for node in imports for alias in node.names]
        assert ("micropython" in names) == (path.name == "compat.py"), path


def test_viper_code_holds_no_literal_beyond_a_small_integer() -> None:
    """House rule: 0x40000000 and more is an object on the 32-bit device, and viper refuses it."""
    found = 0
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any("viper" in ast.dump(d) for d in node.decorator_list):
                assert [ast.unparse(d) for d in node.decorator_list] == ["micropython.viper"]
                found += 1
                literals = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, int)]
                assert all(abs(value) < 0x40000000 for value in literals)
    assert found >= 1
