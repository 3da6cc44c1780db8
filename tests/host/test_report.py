"""report: what the page says, what it never says, and that it asks the network for nothing."""

import json
import re
from html.parser import HTMLParser

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event
from mmc_host import session
from mmc_host.analysis.hold import holds
from mmc_host.analysis.sets import sets
from mmc_host.columns import LOOK_AHEAD_SITE, RECORDING_SITE
from mmc_host.report import render
from mmc_host.report.chart import chart_data
from mmc_host.report.page import FOLDER, UPLOT_ORIGIN, integrity
from mmc_host.report.wording import clock, length, level, share, times

LOADING = {"src", "href", "srcset", "data", "poster", "action", "formaction", "background", "ping", "cite", "manifest"}


class Page(HTMLParser):
    """Splits a page into tags, scripts, styles, comments and the text that people read."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.comments, self.text, self._inside = [], [], "", ""
        self.content = {"script": [], "style": []}
        self.feed(html)
        self.close()
        self.text = re.sub(r"\s+", " ", self.text.replace("\N{NARROW NO-BREAK SPACE}", " "))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in self.content:
            self._inside = tag
            self.content[tag].append("")

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = ""

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        if self._inside:
            self.content[self._inside][-1] += data
        else:
            self.text += data


def make(kind=1, wearer="otter", muscle="biceps brachii", ended=True, gap=False, level=450):
    builder = SessionBuilder().header(channels=2, wearer=wearer).channel(0, muscle, kind=kind)
    builder.channel(1, "triceps brachii", kind=kind).setting("target_low_pct", 30).setting("target_high_pct", 60)
    builder.level(2.0, 20, 15)
    if kind:
        builder.event(event.EVENT_HOLD_START, reason=event.REASON_ENTER, value=level, threshold=200)
    builder.level(4.0, level, 100)
    if kind:
        builder.event(event.EVENT_ACTIVATION_LOST, 5000).event(event.EVENT_CUE, 5000, reason=event.CUE_ENGAGE)
        builder.event(event.EVENT_ACTIVATION_REGAINED, 5800)
    builder.features([(900, 900)] * 4, motor=0b0110)
    if gap:
        builder.gap(250)
    builder.level(3.8, level, 100)
    if kind:
        builder.event(event.EVENT_HOLD_END, reason=event.REASON_LEAVE)
    builder.level(2.0, 20, 15)
    return session.decode((builder.end() if ended else builder).bytes())


def chart_of(page):
    return json.loads(page.content["script"][0])


def test_nothing_is_loaded_from_anywhere():
    html = render(make(gap=True), "id 5fd1c0a2")
    page = Page(html)
    for tag, attributes in page.tags:
        assert not LOADING & attributes.keys(), (tag, attributes)
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form", "a")
    for style in page.content["style"]:
        assert "url(" not in style and "@import" not in style and "src:" not in style
    assert len(page.content["script"]) == 3 and page.comments == []
    # No address stands anywhere in the file, not even in a comment of a script.
    assert not re.search(r"https?:|//[a-z0-9-]+\.[a-z]{2,}|(ftp|wss?)://", html)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\b", html)
    policy = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy[0].startswith("default-src 'none'")


def test_uplot_is_the_released_file_with_its_licence_in_the_page():
    released = (FOLDER / "assets" / "uPlot.iife.min.js").read_text()
    assert len(released.encode()) == 51081 and released.startswith(UPLOT_ORIGIN)
    page = Page(render(make()))
    assert page.content["script"][1] == released[len(UPLOT_ORIGIN) :]
    assert "Copyright (c) 2022 Leon Sorokin" in page.text and "Permission is hereby granted" in page.text


def test_one_session_gives_one_text():
    assert render(make()) == render(make())


def test_plain_words_come_first_and_the_numbers_are_right():
    page = Page(render(make(), "id 5fd1c0a2"))
    # The hold: 8 s, of which 0.1 s motor; 7.8 s at 45 %, 0.1 s at 90 %; 7.8 of 7.9 s in the band.
    mean = (7.8 * 45 + 0.1 * 90) / 7.9
    assert round(mean) == 46
    assert "You held once, 8.0 s in all." in page.text
    assert "the biceps brachii worked at 46 % of its calibrated maximum (MVC) on average" in page.text
    assert "Most of the scored time (99 %) lay in your target band of 30 to 60 %MVC." in page.text
    assert "let go and came back once, 0.8 s after the buzz (median)." in page.text
    assert page.text.index("You held") < page.text.index("Activity over time") < page.text.index("Each hold")
    row = page.text[page.text.index("Each hold") : page.text.index("Mean, peak and time")]
    assert "0:02.0 8.0 s 46 %MVC 90 %MVC 7.8 s 99 % 1 1 0.8 s" in row
    assert "id 5fd1c0a2" in page.text and "worn by otter" in page.text and "21 September 2026, 14:13 UTC" in page.text


def test_it_speaks_of_activity_and_never_promises_or_diagnoses():
    text = Page(render(make(level=250))).text.lower()
    assert "not whether it grows" in text and "nothing here is a medical finding" in text
    assert "worth a look" in text and "only 0 % of its time; on average it was below it" in text
    for word in ("hypertrophy", "diagnos", "injur", "patholog", "abnormal", "should see", "muscle gain"):
        assert word not in text
    assert "worth a look" not in Page(render(make())).text.lower()


def test_submaximal_reference_is_never_shown_as_maximum():
    page = Page(render(make(kind=2)))
    shown = page.text.replace("it is not a share of your maximum", "")
    assert "%MVC" not in page.text and "MVC" not in shown and "maximum" not in shown
    assert "46 %ref" in page.text and "of your reference contraction" in page.text
    assert [c["unit"] for c in chart_of(page)["channels"]] == ["%ref", "%ref"]


def test_without_a_reference_it_is_microvolt_and_nothing_is_scored():
    page = Page(render(make(kind=0)))
    assert "there is no reference yet" in page.text and "mmc-host calibrate" in page.text and "µV" in page.text
    assert "MVC" not in page.text and "%ref" not in page.text and "Each hold" not in page.text
    assert chart_of(page)["band"] is None and chart_of(page)["channels"][0]["unit"] == "µV"


def test_chart_holds_what_happened():
    s = make(gap=True)
    chart = chart_of(Page(render(s)))
    assert chart == json.loads(json.dumps(chart_data(s, holds(s), sets(s))))
    assert chart["band"] == [30.0, 60.0] and chart["holds"] == [[2.0, 10.25]] and chart["cues"] == [5.0]
    assert chart["motor"] == [[6.05, 6.15]]
    assert chart["gaps"] == [[6.2, 6.45, "sampler overrun"]]
    biceps, triceps = chart["channels"]
    assert (biceps["label"], biceps["target"], triceps["target"]) == ("biceps brachii, right", True, False)
    # One frame each 50 ms, and one empty point at the gap's end so that no line crosses it.
    assert len(chart["t_s"]) == len(biceps["values"]) == 2 * 20 + 4 * 20 + 4 + 76 + 2 * 20 + 1
    at = biceps["values"].index(None)
    assert chart["t_s"][at - 1 : at + 2] == [6.2, 6.45, 6.5] and triceps["values"][at] is None
    assert all(b > a for a, b in zip(chart["t_s"], chart["t_s"][1:], strict=False))
    assert biceps["top"] == pytest.approx(90 * 1.12) and biceps["values"][:2] == [2.0, 2.0]


def test_target_muscle_is_drawn_first():
    builder = SessionBuilder().header(channels=2).channel(0).channel(1, "soleus").setting("target_channel", 1)
    s = session.decode(
        builder.setting("target_low_pct", 30).setting("target_high_pct", 60).level(1.0, 100, 200).bytes()
    )
    chart = chart_data(s, [], [])
    assert [c["label"] for c in chart["channels"]] == ["soleus, right", "biceps brachii, right"]
    assert chart["channels"][0]["values"][0] == 20.0 and chart["channels"][0]["target"]


def test_names_from_the_device_are_text_and_nothing_else():
    page = Page(render(make(wearer="<b>x</b>", muscle="</script><img src=x>"), "<i>"))
    assert "worn by <b>x</b>" in page.text and "</script><img src=x>" in page.text and "<i>" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert chart_of(page)["channels"][0]["label"] == "</script><img src=x>, right"


def test_integrity_of_a_sound_record():
    checks = integrity(make())
    assert all(check.good for check in checks)
    text = Page(render(make())).text
    assert "The record is complete" in text
    assert "12 000 samples measured + 0 declared lost = 12 000 on the counter" in text
    assert "The session was closed as asked." in text


def test_integrity_names_gaps_damage_and_a_missing_end():
    page = Page(render(make(gap=True, ended=False)))
    assert "The record is sound; what it lacks is known" in page.text
    assert "1 gap, 0.2 s in all, marked in the chart. 0:06.2: 0.2 s, sampler overrun" in page.text
    assert "The record has no end: power was cut, or the session was still being recorded." in page.text
    builder = SessionBuilder().header().channel().flush().level(2.0, 100).flush()
    data = bytearray(builder.level(2.0, 100).fault(event.FAULT_FLASH, 5).end(dropped=3).bytes())
    data[300] ^= 1
    page = Page(render(session.decode(bytes(data))))
    assert "Parts of the record are missing" in page.text
    assert "1 place in the record could not be read; the rest could. page 1, byte 256: page checksum" in page.text
    assert "Not every sample is accounted for: 2 000 samples measured + 0 declared lost of 4 000" in page.text
    assert "0:00.0 to 0:02.0" in page.text and "dropped 3 pages" in page.text and "0:04.0: flash (5)" in page.text
    assert "missing from the record" in json.dumps(chart_of(page)["gaps"])


def test_many_places_of_damage_are_counted_not_all_listed():
    data = SessionBuilder().header().bytes() + bytes(256 * 40)
    page = Page(render(session.decode(data)))
    assert "40 places in the record could not be read" in page.text and "and 28 more" in page.text


def test_bad_signal_is_worth_a_look():
    builder = SessionBuilder().header().channel().setting("target_low_pct", 30).setting("target_high_pct", 60)
    s = session.decode(builder.level(4.0, 20).features([(400,)] * 8, quality=2).end().bytes())
    text = Page(render(s)).text
    assert "No hold and no repetition in this session." in text
    assert "The signal of the biceps brachii was clipped or flat for about 0.4 s" in text


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (8, "Spikes shook the signal of the biceps brachii for about 0.4 s"),
        (4, "Mains hum was most of the signal of the biceps brachii for about 0.4 s. It is scored"),
    ],
)
def test_spikes_and_mains_are_worth_a_look(quality, words):
    builder = SessionBuilder().header().channel().level(4.0, 20).features([(400,)] * 8, quality=quality)
    text = Page(render(session.decode(builder.end().bytes()))).text
    assert words in text
    assert "clipped or flat" not in text


@pytest.mark.parametrize(
    ("mains", "found", "end"),
    [
        (3, 2, "look at the contact, and at the setting mains_hz: the notch filter sat at 60 Hz."),
        (0, 2, "look at the contact; the notch filter was off."),
        (None, None, "look at the contact."),
    ],
)
def test_hum_names_the_notch_that_was_in_force(mains, found, end):
    builder = SessionBuilder().header().channel()
    for key, value in (("mains_hz", mains), ("mains_found_hz", found)):
        if value is not None:
            builder.setting(key, value)
    s = session.decode(builder.level(4.0, 20).features([(400,)] * 8, quality=4).end().bytes())
    assert end in Page(render(s)).text


def test_a_reference_of_the_whole_recording_is_no_calibration():
    builder = SessionBuilder().header().channel(site=LOOK_AHEAD_SITE, calibrated_utc_ms=0)
    builder.setting("target_low_pct", 30).setting("target_high_pct", 60)
    builder.event(event.EVENT_HOLD_START, reason=event.REASON_ENTER).level(2.0, 450)
    builder.event(event.EVENT_ACTIVATION_LOST).event(event.EVENT_CUE, reason=event.CUE_ENGAGE)
    s = session.decode(builder.event(event.EVENT_HOLD_END, reason=event.REASON_LEAVE).end().bytes())
    text = Page(render(s)).text
    assert "the biceps brachii worked at 45 % of the reference found on the whole recording (look-ahead), not" in text
    assert "100 % = 100 µV, reference found on the whole recording (look-ahead), not a calibration" in text
    assert "100 % is a reference found on the whole recording (look-ahead)" in text
    assert "The one buzz came as a hold ended" in text
    for word in ("calibrated maximum", "strongest contraction", "maximum (MVC)"):
        assert word not in text and word in Page(render(make())).text
    # Once somebody calibrated on it, it is a calibration.
    calibrated = SessionBuilder().header().channel(site=LOOK_AHEAD_SITE).level(1.0, 100).bytes()
    assert not session.decode(calibrated).channels[0].look_ahead


def test_a_recording_without_reference_is_not_sent_to_calibrate():
    s = session.decode(SessionBuilder().header().channel(kind=0, site=RECORDING_SITE).level(1.0, 100).bytes())
    text = Page(render(s)).text
    assert "Give the recording a reference" in text and "mmc-host calibrate" not in text


@pytest.mark.parametrize(
    ("muscle", "quality", "is_shown"),
    [
        ("not stated", [2, 2], False),
        ("not stated", [2, 0], True),
        ("not stated", [3, 1], True),
        ("soleus", [2, 2], True),
    ],
)
def test_a_channel_that_nobody_wears_is_left_out(muscle, quality, is_shown):
    builder = SessionBuilder().header(channels=2).channel(0).channel(1, muscle, kind=0, side=0)
    for bits in quality:
        builder.features([(400, 0)] * 8, quality=bits << 4)
    s = session.decode(builder.end().bytes())
    page = Page(render(s))
    labels = ["biceps brachii, right", muscle] if is_shown else ["biceps brachii, right"]
    assert [curve["label"] for curve in chart_of(page)["channels"]] == labels
    assert (f"The signal of the {muscle} was clipped or flat" in page.text) == is_shown
    assert ("Channel 1" in page.text) == is_shown
    assert f"1000 Hz, {'2 channels' if is_shown else '1 channel'}" in page.text


def test_when_all_channels_are_flat_and_unnamed_they_are_shown():
    builder = SessionBuilder().header(channels=2).channel(0, "not stated", kind=0).channel(1, "not stated", kind=0)
    s = session.decode(builder.features([(0, 0)] * 8, quality=0x22).bytes())
    assert [channel.channel for channel in s.channels_in_use] == [0, 1]
    empty = session.decode(SessionBuilder().header().channel(0, "not stated", kind=0).bytes())
    assert len(empty.channels_in_use) == 1
    away = SessionBuilder().header(channels=2).channel(0).channel(1, "not stated", kind=0).setting("target_channel", 1)
    text = Page(render(session.decode(away.features([(9, 0)] * 8, quality=0x20).bytes()))).text
    assert "The settings name channel 1, on which nothing is worn." in text


def test_empty_and_headless_records_still_make_a_page():
    page = Page(render(session.decode(SessionBuilder().header(utc_ms=0).channel().bytes())))
    assert "This record holds no measurements." in page.text and "date not known" in page.text
    data = SessionBuilder().header().flush().level(1.0, 100).bytes()
    page = Page(render(session.decode(bytes(256) + data[256:])))
    assert "The session's header was lost" in page.text and "(unit unknown)" in page.text
    assert "its labels are lost" in page.text and "MVC" not in page.text and "µV" not in page.text


def test_wording():
    assert [clock(t) for t in (0, 83.44, 59.96, 3723.4)] == ["0:00.0", "1:23.4", "1:00.0", "1:02:03.4"]
    plain = [length(t).replace("\N{NARROW NO-BREAK SPACE}", " ") for t in (0.035, 8.44, 59.96, 151, 3599.6, 3840)]
    assert plain == ["35 ms", "8.4 s", "1 min 0 s", "2 min 31 s", "1 h 0 min", "1 h 4 min"]
    assert level(42.4, "uV")[-2:] == "µV" and level(None, "%MVC") == "–" and level(4.04, "%MVC").startswith("4.0")
    assert share(0.714).startswith("71") and share(None) == "–"
    assert [times(n) for n in (1, 2, 5)] == ["once", "twice", "5 times"]
