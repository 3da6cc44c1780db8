"""Sets in words: the columns of their table, what is to be noted of one, sentences about all, and what is worth a look.

In:    the sets of a session, in order
Out:   texts. What no set has is in no column and in no sentence
Source: what is said is what the device told; nothing here is a diagnosis
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmc_host.analysis.retention import Retention
from mmc_host.analysis.sets import TrainingSet
from mmc_host.report.wording import count, length, level, listed, muscle, percent, reason, times

_Cell = Callable[[TrainingSet], "str | None"]


def _known(value: float | None, text: str) -> str | None:
    return None if value is None else text


_COLUMNS: tuple[tuple[str, str, _Cell], ...] = (
    ("Repetitions", "", lambda one: str(one.reps) if one.reps else None),
    ("Held", "", lambda one: length(one.held_s) if one.held_s else None),
    (
        "Tempo",
        "how long movements took out, stood at the turn, and took back, on average",
        lambda one: _known(
            one.out_ms, " / ".join(length((ms or 0.0) / 1000) for ms in (one.out_ms, one.stood_ms, one.back_ms))
        ),
    ),
    ("Range", "how far they turned the motion sensor", lambda one: _known(one.range_deg, f"{one.range_deg or 0:.0f}°")),
    (
        "Mean peak",
        "the level at the top of each repetition, on average",
        lambda one: _known(one.mean_peak, level(one.mean_peak, one.unit)),
    ),
    ("Best peak", "", lambda one: _known(one.best_peak, level(one.best_peak, one.unit))),
    (
        "Wanted",
        "what a top should reach: the level that was asked for, else the mean of the set's first three",
        lambda one: _known(one.wanted_peak, level(one.wanted_peak, one.unit)),
    ),
    (
        "Squeezed",
        "tops that reached what is wanted, and stayed there as long as was asked for",
        lambda one: _known(one.squeezed_pct, percent(one.squeezed_pct)),
    ),
    (
        "Passive",
        "repetitions that the limb made without the muscle",
        lambda one: _known(one.passive, str(one.passive)),
    ),
    (
        "Engaged",
        "repetitions and time held that were with the muscle",
        lambda one: _known(one.engagement_pct, percent(one.engagement_pct)),
    ),
    (
        "Isolation",
        "the target's share of the work of all muscles that are watched",
        lambda one: _known(one.isolation_pct, percent(one.isolation_pct)),
    ),
    (
        "Co-contraction",
        "how much of the work target and antagonist did at the same time",
        lambda one: _known(one.cocontraction_pct, percent(one.cocontraction_pct)),
    ),
    (
        "Sides",
        "the difference of the sides against what both did; above 0: the target's side did more",
        lambda one: _known(one.sides_pct, f"{percent(one.sides_pct, '+')}, {one.sides}"),
    ),
    (
        "Tiring",
        "how far the signal moved towards fatigue since the set began, at the end; told from 12 % on",
        lambda one: _known(one.tiring_pct, percent(one.tiring_pct)),
    ),
)


@dataclass(frozen=True)
class Column:
    """One column: heading, what it means ("" where that goes without saying), and a cell per set, None: not known."""

    heading: str
    meaning: str
    cells: tuple[str | None, ...]


def columns(sets: Sequence[TrainingSet]) -> list[Column]:
    """The columns in which any set has something."""
    found = [Column(heading, meaning, tuple(map(cell, sets))) for heading, meaning, cell in _COLUMNS]
    return [column for column in found if any(column.cells)]


def notes(one: TrainingSet) -> str:
    """What else there is to say of a set; "" when nothing is."""
    found: list[str] = []
    if one.by_motion is not None:
        found.append(f"the motion sensor counted {one.by_motion}, the muscle {one.by_effort}")
    found += [f"{muscle(other)} took over {times(other.times)}" for other in one.leaks]
    found += [f"{muscle(other)} did not join {times(other.times)}" for other in one.sleepers]
    found += [reason(name) for name in one.worse_form]
    if one.dug_in:
        found.append("the last repetition went deeper than the others")
    if one.advice:
        found.append(f"advice: {', '.join(map(reason, one.advice))}")
    if not one.complete:
        found.append("its end is not in the record")
    return "; ".join(found)


def sentences(sets: Sequence[TrainingSet], name: str) -> list[str]:
    """What the sets mean; `name` is that of the target muscle."""
    found: list[str] = []
    of_reps = [(number, one) for number, one in enumerate(sets, 1) if one.reps]
    reps = sum(one.reps for _, one in of_reps)
    tops = [one.best_peak for _, one in of_reps if one.best_peak is not None]
    if tops:
        unit = of_reps[0][1].unit
        found.append(
            f"At the top of a repetition the {name} reached {level(mean_peak(sets), unit)} on average, and "
            f"{level(max(tops), unit)} at best."
        )
    passive = sum(one.passive or 0 for _, one in of_reps)
    if passive:
        found.append(
            f"{passive} of {count(reps, 'repetition')} went through without the {name}: the limb moved, the muscle "
            "stayed out of it."
        )
    elif reps:
        found.append(f"No repetition went through without the {name}.")
    deeper = [number for number, one in of_reps if one.dug_in]
    if deeper:
        found.append(f"You dug in: the last repetition of {_where(deeper)} went deeper than the others.")
    tired = [(one.tiring_pct or 0.0, number) for number, one in enumerate(sets, 1) if (one.tiring_pct or 0.0) > 0]
    if tired:
        most, number = max(tired)
        found.append(
            f"The {name} showed signs of tiring, most in {_where([number])}: by {percent(most)} against the set's "
            "beginning."
        )
    advice: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(sets, 1):
        for why in one.advice:
            advice[reason(why)].append(number)
    if advice:
        said = ", ".join(f"{words} ({_where(where)})" for words, where in advice.items())
        found.append(f"The wearable's advice: {said}.")
    return found


def look(sets: Sequence[TrainingSet]) -> list[str]:
    """What is worth a look."""
    found: list[str] = []
    leaks: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    sleepers: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, one in enumerate(sets, 1):
        for other in one.leaks:
            leaks[muscle(other)].append((number, other.times))
        for other in one.sleepers:
            sleepers[muscle(other)].append((number, other.times))
    for name, where in leaks.items():
        found.append(f"A helper took over: {name}, {_how_often(where)}.")
    for name, where in sleepers.items():
        found.append(f"A stabiliser did not join: {name}, {_how_often(where)}.")
    uneven: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, one in enumerate(sets, 1):
        if one.sides_pct is not None and one.sides is not None and one.sides != "even":
            uneven[one.sides].append((number, abs(one.sides_pct)))
    for words, where in uneven.items():
        most = max(index for _, index in where)
        found.append(
            f"In {_where([number for number, _ in where])} {words}: the difference is {percent(most)} of what both "
            f"sides did{' at most' if len(where) > 1 else ''}."
        )
    for number, one in enumerate(sets, 1):
        if one.by_motion is not None:
            found.append(
                f"In set {number} the motion sensor counted {count(one.by_motion, 'repetition')}, the muscle "
                f"{one.by_effort}; {one.reps} were counted."
            )
    return found


def mean_peak(sets: Sequence[TrainingSet]) -> float | None:
    """The sets' mean peaks, each weighted by its repetitions, in the channel's unit."""
    known = [(one.mean_peak, one.reps) for one in sets if one.mean_peak is not None and one.reps]
    return sum(peak * reps for peak, reps in known) / sum(reps for _, reps in known) if known else None


def _how_often(where: Sequence[tuple[int, int]]) -> str:
    return f"{times(sum(often for _, often in where))} ({_where([number for number, _ in where])})"


def _where(numbers: Sequence[int]) -> str:
    return f"set{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def retained(found: Retention | None) -> list[str]:
    """How it went when nothing could buzz, as a sentence; none where there was no such unit."""
    if found is None:
        return []
    beside = f"; of the others {found.cued_good} of {found.cued}" if found.cued else ""
    return [
        f"Without cues {found.probes_good} of {count(found.probes, 'hold or repetition', 'holds or repetitions')} "
        f"went without a fault{beside}: that is what stays."
    ]
