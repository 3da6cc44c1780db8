"""Settings: one schema for both ends, and the only place where defaults stand.

In:    names and values from the host or from storage
Out:   checked values; UsageError with the value, the range and the likely fix
State: `Settings` holds one value per name
Cost:  a dictionary of about fifty entries; never touched per block
Source: this file. Docs and the host's help are generated from the rows and the comment under each

A row is: (name, kind, low, high, default). Kinds: "int" with low and high included; "word" with the words in `low`;
"text" with the longest length in `high`. Channel rows exist once per channel, as `ch0_muscle`, `ch1_muscle` and so on.
"""

from mmc_core.errors import UsageError

MAX_CHANNELS = 4

SCHEMA = (
    ("wearer", "text", 0, 16, "anonymous"),
    # a pseudonym that goes into every session's header; never a real name
    ("mains_hz", "word", ("off", "50", "60", "auto"), 0, "auto"),
    # frequency of the mains where you train: the notch filter sits there; auto: where calibration found it, else 50
    ("mains_found_hz", "word", ("not yet", "50", "60"), 0, "not yet"),
    # the mains that a calibration heard last, while you were at rest; written by calibration
    ("mains_harmonic", "word", ("off", "on"), 0, "off"),
    # a second notch at twice the mains; it takes a little of the EMG too
    ("highpass", "word", ("off", "on"), 0, "on"),
    # high-pass at 20 Hz against movement of cables and skin; off only for tests
    ("lowpass", "word", ("off", "on"), 0, "on"),
    # low-pass at 450 Hz, above the EMG
    ("target_channel", "int", 0, 3, 0),
    # the channel on the muscle that you want to feel
    ("target_low_pct", "int", 1, 200, 25),
    # lower edge of the target band, percent of the reference; the report counts time inside the band
    ("target_high_pct", "int", 1, 200, 75),
    # upper edge of the target band, percent of the reference
    ("hold_enter_pct", "int", 5, 100, 20),
    # a hold begins when the target muscle goes over this, percent of the reference
    ("hold_keep_pct", "int", 2, 100, 10),
    # and stays over this
    ("hold_enter_ms", "int", 100, 3000, 500),
    # for this long
    ("hold_leave_pct", "int", 2, 100, 8),
    # below this the muscle counts as let go, percent of the reference, however light the hold
    ("hold_leave_ms", "int", 100, 5000, 1000),
    # a hold ends when the muscle has let go for this long; the end is dated back to the crossing
    ("lost_share_pct", "int", 10, 90, 33),
    # the muscle counts as let go below this share of the hold's own level
    ("lost_ms", "int", 10, 1000, 30),
    # for this long, then the device buzzes
    ("regain_share_pct", "int", 15, 100, 50),
    # it counts as back above this share of the hold's own level
    ("regain_ms", "int", 10, 1000, 100),
    # for this long
    ("log_mode", "word", ("features", "raw"), 0, "features"),
    # what a session logs: features (fits a workout), or raw EMG too (minutes)
    ("autostart", "word", ("off", "on", "always"), 0, "on"),
    # begin a session by itself after power-on and after calibration: once the target is calibrated, or always
    ("cue_pulse_ms", "int", 60, 500, 150),
    # length of one pulse of the motor
    ("cue_gap_ms", "int", 50, 500, 100),
    # silence between two pulses of one cue
    ("cue_pulses", "int", 1, 5, 2),
    # pulses of the cue "you are losing the muscle"
    ("cue_strength_pct", "int", 10, 100, 80),
    # strength of the motor
    ("cue_rest_ms", "int", 300, 60000, 2000),
    # least time from the end of one cue to the start of the next
    ("cue_engage", "word", ("off", "on"), 0, "on"),
    # buzz when the muscle lets go during a hold; off: only log it
)  # type: tuple[tuple, ...]

CHANNEL_SCHEMA = (
    ("muscle", "text", 0, 24, "not stated"),
    # SENIAM muscle name, for example biceps brachii
    ("side", "word", ("not stated", "left", "right", "midline"), 0, "not stated"),
    # side of the body
    ("site", "text", 0, 24, "SENIAM"),
    # electrode site, when it is not the one that SENIAM recommends
    ("reference_kind", "word", ("none", "mvc", "ref"), 0, "none"),
    # what 100 % is: none yet; a maximum voluntary contraction; a sub-maximal reference contraction
    ("reference_nv", "int", 0, 100000000, 0),
    # mean rectified amplitude that counts as 100 %, in nanovolt at the skin; written by calibration
    ("rest_nv", "int", 0, 100000000, 0),
    # mean rectified amplitude at rest, in nanovolt at the skin; written by calibration
    ("calibrated_utc_s", "int", 0, 2147483647, 0),
    # when it was calibrated, in seconds since 1970 UTC; 0: the clock was not set; written by calibration
)  # type: tuple[tuple, ...]


def names():
    """Yield every setting's name, in the order of the schema, channel by channel."""
    for row in SCHEMA:
        yield row[0]
    for channel in range(MAX_CHANNELS):
        for row in CHANNEL_SCHEMA:
            yield "ch{}_{}".format(channel, row[0])


def find_row(name):
    """Return the schema row of a name, or raise UsageError that names the closest one."""
    rows, key = SCHEMA, name
    if len(name) > 4 and name[:2] == "ch" and name[3] == "_" and name[2] in "0123":
        rows, key = CHANNEL_SCHEMA, name[4:]
    for row in rows:
        if row[0] == key:
            return row
    raise UsageError("no setting is called {!r}{}".format(name, _suggestion(name)))


def _suggestion(name):
    """The known name that shares most of its beginning and end with `name`, as a question."""
    best, best_score = "", 2
    for known in names():
        score = 0
        while score < len(name) and score < len(known) and name[score] == known[score]:
            score += 1
        tail = 0
        while tail < len(name) and tail < len(known) and name[-1 - tail] == known[-1 - tail]:
            tail += 1
        if score + tail > best_score:
            best, best_score = known, score + tail
    return "; did you mean {!r}?".format(best) if best else ""


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

    def __init__(self):
        self._values = {}
        for name in names():
            self._values[name] = find_row(name)[4]

    def __getitem__(self, name):
        return self._values[name]

    def channel(self, channel, key):
        """The value of a channel's setting, for example channel(0, "muscle")."""
        return self._values["ch{}_{}".format(channel, key)]

    def restore(self, name, value):
        """Set one value as it was stored, with no consequences for others."""
        self._values[name] = validate(name, value)

    def put(self, name, value):
        """Check and set one value. A new muscle, side or site ends the channel's calibration: it was the old one's."""
        value = validate(name, value)
        if name[3:] in ("_muscle", "_side", "_site") and value != self._values[name]:
            self._values[name[:4] + "reference_kind"] = "none"
            self._values[name[:4] + "reference_nv"] = 0
        self._values[name] = value
