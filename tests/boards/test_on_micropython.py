"""Every board.py on 32-bit MicroPython: opened on the bench, with the app on it, and what it takes of the heap."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from boards import test_boards
from mmc_core import message
from mmc_host import firmware, mpy

OPEN = """
import sys
import bench
stand = bench.Bench({chip!r}, {blocks}, bench.RIGS[{name!r}], {missing!r})
for name in ("machine", "esp32", "micropython"):
    sys.modules[name] = stand.port
import board
wearable = stand.open(board)
print("missing", [role for role, _ in wearable.missing])
"""

APP = """
from mmc_device.app import App
from mmc_device.clock import Monotonic
app = App(wearable)
monotonic = Monotonic(wearable.clock.ticks_ms())
def live(ticks):
    for _ in range(ticks):
        app.tick(monotonic.now_ms(wearable.clock.ticks_ms()))
        wearable.watchdog.feed()
        wearable.clock.sleep_ms(10)
live(300)
print("app", app.activity, app.sampler.samples, app.sampler.lost_samples)
result = app.orders.control(1, 0)
live(300)
print("session", result, app.activity, app.journal.session, app.sampler.samples)
app.orders.control(2, 0)
live(100)
print("closed", app.activity, app.journal.size(1), app.journal.state(1), app.haptic.is_on)
print("health", app.orders.health()[:2])
"""

# Parts of the chip that take no heap there, and say yes to everything; nothing is begun.
HEAP = """
import gc
import sys
class Nothing:
    def __call__(self, *arguments, **named):
        return self
    def __getattr__(self, name):
        return self
    def __getitem__(self, index):
        return 1 if isinstance(index, int) else b"abc"
import mmc_core.compat
for name in ("machine", "esp32"):
    sys.modules[name] = Nothing()
for name in ("micropython", "struct", "array", "time", "os", "select"):
    __import__(name)
def used():
    gc.collect()
    return gc.mem_alloc()
