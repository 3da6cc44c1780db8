"""What is written down: every record of a session as a row of one table, from which both ends work.

In:    field values (integers, text), or bytes of any content
Out:   bytes in a caller's buffer; decoding.py goes the other way
State: none
Cost:  encoding allocates nothing but what `struct` does with values beyond small integers
Source: this file. FORMAT.md is generated from the tables and the comment under each row

A record is: type (1 byte), body length (1 byte), body. Codes are those of `struct` (little-endian) and `t`: text as one
length byte and UTF-8. A row may end in a packed tail of 12-bit or 16-bit integers. All `t_samples` count EMG samples
since the session began, lost ones included, so that one counter is the time base of everything in a session.
"""

import struct

from mmc_core.compat import const

FORMAT_MAJOR = const(1)  # readers refuse a greater one
FORMAT_MINOR = const(5)  # grows with every added field or type; readers take what they know and skip the rest

SESSION = const(0x01)
CHANNEL = const(0x02)
SETTING = const(0x03)
PROGRAM = const(0x04)
FEATURES = const(0x10)
IMU = const(0x11)
EVENT = const(0x12)
GAP = const(0x13)
RAW = const(0x14)
CLOCK = const(0x15)
FAULT = const(0x16)
PACKED = const(0x17)
VITALS = const(0x18)
END = const(0x1F)
ACKNOWLEDGEMENT = const(0x20)

TAIL_12 = const(12)  # pairs of 12-bit integers in three bytes, the first in the low bits
TAIL_16 = const(16)
TAIL_BYTES = const(8)

# type: (codes, tail). The comments under a row name its fields, in order: the host reads them (mmc_host/schema.py), the
# device has no need of names.
RECORDS = {
    SESSION: ("BBIIBQHBBHHHBBtttt", 0),
    # format_major       -         log format, major: readers refuse a greater one
    # format_minor       -         log format, minor: readers skip what they do not know
    # session            -         session number on this device, from 1
    # boot_count         -         how often the device had started
    # reset_cause        -         why it last started (0 unknown, 1 power on, 2 hard, 3 watchdog, 4 sleep, 5 soft,
    # 6 brown-out)
    # utc_ms             ms        wall clock at sample 0, since 1970 UTC; 0: clock not set
    # rate_hz            Hz        EMG samples per second and channel, nominal
    # block_samples      samples   samples of one processing block
    # frame_blocks       blocks    blocks of one feature frame
    # imu_rate_hz        Hz        IMU readings per second that enter the log
    # accel_ug_per_lsb   ug        accelerometer scale of the logged 12-bit value (millionths of standard gravity)
    # gyro_mdps_per_lsb  mdps      gyroscope scale of the logged 12-bit value
    # channels           -         EMG channels
    # log_mode           -         0: features; 1: features and raw EMG
    # device             -         device's identity
    # firmware           -         software version
    # board              -         board's name
    # wearer             -         pseudonym of the wearer
    CHANNEL: ("BBBHIIQttt", 0),
    # channel            -         index of the EMG channel, from 0
    # side               -         0: not stated; 1: left; 2: right; 3: midline
    # reference_kind     -         0: not calibrated; 1: maximum (%MVC); 2: sub-maximal reference (%ref)
    # rest_q3            counts/8  envelope at rest, found by calibration
    # reference_q3       counts/8  envelope that counts as 100 %; 0: not calibrated
    # nv_per_count       nV        scale of one EMG count at the skin
    # calibrated_utc_ms  ms        when it was calibrated; 0: not known
    # muscle             -         SENIAM muscle name
    # site               -         electrode site
    # units              -         unit of this channel's envelope values: `permille` of the reference, or `uV`
    SETTING: ("it", 0),
    # value              -         integer value; the position in the list of words where the setting is a word
    # key                -         setting's name, with unit
    PROGRAM: ("BBB", TAIL_BYTES),
    # slot               -         where the wearable keeps the program, from 1
    # shift_pct          %         how far practice has moved the target band up, percent of the reference
    # streak             -         sessions in a row, before this one, in which the band was mastered
    # tail               -         the program's bytes, see Programs
    FEATURES: ("IBBBBHH", TAIL_12),
    # t_samples          samples   first sample of the first frame
    # frame_samples      samples   samples in each frame but the last
    # frames             -         number of frames, 1 to 16
    # last_frame_samples samples   samples in the last frame (fewer before a gap or the end)
    # channels           -         envelope values per frame
    # motor              bits      bit i: the motor ran or spun down during frame i; nothing was scored
    # quality            bits      bits 0-3 of a channel: clipped, flat or electrode off, mains, spike; over all frames
    # tail               permille  display envelope at the end of each frame, channel by channel (unit: CHANNEL.units)
    IMU: ("IHBB", TAIL_12),
    # t_samples          samples   time of the first reading
    # interval_samples   samples   from one reading to the next
    # readings           -         number of readings, 1 to 8
    # motor              bits      bit i: the motor ran or spun down at reading i
    # tail               -         ax ay az (signed, accel_ug_per_lsb) and |gyro| (gyro_mdps_per_lsb) per reading
    EVENT: ("IBBhhBB", 0),
    # t_samples          samples   when it was decided; hold_end: when the threshold was crossed
    # kind               -         what happened, see the table of events
    # channel            -         EMG channel it is about; 255: none
    # value              permille  the measured value that decided (motor_on: strength in %; motor_off: length in ms)
    # threshold          permille  what it was compared with
    # reason             -         why, see the table of reasons (cues: the pattern)
    # motor              -         1: the motor ran or spun down at that moment
    GAP: ("IIB", 0),
    # t_samples          samples   counter of the first lost sample
    # lost_samples       samples   how many were lost on every channel
    # cause              -         1: the sampler's ring overran; 2: the front end reported a loss; 3: it gave nothing
    RAW: ("IBBB", TAIL_16),
    # t_samples          samples   counter of the first sample
    # samples            samples   samples per channel
    # channels           -         channels, interleaved
    # motor              -         1: the motor ran or spun down during this block
    # tail               counts    EMG counts; then ax ay az gx gy gz of the IMU, if a reading came with the block
    PACKED: ("IBBBB", TAIL_BYTES),
    # t_samples          samples   counter of the first sample of the first block that begins here
    # samples            samples   samples per channel and block
    # channels           -         channels
    # blocks             -         blocks that begin here, one behind the other
    # carried            bytes     bytes before them, the end of the last block of the packed record before
    # tail               -         EMG counts and IMU readings of the blocks, see Packed raw EMG
    CLOCK: ("IQ", 0),
    # t_samples          samples   sample counter at which the wall clock was read
    # utc_ms             ms        wall clock, since 1970 UTC
    FAULT: ("IBi", 0),
    # t_samples          samples   when
    # code               -         what failed, see the table of faults
    # detail             -         a number that helps to find it
    VITALS: ("IHHIbhB", 0),
    # t_samples          samples   when; one stands in the header, one at the end
    # late_p50_us        us        samples came late by no more than this, one half of them since the front end began
    # late_p99_us        us        likewise 99 in a hundred
    # late_max_us        us        likewise all
    # battery_pct        %         what is left; -1: it can't tell
    # battery_min        min       time left; -1: it can't tell
    # power              bits      bit 0: USB power is there
    END: ("IIIHHB", 0),
    # t_samples          samples   counter at the end: samples + lost_samples
    # samples            samples   samples processed
    # lost_samples       samples   samples in gaps
    # dropped_pages      -         pages that found no erased flash
    # cues               -         cues given
    # reason             -         1: asked to; 2: journal full; 3: battery low; 4: nothing happened any more
    ACKNOWLEDGEMENT: ("I", TAIL_BYTES),
    # bytes              bytes     size of the session as the host verified it
    # tail               -         SHA-256 of the session's bytes, 32 bytes
}


