"""What interval_bounds.py computes with: values, states, the rules of a proof, and arithmetic on intervals."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

Interval: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Ref:
    """An object, an array or a text, by the name of the place where it lies; what is not a number."""

    path: str


@dataclass(frozen=True)
class Words:
    """An array's elements; only in a State, where a Ref leads to it."""

    items: tuple[Value, ...]


Value: TypeAlias = Interval | Ref | Words | None
State: TypeAlias = dict[str, Value]  # locals by name, all else by a path with a dot in it
Exit: TypeAlias = tuple[State, Value]


class Unknown(AssertionError):
    """Something that the interpreter was not taught; the proof has to be extended before it says anything."""


@dataclass(frozen=True)
class Rules:
    """How to read one module: the width of its integers, and what intervals alone can't see."""

    bits: int = 31
    keep: tuple[str, ...] | None = None  # paths that agree in these places are looked at as one; None: each by itself
    known: Mapping[str, Interval] = field(default_factory=dict[str, Interval])  # lemmas: an expression's value
    cuts: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict[str, tuple[str, tuple[int, ...]]])
    # before a statement: a place, and where its range is cut (each number ends a piece)
    contracts: Mapping[str, tuple[tuple[Interval | None, ...], Value]] = field(
        default_factory=dict[str, tuple[tuple[Interval | None, ...], Value]]
    )  # calls that are not followed: what their arguments have to be (None: anything), and what they return


@dataclass(frozen=True)
class Invariant:
    """Ranges of what is remembered between calls; `cases` narrow them, and one of them always holds."""

    fields: Mapping[str, Value]
    cases: Sequence[Mapping[str, Value]] = ({},)

    def states(self) -> list[State]:
        """Everything that may be remembered, case by case."""
        return [{**self.fields, **case} for case in self.cases]

    def misses(self, state: State) -> list[str]:
        """What of a state lies outside."""
        told = [f"{path} is not declared" for path in state if path.startswith("self.") and path not in self.fields]
        tied = set[str].intersection(*(set(case) for case in self.cases))  # what every case speaks of is left to them
        wide = {path: value for path, value in self.fields.items() if path not in tied}
        told += [miss for path, value in wide.items() for miss in _misses(path, state.get(path), value)]
        if not told and not any(
            all(p in state and fits(state[p], wide) for p, wide in case.items()) for case in self.cases
        ):
            told.append(f"no case fits { ({p: state.get(p) for case in self.cases for p in case}) }")
        return told


def fits(inner: Value, outer: Value) -> bool:
    """Whether a value lies within another."""
    if inner is outer:
        return True
    if isinstance(inner, Words) and isinstance(outer, Words):
        return len(inner.items) == len(outer.items) and all(map(fits, inner.items, outer.items))
    if isinstance(inner, tuple) and isinstance(outer, tuple):
        return outer[0] <= inner[0] and inner[1] <= outer[1]
    return inner == outer


def _misses(path: str, found: Value, wide: Value) -> list[str]:
    if found is wide or fits(found, wide):
        return []
    if isinstance(found, Words) and isinstance(wide, Words) and len(found.items) == len(wide.items):
        pairs = enumerate(zip(found.items, wide.items, strict=True))
        return [miss for k, (a, b) in pairs for miss in _misses(f"{path}[{k}]", a, b)]
    return [f"{path} is {found}, not within {wide}"]


def hull(a: Value, b: Value) -> Value:
    """One value for two."""
    if isinstance(a, Words) and isinstance(b, Words) and len(a.items) == len(b.items):
        return a if a is b else Words(tuple(map(hull, a.items, b.items)))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return min(a[0], b[0]), max(a[1], b[1])
    if a != b:
        raise Unknown(f"either {a} or {b}")
    return a


def join(a: State, b: State) -> State:
    """One state for two; a local that only one of them has is forgotten, so that its use would be an error."""
    gone = {name for name in a.keys() ^ b.keys() if "." not in name}
    return {path: value if value is b[path] else hull(value, b[path]) for path, value in a.items() if path not in gone}


def interval(value: Value) -> Interval:
    if not isinstance(value, tuple):
        raise Unknown(f"{value} is no number")
    return value


@cache
def text_of(node: ast.AST) -> str:
    """A node's text; a statement's first line."""
    return ast.unparse(node).split("\n")[0]


@cache
def place_of(node: ast.AST) -> str:
    """An expression's text and where it stands."""
    return f"{text_of(node)}@{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"


class _Plain(ast.NodeTransformer):
    """`a += b` becomes `a = a + b`."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        read = copy.deepcopy(node.target)
        read.ctx = ast.Load()
        both = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
        return ast.copy_location(ast.Assign([node.target], both), node)


def parse(text: str) -> ast.Module:
    """A module's tree as the interpreter reads it."""
    tree = ast.fix_missing_locations(_Plain().visit(ast.parse(text)))
    assert isinstance(tree, ast.Module)
    return tree


