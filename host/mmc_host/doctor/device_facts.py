"""Facts of a wearable, asked for without changing anything in it.

In:    an open device; the wall clock
Out:   a dictionary of plain values
State: none
Cost:  a second at most. While a session runs its settings are not asked for: what answers that takes heap, which a
       session needs
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mmc_core import message
from mmc_core.errors import PeerError, UsageError
from mmc_core.settings import find_row
from mmc_host import parts
from mmc_host.client import Device
from mmc_host.flash import boards
from mmc_host.units import FAULTS, name_of

_PERSONAL = ("wearer", "wearers")
HIDDEN = "(hidden)"
_CALIBRATED = re.compile(r"ch(\d)_reference_kind")
_WRITTEN = re.compile(r"ch\d_(reference_kind|reference_nv|rest_nv|calibrated_utc_s)|mains_found_hz")


def ask(device: Device, utc_ms: Callable[[], int], *, with_names: bool) -> dict[str, Any]:
    """Return all that a device tells.

    Args:
        device: open; it is not disturbed.
        utc_ms: gives the wall clock.
        with_names: tell who wears it, too.

    Raises:
        LinkError: it stopped answering.
    """
    hello = device.hello()
    before_ms = utc_ms()
    status = device.status()
    after_ms = utc_ms()
    found: dict[str, Any] = {
        "device": hello.device,
        "board": hello.board,
        "firmware": hello.firmware,
        "protocol": f"{hello.protocol_major}.{hello.protocol_minor}",
        "format": f"{hello.format_major}.{hello.format_minor}",
        "activity": status.activity_name,
        "recording": status.recording,
        "uptime_s": status.uptime_ms // 1000,
        "clock_offset_ms": status.utc_ms - (before_ms + after_ms) // 2 if status.utc_ms else None,
        "faults": status.open_faults,
        "newest_fault": name_of(FAULTS, status.fault) if status.open_faults else None,
        "journal": {
            "blocks": status.blocks,
            "free_blocks": status.free_blocks,
            "ready_blocks": status.ready_blocks,
            "newest_session": status.session,
            "unpulled": len(list(device.sessions())),
        },
        "health": _health(device),
        "micropython_of_board": _micropython_of(hello.board),
    }
    if status.recording:
        found["settings"] = None
        return found
    settings = device.settings()
    channels = _calibrations(settings, utc_ms())
    target = settings.get("target_channel", 0)
    found["target_channel"] = target
    found["calibrations"] = channels
    found["settings"] = _changed(settings, with_names)
    return found


def _micropython_of(board: str) -> str | None:
    """The version that a board of ours is flashed with; None for another's board, and the simulator."""
    try:
        return boards.find_board(board, boards.boards_folder()).image.version
    except UsageError:
        return None


def _health(device: Device) -> dict[str, Any] | None:
    """None where the firmware is from before it could tell."""
    try:
        health = device.health()
    except PeerError as error:
        if error.code != message.RESULT_UNKNOWN:
            raise
        return None
    return {
        "micropython": health.micropython,
        "reset_cause": parts.cause_of(health.reset_cause).name,
        "missing": list(health.missing_roles),
        "missing_words": health.words,
        "battery_pct": health.battery_pct if health.battery_pct >= 0 else None,
        "battery_min": health.battery_min if health.battery_min >= 0 else None,
        "on_usb": health.on_usb,
        "heap_free_bytes": health.heap_free,
        "late_us": {"p50": health.late_p50_us, "p99": health.late_p99_us, "max": health.late_max_us},
        "lost_samples": health.lost_samples,
        "motor_stopped_by_its_limit": health.expired,
    }


def _changed(settings: dict[str, int | str], with_names: bool) -> dict[str, int | str]:
    """Settings that are not what they are by default; what calibration wrote has a place of its own."""
    found: dict[str, int | str] = {}
    for name, value in settings.items():
        if _WRITTEN.fullmatch(name):
            continue
        try:
            default = find_row(name)[4]
        except UsageError:
            default = None  # of a newer firmware
        if value != default:
            found[name] = HIDDEN if name in _PERSONAL and not with_names else value
    return found


def _calibrations(settings: dict[str, int | str], now_utc_ms: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, kind in settings.items():
        match = _CALIBRATED.fullmatch(name)
        if not match:
            continue
        channel = int(match[1])
        at_s = int(settings.get(f"ch{channel}_calibrated_utc_s", 0))
        found.append(
            {
                "channel": channel,
                "muscle": settings.get(f"ch{channel}_muscle", ""),
                "kind": kind,
                "age_h": (now_utc_ms // 1000 - at_s) // 3600 if kind != "none" and at_s > 1 else None,
            }
        )
    return found