def tail_bytes(tail_kind, count):
    """Bytes that a packed tail of `count` values takes (TAIL_BYTES: the count itself)."""
    if tail_kind == TAIL_12:
        return (3 * count + 1) // 2
    return 2 * count if tail_kind == TAIL_16 else count


def encode_into(buffer, offset, kind, values, tail=None, count=0, limit=0):
    """Write one record at `offset`; return the offset behind it, or 0 when it does not fit below `limit`.

    values: the fields in table order. tail: `count` integers (their low 12 or 16 bits are kept), or bytes.
    limit: end of the room in bytes; 0: the buffer's length.
    """
    codes, tail_kind = RECORDS[kind]
    text_count = codes.count("t")
    fixed = "<" + codes[: len(codes) - text_count]
    texts = [text.encode() for text in values[len(values) - text_count :]] if text_count else ()
    at = offset + 2 + struct.calcsize(fixed)
    end = at + sum(1 + len(text) for text in texts) + (tail_bytes(tail_kind, count) if tail_kind else 0)
    if end > (limit or len(buffer)) or end - offset - 2 > 255:
        return 0
    buffer[offset] = kind
    buffer[offset + 1] = end - offset - 2
    struct.pack_into(fixed, buffer, offset + 2, *values[: len(values) - text_count])
    for text in texts:
        buffer[at] = len(text)
        buffer[at + 1 : at + 1 + len(text)] = text
        at += 1 + len(text)
    if tail_kind == TAIL_12:
        for i in range(0, count, 2):
            low = tail[i] & 0xFFF
            high = tail[i + 1] & 0xFFF if i + 1 < count else 0
            buffer[at] = low & 0xFF
            buffer[at + 1] = low >> 8 | (high & 0xF) << 4
            if i + 1 < count:
                buffer[at + 2] = high >> 4
            at += 3
    elif tail_kind == TAIL_16:
        for i in range(count):
            struct.pack_into("<H", buffer, at + 2 * i, tail[i] & 0xFFFF)
    elif tail_kind:
        buffer[at:end] = tail[:count]
    return end
