"""What the unchanged firmware decided under MicroPython, `mmc-host replay` decides again from the pulled session."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from host.command_line import run, run_json

from mmc_core import message, page
from mmc_host import body, firmware, session
from mmc_host.client import Device
from mmc_host.columns import Event, Session
from mmc_host.pull import pull
from mmc_host.rerun import recorded_events, rerun
from mmc_host.store import Store
from mmc_host.transport import open_transport

TIMEOUT_S = 120.0
DONE = 5

# Appended to the board: now and then the device is away for longer than its front end's ring holds.
STALLING = """

_open_steady = open_board


def open_board():
    board = _open_steady()
    sleep_ms = board.clock.sleep_ms
    ticks = 0

    def sleep_and_stall(ms):
        nonlocal ticks
        ticks += 1
        sleep_ms(ms + (430 if ticks % 610 == 0 else 40 if ticks % 97 == 0 else 0))

    board.clock.sleep_ms = sleep_and_stall
    return board
"""


def stage_stalling(directory: Path) -> Path:
    """The tree of the wearable, with a board that stalls."""
    staged = _stage(directory)
    board = staged / "board.py"
    board.write_text(board.read_text(encoding="utf-8") + STALLING, encoding="utf-8")
    return staged


_stage = firmware.stage


def wear(folder: Path, interpreter: Path, log_mode: str) -> Path:
    """Calibrate, train, pull; return the stored session."""
    state = folder / "state"
    state.mkdir()
    body.write_scenario("holds", state / "body.bin", 1)
    with firmware.start(state, firmware.AS_FAST_AS_POSSIBLE, interpreter=interpreter) as simulator:
        transport = open_transport(simulator.port)
        device = Device(transport)
        device.hello()
        device.put_setting("log_mode", log_mode)
        device.control(message.VERB_CALIBRATE, message.CALIBRATE_MAXIMUM)
        status = device.wait_until(lambda s: s.calibration_phase in (DONE, 6), TIMEOUT_S, "calibrate")
        assert status.calibration_phase == DONE
        simulator.wait_for("script done", TIMEOUT_S)
        device.stop()
        with Store(folder / "store") as store:
            [pulled] = pull(device, store)
        transport.close()
    return pulled.path


@pytest.fixture(scope="module")
def stalled(tmp_path_factory: pytest.TempPathFactory, mpy: Path) -> Path:
    """A session with raw EMG, losses, cues and gaps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(firmware, "stage", stage_stalling)
        return wear(tmp_path_factory.mktemp("raw"), mpy, "raw")


@pytest.fixture(scope="module")
def loaded(stalled: Path) -> Session:
    found = session.load(stalled)
    assert found.accounted and not found.damage and found.end is not None
    assert len(found.gaps) >= 5 and found.count("cue", "engage") >= 2 and found.count("hold_start") >= 3
    assert any(found.raw.motor) if found.raw else False
    return found


@pytest.mark.e2e
def test_the_pulled_session_replays_to_the_same_events_and_cues(stalled: Path, loaded: Session) -> None:
    again = rerun(loaded)
    assert again.events == recorded_events(loaded)
    assert (again.features.envelope_pct == loaded.features.envelope_pct).all()
    assert (again.features.quality == loaded.features.quality).all()
    assert not again.notes and not again.missing
    told = run_json("replay", str(stalled))
    assert told["identical"] is True
    assert told["counts"]["replayed"]["cue (engage)"] == loaded.count("cue", "engage") == loaded.end.cues  # type: ignore[union-attr]
    assert "identical with its own settings" in run("replay", str(stalled)).stdout


@pytest.mark.e2e
def test_a_lower_share_loses_less_and_later(loaded: Session) -> None:
    def losses(**changes: int) -> list[Event]:
        return [event for event in rerun(loaded, changes).events if event.kind == "activation_lost"]

    recorded, later, fewer, sooner = (
        losses(),
        losses(lost_share_pct=12),
        losses(lost_share_pct=10, hold_leave_pct=2),  # the wearer's let-go stays above both
        losses(lost_share_pct=70),
    )
    assert len(fewer) < len(later) <= len(recorded) <= len(sooner)
    assert sooner[0].t_s < recorded[0].t_s < later[0].t_s
    assert sooner[0].threshold > recorded[0].threshold > later[0].threshold


@pytest.mark.e2e
def test_a_missing_page_is_a_gap_and_is_said(tmp_path: Path, stalled: Path, loaded: Session) -> None:
    data = bytearray(stalled.read_bytes())
    holds = [event for event in loaded.events if event.kind == "hold_start"]
    number = len(data) // page.PAGE_BYTES // 2
    data[number * page.PAGE_BYTES + 100] ^= 0x55
    damaged = tmp_path / "damaged.mmc"
    damaged.write_bytes(data)
    found = session.load(damaged)
    again = rerun(found)
    assert len(found.damage) == 1 and len(again.missing) >= 1
    hole = again.missing[0]
    before = [event for event in recorded_events(found) if event.t_s < hole.start_s - 2]
    assert list(again.events[: len(before)]) == before
    assert len(again.events) >= len(recorded_events(loaded)) - 2
    assert [e.t_s for e in again.events if e.kind == "hold_start"] == pytest.approx([e.t_s for e in holds], abs=0.1)
    told = run("replay", str(damaged))
    assert told.exit_code == 0
    assert "without a signal in the log" in told.stdout and "1 place is damaged" in told.stdout


@pytest.mark.e2e
def test_a_session_of_features_is_replayed_roughly_and_says_so(tmp_path: Path, mpy64: Path) -> None:
    path = wear(tmp_path, mpy64, "features")
    found = session.load(path)
    assert found.raw is None
    told = run("replay", str(path), "--set", "lost_share_pct=12")
    assert told.exit_code == 0, told.output
    assert "no raw EMG here, so this is an approximation" in told.stdout
    assert "from features" in told.stdout and "with lost_share_pct=12" in told.stdout
    again = rerun(found)
    for kind, off_s in (("hold_start", 0.15), ("hold_end", 0.3), ("activation_regained", 0.3)):
        recorded = [event.t_s for event in found.events if event.kind == kind]
        assert [event.t_s for event in again.events if event.kind == kind] == pytest.approx(recorded, abs=off_s), kind


@pytest.mark.e2e
def test_how_far_features_lead(loaded: Session) -> None:
    """The same session without its raw EMG: what the approximation misses and by how much it is off, in numbers."""
    recorded = recorded_events(loaded)
    again = rerun(dataclasses.replace(loaded, raw=None))
    for kind in ("hold_start", "activation_lost"):
        ours = [event.t_s for event in recorded if event.kind == kind]
        theirs = [event.t_s for event in again.events if event.kind == kind]
        assert all(min(abs(a - b) for b in theirs) <= 0.5 for a in ours), kind
