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
from array import array

from mmc_core.compat import const
from mmc_core.errors import FormatError
from mmc_core.settings import find_row

VERSION = const(1)
MAX_BYTES = const(175)  # of a program whose texts are as long as they may be; it fits one frame to the device
TEXT_BYTES = const(24)  # of the name and of each muscle, at most
MOST_CHANNELS = const(4)

# Places of the numbers of a program; what each is stands in `rows`.
MODE = const(0)
SETS = const(1)
REPS = const(2)
HOLD_S = const(3)
RELAX_S = const(4)
REST_S = const(5)
TARGET_LOW_PCT = const(6)
TARGET_HIGH_PCT = const(7)
SENSE_1_PCT = const(8)
SENSE_2_PCT = const(9)
SENSE_3_PCT = const(10)
TEMPO_DOWN_MS = const(11)
TEMPO_PAUSE_MS = const(12)
TEMPO_UP_MS = const(13)
PEAK_PCT = const(14)
PEAK_HOLD_MS = const(15)
DRIFT_DEG = const(16)
CUES = const(17)
CUE_BAND_PCT = const(18)
CUE_FADE = const(19)
CUE_PROBE_EVERY = const(20)
CUE_MAX_PER_MIN = const(21)
STOP_FATIGUE_PERMILLE = const(22)
STOP_LOST_COUNT = const(23)
PROGRESS_STEP_PCT = const(24)
PROGRESS_SHARE_PCT = const(25)
PROGRESS_SESSIONS = const(26)
PROGRESS_LIMIT_PCT = const(27)
ROWS = const(28)

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

ALL_CUES = const(
    0x7E2
)  # that a program may switch on: bit n is cue n of event.py; start, end and error are the device's
CUES_DEFAULT = const(0x422)  # engage, squeeze, tired
_NAMES = (
    "peak_pct peak_hold_ms drift_deg cue_band_pct cue_probe_every cue_max_per_min"  # settings that are called alike
)
_AS_THEY_ARE = bytes((PEAK_PCT, PEAK_HOLD_MS, DRIFT_DEG, CUE_BAND_PCT, CUE_PROBE_EVERY, CUE_MAX_PER_MIN))
_CUE_NAMES = "engage squeeze leak drift tick milestone tired"
_CUE_BITS = b"\x01\x05\x06\x07\x08\x09\x0a"  # the patterns of event.py, in that order


