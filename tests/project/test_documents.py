"""The documents say what is so: links lead somewhere, commands and options exist, generated parts are current, and the
example of the README runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import design_filters
import numpy as np
import pytest
import truth
from project.test_house import REGISTRY_HOSTS, project_files

from mmc_core.settings import find_row
from mmc_host.cli import cli

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [path for path in project_files() if path.suffix == ".md"]
README, DESIGN, CONTRIBUTING = (ROOT / name for name in ("README.md", "DESIGN.md", "CONTRIBUTING.md"))
LARGEST_PICTURE_BYTES = 250_000
EXAMPLE_TIMEOUT_S = 120.0

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)|^\[[^\]\n]+\]:\s*(\S+)", re.M)
PLACES = ("", "firmware", "host", "host/mmc_host", "tests", "tools")  # from where documents name files


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", text_of(path))


def spans(path: Path) -> list[str]:
    """What stands in `code` in a document's prose."""
    return SPAN.findall(prose(path))


def command_lines(path: Path) -> list[str]:
    """Every line of a document's shell blocks, and every code span that begins with a command of ours."""
    blocks = [body for language, body in FENCE.findall(text_of(path)) if language == "sh"]
    lines = [line.split("  #")[0].strip() for body in blocks for line in body.splitlines()]
    lines += [span for span in spans(path) if re.match(r"(\S*/)?mmc-host |make ", span)]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


def anchors(path: Path) -> set[str]:
    """The anchors that headings make: lower case, no punctuation, a hyphen for each space."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        number = 0
        while f"{slug}-{number}" in found or (number == 0 and slug in found):
            number += 1
        found.add(f"{slug}-{number}" if number else slug)
    return found


def test_the_documents_are_there() -> None:
    wanted = {"README.md", "DESIGN.md", "FORMAT.md", "CONTRIBUTING.md", "CHANGELOG.md", "boards/sim/README.md"}
    assert wanted <= {name_of(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    broken: list[str] = []
    for target in (inline or reference for inline, reference in LINK.findall(prose(path))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or not place.is_relative_to(ROOT) or (anchor and anchor not in anchors(place)):
            broken.append(target)
    assert broken == []


def test_a_broken_link_and_a_missing_anchor_are_told_from_good_ones() -> None:
    assert "what-it-reaches" in anchors(DESIGN)
    assert "no-such-heading" not in anchors(DESIGN)
    assert LINK.findall("see [a](b.md#c) and ![d](e.png)\n[f]: #g\n") == [("b.md#c", ""), ("e.png", ""), ("", "#g")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    missing: list[str] = []
    for span in spans(path):
        if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)+\.(py|toml|md|png)", span) or span.startswith(("build/", "dist/")):
            continue
        if not any((ROOT / place / span).exists() for place in PLACES):
            missing.append(span)
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_document_names_a_registry_host(path: Path) -> None:
    assert REGISTRY_HOSTS.findall(text_of(path)) == []


def faults_of(line: str) -> Iterator[str]:
    """What is wrong with a line that calls mmc-host: commands and options that click does not know."""
    command: click.Command = cli
    context = click.Context(cli)
    given: set[str] = set()
    for word in shlex.split(line)[1:]:
        if word.startswith("-") and word != "-":
            given.add(word.split("=")[0])
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            known |= set(context.help_option_names)
            if word.split("=")[0] not in known:
                yield f"{line}: {command.name} has no {word}"
        elif isinstance(command, click.Group) and not given:
            found = command.get_command(context, word)
            if found is None:
                yield f"{line}: there is no command {word}"
                return
            command, context = found, click.Context(found, context)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_and_options_exist(path: Path) -> None:
    lines = [line for line in command_lines(path) if line.split()[0].endswith("mmc-host")]
    assert [fault for line in lines for fault in faults_of(line)] == []
    if path == README:
        assert len(lines) > 10


@pytest.mark.parametrize(
    ("line", "is_good"),
    [
        ("mmc-host pull --stop", True),
        ("mmc-host settings set wearer=otter --port x", True),
        ("mmc-host report last -o report.html", True),
        ("mmc-host push", False),
        ("mmc-host pull --stopp", False),
        ("mmc-host settings forget wearer", False),
    ],
)
def test_an_unknown_command_or_option_is_caught(line: str, is_good: bool) -> None:
    assert bool(list(faults_of(line))) is not is_good


def test_options_that_stand_alone_in_the_readme_exist() -> None:
    context = click.Context(cli)
    commands = [cli, *(cli.get_command(context, name) for name in cli.list_commands(context))]
    known = {name for command in commands if command for parameter in command.params for name in parameter.opts}
    alone = {span.split()[0] for span in spans(README) if span.startswith("--")}
    assert alone and alone <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", text_of(ROOT / "Makefile"), re.M))
    named = {line.split()[1] for line in command_lines(path) if re.match(r"make [a-z]", line)}
    assert named <= targets
    if path == README:
        assert {"demo", "test", "truth", "bench"} <= named


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_environment_variables_are_read_somewhere(path: Path) -> None:
    code = "\n".join(text_of(file) for file in project_files() if file.suffix == ".py" and file != Path(__file__))
    named = {span for span in spans(path) if re.fullmatch(r"(MMC|MICROPYTHON)\w*", span) and not span.endswith("_")}
    assert {name for name in named if f'"{name}"' not in code} == set()


def test_defaults_in_the_readme_are_those_of_the_schema() -> None:
    default = {
        name: find_row(name)[4]
        for name in re.findall(r"`((?:hold|lost|regain|cue)_\w*(?:ms|pct|pulses))`", text_of(README))
    }
    assert set(default) >= {"hold_enter_pct", "hold_keep_pct", "hold_enter_ms", "hold_leave_ms", "lost_share_pct"}
    text = text_of(README)
    assert f"rises over {default['hold_enter_pct']} % and stays over {default['hold_keep_pct']} %" in text
    assert f"for {int(default['hold_enter_ms']) / 1000:g} s |" in text
    assert f"stays away for {int(default['hold_leave_ms']) / 1000:g} s |" in text
    assert (default["lost_share_pct"], default["regain_share_pct"], default["cue_pulses"]) == (33, 50, 2)  # in words


def test_the_tables_of_the_filters_are_current() -> None:
    blocks = dict(re.findall(r"<!-- generated: (\w+) -->\n(.*?)<!-- end of generated -->", text_of(DESIGN), re.S))
    hint = "paste what `python tools/design_filters.py --report` prints"
    assert blocks == {"filters": design_filters.filter_table(), "delays": design_filters.delay_table()}, hint


def described_keys(heading: str) -> set[str]:
    """All that stands in `code` below a heading of CONTRIBUTING."""
    section = text_of(CONTRIBUTING).split(f"### `{heading}`")[1].split("\n## ")[0].split("\n### ")[0]
    return set(SPAN.findall(section))


def test_keys_of_the_truth_are_described() -> None:
    hold = {
        "kind": "hold", "kappa": 0.9, "kappa_whole_file": 0.8, "kappa_always": 0.0, "holds_told": 1,
        "lost_delay_ms": 90.0, "false_lost": 0, "hold_s": 4.0, "accounted": True,
        "true": np.array([False] * 300 + [True] * 400),
    }  # fmt: skip
    rest = {"kind": "rest", "holds_told": 0, "cues": 0, "accounted": True}
    kinds = truth.summarise({"a": hold, "b": rest, "c": {"kind": "skipped"}})
    assert set(kinds) == {"hold", "rest", "skipped"}
    assert {key for row in kinds.values() for key in row} <= described_keys("build/truth.json")


def test_keys_of_the_bench_are_made() -> None:
    tools = ("bench.py", "bench_capacity.py", "bench_events.py", "bench_rice.py", "heap.py", "truth_coach.py")
    code = "".join(text_of(ROOT / "tools" / name) for name in tools)
    keys = {part for key in described_keys("build/bench.json") for part in key.split(".")}
    keys -= {"build/bench", "json", "mmc-host --help", "block_10", "block_64"}  # the last two are put together
    assert {key for key in keys if f'"{key}"' not in code and f'"{key}":' not in code} == set()


def test_pictures_are_small_enough() -> None:
    pictures = sorted((ROOT / "docs").glob("*.png"))
    assert [path.name for path in pictures] == ["report.png"]
    assert pictures[0].read_bytes().startswith(b"\x89PNG\r\n")
    assert pictures[0].stat().st_size < LARGEST_PICTURE_BYTES


def example(name: str) -> list[str]:
    """The commands of an example of the README, by the name in front of it."""
    found = re.findall(rf"^<!-- example: {name} -->\n```sh\n(.*?)^```", text_of(README), re.M | re.S)
    assert len(found) == 1, f"example {name!r} stands {len(found)} times in the README"
    return [line for line in found[0].splitlines() if line.strip()]


def wait_for(words: str, told: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until a process has told something; return all that it told."""
    end = time.monotonic() + EXAMPLE_TIMEOUT_S
    while words not in (text := told.read_text(encoding="utf-8")):
        assert process.poll() is None and time.monotonic() < end, f"no {words!r} in:\n{text}"
        time.sleep(0.05)
    return text


