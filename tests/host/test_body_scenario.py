"""Scenarios: their bytes by seed, the levels of their takes, and that a wearer keeps step with a device's cues."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from mmc_core.errors import UsageError
from mmc_host import body
from mmc_host.body import bodyfile, scenario, wearer
from mmc_host.body.bodyfile import Body, Until

NAMES = [known.name for known in scenario.SCENARIOS]
BLOCK_MS = 10
QUIET_MS = 300


class Script:
    """Steps a body's script by 10 ms, by the rules of bodyfile.Until."""

    def __init__(self, built: Body) -> None:
        self.steps = built.steps
        self.at = self.in_step_ms = 0
        self.end_ms: int | None = None
        self.started = self.on = False
        self.off_ms = 0

    @property
    def take(self) -> int:
        return self.steps[self.at].take if self.at < len(self.steps) else 0

    def advance(self, motor_on: bool) -> None:
        if self.at >= len(self.steps):
            return
        step = self.steps[self.at]
        self.started |= motor_on and not self.on
        self.off_ms = 0 if motor_on else self.off_ms + BLOCK_MS
        self.on = motor_on
        self.in_step_ms += BLOCK_MS
        felt = self.started and (step.until == Until.MOTOR_STARTS or (not motor_on and self.off_ms >= QUIET_MS))
        if self.end_ms is None and step.until != Until.TIME and felt:
            self.end_ms = self.in_step_ms + step.reaction_ms
        over_time = step.limit_ms and self.in_step_ms >= step.limit_ms and self.end_ms is None
        if over_time or (self.end_ms is not None and self.in_step_ms >= self.end_ms):
            self.at, self.in_step_ms, self.end_ms, self.started = self.at + 1, 0, None, False


def pulses(count: int) -> list[bool]:
    """A cue of pulses of 150 ms with gaps of 100 ms, by blocks."""
    return ([True] * 15 + [False] * 10) * count


def calibrating_device(*, done_and_start_merge: bool = False) -> Iterator[tuple[str, bool]]:
    """(phase, motor on) of each block of a calibration, and of the session's first cue.

    Args:
        done_and_start_merge: the session begins while the cue "done" still plays, and its own replaces the rest of it.
    """
    yield from (("waiting", False) for _ in range(2000))
    yield from (("cue", on) for on in pulses(1))
    yield from (("rest", False) for _ in range(500))
    for _ in range(3):
        yield from (("cue", on) for on in pulses(1))
        yield from (("contract", False) for _ in range(300))
        yield from (("cue", on) for on in pulses(2))
        yield from (("relax", False) for _ in range(400))
    yield from (("cue", on) for on in pulses(2))
    if not done_and_start_merge:
        yield from (("between", False) for _ in range(50))
        yield from (("cue", on) for on in pulses(1))
    yield from (("session", False) for _ in range(700))


@pytest.fixture(scope="module")
def holds() -> Body:
    return wearer.build(wearer.find("holds"), seed=3)


def take_uv(built: Body, known: scenario.Scenario, name: str) -> np.ndarray:
    """EMG of a take by name, microvolt."""
    take = built.takes[[spec.name for spec in known.takes].index(name)]
    return built.emg[take.first_sample : take.first_sample + take.n_samples] * 0.25


