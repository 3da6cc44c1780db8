"""The command line as a whole: help, errors in words with their exit codes, text for people."""

import subprocess
import sys

import pytest
import rich_click as click
from host.command_line import run

from mmc_core.errors import FormatError, PeerError, UsageError
from mmc_host import cli, terminal
from mmc_host.errors import LinkError, exit_code

pytestmark = pytest.mark.usefixtures("home")


def test_help_names_every_command_and_every_exit_code() -> None:
    result = run("--help")
    assert result.exit_code == 0
    places = [result.stdout.index(f"│ {name} ") for name in cli.COMMANDS]
    assert places == sorted(places)
    assert "3 no device or link, 4 the device" in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"mmc-host {name}" in result.stdout


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from mmc_host.cli import cli\n"
        "try:\n    cli(['--help'], prog_name='mmc-host')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'numpy', 'scipy', 'serial', 'jinja2', 'sqlite3', 'platformdirs', 'subprocess', 'rich.progress'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("u"), 2),
        (LinkError("l"), 3),
        (PeerError("p", 3), 4),
        (FormatError("f"), 5),
        (RuntimeError("r"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code_and_words_and_no_traceback(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmc_host.transport import discover

    def fail() -> None:
        raise error

    monkeypatch.setattr(discover, "attached", fail)
    assert exit_code(error) == code
    result = run("devices")
    assert result.exit_code == code
    assert result.stdout == ""
    words = {1: "unexpected RuntimeError: r; `mmc-host --debug ...` shows where", 130: "stopped"}
    assert result.stderr.strip().splitlines()[-1] == f"mmc-host: {words.get(code, str(error))}"
    assert "Traceback" not in result.stderr
    debugged = run("--debug", "devices")
    assert debugged.exit_code == code
    assert "Traceback (most recent call last)" in debugged.stderr


@pytest.mark.parametrize("arguments", [["fly"], ["pull", "--fast"], ["settings", "get"], ["sim", "--seed", "x"], []])
def test_what_click_refuses_has_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_no_wearable_is_told_with_what_to_do() -> None:
    for arguments in (["pull"], ["calibrate"], ["start"], ["stop"], ["settings"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "no wearable found" in result.stderr and "mmc-host sim" in result.stderr


def test_texts_for_people() -> None:
    assert [terminal.clock_text(ms) for ms in (0, 12_449, 59_999, 3_600_000)] == [
        "00:00.0",
        "00:12.4",
        "00:59.9",
        "1:00:00.0",
    ]
    assert [terminal.size_text(size) for size in (1023, 1536, 1_572_864)] == ["1023 B", "1.5 KiB", "1.50 MiB"]


def test_tables_align_numbers_and_have_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["name", "n", "text"], [("a", 5, "x" * 200), ("bcdef", 1234, "")])
    assert capsys.readouterr().out.splitlines() == ["name      n  text", "a         5  " + "x" * 200, "bcdef  1234"]


def test_a_last_column_without_room_stands_below_its_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    rows = [("a", "x" * 20, "one two three four five six seven eight nine"), ("bcdef", "y", "short")]
    terminal.print_table(["name", "range", "text"], rows)
    assert [click.unstyle(line) for line in capsys.readouterr().out.splitlines()] == [
        "name   range",
        "    text",
        "a      " + "x" * 20,
        "    one two three four five six seven",
        "    eight nine",
        "bcdef  y",
        "    short",
    ]
    terminal.print_table(["name", "text"], [("a", "one two three four five six seven eight nine")])
    assert [click.unstyle(line) for line in capsys.readouterr().out.splitlines()] == [
        "name  text",
        "a     one two three four five six seven",
        "      eight nine",
    ]


def test_settings_fit_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    cli.cli(["settings", "--defaults"], standalone_mode=False)
    lines = [click.unstyle(line) for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    at = next(number for number, line in enumerate(lines) if line.startswith("cue_strength_pct "))
    assert lines[at].split() == ["cue_strength_pct", "80", "10..100"]
    assert lines[at + 1] == "    strength of the motor"


def test_version_is_that_of_the_distribution() -> None:
    import mmc_host

    result = run("--version")
    assert result.stdout == f"mmc-host {mmc_host.__version__}\n"
    with pytest.raises(AttributeError):
        _ = mmc_host.nothing  # type: ignore[attr-defined]
