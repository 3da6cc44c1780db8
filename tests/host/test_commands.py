"""Each command: what it asks of the device, what people read, and the same as JSON."""

import hashlib
from pathlib import Path

import pytest
from host.command_line import run, run_json, workout
from host.fake_device import FakeDevice
from host.session_builder import SessionBuilder

from mmc_core import event, message, page, settings
from mmc_core.errors import UsageError
from mmc_host.columns import LOOK_AHEAD_SITE
from mmc_host.commands.sim import LiveLines, linked, waiting_sessions
from mmc_host.firmware import Happening

REST, CONTRACTION_1, CONTRACTION_3, DONE, REFUSED = 1, 2, 4, 5, 6
pytestmark = pytest.mark.usefixtures("home")


def test_devices_lists_running_simulators(tmp_path: Path) -> None:
    from mmc_host.transport.discover import registered

    assert run_json("devices") == []
    assert "No wearable found" in run("devices").stdout
    (tmp_path / "port").touch()
    with registered(str(tmp_path / "port"), "scenario holds"):
        (entry,) = run_json("devices")
        assert (entry["port"], entry["kind"]) == (str(tmp_path / "port"), "sim")
        assert "scenario holds" in run("devices").stdout


def test_devices_ask_tells_who_answers(device: FakeDevice, tmp_path: Path) -> None:
    from mmc_host.transport.discover import registered

    device.add(4, b"x" * 256)
    device.statuses = [{"activity": 2, "open_faults": 1, "fault": 5}]
    (tmp_path / "port").touch()
    with registered(str(tmp_path / "port"), "scenario holds"):
        (entry,) = run_json("devices", "--ask")
        text = run("devices", "--ask").stdout
    assert {key: entry[key] for key in ("device", "activity", "session", "free_pct", "faults", "newest_fault")} == {
        "device": "mmc-fake",
        "activity": "recording",
        "session": 4,
        "free_pct": 25,
        "faults": 1,
        "newest_fault": 5,
    }
    assert "mmc-fake on none, firmware 0.1.0: recording, session 4, 25 % free, 1 fault (newest: code 5)" in text


def test_settings_list_has_values_ranges_and_meanings(device: FakeDevice) -> None:
    device.settings.put("cue_strength_pct", 40)
    device.newer_settings = [(7, "from_the_future")]
    entries = {entry["name"]: entry for entry in run_json("settings")}
    assert entries["cue_strength_pct"] == {
        "name": "cue_strength_pct",
        "value": 40,
        "default": 80,
        "range": "10..100",
        "meaning": "strength of the motor",
    }
    assert entries["mains_hz"]["range"] == "off, 50, 60, auto"
    assert entries["ch3_muscle"]["range"] == "<= 24 bytes"
    assert entries["from_the_future"]["value"] == 7
    assert len(entries) == len(list(settings.names())) + 1
    assert "strength of the motor" in run("settings").stdout


def test_settings_defaults_need_no_wearable() -> None:
    entries = {entry["name"]: entry["value"] for entry in run_json("settings", "--defaults")}
    assert entries == {name: settings.find_row(name)[4] for name in settings.names()}


def test_settings_get_and_set(device: FakeDevice) -> None:
    result = run("settings", "set", "cue_strength_pct=35", "ch0_muscle=soleus")
    assert (result.exit_code, result.stdout) == (0, "cue_strength_pct = 35\nch0_muscle = soleus\n")
    assert (device.settings["cue_strength_pct"], device.settings["ch0_muscle"]) == (35, "soleus")
    assert run("settings", "get", "cue_strength_pct").stdout == "35\n"
    assert run("settings", "get", "cue_strength_pct", "--port", "x").stdout == "35\n"
    asked = len(device.log)
    for wrong, words in (
        ("cue_strength_pct=101", "cue_strength_pct: 101 is out of range; give 10 to 100 (default 80)"),
        ("cue_strenth_pct=50", "did you mean 'cue_strength_pct'?"),
        ("cue_strength_pct", "give NAME=VALUE"),
    ):
        result = run("settings", "set", "cue_pulses=3", wrong)
        assert result.exit_code == 2 and words in result.stderr
    assert run("settings", "get", "nonsense").exit_code == 2
    assert len(device.log) == asked  # nothing was sent, not even the one that was right


