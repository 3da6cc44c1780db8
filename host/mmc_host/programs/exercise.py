"""A program that was checked: what it asks for, in values and in words.

In:    values as the device has them
Out:   `Exercise`, and short texts about it
State: none
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mmc_host.programs.keys import applies_in, number_keys


@dataclass(frozen=True)
class Channel:
    """One EMG channel of a program."""

    role: str
    muscle: str  # "": the one that the settings name
    side: str  # "not stated": as the settings have it


@dataclass(frozen=True)
class Exercise:
    """A program that was checked."""

    stem: str  # the file's name without its ending
    name: str
    description: str
    evidence: str
    channels: tuple[Channel, ...]
    numbers: Mapping[str, int]  # every row, in order, as the device has it

    @property
    def mode(self) -> str:
        """What is asked of the target muscle."""
        return str(self.value("mode"))

    @property
    def target_channel(self) -> int:
        """The channel of the muscle to feel."""
        return next(number for number, channel in enumerate(self.channels) if channel.role == "target")

    def value(self, name: str) -> int | str | list[str]:
        """The value of a row as the file has it: words instead of numbers."""
        return number_keys()[name].shown(self.numbers[name])

    def applies(self, name: str) -> bool:
        """Whether a row means anything in this program."""
        return applies_in(name, self.mode)


def progress_text(exercise: Exercise) -> str:
    """How the target moves with practice, as a sentence."""
    number = exercise.numbers
    if not number["progress_step_pct"] or not exercise.applies("progress_step_pct"):
        return "the target band stays where it is"
    sessions = number["progress_sessions"]
    return (
        f"once {number['progress_share_pct']} % of holds or repetitions were in the band in {sessions} "
        f"session{'s' if sessions > 1 else ''} in a row, it moves up by {number['progress_step_pct']} %, to "
        f"{number['progress_limit_pct']} % at most"
    )


def dose_text(exercise: Exercise) -> str:
    """Sets, repetitions and times in short: `3 x 10`, `4 x 15 s`, `3 x 3 x 10 s`."""
    number = exercise.numbers
    parts = [str(number["sets"])] if number["sets"] > 1 else []
    reps = number["reps"]
    if exercise.mode == "sense":
        reps *= sum(number[f"sense_{level}_pct"] > 0 for level in (1, 2, 3))
    if reps != 1 or exercise.mode == "reps":
        parts.append(str(reps) if reps else "open")
    if number["hold_s"]:
        parts.append(f"{number['hold_s']} s")
    return " x ".join(parts) or "open"
