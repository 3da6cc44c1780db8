"""Messages of the sync protocol: one table of requests and replies, executed by both ends.

In:    field values; or payload bytes of any content
Out:   payload bytes; or field values, ValueError where they do not fit
State: none
Cost:  one small list per message
Source: this file. FORMAT.md is generated from the table and the comment under each row
"""

import struct

from mmc_core.compat import const

PROTOCOL_MAJOR = const(1)
PROTOCOL_MINOR = const(2)

HELLO = const(0x01)
STATUS = const(0x02)
LIST = const(0x03)
READ = const(0x04)
ACKNOWLEDGE = const(0x05)
SET_TIME = const(0x06)
GET_SETTING = const(0x07)
PUT_SETTING = const(0x08)
CONTROL = const(0x09)
GET_PROGRAM = const(0x0A)
PUT_PROGRAM = const(0x0B)
CHECKED = const(0x0C)
BYE = const(0x0D)
RATE = const(0x0E)
HEALTH = const(0x0F)
REPLY = const(0x80)  # a reply's kind is its request's with this bit
REFUSED = const(0xFF)

# kind: (request codes, reply codes); codes as in record.py, `*`: bytes to the end. The comments under a row name the
# fields of request and reply, then say what each is: the host reads them (mmc_host/schema.py).
MESSAGES = {
    HELLO: ("BB", "BBBBttt"),
    # protocol_major protocol_minor -> protocol_major protocol_minor format_major format_minor firmware device board
    # protocol_major     -         sync protocol, major: the ends must agree
    # protocol_minor     -         sync protocol, minor: the lesser one is spoken
    # format_major       -         log format, major
    # format_minor       -         log format, minor
    # firmware           -         software version
    # device             -         device's identity
    # board              -         board's name
    STATUS: ("", "QQBBBHHHHHBB"),
    # -> uptime_ms utc_ms activity calibration_phase calibration_result session open_faults ready_blocks free_blocks
    # blocks fault motor
    # uptime_ms          ms        since the device started
    # utc_ms             ms        wall clock; 0: not set
    # activity           -         0: preparing flash; 1: idle; 2: recording; 3: calibrating; 4: checking; 5: asking
    # calibration_phase  -         0: none yet; 1: rest; 2, 3, 4: the contractions; 5: done; 6: refused
    # calibration_result -         0: good, else why it was refused, see CALIBRATION_; high four bits: the channel
    # session            -         number of the newest session
    # open_faults        -         faults since the device started
    # ready_blocks       blocks    erased ahead
    # free_blocks        blocks    free for sessions
    # blocks             blocks    size of the journal
    # fault              -         code of the newest fault; 0: none
    # motor              bits      bit 0: the motor runs; bit 1: its wearer points at this device
    LIST: ("H", "HIBB"),
    # after_session -> session bytes state more
    # after_session      -         the reply names the next unacknowledged session above this number
    # session            -         its number; 0: there is none
    # bytes              bytes     its size so far
    # state              bits      bit 0: closed
    # more               -         1: later sessions exist
    READ: ("HII", "HI*"),
    # session offset count -> session offset data
    # session            -         session number
    # offset             bytes     where to begin, from the session's first byte
    # count              bytes     how much to send; it comes in as many replies as it takes
    # data               -         bytes from `offset` on; none: the end was reached
    ACKNOWLEDGE: ("HI*", "HB"),
    # session bytes sha256 -> session result
    # session            -         session number
    # bytes              bytes     size that the host holds
    # sha256             -         SHA-256 of them, 32 bytes
    # result             -         0: verified, the device may free it; else see the results
    SET_TIME: ("Q", "B"),
    # utc_ms -> result
    # utc_ms             ms        wall clock, since 1970 UTC
    # result             -         0: done
    GET_SETTING: ("B", "Bit"),
    # index -> count value key
    # index              -         position in the schema
    # count              -         how many settings there are
    # value              -         its value (a word: its position among the words; a text: see `key`)
    # key                -         name; for a text setting `name=text`
    PUT_SETTING: ("it", "B"),
    # value key -> result
    # value              -         new value
    # key                -         name; for a text setting `name=text`
    # result             -         0: done and stored; else see the results
    CONTROL: ("BB", "B"),
    # verb argument -> result
    # verb               -         1: start a session; 2: stop it; 3: calibrate; 4: cancel; 5: check contact and motor;
    # 6: answer a question; 7: what USB power means
    # argument           -         calibrate: 1 maximum, 2 sub-maximal, 3 renew; answer: 16 times the question,
    # and the answer; USB power: 1: accept it until the next start, 0: refuse to measure; else 0
    # result             -         0: done
    GET_PROGRAM: ("B", "BBB*"),
    # slot -> slot shift_pct streak program
    # slot               -         1 to 8
    # shift_pct          %         how far practice has moved its target band up
    # streak             -         sessions in a row in which the band was mastered
    # program            -         its bytes; none: the slot is empty
    PUT_PROGRAM: ("B*", "B"),
    # slot program -> result
    # slot               -         1 to 8; what is there is replaced, with its progress
    # program            -         its bytes; none: empty the slot
    # result             -         0: done and stored; else see the results
    CHECKED: ("", "B*"),
    # -> state findings
    # state              -         0: no check yet; 1: under way; 2: done
    # findings           -         per channel four 16-bit integers, little-endian: reason of the event `contact`, or 0;
    # its value; level at rest in tenths of a microvolt; what the motor adds, percent of the power at rest, or -1
    BYE: ("", "B"),
    # -> result
    # result             -         0: the session ends, and MicroPython's console answers a second or so later
    RATE: ("I", "B"),
    # bits_per_s -> result
    # bits_per_s         bit/s     of the line, from the reply on; it is 115200 again when no valid frame came for 5 s,
    # or none in the first second
    # result             -         0: it is applied now
    HEALTH: ("", "BBbhBIHHIIHtt"),
    # -> reset_cause missing battery_pct battery_min power heap_free late_p50_us late_p99_us late_max_us lost_samples
    # expired micropython words
    # reset_cause        -         why it last started, as in the record `session`
    # missing            bits      parts that did not answer; bit 0: front end; 1: IMU; 2: motor; 3: power; 4: button
    # battery_pct        %         what is left; -1: it can't tell
    # battery_min        min       time left; -1: it can't tell
    # power              bits      bit 0: USB power is there
    # heap_free          bytes     free heap, garbage collected
    # late_p50_us        us        samples came late by no more than this, one half of them
    # late_p99_us        us        likewise 99 in a hundred
    # late_max_us        us        likewise all
    # lost_samples       samples   lost since the session began, or since the last one
    # expired            -         how often the motor's own limit had to stop it
    # micropython        -         its version
    # words              -         what is missing, in words
    REFUSED: ("", "BB"),
    # -> kind code
    # kind               -         the request that was refused
    # code               -         why, see the results
}

