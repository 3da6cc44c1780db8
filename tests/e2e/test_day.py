"""A day of the product, on real MicroPython over a real pseudo-terminal: calibrate, train, pull, load, report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmc_core import message, page
from mmc_core.errors import FormatError
from mmc_host import body, firmware, session
from mmc_host.client import Device
from mmc_host.pull import pull
from mmc_host.report import render
from mmc_host.store import Store
from mmc_host.transport import open_transport

TIMEOUT_S = 60.0
REFUSED, DONE = 6, 5


def flash_pages(flash: Path, number: int) -> bytes:
    """A session's pages straight from the flash file, in the order of their sequence: what the device holds."""
    found = []
    data = flash.read_bytes()
    for at in range(0, len(data), page.PAGE_BYTES):
        one = data[at : at + page.PAGE_BYTES]
        try:
            sequence, owner, _, flags = page.unseal(one)
        except FormatError:
            continue
        if owner == number and not flags & page.FLAG_ACKNOWLEDGEMENT:
            found.append((sequence, one))
    return b"".join(one for _, one in sorted(found))


def calibrate(device: Device, kind: int) -> int:
    """Run a calibration; the phase it ends in."""
    device.control(message.VERB_CALIBRATE, kind)
    status = device.wait_until(lambda s: s.calibration_phase in (DONE, REFUSED), TIMEOUT_S, "calibrate")
    return status.calibration_phase


@pytest.mark.e2e
def test_calibrate_train_pull_report(tmp_path, mpy):
    state = tmp_path / "state"
    state.mkdir()
    body.write_scenario("holds", state / "body.bin", 1)
    with firmware.start(state, firmware.AS_FAST_AS_POSSIBLE, interpreter=mpy) as simulator:
        transport = open_transport(simulator.port)
        device = Device(transport)
        device.hello()
        device.put_setting("ch0_muscle", "biceps brachii")
        device.put_setting("wearer", "otter")
        assert calibrate(device, 1) == DONE
        reference_nv = device.settings()["ch0_reference_nv"]
        # A pull while the session runs brings a prefix and moves nothing twice.
        with Store(tmp_path / "store") as store:
            device.wait_until(lambda s: s.recording and s.session == 1, TIMEOUT_S, "begin a session")
            first = pull(device, store)
            assert [one.outcome for one in first] == ["recording"]
            simulator.wait_for("script done", TIMEOUT_S)
            device.stop()
            held = flash_pages(state / "flash.bin", 1)
            second = pull(device, store)
            third = pull(device, store)
            path = second[0].path
            # The pulled bytes equal the device's bytes, and none came twice.
            assert path.read_bytes() == held
            assert first[0].moved_bytes + second[0].moved_bytes == len(held)
            assert [one.moved_bytes for one in third] in ([], [0])
        transport.close()
    loaded = session.load(path)
    assert loaded.accounted and loaded.samples + loaded.lost_samples == loaded.span_samples
    assert loaded.end is not None and not loaded.damage
    assert loaded.header.wearer == "otter"
    assert loaded.channels[0].muscle == "biceps brachii"
    assert loaded.channels[0].unit == "%MVC"
    # A count of q3 is 31.25 nV: the header's reference is the calibration's, within one.
    assert loaded.channels[0].reference_uv == pytest.approx(reference_nv / 1000, abs=0.04)
    # Three holds at 45 % of the maximum; the muscle let go in the second and third, was cued, and came back.
    assert loaded.count("hold_start") == loaded.count("hold_end") == 3
    assert loaded.count("activation_regained") == 2
    holding = [event.t_s for event in loaded.events if event.kind == "hold_start"]
    steady = [
        float(np.mean(loaded.features.envelope_pct[(loaded.features.t_s > t + 1) & (loaded.features.t_s < t + 4), 0]))
        for t in holding
    ]
    assert steady == pytest.approx([45, 45, 45], abs=5)
    # Every buzz was logged with the motor's true times, and nothing was scored meanwhile.
    for event in loaded.events:
        if event.kind in ("activation_lost", "activation_regained", "hold_start"):
            assert not event.motor
    assert loaded.count("motor_on") == loaded.count("motor_off")
    assert "biceps brachii" in render(loaded)


@pytest.mark.e2e
@pytest.mark.parametrize(("scenario", "result"), [("clipping", 1), ("weak", 2)])
def test_a_bad_calibration_is_refused_with_its_reason(tmp_path, mpy, scenario, result):
    body.write_scenario(scenario, tmp_path / "body.bin", 1)
    with firmware.start(tmp_path, firmware.AS_FAST_AS_POSSIBLE, interpreter=mpy) as simulator:
        transport = open_transport(simulator.port)
        device = Device(transport)
        assert calibrate(device, 1) == REFUSED
        assert device.status().calibration_result & 0xF == result
        assert device.settings()["ch0_reference_kind"] == "none"
        transport.close()
