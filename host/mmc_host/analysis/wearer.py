"""What did the wearer say: which moments were marked, which questions answered, and did that mean "not today"?

In:    Session
Out:   marks, answers; seconds since sample 0, answers from 0 to 10, pain 0 or 1
Source: the device's events "mark", "answer" and "advice"; nothing else is inferred from an answer
"""

from __future__ import annotations

from dataclasses import dataclass

from mmc_host.columns import Session
from mmc_host.units import QUESTIONS, name_of


@dataclass(frozen=True)
class Mark:
    """A moment to be found again: the wearer pressed the button."""

    t_s: float
    number: int


@dataclass(frozen=True)
class Answer:
    """question: "effort" (how hard it was), "energy" (how much is there), both 0 to 10; "pain" (0: no, 1: yes).

    when: "before" or "after" the session.
    """

    question: str
    value: int
    when: str


def marks(session: Session) -> list[Mark]:
    """List the marks, in order."""
    return [Mark(event.t_s, int(event.value)) for event in session.events if event.kind == "mark"]


def answers(session: Session) -> list[Answer]:
    """List the answers, in order."""
    return [
        Answer(name_of(QUESTIONS, int(event.threshold)), int(event.value), event.reason)
        for event in session.events
        if event.kind == "answer"
    ]


def is_not_today(session: Session) -> bool:
    """Whether the device advised not to train, because of pain or of no energy."""
    return session.count("advice", "not_today") > 0
