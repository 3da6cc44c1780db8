"""What is wrong with a program's file: every problem, with its line, its key, what is allowed and what was meant.

In:    the text of a TOML file
Out:   an `Exercise`, or problems; notes on what is not wrong but worth a look
State: none
Source: ranges are those of `keys`; rules between keys are here
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mmc_core import program
from mmc_core.errors import UsageError
from mmc_host.programs.exercise import Channel, Exercise
from mmc_host.programs.keys import ONLY_IN, Key, applies_in, channel_keys, number_keys, text_keys

_SILENT = ("sense", "mvc", "rest")  # a cue would spoil what they measure

# As SENIAM names them, without the parts of names that would not fit 24 bytes.
SENIAM_MUSCLES = (
    "trapezius descendens",
    "trapezius transversalis",
    "trapezius ascendens",
    "deltoideus anterior",
    "deltoideus medius",
    "deltoideus posterior",
    "biceps brachii",
    "triceps brachii lateral",
    "triceps brachii long",
    "longissimus",
    "iliocostalis",
    "multifidus",
    "gluteus maximus",
    "gluteus medius",
    "tensor fasciae latae",
    "rectus femoris",
    "vastus medialis",
    "vastus lateralis",
    "biceps femoris",
    "semitendinosus",
    "tibialis anterior",
    "peroneus longus",
    "peroneus brevis",
    "gastrocnemius medialis",
    "gastrocnemius lateralis",
    "soleus",
)
# Muscles that people train and for which SENIAM recommends no site.
OTHER_MUSCLES = (
    "pectoralis major",
    "latissimus dorsi",
    "serratus anterior",
    "teres major",
    "infraspinatus",
    "brachioradialis",
    "flexor carpi radialis",
    "extensor carpi radialis",
    "rectus abdominis",
    "obliquus externus",
    "adductor longus",
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file."""

    line: int  # 0: none in particular
    key: str
    what: str


def problem_text(file: str, problem: Problem) -> str:
    """A problem in one line: `file:line: key: what`."""
    place = f"{file}:{problem.line}" if problem.line else file
    return f"{place}: {problem.key}: {problem.what}" if problem.key else f"{place}: {problem.what}"


def parse(text: str, stem: str = "") -> tuple[Exercise | None, list[Problem]]:
    """Return the program in `text`, or None and everything that is wrong with it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        return None, [Problem(int(line[1]) if line else 0, "", f"is no TOML: {error}")]
    lines = _lines_of(text)
    problems: list[Problem] = []
    values = _take(document, {**text_keys(), **number_keys()}, -1, lines, problems, ["channel"])
    channels = _channels(document.get("channel"), lines, problems)
    if not problems:
        # What is wrong between keys is told where the key stands, or where the mode asks for it.
        mode_line = lines.get((-1, "mode"), 0)
        problems = [
            Problem(lines.get((channel, key), mode_line), key if channel < 0 else f"channel {channel}", what)
            for channel, key, what in _rules(document, values, channels)
        ]
    if problems:
        return None, sorted(problems, key=lambda problem: problem.line)
    texts = {name: str(values[name]).strip() for name in text_keys()}
    numbers = {name: int(values[name]) for name in number_keys()}
    return Exercise(stem, texts["name"], texts["description"], texts["evidence"], channels, numbers), []


def _lines_of(text: str) -> dict[tuple[int, str], int]:
    """Return in which line each key stands, by the number of its channel (-1: at the top)."""
    found: dict[tuple[int, str], int] = {}
    channel, is_in_text = -1, False
    for number, line in enumerate(text.splitlines(), 1):
        if not is_in_text:
            if re.match(r"\s*\[\[\s*channel\s*\]\]", line):
                channel += 1
                found[channel, ""] = number
            elif match := re.match(r"\s*\[*\s*[\"']?([\w-]+)[\"']?\s*[=.\]]", line):
                found.setdefault((channel, match[1]), number)
        is_in_text ^= (line.count('"""') + line.count("'''")) % 2 == 1
    return found


def _take(
    table: Mapping[str, Any],
    keys: Mapping[str, Key],
    channel: int,
    lines: Mapping[tuple[int, str], int],
    problems: list[Problem],
    others: Sequence[str] = (),
) -> dict[str, int | str]:
    """Return the value of every key, checked; tell what is wrong."""
    prefix = f"channel {channel}, " if channel >= 0 else ""
    start = lines.get((channel, ""), 0)
    for name in table:
        if name not in keys and name not in others:
            elsewhere = channel_keys() if channel < 0 else {**text_keys(), **number_keys()}
            hint = suggestion(name, [*keys, *others])
            if name in elsewhere:
                hint = "; it belongs below [[channel]]" if channel < 0 else "; it belongs above the first [[channel]]"
            problems.append(Problem(lines.get((channel, name), start), prefix + name, f"no such key{hint}"))
    values: dict[str, int | str] = {}
    for name, key in keys.items():
        line = lines.get((channel, name), start)
        if name in table:
            try:
                values[name] = _checked(key, table[name])
            except UsageError as error:
                problems.append(Problem(line, prefix + name, str(error)))
        elif key.default is None:
            problems.append(Problem(start, prefix + name, f"is missing; give {key.range_text}"))
        else:
            values[name] = key.default
    return values


