"""What a wearable answers, as values with names, and its refusals in words.

In:    the values of replies, in the order of `mmc_core.message`; result codes
Out:   Hello, Status, Health, SessionEntry; text
State: none
"""

from dataclasses import dataclass

from mmc_core import message
from mmc_host import parts

ACTIVITIES = ("preparing flash", "idle", "recording", "calibrating", "checking", "asking how it was")

_VERBS = {
    message.VERB_START: "session was started",
    message.VERB_STOP: "session was ended",
    message.VERB_CALIBRATE: "calibration was started",
    message.VERB_CANCEL: "calibration was cancelled",
    message.VERB_CHECK: "check was started",
    message.VERB_ANSWER: "answer was taken",
    message.VERB_ON_USB: "USB power was accepted",
}
_REFUSALS = {
    message.RESULT_UNKNOWN: "it does not know that; its firmware may be older than this program",
    message.RESULT_RANGE: "the value is out of its range",
    message.RESULT_BUSY: "the wearable is busy; try again in a moment",
    message.RESULT_MISMATCH: "size or SHA-256 differ from its own bytes",
    message.RESULT_FLASH: "its flash failed; see `mmc-host devices` and pull what is there",
    message.RESULT_VERSION: "it speaks another version of the protocol; update the older of firmware and mmc-host",
    message.RESULT_NOT_TODAY: "pain, or no energy: better not today",
    message.RESULT_PENDING: "it is still working on it; try again in a minute",
    message.RESULT_USB_POWER: f"it hangs on USB power, and {parts.ISOLATION}; with --on-usb-power it measures all the "
    "same",
    message.RESULT_NO_PART: "its front end does not answer, so that there is nothing to measure; `mmc-host doctor` "
    "says what is missing",
    message.RESULT_BATTERY: "its battery is too low to bring a session to its end; charge it",
}
_BUSY = {
    message.ACTIVITY_PREPARING: "the wearable prepares its flash; try again in a minute",
    message.ACTIVITY_RECORDING: "the wearable records session {session}; end it with `mmc-host stop`",
    message.ACTIVITY_CALIBRATING: "the wearable calibrates; wait for its end, then try again",
    message.ACTIVITY_CHECKING: "the wearable checks its electrodes; wait for its end, then try again",
    message.ACTIVITY_ASKING: "the wearable asks how it was; answer it, or end that with `mmc-host stop`",
}


@dataclass(frozen=True)
class Hello:
    """Who the device is."""

    protocol_major: int
    protocol_minor: int
    format_major: int
    format_minor: int
    firmware: str
    device: str
    board: str


@dataclass(frozen=True)
class Status:
    """What the device is doing; see FORMAT.md for the codes."""

    uptime_ms: int
    utc_ms: int  # 0: its clock is not set
    activity: int  # position in ACTIVITIES
    calibration_phase: int
    calibration_result: int
    session: int
    open_faults: int
    ready_blocks: int
    free_blocks: int
    blocks: int
    fault: int
    motor: int  # bit 0: the motor runs; bit 1: `pointed_at`

    @property
    def preparing(self) -> bool:
        """Whether it erases flash ahead."""
        return bool(self.activity == message.ACTIVITY_PREPARING)

    @property
    def recording(self) -> bool:
        """Whether a session runs."""
        return bool(self.activity == message.ACTIVITY_RECORDING)

    @property
    def calibrating(self) -> bool:
        """Whether a calibration runs."""
        return bool(self.activity == message.ACTIVITY_CALIBRATING)

    @property
    def checking(self) -> bool:
        """Whether a check of contact and interference runs."""
        return bool(self.activity == message.ACTIVITY_CHECKING)

    @property
    def pointed_at(self) -> bool:
        """Whether its wearer points at this one: the button is being held, or was within the last minute."""
        return bool(self.motor & 2)

    @property
    def activity_name(self) -> str:
        """The activity in words."""
        return ACTIVITIES[self.activity] if self.activity < len(ACTIVITIES) else f"activity {self.activity}"


@dataclass(frozen=True)
class Health:
    """How the device is; see FORMAT.md."""

    reset_cause: int  # see `parts.RESET_CAUSES`
    missing: int  # bit i: `parts.ROLES[i]`
    battery_pct: int  # -1: it can't tell
    battery_min: int  # -1: it can't tell
    power: int  # bit 0: on USB power
    heap_free: int
    late_p50_us: int
    late_p99_us: int
    late_max_us: int
    lost_samples: int
    expired: int  # motor runs that the driver's own timer had to stop
    micropython: str
    words: str  # what is missing, "; " between

    @property
    def on_usb(self) -> bool:
        """Whether USB power is there."""
        return bool(self.power & message.ON_USB)

    @property
    def missing_roles(self) -> tuple[str, ...]:
        """Parts that did not answer when the device started."""
        return tuple(role for bit, role in enumerate(parts.ROLES) if self.missing >> bit & 1)


@dataclass(frozen=True)
class SessionEntry:
    """A session in the device's journal that no host has acknowledged."""

    session: int  # number, from 1
    size_bytes: int  # so far
    state: int  # bit 0: closed

    @property
    def closed(self) -> bool:
        """Whether it is complete."""
        return bool(self.state & 1)


def effect_of(verb: int) -> str:
    """Return what a verb of `message.VERB_*` would have done, after "no"."""
    return _VERBS.get(verb, "effect")


def refusal(result: int, status: Status | None = None) -> str:
    """Return why a device refused.

    Args:
        result: one of `message.RESULT_*`.
        status: what it is doing, if that was asked.
    """
    if result == message.RESULT_BUSY and status is not None and status.activity in _BUSY:
        return _BUSY[status.activity].format(session=status.session)
    return _REFUSALS.get(result, f"result {result}, which this program does not know: update mmc-host")