def test_listing_scenarios_needs_no_numpy() -> None:
    listed = body.scenarios()
    assert list(listed) == ["holds", "steady", "rest", "clipping", "weak"]
    assert all(listed.values())
    code = "import sys; from mmc_host import body; body.scenarios(); print('numpy' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert run.stdout.strip() == "False"


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        body.write_scenario("holds", tmp_path / name, seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other
    assert len(first) == len(other)


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_is_written_and_read(tmp_path: Path, name: str) -> None:
    info = body.write_scenario(name, tmp_path / "body.bin", 1)
    read = bodyfile.read(tmp_path / "body.bin")
    assert info.muscles == ("biceps brachii", "triceps brachii", "brachioradialis", "deltoideus anterior")
    assert info.target_channel == 0
    assert read.emg.shape == (info.n_samples, len(info.muscles))
    assert len(read.steps) == len(info.steps)
    assert read.artefact_counts == 120  # 30 uV
    assert read.takes[0].n_samples >= 2000


@pytest.mark.parametrize("known", scenario.SCENARIOS, ids=NAMES)
def test_no_take_but_rest_ever_loops(known: scenario.Scenario) -> None:
    seconds = {take.name: take.seconds for take in known.takes}
    level = {take.name: {value for curve in take.curves for _, value in curve} for take in known.takes}
    for step in known.steps:
        if level[step.take] == {scenario.REST_LEVEL}:
            continue
        assert step.limit_ms > 0
        assert seconds[step.take] * 1000 >= step.limit_ms + step.reaction_ms
    assert len(seconds) == len(known.takes)
    assert all((take.seconds * 10).is_integer() for take in known.takes)  # mains join without a seam


def test_unknown_scenario_and_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scenario is called 'hold'; there are holds, steady, rest"):
        body.write_scenario("hold", tmp_path / "body.bin")
    with pytest.raises(UsageError, match="seed -1 is negative"):
        body.write_scenario("holds", tmp_path / "body.bin", -1)


def test_levels_of_the_takes(holds: Body) -> None:
    known = wearer.find("holds")

    def level(name: str, start_s: float, end_s: float, channel: int) -> float:
        return float(np.mean(np.abs(take_uv(holds, known, name)[int(start_s * 1000) : int(end_s * 1000), channel])))

    maximum = level("maximum", 0.5, 3.5, 0)
    assert maximum == pytest.approx(400, rel=0.15)
    assert level("hold", 1, 6, 0) / maximum == pytest.approx(0.45, rel=0.2)
    assert level("let go", 0.3, 4, 0) / maximum == pytest.approx(0.08, abs=0.03)
    assert level("come back", 0.5, 5, 0) / maximum == pytest.approx(0.45, rel=0.2)
    assert level("rest", 0, 20, 0) < 0.03 * maximum
    assert level("maximum", 0.5, 3.5, 1) == pytest.approx(0.9 * 250, rel=0.15)
    assert level("hold", 1, 6, 1) == pytest.approx(0.12 * 0.45 * 250, rel=0.35)  # the antagonist, mains on top
    assert level("hold", 1, 6, 2) == pytest.approx(0.6 * 0.45 * 250, rel=0.2)


def test_the_loop_of_rest_has_no_seam(holds: Body) -> None:
    rest = take_uv(holds, wearer.find("holds"), "rest")
    assert np.abs(rest[0] - rest[-1]).max() < 6 * np.abs(np.diff(rest, axis=0)).std()


def test_overloaded_muscle_stands_at_the_rails() -> None:
    known = wearer.find("clipping")
    built = wearer.build(known, 1)
    contracted = np.abs(take_uv(built, known, "maximum")[500:4000])
    assert np.mean(contracted[:, 0] == 16383 * 0.25) > 0.3
    assert np.mean(contracted[:, 1:] == 16383 * 0.25) == 0


def test_weak_contraction_is_not_above_rest() -> None:
    known = wearer.find("weak")
    built = wearer.build(known, 1)
    highpass = signal.butter(2, 20, "highpass", fs=1000)  # as the device's, so that drift does not count
    contracted, rest = (
        np.mean(np.abs(signal.lfilter(*highpass, take_uv(built, known, name), axis=0)), axis=0)
        for name in ("no contraction", "rest")
    )
    assert contracted == pytest.approx(rest, rel=0.05)
    assert rest.min() > 4


@pytest.mark.parametrize("name", ["holds", "steady", "clipping"])
def test_the_wearer_keeps_step_with_a_calibration(name: str) -> None:
    known = wearer.find(name)
    script = Script(wearer.build(known, 0))
    names = [take.name for take in known.takes]
    seen: dict[str, list[str]] = {}
    for phase, motor_on in calibrating_device():
        seen.setdefault(phase, []).append(names[script.take])
        script.advance(motor_on)
    assert set(seen["waiting"]) == {"rest"}
    assert set(seen["rest"]) == {"rest"}
    for third in range(3):
        contract = seen["contract"][300 * third : 300 * (third + 1)]
        assert set(contract[30:]) == {"maximum"}  # the first 300 ms hear the end of the cue
        relax = seen["relax"][400 * third : 400 * (third + 1)]
        assert set(relax[30:]) == {"relax from maximum"}
    if name == "holds":
        assert set(seen["session"][:300]) == {"rest"}
        assert set(seen["session"][340:]) == {"hold"}


def test_the_wearer_starts_even_when_two_cues_merge() -> None:
    known = wearer.find("holds")
    script = Script(wearer.build(known, 0))
    names = [take.name for take in known.takes]
    seen: list[str] = []
    for phase, motor_on in calibrating_device(done_and_start_merge=True):
        if phase == "session":
            seen.append(names[script.take])
        script.advance(motor_on)
    first_hold_ms = seen.index("hold") * BLOCK_MS
    assert first_hold_ms == pytest.approx(300 - 100 + 3_000 + 3_000, abs=50)  # quiet, then both waits


def test_the_muscle_lets_go_until_the_buzz_and_gives_up_waiting_for_it() -> None:
    known = wearer.find("holds")
    names = [take.name for take in known.takes]
    built = wearer.build(known, 0)
    second_hold = len(scenario.CALIBRATION) + 3
    assert known.steps[second_hold].take == "hold"
    script = Script(built)
    script.at = second_hold
    for _ in range(5_000 // BLOCK_MS):
        assert names[script.take] == "hold"
        script.advance(False)
    buzz_to_return_ms = 0
    while names[script.take] == "let go":
        script.advance(True)
        buzz_to_return_ms += BLOCK_MS
    assert buzz_to_return_ms == pytest.approx(350, abs=BLOCK_MS)
    assert names[script.take] == "come back"
    unheard = Script(built)
    unheard.at = second_hold + 1
    for _ in range(4_000 // BLOCK_MS):
        unheard.advance(False)
    assert names[unheard.take] == "come back"


def test_holds_last_as_long_as_the_summary_of_the_script_says() -> None:
    steps = wearer.find("holds").steps[len(scenario.CALIBRATION) :]
    assert [(step.take, step.limit_ms) for step in steps] == [
        ("rest", 3000),
        ("hold", 10_000),
        ("relax", 4000),
        *[("hold", 5000), ("let go", 4000), ("come back", 5000), ("relax", 4000)] * 2,
    ]
    assert [step.limit_ms for step in wearer.find("steady").steps if step.take == "long hold"] == [60_000]
