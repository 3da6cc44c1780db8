"""What the session means, in words that need no training: what was done or held, how well, what is worth a look.

In:    Session, and what the analyses answered
Out:   Summary: a headline, sentences, figures, things worth a look
Source: thresholds below are this file's. What is said stays within what surface EMG can carry: activation, never growth
        or force (Vigotsky et al. 2018, 10.3389/fphys.2017.00985), and never a diagnosis
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from mmc_core import sample
from mmc_core.settings import mains_in_force_hz
from mmc_host.analysis.activation import Activation
from mmc_host.analysis.checks import checks
from mmc_host.analysis.hold import Hold
from mmc_host.analysis.program import Course
from mmc_host.analysis.retention import retention
from mmc_host.analysis.scoring import Band, target_band, target_channel
from mmc_host.analysis.sets import TrainingSet
from mmc_host.analysis.wearer import is_not_today
from mmc_host.columns import RECORDING_SITE, Channel, Session
from mmc_host.report import program as program_words
from mmc_host.report import sets as set_words
from mmc_host.report.checks import NOT_TODAY, findings
from mmc_host.report.wording import FEEDBACK_CUES, NARROW, count, length, level, percent, share, times, unit

MOSTLY = 0.75
HALF = 0.5
BAD_SIGNAL_SHARE = 0.02


@dataclass(frozen=True)
class Figure:
    """One number to remember: what it is, its text, and how to read it."""

    label: str
    text: str
    note: str


@dataclass(frozen=True)
class Summary:
    """Plain words first, numbers second."""

    headline: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    look: tuple[str, ...]


def summarise(
    session: Session,
    holds: Sequence[Hold],
    muscles: Sequence[Activation],
    sets: Sequence[TrainingSet],
    course: Course | None,
) -> Summary:
    """Say it."""
    index = target_channel(session)
    look = tuple(
        [NOT_TODAY] * is_not_today(session)
        + findings(session, checks(session))
        + _signal(session, muscles)
        + _holds_off_target(holds, target_band(session))
        + set_words.look(sets)
    )
    if index is None:
        return Summary("No muscle was chosen to watch.", ("The settings name a channel that is not there.",), (), look)
    channel = session.channels[index]
    if channel.unit == "unknown":
        return _unlabelled(session, look)
    answer = next((answer for answer in muscles if answer.channel == index), None)
    if answer is None:
        sentence = f"The settings name channel {index}, on which nothing is worn."
        return Summary("The channel to watch is not worn.", (sentence,), (), look)
    if not channel.calibrated:
        return _uncalibrated(session, channel, answer, look)
    led = None if course is None else program_words.headline(course)
    if course is not None and led is not None:
        return Summary(led, tuple(program_words.sentences(course)[1:]), tuple(_led_figures(course)), look)
    if any(one.reps for one in sets):
        return _with_reps(session, channel, holds, sets, course, look)
    if not holds:
        return _nothing(session, channel, answer, look)
    return _with_holds(session, channel, holds, sets, look)


def _unlabelled(session: Session, look: tuple[str, ...]) -> Summary:
    sentence = "The part of the record that names muscles and references was lost, so levels have no unit."
    figures = (Figure("Recorded", length(session.duration_s), "length of the session"),)
    return Summary("Recorded, but its labels are lost.", (sentence,), figures, look)


def _uncalibrated(session: Session, channel: Channel, answer: Activation, look: tuple[str, ...]) -> Summary:
    sentences = (
        f"The {channel.muscle} had no reference in this session, so its activity is shown in microvolts and holds were "
        "not scored. Microvolts depend on skin and electrodes and can't be compared between days.",
        "Give the recording a reference (an array mvc_ref in its .npz), and it is scored in percent."
        if channel.site == RECORDING_SITE
        else "Calibrate once (mmc-host calibrate), and the next session is scored in percent.",
    )
    figures = (
        Figure("Recorded", length(session.duration_s), "length of the session"),
        Figure("Mean activity", level(answer.mean, answer.unit), "over the whole session"),
        Figure("Strongest", level(answer.p95, answer.unit), "exceeded 5 % of the time"),
    )
    return Summary("Recorded, but not scored: there is no reference yet.", sentences, figures, look)


def _nothing(session: Session, channel: Channel, answer: Activation, look: tuple[str, ...]) -> Summary:
    sentences = (
        f"The {channel.muscle} never rose and stayed up long enough to count as a hold, and no movement came back "
        f"often enough to count as repetitions. Its strongest moments reached {level(answer.p95, answer.unit)}.",
    )
    figures = (
        Figure("Recorded", length(session.duration_s), "length of the session"),
        Figure("Mean activity", level(answer.mean, answer.unit), "over the whole session"),
        Figure("Strongest", level(answer.p95, answer.unit), "exceeded 5 % of the time"),
    )
    return Summary("No hold and no repetition in this session.", sentences, figures, look)


def _led_figures(course: Course) -> list[Figure]:
    figures = [Figure("Sets", f"{course.sets_done} of {course.sets_planned}", "done of those planned")]
    for label, answers in (("Tighten", course.tighten), ("Let go", course.relax)):
        if answers is not None and answers.median_ms is not None:
            figures.append(Figure(label, f"{answers.median_ms:.0f}{NARROW}ms", "after the signal, median"))
    if course.mean_error_pct is not None:
        figures.append(
            Figure("Off by", f"{course.mean_error_pct:.0f} points", "how well you feel the muscle: 0 is exact")
        )
    elif course.levels:
        mean = statistics.fmean(one.held_pct for one in course.levels)
        figures.append(Figure("Mean level", level(mean, course.unit), "at the end of each"))
    return figures


def _with_reps(
    session: Session,
    channel: Channel,
    holds: Sequence[Hold],
    sets: Sequence[TrainingSet],
    course: Course | None,
    look: tuple[str, ...],
) -> Summary:
    of_reps = [one for one in sets if one.reps]
    reps = sum(one.reps for one in of_reps)
    sentences = set_words.sentences(sets, channel.muscle) + set_words.retained(retention(session))
    in_band = None if course is None else program_words.band_share(course)
    if in_band is not None:
        sentences.insert(1, in_band)
    held_s = sum(hold.duration_s for hold in holds)
    if holds:
        sentences.append(f"The wearable also counted {count(len(holds), 'hold')}, {length(held_s)} in all.")
    figures = [
        Figure("Repetitions", str(reps), f"in {count(len(of_reps), 'set')}"),
        Figure("Mean peak", level(set_words.mean_peak(sets), channel.unit), "at the top of a repetition"),
    ]
    engaged = [one.engagement_pct for one in of_reps if one.engagement_pct is not None]
    if engaged:
        figures.append(Figure("Engaged", percent(statistics.fmean(engaged)), "with the muscle, mean of the sets"))
    isolation = [one.isolation_pct for one in of_reps if one.isolation_pct is not None]
    if isolation:
        figures.append(Figure("Isolation", percent(statistics.fmean(isolation)), "share of all muscles' work"))
    if holds:
        figures.append(Figure("Time held", length(held_s), count(len(holds), "hold")))
    buzzes = sum(session.count("cue", pattern) for pattern in FEEDBACK_CUES)
    figures.append(Figure("Buzzes", str(buzzes), "about the muscle or the form"))
    headline = f"You did {count(reps, 'repetition')} in {count(len(of_reps), 'set')}."
    return Summary(headline, tuple(sentences), tuple(figures), look)


def _with_holds(
    session: Session,
    channel: Channel,
    holds: Sequence[Hold],
    sets: Sequence[TrainingSet],
    look: tuple[str, ...],
) -> Summary:
    held_s = sum(hold.duration_s for hold in holds)
    scored_s = sum(hold.scored_s for hold in holds)
    mean = sum(hold.mean_pct * hold.scored_s for hold in holds if hold.mean_pct is not None)
    mean = mean / scored_s if scored_s else None
    in_target = [hold.time_in_target_s for hold in holds if hold.time_in_target_s is not None]
    in_share = sum(in_target) / scored_s if in_target and scored_s else None
    band = target_band(session)
    sentences: list[str] = []
    if mean is not None:
        of = {
            "%MVC": "of its calibrated maximum (MVC)",
            "%ref": "of your reference contraction",
            "%rel": "of an earlier placement's reference",
        }.get(channel.unit, "of its reference")
        if channel.look_ahead:
            of = "of the reference found on the whole recording (look-ahead), not a calibration,"
        sentences.append(f"While you held, the {channel.muscle} worked at {mean:.0f} % {of} on average.")
    if band is not None and in_share is not None:
        how = "Most" if in_share >= MOSTLY else "More than half" if in_share > HALF else "Less than half"
        how = "Half" if in_share == HALF else how
        sentences.append(
            f"{how} of the scored time ({share(in_share)}) lay in your target band of "
            f"{band.low_pct:.0f} to {band.high_pct:.0f} {unit(channel.unit)}."
        )
    responses = [seconds for hold in holds for seconds in hold.response_times_s]
    cues = sum(hold.cues for hold in holds)
    sentences += _lapses(holds, responses, cues) + set_words.sentences(sets, channel.muscle)
    sentences += set_words.retained(retention(session))
    figures = [
        Figure("Holds", str(len(holds)), f"in {length(session.duration_s)}"),
        Figure("Time held", length(held_s), f"longest {length(max(hold.duration_s for hold in holds))}"),
        Figure("Mean while held", level(mean, channel.unit), "motor and bad signal left out"),
    ]
    if band is not None:
        edges = f"{band.low_pct:.0f}–{band.high_pct:.0f} {unit(channel.unit)}"
        figures.append(Figure("In target", share(in_share), edges))
    figures.append(Figure("Buzzes", str(cues), "the muscle was letting go"))
    if responses:
        figures.append(Figure("Back after a buzz", length(statistics.median(responses)), "median, buzz time included"))
    headline = f"You held {times(len(holds))}, {length(held_s)} in all."
    return Summary(headline, tuple(sentences), tuple(figures), look)


def _lapses(holds: Sequence[Hold], responses: Sequence[float], cues: int) -> list[str]:
    lapses = [lapse for hold in holds for lapse in hold.lapses]
    returned = sum(1 for lapse in lapses if lapse.regained_s is not None)
    at_end = sum(1 for lapse in lapses if lapse.regained_s is None and lapse.cue_s is not None)
    sentences: list[str] = []
    if returned:
        answer = f", {length(statistics.median(responses))} after the buzz (median)" if responses else ""
        sentences.append(f"Within holds it let go and came back {times(returned)}{answer}.")
    else:
        sentences.append("No hold had a lapse before its end.")
    if at_end:
        which = "The one buzz" if cues == 1 else f"{at_end} of {cues} buzzes"
        sentences.append(f"{which} came as a hold ended: the wearable can't know whether you meant to stop.")
    return sentences


def _holds_off_target(holds: Sequence[Hold], band: Band | None) -> list[str]:
    if band is None:
        return []
    found: list[str] = []
    for number, hold in enumerate(holds, 1):
        if hold.time_in_target_s is None or hold.mean_pct is None or hold.scored_s == 0.0:
            continue
        inside = hold.time_in_target_s / hold.scored_s
        if inside >= HALF:
            continue
        where = ""
        if hold.mean_pct < band.low_pct:
            where = "; on average it was below it"
        elif hold.mean_pct > band.high_pct:
            where = "; on average it was above it"
        found.append(f"Hold {number} was in the target band for only {share(inside)} of its time{where}.")
    return found


_SIGNAL = (
    (
        sample.QUALITY_CLIPPED | sample.QUALITY_FLAT,
        "The signal of the {muscle} was clipped or flat for about {length}: an electrode may have been loose. That "
        "time is not scored.",
    ),
    (
        sample.QUALITY_SPIKE,
        "Spikes shook the signal of the {muscle} for about {length}: an electrode was touched or a cable moved. "
        "That time is not scored.",
    ),
    (
        sample.QUALITY_MAINS,
        "Mains hum was most of the signal of the {muscle} for about {length}. It is scored; look at the contact"
        "{notch}.",
    ),
)


def _signal(session: Session, muscles: Sequence[Activation]) -> list[str]:
    import numpy as np

    seconds = session.features.samples / session.header.rate_hz
    found: list[str] = []
    for answer in muscles:
        for bits, sentence in _SIGNAL:
            marked_s = float(np.sum(seconds[(session.features.quality[:, answer.channel] & bits) != 0]))
            if marked_s > BAD_SIGNAL_SHARE * session.duration_s:
                found.append(sentence.format(muscle=answer.muscle, length=length(marked_s), notch=_notch(session)))
    return found


def _notch(session: Session) -> str:
    if not {"mains_hz", "mains_found_hz"} <= session.settings.keys():
        return ""
    hz = mains_in_force_hz(session.settings)
    return f", and at the setting mains_hz: the notch filter sat at {hz} Hz" if hz else "; the notch filter was off"
