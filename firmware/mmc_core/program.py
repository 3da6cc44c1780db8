"""What is to be trained: muscles and their roles, holds or repetitions, the target band, cues, when to stop, progress.

In:    bytes that the host compiled from a TOML file
Out:   a Program, one attribute per row; FormatError: damaged bytes, a value out of range, not exactly one target
State: where the bytes are read; a Program does not change afterwards
Cost:  once per program; a Program takes about half a kilobyte of heap
Source: this file. mmc_host/programs runs `rows` for names, ranges and defaults, reads unit and meaning from the comment
        under each row, and writes the bytes by the same methods: the device keeps no table and needs no writer

The bytes are: version (1), name, number of channels (1), for each channel role (1), side (1) and muscle; the rows;
CRC-32 of all before it. A text is one length byte and UTF-8; a row is one byte, or two where its range needs them,
little-endian. Rows missing at the end have their defaults: a new row goes to the end and needs no new version.
"""

import binascii

from mmc_core.compat import const
from mmc_core.errors import FormatError

VERSION = const(1)
MAX_BYTES = const(175)  # of a program whose texts are as long as they may be; it fits one frame to the device
TEXT_BYTES = const(24)  # of the name and of each muscle, at most
MOST_CHANNELS = const(4)

MODE_HOLD = const(0)  # keep the target muscle in its band, without moving
MODE_REPS = const(1)  # move, and feel the target muscle in every repetition
MODE_CONTRACT_RELAX = const(2)  # tighten and relax on cue: how fast the muscle answers, both ways
MODE_SENSE = const(3)  # hold what feels like the levels asked for; no cues, the error is what counts
MODE_MVC = const(4)  # contract as hard as you can: what 100 % is
MODE_REST = const(5)  # relax: what 0 % is

ROLE_NONE = const(0)  # recorded only
ROLE_TARGET = const(1)  # the muscle to feel; exactly one
ROLE_HELPER = const(2)  # helps, and should not take over
ROLE_STABILISER = const(3)  # should join
ROLE_ANTAGONIST = const(4)  # pulls the other way, and should stay quiet
ROLE_MIRROR = const(5)  # the target of the other side

SIDE_NOT_STATED = const(0)  # as the settings have it
SIDE_LEFT = const(1)
SIDE_RIGHT = const(2)
SIDE_MIDLINE = const(3)

CUES = const(0x7E2)  # that a program may switch on: bit n is cue n of event.py; start, end and error are the device's
CUES_DEFAULT = const(0x422)  # engage, squeeze, tired


