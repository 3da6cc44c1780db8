"""A wearable in the test's own process: the unchanged firmware on the simulated board, on virtual time."""

from __future__ import annotations

import importlib.util
import io
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from mmc_core import decoding, frame, message, page
from mmc_core.sync_client import SyncClient
from mmc_device.app import App
from mmc_sim.clock import Clock
from mmc_sim.console import PipeConsole
from mmc_sim.flash import BLOCK_BYTES
from mmc_sim.wearable import Wearable

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 1000
CHANNELS = 4


def load_facts() -> ModuleType:
    """The simulated board's facts."""
    spec = importlib.util.spec_from_file_location("board_facts", ROOT / "boards/sim/board_facts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_body(
    takes: Sequence[np.ndarray], steps: Sequence[tuple[int, int, int, int]], artefact_counts: int = 0
) -> bytes:
    """A body file from takes of (samples, 4) counts and steps of (take, until, limit_ms, reaction_ms); gravity on x."""
    samples = sum(len(take) for take in takes)
    data = struct.pack(
        "<8sBBHHHIHH", b"MMCBODY1", CHANNELS, 10, RATE_HZ, len(takes), len(steps), samples, artefact_counts, 0
    )
    first = 0
    for take in takes:
        data += struct.pack("<II", first, len(take))
        first += len(take)
    for take_index, until, limit_ms, reaction_ms in steps:
        data += struct.pack("<HBBII", take_index, until, 0, limit_ms, reaction_ms)
    imu = np.zeros((samples // 10, 6), "<i2")
    imu[:, 0] = 4096
    return data + b"".join(np.asarray(take, "<i2").tobytes() for take in takes) + imu.tobytes()


def noise(seconds: float, mean_rectified_uv: Sequence[float], seed: int = 1) -> np.ndarray:
    """Band-limited noise, (samples, 4) counts, whose mean rectified value per channel is as given."""
    count = round(seconds * RATE_HZ)
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((count, CHANNELS)), axis=0)
    hertz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum[(hertz < 55) | (hertz > 400)] = 0
    band = np.fft.irfft(spectrum, count, axis=0)
    band *= np.asarray(mean_rectified_uv) / np.mean(np.abs(band), axis=0)
    return np.clip(np.round(band * 4), -16383, 16383).astype("<i2")


class Simulated:
    """One wearable; `power_on` again after a power cut keeps flash and settings."""

    def __init__(
        self,
        body: bytes,
        folder: Path,
        *,
        blocks: int = 384,
        flash: bytearray | None = None,
        cut_at: int = 0,
        torn: bool = True,
        ticks_ms: int = 0,
    ) -> None:
        self.facts = load_facts()
        self.facts.JOURNAL_BLOCKS = blocks  # type: ignore[attr-defined]
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._flash_file = io.BytesIO(bytes(flash) if flash is not None else b"\xff" * (blocks * BLOCK_BYTES))
        self._body = body
        self.told: list[str] = []
        self.power_on(cut_at, torn, ticks_ms)

    def power_on(self, cut_at: int = 0, torn: bool = True, ticks_ms: int = 0) -> None:
        """Start (again)."""
        self.clock = Clock(0, ticks_ms)
        self.console = PipeConsole()
        self.board = Wearable(
            self.facts,
            io.BytesIO(self._body),
            self._flash_file,
            str(self.folder),
            self.console,
            self.clock,
            self.told.append,
            cut_at,
            torn,
        )
        self.app = App(self.board)
        self.client = SyncClient()
        self.client.request(message.HELLO, (1, 0), 0)

    @property
    def flash_bytes(self) -> bytes:
        return self._flash_file.getvalue()

    def run(self, ms: int, until: Callable[[], bool] | None = None) -> None:
        """Let the device live for `ms`, or until something is true."""
        end_ms = self.clock.now_ms + ms
        while self.clock.now_ms < end_ms and not (until and until()):
            self.app.tick(self.app._monotonic.now_ms(self.clock.ticks_ms()))
            self.board.watchdog.feed()
            self.clock.sleep_ms(10)

    def ask(self, kind: int, *values: object) -> list:
        """One request, one reply's values."""
        self.console.send(self.client.request(kind, values, self.clock.now_ms))
        for _ in range(10):
            self.run(10)
            replies = self.client.receive(self.console.take())
            if replies:
                return replies[0][1]
        raise AssertionError(f"no reply to {kind}")

    def put(self, **settings: object) -> None:
        """Change settings over the line."""
        from mmc_core import settings as schema

        for name, value in settings.items():
            number, key = schema.to_wire(name, schema.validate(name, value))
            assert self.ask(message.PUT_SETTING, number, key) == [message.OK]

    def pull(self, session: int) -> bytes:
        """All bytes of a session, as the line gives them."""
        data, before = b"", -1
        while len(data) > before:
            before = len(data)
            self.console.send(self.client.request(message.READ, (session, len(data), 1 << 16), 0))
            is_over = False
            while not is_over:
                self.run(10)
                for _, (_, offset, piece) in self.client.receive(self.console.take()):
                    assert offset == len(data)
                    is_over = not piece
                    data += piece
        return data


def records(data: bytes) -> list[tuple[int, tuple, object]]:
    """Every record of a session's bytes: (kind, values, tail); damage fails the test."""
    found = []
    for at in range(0, len(data), page.PAGE_BYTES):
        one = bytearray(data[at : at + page.PAGE_BYTES])
        _, _, used, _ = page.unseal(one)
        for _, kind, values, tail in decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + used):
            assert kind, values
            found.append((kind, values, tail))
    return found


__all__ = ["Simulated", "frame", "load_facts", "make_body", "noise", "records"]
