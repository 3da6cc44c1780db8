"""A session replays to the very events and cues of the device; what can't be replayed is refused or said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from host.command_line import run, run_json, workout
from host.session_builder import SessionBuilder
from simulated import Simulated, load_facts, make_body, noise

from mmc_core import decoding, message, page
from mmc_core import record as records
from mmc_core.errors import FormatError, UsageError
from mmc_core.fitting import to_q3
from mmc_host.columns import Event, Session
from mmc_host.rerun import align, parse_changes, recorded_events, rerun, settings_of
from mmc_host.session import decode
from mmc_host.units import channel_of

STALLS_MS = (40, 423, 246, 1000, 257, 700)  # on top of a tick's 10 ms; the front end's ring holds 256


def pages_of(flash: bytes, session: int) -> bytes:
    """A session's pages straight from the flash, in their order."""
    found: list[tuple[int, bytes]] = []
    for at in range(0, len(flash), page.PAGE_BYTES):
        try:
            sequence, owner, _, flags = page.unseal(flash[at : at + page.PAGE_BYTES])
        except FormatError:
            continue
        if owner == session and not flags & page.FLAG_ACKNOWLEDGEMENT:
            found.append((sequence, flash[at : at + page.PAGE_BYTES]))
    return b"".join(one for _, one in sorted(found))


