"""The hot path allocates nothing: the heap locked, on full-scale input, and in the coach line by line."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import coach_scene
import numpy as np
import plan_scene
import pytest
from simulated import load_facts

from mmc_core import cue, event
from mmc_core.coach import attention, balance, cycle, effort, fatigue, hold, motion, outbox, peak, plan, posture, team
from mmc_host import firmware, programs
from mmc_host.body import bodyfile, recording
from mmc_host.programs.compiling import compile_program

PROGRAM = """
import micropython
from array import array
import board_facts
from mmc_core.pipeline import Pipeline
from mmc_core.settings import Settings

config = Settings()
config.put("ch0_reference_nv", 400000)
config.put("ch0_reference_kind", "mvc")
config.put("cue_rest_ms", 300)
config.put("cue_fade", "off")
pipeline = Pipeline(config, board_facts)
blocks = [array("h", [0] * 40) for _ in range(4)]
for i in range(40):
    blocks[0][i] = 16383 if i & 4 else -16383  # alternating extremes
    blocks[1][i] = 16383  # the rail
    blocks[2][i] = 1200 if i & 8 else -1200  # a hold
    blocks[3][i] = 4 if i & 8 else -4  # rest
wild = array("h", [4096, -32768, 32767, 32767, -32768, 32767])
still = array("h", [4096, 0, 0, 0, 0, 0])
events = [0] * 32
cues = 0

def nothing(kind, values, tail=None, count=0):
    pass

def run():
    global cues
    t = 0
    for step in range(1000):
        t += 10
        block = blocks[2] if step % 500 < 200 else blocks[3] if step % 500 < 400 else blocks[step & 1]
        busy = step % 97 < 10
        micropython.heap_lock()
        cue = pipeline.step(block, t, still if step % 500 < 400 else wild, busy)
        micropython.heap_unlock()
        box = pipeline.coach.outbox
        for i in range(box.count):
            events[box.kinds[i]] += 1
        cues += cue != 0
        pipeline.write_records(nothing, block, t, busy)

run()
print(events, cues)
"""


def run(micropython: Path, tree: Path, heap: str) -> str:
    """What probe.py in the staged tree prints; it must not fail."""
    done = subprocess.run(
        [micropython, "-X", f"heapsize={heap}", "probe.py"],
        cwd=tree,
        env={**os.environ, "MICROPYPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_thousand_steps_with_the_heap_locked(tmp_path, mpy):
    tree = firmware.stage(tmp_path / "tree")
    (tree / "probe.py").write_text(PROGRAM)
    printed = run(mpy, tree, "220k")
    # Holds began, were lost and ended while the heap was locked: the test walked through the branches it is about.
    events, cues = printed.strip().rsplit(" ", 1)
    started, ended, lost = json.loads(events)[1:4]
    assert started >= 2 and ended >= 1 and lost >= 2 and int(cues) >= 2, printed


KERNELS = """
import micropython
from array import array
from mmc_core.kernel import Kernel
from mmc_core.mains import MainsFinder

EXTREMES = (16383, -16384, 0, 5, -5, 1200)

def run(size, channels):
    kernel = Kernel(channels, 0, 16383, 50, block_samples=size, harmonic=True)
    finder = MainsFinder(channels)
    blocks = [array("h", [EXTREMES[(i * (k + 1) >> k) % 6] for i in range(size * channels)]) for k in range(4)]
    before = kernel.out[0][20]
    for number in range(110):
        block = blocks[number & 3]
        micropython.heap_lock()
        kernel.process(block, number % 9 == 8, number & 1)
        finder.step(kernel.out)
        micropython.heap_unlock()
    return kernel.out[0][20] != before

moved = 0
for size in range(1, 65):
    for channels in range(1, 5):
        moved += run(size, channels)
print(moved)
"""


def test_the_kernel_in_blocks_of_1_to_64_of_1_to_4_channels_with_the_heap_locked(tmp_path, mpy):
    tree = firmware.stage(tmp_path / "tree")
    (tree / "probe.py").write_text(KERNELS)
    assert run(mpy, tree, "220k").strip() == str(64 * 4)


PLAYER = """
import micropython
from array import array
import board_facts
from mmc_core.pipeline import Pipeline
from mmc_core.settings import Settings

def nothing(kind, values, tail=None, count=0):
    pass

def play(name, reference_nv, samples):
    config = Settings()
    config.put("ch0_reference_nv", reference_nv)
    config.put("ch0_reference_kind", "mvc")
    pipeline = Pipeline(config, board_facts)
    block = array("h", [0] * 40)
    reading = array("h", [4096, 0, 0, 0, 0, 0])
    events = 0
    with open(name, "rb") as file:
        for t in range(10, samples + 1, 10):
            file.readinto(block)
            micropython.heap_lock()
            pipeline.step(block, t, reading, False)
            micropython.heap_unlock()
            events += pipeline.coach.outbox.count
            pipeline.write_records(nothing, block, t, False)
    print(name, events)

