"""Short names for what only the firmware itself names: every name is on the wearable's heap, once for all modules.

In:     sources by dotted module name, all that runs together; code outside, which keeps calling things as it does
Out:    the same with short names
Errors: UsageError: somebody uses what is another class's own
"""

from __future__ import annotations

import ast
import itertools
import keyword
import string
from collections import Counter
from collections.abc import Iterator, Mapping

from mmc_core.errors import UsageError
from mmc_host.edits import WORD, Edit, apply, edit, end_of, is_constant, lines, name_of, nodes, strangers

Sources = Mapping[str, str]  # text by dotted module name


def shorten(sources: Sources, outside: str = "") -> dict[str, str]:
    """Return the sources with short names for parameters, and for what is a class's or a module's own.

    Args:
        sources: text by dotted module name, all that runs together.
        outside: code that stays as it is; what it says keeps its name.

    Raises:
        UsageError: somebody uses what is another class's own.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    said = {one.arg for tree in trees.values() for one in nodes(tree, ast.keyword)}
    families = _families(trees, _own_names(trees) - set(WORD.findall(outside)))
    found: dict[str, str] = {}
    for name, tree in trees.items():
        edits = [*_private_of_classes(name, tree, families), *_private_of_module(tree)]
        for function in nodes(tree, ast.FunctionDef):
            edits += _parameters(function, said)
        found[name] = apply(sources[name], edits)
    return found


def _short_names(taken: set[str], prefix: str = "") -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for length in (1, 2):
        for found in map("".join, itertools.product(letters, repeat=length)):
            if prefix + found not in taken and not keyword.iskeyword(prefix + found):
                yield prefix + found


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _own_names(trees: Mapping[str, ast.Module]) -> set[str]:
    """Attributes and methods without an underscore that nobody but their one class names, and only of itself."""
    classes: dict[str, set[str]] = {}
    others = set(strangers())
    for tree in trees.values():
        mine: set[ast.AST] = set()
        for owner in nodes(tree, ast.ClassDef):
            for node in nodes(owner, ast.Attribute):
                if isinstance(node.value, ast.Name) and node.value.id == "self":
                    classes.setdefault(node.attr, set()).add(owner.name)
                    mine.add(node)
            for node in owner.body:
                if isinstance(node, ast.FunctionDef):
                    classes.setdefault(node.name, set()).add(owner.name)
                    mine.add(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node not in mine:
                others.add(node.attr)
            elif isinstance(node, ast.FunctionDef) and node not in mine:
                others.add(node.name)
            elif isinstance(node, ast.Name):
                others.add(node.id)
            elif isinstance(node, ast.alias):
                others.add(node.name)
            elif isinstance(node, ast.keyword):
                others.add(node.arg or "")
    return {name for name, owners in classes.items() if len(owners) == 1 and not name.startswith("_")} - others


def _families(trees: Mapping[str, ast.Module], own_names: set[str]) -> dict[str, dict[str, str]]:
    """The short names of each class by its name; a class and those that it is made from have them in common.

    Args:
        trees: the modules.
        own_names: what is a class's own though it has no underscore.
    """
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
        said = {node.attr for member in members for node in nodes(member, ast.Attribute)}
        said |= {node.name for member in members for node in member.body if isinstance(node, ast.FunctionDef)}
        own = {one for one in said if _is_private(one) or one in own_names}
        found[name] = dict(zip(sorted(own), _short_names(set(), "_"), strict=False))
    return found


def _private_of_classes(module: str, tree: ast.Module, families: Mapping[str, Mapping[str, str]]) -> Iterator[Edit]:
    """Methods and attributes of each class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            short = families[node.name]
            for attribute in nodes(node, ast.Attribute):
                if attribute.attr in short:
                    if not (isinstance(attribute.value, ast.Name) and attribute.value.id == "self"):
                        raise UsageError(f"{module}:{attribute.lineno}: {attribute.attr} is somebody else's own")
                    yield end_of(attribute, attribute.attr, short[attribute.attr])
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name in short:
                    yield name_of(method, short[method.name])


def _private_of_module(tree: ast.Module) -> Iterator[Edit]:
    """Functions, classes and variables of a module."""
    mine = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and _is_private(n.name)}
    variables = {
        target.id
        for n in tree.body
        if isinstance(n, ast.Assign) and not is_constant(n)
        for target in n.targets
        if isinstance(target, ast.Name) and _is_private(target.id)
    }
    taken = {n.id for n in nodes(tree, ast.Name)} | {n.arg for n in nodes(tree, ast.arg)}
    short = dict(zip(sorted(mine.keys() | variables), _short_names(taken, "_"), strict=False))
    yield from (name_of(node, short[name]) for name, node in mine.items())
    for use in nodes(tree, ast.Name):
        if use.id in short:
            yield edit(use, short[use.id])


