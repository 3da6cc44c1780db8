"""Settings: values by name, checked against the schema; how they are carried and stored.

In:    names and values from the host or from storage
Out:   checked values; UsageError with the value, the range and the likely fix
State: `Settings` holds one value per name
Cost:  the rows are read anew for each look-up; never touched per block
Source: schema.py, which has every row and says how one is written
"""

from mmc_core.errors import UsageError, suggestion
from mmc_core.schema import CHANNEL_SCHEMA, MAX_CHANNELS, SCHEMA


def keys(rows):
    """Yield the name of each row of SCHEMA or CHANNEL_SCHEMA, in order."""
    at = 0
    while at >= 0:
        yield rows[at + 1 : rows.find("|", at)]
        at = rows.find("\n", at + 1)


def names():
    """Yield every setting's name, in the order of the schema, channel by channel."""
    yield from keys(SCHEMA)
    for channel in range(MAX_CHANNELS):
        for key in keys(CHANNEL_SCHEMA):
            yield "ch{}_{}".format(channel, key)


def find_row(name):  # type: (str) -> tuple
    """Return (key, kind, low, high, default), or raise UsageError that names the closest name.

    Kinds: "int" with low and high; "word" with the words in `low`; "text" with the longest length in `high`.
    """
    rows, at = _find(name)
    end = rows.find("\n", at + 1)
    key, limits, default = rows[at + 1 : end if end >= 0 else len(rows)].split("|")
    if limits[:2] == "<=":
        return key, "text", 0, int(limits[2:]), default
    low, dots, high = limits.partition("..")
    if dots:
        return key, "int", int(low), int(high), int(default)
    return key, "word", tuple(limits.split(",")), 0, default


def _find(name):
    """Return the text that has the row of a name, and where the row begins."""
    rows, key = SCHEMA, name
    if len(name) > 4 and name[:2] == "ch" and name[3] == "_" and name[2] in "0123":
        rows, key = CHANNEL_SCHEMA, name[4:]
    at = rows.find("\n" + key + "|")
    if at < 0 or "|" in key or "\n" in key:
        raise UsageError("no setting is called {!r}{}".format(name, suggestion(name, names())))
    return rows, at


def validate(name, value):
    """Return `value` as the schema's type (int or text); UsageError: out of range, or the name is unknown."""
    _, kind, low, high, default = find_row(name)
    if kind == "int":
        try:
            number = int(value)
        except ValueError:
            raise UsageError("{}: {!r} is no whole number; give {} to {}".format(name, value, low, high)) from None
        if not low <= number <= high:
            text = "{}: {} is out of range; give {} to {} (default {})"
            raise UsageError(text.format(name, number, low, high, default))
        return number
    text = str(value)
    if kind == "word" and text not in low:
        raise UsageError("{}: {!r} is not known; give one of {}".format(name, text, ", ".join(low)))
    if kind == "text" and (len(text.encode()) > high or "=" in text or "\x00" in text):
        raise UsageError("{}: {!r} is too long or holds '='; give at most {} bytes".format(name, text, high))
    return text


def to_wire(name, value):
    """Return (number, key) as records and messages carry a setting: a word as its position, a text behind `name=`."""
    _, kind, words, _, _ = find_row(name)
    if kind == "int":
        return value, name
    if kind == "word":
        return words.index(value), name
    return 0, name + "=" + value


def from_wire(number, key):
    """Undo `to_wire`; return (name, checked value) or raise UsageError."""
    name, _, text = key.partition("=")
    _, kind, words, _, _ = find_row(name)
    if kind == "word":
        if not 0 <= number < len(words):
            raise UsageError("{}: there is no choice {}".format(name, number))
        return name, words[number]
    return name, validate(name, number if kind == "int" else text)


class Settings:
    """All settings with their values; starts from the defaults."""

    def __init__(self, values=None):
        self.values = values or [find_row(name)[4] for name in names()]

    def copy(self):
        """The same values, to be changed apart."""
        return Settings(list(self.values))

    def _place(self, name):
        rows, at = _find(name)
        before = 0 if rows is SCHEMA else SCHEMA.count("\n") + int(name[2]) * CHANNEL_SCHEMA.count("\n")
        return before + rows.count("\n", 0, at)

    def __getitem__(self, name):
        return self.values[self._place(name)]

    def channel(self, channel, key):
        """The value of a channel's setting, for example channel(0, "muscle")."""
        return self["ch{}_{}".format(channel, key)]

    def restore(self, name, value):
        """Set one value as it was stored, with no consequences for others."""
        self.values[self._place(name)] = validate(name, value)

    def put(self, name, value):
        """Check and set one value. A new muscle, side or site ends the channel's calibration: it was the old one's.

        A new wearer ends those of all channels."""
        value = validate(name, value)
        if name == "wearer" and value != self[name]:
            for channel in range(MAX_CHANNELS):
                self.restore("ch{}_reference_kind".format(channel), "none")
        if name[3:] in ("_muscle", "_side", "_site") and value != self[name]:
            self.restore(name[:4] + "reference_kind", "none")
            self.restore(name[:4] + "reference_nv", 0)
        self.values[self._place(name)] = value


def mains_in_force_hz(config, found_hz=0):
    """Where the notch sits, 0: nowhere. Set to auto it is what was found, just now or once before, else 50."""
    word = config["mains_hz"]
    if word == "auto":
        word = found_hz or config["mains_found_hz"]
    return 0 if word == "off" else 50 if word == "not yet" else int(word)
