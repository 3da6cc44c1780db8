"""Sessions of a program, one after the other: values by hand, a trend that no odd day makes, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from host.command_line import run, run_json
from host.session_builder import SessionBuilder
from host.stored import put

from mmc_core import event, record
from mmc_host import programs
from mmc_host.analysis.practice import MEASURES, practice, trend
from mmc_host.programs.compiling import compile_program
from mmc_host.session import decode
from mmc_host.store import Store

pytestmark = pytest.mark.usefixtures("home")


def felt(session: int, *held_pct: float) -> SessionBuilder:
    """A sense test: 30, 50, 70 % were asked for."""
    builder = SessionBuilder(session=session).header(channels=1).channel(0, kind=1)
    data = compile_program(programs.load("sense-test"))
    builder.add(record.PROGRAM, (2, 0, 0), data, len(data))
    for at, (asked, held) in enumerate(zip((300, 500, 700), held_pct, strict=True)):
        builder.event(event.EVENT_LEVEL, 5000 * at, 0, round(10 * held), asked)
    return builder.end()


def curled(session: int, in_band: int, engaged: int, shift: int) -> SessionBuilder:
    builder = SessionBuilder(session=session).header(channels=1).channel(0, kind=1)
    data = compile_program(programs.load("biceps-curl"))
    builder.add(record.PROGRAM, (1, shift, 0), data, len(data))
    builder.event(event.EVENT_REP_START, 1000).event(event.EVENT_PROBE, 1000).event(event.EVENT_REP_END, 2000, 0, 1000)
    builder.event(event.EVENT_REP, 2000, 0, 1).event(event.EVENT_ENGAGEMENT, 3000, 0, engaged)
    builder.event(event.EVENT_SET, 3000, 0, 1).event(event.EVENT_BAND, 3000, 0, in_band, 10)
    return builder.end()


def test_each_session_is_measured() -> None:
    plain = SessionBuilder().header(channels=1).channel(0, kind=1).end()
    steps = practice(decode(one.bytes()) for one in (curled(1, 600, 900, 0), plain, felt(2, 40, 50, 55)))
    assert [step.program for step in steps] == ["biceps curl", "sense test"]
    curl, sense = steps
    assert (curl.in_band_pct, curl.engaged_pct, curl.without_cues_pct, curl.error_pct) == (60, 90, 100, None)
    assert sense.error_pct == pytest.approx((10 + 0 + 15) / 3) and sense.in_band_pct is None
    assert [measure.of(curl) for measure in MEASURES] == [60, 90, 100, None, None, None]


def test_a_trend_is_the_median_slope() -> None:
    assert trend([10, 12, 14]) is None  # too few
    assert trend([10, 12, 14, 16]) == 2
    assert trend([10, 12, 14, 16, 90]) == pytest.approx(2, abs=0.01)  # an odd day
    assert trend([10, None, 14, None, 18, 20]) == 2  # per session, also those in which it was not measured
    assert trend([None] * 9) is None


def test_the_command(tmp_path: Path) -> None:
    assert "No session of a program is here" in run("practice").stdout
    with Store() as store:
        for number, held in enumerate(((45, 50, 55), (42, 50, 58), (40, 50, 60), (36, 50, 64)), 1):
            put(store, "a", number, felt(number, *held).bytes())
        put(store, "a", 5, curled(5, 600, 900, 5).bytes())
    text = run("practice").stdout
    assert "sense test: 4 sessions" in text and "biceps curl: 1 session\n" in text
    assert "felt, off by: better, -2.0 points per session (median slope)" in text
    assert "a trend is given from 4 sessions on" in text
    told = run_json("practice", "sense test")["sense test"]
    assert [one["felt, off by"] for one in told["sessions"]] == pytest.approx([10, 8, 20 / 3, 4])
    assert told["change_per_session"]["in band"] is None
    result = run("practice", "sense tset")
    assert result.exit_code == 2 and "there are: sense test, biceps curl" in result.stderr
