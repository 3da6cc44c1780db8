"""Numbers as people read them: times, levels, shares, counts.

In:    numbers with the unit in the function's name
Out:   short text; a dash where there is no number
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

FEEDBACK_CUES = ("engage", "squeeze", "leak", "drift", "tired")  # buzzes about the muscle; others lead or count
RELATIVE_UNIT = "relative to an earlier placement's reference: compare within this session only"
DASH = "–"
NARROW = "\N{NARROW NO-BREAK SPACE}"

_UNITS = {"uV": "µV", "unknown": "(unit unknown)"}
_REASONS = {
    "fewer_reps": "fewer repetitions",
    "slowing": "repetitions got slower",
    "tremor": "the hold trembled",
    "clipped": "the signal was too strong for the amplifier",
    "flat": "there was no signal",
    "mains": "the mains hummed in it",
    "restless": "the muscle did not rest",
    "lead_off": "an electrode was off",
}


class Worn(Protocol):
    """What sits on a muscle: a channel, or what was found of one."""

    @property
    def muscle(self) -> str:
        """Its name."""
        ...

    @property
    def side(self) -> str:
        """Its side; "not stated"."""
        ...


def unit(name: str) -> str:
    """A channel's unit as it is printed: "%MVC", "%ref", "µV"."""
    return _UNITS.get(name, name)


def level(value: float | None, unit_name: str) -> str:
    """A level with its unit: "42 %MVC"."""
    if value is None:
        return DASH
    digits = 1 if abs(value) < 9.95 else 0
    return f"{value:.{digits}f}{NARROW}{unit(unit_name)}"


def clock(seconds: float) -> str:
    """A moment within the session: "1:23.4", "1:02:03.4"."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"


def length(seconds: float) -> str:
    """A length of time: "35 ms", "8.4 s", "2 min 31 s", "1 h 4 min"."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}{NARROW}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}{NARROW}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NARROW}min {whole % 60}{NARROW}s"
    return f"{whole // 3600}{NARROW}h {whole % 3600 // 60}{NARROW}min"


def share(part: float | None) -> str:
    """A share of 0 to 1 in percent: "71 %"."""
    return DASH if part is None else f"{100 * part:.0f}{NARROW}%"


def count(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 hold", "2 holds"."""
    return f"{number:,}".replace(",", NARROW) + " " + (one if number == 1 else many or one + "s")


def times(number: int) -> str:
    """How often: "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def percent(value: float | None, sign: str = "") -> str:
    """A value in percent: "14 %"; with sign="+" also "+14 %"."""
    return DASH if value is None else f"{value:{sign}.0f}{NARROW}%"


def muscle(worn: Worn) -> str:
    """A muscle with its side: "biceps brachii, right"."""
    return worn.muscle if worn.side == "not stated" else f"{worn.muscle}, {worn.side}"


def listed(names: Sequence[str]) -> str:
    """Names in a row: "1", "1 and 2", "1, 2 and 3"."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])


def reason(name: str) -> str:
    """Why, in words: "lead_off" reads "an electrode was off"."""
    return _REASONS.get(name, words(name))


def words(name: str) -> str:
    """A code name as words: "journal_full" reads "journal full"."""
    return name.replace("_", " ")
