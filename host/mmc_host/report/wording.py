"""Numbers as people read them: times, levels, shares, counts.

In:    numbers with the unit in the function's name
Out:   short text; a dash where there is no number
"""

from __future__ import annotations

from mmc_host.columns import Channel

DASH = "–"
NARROW = "\N{NARROW NO-BREAK SPACE}"

_UNITS = {"uV": "µV", "unknown": "(unit unknown)"}


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


def muscle(channel: Channel) -> str:
    """A muscle with its side: "biceps brachii, right"."""
    return channel.muscle if channel.side == "not stated" else f"{channel.muscle}, {channel.side}"


def words(name: str) -> str:
    """A code name as words: "journal_full" reads "journal full"."""
    return name.replace("_", " ")