def trained(folder: Path, blocks: int = 384, **settings: object) -> bytes:
    """Holds in which the muscle lets go until the device buzzes, with stalls in between; raw EMG is logged."""
    takes = [noise(4, (2, 2, 2, 2), 1), noise(8, (80, 10, 10, 10), 2), noise(4, (10, 5, 5, 5), 3)]
    steps = [(0, 0, 3000, 0)] + [(1, 0, 6000, 0), (2, 1, 4000, 350), (1, 0, 4000, 0), (0, 0, 2500, 0)] * 2
    wearable = Simulated(make_body(takes, steps, 120), folder, blocks=blocks)
    wearable.put(ch0_reference_kind="mvc", ch0_reference_nv=200_123, log_mode="raw", autostart="off")
    wearable.put(ch1_reference_kind="ref", ch1_reference_nv=77_777, ch1_rest_nv=1_033, ch0_muscle="biceps brachii")
    wearable.put(ch0_reference_kind="mvc", ch0_reference_nv=200_123, **settings)
    wearable.run(2000)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    for stall_ms in STALLS_MS:
        wearable.run(5300)
        wearable.clock.sleep_ms(stall_ms)
    wearable.run(2000)
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    return pages_of(wearable.flash_bytes, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return trained(tmp_path_factory.mktemp("wearable"))


@pytest.fixture(scope="module")
def session(data: bytes) -> Session:
    found = decode(data)
    assert found.accounted and len(found.gaps) == 4 and found.count("cue", "engage") >= 4
    return found


def kinds(events: tuple[Event, ...], kind: str) -> list[float]:
    return [event.t_s for event in events if event.kind == kind]


def without(data: bytes, *numbers: int) -> bytes:
    """The session with some pages gone bad."""
    damaged = bytearray(data)
    for number in numbers:
        damaged[number * page.PAGE_BYTES + 20] ^= 0xFF
    return bytes(damaged)


# Raw EMG


def test_events_cues_and_envelopes_are_the_recorded_ones(session: Session) -> None:
    again = rerun(session)
    assert again.source == "raw" and again.scored and not again.missing and not again.notes
    assert again.events == recorded_events(session)
    assert again.blocks * 10 == session.samples
    for name in ("t_s", "samples", "envelope_pct", "motor", "quality"):
        assert np.array_equal(getattr(again.features, name), getattr(session.features, name)), name


@pytest.mark.parametrize("settings", [{"lost_share_pct": 60, "cue_pulses": 1}, {"cue_engage": "off", "lowpass": "off"}])
def test_the_recorded_settings_are_in_force(tmp_path: Path, settings: dict[str, object]) -> None:
    found = decode(trained(tmp_path / "wearable", **settings))
    assert rerun(found).events == recorded_events(found)
    assert len(recorded_events(found)) >= 8


def test_a_full_journal_ends_the_replay_where_it_ended_the_log(tmp_path: Path) -> None:
    found = decode(trained(tmp_path / "wearable", blocks=7))
    assert found.end is not None and found.end.reason == "journal_full"
    assert recorded_events(found)[-1].reason == "session_end" or len(recorded_events(found)) > 2
    assert rerun(found).events == recorded_events(found)


def test_where_the_flash_runs_low_the_signal_ends_and_the_session_goes_on(tmp_path: Path) -> None:
    """Raw gives way to features: nothing is erased or lost, and what was logged raw replays as it was decided."""
    found = decode(trained(tmp_path / "wearable", blocks=24))
    assert found.end is not None and found.end.reason == "asked" and found.end.dropped_pages == 0
    (detail,) = (one for one in found.events if one.kind == "detail")
    assert detail.value == 24 // 8 - 1 and 5 < detail.t_s < found.end.t_s - 1
    assert found.raw is not None and abs(found.raw.t_s[-1] - detail.t_s) < 0.02
    assert found.features.t_s[-1] > found.end.t_s - 0.1 and not found.missing and found.accounted
    later = [one for one in found.events if one.t_s > detail.t_s and one.kind in ("hold_start", "cue")]
    assert later  # the coach went on
    again = rerun(found)
    assert again.events == recorded_events(found) and len(again.events) > 2
    assert "flash ran low" in again.notes[-1]


def low_on_flash(folder: Path, blocks: int) -> Simulated:
    """A raw session that runs, three holds in view."""
    takes = [noise(4, (2, 2, 2, 2), 1), noise(8, (80, 10, 10, 10), 2), noise(4, (10, 5, 5, 5), 3)]
    steps = [(0, 0, 3000, 0)] + [(1, 0, 6000, 0), (2, 1, 4000, 350), (1, 0, 4000, 0), (0, 0, 2500, 0)] * 2
    wearable = Simulated(make_body(takes, steps, 120), folder, blocks=blocks)
    wearable.put(ch0_reference_kind="mvc", ch0_reference_nv=200_123, log_mode="raw", autostart="off")
    wearable.run(2000)
    wearable.console.send(wearable.client.request(message.CONTROL, (message.VERB_START, 0), 0))
    wearable.app.tick(wearable.clock.now_ms)
    assert wearable.app.activity == message.ACTIVITY_RECORDING
    return wearable


def ended(wearable: Simulated) -> Session:
    wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    return decode(pages_of(wearable.flash_bytes, 1))


def test_where_the_flash_was_low_from_the_start_features_are_replayed_to_the_end(tmp_path: Path) -> None:
    wearable = low_on_flash(tmp_path / "wearable", 48)
    wearable.app.journal.ready_blocks = 5  # as after many sessions
    wearable.run(25_000)
    found = ended(wearable)
    assert found.raw is None and found.count("detail") == 1 and found.header.log_mode == "raw"
    again = rerun(found)
    assert again.source == "features" and len(recorded_events(found)) > 5
    assert abs(len(again.events) - len(recorded_events(found))) <= 4  # an approximation


@pytest.mark.parametrize("stall_ms", [0, 90, 300, 700])
def test_stalls_around_the_end_of_the_signal_change_nothing(tmp_path: Path, stall_ms: int) -> None:
    wearable = low_on_flash(tmp_path / "wearable", 96)
    wearable.run(6000 + stall_ms)
    wearable.clock.sleep_ms(stall_ms)
    wearable.app.journal.ready_blocks = 5  # in the very tick that takes what has piled up
    wearable.run(2000)
    wearable.clock.sleep_ms(700)  # and a gap where there is no signal any more
    wearable.run(2000)
    found = ended(wearable)
    assert not found.missing and not found.damage and found.accounted
    again = rerun(found)
    assert again.events == recorded_events(found) and again.missing == ()


def test_a_power_cut_ends_no_hold(data: bytes) -> None:
    cut = decode(data[: len(data) // 4])
    assert cut.end is None
    assert len(kinds(cut.events, "hold_start")) > len(kinds(cut.events, "hold_end"))
    assert rerun(cut).events == recorded_events(cut)


def test_a_count_that_differs_shows(session: Session) -> None:
    """The comparison can fail: half the amplitude decides differently."""
    assert session.raw is not None
    raw = dataclasses.replace(session.raw, uv=session.raw.uv / 2)
    again = rerun(dataclasses.replace(session, raw=raw))
    assert again.events != recorded_events(session)
    assert not np.array_equal(again.features.envelope_pct, session.features.envelope_pct)


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("nv_per_count", [1, 3, 7, 8, 9, 250, 1000, 99_999])
def test_every_reference_comes_back_as_the_device_had_it(session: Session, nv_per_count: int, shift: int) -> None:
    facts = load_facts()
    facts.EMG_NV_PER_COUNT, facts.EMG_KERNEL_SHIFT = nv_per_count, shift  # type: ignore[attr-defined]
    largest = min(100_000_000, (1 << 26) * nv_per_count)  # what 32 bits of the log hold
    drawn = np.random.default_rng(1).integers(1, largest, 50)
    for reference_nv in (0, 1, largest, *(int(n) for n in drawn)):
        q3 = to_q3(reference_nv, facts)
        values = (0, 0, 1, min(q3, 65535), q3, nv_per_count, 0, "", "", "permille")
        one = dataclasses.replace(session, channels=(channel_of(0, values), *session.channels[1:]))
        config, _ = settings_of(one, {}, shift)
        assert to_q3(config.channel(0, "reference_nv"), facts) == q3, reference_nv
        assert q3 > 65535 or config.channel(0, "rest_nv") == config.channel(0, "reference_nv")


# Other settings


def test_a_higher_share_finds_every_loss_earlier(session: Session) -> None:
    changed = rerun(session, {"lost_share_pct": 60})
    before, after = kinds(recorded_events(session), "activation_lost"), kinds(changed.events, "activation_lost")
    assert len(after) >= len(before) >= 4
    for loss_s in before:
        assert any(loss_s - 0.2 <= other_s < loss_s for other_s in after)
    starts = kinds(recorded_events(session), "hold_start")
    assert kinds(changed.events, "hold_start") == starts  # it decides within a hold only


def test_no_cues_where_they_are_off_and_no_hold_where_none_is_strong_enough(session: Session) -> None:
    silent = rerun(session, {"cue_engage": "off"})
    muscle = ("hold_start", "hold_end", "activation_lost", "activation_regained")
    assert not kinds(silent.events, "cue")
    for kind in muscle:
        assert kinds(silent.events, kind) == kinds(recorded_events(session), kind)
    assert not any(kinds(rerun(session, {"hold_enter_pct": 100}).events, kind) for kind in muscle)


def test_another_reference_counts_in_its_own_unit(session: Session) -> None:
    doubled = rerun(session, {"ch0_reference_nv": 400_246})
    ours, theirs = (
        next(one for one in events if one.kind == "hold_start") for events in (recorded_events(session), doubled.events)
    )
    assert theirs.value == pytest.approx(ours.value / 2, rel=0.15)
    unscored = rerun(session, {"ch0_reference_kind": "none"})
    assert unscored.events == () and not unscored.scored


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["lost_share_pc=40"], "did you mean 'lost_share_pct'"),
        (["lost_share_pct=400"], "10 to 90"),
        (["lost_share_pct"], "NAME=VALUE"),
        (["hold_enter_pct=20", "cue_strength_pct=50"], "the motor ran as it ran"),
        (["log_mode=raw"], "the recording is made"),
        (["ch2_muscle=soleus"], "a name decides nothing"),
    ],
)
def test_changes_that_cannot_be_are_refused(assignments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", ".")):
        parse_changes(assignments)


def test_changes_are_typed() -> None:
    assert parse_changes(["lost_share_pct=40", "cue_engage=off"]) == {"lost_share_pct": 40, "cue_engage": "off"}


# Damage


def test_a_missing_page_is_a_gap_and_is_said(data: bytes, session: Session) -> None:
    first = next(i for i, event in enumerate(recorded_events(session)) if event.kind == "activation_regained")
    whole = recorded_events(session)
    number = next(  # a page without events, a second after the first loss was over
        n for n in range(len(data) // page.PAGE_BYTES) if _raw_start(data, n) >= (whole[first].t_s + 1) * 1000
    )
    damaged = decode(without(data, number))
    again = rerun(damaged)
    assert len(damaged.damage) == 1 and len(again.missing) == 1
    hole = again.missing[0]
    assert 0.01 <= hole.end_s - hole.start_s <= 0.15
    assert again.blocks * 10 == session.samples - round((hole.end_s - hole.start_s) * 1000)
    assert again.events[: first + 1] == whole[: first + 1]
    assert hole.start_s > whole[first].t_s + 0.9
    # What was lost is a moment: the coach finds the same things again.
    assert [event.kind for event in again.events] == [event.kind for event in whole]


def _raw_start(data: bytes, number: int) -> int:
    """Time of a page's first packed record; -1 where it has none, or has something else that the test needs."""
    one = data[number * page.PAGE_BYTES : (number + 1) * page.PAGE_BYTES]
    used = page.unseal(one)[2]
    found = list(decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + used))
    if any(kind != records.PACKED for _, kind, _, _ in found):
        return -1
    return found[0][2][0]


def test_a_session_that_lost_its_tail_is_missing_up_to_its_end(data: bytes) -> None:
    last = len(data) // page.PAGE_BYTES - 1
    damaged = decode(without(data, *range(last - 30, last)))
    again = rerun(damaged)
    assert damaged.end is not None
    assert any(hole.end_s > damaged.end.t_s - 0.2 for hole in again.missing)


def edit(session: Session, **header: object) -> Session:
    return dataclasses.replace(session, header=dataclasses.replace(session.header, **header))


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda one: edit(one, board="shrew"), UsageError, r"'shrew' is unknown here.*known: .*sim"),
        (lambda one: edit(one, board="../sim"), UsageError, "unknown here"),
        (lambda one: edit(one, assumed=True), FormatError, "header is lost"),
        (lambda one: edit(one, rate_hz=500), UsageError, "recorded with 500 Hz"),
        (
            lambda one: dataclasses.replace(one, channels=(channel_of(0, None), *one.channels[1:])),
            FormatError,
            "channel 0, which is the target",
        ),
        (
            lambda one: dataclasses.replace(one, channels=tuple(channel_of(i, None) for i in range(4))),
            FormatError,
            "no channel's record",
        ),
        (
            lambda one: dataclasses.replace(one, raw=dataclasses.replace(one.raw, uv=one.raw.uv[:, :2])),
            FormatError,
            "raw EMG has 2 channels, the session 4",
        ),
        (
            lambda one: dataclasses.replace(one, raw=dataclasses.replace(one.raw, t_s=one.raw.t_s[:-1])),
            FormatError,
            "not logged in blocks of 10",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    session: Session, spoil: Callable[[Session], Session], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        rerun(spoil(session))


def test_a_channel_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(UsageError, match="has 1 channels"):
        rerun(decode(SessionBuilder().header().channel().bytes()), {"ch1_reference_nv": 5})


def test_another_channels_damaged_record_is_said(session: Session) -> None:
    again = rerun(dataclasses.replace(session, channels=(*session.channels[:3], channel_of(3, None))))
    assert again.events == recorded_events(session)
    assert any("channel 3 is damaged" in note for note in again.notes)


def test_settings_that_are_not_there_or_not_known_are_said(session: Session) -> None:
    known = {name: value for name, value in session.settings.items() if name != "lost_ms"}
    other = dataclasses.replace(
        session, settings={**known, "from_the_future": 3}, unknown_settings=frozenset({"from_the_future"})
    )
    notes = rerun(other).notes
    assert len(notes) == 2 and "default stands in: lost_ms" in notes[0] and "from_the_future" in notes[1]


# Features alone


def test_from_features_every_hold_and_loss_is_found_a_little_off(session: Session) -> None:
    recorded = recorded_events(session)
    again = rerun(dataclasses.replace(session, raw=None))
    assert again.source == "features"
    for kind, off_s in (("hold_start", 0.1), ("hold_end", 0.1), ("activation_lost", 0.5), ("activation_regained", 0.1)):
        ours, theirs = kinds(recorded, kind), kinds(again.events, kind)
        assert len(ours) == len(theirs) > 0, kind
        assert theirs == pytest.approx(ours, abs=off_s), kind


def test_from_features_gaps_and_motor_are_honoured() -> None:
    """Nothing is decided while the motor shakes; a gap passes time."""
    builder = SessionBuilder().header().channel()
    builder.level(2, 10).features([(400,)] * 8, motor=0xFF).features([(400,)] * 8, motor=0xFF)
    builder.level(2, 400).gap(500).level(2, 10)
    again = rerun(decode(builder.bytes()))
    [start] = kinds(again.events, "hold_start")
    assert 2.8 + 0.5 <= start <= 2.8 + 0.6
    [end] = kinds(again.events, "hold_end")
    assert 5.3 <= end <= 5.4


def test_bad_frames_are_not_scored_from_features() -> None:
    builder = SessionBuilder().header().channel().level(2, 10)
    for _ in range(5):
        builder.features([(400,)] * 8, quality=1)
    assert rerun(decode(builder.bytes())).events == ()


# Side by side


def at(t_s: float, kind: str = "hold_start", channel: int = 0, reason: str = "") -> Event:
    return Event(t_s, kind, channel, 1.0, 2.0, reason, False)


def test_equal_times_pair_first_then_near_ones() -> None:
    first, second = [at(1.0), at(1.5)], [at(1.5), at(2.1)]
    assert align([first, second]) == [(first[0], None), (first[1], second[0]), (None, second[1])]
    assert align([[at(1.0)], [at(1.9)]]) == [(at(1.0), at(1.9))]
    assert align([[at(1.0)], [at(2.1)]]) == [(at(1.0), None), (None, at(2.1))]


def test_only_the_same_kind_on_the_same_channel_is_paired() -> None:
    columns = [[at(1.0), at(2.0, "cue", reason="engage")], [at(1.0, channel=1), at(2.0, "cue", reason="stop")]]
    assert all(None in row for row in align(columns)) and len(align(columns)) == 4


def test_three_columns_share_rows_whoever_began_them() -> None:
    columns = [[at(5.0)], [at(1.0)], [at(1.2), at(4.6)]]
    assert align(columns) == [(None, at(1.0), at(1.2)), (at(5.0), None, at(4.6))]


def test_every_event_stands_in_one_row() -> None:
    rng = np.random.default_rng(3)
    columns = [
        [
            at(float(t), ("hold_start", "hold_end")[int(k)])
            for t, k in zip(rng.random(n) * 20, rng.integers(0, 2, n), strict=True)
        ]
        for n in (30, 25, 40)
    ]
    rows = align(columns)
    for slot, events in enumerate(columns):
        assert sorted((row[slot] for row in rows if row[slot]), key=repr) == sorted(events, key=repr)


# The command


@pytest.fixture
def file(home: Path, data: bytes) -> str:
    home.parent.joinpath("one.mmc").write_bytes(data)
    return "one.mmc"


def test_the_command_says_identical(file: str, session: Session) -> None:
    result = run("replay", file)
    assert result.exit_code == 0, result.output
    assert "identical with its own settings" in result.stdout and "NOT" not in result.stdout
    assert "readings per second" not in result.stdout  # raw records have every one of them
    told = run_json("replay", file)
    assert told["identical"] is True and told["source"] == "raw"
    assert told["events"]["recorded"] == told["events"]["replayed"]
    assert [event["t_s"] for event in told["events"]["replayed"]] == [event.t_s for event in recorded_events(session)]
    assert "changed" not in told["events"]


def test_the_command_sets_both_side_by_side(file: str) -> None:
    result = run("replay", file, "--set", "cue_engage=off", "--set", "lost_share_pct=60")
    assert result.exit_code == 0, result.output
    assert "as recorded" in result.stdout and "with cue_engage=off, lost_share_pct=60" in result.stdout
    cue = next(line for line in result.stdout.splitlines() if line.startswith("cue (engage)"))
    assert cue.split()[-1] == "-"
    assert "the motor ran when it ran" in result.stdout
    told = run_json("replay", file, "--set", "cue_engage=off")
    assert told["changes"] == {"cue_engage": "off"}
    assert told["counts"]["recorded"]["cue (engage)"] >= 4
    assert "cue (engage)" not in told["counts"]["changed"]


def test_the_command_says_what_differs_and_what_is_missing(home: Path, data: bytes) -> None:
    last = len(data) // page.PAGE_BYTES
    home.parent.joinpath("one.mmc").write_bytes(without(data, *range(last // 2, last // 2 + 60)))
    result = run("replay", "one.mmc")
    assert result.exit_code == 0, result.output
    assert "without a signal in the log" in result.stdout and "damaged" in result.stdout


def test_the_command_says_that_features_are_an_approximation(home: Path) -> None:
    home.parent.joinpath("one.mmc").write_bytes(workout())
    result = run("replay", "one.mmc", "--set", "hold_enter_pct=100")
    assert result.exit_code == 0, result.output
    assert "no raw EMG here, so this is an approximation" in result.stdout
    assert "from features" in result.stdout and "with hold_enter_pct=100" in result.stdout
    assert "between the first two the approximation" in result.stdout
    told = run_json("replay", "one.mmc", "--set", "hold_enter_pct=100")
    assert told["identical"] is None and told["source"] == "features"
    assert told["counts"]["replayed"]["hold start"] == 1 and "hold start" not in told["counts"]["changed"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--set", "lost_share=40"], 2, "did you mean"),
        (["--set", "ch0_muscle=x"], 2, "decides nothing"),
        ([], 5, "header is lost"),
    ],
)
def test_the_commands_errors(home: Path, data: bytes, arguments: list[str], code: int, words: str) -> None:
    home.parent.joinpath("one.mmc").write_bytes(without(data, 0))
    result = run("replay", "one.mmc", *arguments)
    assert result.exit_code == code and words in result.stderr
