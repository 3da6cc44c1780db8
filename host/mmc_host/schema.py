"""Meanings of the core's tables, read from the comments in their source, so that they are written down once.

The core keeps its tables short: a row has codes, and the comments under it carry names, units and meanings, which the
wearable's heap has no room for. Here a module's text is parsed (not run) and rows and comments are brought together.

In:    source text of a core module
Out:   tables by name, each row with its key, its literal parts, its comments and fields; constants with their comment
Cost:  milliseconds a module
"""

import ast
import importlib
import inspect
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

_FIELD = re.compile(r"([a-z]\w*)\s+(\S+)\s{2,}(\S.*)")


@dataclass(frozen=True)
class Field:
    """One value of a row: its name, its unit (`-`: a plain number, a text or a choice) and what it means."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Row:
    """One row of a table: key, parts as literals (None where a part is an expression), comments under it."""

    key: str
    parts: tuple[object, ...]
    comments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The key as it is written down: SET_TIME reads `set_time`."""
        return self.key.lower()

    @property
    def names(self) -> list[str]:
        """The names of a record's fields, in order; its packed tail is none of them."""
        return [field.name for field in self.fields if field.name != "tail"]

    @property
    def request(self) -> list[str]:
        """The names of a message's fields, on the way to the device."""
        return self._directions()[0].split()

    @property
    def reply(self) -> list[str]:
        """The names of a message's fields, on the way back."""
        return self._directions()[1].split()

    def _directions(self) -> tuple[str, str]:
        heading = itertools.takewhile(lambda comment: not _FIELD.fullmatch(comment), self.comments)
        request, arrow, reply = " ".join(heading).partition("->")
        if not arrow:
            raise ValueError(f"{self.key}: no comment under it says `request fields -> reply fields`")
        return request, reply

    @property
    def fields(self) -> tuple[Field, ...]:
        """The comments that describe a field, in order."""
        found = (_FIELD.fullmatch(comment) for comment in self.comments)
        return tuple(Field(match[1], match[2], match[3]) for match in found if match)

    @property
    def meaning(self) -> str:
        """The comments as one text, for rows that are one value."""
        return " ".join(self.comments)


@dataclass(frozen=True)
class Constant:
    """A named number of the core."""

    name: str
    value: int
    meaning: str


def source_of(module_name: str) -> str:
    """Return the source text of a module of the core, for example `source_of("mmc_core.record")`."""
    module: ModuleType = importlib.import_module(module_name)
    return inspect.getsource(module)


def tables(source: str) -> dict[str, list[Row]]:
    """Return the tables of a module by name.

    A table is a name in capitals at the top of the module that stands for a dictionary of tuples, a tuple of tuples, or
    one tuple that begins with a text (a table of one row).

    Raises:
        SyntaxError: `source` is no Python.
    """
    comments = _comments(source)
    found: dict[str, list[Row]] = {}
    for name, value in _assignments(source):
        if isinstance(value, ast.Dict):
            pairs = [(ast.unparse(key), row) for key, row in zip(value.keys, value.values, strict=True) if key]
        elif isinstance(value, ast.Tuple) and value.elts and all(isinstance(row, ast.Tuple) for row in value.elts):
            pairs = [(str(_literal(row.elts[0])), row) for row in value.elts if isinstance(row, ast.Tuple) and row.elts]
        elif isinstance(value, ast.Tuple) and value.elts and isinstance(_literal(value.elts[0]), str):
            pairs = [(name, value)]
        else:
            continue
        rows = [
            Row(key, tuple(map(_literal, row.elts)), _comments_under(comments, row.end_lineno or 0))
            for key, row in pairs
            if isinstance(row, ast.Tuple)
        ]
        if rows:
            found[name] = rows
    return found


def constants(source: str, prefix: str = "") -> list[Constant]:
    """Return the constants of a module whose name begins with `prefix`, with the comment behind each."""
    comments = _comments(source)
    found: list[Constant] = []
    for name, value in _assignments(source):
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "const" and value.args:
            number = _literal(value.args[0])
            if isinstance(number, int) and name.startswith(prefix):
                found.append(Constant(name, number, comments.get(value.lineno, (0, ""))[1]))
    return found


@cache
def record_rows() -> dict[int, Row]:
    """Return the rows of the log's records by type."""
    return _rows_by_number("record")


@cache
def message_rows() -> dict[int, Row]:
    """Return the rows of the line's messages by kind."""
    return _rows_by_number("message")


def _rows_by_number(name: str) -> dict[int, Row]:
    source = source_of(f"mmc_core.{name}")
    numbers = {constant.name: constant.value for constant in constants(source)}
    return {numbers[row.key]: row for row in tables(source)[f"{name.upper()}S"]}


def setting_meanings() -> dict[str, str]:
    """Return what each setting means, by its name in the schema (channel settings without their `ch0_`)."""
    source = source_of("mmc_core.schema")
    comments = _comments(source)
    texts = (token for token in _tokens(source) if token.type == tokenize.STRING and token.string.startswith('"\\n'))
    return {
        str(ast.literal_eval(text.string))[1:].split("|")[0]: " ".join(_comments_under(comments, text.end[0]))
        for text in texts
        if "|" in text.string
    }


def _assignments(source: str) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            yield node.targets[0].id, node.value


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(source).readline)


def _comments(source: str) -> dict[int, tuple[int, str]]:
    """Return comments by line: the column where each begins, and its text."""
    return {
        token.start[0]: (token.start[1], token.string.lstrip("#").strip())
        for token in _tokens(source)
        if token.type == tokenize.COMMENT
    }


def _comments_under(comments: dict[int, tuple[int, str]], line: int) -> tuple[str, ...]:
    """Return the comments on the lines that follow `line` without a break."""
    found: list[str] = []
    while line + 1 in comments:
        line += 1
        found.append(comments[line][1])
    return tuple(found)