def _checked(key: Key, value: object) -> int | str:
    """Return a value as the device has it (texts as they are); UsageError: what is wrong with it."""
    if key.kind == "int":
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{value!r} is no whole number; give {key.range_text}")
        if not key.low <= value <= key.high:
            unit = "" if key.unit == "-" else f" {key.unit}"
            raise UsageError(f"{value} is out of range; give {key.range_text}{unit} (default {key.default})")
        return value
    if key.kind == "words":
        if not isinstance(value, list):
            raise UsageError(f"{value!r} is no list; give {key.range_text}, for example {[next(iter(key.words))]}")
        return sum(1 << bit for bit in {_number_of(key, word) for word in cast(list[object], value)})
    if not isinstance(value, str):
        raise UsageError(f"{value!r} is no text; give {key.range_text}")
    if key.kind == "word":
        return _number_of(key, value)
    length = len(value.strip().encode())
    if not key.low <= length <= key.high:
        raise UsageError(f"has {length} bytes; give {max(key.low, 0)} to {key.high}")
    if key.high == program.TEXT_BYTES and ("=" in value or not value.isprintable()):
        raise UsageError(f"{value!r} holds '=' or a control character")
    return value.strip()


def _number_of(key: Key, word: object) -> int:
    if not isinstance(word, str) or word not in key.words:
        raise UsageError(f"{word!r} is not known; give {key.range_text}{suggestion(str(word), key.words)}")
    return key.words[word]


def _channels(tables: object, lines: Mapping[tuple[int, str], int], problems: list[Problem]) -> tuple[Channel, ...]:
    line = lines.get((-1, "channel"), 0)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast(list[object], tables)):
        what = "is missing" if tables is None else "is no list of tables"
        problems.append(Problem(line, "channel", f"{what}; give 1 to {program.MOST_CHANNELS} tables [[channel]]"))
        return ()
    found: list[Channel] = []
    for number, table in enumerate(cast(list[dict[str, Any]], tables)):
        keys = channel_keys()
        values = _take(table, keys, number, lines, problems)
        if values.keys() == keys.keys():
            found.append(Channel(*(str(keys[name].shown(values[name])) for name in ("role", "muscle", "side"))))
    if not 1 <= len(cast(list[object], tables)) <= program.MOST_CHANNELS:
        count = len(cast(list[object], tables))
        problems.append(Problem(line, "channel", f"there are {count}; give 1 to {program.MOST_CHANNELS}"))
    return tuple(found)


def _rules(
    document: Mapping[str, Any], values: Mapping[str, int | str], channels: Sequence[Channel]
) -> Iterator[tuple[int, str, str]]:
    """Yield (channel or -1, key, what is wrong) between keys that are right one by one."""
    mode = str(number_keys()["mode"].shown(values["mode"]))
    number = {name: int(values[name]) for name in number_keys()}
    for name in document:
        if not applies_in(name, mode):
            modes = next(modes for start, modes in ONLY_IN.items() if name.startswith(start))
            yield -1, name, f"means nothing in mode {mode}, only in {', '.join(modes)}; leave it out"
    if number["target_low_pct"] >= number["target_high_pct"]:
        yield -1, "target_low_pct", f"is not below target_high_pct ({number['target_high_pct']}): the band is empty"
    if mode in _SILENT and number["cues"]:
        yield -1, "cues", f"a cue would spoil what mode {mode} measures; write cues = []"
    if mode == "reps" and number["hold_s"]:
        yield -1, "hold_s", "means nothing in mode reps; a squeeze at the top is peak_hold_ms"
    if mode in (*_SILENT, "contract_relax") and not number["hold_s"]:
        yield -1, "hold_s", f"is needed in mode {mode}: give 1..{number_keys()['hold_s'].high} s"
    levels = [number[f"sense_{level}_pct"] for level in (1, 2, 3)]
    if mode == "sense" and (not levels[0] or (levels[2] and not levels[1])):
        yield -1, "sense_1_pct", "give the levels in order, from the first"
    if number["progress_step_pct"] and number["progress_limit_pct"] < number["target_high_pct"]:
        yield -1, "progress_limit_pct", f"is below target_high_pct ({number['target_high_pct']})"
    yield from _channel_rules(channels)


def _channel_rules(channels: Sequence[Channel]) -> Iterator[tuple[int, str, str]]:
    targets = [at for at, channel in enumerate(channels) if channel.role == "target"]
    if not targets:
        yield 0, "", "no channel is the target; exactly one muscle is the one to feel"
        return
    for at in targets[1:]:
        yield at, "role", f"channel {targets[0]} is the target already; exactly one muscle is the one to feel"
    target = channels[targets[0]]
    opposite = {"left": "right", "right": "left"}.get(target.side)
    for at, channel in enumerate(channels):
        if channel.role == "mirror" and (channel.muscle != target.muscle or channel.side != opposite):
            yield at, "role", "is no mirror: give it the target's muscle, and the two the sides left and right"
        before = [(other.muscle, other.side) for other in channels[:at]]
        if channel.muscle and (channel.muscle, channel.side) in before:
            twin = before.index((channel.muscle, channel.side))
            yield at, "muscle", f"channel {twin} has the same muscle and side"


def suggestion(name: str, known: Sequence[str] | Mapping[str, int]) -> str:
    """The closest known name, as a question; empty where none is close."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def notes(exercise: Exercise) -> list[str]:
    """Return what is not wrong but worth a look: muscles that nobody else calls so, or that SENIAM has no site for."""
    told: list[str] = []
    for at, channel in enumerate(exercise.channels):
        if channel.muscle in OTHER_MUSCLES:
            told.append(
                f"channel {at}: SENIAM recommends no site for the {channel.muscle}: say where the electrodes sit with "
                f"`mmc-host settings set ch{at}_site=...`"
            )
        elif channel.muscle and channel.muscle not in SENIAM_MUSCLES:
            hint = suggestion(channel.muscle, (*SENIAM_MUSCLES, *OTHER_MUSCLES))
            told.append(f"channel {at}: {channel.muscle!r} is no SENIAM name{hint}")
    return told