def _parameters(function: ast.FunctionDef, said: set[str | None]) -> Iterator[Edit]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    own = {argument.arg for argument in every} - said - {"self"}
    inner = {a.arg for f in nodes(function, ast.FunctionDef) if f is not function for a in nodes(f, ast.arg)}
    inner |= {a.arg for f in nodes(function, ast.Lambda) for a in nodes(f, ast.arg)}
    own -= inner  # a name that means two things keeps both
    taken = {n.id for n in nodes(function, ast.Name)} | inner | said
    names = iter(_short_names({name for name in taken if name}))
    short = {argument.arg: next(names) for argument in every if argument.arg in own and len(argument.arg) > 1}
    for argument in every:
        if argument.arg in short:
            yield (
                argument.lineno, argument.col_offset, argument.lineno,
                argument.col_offset + len(argument.arg.encode()), short[argument.arg],
            )  # fmt: skip
    for use in nodes(function, ast.Name):
        if use.id in short:
            yield edit(use, short[use.id])


def rename(sources: Sources, outside: str = "") -> dict[str, str]:
    """Return the sources with short names for what they define, each the same wherever it stands.

    Args:
        sources: text by dotted module name, all that runs together.
        outside: code that stays as it is; what it says keeps its name.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    found = {name: list(_identifiers(tree)) for name, tree in trees.items()}
    every = {identifier for places in found.values() for identifier, _ in places}
    kept = strangers() | {part for name in sources for part in name.split(".")} | set(WORD.findall(outside))
    for tree in trees.values():
        kept |= {one.arg for one in nodes(tree, ast.keyword) if one.arg}
        kept |= {part for one in nodes(tree, ast.Import) for name in one.names for part in name.name.split(".")}
        kept |= {part for one in nodes(tree, ast.ImportFrom) for part in (one.module or "").split(".")}
    often = Counter(name for tree in trees.values() for name in _defined(tree) if name not in kept and len(name) > 2)
    short = dict(zip([name for name, _ in often.most_common()], _capitals(every | kept), strict=False))
    return {
        name: apply(sources[name], [(*place, short[one]) for one, place in places if one in short])
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
        if isinstance(node, ast.Assign) and not is_constant(node):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name) and target.id[0] != "_")


def _identifiers(tree: ast.Module) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Every identifier with its place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, edit(node, "")[:4]
        elif isinstance(node, ast.Attribute):
            yield node.attr, end_of(node, node.attr, "")[:4]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, name_of(node, "")[:4]
        elif isinstance(node, ast.arg):
            end = node.col_offset + len(node.arg.encode())
            yield node.arg, (node.lineno, node.col_offset, node.lineno, end)
        elif isinstance(node, ast.alias) and not node.asname:
            end = node.col_offset + len(node.name.encode())
            yield node.name, (node.lineno, node.col_offset, node.lineno, end)


def _capitals(taken: set[str], prefix: str = "") -> Iterator[str]:
    for length in (1, 2, 3):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            name = prefix + "".join(letters)
            if name not in taken:
                yield name


def flatten(sources: Sources, outside: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """Return the sources with every module at the top, under a short name; and the names of the modules there.

    A dotted name is three names on the heap: the whole, the last part as an attribute of its package, and as what it is
    imported as. A module that code outside names keeps its place; a text that is a module's name follows it.

    Args:
        sources: text by dotted module name, all that runs together; packages are left out when nothing is in them.
        outside: code that stays as it is.
    """
    kept = {name for name in sources if name in _imported(outside) or "." not in name}
    packages = {name.rpartition(".")[0] for name in kept}
    letters = _capitals({one for one in sources if "." not in one}, "m")
    moved = {name: next(letters) for name in sorted(sources) if name not in kept and not name.endswith("__init__")}
    return (
        {
            moved.get(name, name): apply(text, list(_moved_imports(ast.parse(text), moved)))
            for name, text in sources.items()
            if name in kept or name in moved or name.removesuffix(".__init__") in packages
        },
        {name: moved.get(name, name) for name in sources},
    )


def _imported(outside: str) -> set[str]:
    """Modules that a code names: those it imports, and what it takes from a package."""
    found = {name.name for node in nodes(ast.parse(outside), ast.Import) for name in node.names}
    for node in nodes(ast.parse(outside), ast.ImportFrom):
        found |= {node.module or ""} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def _moved_imports(tree: ast.Module, moved: Mapping[str, str]) -> Iterator[Edit]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in moved:
            yield edit(node, repr(moved[node.value]))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module in moved:
            yield edit(node, f"from {moved[node.module]} import {_aliases(node.names)}" + lines(node))
        elif isinstance(node, ast.ImportFrom):
            found = [name for name in node.names if f"{node.module}.{name.name}" in moved]
            left = [name for name in node.names if name not in found]
            if found:
                parts = [f"import {moved[f'{node.module}.{one.name}']} as {one.asname or one.name}" for one in found]
                parts += [f"from {node.module} import {_aliases(left)}"] if left else []
                yield edit(node, "; ".join(parts) + lines(node))


def _aliases(names: list[ast.alias]) -> str:
    return ", ".join(ast.unparse(name) for name in names)
