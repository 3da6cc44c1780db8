"""Posture drift: told once for each time it leaves the pose, only when it can be trusted."""

from __future__ import annotations

from mmc_core import event, settings
from mmc_core.coach.outbox import Outbox
from mmc_core.coach.posture import Posture


def told(angles: list[tuple[int, bool]], limit_deg: int = 15) -> list[tuple[int, int, int]]:
    """(block, angle, limit) of each event, from an angle in tenths of a degree and stillness for each block."""
    config = settings.Settings()
    config.put("drift_deg", limit_deg)
    outbox = Outbox()
    posture = Posture(config, outbox)
    found = []
    for block, (angle, is_still) in enumerate(angles):
        posture.step(angle, is_still, 10 * block)
        if outbox.count:
            assert outbox.kinds[0] == event.EVENT_DRIFT and outbox.times[0] == 10 * block
            found.append((block, outbox.values[0], outbox.thresholds[0]))
            outbox.clear()
    return found


def test_half_a_second_beyond_the_limit() -> None:
    assert told([(150, True)] * 200) == []
    assert told([(0, True)] * 30 + [(151, True)] * 200) == [(79, 151, 150)]
    assert told([(0, True)] * 30 + ([(151, True)] * 49 + [(150, True)]) * 4) == []


def test_movement_is_not_trusted_and_does_not_reset() -> None:
    assert told([(900, False)] * 500) == []
    assert told([(200, True)] * 49 + [(900, False)] * 100 + [(200, True)]) == [(149, 200, 150)]


def test_it_is_news_again_after_coming_back_half_way() -> None:
    away, half, back = [(300, True)] * 100, [(76, True)] * 100, [(74, True)] * 100
    assert len(told(away + half + away)) == 1
    assert [block for block, _, _ in told(away + back + away)] == [49, 249]


def test_the_limit_is_the_wearers() -> None:
    assert told([(50, True)] * 60, limit_deg=4) == [(49, 50, 40)]
