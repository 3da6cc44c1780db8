"""Session to page: ask the analyses, word the answers, fill the template.

In:    Session
Out:   HTML text, whole: styles, scripts and data are in it, and it asks the network for nothing
State: none
Source: assets/ (uPlot 1.6.32 under its MIT licence, whose text is in the page), templates/report.html.j2
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmc_host.analysis.activation import activation
from mmc_host.analysis.checks import checks as found_before
from mmc_host.analysis.hold import Hold, holds
from mmc_host.analysis.program import course
from mmc_host.analysis.scoring import target_band, target_channel
from mmc_host.analysis.sets import sets
from mmc_host.analysis.wearer import answers, marks
from mmc_host.columns import Session
from mmc_host.report import device as device_words
from mmc_host.report import program as program_words
from mmc_host.report import sets as set_words
from mmc_host.report import wording
from mmc_host.report.chart import chart_data
from mmc_host.report.checks import answered, artefacts, confirmed
from mmc_host.report.summary import summarise
from mmc_host.report.wording import clock, count, length, muscle, words

FOLDER = Path(__file__).parent
UPLOT_ORIGIN = "/*! https://github.com/leeoniya/uPlot (v1.6.32) */\n"
LISTED = 12  # places of damage, and gaps, that are listed one by one

CLOCK_NOTES = {
    "unknown": "The wearable's clock was never set: the date is not known, times within the session are.",
    "offset": "The wearable's clock was read once: the start is known to about a second.",
    "stepped": "The wearable's clock was set anew during the session; the last setting counts.",
}


@dataclass(frozen=True)
class Check:
    """One line of the integrity box."""

    good: bool
    text: str
    details: tuple[str, ...] = ()


def render(session: Session, source: str = "") -> str:
    """Make the report.

    Args:
        session: what to report on.
        source: what the page says about where the session came from, such as its id; nothing when empty.

    Returns:
        One HTML file as text, to be written as UTF-8. The same session gives the same text.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found, trained, followed = holds(session), sets(session), course(session)
    muscles = activation(session)
    target = target_channel(session)
    checks = integrity(session)
    return environment.get_template("report.html.j2").render(
        title=f"Session {session.header.session}",
        subtitle="" if target is None else muscle(session.channels[target]),
        say=wording,
        session=session,
        started=_started(session),
        source=source,
        summary=summarise(session, found, muscles, trained, followed),
        band=target_band(session),
        holds=[_hold_row(number, hold) for number, hold in enumerate(found, 1)],
        sets=trained,
        set_columns=set_words.columns(trained),
        set_notes=[set_words.notes(one) for one in trained],
        program=None if followed is None else program_words.sentences(followed),
        levels=[] if followed is None else program_words.level_rows(followed),
        level_headings=program_words.LEVEL_HEADINGS,
        marks=marks(session),
        muscles=muscles,
        facts=_facts(session),
        checks=checks,
        sound=all(check.good for check in checks),
        verdict=_verdict(session, checks),
        chart=chart_data(session, found, trained),
        style=_asset("uPlot.min.css") + _asset("report.css"),
        uplot=_asset("uPlot.iife.min.js").removeprefix(UPLOT_ORIGIN),
        script=_asset("report.js"),
        licence=_asset("uPlot.LICENSE.txt"),
    )


def integrity(session: Session) -> list[Check]:
    """What the record itself says about its completeness."""
    checks = [_accounting(session), _gaps(session), _damage(session), _ending(session)]
    if session.header.assumed:
        checks.append(Check(False, "The session's header was lost: rates and names are assumed."))
    if session.end is not None and session.end.dropped_pages:
        dropped = count(session.end.dropped_pages, "page")
        checks.append(Check(False, f"The wearable ran out of room and dropped {dropped}."))
    if session.faults:
        places = tuple(f"{clock(fault.t_s)}: {words(fault.code)} ({fault.detail})" for fault in session.faults[:LISTED])
        checks.append(Check(False, f"The wearable reported {count(len(session.faults), 'fault')}.", places))
    checks += [Check(False, sentence) for sentence in device_words.troubles(session)]
    return [*checks, *(Check(True, sentence) for sentence in device_words.figures(session))]


def _verdict(session: Session, checks: list[Check]) -> str:
    if all(check.good for check in checks):
        return "The record is complete"
    if session.accounted and not session.damage and not session.header.assumed:
        return "The record is sound; what it lacks is known"
    return "Parts of the record are missing"


def _accounting(session: Session) -> Check:
    thousands = wording.NARROW
    samples, lost, span = (
        f"{n:,}".replace(",", thousands) for n in (session.samples, session.lost_samples, session.span_samples)
    )
    text = f"{samples} samples measured + {lost} declared lost = {span} on the counter"
    if session.accounted:
        return Check(True, f"Every sample is accounted for: {text}.")
    places = tuple(f"{clock(hole.start_s)} to {clock(hole.end_s)}" for hole in session.missing[:LISTED])
    return Check(False, f"Not every sample is accounted for: {text.replace('=', 'of')}.", places)


