"""What interval_bounds.py reads and writes: locals, attributes, arrays and their elements, constants and properties."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import reduce
from types import ModuleType

from interval_values import (
    BUILTINS,
    Exit,
    Interval,
    Ref,
    State,
    Unknown,
    Value,
    Words,
    constant,
    exact,
    hull,
    interval,
    parse,
    tables,
    text_in,
    text_of,
)


class Memory(ABC):
    """The names of one module, and the places of a State that expressions of it lead to."""

    def __init__(self, text: str, constants: Mapping[str, object]) -> None:
        self.functions = {n.name: n for n in ast.walk(parse(text)) if isinstance(n, ast.FunctionDef)}
        self.constants = constants
        self.tables = tables(constants)
        self._pure: dict[ast.AST, bool] = {}

    @abstractmethod
    def value(self, node: ast.expr, state: State) -> Value:
        """What an expression can be."""

    @abstractmethod
    def call(self, name: str, arguments: Sequence[Value], state: State) -> list[Exit]:
        """Every way a function may end."""

    def is_pure(self, node: ast.AST) -> bool:
        """Whether a node stores nothing but locals, and calls nothing that might."""
        if node not in self._pure:
            parts = list(ast.walk(node))
            places = [n for n in parts if isinstance(n, ast.Attribute | ast.Subscript)]
            calls = {text_of(n.func) for n in parts if isinstance(n, ast.Call)} - BUILTINS
            self._pure[node] = all(isinstance(n.ctx, ast.Load) for n in places) and all(
                name in self.functions and self.is_pure(self.functions[name]) for name in calls
            )
        return self._pure[node]

    def _store(self, target: ast.expr, value: Value, state: State) -> None:
        match target:
            case ast.Name():
                state[target.id] = value
            case ast.Attribute():
                state[f"{self._path(target.value, state)}.{target.attr}"] = value
            case ast.Subscript():
                self._store_element(target, value, state)
            case _:
                raise Unknown(f"target: {ast.unparse(target)}")

    def _store_all(self, targets: Sequence[ast.expr], values: Sequence[Value], state: State) -> None:
        """Store side by side. Arrays that change places do so by what is in them, as nothing else leads to them."""
        places = [f"{self._path(t.value, state)}.{t.attr}" if isinstance(t, ast.Attribute) else "" for t in targets]
        arrays = [state.get(value.path) if isinstance(value, Ref) else None for value in values]
        if {Ref(place) for place in places} == {*values} and all(isinstance(array, Words) for array in arrays):
            if any(value in values for path, value in state.items() if path not in places):
                raise Unknown(f"something else leads to {places}")
            state.update(zip(places, arrays, strict=True))
            return
        for target, value in zip(targets, values, strict=True):
            self._store(target, value, state)

    def _store_element(self, target: ast.Subscript, value: Value, state: State) -> None:
        path = self._path(target.value, state)
        if path in self.tables:
            raise Unknown(f"target: {ast.unparse(target)}")
        if isinstance(target.slice, ast.Slice):
            state[path] = self._with_slice(path, target.slice, self._array(value, state), state)
            return
        items, at = self._element(path, target, state)
        state[path] = Words(
            tuple(
                item if not at[0] <= k <= at[1] else value if at[0] == at[1] else hull(item, value)
                for k, item in enumerate(items)
            )
        )

    def _with_slice(self, path: str, at: ast.Slice, new: Value, state: State) -> Words:
        """An array, a part of which is another now; its length has to stay."""
        old = state.get(path)
        if not isinstance(old, Words) or not isinstance(new, Words) or at.step is not None:
            raise Unknown(f"slice: {path}[{text_of(at)}]")
        first = 0 if at.lower is None else exact(self.value(at.lower, state))
        end = len(old.items) if at.upper is None else exact(self.value(at.upper, state))
        if not 0 <= first <= end <= len(old.items) or len(new.items) != end - first:
            raise Unknown(f"slice: {len(new.items)} words for {first} to {end} of {len(old.items)}")
        return Words((*old.items[:first], *new.items, *old.items[end:]))

    def _subscript(self, node: ast.Subscript, state: State) -> Value:
        """An element of an array, or what an object has by the name of a text."""
        path, at = self._path(node.value, state), self.value(node.slice, state)
        if not isinstance(at, Ref):
            items, (first, last) = self._element(path, node, state)
            return reduce(hull, items[first : last + 1])
        if f"{path}.{text_in(at)}" not in state:
            raise Unknown(f"{text_of(node)}: {at.path} of {path}")
        return state[f"{path}.{text_in(at)}"]

    def _object(self, node: ast.expr, state: State) -> Value | ModuleType:
        if isinstance(node, ast.Name) and node.id not in state:
            found = self.constants.get(node.id)
            if isinstance(found, ModuleType):
                return found
        return self.value(node, state)

    def _path(self, node: ast.expr, state: State) -> str:
        found = self._object(node, state)
        if not isinstance(found, Ref):
            raise Unknown(f"{text_of(node)} is no object")
        return found.path

    def _name(self, node: ast.Name | ast.Attribute, state: State) -> Value:
        """A local, an attribute or a constant; an array is given as the place where it lies."""
        if isinstance(node, ast.Attribute):
            base = self._object(node.value, state)
            if isinstance(base, ModuleType):
                return constant(getattr(base, node.attr))
            path = f"{self._path(node.value, state)}.{node.attr}"
        else:
            path = node.id
        if path not in state:
            if isinstance(node, ast.Attribute) and path == f"self.{node.attr}" and node.attr in self.functions:
                return self._property(node.attr, state)
            if isinstance(node, ast.Name) and f"the module's {path}" in self.tables:
                return Ref(f"the module's {path}")
            if isinstance(node, ast.Name) and path in self.constants:
                return constant(self.constants[path])
            raise Unknown(f"name: {path}")
        return Ref(path) if isinstance(state[path], Words) else state[path]

    def _property(self, name: str, state: State) -> Value:
        """What reading a property gives."""
        function = self.functions[name]
        if "property" not in map(text_of, function.decorator_list) or not self.is_pure(function):
            raise Unknown(f"{name} is no property, or changes something")
        return reduce(hull, [value for _, value in self.call(name, [], state)])

    def _array(self, value: Value, state: State) -> Value:
        """The array itself, where a value leads to one."""
        lies = state.get(value.path, self.tables.get(value.path)) if isinstance(value, Ref) else None
        return lies if isinstance(lies, Words) else value

    def _element(self, path: str, node: ast.Subscript, state: State) -> tuple[tuple[Value, ...], Interval]:
        words, at = state.get(path, self.tables.get(path)), interval(self.value(node.slice, state))
        if not isinstance(words, Words) or at[0] < 0 or at[1] >= len(words.items):
            raise Unknown(f"{text_of(node)}: element {at} of {path}")
        return words.items, at
