"""A wearable with a button, calibrated some day; boards that are different; parts that refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import simulated
from simulated import Simulated, make_body, noise

from mmc_core import message
from mmc_host.schema import message_rows
from mmc_host.session import Session, decode

TIME = 0
RESTING = make_body([noise(3, [2, 2, 2, 2], 1)], [(0, TIME, 900_000, 0)])
BODY = make_body(
    [noise(3, [2, 2, 2, 2], 1), noise(5, [200, 20, 60, 3], 2)], [(0, TIME, 3000, 0), (1, TIME, 600_000, 0)]
)


class Worn(Simulated):
    """A calibrated wearable with a button."""

    def press(self, hold_ms: int = 80) -> None:
        self.board.button.is_held = True
        self.run(hold_ms)
        self.board.button.is_held = False
        self.run(700)

    def begin(self, seconds: float = 3) -> None:
        assert self.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
        self.run(round(1000 * seconds))

    def health(self) -> dict[str, object]:
        return dict(zip(message_rows()[message.HEALTH].reply, self.ask(message.HEALTH), strict=True))

    def session(self, number: int = 1) -> Session:
        return decode(self.pull(number))

    def buzzes(self) -> int:
        found = sum("motor on" in line for line in self.told)
        self.told.clear()
        return found


def worn(folder: Path, body: bytes = BODY) -> Worn:
    wearable = Worn(body, folder, blocks=64)
    wearable.put(autostart="off", ask="off", ch0_reference_nv=400_000, ch0_rest_nv=2000)
    wearable.put(ch0_reference_kind="mvc")
    wearable.run(1000)
    wearable.told.clear()
    return wearable


def with_board(monkeypatch: pytest.MonkeyPatch, change: Callable[[simulated.Wearable], None]) -> None:
    """Boards are different from now on."""

    class Changed(simulated.Wearable):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            change(self)

    monkeypatch.setattr(simulated, "Wearable", Changed)


def newest(wearable: Worn) -> tuple[int, int]:
    """Code and detail of the newest fault."""
    health = wearable.app.health
    return health.newest, health._details[health.newest]


def to_sleep(wearable: Worn) -> None:
    """Nobody does anything for so long that it falls asleep."""
    wearable.run(260_000, lambda: wearable.app.desk is not None and wearable.app.desk.is_asleep)
    assert wearable.app.desk.is_asleep
    wearable.run(500)


def refuse(times: int, then: Callable[..., object]) -> Callable[..., object]:
    """Raise OSError so often, then do what is to be done."""
    left = [0] * times

    def call(*arguments: object) -> object:
        if left:
            left.pop()
            raise OSError(19, "no answer")
        return then(*arguments)

    return call


def strict(wearable: Worn) -> None:
    """A front end that rests must not be read."""
    emg, read_into = wearable.board.emg, wearable.board.emg.read_into

    def read(block: object) -> bool:
        assert not emg._is_stopped, "read while it rests"
        return read_into(block)

    emg.read_into = read
