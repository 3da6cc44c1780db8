"""What can happen, in numbers: kinds of events, reasons, cue patterns and faults, as the log and the line carry them.

The host builds its names from these constants (`EVENT_HOLD_START` reads "hold_start"), so a new one is one line here.
"""

from mmc_core.compat import const

NO_CHANNEL = const(255)

EVENT_HOLD_START = const(1)  # the target muscle rose above the enter threshold `hold_enter_ms` ago, and stayed
EVENT_HOLD_END = const(2)  # the target muscle let go and stayed away; time of the crossing, decided later
EVENT_ACTIVATION_LOST = const(3)  # within a hold: the muscle let go; time of the decision
EVENT_ACTIVATION_REGAINED = const(4)  # it came back; time of the decision
EVENT_CUE = const(5)  # a cue was given: value and threshold are what decided, reason is the pattern
EVENT_MOTOR_ON = const(6)  # the motor started: value is the strength in percent
EVENT_MOTOR_OFF = const(7)  # the motor stopped: value is how long it ran, in ms
EVENT_REP_START = const(8)  # a movement began that may be a repetition; time of its beginning, told later
EVENT_REP_TURN = const(9)  # it turned: value is the muscle's peak in it
EVENT_REP_END = const(10)  # it ended: value is how long it took in ms, threshold how long it stood at the turn
EVENT_REP = const(11)  # a repetition counts: value is its number in this set
EVENT_REP_DISPUTED = const(12)  # motion and muscle do not agree: reason says who saw it alone
EVENT_PEAK = const(13)  # top of a contraction: value is the peak, threshold the set's own reference
EVENT_ISOLATION = const(14)  # of a hold or repetition: value is the target's share of all muscles, permille
EVENT_COCONTRACTION = const(15)  # of a hold or repetition: value is the index of target and antagonist, permille
EVENT_SIDES = const(16)  # likewise: value is the index of the sides, permille; above 0: the target does more
EVENT_LEAK = const(17)  # a helper muscle takes over: channel is the helper
EVENT_STABILISER = const(18)  # a stabiliser that should join does not: channel is the stabiliser
EVENT_DRIFT = const(19)  # the posture left the pose of the hold's start: value in tenths of a degree
EVENT_TIRING = const(20)  # the muscle tires: value is by how much against the first repetitions or seconds, permille
EVENT_ADVICE = const(21)  # what to change: reason says what
EVENT_DIG_IN = const(22)  # the last repetition went deeper than the set: value is its peak
EVENT_PASSIVE = const(23)  # a repetition went through without the target muscle: value is its peak
EVENT_LAPSE = const(24)  # attention lapsed: value is how long, in ms
EVENT_RESPONSE = const(25)  # the muscle answered a cue: value is how long it took, in ms
EVENT_SQUEEZE = const(27)  # at the turn of a repetition its peak is below what is wanted; it can still be squeezed
EVENT_PROBE = const(28)  # a unit without cues begins, to see what has been learnt: value is its number
EVENT_MILESTONE = const(29)  # half of the set, its last repetition, the hold's time is up: value is how far it is
EVENT_ENGAGEMENT = const(30)  # of a set: value is how much of it was with the muscle, permille
EVENT_PLAN = const(31)  # the program moves on: reason says to what; value: which set, threshold: units done so far
EVENT_REACTION = const(32)  # how fast the muscle followed a signal: value in ms, -1: not at all; reason: which way
EVENT_LEVEL = const(33)  # a level was asked for: value is what was held, threshold what was asked for
EVENT_BAND = const(34)  # of a program: value is the share of its units in the band, permille; threshold how many it had
EVENT_MARK = const(35)  # the wearer pressed the button to find this moment again: value is the mark's number
EVENT_CONTACT = const(36)  # a check before a set: reason says what is wrong with the channel, value how much
EVENT_CONFIRMED = const(37)  # asked to tighten a channel's muscle: value is the channel that answered, -1: none
EVENT_ANSWER = const(38)  # the wearer answered: threshold is the question, value the answer, reason before or after
EVENT_ARTEFACT = const(39)  # what the running motor adds to a channel at rest: value in % of the rest's power
EVENT_SKIP = const(40)  # the wearer pressed the button to end the rest, or the set
EVENT_TEMPO = const(41)  # of a movement: value is its way out, threshold its way back, in ms, less a stand at the turn
EVENT_RANGE = const(42)  # of a movement: value is its range in degrees, threshold how long it stood at the turn, in ms
EVENT_DETAIL = const(43)  # no raw signal from here on: value is how many erased blocks are left for everything else
EVENT_SET = const(26)  # a set ended: value is its repetitions, threshold its seconds of hold

