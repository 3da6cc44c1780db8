"""A visit to the gym with the button alone, on 32-bit MicroPython: two sessions, pulled at home."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated import make_body, noise

from mmc_core import message
from mmc_device.config import Config
from mmc_device.shelf import Shelf
from mmc_host import firmware, mpy, programs, session
from mmc_host.client import Device
from mmc_host.firmware import parse_presses, write_presses
from mmc_host.programs.compiling import compile_program
from mmc_host.pull import pull
from mmc_host.store import Store
from mmc_host.transport import open_transport

TIMEOUT_S = 120.0
PROGRAM = """
name = "twos"
evidence = "none"
mode = "hold"
sets = 1
reps = 2
hold_s = 2
target_low_pct = 30
target_high_pct = 80
cues = ["engage", "milestone", "tired"]
progress_step_pct = 5
progress_sessions = 1
progress_share_pct = 50
[[channel]]
role = "target"
"""


def prepare(state: Path) -> None:
    """What was done at home: a program, a reference, questions; and what the wearer will do."""
    (state / "config").mkdir(parents=True)
    config = Config(str(state / "config"))
    for name, value in (
        ("ch0_reference_nv", 400_000),
        ("ch0_reference_kind", "mvc"),
        ("autostart", "off"),
        ("ask", "on"),
    ):
        config.settings.put(name, value)
    config.settings.put("program", 1)
    config.save()
    (state / "twos.toml").write_text(PROGRAM)
    Shelf(config).put(1, compile_program(programs.load(str(state / "twos.toml"))))
    rest, hold = noise(6, [2, 2, 2, 2], 1), noise(6, [200, 2, 2, 2], 2)
    held = [(1, 0, 3500, 0), (0, 0, 3000, 0), (1, 0, 3500, 0), (0, 0, 26_000, 0)]
    (state / "body.bin").write_bytes(make_body([rest, hold], [(0, 0, 14_000, 0), *held, (0, 0, 30_000, 0), *held]))
    # Energy 5, pain no, and go; a mark; the end; effort 8, energy 3, pain no. Then once more, without an answer.
    clicks = lambda at, count: [f"{at + 0.25 * n:.2f}" for n in range(count)]  # noqa: E731
    script = [*clicks(2, 1), *clicks(4, 5), *clicks(7.5, 1), *clicks(24, 1), "28+1.3"]
    script += [*clicks(32, 8), *clicks(38, 3), *clicks(43, 1), *clicks(50, 1), "96+1.3"]
    write_presses(state, parse_presses(script))


@pytest.mark.e2e
def test_two_sessions_by_the_button_alone(tmp_path: Path, mpy32: Path) -> None:
    state = tmp_path / "state"
    prepare(state)
    with firmware.start(state, firmware.AS_FAST_AS_POSSIBLE, interpreter=mpy32) as simulator:
        simulator.wait_for("script done", TIMEOUT_S)
        transport = open_transport(simulator.port)
        device = Device(transport)
        device.hello()
        device.wait_until(lambda status: status.activity <= message.ACTIVITY_IDLE, TIMEOUT_S, "rest")
        with Store(tmp_path / "store") as store:
            pulled = pull(device, store)
        assert device.program(1)[:2] == (10, 0)  # both sessions mastered the band
        transport.close()
    first, second = [session.load(one.path) for one in pulled]
    for found, shift_pct in ((first, 0), (second, 5)):
        assert found.accounted and found.end is not None and found.end.reason == "asked" and not found.faults
        assert found.plan is not None and found.plan.shift_pct == shift_pct
        assert [one.reason for one in found.events if one.kind == "plan"] == ["work", "done"]
        assert found.count("hold_start") == 2 and found.count("milestone") == 4
        (band,) = [one for one in found.events if one.kind == "band"]
        assert (band.value, band.threshold) == (100, 2)
    answers = [(one.reason, round(one.threshold), round(one.value)) for one in first.events if one.kind == "answer"]
    assert answers == [("before", 2, 5), ("before", 3, 0), ("after", 1, 8), ("after", 2, 3), ("after", 3, 0)]
    assert first.count("mark") == 1 and second.count("answer") == 0


def test_presses_are_checked() -> None:
    assert parse_presses(["2", "1.5+0.2"]) == [(1500, 200), (2000, 100)]
    for wrong in ("x", "1+y", "-"):
        with pytest.raises(mpy.UsageError, match="give AT or AT"):
            parse_presses([wrong])
    with pytest.raises(mpy.UsageError, match="overlap"):
        parse_presses(["1+2", "2.5"])
