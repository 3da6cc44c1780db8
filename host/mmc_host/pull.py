"""Bring sessions home: what is not here yet comes over, what was interrupted goes on, nothing comes twice.

In:    a `Device`, a `Store`, the wall clock as an argument
Out:   one `Pulled` per session on the device; its bytes in the store, verified by the device before it may free them
State: none here: a partial file in the store says how far an interrupted pull came

The order of things is what keeps data safe: bytes to the disk, file renamed, then the acknowledgement with the size
and the SHA-256 of what the host holds. The device compares with its own bytes and only then counts the session as free
to erase.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmc_core import message
from mmc_core.errors import PeerError
from mmc_host.client import Device
from mmc_host.errors import LinkError
from mmc_host.replies import SessionEntry
from mmc_host.store import Entry, Store

Progress = Callable[[int, int, int], None]  # session, bytes that are here, bytes in all


@dataclass(frozen=True)
class Pulled:
    """What became of one session on the device."""

    session: int
    size_bytes: int  # of the session so far
    moved_bytes: int  # that came over the line this time
    outcome: str  # "pulled"; "here": it was already; "recording": a prefix, the rest comes with a later pull
    path: Path  # of the whole session, or of the partial file
    id: str = ""  # short name of the whole session, as the store lists it; empty while it is being recorded


def _no_progress(session: int, done: int, total: int) -> None:
    """Tell nobody."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def pull(
    device: Device,
    store: Store,
    utc_ms: Callable[[], int] = _now_ms,
    on_progress: Progress = _no_progress,
    *,
    stop: bool = False,
    bits_per_s: int = message.LINE_BITS_PER_S,
    on_note: Callable[[str], None] = lambda note: None,
) -> list[Pulled]:
    """Pull all sessions of a device into the store.

    The device's clock is set first, so that a session under way learns the date before its bytes are read. A higher
    rate of the line is only used as long as it carries: what comes home is the same with it or without.

    Args:
        device: an open device.
        store: where sessions live.
        utc_ms: gives the wall clock in ms since 1970 UTC.
        on_progress: called as bytes arrive.
        stop: end the session that is being recorded, so that it comes whole.
        bits_per_s: rate of the line meanwhile.
        on_note: called when the rate was not what it should be, with the reason.

    Raises:
        LinkError: the line failed; what came over is kept, and the next pull goes on from there.
        PeerError: the device refused, or its bytes differ from ours time after time.
        UsageError: another process pulls the same session.
    """
    name = device.hello().device
    device.set_time(utc_ms())
    if stop and device.status().recording:
        device.stop()
    if bits_per_s != message.LINE_BITS_PER_S:
        note = device.raise_rate(bits_per_s)
        if note:
            on_note(f"{note}: pulled at {message.LINE_BITS_PER_S} bit/s")
    found: dict[int, Pulled] = {}
    try:
        _pull_all(device, store, name, on_progress, found)
    except LinkError:
        if device.bits_per_s == message.LINE_BITS_PER_S:
            raise
        device.lower_rate()  # it carried a greeting, and does not carry a session
        on_note(f"{bits_per_s} bit/s did not last: went on at {message.LINE_BITS_PER_S} bit/s")
        _pull_all(device, store, name, on_progress, found)
    finally:
        with contextlib.suppress(LinkError, PeerError):  # it is back by itself within seconds
            device.lower_rate()
    return [found[session] for session in sorted(found)]


def _pull_all(device: Device, store: Store, name: str, on_progress: Progress, found: dict[int, Pulled]) -> None:
    """What is in `found` was pulled before the line failed, and acknowledged: the device lists it no more."""
    for entry in device.sessions():
        found[entry.session] = _pull_session(device, store, name, entry, on_progress)


def _pull_session(device: Device, store: Store, name: str, entry: SessionEntry, on_progress: Progress) -> Pulled:
    if entry.closed:
        for stored in store.known(name, entry.session):
            if stored.bytes == entry.size_bytes and _is_acknowledged(device, entry, stored):
                return Pulled(entry.session, entry.size_bytes, 0, "here", stored.path, stored.id)
    moved = _fetch(device, store, name, entry, on_progress)
    if not entry.closed:
        return Pulled(entry.session, entry.size_bytes, moved, "recording", store.partial_path(name, entry.session))
    stored = _finish(store, name, entry)
    if not _is_acknowledged(device, entry, stored):
        # The part that lay here was of another session with the same number: the device's flash was replaced.
        store.set_aside(stored)
        moved += _fetch(device, store, name, entry, on_progress)
        stored = _finish(store, name, entry)
        if not _is_acknowledged(device, entry, stored):
            store.set_aside(stored)
            raise PeerError(
                f"session {entry.session}: the wearable's checksum differs from the bytes that it sent, twice; they "
                f"were set aside in {stored.path.parent}; its flash may be failing",
                message.RESULT_MISMATCH,
            )
    return Pulled(entry.session, entry.size_bytes, moved, "pulled", stored.path, stored.id)


def _fetch(device: Device, store: Store, name: str, entry: SessionEntry, on_progress: Progress) -> int:
    """Complete the partial file up to the listed size; return how many bytes came over the line."""
    with store.partial(name, entry.session, entry.size_bytes) as partial:
        if partial.length > entry.size_bytes:  # of another session with the same number
            partial.set_aside()
    with store.partial(name, entry.session, entry.size_bytes) as partial:
        begun = done = partial.length
        on_progress(entry.session, done, entry.size_bytes)
        for data in device.read_session(entry.session, begun, entry.size_bytes):
            partial.append(data)
            done += len(data)
            on_progress(entry.session, done, entry.size_bytes)
    return done - begun


def _finish(store: Store, name: str, entry: SessionEntry) -> Entry:
    with store.partial(name, entry.session, entry.size_bytes) as partial:
        return partial.finish(partial.sha256())


def _is_acknowledged(device: Device, entry: SessionEntry, stored: Entry) -> bool:
    """Tell the device that the host holds a session; False when its bytes differ from ours."""
    try:
        device.acknowledge(entry.session, stored.bytes, bytes.fromhex(stored.sha256))
    except PeerError as error:
        if error.code == message.RESULT_MISMATCH:
            return False
        raise
    return True
