"""`mmc-host show`: sets, program, what was said and checked; as text and as JSON."""

import pytest
from host.command_line import run, run_json
from host.trained import NOBODY, begin, curls

from mmc_core import event

pytestmark = pytest.mark.usefixtures("home")


def shown(tmp_path, builder):
    (tmp_path / "one.mmc").write_bytes(builder.bytes())
    result = run("show", str(tmp_path / "one.mmc"))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_sets_have_a_table_with_the_columns_that_have_something(tmp_path):
    lines = shown(tmp_path, curls())
    at = next(number for number, line in enumerate(lines) if line.startswith("set"))
    headings = [part.strip() for part in lines[at].split("  ") if part.strip()]
    assert headings == [
        *("set", "from", "length", "repetitions", "mean peak", "best peak", "wanted", "squeezed", "passive"),
        *("engaged", "sides", "tiring", "notes"),
    ]
    cells = [[part.strip() for part in line.split("  ") if part.strip()] for line in lines[at + 1 : at + 3]]
    assert cells[0] == [
        *("1", "00:02.0", "11 s", "4", "55 %MVC", "70 %MVC", "50 %MVC", "100 %", "0", "100 %"),
        *("-16 %, left does more", "-", "the motion sensor counted 3, the muscle 4"),
    ]
    assert cells[1] == [
        *("2", "00:40.0", "14 s", "5", "41 %MVC", "50 %MVC", "50 %MVC", "50 %", "1", "80 %", "-", "25 %"),
        "deltoideus anterior, right took over once; triceps brachii, right did not join once; advice: less load",
    ]
    assert "no holds" not in "".join(lines)
    assert "passive: repetitions that the limb made without the muscle" in lines
    assert not [line for line in lines if line.startswith(("isolation:", "co-contraction:"))]


def test_a_program_and_what_was_said_and_found_stand_below(tmp_path):
    lines = shown(tmp_path, curls(end=4))
    at = lines.index("Program biceps curl (repetitions): 1 of 3 sets done.")
    assert lines[at + 1 : at + 4] == [
        "78 % of 9 repetitions had their top in the target band of 45 to 75 %MVC.",
        "Practice has moved that band up by 5 %.",
        "It was mastered in the 1 session before, in a row.",
    ]
    found = "The check before the session found on the triceps brachii, right: an electrode was off (80 % of the time)."
    asked = "Asked for the biceps brachii, right, the biceps brachii, left answered: look at where the electrodes sit."
    assert lines[-6:] == [
        "The session ended by itself, because nothing happened any more.",
        found,
        asked,
        "answered before: energy 6 of 10",
        "answered after: effort 8 of 10",
        "marks: 01:15.0",
    ]


def test_a_sense_test_says_how_well_the_muscle_is_felt(tmp_path):
    builder = begin("sense-test").level(4.0, 50, 0, 0, 0)
    for asked, held in ((300, 420), (500, 530), (700, 610)):
        builder.event(event.EVENT_LEVEL, value=held, threshold=asked)
    lines = shown(tmp_path, builder)
    at = lines.index("Program sense test: 0 of 1 set done.")
    assert lines[at + 1].startswith("How well you feel the muscle: what you held was off by 8 percentage points")
    assert [line.split("  ")[0] for line in lines[at + 3 : at + 7]] == ["asked for", "30 %MVC", "50 %MVC", "70 %MVC"]
    assert [line.split("  ")[-1].strip() for line in lines[at + 4 : at + 7]] == ["+12 points", "+3 points", "-9 points"]


def test_neither_holds_nor_sets(tmp_path):
    assert "no holds, no sets" in shown(tmp_path, begin().level(2.0, 50, 0, 0, 0))


def test_a_relative_reference_is_explained(tmp_path):
    line = "%rel: relative to an earlier placement's reference: compare within this session only"
    assert line in shown(tmp_path, begin(kind=3).level(2.0, 50, 0, 0, 0))
    assert line not in shown(tmp_path, begin().level(2.0, 50, 0, 0, 0))


def test_not_today_is_said(tmp_path):
    builder = begin().level(2.0, 50, 0, 0, 0)
    builder.event(event.EVENT_ADVICE, 0, NOBODY, 1, event.QUESTION_PAIN, event.REASON_NOT_TODAY)
    assert [line for line in shown(tmp_path, builder) if line.endswith("advised: not today.")]


def test_json_has_the_same(tmp_path):
    (tmp_path / "one.mmc").write_bytes(curls().bytes())
    found = run_json("show", str(tmp_path / "one.mmc"))
    assert [(one["reps"], one["duration_s"], one["passive"], one["sides"]) for one in found["sets"]] == [
        (4, 11.0, 0, "left does more"),
        (5, 14.0, 1, None),
    ]
    assert found["sets"][1]["leaks"] == [
        {"channel": 2, "muscle": "deltoideus anterior", "side": "right", "times": 1},
    ]
    program = found["program"]
    assert (program["name"], program["units"], program["in_band_pct"]) == ("biceps curl", 9, pytest.approx(77.8))
    assert found["marks"] == [{"t_s": 75.0, "number": 1}]
    assert found["answers"][0] == {"question": "energy", "value": 6, "when": "before"}
    assert found["checks"]["contact"][0]["problem"] == "lead_off"
    assert found["checks"]["confirmed"][0]["answered"] == 3
    (tmp_path / "two.mmc").write_bytes(curls(program="").bytes())
    assert run_json("show", str(tmp_path / "two.mmc"))["program"] is None
