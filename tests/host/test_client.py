"""The host's end of the line against a scripted device: values, loss, noise, refusals; pulling into a real store."""

import hashlib
import random
from pathlib import Path

import pytest
from host.fake_device import FakeDevice, FakeTransport, connect
from host.session_builder import SessionBuilder
from host.stored import put

from mmc_core import message
from mmc_core.errors import PeerError, UsageError
from mmc_host.client import READ_BYTES, Device
from mmc_host.errors import LinkError
from mmc_host.pull import pull
from mmc_host.store import Store

UTC_MS = 1_790_000_000_000


def open_device(fake: FakeDevice) -> tuple[Device, FakeTransport]:
    transport, clock = connect(fake)
    return Device(transport, monotonic_s=clock), transport


def session_bytes(session: int, frames: int = 400) -> bytes:
    builder = SessionBuilder(session=session).header(device="mmc-fake").channel()
    for at in range(frames):
        builder.features([((7 * at) % 900,)] * 16)
    return builder.bytes()


def noise_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def test_hello_and_status_have_their_values() -> None:
    fake = FakeDevice().add(3, b"x" * 256)
    fake.statuses = [{"uptime_ms": 2**40, "activity": 2, "calibration_phase": 5, "motor": 1}]
    device, _ = open_device(fake)
    hello = device.hello()
    assert (hello.device, hello.firmware, hello.board, hello.format_major) == ("mmc-fake", "0.1.0", "none", 1)
    status = device.status()
    assert (status.uptime_ms, status.activity_name, status.session, status.blocks) == (2**40, "recording", 3, 384)
    assert (status.calibration_phase, status.motor) == (5, 1)


def test_another_major_version_is_refused_by_this_end() -> None:
    fake = FakeDevice()
    fake.protocol_major = message.PROTOCOL_MAJOR + 1
    device, _ = open_device(fake)
    with pytest.raises(PeerError, match="speaks protocol 2") as caught:
        device.hello()
    assert caught.value.code == message.RESULT_VERSION


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (0, "the wearable prepares its flash; try again in a minute"),
        (1, "the wearable is busy; try again in a moment"),
        (2, "the wearable records session 9; end it with `mmc-host stop`"),
        (3, "the wearable calibrates; wait for its end, then try again"),
    ],
)
def test_a_refusal_has_its_code_and_says_what_keeps_the_wearable_busy(activity: int, words: str) -> None:
    fake = FakeDevice()
    fake.refuse = {message.CONTROL: message.RESULT_BUSY}
    fake.statuses = [{"activity": activity, "session": 9}]
    device, _ = open_device(fake)
    with pytest.raises(PeerError) as caught:
        device.control(message.VERB_START)
    assert (str(caught.value), caught.value.code) == (f"the wearable refused 'control': {words}", message.RESULT_BUSY)
    fake.refuse = {message.CONTROL: message.RESULT_BUSY, message.STATUS: message.RESULT_BUSY}
    with pytest.raises(PeerError, match="the wearable refused 'control': the wearable is busy"):
        device.control(message.VERB_START)


def test_silence_is_a_link_error_after_six_tries() -> None:
    fake = FakeDevice()
    device, transport = open_device(fake)
    transport.lose_request = lambda number: True
    begun_s = transport.clock()
    with pytest.raises(LinkError, match="does not answer"):
        device.hello()
    assert transport.requests_sent == 6
    assert 3.0 <= transport.clock() - begun_s < 3.5  # six times half a second


def test_a_lost_request_or_reply_is_sent_again() -> None:
    fake = FakeDevice()
    device, transport = open_device(fake)
    transport.lose_request = lambda number: number == 0
    transport.lose = lambda number: number == 0
    assert device.hello().device == "mmc-fake"
    assert transport.requests_sent == 3


