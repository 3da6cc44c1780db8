"""How the wearable itself fared in a session, in words: battery, lateness of samples, a signal that gave way, the end.

In:    Session
Out:   sentences
"""

from __future__ import annotations

from mmc_host.columns import Session
from mmc_host.report.wording import NARROW, clock

WATCHDOG, BROWN_OUT = 3, 6  # reset causes that nobody asked for

_RESETS = {
    WATCHDOG: "The wearable had started anew by itself, because its program stood still (watchdog).",
    BROWN_OUT: "The wearable had started anew by itself, because its supply dipped (brown-out): charge the battery, "
    "and look at its leads.",
}
FINE = frozenset({"idle", "battery"})  # ends that nothing is lost by
ENDS = {
    "idle": "The session ended by itself, because nothing happened any more.",
    "battery": "The session ended by itself, because the battery was low.",
    "journal_full": "The log ended before the training did, because the flash was full: pull sessions more often.",
}


def ending(session: Session) -> list[str]:
    """Why the session ended; nothing when somebody ended it."""
    return [ENDS[session.end.reason]] if session.end is not None and session.end.reason in ENDS else []


def troubles(session: Session) -> list[str]:
    """What a reader should know of, and do something about."""
    found = [_RESETS[session.header.reset_cause]] if session.header.reset_cause in _RESETS else []
    detail = next((one.t_s for one in session.events if one.kind == "detail"), None)
    if detail is not None:
        found.append(f"The flash ran low: the raw signal ends at {clock(detail)}, everything else goes on.")
    if any(one.on_usb for one in session.vitals):
        found.append("USB power was there: nobody but the host could know whether that was safe.")
    return found


def figures(session: Session) -> list[str]:
    """Battery and lateness of samples, where the wearable can tell."""
    return [*_battery(session), *_lateness(session)]


def _battery(session: Session) -> list[str]:
    known = [one for one in session.vitals if one.battery_pct >= 0]
    if not known:
        return []
    levels = [f"{one.battery_pct}{NARROW}%" for one in known]
    left = f", which lasts for about {_time(known[-1].battery_min)}" if known[-1].battery_min >= 0 else ""
    if len(known) == 1:
        return [f"The battery was at {levels[0]}{left}."]
    return [f"The battery went from {levels[0]} to {levels[-1]}{left}."]


def _time(minutes: int) -> str:
    return f"{minutes}{NARROW}min" if minutes < 120 else f"{minutes // 60}{NARROW}h"


def _lateness(session: Session) -> list[str]:
    if not session.vitals or session.vitals[-1].late_max_us == 0:
        return []  # the front end's own clock takes them
    last = session.vitals[-1]
    shares = ", ".join(
        f"{name} within {_milliseconds(us)}"
        for name, us in (("half", last.late_p50_us), ("99 %", last.late_p99_us), ("all", last.late_max_us))
    )
    return [f"Samples were taken late: {shares}."]


def _milliseconds(us: int) -> str:
    return f"{us / 1000:.3g}{NARROW}ms"