class Program:
    """One exercise. `roles`, `sides` and `muscles` are by channel; a muscle "" is the one that the settings name."""

    def __init__(self, data, end):
        self._data = data
        self._end = end
        self._at = 0
        self.take(VERSION, VERSION, VERSION)
        self.name = self.text()
        self.channels = self.take(1, MOST_CHANNELS, 1)
        self.roles = bytearray(MOST_CHANNELS)
        self.sides = bytearray(MOST_CHANNELS)
        self.muscles = [""] * MOST_CHANNELS
        targets = 0
        for channel in range(self.channels):
            self.roles[channel] = self.take(ROLE_NONE, ROLE_MIRROR, ROLE_NONE)
            if self.roles[channel] == ROLE_TARGET:
                targets += 1
                self.target_channel = channel
            self.sides[channel] = self.take(SIDE_NOT_STATED, SIDE_MIDLINE, SIDE_NOT_STATED)
            self.muscles[channel] = self.text()
        self.rows(self.take)
        if targets != 1 or self.target_low_pct >= self.target_high_pct or self.cues & ~CUES or self._at != end:
            raise FormatError("program does not fit together")
        self._data = None

    def rows(self, take):
        """Every number of a program: take(low, high, default) gives it. In a comment: its unit, and what it means."""
        self.mode = take(MODE_HOLD, MODE_REST, MODE_HOLD)
        # MODE       what is asked of the target muscle
        self.sets = take(1, 20, 3)
        # -          sets
        self.reps = take(0, 100, 1)
        # -          repetitions, holds or contractions in a set; in a sense test how often each level is asked for;
        # 0: until the wearer stops
        self.hold_s = take(0, 600, 0)
        # s          length of each hold or contraction; 0: as long as it lasts
        self.relax_s = take(0, 120, 0)
        # s          time to relax between two holds or contractions of a set
        self.rest_s = take(0, 900, 90)
        # s          rest between two sets
        self.target_low_pct = take(1, 200, 25)
        # %          lower edge of the target band, percent of the reference
        self.target_high_pct = take(1, 200, 75)
        # %          upper edge of the target band, percent of the reference
        self.sense_1_pct = take(0, 100, 0)
        # %          sense test: first level to be felt for, percent of the reference
        self.sense_2_pct = take(0, 100, 0)
        # %          second level; 0: none
        self.sense_3_pct = take(0, 100, 0)
        # %          third level; 0: none
        self.tempo_down_ms = take(0, 20000, 0)
        # ms         length of the lowering (eccentric) part of a repetition; 0: free
        self.tempo_pause_ms = take(0, 20000, 0)
        # ms         pause where the lowering ends; 0: free
        self.tempo_up_ms = take(0, 20000, 0)
        # ms         length of the lifting (concentric) part; 0: free
        self.peak_pct = take(0, 200, 0)
        # %          what the top of a repetition should reach, percent of the reference; 0: the mean of the set's
        # first three
        self.peak_hold_ms = take(0, 5000, 0)
        # ms         how long the squeeze at the top should last; 0: it need not last
        self.drift_deg = take(3, 90, 15)
        # deg        how far the posture may leave the pose of a hold's start
        self.cues = take(0, CUES, CUES_DEFAULT)
        # CUE...     cues that may be given; `tired` is the one that says stop
        self.cue_band_pct = take(0, 50, 15)
        # %          silent while a value is within so many percent of what is wanted; 0: off
        self.cue_fade = take(0, 1, 1)
        # off/on     leave out ever more cues as it gets better
        self.cue_probe_every = take(0, 20, 0)
        # -          every so many holds or repetitions one is a probe: no cues, marked in the log; 0: none
        self.cue_max_per_min = take(1, 30, 12)
        # 1/min      at most so many cues in a minute
        self.stop_fatigue_permille = take(0, 1000, 0)
        # permille   say stop when the muscle has tired by this much since the set began; 0: the device's own limit
        self.stop_lost_count = take(0, 50, 0)
        # -          end the set when the muscle has let go this often in it; 0: never
        self.progress_step_pct = take(0, 20, 0)
        # %          move the target band up by this once it is mastered, in percent of the reference; 0: never
        self.progress_share_pct = take(50, 100, 80)
        # %          mastered: at least this share of holds or repetitions was in the band
        self.progress_sessions = take(1, 20, 3)
        # -          in so many sessions, one after the other
        self.progress_limit_pct = take(1, 200, 100)
        # %          the upper edge of the band is never moved beyond this

    def take(self, low, high, default):
        """The next number: one byte, or two where `high` needs them."""
        at = self._at
        if at >= self._end:
            return default
        value = self._data[at]
        if high > 255:
            at += 1
            value |= self._data[at] << 8
        if not low <= value <= high:
            raise FormatError("program, byte {}: {} is not {} to {}".format(at, value, low, high))
        self._at = at + 1
        return value

    def text(self):
        """The next text."""
        at = self._at + 1
        self._at = end = at + self._data[at - 1]
        try:
            if end <= min(self._end, at + TEXT_BYTES):
                return str(bytes(self._data[at:end]), "utf-8")
        except ValueError:
            pass
        raise FormatError("program, byte {}: no text, or too long".format(at))


def decode(data):
    """Return the Program in `data`, or raise FormatError with the reason."""
    end = len(data) - 4
    if end < 1 or int.from_bytes(data[end:], "little") != binascii.crc32(memoryview(data)[:end]):
        raise FormatError("program checksum does not match")
    return Program(data, end)
