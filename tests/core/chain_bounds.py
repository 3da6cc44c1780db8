"""Bounds of every intermediate of the kernel's chain, taken from its own text.

The loop over samples is linear but for its roundings, `>> 14`. So each expression in it is bounded by what full-scale
input can do to it at worst, the sum of the absolute impulse response, plus what each rounding can do at worst: it takes
away less than one, in any pattern. Responses come from running the text itself in floating point. What follows the loop
is bounded by interval arithmetic over the text. Nothing is listed by hand, so nothing can be forgotten.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping

import numpy as np

from mmc_core import chain

Interval = tuple[float, float]
STEPS = 6000
FULL = 2**14


def function() -> ast.FunctionDef:
    """The chain's text."""
    tree = ast.parse(inspect.getsource(chain))
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "filter_block")


def sample_loop() -> ast.While:
    """The innermost loop."""
    return [node for node in ast.walk(function()) if isinstance(node, ast.While)][-1]


def _is_linear(statement: ast.stmt) -> bool:
    """Whether a statement belongs to the filters: what compares, stores or counts does not."""
    if isinstance(statement, ast.Assign):
        return isinstance(statement.targets[0], ast.Name) and "BIAS" not in ast.unparse(statement)
    return isinstance(statement, ast.If) and isinstance(statement.test, ast.Name)


def _place(node: ast.expr) -> str:
    return f"{ast.unparse(node)}@{node.lineno}:{node.col_offset}"


def _rounds(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift)


class _Linear:
    """Runs the filters' text in floating point, on a vector: one place for the input, one for each rounding."""

    def __init__(self, coefficients: Mapping[str, float]) -> None:
        loop = sample_loop()
        self.body = [statement for statement in loop.body if _is_linear(statement)]
        self.place = {node: 1 + k for k, node in enumerate(n for n in ast.walk(loop) if _rounds(n))}
        self.size = np.array([FULL] + [1.0] * len(self.place))
        zero = np.zeros(len(self.size))
        self.names: dict[str, np.ndarray | float] = {stage + n: zero for stage in "hnml" for n in "12"}
        self.names.update(coefficients)
        self.sums: dict[ast.expr, np.ndarray] = {}

    def bounds(self) -> dict[str, float]:
        """Run it; worst magnitude of each expression, by its text and place."""
        for step in range(STEPS):
            self.first = step == 0
            self.tail = 0.0
            for statement in self.body:
                self._run(statement)
        assert self.tail < 1e-4  # the last step: what would still follow is nothing
        return {
            f"{ast.unparse(node)}@{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}": float(
                sums @ self.size
            )
            for node, sums in self.sums.items()
        }

    def _run(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.If):
            assert isinstance(statement.test, ast.Name)
            if self.names[statement.test.id]:
                for inner in statement.body:
                    if _is_linear(inner):
                        self._run(inner)
            return
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        if any(isinstance(node, ast.Subscript) for node in ast.walk(statement)):
            value = np.zeros(len(self.size))  # the sample
            value[0] = self.first
        else:
            value = np.asarray(self._value(statement.value))
        self.names[statement.targets[0].id] = value
        self._note(statement.targets[0], value)

    def _note(self, node: ast.expr, value: np.ndarray) -> None:
        magnitude = np.abs(value)
        self.sums[node] = self.sums[node] + magnitude if node in self.sums else magnitude
        self.tail = max(self.tail, float(magnitude.max()))

    def _value(self, node: ast.expr) -> np.ndarray | float:
        if isinstance(node, ast.Name):
            return self.names[node.id]
        assert isinstance(node, ast.BinOp)
        left = self._value(node.left)
        if isinstance(node.op, ast.RShift):
            assert isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
            value = np.asarray(left) / 2**node.right.value
            if self.first:
                value[self.place[node]] -= 1
        else:
            right = self._value(node.right)
            assert isinstance(node.op, (ast.Mult, ast.Add, ast.Sub))
            value = np.asarray(
                left * right if isinstance(node.op, ast.Mult)
                else left + right if isinstance(node.op, ast.Add)
                else left - right
            )  # fmt: skip
        self._note(node, value)
        return value


def linear_bounds(coefficients: Mapping[str, float]) -> dict[str, float]:
    """Worst magnitude of every expression of the filters, by text and place; `coefficients` by the text's names."""
    return _Linear(coefficients).bounds()


class Intervals:
    """Interval arithmetic over statements; every expression's bounds are kept in `widest`."""

    def __init__(self, names: dict[str, Interval], words: Mapping[str, Interval], pole: Interval) -> None:
        self.names = names
        self.pole = pole  # bounds of what `w + (in - (w >> 10)) * gain` gives
        self.words = words
        self.widest: dict[str, Interval] = {}

    def run(self, statements: list[ast.stmt]) -> None:
        """Run statements; an `if` may go either way, so that what it changes has both values."""
        for statement in statements:
            if isinstance(statement, ast.If):
                self.value(statement.test)
                before = dict(self.names)
                self.run(statement.body)
                for name, (low, high) in before.items():
                    other = self.names[name]
                    self.names[name] = min(low, other[0]), max(high, other[1])
                self._limit(statement)
            elif isinstance(statement, ast.Assign):
                value = self.value(statement.value)
                if _is_pole(statement.value):
                    value = self.pole  # what a test of its own proves
                if isinstance(statement.targets[0], ast.Name):
                    self.names[statement.targets[0].id] = value
                else:
                    self.widest[f"{ast.unparse(statement.targets[0])} ="] = value
            else:
                raise AssertionError(ast.unparse(statement))

    def _limit(self, statement: ast.If) -> None:
        """`if a > b: a = b` leaves a at most b."""
        text = ast.unparse(statement).split()
        if len(text) == 7 and text[2] == ">" and text[4:] == [text[1], "=", text[3].rstrip(":")]:
            low, high = self.names[text[1]]
            top = self.names[text[6]][1]
            self.names[text[1]] = min(low, top), min(high, top)

    def value(self, node: ast.expr) -> Interval:
        """Bounds of an expression."""
        found = self._value(node)
        if _is_pole(node):
            return self.pole
        self.widest[_place(node)] = found
        return found

    def _value(self, node: ast.expr) -> Interval:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int)
            return node.value, node.value
        if isinstance(node, ast.Name):
            return self.names[node.id]
        if isinstance(node, ast.Subscript):
            return self.words[ast.unparse(node)]
        if isinstance(node, ast.Compare):
            self.value(node.left)
            self.value(node.comparators[0])
            return 0, 1
        assert isinstance(node, ast.BinOp)
        a, b = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Sub):
            return a[0] - b[1], a[1] - b[0]
        if isinstance(node.op, (ast.BitOr, ast.BitAnd)):
            assert min(a[0], b[0]) >= 0
            return (0, a[1] + b[1]) if isinstance(node.op, ast.BitOr) else (0, min(a[1], b[1]))
        corners = [_apply(node.op, p, q) for p in a for q in b]
        return min(corners), max(corners)


def _is_pole(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text.endswith(" + x") and "- (x >> 10)) * H[" in text


def _apply(op: ast.operator, p: float, q: float) -> float:
    if isinstance(op, ast.Add):
        return p + q
    if isinstance(op, ast.Mult):
        return p * q
    if isinstance(op, ast.LShift):
        return p * 2**q
    if isinstance(op, ast.RShift):
        return np.floor(p / 2**q)
    assert isinstance(op, ast.FloorDiv)
    return np.floor(p / q)
