"""Options of `start` and `stop` that answer what the wearable would ask: how hard it was, what is left, does it hurt.

In:    what was typed
Out:   answers on the wearable, for the session's log
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_core import event

if TYPE_CHECKING:
    from mmc_host.client import Device

_QUESTIONS = {"effort": event.QUESTION_EFFORT, "energy": event.QUESTION_ENERGY, "pain": event.QUESTION_PAIN}
_SCALE = click.IntRange(0, 10)


def before_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --energy and --pain."""
    command = click.option("--pain", type=click.Choice(["no", "yes"]), help="Does anything hurt?")(command)
    return click.option("--energy", type=_SCALE, help="How much energy there is, 0 to 10.")(command)


def after_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --effort, --energy and --pain."""
    return click.option("--effort", type=_SCALE, help="How hard it was, 0 to 10.")(before_options(command))


def tell(device: "Device", **answers: int | str | None) -> bool:
    """Tell the wearable what was answered; True when that means: not today."""
    not_today = False
    for name, answer in answers.items():
        if answer is not None:
            value = int(answer == "yes") if isinstance(answer, str) else answer
            not_today |= device.answer(_QUESTIONS[name], value)
    return not_today
