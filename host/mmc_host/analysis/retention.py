"""What stays without cues: how often a unit goes well when nothing buzzes, beside the units in which it may.

In:    Session whose device left out cues now and then ("probe")
Out:   Retention, or None where there was no probe
Source: guidance hypothesis: what is trained with feedback counts when it is gone. A unit is a hold or a repetition, as
        mmc_core.cue has it; it is at fault when the muscle let go, went through passively, was not squeezed, or helper
        or posture went beyond the band
"""

from __future__ import annotations

from dataclasses import dataclass

from mmc_host.columns import Event, Session

_FAULTS = frozenset({"activation_lost", "passive", "drift"})


@dataclass(frozen=True)
class Retention:
    """Units without cues and with them, and how many of each went without a fault."""

    probes: int
    probes_good: int
    cued: int
    cued_good: int


def retention(session: Session) -> Retention | None:
    """Count the units of a session, probes apart."""
    band_pct = float(session.settings.get("cue_band_pct", 0))
    counts = {True: [0, 0], False: [0, 0]}
    under_way = is_hold = is_probe = at_fault = False
    for event in session.events:
        if event.kind in ("hold_start", "rep_start"):
            if not under_way:
                is_hold = is_probe = at_fault = False
            under_way = True
            is_hold |= event.kind == "hold_start"  # a repetition that turns out to be held is the same unit
        elif event.kind == "probe":
            is_probe = True
        elif event.kind == "hold_end" or (event.kind == "rep_end" and not is_hold):
            if under_way:
                counts[is_probe][0] += 1
                counts[is_probe][1] += not at_fault
            under_way = False
        else:
            at_fault |= _is_fault(event, band_pct)
    (probes, probes_good), (cued, cued_good) = counts[True], counts[False]
    return Retention(probes, probes_good, cued, cued_good) if probes else None


def _is_fault(event: Event, band_pct: float) -> bool:
    if event.kind == "squeeze":
        return event.value * 100 < event.threshold * (100 - band_pct)
    if event.kind == "leak":
        return event.value * 100 > event.threshold * (100 + band_pct)
    return event.kind in _FAULTS
