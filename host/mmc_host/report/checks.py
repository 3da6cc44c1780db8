"""What the wearer said and what the check before the session found, in words.

In:    Checks, answers
Out:   texts
"""

from __future__ import annotations

from collections.abc import Sequence

from mmc_host.analysis.checks import Checks, Contact
from mmc_host.analysis.wearer import Answer
from mmc_host.columns import Session
from mmc_host.report.wording import NARROW, level, muscle, percent, reason, words

NOT_TODAY = "Before the session you answered that there was pain, or no energy; the wearable advised: not today."


def findings(session: Session, checks: Checks) -> list[str]:
    """What was wrong before the session began, channel by channel."""
    found = [
        f"The check before the session found on the {muscle(one)}: {reason(one.problem)} ({_amount(one)})."
        for one in checks.contact
    ]
    for one in checks.confirmed:
        if one.is_right:
            continue
        who = "none"
        if one.answered is not None and one.answered < len(session.channels):
            who = f"the {muscle(session.channels[one.answered])}"
        found.append(f"Asked for the {muscle(one)}, {who} answered: look at where the electrodes sit.")
    return found


def _amount(one: Contact) -> str:
    return f"{one.value:.0f}{NARROW}{one.unit}" if one.unit.startswith("% ") else level(one.value, one.unit)


def confirmed(checks: Checks) -> str:
    """The muscles that answered by name; "" for none."""
    return "; ".join(muscle(one) for one in checks.confirmed if one.is_right)


def artefacts(checks: Checks) -> str:
    """What the running motor adds; "" where that was not measured."""
    return "; ".join(f"{muscle(one)}: {percent(one.added_pct, '+')} of the power at rest" for one in checks.artefact)


def answered(answers: Sequence[Answer], when: str) -> str:
    """The answers from before or after the session: "energy 6 of 10, no pain"; "" for none."""
    return ", ".join(_answer(one) for one in answers if one.when == when)


def _answer(one: Answer) -> str:
    if one.question == "pain":
        return "pain" if one.value else "no pain"
    return f"{words(one.question)} {one.value} of 10"