def test_a_busy_device_refuses_in_words(device: FakeDevice) -> None:
    device.refuse = {message.PUT_SETTING: message.RESULT_BUSY}
    device.statuses = [{"activity": 2, "session": 3}]
    result = run("settings", "set", "cue_pulses=3")
    assert result.exit_code == 4
    assert "the wearable records session 3; end it with `mmc-host stop`" in result.stderr


@pytest.mark.parametrize(
    ("mains_hz", "found", "mains"),
    [
        ("auto", "not yet", []),
        ("auto", "60", ["mains: 60 Hz was heard at rest"]),
        ("60", "60", ["mains: 60 Hz was heard at rest"]),
        ("50", "60", ["mains: 60 Hz was heard at rest", "but the notch filter is set to 50 Hz; let it follow with: "]),
    ],
)
def test_calibrate_guides_and_ends_with_references(
    device: FakeDevice, mains_hz: str, found: str, mains: list[str]
) -> None:
    device.settings.put("mains_hz", mains_hz)
    device.settings.put("mains_found_hz", found)
    device.settings.put("ch0_muscle", "biceps brachii")
    for name, value in (("reference_nv", 412_300), ("rest_nv", 3_100), ("reference_kind", "mvc")):
        device.settings.put(f"ch0_{name}", value)
    early = {"uptime_ms": 60_000, "calibration_phase": DONE}  # of an earlier run
    phases = [REST, REST, CONTRACTION_1, 3, CONTRACTION_3, DONE]
    device.statuses = [early, early] + [
        {"uptime_ms": 61_000 + 5_000 * at, "calibration_phase": phase, "activity": 3 if phase < DONE else 1}
        for at, phase in enumerate(phases)
    ]
    result = run("calibrate")
    assert result.exit_code == 0, result.stderr
    starts = ["rest ", "contraction 1", "contraction 2", "contraction 3", "channel 0, biceps brachii: ", *mains, "done"]
    lines = result.stdout.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert "100 % MVC = 412.3 µV, rest 3.1 µV" in result.stdout
    assert (message.CONTROL, [message.VERB_CALIBRATE, 1]) in device.log
    assert device.utc_ms > 1_700_000_000_000


@pytest.mark.parametrize(
    ("code", "muscle", "sentence"),
    [
        (
            1,
            "soleus",
            "the calibration of the soleus (channel 1) was refused because the signal was too strong for the "
            "amplifier: move the electrodes a little, or contract less hard; then run it again",
        ),
        (
            2,
            "not stated",
            "the calibration of channel 1 was refused because the contraction was not twice as strong as the rest: "
            "check that the electrodes stick, and are on this muscle; then run it again",
        ),
        (
            9,
            "soleus",
            "the calibration of the soleus (channel 1) was refused because reason 9, which this program does not know; "
            "then run it again",
        ),
    ],
)
def test_calibrate_tells_why_it_was_refused(device: FakeDevice, code: int, muscle: str, sentence: str) -> None:
    device.settings.put("ch1_muscle", muscle)
    device.statuses = [
        {"uptime_ms": 1_000},
        {"uptime_ms": 2_000, "calibration_phase": REST},
        {"uptime_ms": 9_000, "calibration_phase": REFUSED, "calibration_result": 1 << 4 | code},
    ]
    result = run("calibrate", "--reference")
    assert result.exit_code == 4
    assert result.stderr == f"mmc-host: {sentence}\n"
    assert (message.CONTROL, [message.VERB_CALIBRATE, 2]) in device.log


def test_start_and_stop(device: FakeDevice) -> None:
    device.add(7, b"x" * 256)
    device.statuses = [{"activity": 0}, {"activity": 1}, {"activity": 2, "session": 8}]
    assert "session 8 is being recorded" in run("start").stdout
    device.statuses = [{"activity": 2, "session": 8}, {"activity": 0, "session": 8}]
    assert "session 8 is closed" in run("stop").stdout
    assert [values[0] for kind, values in device.log if kind == message.CONTROL] == [1, 2]
    device.statuses = []
    assert "no session is being recorded: the wearable is idle" in run("stop").stdout


