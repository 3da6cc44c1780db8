"""A higher rate for pulls: a wire whose two ends have a rate each, the real firmware at its far end, virtual time.

Where the rates differ every byte is spoilt. Whatever happens to the rate, what comes home is the same.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated import Simulated, make_body, noise

from mmc_core import message
from mmc_core.errors import PeerError
from mmc_host.client import Device
from mmc_host.errors import LinkError
from mmc_host.pull import Pulled, pull
from mmc_host.store import Store

USUAL = 115_200
_STEP_MS = 10
_BITS = 10  # of a byte on the line


class Wire:
    """A `Transport`; the far end is a wearable in this process."""

    name = "wire"
    has_rate = True

    def __init__(self, wearable: Simulated):
        self.wearable = wearable
        self.rate = USUAL
        self.rates: list[int] = []  # that this end was set to
        self.no_rate: set[int] = set()  # this end can't do those
        self.spoils: Callable[[bytes], bytes] = lambda data: data  # while the rate is not the usual one
        self._random = random.Random(1)
        self._sent: list[tuple[float, bytes]] = []  # (when the last bit arrives, bytes)
        self._free_ms = 0.0
        wearable.board.console.write = self._take  # type: ignore[method-assign]

    def _take(self, data: bytearray, size: int) -> None:
        rate = self.wearable.console.bits_per_s
        now_ms = float(self.wearable.clock.now_ms)
        self._free_ms = max(self._free_ms, now_ms) + size * _BITS * 1000 / rate
        self._sent.append((self._free_ms, self._garble(bytes(data[:size]), rate)))

    def _garble(self, data: bytes, rate: int) -> bytes:
        if rate != self.rate:
            return self._random.randbytes(len(data))
        return self.spoils(data) if rate != USUAL else data

    def monotonic_s(self) -> float:
        return self.wearable.clock.now_ms / 1000

    def set_rate(self, bits_per_s: int) -> None:
        if bits_per_s in self.no_rate:
            raise LinkError(f"wire does not do {bits_per_s} bit/s")
        self.rate = bits_per_s
        self.rates.append(bits_per_s)

    def read(self, timeout_s: float) -> bytes:
        end_ms = self.wearable.clock.now_ms + 1000 * timeout_s
        while True:
            now_ms = self.wearable.clock.now_ms
            data = b"".join(piece for when, piece in self._sent if when <= now_ms)
            self._sent = [(when, piece) for when, piece in self._sent if when > now_ms]
            if data or now_ms >= end_ms:
                return data
            self.wearable.run(_STEP_MS)

    def write(self, data: bytes) -> None:
        self.wearable.console.send(self._garble(data, self.wearable.console.bits_per_s))

    def close(self) -> None:
        pass


BODY = make_body([noise(20, [40.0, 3.0, 3.0, 3.0])], [(0, 0, 0, 0)])


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal with a session of raw EMG."""
    wearable = Simulated(BODY, tmp_path_factory.mktemp("wearable"), blocks=32)
    wearable.run(60_000, lambda: wearable.app.activity == message.ACTIVITY_IDLE)
    wearable.put(log_mode="raw", autostart="off")
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    wearable.run(8_000)
    assert wearable.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
    wearable.run(500)
    return wearable.flash_bytes


class Trip:
    """One pull over a wire."""

    def __init__(self, flash: bytes, home: Path, spoil: Callable[[Wire], None] | None = None):
        home.mkdir(exist_ok=True)
        self.wearable = Simulated(BODY, home / "wearable", blocks=32, flash=bytearray(flash))
        self.wire = Wire(self.wearable)
        if spoil:
            spoil(self.wire)
        self.notes: list[str] = []
        self.device = Device(self.wire, monotonic_s=self.wire.monotonic_s)
        self._home = home

    def pull(self, bits_per_s: int) -> list[Pulled]:
        begin_ms = self.wearable.clock.now_ms
        with Store(self._home) as store:
            found = pull(self.device, store, bits_per_s=bits_per_s, on_note=self.notes.append, utc_ms=lambda: 1 << 40)
        self.took_s = (self.wearable.clock.now_ms - begin_ms) / 1000
        return found

    def came_home(self, found: list[Pulled]) -> None:
        """The bytes are those of the wearable's flash, and it may free them."""
        (one,) = found
        assert one.outcome == "pulled"
        assert one.size_bytes > 20_000
        assert self.wearable.app.journal.state(1) == 3
        assert self.wire.rate == USUAL and self.wearable.console.bits_per_s == USUAL
        assert self.device.hello().device == "sim-0001"