def apply(op: ast.operator, a: Interval, b: Interval) -> Interval:
    """An operation on all pairs out of two intervals."""
    match op:
        case ast.Add():
            return a[0] + b[0], a[1] + b[1]
        case ast.Sub():
            return a[0] - b[1], a[1] - b[0]
        case ast.BitAnd() if a[0] >= 0 or b[0] >= 0:
            if a[0] >= 0 and b[0] == b[1] >= a[1] and b[1] & (b[1] + 1) == 0:
                return a  # a mask of ones that takes nothing away
            return 0, min(value[1] for value in (a, b) if value[0] >= 0)
        case ast.BitOr() if a[0] >= 0 and b[0] >= 0:
            return max(a[0], b[0]), (1 << (a[1] | b[1]).bit_length()) - 1
        case ast.Mod() if b[0] > 0:
            return a if a[0] >= 0 and a[1] < b[0] else (0, b[1] - 1)
        case ast.Mult():
            corners = [p * q for p in a for q in b]
        case ast.FloorDiv() if b[0] > 0:
            corners = [p // q for p in a for q in b]
        case ast.LShift() if b[0] >= 0 and b[1] < 64:
            corners = [p << q for p in a for q in b]
        case ast.RShift() if b[0] >= 0:
            corners = [p >> q for p in a for q in b]
        case _:
            raise Unknown(f"{type(op).__name__} of {a} and {b}")
    return min(corners), max(corners)


def exact(value: Value) -> int:
    low, high = interval(value)
    if low != high:
        raise Unknown(f"one number is needed, not {value}")
    return low


def constant(found: object) -> Interval | Ref:
    if isinstance(found, str):
        return Ref(repr(found))
    if not isinstance(found, int):
        raise Unknown(f"{found!r} is no constant")
    return int(found), int(found)


def related(node: ast.BinOp, found: Interval, value_of: Callable[[ast.expr], Value]) -> Interval:
    """What is known besides of operands that are the same: a square is not negative; and `v + ((t - v) >> k)` goes some
    of the way from v to t, so that it lies between the two, rounded down or not; likewise `v + (t - v) // n`."""
    match node:
        case ast.BinOp(left=a, op=ast.Mult(), right=b) if text_of(a) == text_of(b):
            return max(found[0], 0), found[1]
        case ast.BinOp(
            left=own,
            op=ast.Add(),
            right=ast.BinOp(left=ast.BinOp(left=to, op=ast.Sub(), right=same), op=ast.RShift() | ast.FloorDiv()),
        ) if text_of(own) == text_of(same):
            low, high = interval(hull(value_of(own), value_of(to)))
            return max(found[0], low), min(found[1], high)
        case _:
            return found


def tables(constants: Mapping[str, object]) -> dict[str, Words]:
    """A module's own tuples and bytes, as arrays by a name of their own."""
    found = {name: value for name, value in constants.items() if isinstance(value, bytes | tuple)}
    return {f"the module's {name}": Words(tuple(map(_item, value))) for name, value in found.items()}


def _item(found: object) -> Value:
    if isinstance(found, int):
        return int(found), int(found)
    return Ref(repr(found) if isinstance(found, str) else "an item")


def text_in(value: Value) -> str:
    """The text itself, where it is known."""
    if not isinstance(value, Ref) or value.path[:1] not in ("'", '"'):
        raise Unknown(f"{value} is no text that is known")
    return ast.literal_eval(value.path)


def together(a: Ref, b: Ref) -> Ref:
    """Two texts or two tuples, one behind the other."""
    return a if a == b == Ref("a tuple") else Ref(repr(text_in(a) + text_in(b)))


BUILTINS = {"abs", "min", "max", "len", "bytes", "bytearray", "array", "ptr32"}


def builtin(name: str, arguments: list[Value]) -> Value:
    """A function of the language itself."""
    match name, arguments:
        case "min" | "max", _:
            best = min if name == "min" else max
            lows, highs = zip(*map(interval, arguments), strict=True)
            return best(lows), best(highs)
        case "abs", [(low, high)]:
            return max(low, -high, 0), max(-low, high)
        case "len", [Words(items)]:
            return len(items), len(items)
        case "bytes" | "bytearray", [size]:
            return Words(((0, 0),) * exact(size))
        case "array", [Ref("'h'" | "'i'" as kind), Words(items)]:
            return Words(items[:: 2 if kind == "'h'" else 4])
        case _:
            raise Unknown(f"call: {name} of {arguments}")


OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def limits(op: type[ast.cmpop], a: Interval, b: Interval) -> tuple[Interval, Interval]:
    """What is left of each side when a comparison of the two is true; it may be nothing, the ends crossed."""
    far = 1 << 63
    if op in (ast.Gt, ast.GtE):
        above, below = limits(ast.Lt if op is ast.Gt else ast.LtE, b, a)
        return below, above
    if op is ast.Eq:
        return b, a
    if op is ast.NotEq:
        return _without(a, b), _without(b, a)
    strict = op is ast.Lt
    return (-far, b[1] - strict), (a[0] + strict, far)


def _without(a: Interval, b: Interval) -> Interval:
    """`a` less what `b` is, where that lies at an end."""
    if b[0] != b[1]:
        return a
    return a[0] + (a[0] == b[0]), a[1] - (a[1] == b[0])


class _Watch(ast.NodeTransformer):
    """Every operation of some functions shows its result, and so do some calls: `_see(place, a + b)` for `a + b`."""

    def __init__(self, calls: Container[str]) -> None:
        self._calls = calls

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self._show(node) if text_of(node) in self._calls else self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._show(node)

    def _show(self, node: ast.expr) -> ast.AST:
        place = place_of(node)
        self.generic_visit(node)
        name = ast.Name("_see", ast.Load())
        return ast.copy_location(ast.Call(name, [ast.Constant(place), node], []), node)


def watched(
    text: str, functions: Iterable[str] = (), see: Callable[[str, int], int] | None = None, calls: Container[str] = ()
) -> dict[str, Any]:
    """A module's names, made from its text, with functions that call `see` with what each operation came to."""
    tree = parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            node.body = [_Watch(calls).visit(statement) for statement in node.body]
    names: dict[str, Any] = {"_see": see, "__name__": "watched"}
    exec(compile(ast.fix_missing_locations(tree), "<watched>", "exec"), names)
    return names
