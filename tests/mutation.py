"""Change a driver's constants bit by bit: a conformance routine has to notice each change.

Looked at is every integer in what a module assigns to names at its top: registers, identities, bits, tables. Waiting
times (`_..._MS`, `_US`), sizes of buffers (`_..._WORDS`) and error numbers (`_E...`) are none of a chip's registers.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

Conform = Callable[[ModuleType, Callable[[], object], Callable[[], object]], None]


def mutants(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Every tree that differs in one bit of one constant, with its description."""
    for place, statement in enumerate(tree.body):
        if not isinstance(statement, ast.Assign):
            continue
        name = ast.unparse(statement.targets[0])
        if name.endswith(("_MS", "_US", "_WORDS")) or name.startswith("_E"):
            continue
        numbers = [
            node for node in ast.walk(statement.value) if isinstance(node, ast.Constant) and type(node.value) is int
        ]
        for number, node in enumerate(numbers):
            for bit in range(max(8, node.value.bit_length())):
                changed = copy.copy(tree)
                changed.body = list(tree.body)
                changed.body[place] = other = copy.deepcopy(statement)
                constants = [
                    node for node in ast.walk(other.value) if isinstance(node, ast.Constant) and type(node.value) is int
                ]
                constants[number].value ^= 1 << bit
                yield f"{name}[{number}]: 0x{node.value:X} -> 0x{constants[number].value:X}", changed


def _module(path: Path, tree: ast.Module) -> ModuleType:
    module = ModuleType(path.stem)
    exec(compile(tree, str(path), "exec"), vars(module))
    return module


def unchanged(path: Path) -> ModuleType:
    """The driver as it is, made the way its mutants are."""
    return _module(path, ast.parse(path.read_text(encoding="utf-8")))


def survivors(path: Path, conform: Conform) -> tuple[int, list[str]]:
    """How many changes were made, and which of them nobody noticed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    count = 0
    told: list[str] = []
    for what, changed in mutants(tree):
        count += 1
        try:
            conform(_module(path, changed), int, int)
        except Exception:
            continue
        told.append(what)
    return count, told
