"""report of repetitions and programs: what it says of them, and what it never says."""

import pytest
from host.test_report import Page, chart_of
from host.trained import NOBODY, begin, curls

from mmc_core import event
from mmc_host import session
from mmc_host.report import render
from mmc_host.report.wording import listed, percent, reason


def page_of(builder):
    return Page(render(session.decode(builder.bytes())))


def test_repetitions_come_first():
    text = page_of(curls()).text
    assert "You did 9 repetitions in 2 sets." in text
    # (4 * 55 + 5 * 40.6) / 9
    assert "At the top of a repetition the biceps brachii reached 47 %MVC on average, and 70 %MVC at best." in text
    assert "78 % of 9 repetitions had their top in the target band of 45 to 75 %MVC." in text
    assert "1 of 9 repetitions went through without the biceps brachii" in text
    assert "The biceps brachii showed signs of tiring, most in set 2: by 25 % against the set's beginning." in text
    assert "The wearable's advice: less load (set 2)." in text
    assert "Each hold" not in text
    figures = text[text.index("less load (set 2)") : text.index("Worth a look")]
    for words in ("Repetitions9in 2 sets", "Mean peak47 %MVC", "Engaged90 %", "Buzzes1"):
        assert words in figures


def test_sets_have_rows_and_notes():
    text = page_of(curls()).text
    row = text[text.index("Each set") : text.index("Mean peak:")]
    assert "0:02.0 11.0 s 4 55 %MVC 70 %MVC 50 %MVC 100 % 0 100 % -16 %, left does more –" in row
    assert "0:40.0 14.0 s 5 41 %MVC 50 %MVC 50 %MVC 50 % 1 80 % – 25 %" in row
    assert "the motion sensor counted 3, the muscle 4" in row and "took over once" in row
    assert "Isolation" not in row and "Held" not in row


def test_what_is_worth_a_look_is_no_finding():
    text = page_of(curls()).text
    look = text[text.index("Worth a look") : text.index("Activity over time")]
    for words in (
        "The check before the session found on the triceps brachii, right: an electrode was off (80 % of the time).",
        "Asked for the biceps brachii, right, the biceps brachii, left answered",
        "A helper took over: deltoideus anterior, right, once (set 2).",
        "A stabiliser did not join: triceps brachii, right, once (set 2).",
        "In set 1 left does more: the difference is 16 % of what both sides did.",
        "In set 1 the motion sensor counted 3 repetitions, the muscle 4; 4 were counted.",
    ):
        assert words in look
    for word in ("diagnos", "injur", "weak", "imbalance", "hypertrophy", "should see"):
        assert word not in text.lower()


def test_not_today_comes_first_of_all_to_look_at():
    builder = begin().event(event.EVENT_ADVICE, 0, NOBODY, 1, event.QUESTION_PAIN, event.REASON_NOT_TODAY)
    text = page_of(builder.level(2.0, 50, 0, 0, 0).end()).text
    assert "Worth a look Before the session you answered that there was pain, or no energy; the wearable" in text


def test_a_muscle_that_has_recovered_shows_no_signs_of_tiring():
    builder = begin()
    for number in (1, 2, 3):
        builder.event(event.EVENT_REP, 9000, 0, number)
    builder.event(event.EVENT_TIRING, 9000, 0, 130, 120, event.REASON_FATIGUE)
    builder.event(event.EVENT_TIRING, 9500, 0, -20, 0, event.REASON_RECOVERY).event(event.EVENT_SET, 29_000, 0, 3)
    text = page_of(builder.level(2.0, 50, 0, 0, 0).end()).text
    assert "signs of tiring" not in text and "You did 3 repetitions in 1 set." in text


def test_answers_marks_and_an_idle_end():
    page = page_of(curls(end=4))
    assert "The session ended by itself, because nothing happened any more." in page.text
    assert "The record is complete" in page.text
    assert "Beforeenergy 6 of 10" in page.text and "Aftereffort 8 of 10" in page.text
    buttons = [attributes for tag, attributes in page.tags if tag == "button" and "data-from" in attributes]
    assert [(one["data-from"], one["data-to"]) for one in buttons] == [
        ("2.0", "13.0"),
        ("40.0", "54.0"),
        ("70.0", "80.0"),
    ]


def test_chart_has_the_sets_and_every_buzz_about_the_muscle():
    chart = chart_of(page_of(curls()))
    assert (chart["sets"], chart["holds"], chart["cues"]) == ([[2.0, 13.0], [40.0, 54.0]], [], [46.0])


def test_holds_beside_repetitions_are_told_too():
    builder = curls(program="")
    builder.event(event.EVENT_HOLD_START, 60_000).event(event.EVENT_HOLD_END, 70_000, reason=event.REASON_LEAVE)
    text = page_of(builder).text
    assert "You did 9 repetitions in 2 sets." in text and "The wearable also counted 1 hold, 10.0 s in all." in text
    assert "Each hold" in text and "Each set" in text


def test_sense_test_and_drill_have_headlines_of_their_own():
    builder = begin("sense-test").level(4.0, 50, 0, 0, 0)
    for asked, held in ((300, 420), (500, 530), (700, 610)):
        builder.event(event.EVENT_LEVEL, value=held, threshold=asked)
    text = page_of(builder.end()).text
    assert "You felt for a level 3 times." in text and "was off by 8 percentage points on average; 0 is exact." in text
    assert "Off by8 points" in text and "30 %MVC42 %MVC+12 points" in text
    builder = begin("contract-relax").level(4.0, 50, 0, 0, 0)
    for ms in (300, 240, -1, 260):
        builder.event(event.EVENT_REACTION, value=ms, reason=event.REASON_TIGHTEN)
    text = page_of(builder.end()).text
    assert "You followed 3 of 4 signals." in text
    assert "Tightening took 260 ms from the signal (median of 3); 1 of 4 went unanswered." in text


def test_a_relative_reference_is_explained_and_is_no_maximum():
    text = page_of(curls(kind=3)).text
    assert "100 % = 100 µV, relative to an earlier placement's reference: compare within this session only" in text
    assert "Percent rel is relative to an earlier placement's reference" in text
    assert "%MVC" not in text and "strongest contraction" not in text and "47 %rel" in text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["1"], "1"), (["1", "2"], "1 and 2"), (["1", "2", "5"], "1, 2 and 5")]
)
def test_names_in_a_row(names, text):
    assert listed(names) == text


def test_reasons_and_percent():
    assert [reason(name) for name in ("fewer_reps", "not_today", "lead_off")] == [
        "fewer repetitions",
        "not today",
        "an electrode was off",
    ]
    assert percent(None) == "–" and percent(-7.6, "+").startswith("-8") and percent(7.6, "+").startswith("+8")