VERB_START = const(1)
VERB_STOP = const(2)
VERB_CALIBRATE = const(3)
VERB_CANCEL = const(4)
VERB_CHECK = const(5)
VERB_ANSWER = const(6)
VERB_ON_USB = const(7)

LINE_BITS_PER_S = const(115200)  # after every start
ON_USB = const(1)  # of `power`

PROGRAM_SLOTS = const(8)

CALIBRATE_MAXIMUM = const(1)  # maximum voluntary contractions: 100 % is %MVC
CALIBRATE_RENEW = const(3)  # one contraction, when the electrodes came off or it is long ago: 100 % is %ref
CALIBRATE_REFERENCE = const(2)  # sub-maximal contractions, for those who may not strain: 100 % is %ref

ACTIVITY_PREPARING = const(0)  # erases flash ahead
ACTIVITY_IDLE = const(1)
ACTIVITY_RECORDING = const(2)
ACTIVITY_CALIBRATING = const(3)
ACTIVITY_CHECKING = const(4)  # contact, channels, reference: before a session
ACTIVITY_ASKING = const(5)  # after a session, before its log is closed

PHASE_NONE = const(0)
PHASE_REST = const(1)  # 2, 3, 4 are the contractions
PHASE_DONE = const(5)
PHASE_REFUSED = const(6)

CALIBRATION_GOOD = const(0)
CALIBRATION_CLIPPED = const(1)  # the signal met the rails: lower the gain or move the electrodes
CALIBRATION_NOT_ABOVE_REST = const(2)  # not twice the rest: wrong channel, bad contact, or too gentle
CALIBRATION_REST_NOISY = const(3)  # at rest the level swung by more than fourfold: relax, check the contact
CALIBRATION_CANCELLED = const(4)
CALIBRATION_NO_SIGNAL = const(5)  # flat: nothing is connected

OK = const(0)
RESULT_UNKNOWN = const(1)  # no such request, setting or session
RESULT_RANGE = const(2)  # value out of range
RESULT_BUSY = const(3)  # not now: a session or a calibration runs
RESULT_MISMATCH = const(4)  # size or SHA-256 differ from the device's bytes
RESULT_FLASH = const(5)  # the flash refused
RESULT_VERSION = const(6)  # protocol majors differ
RESULT_PENDING = const(7)  # still hashing: ask again
RESULT_NOT_TODAY = const(8)  # pain, or no energy, was answered: better not; asked again, it starts
RESULT_USB_POWER = const(9)  # nobody is measured while the device hangs on USB power, unless the host says so
RESULT_NO_PART = const(10)  # the front end is missing
RESULT_BATTERY = const(11)  # too low


def pack(codes, values, out, at):
    """Write `values` after `codes` (struct codes, `t` text, `*` bytes to the end) from out[at] on; return the end."""
    for code, value in zip(codes, values):
        if code in "t*":
            raw = value.encode() if code == "t" else value
            if code == "t":
                out[at] = len(raw)
                at += 1
            out[at : at + len(raw)] = raw
            at += len(raw)
        else:
            struct.pack_into("<" + code, out, at, value)
            at += struct.calcsize("<" + code)
    return at


def unpack(codes, payload):
    """Read values after `codes`; raise ValueError when the payload is shorter or longer than they say."""
    values = []
    at = 0
    for code in codes:
        if code == "*":
            values.append(bytes(payload[at:]))
            at = len(payload)
        elif code == "t":
            if at >= len(payload) or at + 1 + payload[at] > len(payload):
                raise ValueError("text runs past the payload")
            values.append(str(bytes(payload[at + 1 : at + 1 + payload[at]]), "utf-8"))
            at += 1 + payload[at]
        else:
            size = struct.calcsize("<" + code)
            if at + size > len(payload):
                raise ValueError("payload is too short")
            values.append(struct.unpack_from("<" + code, payload, at)[0])
            at += size
    if at != len(payload):
        raise ValueError("payload is too long")
    return values
