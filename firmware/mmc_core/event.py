"""What can happen, in numbers: kinds of events, reasons, cue patterns and faults, as the log and the line carry them.

The host builds its names from these constants (`EVENT_HOLD_START` reads "hold_start"), so a new one is one line here.
"""

from mmc_core.compat import const

NO_CHANNEL = const(255)

EVENT_HOLD_START = const(1)  # the target muscle rose above the enter threshold and stayed; time of the decision
EVENT_HOLD_END = const(2)  # the target muscle let go and stayed away; time of the crossing, decided later
EVENT_ACTIVATION_LOST = const(3)  # within a hold: the muscle let go; time of the decision
EVENT_ACTIVATION_REGAINED = const(4)  # it came back; time of the decision
EVENT_CUE = const(5)  # a cue was given: value and threshold are what decided, reason is the pattern
EVENT_MOTOR_ON = const(6)  # the motor started: value is the strength in percent
EVENT_MOTOR_OFF = const(7)  # the motor stopped: value is how long it ran, in ms

REASON_ENTER = const(1)  # above the enter threshold
REASON_LEAVE = const(2)  # below the leave threshold
REASON_LOST = const(3)  # below the share of this hold's own level
REASON_REGAINED = const(4)  # back above it
REASON_SESSION_END = const(5)  # the session ended during a hold

CUE_NONE = const(0)
CUE_ENGAGE = const(1)  # you are losing the muscle
CUE_START = const(2)  # the device begins: a session, a phase of calibration
CUE_STOP = const(3)  # the device is done: relax
CUE_ERROR = const(4)  # something is wrong: see the status

FAULT_JOURNAL_FULL = const(1)  # no erased flash left: logging stopped, cues go on
FAULT_FLASH = const(2)  # the flash refused an operation; detail: its error number
FAULT_SETTINGS = const(3)  # stored settings were damaged and set aside; defaults are in force
FAULT_SAMPLER = const(4)  # the front end failed; detail: its error number
FAULT_HAPTIC = const(5)  # the motor driver failed; detail: its error number