@pytest.mark.e2e
def test_the_example_of_the_readme_runs(tmp_path: Path, mpy64: Path) -> None:
    """As it stands there, but as fast as possible, with a home of its own and its port in the environment."""
    environment = {name: value for name, value in os.environ.items() if name != "MMC_PORT"} | {
        "MMC_HOME": str(tmp_path / "home"),
        "MICROPYTHON": str(mpy64),
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    (worn,) = example("wearable")
    assert "--speed 10" in worn
    told = tmp_path / "told.txt"
    with told.open("wb") as output:
        words = shlex.split(worn.replace("--speed 10", "--speed max"))
        wearable = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=output, stderr=output)

    def run(line: str) -> str:
        done = subprocess.run(
            shlex.split(line),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=EXAMPLE_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    try:
        text = wait_for("\n", told, wearable)
        environment["MMC_PORT"] = text.split()[2]
        asked = [run(line) for line in example("before training")]
        assert "sim-0001 on sim, firmware 0.1.0" in asked[0]
        assert asked[1] == "wearer = otter\ncue_strength_pct = 60\n"
        assert "100 % MVC" in asked[2] and "a session begins by itself" in asked[2]
        wait_for("the script is done", told, wearable)
        pulled, sessions, shown, wrote = (run(line) for line in example("after training"))
    finally:
        wearable.terminate()  # Ctrl-C would be ignored where the tests run in the background
        wearable.wait(EXAMPLE_TIMEOUT_S)
    assert "pulled and verified" in pulled
    assert "otter" in sessions
    assert len(re.findall(r"^ +[123] .* s +\d+ %MVC .*biceps brachii$", shown, re.M)) == 3
    assert wrote == "wrote report.html\n"
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "You held 3 times" in report and "came back twice" in report and "worn by otter" in report
    live = told.read_text(encoding="utf-8")
    assert live.count("the wearer: let go") == 2
    assert "bzz bzz  60 %, 150 ms" in live and "the wearable is switched off" in live
