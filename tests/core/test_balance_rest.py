"""Balance where rest is loud: what calibration knows of it is nobody's work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_balance import (
    ANTAGONIST,
    COCONTRACTION,
    HELPER,
    ISOLATION,
    STABILISER,
    STAYS_OUT,
    TARGET,
    Wearer,
    flat,
    values,
)

from mmc_core import chain

LEVELS = st.integers(0, 4095)


def test_the_noise_of_rest_is_nobodys_work() -> None:
    """500 over a rest of 100 counts as 480, 300 over 150 as 225; whatever is not above its rest, as nothing."""
    wearer = Wearer((TARGET, HELPER, ANTAGONIST, STABILISER), rests=(100, 150, 120, 200))
    told = wearer.unit(flat(300, 500, 300, 110, 0))
    assert values(told, ISOLATION) == [pytest.approx(1000 * 480 / (480 + 225), abs=1)]
    assert values(told, COCONTRACTION) == [0]
    assert wearer.device.engaged == 2


@pytest.mark.parametrize(
    ("level", "rest", "is_out"), [(210, 0, False), (250, 150, False), (210, 150, True), (210, 200, True)]
)
def test_a_stabiliser_joins_only_above_its_own_rest(level: int, rest: int, is_out: bool) -> None:
    """Beside a target of 500 it should do 125: over a rest of 150 a level of 250 is work of 160, one of 210 of 103."""
    told = Wearer((TARGET, STABILISER), rests=(0, rest)).unit(flat(300, 500, level))
    assert bool(values(told, STAYS_OUT)) is is_out


@given(LEVELS, st.integers(0, 1000))
def test_work_is_the_root_of_the_powers_difference(level: int, rest: int) -> None:
    """Within three tenths of the rest, and a permille of rounding; without a rest the level itself."""
    wearer = Wearer((TARGET, HELPER), rests=(0, rest))
    wearer.out[1][chain.OUT_ENVELOPE] = level
    work = wearer.device._work(wearer.out, 1)
    assert abs(work - max(0, level * level - rest * rest) ** 0.5) <= 0.31 * rest + 1
    assert work == level if rest == 0 else work <= level