def test_a_higher_rate_is_proved_used_and_left_again(flash: bytes, tmp_path: Path) -> None:
    usual = Trip(flash, tmp_path / "usual")
    usual.came_home(usual.pull(USUAL))
    assert usual.wire.rates == [] and usual.notes == []
    fast = Trip(flash, tmp_path / "fast")
    fast.came_home(fast.pull(460_800))
    assert fast.wire.rates == [460_800, USUAL] and fast.notes == []
    print(f"virtual seconds of a pull: {usual.took_s:.1f} at 115200, {fast.took_s:.1f} at 460800")
    assert fast.took_s < usual.took_s


def refuse(wire: Wire) -> None:
    """The device's console can't."""

    def set_rate(bits_per_s: int) -> None:
        if bits_per_s != USUAL:
            raise OSError(22)

    wire.wearable.board.console.set_rate = set_rate  # type: ignore[method-assign]


def cannot(wire: Wire) -> None:
    """This end can't."""
    wire.no_rate = {460_800}


def deaf(wire: Wire) -> None:
    """Both ends say yes, and nothing gets through."""
    wire.spoils = lambda data: bytes(len(data))


def short_frames_only(wire: Wire) -> None:
    """A greeting gets through, and a page never does."""
    wire.spoils = lambda data: data if len(data) < 100 else bytes(len(data))


def dies_later(wire: Wire) -> None:
    """It carries a while, then nothing any more."""
    left = [20]

    def spoil(data: bytes) -> bytes:
        left[0] -= 1
        return data if left[0] > 0 else bytes(len(data))

    wire.spoils = spoil


def old(wire: Wire) -> None:
    """Firmware from before it knew rates."""
    del wire.wearable.app._link._answers[message.RATE]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (refuse, "460800 bit/s do not get through"),
        (cannot, "wire does not do 460800 bit/s"),
        (deaf, "460800 bit/s do not get through"),
        (short_frames_only, "460800 bit/s did not last"),
        (dies_later, "460800 bit/s did not last"),
        (old, "it does not know that; its firmware may be older"),
    ],
)
def test_whatever_happens_to_the_rate_the_session_comes_home(
    spoil: Callable[[Wire], None], words: str, flash: bytes, tmp_path: Path
) -> None:
    trip = Trip(flash, tmp_path, spoil)
    trip.came_home(trip.pull(460_800))
    (note,) = trip.notes
    assert words in note
    print(f"{spoil.__name__}: {trip.took_s:.1f} virtual seconds: {note}")


def test_a_line_without_a_rate_is_left_alone(flash: bytes, tmp_path: Path) -> None:
    trip = Trip(flash, tmp_path)
    trip.wire.has_rate = False  # type: ignore[misc]
    assert trip.device.raise_rate(460_800) == "this line has no rate that can be changed"
    trip.device.lower_rate()
    assert trip.wire.rates == []


def test_a_rate_that_is_no_rate_is_refused_by_the_device_or_by_the_line(flash: bytes, tmp_path: Path) -> None:
    trip = Trip(flash, tmp_path)
    assert trip.device.raise_rate(4_000_000)
    assert trip.wire.rate == USUAL
    assert trip.device.hello().device == "sim-0001"
    with pytest.raises((PeerError, LinkError)):
        trip.device.control(99)


@pytest.mark.parametrize("busy_ms", [100, 300])
def test_a_device_that_computes_for_long_loses_nothing_of_what_it_is_told(
    flash: bytes, tmp_path: Path, busy_ms: int
) -> None:
    """A stock console keeps 259 bytes and drops the rest: the host never has more than that under way."""
    trip = Trip(flash, tmp_path / "slow")
    wearable, inbox = trip.wearable, trip.wearable.console._inbox
    most = [0]
    run = wearable.run

    def slowly(ms: int, until: Callable[[], bool] | None = None) -> None:
        wearable.clock.sleep_ms(busy_ms)
        most[0] = max(most[0], inbox._count)
        run(ms, until)

    wearable.run = slowly  # type: ignore[method-assign]
    trip.came_home(trip.pull(USUAL))
    assert inbox.dropped == 0 and 10 < most[0] <= 192
