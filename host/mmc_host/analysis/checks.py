"""What did the check before the session find: bad contact, the wrong muscle, a motor that shakes the electrodes?

In:    Session
Out:   per channel, in order: what is wrong with it, whose muscle answered, what the motor adds
Source: the device's events "contact", "confirmed" and "artefact" (mmc_device.contact), the last one of each channel
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mmc_host.columns import Channel, Event, Session

_LEVELS = ("mains", "restless")


@dataclass(frozen=True)
class Contact:
    """A channel on which something is wrong.

    problem: "clipped", "flat", "lead_off" (value: percent of the time), "mains" (level of the hum), or "restless"
    (level at rest). unit: "% of the time", or "uV": what is bad has no reference in its session.
    """

    channel: int
    muscle: str
    side: str
    problem: str
    value: float
    unit: str


@dataclass(frozen=True)
class Confirmed:
    """Asked to tighten this channel's muscle; answered: the channel that did, None: none did in time."""

    channel: int
    muscle: str
    side: str
    answered: int | None

    @property
    def is_right(self) -> bool:
        """Whether the right one answered."""
        return self.answered == self.channel


@dataclass(frozen=True)
class Artefact:
    """What the running motor adds to a channel at rest, in percent of the power at rest."""

    channel: int
    muscle: str
    side: str
    added_pct: float


@dataclass(frozen=True)
class Checks:
    """All that was found."""

    contact: tuple[Contact, ...]
    confirmed: tuple[Confirmed, ...]
    artefact: tuple[Artefact, ...]


def checks(session: Session) -> Checks:
    """Gather what was found; empty where nothing was checked, or nothing was wrong."""
    return Checks(
        contact=tuple(
            Contact(one.channel, one.muscle, one.side, event.reason, *_amount(event))
            for one, event in _last(session, "contact")
        ),
        confirmed=tuple(
            Confirmed(one.channel, one.muscle, one.side, int(event.value) if event.value >= 0 else None)
            for one, event in _last(session, "confirmed")
        ),
        artefact=tuple(
            Artefact(one.channel, one.muscle, one.side, event.value) for one, event in _last(session, "artefact")
        ),
    )


def _last(session: Session, kind: str) -> Iterator[tuple[Channel, Event]]:
    found = {event.channel: event for event in session.events if event.kind == kind}
    return ((channel, found[channel.channel]) for channel in session.channels if channel.channel in found)


def _amount(event: Event) -> tuple[float, str]:
    return event.value, "uV" if event.reason in _LEVELS else "% of the time"