start = used()
import mmc_drivers.esp32
mmc_drivers.esp32.Board.begun = lambda self, role, part, begin, otherwise: part
import board
code = used()
wearable = board.open_board()
print("heap", code - start, used() - code)
"""


def run(micropython: Path, tree: Path, program: str) -> str:
    (tree / "probe.py").write_text(program)
    done = subprocess.run(
        [micropython, "-X", "heapsize=4m", "probe.py"],
        cwd=tree,
        env={**os.environ, "MICROPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def tree(name: str, root: Path, tmp_path: Path) -> Path:
    """Firmware, drivers, models, the bench, and the board's own files."""
    made = firmware.stage(tmp_path / "tree")
    shutil.copytree(root / "firmware/mmc_drivers", made / "mmc_drivers", ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("board.py", "board_facts.py"):
        shutil.copy(root / "boards" / name / file, made / file)
    shutil.copy(root / "tests/boards/bench.py", made / "bench.py")
    return made


def program(name: str, toml: dict[str, Any], missing: tuple[str, ...]) -> str:
    return OPEN.format(name=name, chip=toml["chip"], blocks=16, missing=missing)


def test_it_opens(name: str, toml: dict[str, Any], tree: Path, mpy32: Path) -> None:
    assert run(mpy32, tree, program(name, toml, ())) == "missing []\n"
    every = run(mpy32, tree, program(name, toml, ("emg", "imu", "motor", "power")))
    assert "'imu'" in every and ("'emg'" in every) == (name != "devkit_myoware")


def check_app(told: str) -> None:
    found = re.search(r"^app (\d) (\d+) (\d+)$", told, re.M)
    assert found, told
    activity, samples, lost = (int(number) for number in found.groups())
    assert activity <= 1 and lost == 0
    assert samples == 0 if "'emg'" in told else samples > 2900
    session = tuple(map(int, re.findall(r"\d+", re.findall(r"^session (.*)$", told, re.M)[0])))
    closed = re.findall(r"^closed (.*)$", told, re.M)[0]
    if "'emg'" in told:
        assert session == (message.RESULT_NO_PART, message.ACTIVITY_IDLE, 0, 0) and closed == "1 0 0 False"
    else:
        assert (
            session[:3] == (message.OK, message.ACTIVITY_RECORDING, 1) and 2800 < session[3] <= 3030
        )  # a DMA buffer was under way
        assert re.fullmatch(r"1 [1-9]\d+ 1 False", closed)


@pytest.mark.parametrize("missing", [(), ("emg", "imu", "motor", "power")], ids=["whole", "bare"])
def test_the_app_runs_on_it(
    name: str, root: Path, toml: dict[str, Any], tree: Path, mpy32: Path, missing: tuple[str, ...]
) -> None:
    check_app(run(mpy32, tree, program(name, toml, missing) + APP))


def test_the_app_runs_on_it_as_it_is_flashed(
    name: str, root: Path, toml: dict[str, Any], tmp_path: Path, mpy32: Path
) -> None:
    """Compiled, with short names and folded constants."""
    sources = {path.stem: path.read_text("utf-8") for path in (root / "boards" / name).glob("*.py")}
    for package in ("mmc_core", "mmc_device", "mmc_drivers"):
        sources |= mpy.read_package(root / "firmware", package)
    bench = (root / "tests/boards/bench.py").read_text("utf-8")
    opens = program(name, toml, ()) + "print(wearable.facts.DEVICE_ID)\n" + APP
    called = mpy.compile_tree(tmp_path, sources, "x86", bench + opens)
    (tmp_path / "bench.py").write_text(bench)
    shutil.copytree(root / "host/mmc_sim", tmp_path / "mmc_sim", ignore=shutil.ignore_patterns("__pycache__"))
    told = run(mpy32, tmp_path, opens)
    assert called["mmc_drivers.power"] != "mmc_drivers.power"
    assert told.startswith(f"missing []\n{toml['device_id']}-0b00ee\n")
    check_app(told)


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc"])
def test_it_compiles_for_both_families_of_the_chip(name: str, root: Path, tmp_path: Path, architecture: str) -> None:
    sources = {path.stem: path.read_text("utf-8") for path in (root / "boards" / name).glob("*.py")}
    for package in ("mmc_core", "mmc_device", "mmc_drivers"):
        sources |= mpy.read_package(root / "firmware", package)
    called = mpy.compile_tree(tmp_path, sources, architecture, (root / "firmware/main.py").read_text("utf-8"))
    made = {path.stem: path.read_bytes()[2] >> 2 & 15 for path in tmp_path.rglob("*.mpy")}  # py/persistentcode.h
    assert {called[module].rpartition(".")[2] for module in ("mmc_core.chain", "mmc_device.app")} | {"board"} <= set(
        made
    )
    assert made[called["mmc_core.chain"]] == {"xtensawin": 10, "rv32imc": 11}[architecture]
    assert set(made.values()) == {0, made[called["mmc_core.chain"]]}


def test_what_it_takes_of_the_heap_is_what_the_readme_says(name: str, root: Path, tmp_path: Path, mpy32: Path) -> None:
    sources = {
        **mpy.read_package(root / "firmware", "mmc_core"),
        **mpy.read_package(root / "firmware", "mmc_drivers"),
        **{path.stem: path.read_text("utf-8") for path in (root / "boards" / name).glob("*.py")},
    }
    named = (
        "\n# named, so kept: "
        + " ".join(verb for verbs in test_boards.ROLES.values() for verb in verbs)
        + " expired restart"
    )
    called = mpy.compile_tree(tmp_path / "tree", sources, "x86", HEAP + named)
    text = HEAP
    for module in ("mmc_core.compat", "mmc_drivers.esp32"):
        text = text.replace(module, called[module])
    found = re.search(r"^heap (\d+) (\d+)$", run(mpy32, tmp_path / "tree", text), re.M)
    assert found
    code, parts = (int(number) for number in found.groups())
    told = re.search(rf"^\| {name} \| ([\d.]+) KiB \| ([\d.]+) KiB", (root / "README.md").read_text("utf-8"), re.M)
    assert told
    assert code / 1024 == pytest.approx(float(told[1]), rel=0.1)
    assert parts / 1024 == pytest.approx(float(told[2]), rel=0.1)