def test_pull_tells_what_came_and_what_to_type_next(device: FakeDevice, home: Path) -> None:
    data = workout()
    device.add(1, data)
    (entry,) = run_json("pull")
    assert {key: entry[key] for key in ("session", "bytes", "moved_bytes", "outcome")} == {
        "session": 1,
        "bytes": len(data),
        "moved_bytes": len(data),
        "outcome": "pulled",
    }
    assert Path(entry["path"]).read_bytes() == data and Path(entry["path"]).is_relative_to(home)
    device.acknowledged.clear()  # the power failed before the wearable had noted it
    text = run("pull").stdout
    sha256 = hashlib.sha256(data).hexdigest()
    assert entry["id"] == sha256[:8]
    assert "was here already" in text and f"mmc-host report {sha256[:8]} --open" in text
    assert device.acknowledged == {1}
    device.statuses = [{"session": 1}]
    assert "Nothing new" in run("pull").stdout
    device.statuses = [{"session": 0}]
    assert "mmc-host calibrate" in run("pull").stdout


def test_pull_stop_ends_the_session_first(device: FakeDevice) -> None:
    device.add(1, workout())
    device.statuses = [{"activity": 2}, {"activity": 1}]
    assert run("pull", "--stop").exit_code == 0
    kinds = [kind for kind, _ in device.log]
    assert kinds.index(message.SET_TIME) < kinds.index(message.CONTROL) < kinds.index(message.LIST)


def test_sessions_and_show_have_the_numbers(device: FakeDevice) -> None:
    assert run_json("sessions") == []
    assert "mmc-host pull" in run("sessions").stdout
    device.add(1, workout()).add(2, workout(2))
    run("pull")
    found = run_json("sessions")
    assert [(entry["session"], entry["device"], entry["muscles"]) for entry in found] == [
        (1, "mmc-fake", ["biceps brachii"]),
        (2, "mmc-fake", ["biceps brachii"]),
    ]
    assert found[0]["duration_s"] == 8.0 and found[0]["id"] == found[0]["sha256"][:8]
    assert run_json("sessions", "--wearer", "nobody") == []
    assert "biceps brachii" in run("sessions").stdout and found[0]["id"] in run("sessions").stdout
    shown = run_json("show", found[0]["id"])
    assert (shown["header"]["session"], shown["accounted"], shown["muscles"][0]["unit"]) == (1, True, "%MVC")
    text = run("show", "2").stdout
    assert "session 2 of mmc-fake" in text and "00:08.0 long" in text and "no holds" in text


def test_show_explains_its_words_and_what_the_data_lack(tmp_path: Path) -> None:
    builder = SessionBuilder().header(channels=2).channel(0, site=LOOK_AHEAD_SITE, calibrated_utc_ms=0)
    builder.channel(1, "not stated", kind=0).flush()
    builder.event(event.EVENT_HOLD_START, 0).event(event.EVENT_ACTIVATION_LOST, 500)
    builder.event(event.EVENT_CUE, 500, reason=event.CUE_ENGAGE).event(event.EVENT_ACTIVATION_REGAINED, 1250)
    data = builder.features([(400, 7)] * 16, quality=2 << 4).gap(50).features([(400, 7)] * 15).bytes()
    (tmp_path / "whole.mmc").write_bytes(data)
    lines = run("show", "whole.mmc").stdout.splitlines()
    assert lines[2].split() == ["muscle", "unit", "mean", "95", "%", "peak", "scored"]
    assert [line.split()[0] for line in lines[3:5]] == ["biceps", "not"]  # the second was not flat throughout
    assert lines[6].split()[-5:] == ["target", "buzzes", "came", "back", "muscle"]
    assert lines[7].split()[-5:] == ["1", "0.8", "s", "biceps", "brachii"]
    assert lines[9:] == [
        "95 %: the level that was exceeded for 5 % of the scored time",
        "scored: the time that counts, without that in which the motor ran or the signal was bad",
        "came back: from a buzz to the muscle's return, the buzz itself included",
        "biceps brachii: 100 % is a reference found on the whole recording (look-ahead), not a calibration",
        "1 gap, 0.05 s lost",
        "the session has no end: power was cut, or it was still being recorded",
    ]
    (tmp_path / "headless.mmc").write_bytes(bytes(page.PAGE_BYTES) + data[page.PAGE_BYTES :])
    notes = run_json("show", "headless.mmc")["notes"]
    assert notes[0] == "the session's header is lost: its rates and names are assumed"
    assert notes[2] == "1 place is damaged, the first at byte 0: page checksum does not match"


