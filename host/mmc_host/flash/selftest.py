"""The self-test after flashing: what runs it on the device, and what its figures mean.

In:    a console with no app behind it; the lines of `mmc_device/selftest.py`
Out:   `Finding`s: what was measured, how good that is, what to do
Errors: none: a test that can't be done is a finding. What is on the board by then starts all the same
Source: limits are decisions, except where a line names another source
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmc_host.errors import LinkError
from mmc_host.flash.device_files import Console
from mmc_host.flash.manifest import ACTIVE
from mmc_host.parts import NAMES, WIRING, WITHOUT, cause_of, name_of_role

OK = "ok"
LOOK = "worth a look"
MISSING = "missing"
WHOLE = "self-test"  # what a finding is about when the test itself failed

# Typed at MicroPython's prompt: the app's names for what it calls are kept by `app.build`.
SCRIPT = f"""
import os
with open({ACTIVE!r}) as file:
    os.chdir(file.read().strip())
import board
from mmc_device import selftest
selftest.run(board.open_board())
"""

_QUIET_UV = 25.0  # at rest, with electrodes on relaxed muscle: amplifier and skin together stay below
_MOST_CLIPPED_PCT = 5
_MOST_FLAT_PCT = 50
_LEAST_SAMPLES = 0.97  # of those that were due: the last ones still wait in the front end
_LATE_US = 250  # a quarter of the period at 1 kHz: what that does to a 450-Hz signal is below 10 %
_GRAVITY_MG = (950, 1050)
_FELT_MG = 15  # more than the motor is off; an eccentric motor gives hundreds
_LOW_BATTERY_PCT = 15
_LEAST_HEAP = 90_000  # what the app takes


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    what: str
    verdict: str  # OK, LOOK or MISSING
    measured: str
    advice: str = ""


def test(console: Console) -> list[Finding]:
    """Run the self-test on a device whose console answers, and judge it."""
    try:
        told = console.run(SCRIPT)
    except LinkError as error:
        return [
            Finding(
                "self-test", LOOK, f"it could not be run: {error}", "see what the app says of itself: mmc-host doctor"
            )
        ]
    return judge(told)


def judge(told: str) -> list[Finding]:
    """Return what the device's lines mean; lines of others in between are no matter."""
    found: list[Finding] = []
    is_whole = False
    felt: list[int] = []
    gone: set[str] = set()
    for line in told.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word in ("missing", "broken"):
            role, _, words = rest.partition(" ")
            gone.add(role)
            found.append(_gone(role, words, word == "missing"))
            continue
        is_whole |= word == "end"
        try:
            numbers = [int(number) for number in rest.split()]
            if word in _JUDGES:
                found += _JUDGES[word](*numbers)
            if word == "imu":
                felt = numbers
        except (ValueError, TypeError):
            continue  # of somebody else
    if "motor" not in gone and is_whole:
        found.append(_motor(felt))
    if not is_whole:
        found.append(Finding(WHOLE, LOOK, "it ended early", "run it again: mmc-host flash --test"))
    return sorted(found, key=lambda finding: _ORDER.get(finding.what.split(" channel")[0], len(_ORDER)))


def _gone(role: str, words: str, is_missing: bool) -> Finding:
    without = f"; without it {WITHOUT[role]}" if role in WITHOUT else ""
    verdict, said = (MISSING, words) if is_missing else (LOOK, f"it answered first, then failed: {words}")
    return Finding(name_of_role(role), verdict, said, f"{WIRING}{without}")


def _samples(came: int, lost: int, due: int) -> Iterator[Finding]:
    measured = f"{came} of {due} samples came, {lost} were lost"
    advice = ""
    if came == 0:
        advice = "the front end does not convert: check its clock and its data-ready wire"
    elif lost or came < _LEAST_SAMPLES * due:
        advice = "run it again; if samples are lost at rest, the front end's clock or its wires are bad"
    yield Finding("sampling", LOOK if advice else OK, measured, advice)


def _late(half_us: int, most_us: int, all_us: int) -> Iterator[Finding]:
    measured = f"{half_us} µs late in the middle, 99 % up to {most_us} µs, at most {all_us} µs"
    advice = "timer interrupts come late; a front end with its own clock does not depend on them"
    is_good = most_us <= _LATE_US
    yield Finding("timing", OK if is_good else LOOK, measured, "" if is_good else advice)


