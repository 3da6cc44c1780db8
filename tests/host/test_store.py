"""store.py: bytes kept verbatim, visible only when whole, found again, whatever dies or lies."""

import hashlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from host.session_builder import UTC_MS, SessionBuilder
from host.stored import put

import mmc_core
import mmc_host
from mmc_core import event
from mmc_core.errors import FormatError, PeerError, UsageError
from mmc_host.paths import home
from mmc_host.store import MAX_SESSION_BYTES, Store, device_folder


def make(session=1, wearer="otter", seconds=2.0, utc_ms=UTC_MS, level=100):
    builder = SessionBuilder(session=session).header(wearer=wearer, utc_ms=utc_ms).channel().level(seconds, level)
    builder.event(event.EVENT_HOLD_START, 0).event(event.EVENT_CUE, 900, reason=event.CUE_ENGAGE)
    return builder.event(event.EVENT_CUE, 950, reason=event.CUE_STOP).end().bytes()


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "home") as opened:
        yield opened


def test_home_is_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("MMC_HOME", str(tmp_path / "there"))
    assert home() == tmp_path / "there" == Store().root
    monkeypatch.delenv("MMC_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home().name == "mmc"


def test_bytes_are_kept_verbatim_and_private(store):
    data = make()
    entry = put(store, "mmc-3f2a", 1, data)
    sha = hashlib.sha256(data).hexdigest()
    assert entry.path == store.root / "sessions" / "mmc-3f2a" / f"00001-{sha}.mmc"
    assert entry.path.read_bytes() == data
    assert (entry.sha256, entry.id, entry.bytes) == (sha, sha[:8], len(data))
    assert stat.S_IMODE(entry.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((store.root / "index.sqlite3").stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.path.parent.stat().st_mode) == 0o700


def test_entry_says_what_is_in_it(store):
    entry = put(store, "mmc-3f2a", 1, make())
    assert (entry.device, entry.session, entry.wearer, entry.muscles) == ("mmc-3f2a", 1, "otter", ("biceps brachii",))
    assert (entry.started_utc_ms, entry.duration_s, entry.holds, entry.cues, entry.note) == (UTC_MS, 2.0, 1, 1, "")
    assert entry.started is not None and entry.started.isoformat() == "2026-09-21T14:13:20+00:00"


def test_interrupted_pull_goes_on_where_it_stopped(store):
    data = make(seconds=30.0)
    with store.partial("mmc-3f2a", 4, len(data)) as partial:
        partial.append(data[:700])
    assert store.sessions() == []
    with store.partial("mmc-3f2a", 4) as partial:
        assert partial.length == 700
        partial.append(data[partial.length :])
        assert partial.sha256() == hashlib.sha256(data).digest()
        entry = partial.finish(partial.sha256())
    assert entry.path.read_bytes() == data
    assert not partial.path.exists()
    assert store.known("mmc-3f2a", 4) == [entry]


def test_wrong_hash_is_set_aside_never_shown_never_destroyed(store):
    data = make()
    with store.partial("d", 1) as partial:
        partial.append(data + b"x")
        with pytest.raises(FormatError, match="pull it again"):
            partial.finish(hashlib.sha256(data).digest())
    assert store.sessions() == []
    assert [p.read_bytes() for p in partial.path.parent.glob("*.aside-*")] == [data + b"x"]
    with store.partial("d", 1) as partial:
        assert partial.length == 0


def test_two_pulls_of_one_session_exclude_each_other(store):
    with store.partial("d", 1), pytest.raises(UsageError, match="another process"):
        store.partial("d", 1)
    store.partial("d", 1).close()


def test_storing_twice_keeps_one_file_and_its_time(store):
    data = make()
    first = put(store, "d", 1, data)
    os.utime(first.path, ns=(1, 1))
    assert put(store, "d", 1, data).path == first.path
    assert first.path.stat().st_mtime_ns == 1
    assert [e.path for e in store.sessions()] == [first.path]


def test_number_used_again_is_another_file(store):
    a, b = put(store, "d", 1, make(level=100)), put(store, "d", 1, make(level=200, utc_ms=UTC_MS + 1))
    assert a.path != b.path and a.path.exists() and b.path.exists()
    assert store.known("d", 1) == [a, b]


def test_copy_that_the_disk_damaged_is_set_aside_for_a_sound_one(store):
    data = make()
    entry = put(store, "d", 1, data)
    entry.path.write_bytes(data[:-1] + b"\x00")
    assert put(store, "d", 1, data).path.read_bytes() == data
    assert len(list(entry.path.parent.glob("*.aside-1"))) == 1


def test_stored_session_that_the_device_disowns_goes_out_of_sight(store):
    entry = put(store, "d", 1, make())
    kept = store.set_aside(entry)
    assert store.sessions() == [] and kept.read_bytes() == make()


@pytest.mark.parametrize(
    "name",
    ["../../etc", "..", ".", "", "a/b", "a\x00b", "x" * 33, "mmc\n", "-rf", "münchen", "C:\\x", ".hidden", "\ud800"],
)
def test_hostile_device_names_stay_in_their_folder(store, name):
    folder = device_folder(name)
    assert folder == "device-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    entry = put(store, name, 1, make())
    assert entry.path.parent.parent == store.root / "sessions"
    assert store.known(name, 1) == [entry]


def test_plain_device_names_are_folders():
    assert [device_folder(n) for n in ("mmc-3f2a", "A.b_c", "x" * 32)] == ["mmc-3f2a", "A.b_c", "x" * 32]


def test_sizes_and_numbers_are_bounded(store, monkeypatch):
    with pytest.raises(PeerError):
        store.partial("d", 1, MAX_SESSION_BYTES + 1)
    for number in (0, -1, 65536):
        with pytest.raises(PeerError):
            store.partial("d", number)
    monkeypatch.setattr("mmc_host.store.MAX_SESSION_BYTES", 1000)
    with store.partial("d", 1, 1000) as partial:
        partial.append(bytes(1000))
        with pytest.raises(PeerError, match="more than 1000"):
            partial.append(b"\x00")
        assert partial.length == 1000
    usage = type("Usage", (), {"free": 64 * 1024 * 1024 + 499})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(UsageError, match=r"no room for session 2, 500 bytes: 67109363 bytes are free in .*MMC_HOME"):
        store.partial("d", 2, 500)
    store.partial("d", 2, 499).close()


def test_find(store, tmp_path):
    with pytest.raises(UsageError, match="no session yet"):
        store.find("last")
    late = put(store, "a", 3, make(3, utc_ms=UTC_MS + 5000))
    early = put(store, "b", 4, make(4, utc_ms=UTC_MS))
    assert [e.session for e in store.sessions()] == [4, 3]
    assert store.find("last") == late.path
    assert store.find("4") == early.path
    assert store.find(early.sha256[:6]) == early.path == store.find(str(early.path))
    other = put(store, "c", 4, make(4, level=7))
    with pytest.raises(UsageError, match="more than one") as caught:
        store.find("4")
    assert early.id in str(caught.value) and other.id in str(caught.value)
    outside = tmp_path / "copy.mmc"
    outside.write_bytes(make())
    assert store.find(str(outside)) == outside
    for unknown in ("99", "ffff", "nope", str(tmp_path / "absent.mmc"), ""):
        with pytest.raises(UsageError):
            store.find(unknown)


def test_sessions_of_one_wearer(store):
    put(store, "d", 1, make(1, "otter"))
    heron = put(store, "d", 2, make(2, "heron"))
    assert store.sessions("heron") == [heron]
    assert store.sessions("nobody") == []


def test_without_a_clock_sessions_stand_in_the_order_of_starts(store):
    """Session 2 was pulled today, and began before session 3, which knows its time."""
    early = put(store, "d", 1, make(1, utc_ms=UTC_MS - 7_200_000))
    known = put(store, "d", 3, make(3, utc_ms=UTC_MS))
    unknown = put(store, "d", 2, make(2, utc_ms=0))
    last = put(store, "d", 4, make(4, utc_ms=0))
    assert unknown.started is None and unknown.started_utc_ms is None
    assert store.sessions() == [early, unknown, known, last]


def test_index_follows_the_files(store):
    a, b = put(store, "d", 1, make(1)), put(store, "d", 2, make(2))
    a.path.unlink()
    assert store.sessions() == [b]
    with Store(store.root) as second:
        added = put(second, "d", 3, make(3))
    assert store.sessions() == [b, added]
    assert [entry.session for entry in store.sessions()] == [2, 3]


def test_unreadable_session_is_listed_with_the_reason(store):
    entry = put(store, "d", 1, b"no session at all")
    assert (entry.device, entry.holds, entry.muscles) == ("d", 0, ())
    assert "no readable page" in entry.note


@pytest.mark.parametrize("damage", ["noise", "empty", "page", "folder", "value", "version"])
def test_damaged_index_is_set_aside_and_made_anew(store, damage):
    expected = [put(store, "d", n, make(n)) for n in (1, 2, 3)]
    store.close()
    path = store.root / "index.sqlite3"
    content = path.read_bytes()
    if damage == "noise":
        path.write_bytes(random.Random(2).randbytes(8192))
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "page":
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        db = sqlite3.connect(path)
        db.execute("UPDATE sessions SET muscles = '{'" if damage == "value" else "PRAGMA user_version = 77")
        db.commit()
        db.close()
    assert store.sessions() == expected
    aside = list(store.root.glob("index.damaged-*.sqlite3"))
    assert len(aside) == (damage in ("noise", "page", "value"))


def test_locked_index_answers_from_the_files(store, monkeypatch):
    expected = [put(store, "d", 1, make())]
    store.close()
    monkeypatch.setattr("mmc_host.index.BUSY_S", 0.0)
    lock = sqlite3.connect(store.root / "index.sqlite3")
    lock.execute("BEGIN EXCLUSIVE")
    assert store.sessions() == expected
    lock.close()


KILLED = """
import random, sys
from mmc_host.store import Store
rng = random.Random(int(sys.argv[2]))
with Store(sys.argv[1]) as store:
    print("ready", flush=True)
    for number in range(1, 60000):
        data = rng.randbytes(rng.randrange(1, 30000))
        with store.partial("d", rng.randrange(1, 60000)) as partial:
            for at in range(0, len(data), 4096):
                partial.append(data[at:at + 4096])
            partial.finish(partial.sha256())
"""


def test_killed_at_any_moment_nothing_partial_is_visible(tmp_path):
    root = tmp_path / "home"
    rng = random.Random(11)
    paths = [str(Path(package.__path__[0]).parent) for package in (mmc_core, mmc_host)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    seen = 0
    for run in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(root), str(run)], stdout=subprocess.PIPE, env=environment
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(rng.uniform(0.0, 0.06))
            os.kill(child.pid, signal.SIGKILL)
        files = list(root.glob("sessions/*/*.mmc"))
        for path in files:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem.partition("-")[2]
        with Store(root) as store:
            assert {entry.path for entry in store.sessions()} == set(files)
        db = sqlite3.connect(root / "index.sqlite3")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
        assert len(files) >= seen
        seen = len(files)
    assert seen > 20
    assert not list(root.glob("index.damaged-*"))