def test_channels_that_nobody_wears_are_in_no_list(device: FakeDevice) -> None:
    builder = SessionBuilder(session=1).header(channels=4).channel(0)
    for channel in (1, 2, 3):
        builder.channel(channel, "not stated" if channel > 1 else "soleus", kind=0)
    for _ in range(4):
        builder.features([(400, 0, 0, 0)] * 8, quality=2 << 4 | 2 << 8 | 2 << 12)
    device.add(1, builder.end().bytes())
    assert run("pull").exit_code == 0
    assert run_json("sessions")[0]["muscles"] == ["biceps brachii", "soleus"]
    assert [muscle["muscle"] for muscle in run_json("show", "last")["muscles"]] == ["biceps brachii", "soleus"]
    assert "not stated" not in run("show", "last").stdout


def test_show_of_damaged_data_is_exit_code_5(tmp_path: Path) -> None:
    (tmp_path / "damaged.mmc").write_bytes(b"\x00" * 1024)
    result = run("show", str(tmp_path / "damaged.mmc"))
    assert result.exit_code == 5
    assert "damaged.mmc" in result.stderr
    assert run("show", "no-such").exit_code == 2


def test_report_is_written_where_it_should(device: FakeDevice, tmp_path: Path) -> None:
    device.add(1, workout())
    run("pull")
    result = run("report", "last", "-o", "out/report.html")
    assert result.exit_code == 0, result.stderr
    assert "wrote out/report.html" in result.stdout
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.lstrip().lower().startswith("<!doctype html>") and "biceps brachii" in text


def test_sim_lists_scenarios_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    found = run_json("sim", "--list")
    assert "holds" in [entry["name"] for entry in found]
    assert all(entry["description"] for entry in found)
    assert "holds" in run("sim", "--list").stdout
    (tmp_path / "a.npz").touch()
    for arguments in (
        ["--scenario", "holds", "--play", "a.npz"],
        ["--map", "0=soleus"],
        ["--speed", "fast"],
        ["--scenario", "no such"],
    ):
        assert run("sim", *arguments).exit_code == 2, arguments


@pytest.mark.parametrize("link", ["no such folder/wearable", "file/wearable"])
def test_a_link_that_can_not_be_made_is_told(tmp_path: Path, link: str) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UsageError, match=rf"the link {link} can't be made \(.*\): choose a path"),
        linked(Path(link), "x"),
    ):
        pass
    with linked(Path("wearable"), "/dev/null"):
        assert Path("wearable").readlink() == Path("/dev/null")
    assert not Path("wearable").is_symlink()


def test_live_are_one_line_a_cue_and_the_wearer_is_told_when_something_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = LiveLines(("rest", "hold", "hold", "let go"))
    for ms in (12_400, 12_650, 75_000):
        live.take(Happening(ms, "motor on", 80))
        live.take(Happening(ms + 150, "motor off", None))
    live.take(Happening(75_400, "step", 1))
    live.take(Happening(76_000, "step", 2))  # goes on holding: nothing to tell
    live.take(Happening(77_000, "step", 3))
    live.finish()
    assert capsys.readouterr().out.splitlines() == [
        "00:12.4  bzz bzz  80 %, 150 ms",
        "01:15.0  bzz  80 %, 150 ms",
        "01:15.4  the wearer: hold",
        "01:17.0  the wearer: let go",
    ]


