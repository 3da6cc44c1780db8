"""Programs on the host: shipped files, what is wrong with a file, the bytes, the commands, and the page about them."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from host.command_line import run, run_json
from host.fake_device import FakeDevice

from mmc_core import event, message, program
from mmc_core.errors import FormatError, UsageError
from mmc_host import programs
from mmc_host.programs import checking
from mmc_host.programs.compiling import channel_settings, compile_program
from mmc_host.programs.exercise import dose_text, progress_text
from mmc_host.programs.keys import Key, channel_keys, key_table, number_keys, text_keys

pytestmark = pytest.mark.usefixtures("home")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
SHIPPED = programs.shipped()
WANTED = (
    "planche-lean-hold wall-sit biceps-curl biceps-curl-squeeze elbow-flexor-hold glute-bridge-hold lunge bench-press "
    "face-pull scapular-pull-up active-hang front-lever-hold contract-relax sense-test mvc-test rest-baseline"
).split()
LEAST = 'name = "x"\nevidence = "none"\n'
TARGET = '[[channel]]\nrole = "target"\n'


def shipped_text(stem: str) -> str:
    return resources.files("mmc_host.programs").joinpath(f"{stem}.toml").read_text(encoding="utf-8")


def toml_value(value: object) -> str:
    return (
        str(value).replace("'", '"')
        if isinstance(value, list)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


def problems(text: str) -> list[str]:
    """What `check` would tell of a file called f.toml."""
    found, told = checking.parse(text, "f")
    assert (found is None) == bool(told)
    return [checking.problem_text("f.toml", problem) for problem in told]


def with_row(key: Key, value: object) -> str:
    """A program that is right but perhaps for one row, in a mode where that row means something."""
    mode = {"sense_": "sense", "drift_": "hold", "hold_s": "hold"}.get(key.name[:6], "reps")
    lines = {"mode": f'"{mode}"', "target_low_pct": "1", "target_high_pct": "200", "progress_limit_pct": "200"}
    if mode == "sense":
        lines = {"mode": '"sense"', "hold_s": "5", "cues": "[]", "sense_1_pct": "30", "sense_2_pct": "50"}
    lines[key.name] = toml_value(value)
    return LEAST + "".join(f"{name} = {text}\n" for name, text in lines.items()) + TARGET


def test_what_the_product_promises_is_shipped() -> None:
    assert sorted(WANTED) == SHIPPED


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_shipped_program_reaches_the_device_as_it_is_written(stem: str) -> None:
    """The values of the TOML file, read by nothing of ours, are the attributes that the device sees."""
    document = tomllib.loads(shipped_text(stem))
    data = compile_program(programs.load(stem))
    found = program.decode(data)
    assert len(data) <= program.MAX_BYTES
    assert found.name == document["name"]
    channels = document["channel"]
    assert found.channels == len(channels)
    for at, channel in enumerate(channels):
        assert found.roles[at] == getattr(program, f"ROLE_{channel['role'].upper()}")
        assert found.sides[at] == getattr(
            program, f"SIDE_{channel.get('side', 'not stated').upper().replace(' ', '_')}"
        )
        assert found.muscles[at] == channel.get("muscle", "")
    assert channels[found.target_channel]["role"] == "target"
    assert found.numbers[program.MODE] == getattr(program, f"MODE_{document['mode'].upper()}")
    for name, key in number_keys().items():
        value: Any = document.get(name, key.default)
        if name == "cues" and name in document:
            value = sum(1 << getattr(event, f"CUE_{cue.upper()}") for cue in value)
        elif name == "cue_fade" and name in document:
            value = ["off", "on"].index(value)
        elif name == "mode":
            continue
        assert found.numbers[getattr(program, name.upper())] == value, name


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_shipped_program_is_honest_and_whole(stem: str) -> None:
    exercise = programs.load(stem)
    document = tomllib.loads(shipped_text(stem))
    assert exercise.stem == stem
    assert len(exercise.evidence) > 150 and len(exercise.description) > 50
    named = re.search(r"\(?[A-Z]\w+[^.]{0,30}\b(?:19|20)\d\d", exercise.evidence)
    disclaimed = re.search(r"No (?:study|trial|norm)\b", exercise.evidence)
    assert named or disclaimed, "a study with its year, or the plain word that there is none"
    promises = re.findall(r"(?<!did not )(?<!not make it )grow more|guarantee|prevent|proven to", exercise.evidence)
    assert promises == []
    known = (*checking.SENIAM_MUSCLES, *checking.OTHER_MUSCLES)
    assert all(channel.muscle in known for channel in exercise.channels if channel.muscle)
    if exercise.mode in ("hold", "reps"):
        assert exercise.numbers["cue_probe_every"] >= 2, "retention is scored on probes"
        assert all(channel.muscle for channel in exercise.channels)
    if exercise.mode == "reps":
        assert document["tempo_down_ms"] >= 2000, "attention works at a controlled tempo"
    assert max(map(len, shipped_text(stem).splitlines())) <= 120


def test_programs_have_names_of_their_own() -> None:
    assert len({programs.load(stem).name for stem in SHIPPED}) == len(SHIPPED)


def test_the_special_ones_do_what_they_are_for() -> None:
    sense = programs.load("sense-test")
    assert [sense.numbers[f"sense_{n}_pct"] for n in (1, 2, 3)] == [30, 50, 70] and sense.value("cues") == []
    assert programs.load("biceps-curl-squeeze").numbers["peak_hold_ms"] > 0
    press = programs.load("bench-press")
    roles = {channel.muscle: channel.role for channel in press.channels}
    assert (roles["pectoralis major"], roles["triceps brachii lateral"]) == ("target", "helper")
    assert {
        programs.load(stem).channels[0].muscle for stem in ("scapular-pull-up", "active-hang", "front-lever-hold")
    } == {"latissimus dorsi"}
    assert all(not programs.load(stem).numbers["cues"] for stem in ("sense-test", "mvc-test", "rest-baseline"))


@pytest.mark.parametrize("key", [key for key in number_keys().values() if key.kind == "int"], ids=lambda key: key.name)
def test_a_number_out_of_range_is_refused_with_its_name_line_and_range(key: Key) -> None:
    unit = "" if key.unit == "-" else f" {key.unit}"
    for value in (key.low - 1, key.high + 1):
        text = with_row(key, value)
        line = 1 + next(at for at, line in enumerate(text.splitlines()) if line.startswith(f"{key.name} = "))
        limits = f"give {key.low}..{key.high}{unit} (default {key.default})"
        assert problems(text) == [f"f.toml:{line}: {key.name}: {value} is out of range; {limits}"]
    for value, shown in ((f"{key.low}.0", f"{key.low}.0"), ("true", "True"), ('"9"', "'9'")):
        text = re.sub(rf"^{key.name} = .*$", f"{key.name} = {value}", with_row(key, key.low), flags=re.M)
        (told,) = problems(text)
        assert told.endswith(f": {key.name}: {shown} is no whole number; give {key.low}..{key.high}")


@pytest.mark.parametrize("key", number_keys().values(), ids=lambda key: key.name)
def test_the_ends_of_a_range_reach_the_device(key: Key) -> None:
    for number in (key.low, key.high):
        value = key.shown(number)
        if key.kind == "word" or key.name in ("cues", "target_low_pct", "target_high_pct"):
            continue  # rules between keys forbid one of the ends, or a test of its own has them
        if key.name in ("sense_1_pct", "sense_2_pct") and number == 0:
            continue  # there is no level before the first
        exercise, told = checking.parse(with_row(key, value), "f")
        assert exercise, told
        assert program.decode(compile_program(exercise)).numbers[getattr(program, key.name.upper())] == number


def test_words_reach_the_device_and_others_are_refused_with_the_closest() -> None:
    base = LEAST + "hold_s = 5\n"
    for mode, number in number_keys()["mode"].words.items():
        extra = "cues = []\n" if mode in ("sense", "mvc", "rest") else ""
        extra += "sense_1_pct = 30\n" if mode == "sense" else ""
        text = (LEAST if mode == "reps" else base) + f'mode = "{mode}"\n' + extra + TARGET
        exercise, told = checking.parse(text)
        assert exercise, told
        assert program.decode(compile_program(exercise)).numbers[program.MODE] == number
    assert problems(LEAST + 'mode = "rep"\n' + TARGET) == [
        "f.toml:3: mode: 'rep' is not known; give hold, reps, contract_relax, sense, mvc, rest; did you mean 'reps'?"
    ]
    assert problems(LEAST + "cue_fade = true\n" + TARGET) == ["f.toml:3: cue_fade: True is no text; give off, on"]
    assert problems(LEAST + 'cues = ["engage", "squeze"]\n' + TARGET) == [
        "f.toml:3: cues: 'squeze' is not known; give any of engage, squeeze, leak, drift, tick, milestone, tired; did "
        "you mean 'squeeze'?"
    ]
    assert problems(LEAST + 'cues = "engage"\n' + TARGET) == [
        "f.toml:3: cues: 'engage' is no list; give any of engage, squeeze, leak, drift, tick, milestone, tired, for "
        "example ['engage']"
    ]
    exercise, _ = checking.parse(LEAST + 'cues = ["tired", "leak", "leak"]\ncue_fade = "off"\n' + TARGET)
    assert exercise and exercise.value("cues") == ["leak", "tired"] and exercise.numbers["cue_fade"] == 0
    assert exercise.numbers["cues"] == 1 << 6 | 1 << 10


KEYS_THAT_ARE_WRONG = [
    (LEAST + "setz = 3\n" + TARGET, ":3: setz: no such key; did you mean 'sets'?"),
    (LEAST + "quux = 3\n" + TARGET, ":3: quux: no such key"),
    (LEAST + TARGET + "sets = 3\n", ":5: channel 0, sets: no such key; it belongs above the first [[channel]]"),
    (LEAST + 'muscle = "soleus"\n' + TARGET, ":3: muscle: no such key; it belongs below [[channel]]"),
    (LEAST + TARGET + 'mucle = "soleus"\n', ":5: channel 0, mucle: no such key; did you mean 'muscle'?"),
    (LEAST + "[cue]\nfade = 1\n" + TARGET, ":3: cue: no such key; did you mean 'cues'?"),
    ('evidence = "none"\n' + TARGET, ": name: is missing; give text, <= 24 bytes"),
    (LEAST, ": channel: is missing; give 1 to 4 tables [[channel]]"),
    (LEAST + "channel = 3\n", ":3: channel: is no list of tables; give 1 to 4 tables [[channel]]"),
    (LEAST + TARGET * 5, ": channel: there are 5; give 1 to 4"),
    (
        LEAST + "[[channel]]\n",
        ":3: channel 0, role: is missing; give none, target, helper, stabiliser, antagonist, mirror",
    ),
    (LEAST.replace('"x"', '"' + "é" * 13 + '"') + TARGET, ":1: name: has 26 bytes; give 1 to 24"),
    (LEAST.replace('"x"', '""') + TARGET, ":1: name: has 0 bytes; give 1 to 24"),
    (LEAST.replace('"x"', '"a=b"') + TARGET, ":1: name: 'a=b' holds '=' or a control character"),
    (LEAST.replace('"x"', "7") + TARGET, ":1: name: 7 is no text; give text, <= 24 bytes"),
    (LEAST + "sets = \n" + TARGET, ":3: is no TOML: Invalid value (at line 3, column 8)"),
]
SOLEUS = 'muscle = "soleus"\n'
RULES_THAT_ARE_BROKEN = [  # what stands below the name and the evidence
    (TARGET + "[[channel]]\nside = 'left'\nrole = 'target'\n",
     ":7: channel 1: channel 0 is the target already; exactly one muscle is the one to feel"),
    ("[[channel]]\nrole = 'helper'\n",
     ":3: channel 0: no channel is the target; exactly one muscle is the one to feel"),
    ("target_low_pct = 75\n" + TARGET, ":3: target_low_pct: is not below target_high_pct (75): the band is empty"),
    ("tempo_up_ms = 0\n" + TARGET, ":3: tempo_up_ms: means nothing in mode hold, only in reps; leave it out"),
    ("mode = 'reps'\nhold_s = 3\n" + TARGET,
     ":4: hold_s: means nothing in mode reps; a squeeze at the top is peak_hold_ms"),
    ("mode = 'mvc'\nhold_s = 3\n" + TARGET, ":3: cues: a cue would spoil what mode mvc measures; write cues = []"),
    ("cues = []\nmode = 'rest'\n" + TARGET, ":4: hold_s: is needed in mode rest: give 1..600 s"),
    ("mode = 'sense'\nhold_s = 5\ncues = []\nsense_2_pct = 5\n" + TARGET,
     ":3: sense_1_pct: give the levels in order, from the first"),
    ("progress_step_pct = 5\nprogress_limit_pct = 70\n" + TARGET,
     ":4: progress_limit_pct: is below target_high_pct (75)"),
    (TARGET + "[[channel]]\nrole = 'mirror'\n",
     ":6: channel 1: is no mirror: give it the target's muscle, and the two the sides left and right"),
    (TARGET + SOLEUS + "[[channel]]\nrole = 'helper'\n" + SOLEUS,
     ":8: channel 1: channel 0 has the same muscle and side"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"), KEYS_THAT_ARE_WRONG + [(LEAST + text, told) for text, told in RULES_THAT_ARE_BROKEN]
)
def test_what_is_wrong_is_told_with_line_key_and_remedy(text: str, told: str) -> None:
    assert problems(text) == ["f.toml" + told]


def test_all_problems_are_told_at_once_in_the_order_of_lines_and_texts_hide_no_lines() -> None:
    text = (
        LEAST.replace('"none"', '"""\nsets = 99\n[[channel]]\n"""')
        + "reps = 101\nsets = 21\n"
        + TARGET
        + 'side = "up"\n'
    )
    assert [told.split(" ")[0] for told in problems(text)] == ["f.toml:6:", "f.toml:7:", "f.toml:10:"]


def test_a_mirror_has_the_sides_left_and_right() -> None:
    def two(first: str, second: str) -> str:
        return (
            f'{LEAST}{TARGET}muscle = "soleus"\nside = "{first}"\n'
            f'[[channel]]\nrole = "mirror"\nmuscle = "soleus"\nside = "{second}"\n'
        )

    assert problems(two("left", "right")) == [] == problems(two("right", "left"))
    assert len(problems(two("left", "left"))) == 2  # no mirror, and the same muscle twice
    assert len(problems(two("midline", "right"))) == 1


def test_a_wrong_file_never_becomes_bytes() -> None:
    """What the compiler is given by hand instead of by `parse` is checked once more."""
    good = programs.load("lunge")
    for name, key in number_keys().items():
        broken = type(good)(good.stem, good.name, "", "", good.channels, {**good.numbers, name: key.high + 1})
        with pytest.raises(UsageError, match=f"{key.high + 1} is not {key.low} to {key.high}"):
            compile_program(broken)
    two = (good.channels[0], good.channels[0])
    with pytest.raises(FormatError):
        compile_program(type(good)(good.stem, good.name, "", "", two, good.numbers))
    with pytest.raises(UsageError, match="25 bytes"):
        compile_program(type(good)(good.stem, "n" * 25, "", "", good.channels, good.numbers))


def test_the_schema_is_the_devices_and_every_key_says_what_it_means() -> None:
    taken: list[tuple[int, ...]] = []
    program.Program.rows(None, lambda place, *row: taken.append(row))  # type: ignore[arg-type]
    assert [(key.low, key.high, key.default) for key in number_keys().values()] == taken
    assert number_keys()["hold_s"].unit == "s" and number_keys()["hold_s"].meaning.startswith("length of each hold")
    assert number_keys()["reps"].meaning.endswith("asked for; 0: until the wearer stops")  # two lines of comment
    for name, key in {**text_keys(), **channel_keys(), **number_keys()}.items():
        assert key.name == name and len(key.meaning) > 3
        suffix = {"_s": "s", "_ms": "ms", "_pct": "%", "_permille": "permille", "_deg": "deg", "_min": "1/min"}
        expected = next((unit for end, unit in suffix.items() if name.endswith(end)), "-")
        assert key.unit == expected, f"{name}: the name carries the unit"


def test_sentences() -> None:
    doses = {stem: dose_text(programs.load(stem)) for stem in ("sense-test", "lunge", "wall-sit", "elbow-flexor-hold")}
    assert doses == {
        "sense-test": "9 x 5 s",
        "lunge": "3 x 8",
        "wall-sit": "3 x 30 s",
        "elbow-flexor-hold": "3 x 3 x 10 s",
    }
    assert progress_text(programs.load("wall-sit")) == (
        "once 80 % of holds or repetitions were in the band in 3 sessions in a row, it moves up by 5 %, to 80 % at most"
    )
    assert progress_text(programs.load("lunge")) == "the target band stays where it is"


def test_list_names_every_program_with_its_target() -> None:
    lines = run("program", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == SHIPPED
    assert next(line for line in lines if line.startswith("wall-sit ")).split("  ")[-1] == "vastus lateralis, right"
    entries = {entry["program"]: entry for entry in run_json("program", "list")}
    assert list(entries) == SHIPPED
    assert entries["biceps-curl"]["reps"] == 10 and "sense_1_pct" not in entries["biceps-curl"]


def test_show_has_values_evidence_and_progress() -> None:
    result = run("program", "show", "Biceps curl")  # as people say it
    assert result.exit_code == 0
    assert "12.4 %" in result.stdout and "Vigotsky 2022" in result.stdout
    assert re.search(r"^tempo_down_ms +3000 +\[ms\] length of the lowering", result.stdout, re.M)
    assert re.search(r"^ +2  antagonist  triceps brachii lateral$", result.stdout, re.M)
    assert "progress: once 80 %" in result.stdout
    entry = run_json("program", "show", "wall-sit")
    assert entry["cues"] == ["engage", "leak", "milestone", "tired"]
    assert entry["channel"][1] == {"role": "mirror", "muscle": "vastus lateralis", "side": "left"}
    assert entry["bytes"] == len(compile_program(programs.load("wall-sit")))


def test_an_unknown_program_is_refused_with_the_closest() -> None:
    for command in ("show", "check", "push"):
        result = run("program", command, "bicep-curl")
        assert result.exit_code == 2
        assert "no program is called 'bicep-curl'; did you mean 'biceps-curl'?" in result.stderr
    result = run("program", "check", "nowhere.toml")
    assert (result.exit_code, result.stderr) == (2, "mmc-host: nowhere.toml: No such file or directory\n")
    Path("latin.toml").write_bytes(b'name = "\xe9"')
    assert "latin.toml: is no UTF-8 text (byte 8)" in run("program", "check", "latin.toml").stderr


def example(name: str, language: str) -> str:
    found = re.findall(rf"^<!-- example: {name} -->\n```{language}\n(.*?)^```", PAGE, re.M | re.S)
    assert len(found) == 1
    return found[0]


def test_the_example_of_the_page_is_right_and_so_are_its_problems() -> None:
    text = example("program", "toml")
    Path("my-curl.toml").write_text(text, encoding="utf-8")
    result = run("program", "check", "my-curl.toml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.fullmatch(r"my-curl.toml: good: my curl, \d+ bytes for the wearable\n", result.stdout)
    wrong = text.replace("sets =", "setz =").replace("high_pct = 80", "high_pct = 800").replace('"target"', '"targt"')
    Path("my-curl.toml").write_text(wrong, encoding="utf-8")
    result = run("program", "check", "my-curl.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "mmc-host: " + example("problems", "text")


def test_notes_tell_what_is_not_wrong() -> None:
    Path("f.toml").write_text(
        LEAST + TARGET + 'muscle = "biceps brachi"\n[[channel]]\nrole = "helper"\nmuscle = "pectoralis major"\n'
    )
    result = run("program", "check", "f.toml")
    assert result.exit_code == 0
    assert "f.toml: note: channel 0: 'biceps brachi' is no SENIAM name; did you mean 'biceps brachii'?" in result.stdout
    assert "channel 1: SENIAM recommends no site for the pectoralis major" in result.stdout
    assert "ch1_site=" in result.stdout


def test_the_page_has_every_key_role_and_mode() -> None:
    table = re.findall(r"<!-- generated: [^>]* -->\n(.*?)<!-- end of generated -->", PAGE, re.S)
    assert table == [key_table()], "paste what `mmc-host program keys --markdown` prints"
    assert run("program", "keys", "--markdown").stdout == key_table()
    for words in (channel_keys()["role"].words, number_keys()["mode"].words):
        assert all(f"| `{word}` |" in PAGE for word in words)
    entries = {entry["name"]: entry for entry in run_json("program", "keys")}
    assert entries["hold_s"] == {
        "name": "hold_s",
        "unit": "s",
        "range": "0..600",
        "default": 0,
        "meaning": number_keys()["hold_s"].meaning,
    }
    assert entries["cues"]["default"] == ["engage", "squeeze", "tired"] and entries["channel.role"]["default"] is None
    assert re.search(r"^name +text, <= 24 bytes +must be given", run("program", "keys").stdout, re.M)


def test_push_stores_the_bytes_and_names_the_muscles(device: FakeDevice) -> None:
    device.settings.put("ch1_muscle", "deltoideus anterior")
    for channel in (0, 1):
        device.settings.put(f"ch{channel}_reference_kind", "mvc")
    result = run("program", "push", "biceps-curl", "--slot", "3")
    assert result.exit_code == 0, result.stderr
    has = device.settings
    assert device.programs == {3: (0, 0, compile_program(programs.load("biceps-curl")))} and has["program"] == 3
    assert has["target_low_pct"] == 25  # the program's own numbers stay in the program
    assert [has[f"ch{n}_muscle"] for n in range(4)] == [
        "biceps brachii", "deltoideus anterior", "triceps brachii lateral", "not stated",
    ]  # fmt: skip
    # A channel that had its muscle already keeps its calibration, and is not even spoken to.
    assert (has["ch0_reference_kind"], has["ch1_reference_kind"]) == ("none", "mvc")
    assert "ch1_muscle" not in result.stdout
    assert "new muscle or side on channels 0, 2:" in result.stdout and "mmc-host calibrate" in result.stdout
    device.programs[3] = (5, 2, device.programs[3][2])
    sent = device.count(message.PUT_SETTING), device.count(message.PUT_PROGRAM)
    again = run("program", "push", "biceps-curl", "--slot", "3")
    assert (device.count(message.PUT_SETTING), device.count(message.PUT_PROGRAM)) == sent
    assert "its band stands 5 % higher by practice" in again.stdout and "calibrate" not in again.stdout


@pytest.mark.parametrize("stem", SHIPPED)
def test_every_program_is_stored_whole(stem: str, device: FakeDevice) -> None:
    exercise = programs.load(stem)
    result = run("program", "push", stem)
    assert result.exit_code == 0, result.stderr
    found = program.decode(device.programs[1][2])
    assert list(found.numbers) == list(exercise.numbers.values()) and found.name == exercise.name
    assert ("it goes without any cue" in result.stdout) == (not exercise.numbers["cues"])


def test_the_device_lists_its_programs_with_their_progress(device: FakeDevice) -> None:
    assert "no program is on the wearable" in run("program", "device").stdout
    run("program", "push", "biceps-curl", "--slot", "2")
    low, high = (int(programs.load("biceps-curl").numbers[f"target_{end}_pct"]) for end in ("low", "high"))
    device.programs |= {2: (10, 1, device.programs[2][2]), 4: (0, 0, b"\x01damaged")}
    first, damaged = run_json("program", "device")
    assert first["slot"] == 2 and first["followed"] and first["band_pct"] == [low + 10, high + 10]
    assert damaged["slot"] == 4 and damaged["name"].startswith("not readable: ")
    shown = run("program", "device").stdout
    assert re.search(rf"^2 \* +biceps curl.* {low + 10} to {high + 10} % +\+10 %", shown, re.M), shown


def test_a_program_without_muscles_leaves_those_of_the_settings(device: FakeDevice) -> None:
    for name, value in (("ch0_muscle", "soleus"), ("ch0_side", "left"), ("ch0_reference_kind", "mvc")):
        device.settings.put(name, value)
    result = run("program", "push", "contract-relax")
    assert result.exit_code == 0 and "note:" not in result.stdout and "calibrate" not in result.stdout
    assert [device.settings[f"ch0_{name}"] for name in ("muscle", "side", "reference_kind")] == [
        "soleus",
        "left",
        "mvc",
    ]
    assert channel_settings(programs.load("sense-test")) == {"target_channel": 0}


def test_a_target_on_another_channel_and_a_new_side(device: FakeDevice) -> None:
    device.settings.put("ch1_muscle", "soleus")
    text = LEAST + "[[channel]]\nrole = 'helper'\n" + TARGET + SOLEUS + "side = 'left'\n"
    Path("f.toml").write_text(text)
    result = run("program", "push", "f.toml")
    assert result.exit_code == 0, result.stderr
    assert (program.decode(device.programs[1][2]).target_channel, device.settings["ch1_side"]) == (1, "left")
    assert device.settings["target_channel"] == 1  # what a calibration judges
    assert device.settings["ch0_side"] == "not stated"
    assert "new muscle or side on channel 1:" in result.stdout


def test_a_busy_device_refuses_a_push_in_words(device: FakeDevice) -> None:
    device.refuse = {message.PUT_SETTING: message.RESULT_BUSY}
    device.statuses = [{"activity": 2, "session": 3}]
    result = run("program", "push", "lunge")
    assert result.exit_code == 4 and "the wearable records session 3" in result.stderr
    Path("f.toml").write_text(LEAST + "sets = 0\n" + TARGET)
    asked = len(device.log)
    assert run("program", "push", "f.toml").exit_code == 2
    assert len(device.log) == asked  # a wrong file is refused before the line is opened