class Program:
    """One exercise. `numbers` are by place; `roles`, `sides` and `muscles` by channel.

    A muscle "" is the one that the settings name.
    """

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
        self.numbers = array("H", bytes(2 * ROWS))
        self.rows(self.row)
        numbers = self.numbers
        is_band = numbers[TARGET_LOW_PCT] < numbers[TARGET_HIGH_PCT]
        if targets != 1 or not is_band or numbers[CUES] & ~ALL_CUES or self._at != end:
            raise FormatError("program does not fit together")
        self._data = None

    def rows(self, take):
        """Every number: take(place, low, high, default) gives it. In a comment: its unit, and what it means."""
        take(MODE, MODE_HOLD, MODE_REST, MODE_HOLD)
        # MODE       what is asked of the target muscle
        take(SETS, 1, 20, 3)
        # -          sets
        take(REPS, 0, 100, 1)
        # -          repetitions, holds or contractions in a set; in a sense test how often each level is asked for;
        # 0: until the wearer stops
        take(HOLD_S, 0, 600, 0)
        # s          length of each hold or contraction; 0: as long as it lasts
        take(RELAX_S, 0, 120, 0)
        # s          time to relax between two holds or contractions of a set
        take(REST_S, 0, 900, 90)
        # s          rest between two sets
        take(TARGET_LOW_PCT, 1, 200, 25)
        # %          lower edge of the target band, percent of the reference
        take(TARGET_HIGH_PCT, 1, 200, 75)
        # %          upper edge of the target band, percent of the reference
        take(SENSE_1_PCT, 0, 100, 0)
        # %          sense test: first level to be felt for, percent of the reference
        take(SENSE_2_PCT, 0, 100, 0)
        # %          second level; 0: none
        take(SENSE_3_PCT, 0, 100, 0)
        # %          third level; 0: none
        take(TEMPO_DOWN_MS, 0, 20000, 0)
        # ms         length of the lowering (eccentric) part of a repetition; 0: free
        take(TEMPO_PAUSE_MS, 0, 20000, 0)
        # ms         pause where the lowering ends; 0: free
        take(TEMPO_UP_MS, 0, 20000, 0)
        # ms         length of the lifting (concentric) part; 0: free
        take(PEAK_PCT, 0, 200, 0)
        # %          what the top of a repetition should reach, percent of the reference; 0: the mean of the set's
        # first three
        take(PEAK_HOLD_MS, 0, 5000, 0)
        # ms         how long the squeeze at the top should last; 0: it need not last
        take(DRIFT_DEG, 3, 90, 15)
        # deg        how far the posture may leave the pose of a hold's start
        take(CUES, 0, ALL_CUES, CUES_DEFAULT)
        # CUE...     cues that may be given; `tired` is the one that says stop
        take(CUE_BAND_PCT, 0, 50, 15)
        # %          silent while a value is within so many percent of what is wanted; 0: off
        take(CUE_FADE, 0, 1, 1)
        # off/on     leave out ever more cues as it gets better
        take(CUE_PROBE_EVERY, 0, 20, 0)
        # -          every so many holds or repetitions one is a probe: no cues, marked in the log; 0: none
        take(CUE_MAX_PER_MIN, 1, 30, 12)
        # 1/min      at most so many cues in a minute
        take(STOP_FATIGUE_PERMILLE, 0, 1000, 0)
        # permille   say stop when the muscle has tired by this much since the set began; 0: the device's own limit
        take(STOP_LOST_COUNT, 0, 50, 0)
        # -          end the set when the muscle has let go this often in it; 0: never
        take(PROGRESS_STEP_PCT, 0, 20, 0)
        # %          move the target band up by this once it is mastered, in percent of the reference; 0: never
        take(PROGRESS_SHARE_PCT, 50, 100, 80)
        # %          mastered: at least this share of holds or repetitions was in the band
        take(PROGRESS_SESSIONS, 1, 20, 3)
        # -          in so many sessions, one after the other
        take(PROGRESS_LIMIT_PCT, 1, 200, 100)
        # %          the upper edge of the band is never moved beyond this

    def name_muscles(self, config):
        """Give the channels the muscles and sides that the program names; a new one ends the channel's calibration.

        Its target is what a calibration and a check judge from now on.
        """
        config.put("target_channel", self.target_channel)
        for channel in range(self.channels):
            key = "ch{}_".format(channel)
            if self.muscles[channel]:
                config.put(key + "muscle", self.muscles[channel])
            if self.sides[channel]:
                config.put(key + "side", find_row(key + "side")[2][self.sides[channel]])

    def apply_to(self, config, shift_pct):
        """Put what the program asks for into settings that are this session's own; the band is up by `shift_pct`."""
        self.name_muscles(config)
        numbers = self.numbers
        config.restore("target_low_pct", min(200, numbers[TARGET_LOW_PCT] + shift_pct))
        config.restore("target_high_pct", min(200, numbers[TARGET_HIGH_PCT] + shift_pct))
        for channel in range(self.channels):
            role = self.roles[channel]
            # What is no target's role is counted from 1 in the settings.
            word = find_row("ch0_role")[2][max(0, role - 1)]
            config.restore("ch{}_role".format(channel), word)
        for place, name in zip(_AS_THEY_ARE, _NAMES.split()):
            config.restore(name, numbers[place])
        config.restore("holds", "off" if numbers[MODE] == MODE_REPS else "on")
        config.restore("cue_fade", "on" if numbers[CUE_FADE] else "off")
        for pattern, name in zip(_CUE_BITS, _CUE_NAMES.split()):
            config.restore("cue_" + name, "on" if numbers[CUES] >> pattern & 1 else "off")

    def row(self, place, low, high, default):
        """The next number into its place."""
        self.numbers[place] = self.take(low, high, default)

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