def _gaps(session: Session) -> Check:
    if not session.gaps:
        return Check(True, "No gaps.")
    total = length(sum(gap.duration_s for gap in session.gaps))
    places = [f"{clock(gap.t_s)}: {length(gap.duration_s)}, {words(gap.cause)}" for gap in session.gaps[:LISTED]]
    if len(session.gaps) > LISTED:
        places.append(f"and {len(session.gaps) - LISTED} more")
    return Check(False, f"{count(len(session.gaps), 'gap')}, {total} in all, marked in the chart.", tuple(places))


def _damage(session: Session) -> Check:
    if not session.damage:
        sound = (
            "The one page of the record is" if session.pages == 1 else f"All {session.pages} pages of the record are"
        )
        return Check(True, f"{sound} sound.")
    places = [f"page {damage.page}, byte {damage.offset}: {damage.reason}" for damage in session.damage[:LISTED]]
    if len(session.damage) > LISTED:
        places.append(f"and {len(session.damage) - LISTED} more")
    text = f"{count(len(session.damage), 'place')} in the record could not be read; the rest could."
    return Check(False, text, tuple(places))


def _ending(session: Session) -> Check:
    if session.end is None:
        return Check(False, "The record has no end: power was cut, or the session was still being recorded.")
    if session.end.reason in device_words.ENDS:
        return Check(session.end.reason in device_words.FINE, device_words.ENDS[session.end.reason])
    asked = session.end.reason == "asked"
    why = "as asked" if asked else f"because of: {words(session.end.reason)}"
    return Check(asked, f"The session was closed {why}.")


def _hold_row(number: int, hold: Hold) -> dict[str, Any]:
    scored = hold.time_in_target_s is not None and hold.scored_s > 0.0
    return {
        "number": number,
        "hold": hold,
        "in_share": hold.time_in_target_s / hold.scored_s if scored and hold.time_in_target_s is not None else None,
        "returned": sum(1 for lapse in hold.lapses if lapse.regained_s is not None),
        "responses": ", ".join(length(seconds) for seconds in hold.response_times_s) or wording.DASH,
        "note": {"cut": "end not recorded", "session_end": "still held when the session ended"}.get(hold.ended, ""),
    }


def _started(session: Session) -> dict[str, str] | None:
    utc = session.clock.utc()
    if utc is None:
        return None
    return {"iso": utc.isoformat(timespec="seconds"), "text": _date(utc)}


def _date(utc: datetime.datetime) -> str:
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def _facts(session: Session) -> list[tuple[str, str]]:
    header, clock_fit = session.header, session.clock
    facts = [
        ("Wearer", header.wearer),
        ("Length", length(session.duration_s)),
        ("Sampling", f"{header.rate_hz} Hz, {count(len(session.channels_in_use), 'channel')}"),
        ("Logged", "envelope and raw EMG" if session.raw is not None else "envelope"),
        ("Firmware", f"{header.firmware}, board {header.board}"),
        ("Log format", f"{header.format_major}.{header.format_minor}"),
    ]
    if clock_fit.drift_ppm is not None:
        facts.append(("Clock", f"drift {clock_fit.drift_ppm:+.1f} ppm over {count(clock_fit.readings, 'reading')}"))
    else:
        facts.append(("Clock", CLOCK_NOTES.get(clock_fit.state, clock_fit.state)))
    said, found = answers(session), found_before(session)
    for name, text in (
        ("Before", answered(said, "before")),
        ("After", answered(said, "after")),
        ("Answered by name", confirmed(found)),
        ("Motor adds", artefacts(found)),
    ):
        if text:
            facts.append((name, text))
    for channel in session.channels_in_use:
        reference = "not calibrated"
        if channel.look_ahead and channel.reference_uv is not None:
            found = "reference found on the whole recording (look-ahead), not a calibration"
            reference = f"100 % = {channel.reference_uv:.0f} µV, {found}"
        elif channel.reference_uv is not None and channel.calibrated:
            kind = {
                "mvc": "maximum (MVC)",
                "ref": "sub-maximal reference",
                "relative": wording.RELATIVE_UNIT,
            }.get(channel.reference_kind, "reference")
            reference = f"100 % = {channel.reference_uv:.0f} µV, {kind}"
        facts.append((f"Channel {channel.channel}", f"{muscle(channel)}; electrode site {channel.site}; {reference}"))
    return facts


def _asset(name: str) -> str:
    """A file of assets/. Styles and scripts go into the page as they are, because they are ours or uPlot's."""
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")
