"""Rules of the house that a machine can see: names, sizes, docstrings, and what must not be written down."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN_NAMES = frozenset("util utils helper helpers common misc".split())
LINE_LIMITS = {"firmware/mmc_core/": 250, "firmware/mmc_device/": 350, "firmware/mmc_drivers/": 350}
LONGEST_FILE = 500
LARGEST_TEXT_BYTES = 2_000_000

# Folders of a person's or a builder's machine. None of these patterns matches its own text.
MACHINE_PATHS = re.compile(r"(?<![\w.}\-])(?:/(?:home|Users)/\w|/(?:root|work|workspace)/\w|[A-Z]:\\Users\\)")

# Registries are reached through their ordinary clients, which know where they are; written-down hosts break mirrors.
REGISTRY_HOSTS = re.compile(
    "|".join(
        rf"(?<![\w-]){re.escape('.'.join(parts))}"
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("deb", "debian", "org"),
            ("ftp", "debian", "org"),
            ("snapshot", "debian", "org"),
            ("archive", "ubuntu", "com"),
            ("registry", "npmjs", "org"),
            ("npmjs", "com"),
            ("conda", "anaconda", "org"),
            ("crates", "io"),
        )
    )
)


def project_files() -> list[Path]:
    """Return the files of the repository: those tracked, and those new ones that are not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    if listing.returncode == 0:
        files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:  # an unpacked source distribution
        made = {".venv", ".cache", "typings", "build", "dist", "__pycache__"}
        files = [path for path in ROOT.rglob("*") if not made & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in files if path.is_file())


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """Return a file's text, empty for one that is not text."""
    data = path.read_bytes()
    if len(data) > LARGEST_TEXT_BYTES or b"\0" in data:
        return ""
    return data.decode("utf-8", errors="replace")


def is_generated(path: Path) -> bool:
    """Generated files say so in their first lines; test vectors are generated as a whole."""
    head = "\n".join(text_of(path).splitlines()[:10])
    return "GENERATED" in head or relative(path).startswith("tests/vectors/")


FILES = project_files()
PYTHON_FILES = [path for path in FILES if path.suffix == ".py"]
SHIPPED = [path for path in PYTHON_FILES if relative(path).startswith(("firmware/", "host/", "boards/"))]


def test_there_are_files_to_look_at() -> None:
    assert len(PYTHON_FILES) > 3


def test_names_say_what_is_inside() -> None:
    vague = [
        relative(path)
        for path in FILES
        if FORBIDDEN_NAMES & {part.split(".")[0].lower() for part in path.relative_to(ROOT).parts}
    ]
    assert vague == []


def test_files_stay_short_enough_to_read() -> None:
    long: list[str] = []
    for path in PYTHON_FILES:
        if is_generated(path):
            continue
        lines = len(text_of(path).splitlines())
        limit = next((most for start, most in LINE_LIMITS.items() if relative(path).startswith(start)), LONGEST_FILE)
        if lines > limit:
            long.append(f"{relative(path)}: {lines} lines, at most {limit}")
    assert long == []


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_every_shipped_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(text_of(path))), f"{relative(path)} does not say what it is for"


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(MACHINE_PATHS, "a folder of somebody's machine"), (REGISTRY_HOSTS, "a registry's host")],
    ids=["machine-paths", "registry-hosts"],
)
def test_nothing_of_a_machine_is_written_down(pattern: re.Pattern[str], what: str) -> None:
    told: list[str] = []
    for path in FILES:
        for number, line in enumerate(text_of(path).splitlines(), 1):
            match = pattern.search(line)
            if match:
                told.append(f"{relative(path)}:{number} names {what}: {match.group()}")
    assert told == []


def test_those_patterns_match_what_they_are_for() -> None:
    assert MACHINE_PATHS.search("open('" + "/".join(["", "home", "ada", "x"]) + "')")
    assert MACHINE_PATHS.search("cd " + "/".join(["", "root", "mmc"]))
    assert not MACHINE_PATHS.search("$here/root/usr/lib and firmware/work/x")
    assert REGISTRY_HOSTS.search("see https://" + ".".join(["pypi", "org"]) + "/project")
    assert REGISTRY_HOSTS.search("files." + ".".join(["pythonhosted", "org"]))
    assert not REGISTRY_HOSTS.search("https://example.org")


def test_every_makefile_target_has_its_help() -> None:
    rules = re.compile(r"^([a-z][\w-]*)\s*:(?!=)(.*)$")
    targets = {found[1]: found[2] for line in text_of(ROOT / "Makefile").splitlines() if (found := rules.match(line))}
    assert {"help", "demo", "test", "check", "bench", "truth", "sim", "test-mpy", "flash"} <= set(targets)
    assert [name for name, rest in targets.items() if not re.search(r"## \S", rest)] == []


def test_the_license_is_mit() -> None:
    text = text_of(ROOT / "LICENSE")
    assert text.startswith("MIT License\n")
    assert "the mmc contributors" in text
    assert 'license = "MIT"' in text_of(ROOT / "pyproject.toml")
