"""Settings: one schema for both ends, and the only place where defaults stand.

In:    names and values from the host or from storage
Out:   checked values; UsageError with the value, the range and the likely fix
State: `Settings` holds one value per name
Cost:  the rows are read anew for each look-up; never touched per block
Source: this file; docs and the host's help come from the rows and the comment under each

A row is `name|range|default`. Ranges: `1..200`, both included; `<=16`, a text of at most so many bytes; else words. A
channel row exists once per channel, as `ch0_muscle` and so on. The rows are one text: a third of the heap of objects.
"""

from mmc_core.errors import UsageError

MAX_CHANNELS = 4

SCHEMA = (
    "\nwearer|<=16|anonymous"
    # a pseudonym that goes into every session's header; never a real name
    "\nmains_hz|off,50,60,auto|auto"
    # frequency of the mains where you train: the notch filter sits there; auto: where calibration found it, else 50
    "\nmains_found_hz|not yet,50,60|not yet"
    # the mains that a calibration heard last, while you were at rest; written by calibration
    "\nmains_harmonic|off,on|off"
    # a second notch at twice the mains; it takes a little of the EMG too
    "\nhighpass|off,on|on"
    # high-pass at 20 Hz against movement of cables and skin; off only for tests
    "\nlowpass|off,on|on"
    # low-pass at 450 Hz, above the EMG
    "\ntarget_channel|0..3|0"
    # the channel on the muscle that you want to feel
    "\ntarget_low_pct|1..200|25"
    # lower edge of the target band, percent of the reference; the report counts time inside the band
    "\ntarget_high_pct|1..200|75"
    # upper edge of the target band, percent of the reference
    "\nhold_enter_pct|5..100|20"
    # a hold begins when the target muscle goes over this, percent of the reference
    "\nhold_keep_pct|2..100|10"
    # and stays over this
    "\nhold_enter_ms|100..3000|500"
    # for this long
    "\nhold_leave_pct|2..100|8"
    # below this the muscle counts as let go, percent of the reference, however light the hold
    "\nhold_leave_ms|100..5000|1000"
    # a hold ends when the muscle has let go for this long; the end is dated back to the crossing
    "\nlost_share_pct|10..90|33"
    # the muscle counts as let go below this share of the hold's own level
    "\nlost_ms|10..1000|30"
    # for this long, then the device buzzes
    "\nregain_share_pct|15..100|50"
    # it counts as back above this share of the hold's own level
    "\nregain_ms|10..1000|100"
    # for this long
    "\nlog_mode|features,raw|features"
    # what a session logs: features (fits a workout), or raw EMG too (minutes)
    "\nautostart|off,on,always|on"
    # begin a session by itself after power-on and after calibration: once the target is calibrated, or always
    "\ncue_pulse_ms|60..500|150"
    # length of one pulse of the motor
    "\ncue_gap_ms|50..500|100"
    # silence between two pulses of one cue
    "\ncue_pulses|1..5|2"
    # pulses of the cue "you are losing the muscle"
    "\ncue_strength_pct|10..100|80"
    # strength of the motor
    "\ncue_rest_ms|300..60000|2000"
    # least time from the end of one cue to the start of the next
    "\ncue_engage|off,on|on"
    # buzz when the muscle lets go during a hold; off: only log it
    "\ncue_squeeze|off,on|on"
    # buzz at the turn of a repetition whose peak is below what is wanted
    "\ncue_tired|off,on|on"
    # buzz when it is time to stop
    "\ncue_leak|off,on|off"
    # buzz when a helper muscle takes over
    "\ncue_drift|off,on|off"
    # buzz when the posture leaves the pose of the hold's start
    "\ncue_milestone|off,on|off"
    # buzz at half of a set, at its last repetition, when the hold's time is up
    "\ncue_tick|off,on|off"
    # buzz for every repetition that counts
    "\ncue_band_pct|0..50|15"
    # stay silent while a value is within so many percent of what is wanted
    "\ncue_fade|off,on|on"
    # leave out ever more cues as it gets better
    "\ncue_probe_every|0..20|0"
    # every so many holds or repetitions one goes without cues, to see what has been learnt; 0: none
    "\ncue_max_per_min|1..30|12"
    # at most so many cues in a minute
    "\ncue_fastest_dps|0..2000|150"
    # no cue while the limb turns faster than this, in degrees per second: it would not be felt; 0: always
    "\npeak_pct|0..200|0"
    # what the top of a repetition should reach, percent of the reference; 0: the mean of the set's first three
    "\npeak_hold_ms|0..5000|0"
    # and for how long
    "\npassive_pct|1..50|8"
    # a repetition whose peak stays below this share of the reference was gone through, not done
    "\ndrift_deg|3..90|15"
    # how far the posture may leave the pose of a hold's start, degrees
)

CHANNEL_SCHEMA = (
    "\nmuscle|<=24|not stated"
    # SENIAM muscle name, for example biceps brachii
    "\nside|not stated,left,right,midline|not stated"
    # side of the body
    "\nsite|<=24|SENIAM"
    # electrode site, when it is not the one that SENIAM recommends
    "\nrole|none,helper,stabiliser,antagonist,mirror|none"
    # what it does while the target works: may help a little; should steady; should rest; is the other side's twin
    "\nreference_kind|none,mvc,ref|none"
    # what 100 % is: none yet; a maximum voluntary contraction; a sub-maximal reference contraction
    "\nreference_nv|0..100000000|0"
    # mean rectified amplitude that counts as 100 %, in nanovolt at the skin; written by calibration
    "\nrest_nv|0..100000000|0"
    # mean rectified amplitude at rest, in nanovolt at the skin; written by calibration
    "\ncalibrated_utc_s|0..2147483647|0"
    # when it was calibrated, in seconds since 1970 UTC; 0: the clock was not set; written by calibration
)


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
        raise UsageError("no setting is called {!r}{}".format(name, _suggestion(name)))
    return rows, at


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
        self._values = [find_row(name)[4] for name in names()]

    def _place(self, name):
        rows, at = _find(name)
        before = 0 if rows is SCHEMA else SCHEMA.count("\n") + int(name[2]) * CHANNEL_SCHEMA.count("\n")
        return before + rows.count("\n", 0, at)

    def __getitem__(self, name):
        return self._values[self._place(name)]

    def channel(self, channel, key):
        """The value of a channel's setting, for example channel(0, "muscle")."""
        return self["ch{}_{}".format(channel, key)]

    def restore(self, name, value):
        """Set one value as it was stored, with no consequences for others."""
        self._values[self._place(name)] = validate(name, value)

    def put(self, name, value):
        """Check and set one value. A new muscle, side or site ends the channel's calibration: it was the old one's."""
        value = validate(name, value)
        if name[3:] in ("_muscle", "_side", "_site") and value != self[name]:
            self.restore(name[:4] + "reference_kind", "none")
            self.restore(name[:4] + "reference_nv", 0)
        self._values[self._place(name)] = value