def _emg(channel: int, noise_nv: int, clipped_pct: int, flat_pct: int, off_pct: int) -> Iterator[Finding]:
    measured = f"{noise_nv / 1000:.1f} µV RMS at rest"
    advice = ""
    if clipped_pct >= _MOST_CLIPPED_PCT:  # an input that hangs at the limit is flat too
        measured = f"clipped: at the converter's limit for {clipped_pct} % of the time"
        advice = "without electrodes that may be so; with them, check the reference electrode and the gain"
    elif flat_pct >= _MOST_FLAT_PCT:
        measured, advice = "flat: no signal at all", "check the amplifier's supply, and its wire to the converter"
    elif off_pct >= _MOST_FLAT_PCT:
        measured, advice = "electrodes are off", "that is as it should be as long as nobody wears it"
        yield Finding(f"EMG channel {channel}", OK, measured, advice)
        return
    elif noise_nv > 1000 * _QUIET_UV:
        advice = f"without electrodes that says little; on a relaxed muscle it should be below {_QUIET_UV:.0f} µV"
    yield Finding(f"EMG channel {channel}", LOOK if advice else OK, measured, advice)


def _imu(readings: int, mean_mg: int, _still_mg: int, _moving_mg: int) -> Iterator[Finding]:
    if readings == 0:
        yield Finding(NAMES["imu"], LOOK, "no readings come", WIRING)
        return
    is_good = _GRAVITY_MG[0] <= mean_mg <= _GRAVITY_MG[1]
    advice = "" if is_good else "lay it down, do not touch it, and run it again; if that goes on, the part is bad"
    yield Finding(NAMES["imu"], OK if is_good else LOOK, f"gravity is {mean_mg / 1000:.2f} g", advice)


def _motor(felt: list[int]) -> Finding:
    if len(felt) != 4 or not felt[0]:
        return Finding(NAMES["motor"], OK, "it ran for 0.8 s; no motion sensor felt it", "did you feel it?")
    still, moving = felt[2:]
    measured = f"the motion sensor shakes by {moving} mg, and by {still} mg without it"
    if moving >= still + _FELT_MG and moving >= 2 * still:
        return Finding(NAMES["motor"], OK, measured)
    return Finding(
        NAMES["motor"], LOOK, measured, "did you feel it? If not, check its wires; if so, fix it to the sensor's board"
    )


def _button(pressed: int) -> Iterator[Finding]:
    advice = "nobody holds it? Then its wire touches ground, or it is wired the other way round" if pressed else ""
    yield Finding(NAMES["button"], LOOK if pressed else OK, "pressed" if pressed else "not pressed", advice)


def _power(percent: int, minutes: int, on_usb: int) -> Iterator[Finding]:
    told = [f"{percent} % left" if percent >= 0 else "this board can't tell the battery's level"]
    told += [f"about {minutes} min"] if minutes >= 0 else []
    told += ["on USB power"] if on_usb else []
    is_low = 0 <= percent <= _LOW_BATTERY_PCT
    yield Finding("battery", LOOK if is_low else OK, ", ".join(told), "charge it" if is_low else "")


def _journal(blocks: int, block_bytes: int, erased: int) -> Iterator[Finding]:
    share = 100 * erased // blocks if blocks else 0
    measured = f"{blocks * block_bytes / (1 << 20):.2f} MiB, {share} % of it erased"
    advice = "" if blocks else "the partition is missing: run mmc-host flash again"
    yield Finding("journal", OK if blocks else LOOK, measured, advice)


def _heap(free: int) -> Iterator[Finding]:
    is_good = free >= _LEAST_HEAP
    advice = "" if is_good else "the app may not fit: is it the board's own MicroPython?"
    yield Finding("heap", OK if is_good else LOOK, f"{free // 1024} KiB free", advice)


def _cause(code: int) -> Iterator[Finding]:
    cause = cause_of(code)
    yield Finding("last start", LOOK if cause.advice else OK, cause.name, cause.advice)


_JUDGES: dict[str, Callable[..., Iterator[Finding]]] = {
    "samples": _samples,
    "late": _late,
    "emg": _emg,
    "imu": _imu,
    "button": _button,
    "power": _power,
    "journal": _journal,
    "heap": _heap,
    "cause": _cause,
}
_NAMES_IN_ORDER = (
    NAMES["emg"], "EMG", "sampling", "timing", NAMES["imu"], NAMES["motor"], NAMES["button"], "battery",
    NAMES["power"], "journal", NAMES["flash"], "heap", "last start",
)  # fmt: skip
_ORDER = {name: at for at, name in enumerate(_NAMES_IN_ORDER)}
