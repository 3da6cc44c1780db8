"""How the wearable itself fared, in words: in `show` and in the report."""

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event
from mmc_host import session
from mmc_host.commands.show import _notes
from mmc_host.report.device import ending, figures, troubles
from mmc_host.report.page import integrity


def told(builder):
    """The sentences of one session, without narrow spaces; each stands in the report and among the notes of `show`."""
    found = session.decode(builder.bytes())
    sentences = [*ending(found), *troubles(found), *figures(found)]
    assert set(sentences) <= {check.text for check in integrity(found)}
    plain = [sentence.replace("\N{NARROW NO-BREAK SPACE}", " ") for sentence in sentences]
    assert _notes(found)[-len(plain) :] == plain or not plain
    return plain


def begun(**header):
    return SessionBuilder().header(**header).channel()


def test_nothing_is_said_where_nothing_is_known_or_wrong():
    assert told(begun().level(2.0, 100).end()) == []
    assert told(begun().vitals().level(2.0, 100).vitals().end()) == []


def test_battery_and_lateness_are_figures_and_no_trouble():
    builder = begun().vitals((0, 0, 0), 83, 600).level(2.0, 100).vitals((16, 1024, 7300), 79, 95).end()
    assert told(builder) == [
        "The battery went from 83 % to 79 %, which lasts for about 95 min.",
        "Samples were taken late: half within 0.016 ms, 99 % within 1.02 ms, all within 7.3 ms.",
    ]
    assert all(check.good for check in integrity(session.decode(builder.bytes())))


@pytest.mark.parametrize(("minutes", "words"), [(-1, ""), (119, " 119 min"), (120, " 2 h"), (1439, " 23 h")])
def test_time_left_is_told_where_it_is_known(minutes, words):
    (sentence,) = told(begun().vitals(battery_pct=50, battery_min=minutes).level(1.0, 100).end())
    assert sentence == "The battery was at 50 %" + (f", which lasts for about{words}." if words else ".")


@pytest.mark.parametrize(
    ("reason", "words", "good"),
    [(2, "flash was full", False), (3, "battery was low", True), (4, "nothing happened", True)],
)
def test_an_end_that_nobody_asked_for_has_its_reason(reason, words, good):
    builder = begun().level(2.0, 100).end(reason)
    (sentence,) = told(builder)
    assert words in sentence
    assert [check.good for check in integrity(session.decode(builder.bytes())) if check.text == sentence] == [good]


@pytest.mark.parametrize(("cause", "words"), [(3, "watchdog"), (6, "brown-out")])
def test_a_start_that_nobody_asked_for_has_its_cause(cause, words):
    (sentence,) = told(begun(reset_cause=cause).level(2.0, 100).end())
    assert words in sentence


def test_where_the_raw_signal_gave_way():
    builder = begun().level(60.0, 100).event(event.EVENT_DETAIL, None, 255, 47).level(30.0, 100).end()
    assert told(builder) == ["The flash ran low: the raw signal ends at 1:00.0, everything else goes on."]


def test_usb_power_is_told():
    (sentence,) = told(begun().vitals(power=1).level(2.0, 100).vitals().end())
    assert sentence.startswith("USB power was there")
