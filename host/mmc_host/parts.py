"""The parts of a wearable in words: what they are called, what to do when one is missing, why the device started.

In:    role names of a board, reset causes as the device tells them
Out:   text
State: none
Source: the roles are those of DESIGN.md; reset causes those of MicroPython's `machine`, with
        brown-out told apart from power-on
"""

from __future__ import annotations

from dataclasses import dataclass

# In the order of the bits of `missing` in a HEALTH reply.
ROLES = ("emg", "imu", "motor", "power", "button")
NAMES = {
    "emg": "front end",
    "imu": "motion sensor",
    "motor": "motor",
    "power": "battery gauge",
    "button": "button",
    "flash": "flash",
}
WITHOUT = {
    "emg": "no session can begin; sessions that are on it can be pulled",
    "imu": "repetitions are counted by the muscle alone, and posture is not watched",
    "motor": "there are no buzzes",
    "power": "nobody knows when the battery is empty",
    "button": "sessions begin and end by `mmc-host` alone",
}
WIRING = "check its supply, its ground and its wires against the wiring table in the board's README"

ISOLATION = (
    "electrodes on the skin and a computer's USB power are a path to the mains when the charger or the computer fails: "
    "unplug the wearable and begin with its button, or use a computer that runs on its battery, or a USB isolator"
)


@dataclass(frozen=True)
class Cause:
    """Why a device started."""

    name: str
    advice: str = ""  # where it is worth a look


RESET_CAUSES = {
    1: Cause("power on"),
    2: Cause("reset line"),
    3: Cause(
        "watchdog",
        "its program stood still for seconds; note what you did, pull the session, and report it with this text",
    ),
    4: Cause("deep sleep"),
    5: Cause("soft reset"),
    6: Cause(
        "brown-out",
        "the supply dipped: mostly when the motor starts, or on a thin USB cable. Charge the battery, shorten the "
        "wires, put 100 µF or more beside the motor",
    ),
}


def cause_of(code: int) -> Cause:
    """Return why a device started."""
    return RESET_CAUSES.get(code, Cause(f"cause {code}"))


def name_of_role(role: str) -> str:
    """Return what a role's part is called."""
    return NAMES.get(role, role)
