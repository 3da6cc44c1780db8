"""Turns: which modules are on the heap only between sessions, which only in one.

In:    names of modules
Out:   they are let go of
State: none
Cost:  the heap is small: what is needed at one time alone never pays for what is needed at the other
Source: `make heap` measures both times
"""

from mmc_core.compat import let_go

# fmt: off
AT_THE_DESK = (
    "mmc_device.desk", "mmc_device.gym", "mmc_device.shelf", "mmc_device.config", "mmc_device.header",
    "mmc_device.contact", "mmc_device.calibrate", "mmc_core.mains", "mmc_core.program", "mmc_core.decoding",
)
SETTINGS = ("mmc_core.settings", "mmc_core.schema")
IN_A_SESSION = (
    "mmc_core.pipeline", "mmc_core.cue", "mmc_core.coach.team", "mmc_core.coach.plan", "mmc_core.coach.attention",
    "mmc_core.coach.balance", "mmc_core.coach.cycle", "mmc_core.coach.effort", "mmc_core.coach.fatigue",
    "mmc_core.coach.hold", "mmc_core.coach.motion", "mmc_core.coach.outbox", "mmc_core.coach.peak",
    "mmc_core.coach.posture",
)
# fmt: on


def let_go_of(names):
    """Forget these modules; their heap is free once nothing of them is in use."""
    for name in names:
        let_go(name)
