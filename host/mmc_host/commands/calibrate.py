"""`mmc-host calibrate`: find what 100 % of each muscle is, guided by the wearable's buzzes."""

import time
from typing import TYPE_CHECKING

import rich_click as click

from mmc_core import message
from mmc_core.errors import UsageError
from mmc_host.isolation import accept, usb_option
from mmc_host.terminal import connected, port_option, say

if TYPE_CHECKING:
    from mmc_host.client import Device
    from mmc_host.replies import Status

_SHORTEST_MS = 4_000  # no run ends sooner, so an end that is seen before belongs to an earlier run
_SHORTEST_RENEWAL_MS = 1_500
_TIMEOUT_S = 180.0
_PERIOD_S = 0.2

_REASONS = {
    message.CALIBRATION_CLIPPED: "the signal was too strong for the amplifier: "
    "move the electrodes a little, or contract less hard",
    message.CALIBRATION_NOT_ABOVE_REST: "the contraction was not twice as strong as the rest: "
    "check that the electrodes stick, and are on this muscle",
    message.CALIBRATION_REST_NOISY: "the muscle did not rest: relax, and check that the electrodes stick",
    message.CALIBRATION_CANCELLED: "the measurement was cancelled",
    message.CALIBRATION_NO_SIGNAL: "there is no signal: check that the electrode cable is plugged in",
}


@click.command("calibrate")
@click.option(
    "--reference", is_flag=True, help="A comfortable effort instead of a maximum, for those who may not strain."
)
@click.option("--renew", is_flag=True, help="One contraction, after the electrodes came off or after a long break.")
@usb_option
@port_option
def command(reference: bool, renew: bool, on_usb_power: bool, port: str | None) -> None:
    """Measure rest and three contractions; the wearable buzzes when to contract and when to relax."""
    if reference and renew:
        raise UsageError("--reference and --renew exclude each other: renewing takes one comfortable effort anyway")
    with connected(port) as device:
        before = device.status()
        if before.calibrating:
            device.control(message.VERB_CANCEL)
        accept(device, on_usb_power)
        kind = message.CALIBRATE_REFERENCE if reference else message.CALIBRATE_MAXIMUM
        device.control(message.VERB_CALIBRATE, message.CALIBRATE_RENEW if renew else kind)
        device.set_time(time.time_ns() // 1_000_000)
        if before.recording:
            say(f"session {before.session} was ended first; it stays on the wearable")
        try:
            how = "comfortably" if reference or renew else "as hard as you can"
            _guide(device, before.uptime_ms, how, 1 if renew else 3)
        except KeyboardInterrupt:
            device.control(message.VERB_CANCEL)
            raise
        _print_references(device)


def _guide(device: "Device", began_ms: int, how: str, contractions: int) -> None:
    """Print each phase as it comes; raise PeerError with the reason when the device refuses."""
    from mmc_core.errors import PeerError
    from mmc_host.columns import NOT_STATED

    told = 0

    def is_over(status: "Status") -> bool:
        nonlocal told
        phase = status.calibration_phase
        over = phase in (message.PHASE_DONE, message.PHASE_REFUSED)
        if over and status.uptime_ms - began_ms < (_SHORTEST_MS if contractions > 1 else _SHORTEST_RENEWAL_MS):
            return False
        last = told if phase == message.PHASE_REFUSED else min(phase, message.PHASE_REST + contractions)
        for number in range(told + 1, last + 1):
            say(_instruction(number, how))
        told = max(told, last)
        return over

    status = device.wait_until(is_over, _TIMEOUT_S, "finish the calibration", _PERIOD_S)
    if status.calibration_phase == message.PHASE_REFUSED:
        result, channel = status.calibration_result & 0x0F, status.calibration_result >> 4
        why = _REASONS.get(result, f"reason {result}, which this program does not know")
        muscle = device.settings().get(f"ch{channel}_muscle", NOT_STATED)
        name = f"channel {channel}" if muscle in ("", NOT_STATED) else f"the {muscle} (channel {channel})"
        raise PeerError(f"the calibration of {name} was refused because {why}; then run it again", result)


def _instruction(phase: int, how: str) -> str:
    if phase == message.PHASE_REST:
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
    mains, found = values.get("mains_hz"), values.get("mains_found_hz")
    if found in ("50", "60"):
        say(f"mains: {found} Hz was heard at rest")
        if mains in ("50", "60") and mains != found:
            say(f"but the notch filter is set to {mains} Hz; let it follow with: mmc-host settings set mains_hz=auto")
    if values.get("autostart") in ("on", "always"):
        say("done; a session begins by itself. Train, then bring it home: mmc-host pull --stop")
    else:
        say("done; begin a session with: mmc-host start")
