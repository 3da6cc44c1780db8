"""Every key of a program's file: its kind, unit, range, default and meaning.

In:    the rows of `mmc_core.program`: run for names, ranges and defaults; their comments for units and meanings
Out:   `Key`s by name: numbers in the order of the bytes, texts, and the keys of a channel
Cost:  milliseconds, once
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

from mmc_core import program
from mmc_host.schema import constants, source_of

_ROW = re.compile(r"^ +take\((\w+), .*\)\n((?: +# .*\n)+)", re.M)
_UNIT = re.compile(r"(\S+)\s{2,}(.*)")
ONLY_IN = {  # modes in which a key that begins so means anything
    "tempo_": ("reps",),
    "peak_": ("reps",),
    "sense_": ("sense",),
    "drift_": ("hold",),
    "target_": ("hold", "reps", "contract_relax"),
    "progress_": ("hold", "reps", "contract_relax"),
}


@dataclass(frozen=True)
class Key:
    """One key of a program's file."""

    name: str
    kind: str  # "int", "word", "words" (a list of them) or "text"
    unit: str
    low: int
    high: int  # of a text: its greatest length in bytes
    default: int | str | None  # None: it must be given; an "int" for words too, as the device has it
    words: Mapping[str, int]  # a word's number on the device; of "words": its bit
    meaning: str

    @property
    def range_text(self) -> str:
        """What may be given, for people."""
        if self.kind == "text":
            return f"text, <= {self.high} bytes"
        if self.kind == "int":
            return f"{self.low}..{self.high}"
        return ("any of " if self.kind == "words" else "") + ", ".join(self.words)

    def shown(self, number: int | str) -> int | str | list[str]:
        """A value as the file has it."""
        if isinstance(number, str) or self.kind in ("int", "text"):
            return number
        if self.kind == "words":
            return [word for word, bit in self.words.items() if number >> bit & 1]
        return next(word for word, value in self.words.items() if value == number)


def applies_in(name: str, mode: str) -> bool:
    """Whether a key means anything in a program of this mode."""
    return all(mode in modes for start, modes in ONLY_IN.items() if name.startswith(start))


def _words(module: str, prefix: str) -> dict[str, int]:
    """The constants of a core module whose name begins so, as words."""
    found = constants(source_of(f"mmc_core.{module}"), prefix)
    return {one.name.removeprefix(prefix).lower(): one.value for one in found}


@cache
def number_keys() -> dict[str, Key]:
    """Return the numbers of a program by name, in the order of the bytes."""
    rows: list[tuple[int, int, int, int]] = []

    def take(*row: int) -> None:
        rows.append(cast(tuple[int, int, int, int], row))

    program.Program.rows(cast(program.Program, None), take)
    comments = {name.lower(): comment for name, comment in _ROW.findall(source_of("mmc_core.program"))}
    found: dict[str, Key] = {}
    for name, (place, low, high, default) in zip(comments, rows, strict=True):
        assert place == len(found) == getattr(program, name.upper())
        comment = " ".join(line.strip().removeprefix("#").strip() for line in comments[name].splitlines())
        match = _UNIT.fullmatch(comment)
        assert match, f"mmc_core/program.py: the comment under {name} is not `unit  meaning`"
        unit, meaning = match[1], match[2]
        kind, words = "int", dict[str, int]()
        if unit == "off/on":
            kind, words = "word", {"off": 0, "on": 1}
        elif unit.endswith("..."):
            kind = "words"
            words = {word: bit for word, bit in _words("event", unit.replace("...", "_")).items() if high >> bit & 1}
        elif unit.isupper():
            kind, words = "word", _words("program", f"{unit}_")
        found[name] = Key(name, kind, "-" if words else unit, low, high, default, words, meaning)
    return found


@cache
def text_keys() -> dict[str, Key]:
    """Return the texts of a program by name; all but the name stay on the host."""
    rows = (
        ("name", program.TEXT_BYTES, None, "what the exercise is called; it travels to the device"),
        ("description", 2000, "", "how it is done and what to feel"),
        ("evidence", 4000, None, "what is known about it, for and against, and what is only custom"),
    )
    return {name: Key(name, "text", "-", 1, most, default, {}, meaning) for name, most, default, meaning in rows}


@cache
def channel_keys() -> dict[str, Key]:
    """Return the keys of a `[[channel]]` by name."""
    sides = {word.replace("_", " "): number for word, number in _words("program", "SIDE_").items()}
    return {
        "role": Key("role", "word", "-", 0, 5, None, _words("program", "ROLE_"), "what the muscle is for"),
        "muscle": Key(
            "muscle", "text", "-", 0, program.TEXT_BYTES, "", {},
            "SENIAM muscle name; left out: the muscle that the settings name for this channel",
        ),
        "side": Key(
            "side", "word", "-", 0, 3, 0, sides,
            "side of the body; left out: the side that the settings name",
        ),
    }  # fmt: skip


def all_keys() -> Iterator[tuple[str, Key, int | str | list[str] | None]]:
    """Yield (name, key, default as a file would have it) of every key; a channel's keys as `channel.role`."""
    groups = (("", text_keys()), ("channel.", channel_keys()), ("", number_keys()))
    for prefix, keys in groups:
        for key in keys.values():
            yield prefix + key.name, key, None if key.default is None else key.shown(key.default)


def key_table() -> str:
    """Return the table of all keys for docs/programs.md."""
    lines = ["| key | unit | range | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for name, key, default in all_keys():
        shown = ", ".join(default) if isinstance(default, list) else default
        shown = "must be given" if shown is None else shown if shown != "" else "none"
        lines.append(f"| `{name}` | {key.unit} | {key.range_text} | {shown} | {key.meaning} |")
    return "\n".join(lines) + "\n"