def test_sessions_come_in_order() -> None:
    fake = FakeDevice().add(2, b"a" * 256, acknowledged=True).add(9, b"b" * 512).add(11, b"c" * 768, closed=False)
    device, _ = open_device(fake)
    found = [(entry.session, entry.size_bytes, entry.closed) for entry in device.sessions()]
    assert found == [(9, 512, True), (11, 768, False)]  # what a host acknowledged is no longer offered


@pytest.mark.parametrize("size", [1, 255, 256, 257, READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES + 17])
def test_a_session_comes_whole_from_any_offset(size: int) -> None:
    data = noise_bytes(size)
    device, _ = open_device(FakeDevice().add(1, data))
    assert b"".join(device.read_session(1, 0, size)) == data
    assert b"".join(device.read_session(1, size // 3, size)) == data[size // 3 :]
    assert list(device.read_session(1, size, size)) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_session_comes_whole_over_a_line_that_loses_a_tenth(seed: int) -> None:
    data = noise_bytes(60_000)
    device, transport = open_device(FakeDevice().add(1, data))
    chance = random.Random(seed)
    lost: set[int] = {number for number in range(20_000) if chance.random() < 0.1}
    transport.lose = lost.__contains__
    transport.lose_request = lambda number: (number * 7 + seed) % 10 == 0
    transport.noise = b"\x00boot: ok\r\n\x07\xff"
    assert b"".join(device.read_session(1, 0, len(data))) == data


def test_a_line_that_never_gives_a_byte_ends_the_read() -> None:
    device, transport = open_device(FakeDevice().add(1, noise_bytes(2048)))
    transport.lose = lambda number: number % 9 != 8  # only the empty piece at the end of a stream arrives
    with pytest.raises(LinkError, match="too much noise"):
        list(device.read_session(1, 0, 2048))


def test_a_device_that_has_less_than_it_listed_is_at_fault() -> None:
    device, _ = open_device(FakeDevice().add(1, b"x" * 100))
    with pytest.raises(PeerError, match="ends at byte 100"):
        list(device.read_session(1, 0, 300))


def test_acknowledging_waits_until_the_device_has_hashed() -> None:
    data = noise_bytes(5000)
    fake = FakeDevice().add(1, data)
    fake.pending = 25
    device, transport = open_device(fake)
    begun_s = transport.clock()
    device.acknowledge(1, 5000, hashlib.sha256(data).digest())
    assert fake.acknowledged == {1}
    assert fake.count(message.ACKNOWLEDGE) == 26
    assert transport.clock() - begun_s >= 25 * 0.02


def test_settings_come_and_go_with_their_values() -> None:
    fake = FakeDevice()
    fake.newer_settings = [(77, "not_invented_yet_ms"), (0, "motto=no pain")]
    device, transport = open_device(fake)
    device.put_setting("cue_strength_pct", "35")
    device.put_setting("mains_hz", "60")
    device.put_setting("ch1_muscle", "triceps brachii")
    found = device.settings()
    assert found["cue_strength_pct"] == 35
    assert found["mains_hz"] == "60"
    assert found["ch1_muscle"] == "triceps brachii"
    assert (found["not_invented_yet_ms"], found["motto"]) == (77, "no pain")
    sent = transport.requests_sent
    for name, value in (("cue_strength_pct", 101), ("cue_strength", 50), ("mains_hz", "55")):
        with pytest.raises(UsageError):
            device.put_setting(name, value)
    assert transport.requests_sent == sent  # refused before anything went out


def test_pull_stores_verifies_acknowledges_and_moves_nothing_twice(tmp_path: Path) -> None:
    first, second = session_bytes(1), session_bytes(2, 100)
    fake = FakeDevice().add(1, first).add(2, second)
    device, _ = open_device(fake)
    seen: list[tuple[int, int, int]] = []
    with Store(tmp_path) as store:
        found = pull(device, store, lambda: UTC_MS, lambda *step: seen.append(step))
        assert [(one.session, one.moved_bytes, one.outcome) for one in found] == [
            (1, len(first), "pulled"),
            (2, len(second), "pulled"),
        ]
        assert [one.path.read_bytes() for one in found] == [first, second]
        assert fake.acknowledged == {1, 2}
        assert fake.utc_ms == UTC_MS
        assert seen[0] == (1, 0, len(first)) and seen[-1] == (2, len(second), len(second))
        moved = fake.payload_bytes
        again = pull(device, store, lambda: UTC_MS)
        assert again == []  # acknowledged: no longer offered
        assert fake.payload_bytes == moved == len(first) + len(second)


def test_an_interrupted_pull_goes_on_where_it_was(tmp_path: Path) -> None:
    data = session_bytes(1)
    fake = FakeDevice().add(1, data)
    device, transport = open_device(fake)
    with Store(tmp_path) as store:
        transport.lose = lambda number: number > 40
        with pytest.raises(LinkError):
            pull(device, store, lambda: UTC_MS)
        here = store.partial_path("mmc-fake", 1).stat().st_size
        assert 0 < here < len(data)
        device, _ = open_device(fake)
        fake.log.clear()
        (found,) = pull(device, store, lambda: UTC_MS)
        assert (found.outcome, found.moved_bytes) == ("pulled", len(data) - here)
        assert next(values for kind, values in fake.log if kind == message.READ)[1] == here
        assert found.path.read_bytes() == data


def test_a_session_under_way_is_a_prefix_until_it_is_closed(tmp_path: Path) -> None:
    data = session_bytes(1)
    fake = FakeDevice().add(1, data[:2560], closed=False)
    device, _ = open_device(fake)
    with Store(tmp_path) as store:
        (found,) = pull(device, store, lambda: UTC_MS)
        assert (found.outcome, found.moved_bytes) == ("recording", 2560)
        assert found.path.read_bytes() == data[:2560]
        assert store.sessions() == [] and fake.acknowledged == set()
        fake.add(1, data)
        (found,) = pull(device, store, lambda: UTC_MS)
        assert (found.outcome, found.moved_bytes) == ("pulled", len(data) - 2560)
        assert fake.payload_bytes == len(data)
        assert found.path.read_bytes() == data and fake.acknowledged == {1}


def test_what_was_stored_before_the_acknowledgement_got_lost_is_acknowledged_only(tmp_path: Path) -> None:
    data = session_bytes(1)
    fake = FakeDevice().add(1, data)
    device, _ = open_device(fake)
    with Store(tmp_path) as store:
        put(store, "mmc-fake", 1, data)
        (found,) = pull(device, store, lambda: UTC_MS)
        assert (found.outcome, found.moved_bytes, fake.payload_bytes) == ("here", 0, 0)
        assert fake.acknowledged == {1}


@pytest.mark.parametrize("left", [512, 10_000])
def test_a_part_of_another_session_with_the_same_number_is_set_aside(tmp_path: Path, left: int) -> None:
    data = session_bytes(1, 40)
    fake = FakeDevice().add(1, data)
    device, _ = open_device(fake)
    with Store(tmp_path) as store:
        with store.partial("mmc-fake", 1) as partial:
            partial.append(noise_bytes(left))
        (found,) = pull(device, store, lambda: UTC_MS)
        assert (found.outcome, found.path.read_bytes()) == ("pulled", data)
        assert fake.acknowledged == {1}
        assert [entry.path for entry in store.sessions()] == [found.path]
        assert len(list(found.path.parent.glob("*.aside-1"))) == 1  # kept, not destroyed


def test_a_device_whose_checksum_never_fits_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    fake = FakeDevice().add(1, session_bytes(1, 40))
    fake._acknowledge = lambda session, size, sha256: [[session, message.RESULT_MISMATCH]]  # type: ignore[method-assign]
    device, _ = open_device(fake)
    with Store(tmp_path) as store:
        with pytest.raises(PeerError, match="twice") as caught:
            pull(device, store, lambda: UTC_MS)
        assert caught.value.code == message.RESULT_MISMATCH
        assert store.sessions() == []
        assert len(list((tmp_path / "sessions" / "mmc-fake").glob("*.aside-*"))) == 2