REASON_ENTER = const(1)  # above the enter threshold
REASON_LEAVE = const(2)  # below the leave threshold
REASON_LOST = const(3)  # below the share of this hold's own level
REASON_REGAINED = const(4)  # back above it
REASON_SESSION_END = const(5)  # the session ended during a hold
REASON_MOTION = const(6)  # the motion sensor saw it
REASON_EFFORT = const(7)  # the muscle showed it
REASON_BOTH = const(8)  # both did; not told since 1.3: whoever is sure first tells
REASON_BELOW = const(9)  # below what is wanted
REASON_ABOVE = const(10)  # above what is wanted
REASON_HELD = const(11)  # held at the top as long as wanted
REASON_FORCE_UP = const(12)  # amplitude and spectrum rise: more force
REASON_FATIGUE = const(13)  # amplitude rises, spectrum falls: fatigue
REASON_FORCE_DOWN = const(14)  # both fall: less force
REASON_RECOVERY = const(15)  # amplitude falls, spectrum rises: recovery
REASON_SLOWING = const(16)  # repetitions get slower
REASON_TREMOR = const(17)  # the hold trembles
REASON_LESS_LOAD = const(18)  # advice
REASON_FEWER_REPS = const(19)  # advice
REASON_SLOWER = const(20)  # advice
REASON_STOP = const(21)  # advice
REASON_NOT_TODAY = const(22)  # advice: pain, or no energy
REASON_WORK = const(23)  # a set began
REASON_REST = const(24)  # a set is over
REASON_DONE = const(25)  # the program is over
REASON_TIGHTEN = const(26)  # from the signal until the muscle is on
REASON_RELAX = const(27)  # from the signal until the muscle is off
REASON_CLIPPED = const(28)  # the signal meets the rails; value: blocks in a hundred
REASON_FLAT = const(29)  # no signal; value: blocks in a hundred
REASON_MAINS = const(30)  # hum of the mains; value: its level, microvolt
REASON_RESTLESS = const(31)  # the level at rest swings or is high; value: microvolt
REASON_LEAD_OFF = const(32)  # an electrode is off
REASON_BEFORE = const(33)  # the session
REASON_AFTER = const(34)  # the session

QUESTION_EFFORT = const(1)  # how hard it was, 0 to 10
QUESTION_ENERGY = const(2)  # how much is left, or there today, 0 to 10
QUESTION_PAIN = const(3)  # 0: no, 1: yes

CUE_NONE = const(0)
CUE_ENGAGE = const(1)  # you are losing the muscle
CUE_START = const(2)  # the device begins: a session, a phase of calibration
CUE_STOP = const(3)  # the device is done: relax
CUE_ERROR = const(4)  # something is wrong: see the status
CUE_SQUEEZE = const(5)  # squeeze at the peak
CUE_LEAK = const(6)  # another muscle takes over
CUE_DRIFT = const(7)  # your posture drifts
CUE_TICK = const(8)  # a repetition counts; or the beat of the tempo
CUE_MILESTONE = const(9)  # half of the set, the last repetition, the hold's time is up
CUE_TIRED = const(10)  # you are tired: stop

FAULT_JOURNAL_FULL = const(1)  # no erased flash left: logging stopped, cues go on
FAULT_FLASH = const(2)  # the flash refused an operation; detail: its error number
FAULT_SETTINGS = const(3)  # stored settings were damaged and set aside; defaults are in force
FAULT_SAMPLER = const(4)  # the front end failed; detail: its error number
FAULT_HAPTIC = const(5)  # the motor driver failed; detail: its error number
FAULT_REFUSED = const(6)  # the button asked for what may not begin; detail: the result code that says why
FAULT_PART = const(7)  # parts did not answer at the start; detail: their bits, as in the message `health`
FAULT_RESET = const(8)  # the device started by itself; detail: the cause, as in the record `session`
FAULT_BATTERY = const(9)  # the battery is too low to go on; detail: percent