def test_sessions_that_wait_in_a_simulated_journal(tmp_path: Path) -> None:
    def block(session: int, acknowledged: bool) -> bytes:
        first, last = bytearray(page.PAGE_BYTES), bytearray(page.BLANK)
        page.seal(first, session, session, 0, page.FLAG_FIRST)
        if acknowledged:
            page.seal(last, 0, session, 0, page.FLAG_ACKNOWLEDGEMENT)
        return bytes(first) + page.BLANK * (page.FIRST_BLOCK_PAGES - 1) + bytes(last) + page.BLANK

    flash = tmp_path / "flash.bin"
    flash.write_bytes(page.BLANK * page.BLOCK_PAGES + block(3, True) + block(4, False) + b"half a block")
    assert waiting_sessions(flash) == {4}


def test_answers_go_with_start_and_stop(device: FakeDevice) -> None:
    device.statuses = [{"activity": 1}, {"activity": 1}, {"activity": 2, "session": 8}]
    assert run("start", "--energy", "6", "--pain", "no").exit_code == 0
    device.statuses = [{"activity": 2, "session": 8}, {"activity": 0, "session": 8}]
    assert run("stop", "--effort", "8", "--energy", "3", "--pain", "yes").exit_code == 0
    said = [values for kind, values in device.log if kind == message.CONTROL]
    effort, energy, pain = event.QUESTION_EFFORT << 4, event.QUESTION_ENERGY << 4, event.QUESTION_PAIN << 4
    assert said == [
        [message.VERB_ANSWER, energy | 6], [message.VERB_ANSWER, pain], [message.VERB_START, 0],
        [message.VERB_ANSWER, effort | 8], [message.VERB_ANSWER, energy | 3], [message.VERB_ANSWER, pain | 1],
        [message.VERB_STOP, 0],
    ]  # fmt: skip


def test_pain_means_not_today(device: FakeDevice) -> None:
    result = run("start", "--pain", "yes")
    assert result.exit_code == 2 and "not today" in result.stderr
    assert (message.CONTROL, [message.VERB_START, 0]) not in device.log
    device.statuses = [{"activity": 1}, {"activity": 2, "session": 1}]
    assert run("start", "--pain", "yes", "--anyway").exit_code == 0
    assert (message.CONTROL, [message.VERB_START, 0]) in device.log
    assert run("stop", "--effort", "11").exit_code == 2


def test_check_tells_each_channel(device: FakeDevice) -> None:
    device.settings.put("ch0_muscle", "biceps brachii")
    device.findings = [(0, 0, 37, 120), (event.REASON_CLIPPED, 80, 512, -1)]
    device.statuses = [{"activity": 4}, {"activity": 1}]
    result = run("check")
    assert result.exit_code == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()[:1] in "01"]
    assert rows[0] == ["0", "biceps", "brachii", "3.7", "µV", "120", "%", "good"]
    assert rows[1][:6] == ["1", "not", "stated", "51.2", "µV", "-"] and "rails" in " ".join(rows[1])
    assert (message.CONTROL, [message.VERB_CHECK, 0]) in device.log
    device.statuses = [{"activity": 1}]
    first, second = run_json("check")
    assert (first["rest_uv"], first["motor_pct"], first["found"]) == (3.7, 120, "")
    assert (second["motor_pct"], second["value"]) == (None, 80)


def test_renewing_takes_one_contraction(device: FakeDevice) -> None:
    device.statuses = [{"uptime_ms": 1000}] + [
        {"uptime_ms": 2000 + 3000 * at, "calibration_phase": phase, "activity": 3 if phase < DONE else 1}
        for at, phase in enumerate([REST, CONTRACTION_1, DONE])
    ]
    result = run("calibrate", "--renew")
    assert result.exit_code == 0, result.stderr
    assert "contraction 1  at the buzz contract comfortably" in result.stdout and "contraction 2" not in result.stdout
    assert (message.CONTROL, [message.VERB_CALIBRATE, message.CALIBRATE_RENEW]) in device.log
    assert run("calibrate", "--renew", "--reference").exit_code == 2


def test_the_wearable_whose_button_is_held_is_pointed_at() -> None:
    from mmc_host.replies import Status

    names = len(Status.__dataclass_fields__)
    assert Status(*([0] * (names - 1)), 3).pointed_at and not Status(*([0] * (names - 1)), 1).pointed_at
