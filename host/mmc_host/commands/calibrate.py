"""`mmc-host calibrate`: find what 100 % of each muscle is, guided by the wearable's buzzes."""

import time
from typing import TYPE_CHECKING

import rich_click as click

from mmc_host.terminal import connected, port_option, say

if TYPE_CHECKING:
    from mmc_host.client import Device
    from mmc_host.replies import Status

MAXIMUM, REFERENCE = 1, 2  # arguments of VERB_CALIBRATE
PHASE_REST, PHASE_LAST_CONTRACTION, PHASE_DONE, PHASE_REFUSED = 1, 4, 5, 6
_SHORTEST_MS = 4_000  # no run ends sooner, so an end that is seen before belongs to an earlier run
_TIMEOUT_S = 180.0
_PERIOD_S = 0.2

_REASONS = {
    1: "the signal was too strong for the amplifier: move the electrodes a little, or contract less hard",
    2: "the contraction was not twice as strong as the rest: check that the electrodes stick, and are on this muscle",
    3: "the muscle did not rest: relax, and check that the electrodes stick",
    4: "the measurement was cancelled",
    5: "there is no signal: check that the electrode cable is plugged in",
}


@click.command("calibrate")
@click.option(
    "--reference", is_flag=True, help="A comfortable effort instead of a maximum, for those who may not strain."
)
@port_option
def command(reference: bool, port: str | None) -> None:
    """Measure rest and three contractions; the wearable buzzes when to contract and when to relax."""
    from mmc_core.message import VERB_CALIBRATE, VERB_CANCEL
    from mmc_host.replies import ACTIVITY_CALIBRATING, ACTIVITY_RECORDING

    with connected(port) as device:
        before = device.status()
        if before.activity == ACTIVITY_CALIBRATING:
            device.control(VERB_CANCEL)
        device.control(VERB_CALIBRATE, REFERENCE if reference else MAXIMUM)
        device.set_time(time.time_ns() // 1_000_000)
        if before.activity == ACTIVITY_RECORDING:
            say(f"session {before.session} was ended first; it stays on the wearable")
        try:
            _guide(device, before.uptime_ms, "comfortably" if reference else "as hard as you can")
        except KeyboardInterrupt:
            device.control(VERB_CANCEL)
            raise
        _print_references(device)


def _guide(device: "Device", began_ms: int, how: str) -> None:
    """Print each phase as it comes; raise PeerError with the reason when the device refuses."""
    from mmc_core.errors import PeerError
    from mmc_host.columns import NOT_STATED

    told = 0

    def is_over(status: "Status") -> bool:
        nonlocal told
        phase = status.calibration_phase
        over = phase in (PHASE_DONE, PHASE_REFUSED)
        if over and status.uptime_ms - began_ms < _SHORTEST_MS:
            return False
        last = phase if phase <= PHASE_LAST_CONTRACTION else PHASE_LAST_CONTRACTION if phase == PHASE_DONE else told
        for number in range(told + 1, last + 1):
            say(_instruction(number, how))
        told = max(told, last)
        return over

    status = device.wait_until(is_over, _TIMEOUT_S, "finish the calibration", _PERIOD_S)
    if status.calibration_phase == PHASE_REFUSED:
        result, channel = status.calibration_result & 0x0F, status.calibration_result >> 4
        why = _REASONS.get(result, f"reason {result}, which this program does not know")
        muscle = device.settings().get(f"ch{channel}_muscle", NOT_STATED)
        name = f"channel {channel}" if muscle in ("", NOT_STATED) else f"the {muscle} (channel {channel})"
        raise PeerError(f"the calibration of {name} was refused because {why}; then run it again", result)


def _instruction(phase: int, how: str) -> str:
    if phase == PHASE_REST:
        return "rest           relax the muscle completely, until the next buzz"
    return f"contraction {phase - 1}  at the buzz contract {how}; at the double buzz relax"


def _print_references(device: "Device") -> None:
    from mmc_core.settings import MAX_CHANNELS

    kinds = {"mvc": "100 % MVC", "ref": "100 % ref"}
    values = device.settings()
    for channel in range(MAX_CHANNELS):
        start = f"ch{channel}_"
        kind = str(values.get(start + "reference_kind", "none"))
        if kind in kinds:
            reference_uv = int(values[start + "reference_nv"]) / 1000
            rest_uv = int(values[start + "rest_nv"]) / 1000
            muscle = values[start + "muscle"]
            say(f"channel {channel}, {muscle}: {kinds[kind]} = {reference_uv:.1f} µV, rest {rest_uv:.1f} µV")
    if values.get("autostart") in ("on", "always"):
        say("done; a session begins by itself. Train, then bring it home: mmc-host pull --stop")
    else:
        say("done; begin a session with: mmc-host start")
