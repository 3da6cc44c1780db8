"""Hold detection against a second implementation, written from the module's docstring with plain lists, and by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import event, settings
from mmc_core.coach.hold import HoldDetector

START, END, LOST, REGAINED = 1, 2, 3, 4
NAMES = (
    "hold_enter_pct", "hold_keep_pct", "hold_enter_ms", "hold_leave_pct", "hold_leave_ms",
    "lost_share_pct", "lost_ms", "regain_share_pct", "regain_ms",
)  # fmt: skip
ROWS = [settings.find_row(name) for name in NAMES]
RANGES = {row[0]: (row[2], row[3]) for row in ROWS}
DEFAULTS = {row[0]: row[4] for row in ROWS}
assert set(RANGES) == set(NAMES)


def second_opinion(blocks: Sequence[tuple[int, int]], s: dict[str, int]) -> list[tuple[int, int, int]]:
    """(block, kind, time) of every event, from the docstring alone, with the whole history at hand at each block."""
    found: list[tuple[int, int, int]] = []
    enter, keep, leave = (
        10 * s["hold_enter_pct"],
        10 * min(s["hold_keep_pct"], s["hold_enter_pct"]),
        10 * s["hold_leave_pct"],
    )
    regain_share = max(s["regain_share_pct"], s["lost_share_pct"] + 5)
    begin = None  # first block of the way to a start
    holding = lost = False
    level_q7 = 0
    below: list[int] = []  # blocks below the line without a break
    fast_run: list[int] = []
    for n, (envelope, _) in enumerate(blocks):
        mean = sum(fast for _, fast in blocks[max(0, n - 7) : n + 1]) // 8  # blocks before the first count as 0
        if not holding:
            if begin is None and envelope >= enter:
                begin = n
            elif begin is not None and envelope < keep:
                begin = None
            if begin is not None and n - begin + 1 >= s["hold_enter_ms"] // 10:
                stretch = [e for e, _ in blocks[begin : n + 1]]
                level_q7 = sum(stretch) // len(stretch) * 128
                holding, lost, begin, below, fast_run = True, False, None, [], []
                found.append((n, START, 10 * (n + 1)))
            continue
        level = level_q7 // 128
        line = max(leave, level * s["lost_share_pct"] // 100)
        below = [*below, n] if envelope < line else []
        if len(below) >= s["hold_leave_ms"] // 10:
            holding = False
            found.append((n, END, 10 * below[0]))
            continue
        if lost:
            back = max(leave * 5 // 4, level * regain_share // 100)
            fast_run = [*fast_run, n] if mean >= back else []
            if len(fast_run) >= s["regain_ms"] // 10:
                lost, fast_run = False, []
                found.append((n, REGAINED, 10 * (n + 1)))
        else:
            level_q7 += envelope - level
            fast_run = [*fast_run, n] if mean < line else []
            if len(fast_run) >= s["lost_ms"] // 10:
                lost, fast_run = True, []
                found.append((n, LOST, 10 * (n + 1)))
    return found


def events(detector: HoldDetector, blocks: Iterable[tuple[int, int]], first: int = 0) -> list[tuple[int, int, int]]:
    found = []
    for n, (envelope, fast) in enumerate(blocks, first):
        if detector.step(envelope, fast, 10 * (n + 1)):
            found.append((n, detector.kind, detector.t_samples))
    return found


def with_defaults(**changed: int) -> dict[str, int]:
    return {**DEFAULTS, **changed}


def flat(level: int, blocks: int) -> list[tuple[int, int]]:
    return [(level, level)] * blocks


@st.composite
def walks(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Stretches of levels with ripple: long enough for every branch, rough enough to meet the lines from both sides."""
    blocks: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, 14))):
        level, length = draw(st.integers(0, 1400)), draw(st.integers(1, 140))
        ripple = draw(st.integers(0, 120))
        fast_share = draw(st.sampled_from([100, 100, 100, 60, 20, 140]))
        seed = draw(st.integers(1, 2**16))
        for _ in range(length):
            seed = seed * 75 % 65537
            envelope = max(0, min(4095, level + seed % (2 * ripple + 1) - ripple))
            blocks.append((envelope, max(0, min(4095, envelope * fast_share // 100 + seed // 7 % (ripple + 1)))))
    return blocks


any_settings = st.fixed_dictionaries({name: st.integers(low, high) for name, (low, high) in RANGES.items()})
quick_settings = st.fixed_dictionaries(
    {name: st.integers(low, min(high, 300 if name.endswith("_ms") else 100)) for name, (low, high) in RANGES.items()}
)


@profile(max_examples=300)
@given(walks(), st.one_of(st.just(DEFAULTS), quick_settings, any_settings))
def test_agrees_with_the_second_implementation(blocks: list[tuple[int, int]], s: dict[str, int]) -> None:
    assert events(HoldDetector(s), blocks) == second_opinion(blocks, s)


def test_the_second_implementation_sees_every_kind() -> None:
    blocks = flat(600, 60) + flat(50, 20) + flat(600, 40) + flat(0, 150)
    assert [kind for _, kind, _ in second_opinion(blocks, DEFAULTS)] == [START, LOST, REGAINED, LOST, END]


def test_starts_after_exactly_enter_ms() -> None:
    for enter_ms in (100, 500, 1230, 3000):
        detector = HoldDetector(with_defaults(hold_enter_ms=enter_ms))
        found = events(detector, flat(0, 7) + flat(200, 400))
        assert found == [(7 + enter_ms // 10 - 1, START, 70 + enter_ms)]
        assert (detector.value, detector.threshold, detector.reason) == (200, 200, event.REASON_ENTER)
        assert detector.level == 200
    assert events(HoldDetector(DEFAULTS), flat(199, 500)) == []  # a permille below the line is below it


def test_keep_is_lower_than_enter() -> None:
    """Over 20 % once, then 10 % is enough; at 9.9 % everything begins anew."""
    up = flat(200, 1)
    assert events(HoldDetector(DEFAULTS), up + flat(100, 60))[0][:2] == (49, START)
    assert events(HoldDetector(DEFAULTS), up + flat(100, 48) + flat(99, 1) + flat(100, 100)) == []
    # After the dip the count begins again with the next block over `enter`.
    found = events(HoldDetector(DEFAULTS), up + flat(100, 48) + flat(99, 1) + flat(200, 60))
    assert found == [(99, START, 1000)]
    # keep above enter means keep = enter
    assert events(HoldDetector(with_defaults(hold_keep_pct=90)), flat(200, 60))[0][:2] == (49, START)


def test_lost_after_lost_ms_behind_the_80_ms_mean() -> None:
    """At 600 the line is 198: the mean of eight blocks at 600, then 0, is below it after 6 (150), then 30 ms more."""
    detector = HoldDetector(DEFAULTS)
    assert events(detector, flat(600, 100)) == [(49, START, 500)]
    envelope_stays = [(600, 0)] * 20
    assert events(detector, envelope_stays, 100) == [(107, LOST, 1080)]
    assert (detector.value, detector.threshold, detector.reason) == (0, 198, event.REASON_LOST)
    assert detector.is_lost and detector.in_hold
    slow = HoldDetector(with_defaults(lost_ms=200))
    assert events(slow, flat(600, 100) + [(600, 0)] * 40)[1] == (124, LOST, 1250)


def test_the_level_is_frozen_while_lost_and_regained_over_the_greater_share() -> None:
    detector = HoldDetector(DEFAULTS)
    events(detector, flat(600, 100))
    assert detector.level == 600
    assert events(detector, [(350, 0)] * 50, 100)[0][1] == LOST
    frozen = detector.level
    assert 580 < frozen < 600  # 8 blocks of 1.28 s towards 350
    events(detector, [(350, 0)] * 500, 150)
    assert detector.level == frozen
    share = frozen * 50 // 100
    assert events(detector, [(350, share - 1)] * 100, 650) == []
    # The mean of eight reaches the line when all eight stand on it; 100 ms after that.
    assert events(detector, [(350, share)] * 30, 750)[0][1:] == (REGAINED, 10 * (750 + 8 + 9))
    assert detector.threshold == share
    events(detector, [(350, 350)] * 200, 780)
    assert detector.level < 420  # it follows again


def test_the_level_follows_with_1_28_s() -> None:
    detector = HoldDetector(DEFAULTS)
    events(detector, flat(1000, 100))
    events(detector, flat(600, 128), 100)
    assert detector.level == pytest.approx(600 + 400 * 0.368, abs=5)  # 1/e after one time constant


def test_the_end_is_dated_back_to_the_crossing() -> None:
    detector = HoldDetector(DEFAULTS)
    events(detector, flat(600, 100))
    found = events(detector, flat(100, 200), 100)
    assert [kind for _, kind, _ in found] == [LOST, END]
    assert found[1] == (199, END, 1000)  # decided after 1 s, dated to the end of the last block above
    assert not detector.in_hold and detector.level == 0
    assert detector.reason == event.REASON_LEAVE


def test_a_short_return_begins_the_end_anew() -> None:
    detector = HoldDetector(DEFAULTS)
    events(detector, flat(600, 100))
    found = events(detector, flat(0, 99) + flat(300, 1) + flat(0, 120), 100)
    assert found[-1] == (299, END, 2000)


def test_the_line_is_relative_but_never_below_the_floor() -> None:
    strong = HoldDetector(DEFAULTS)
    events(strong, flat(900, 100))
    assert events(strong, flat(250, 99), 100)[0][1] == LOST  # 33 % of 900 is 297; the level has begun to follow
    assert 250 < strong.threshold < 297
    light = HoldDetector(DEFAULTS)
    events(light, flat(220, 100))
    assert events(light, flat(80, 300), 100) == []  # 33 % of 220 is 72: the floor of 80 counts, and 80 is not below it
    assert events(light, flat(79, 300), 400)[0][1] == LOST
    assert light.threshold == 80
    # Regained over 5/4 of the floor, where half the level would be less.
    low = HoldDetector(with_defaults(hold_leave_pct=20, lost_share_pct=10, regain_share_pct=15, hold_leave_ms=5000))
    events(low, flat(400, 100) + flat(100, 50))
    assert low.is_lost
    assert events(low, flat(249, 60), 150) == []
    assert events(low, flat(250, 60), 210)[0][1] == REGAINED


def test_the_session_ends_a_hold_and_a_new_one_takes_its_full_time() -> None:
    detector = HoldDetector(DEFAULTS)
    assert not detector.close(0)
    events(detector, flat(600, 100) + [(600, 0)] * 7)  # two blocks towards lost
    assert detector.close(1070)
    assert (detector.kind, detector.t_samples, detector.reason) == (END, 1070, event.REASON_SESSION_END)
    assert not detector.close(1080)
    assert events(detector, flat(600, 60), 107) == [(156, START, 1570)]


def test_reset_leaves_nothing_behind() -> None:
    used, fresh = HoldDetector(DEFAULTS), HoldDetector(DEFAULTS)
    events(used, flat(900, 140) + flat(30, 30))
    used.reset()
    assert vars(used) == vars(fresh)


@pytest.mark.parametrize("extreme", [0, 1])
@pytest.mark.parametrize("level", [0, 1, 4095])
def test_every_integer_stays_inside_31_bits(extreme: int, level: int) -> None:
    """Worst-case settings, greatest levels, an hour-long counter at its end: what is stored and what is multiplied."""
    s = {name: bounds[extreme] for name, bounds in RANGES.items()} | {"hold_enter_pct": 5}
    detector = HoldDetector(s)
    bound = 2**30
    for n, (envelope, fast) in enumerate(flat(4095, 700) + flat(level, 700) + flat(4095, 300) + flat(0, 700)):
        detector.step(envelope, fast, 10 * n + 10)
        numbers = [value for value in vars(detector).values() if type(value) is int]
        assert all(-bound <= value < bound for value in numbers)
        assert detector._level_q7 <= 4095 * 128 and detector._sum <= 4095 * 300
        # the only products: a level times a share, the floor times five
        assert 0 <= detector.level * max(s["lost_share_pct"], s["regain_share_pct"], 95) < bound
        assert -32768 <= detector.threshold < 32768  # what the event record takes
        assert 0 <= detector.value < 32768
