"""The button: clicks are counted, a long press is one, contacts bounce; the table of what they do has no dead end."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from mmc_device import gym
from mmc_device.button import IN_SESSION, LONG, MARK, NONE, SKIP, STOP, Button, in_session

TICK_MS = 10


def gestures(*presses: tuple[int, int], until_ms: int = 6000, bounce: bool = False) -> list[tuple[int, int]]:
    """(time, gesture) of presses given as (at_ms, for_ms); `bounce`: every edge flickers for one tick."""
    state = SimpleNamespace(down=False)
    button = Button(SimpleNamespace(is_down=lambda: state.down))
    edges = {at for at, _ in presses} | {at + length for at, length in presses}
    found = []
    for now_ms in range(0, until_ms, TICK_MS):
        state.down = any(at <= now_ms < at + length for at, length in presses)
        if bounce and now_ms - TICK_MS in edges:
            state.down = not state.down
        gesture = button.tick(now_ms)
        if gesture != NONE:
            found.append((now_ms, gesture))
    return found


def test_clicks_are_counted_half_a_second_after_the_last() -> None:
    assert gestures((100, 80)) == [(690, 1)]  # released at 180, seen a tick later
    assert gestures((100, 80), (400, 80), (700, 80)) == [(1290, 3)]
    assert gestures((100, 80), (1000, 80)) == [(690, 1), (1590, 1)]


def test_a_long_press_is_told_while_it_lasts_and_is_no_click() -> None:
    assert gestures((100, 1500)) == [(1110, LONG)]
    assert gestures((100, 4000)) == [(1110, LONG)]
    assert gestures((100, 80), (300, 1500)) == [(1310, LONG)]  # clicks before it are forgotten


def test_contacts_that_bounce_click_once() -> None:
    assert [gesture for _, gesture in gestures((100, 80), bounce=True)] == [1]
    assert gestures((100, 10)) == []  # one tick is no press


@given(st.lists(st.tuples(st.integers(3, 60), st.integers(3, 60)), min_size=1, max_size=8))
def test_any_series_of_short_presses_is_counted_whole(pauses: list[tuple[int, int]]) -> None:
    """Presses and pauses in ticks; a pause of half a second ends a count."""
    presses, at, groups, count = [], 100, [], 0
    for length, pause in pauses:
        presses.append((at, length * TICK_MS))
        at += (length + pause) * TICK_MS
        count += 1
        if pause * TICK_MS > 500:
            groups.append(count)
            count = 0
    if count:
        groups.append(count)
    assert [gesture for _, gesture in gestures(*presses, until_ms=at + 1000)] == groups


def test_what_the_button_does_in_a_session() -> None:
    assert [in_session(gesture) for gesture in (0, 1, 2, 3, LONG)] == [0, MARK, SKIP, 0, STOP]
    assert IN_SESSION[4] == LONG


# The table


def names(prefix: str) -> dict[int, str]:
    return {value: name for name, value in vars(gym).items() if name.startswith(prefix)}


ROWS = [tuple(gym.TABLE[at : at + 4]) for at in range(0, len(gym.TABLE), 4)]
STATES = names("STATE_")


def test_every_number_of_the_table_has_a_name_and_no_row_stands_twice() -> None:
    inputs, actions = names("INPUT_"), names("ACT_")
    for state, signal, after, action in ROWS:
        assert state in STATES and after in STATES and action in actions
        assert signal in inputs or 1 <= signal <= 5
    assert len({row[:2] for row in ROWS}) == len(ROWS)
    assert len(gym.STAYS_S) == len(STATES) and sorted(STATES) == list(range(len(STATES)))


def test_every_state_is_reached_and_left_and_leaves_by_itself() -> None:
    after: dict[int, set[int]] = {state: {row[2] for row in ROWS if row[0] == state} for state in STATES}

    def reached(state: int) -> set[int]:
        found, left = {state}, [state]
        while left:
            new = after[left.pop()] - found
            found |= new
            left += new
        return found

    assert reached(gym.STATE_READY) == set(STATES)
    for state in STATES:
        assert gym.STATE_READY in reached(state), STATES[state]
        on_time = [row for row in ROWS if row[:2] == (state, gym.INPUT_TIME)]
        # A session has a limit of its own (`idle_stop_min`); sleep is where the others end.
        if state in (gym.STATE_TRAIN, gym.STATE_SLEEP):
            assert gym.STAYS_S[state] == 0 and not on_time
        else:
            assert gym.STAYS_S[state] > 0 and len(on_time) == 1, STATES[state]
            assert state == gym.STATE_ASK or on_time[0][2] != state, STATES[state]


def test_a_calibration_is_replaced_only_after_a_second_double_press() -> None:
    begins = [row for row in ROWS if row[3] == gym.ACT_CALIBRATE]
    assert begins == [(gym.STATE_SURE, 2, gym.STATE_CALIBRATE, gym.ACT_CALIBRATE)]
    assert {row[0] for row in ROWS if row[2] == gym.STATE_SURE} == {gym.STATE_READY}