"""


def test_recorded_knee_movements_with_the_heap_locked(tmp_path, mpy32, data_dir):
    """Files that carry a joint angle: movement, not holds; nothing is allocated and nothing raised on any of them."""
    tree = firmware.stage(tmp_path / "tree")
    program = PLAYER
    names = []
    for path in sorted(data_dir.glob("*.npz")):
        with np.load(path) as arrays:
            if "angle" not in arrays or "mvc_ref" not in arrays:
                continue
            target = int(arrays["agonist_channels"][0])
        info = recording.write_recording(path, tmp_path / "body.bin", {str(target): "target"})
        counts = bodyfile.read(tmp_path / "body.bin").emg[-info.n_samples :]
        (tree / path.stem).write_bytes(counts.astype("<i2").tobytes())
        program += f"play({path.stem!r}, {round(1000 * info.reference_uv[0])}, {info.n_samples // 10 * 10})\n"
        names.append(path.stem)
    (tree / "probe.py").write_text(program)
    printed = run(mpy32, tree, "110k")
    told = dict(line.split() for line in printed.splitlines())
    assert list(told) == names and len(names) >= 1
    assert sum(map(int, told.values())) > len(names)  # the detector was awake


# The coach, line by line: CPython runs the same workout and says which lines it came to

MODULES = (attention, balance, cue, cycle, effort, fatigue, hold, motion, outbox, peak, plan, posture, team)
PROGRAMS = {
    name: compile_program(programs.load(name))
    for name in ("active-hang", "biceps-curl", "contract-relax", "sense-test")
}
WORKOUT = f"""
import board_facts, plan_scene, micropython
print(plan_scene.main(board_facts, micropython.heap_lock, micropython.heap_unlock, {PROGRAMS}))
"""


def numbers(prefix: str) -> set[int]:
    return {value for name, value in vars(event).items() if name.startswith(prefix)}


def codes(code: CodeType) -> Iterator[CodeType]:
    """The functions in a module's code, but constructors, which may allocate."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_name != "__init__" and inner.co_flags & inspect.CO_OPTIMIZED:
                yield inner
            yield from codes(inner)


class Lines:
    """Which lines of some modules' functions were not come to, by file and number."""

    def __init__(self, modules: tuple[ModuleType, ...]) -> None:
        self.left: dict[tuple[str, int], set[int]] = {}
        for module in modules:
            name = inspect.getfile(module)
            for code in codes(compile(Path(name).read_text(), name, "exec")):
                lines = {line for _, _, line in code.co_lines() if line and line > code.co_firstlineno}
                self.left[name, code.co_firstlineno] = lines

    def run(self, what: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            return what()
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, _: str, __: object) -> Any:
        left = self.left.get((frame.f_code.co_filename, frame.f_code.co_firstlineno))
        if not left:
            return None

        def at_line(frame: FrameType, _: str, __: object) -> Any:
            left.discard(frame.f_lineno)
            return at_line if left else None

        return at_line

    def texts(self) -> set[str]:
        return {
            Path(name).read_text().split("\n")[line - 1].strip()
            for (name, _), lines in self.left.items()
            for line in lines
        }


@pytest.fixture(scope="module")
def played() -> tuple[list[Any], set[str]]:
    """What CPython tells of the workout, and the lines that it did not come to."""
    lines = Lines(MODULES)
    told = lines.run(lambda: plan_scene.main(load_facts(), int, int, PROGRAMS))
    return told, lines.texts()


def test_the_workout_goes_through_every_line(played: tuple[list[Any], set[str]]) -> None:
    assert played[1] == set()


def test_whatever_can_happen_does(played: tuple[list[Any], set[str]]) -> None:
    told, reasons, cues, dropped = played[0]
    # Of the pipeline's and the app's making.
    device = "CUE MOTOR_ON MOTOR_OFF MARK CONTACT CONFIRMED ANSWER ARTEFACT SKIP DETAIL"
    log_only = {getattr(event, f"EVENT_{name}") for name in device.split()}
    assert {kind for kind, count in enumerate(told) if count} == numbers("EVENT_") - log_only
    device = "NOT_TODAY CLIPPED FLAT MAINS RESTLESS LEAD_OFF BEFORE AFTER"
    never = {event.REASON_BOTH, event.REASON_FORCE_UP}  # more force is seen, but no news worth an event
    never |= {getattr(event, f"REASON_{name}") for name in device.split()}
    assert {reason for reason, count in enumerate(reasons) if count} == numbers("REASON_") - never | {0}
    errors = {event.CUE_ERROR, event.CUE_NONE}
    assert {pattern for pattern, count in enumerate(cues) if count} == numbers("CUE_") - errors
    assert dropped > 0


def test_no_line_of_it_allocates(tmp_path: Path, mpy: Path, played: tuple[list[Any], set[str]]) -> None:
    tree = firmware.stage(tmp_path / "tree")
    for scene in (coach_scene, plan_scene):
        shutil.copy(inspect.getfile(scene), tree)
    (tree / "probe.py").write_text(WORKOUT)
    assert json.loads(run(mpy, tree, "220k")) == played[0]
