"""Attention: lapses, answers to cues and passive repetitions of known length and share."""

from __future__ import annotations

import pytest

from mmc_core import event, settings
from mmc_core.coach.attention import Attention
from mmc_core.coach.outbox import Outbox

START, END, LOST, BACK = (
    event.EVENT_HOLD_START,
    event.EVENT_HOLD_END,
    event.EVENT_ACTIVATION_LOST,
    event.EVENT_ACTIVATION_REGAINED,
)


class Watched:
    """An attention, and what it tells."""

    def __init__(self, rest_permille: int = 0, **changed: int) -> None:
        config = settings.Settings()
        for name, value in changed.items():
            config.put(name, value)
        self.outbox = Outbox()
        self.attention = Attention(config, self.outbox, 0, rest_permille)

    def hold(self, *events: tuple[int, int]) -> list[tuple[int, int]]:
        for kind, t in events:
            if kind == event.EVENT_CUE:
                self.attention.hear_cue(t)
            else:
                self.attention.hear(kind, t)
        found = [(self.outbox.kinds[i], self.outbox.values[i]) for i in range(self.outbox.count)]
        self.outbox.clear()
        return found


def test_a_lapse_and_the_answer_to_its_cue() -> None:
    watched = Watched()
    found = watched.hold((START, 1000), (LOST, 4000), (event.EVENT_CUE, 4010), (BACK, 4760), (END, 9000))
    assert found == [(event.EVENT_LAPSE, 760), (event.EVENT_RESPONSE, 750)]
    assert watched.attention.engagement_permille == 1000 - 760 // 8


def test_coming_back_by_oneself_is_no_answer_and_too_late_is_none() -> None:
    watched = Watched()
    assert watched.hold((START, 0), (LOST, 1000), (BACK, 1400)) == [(event.EVENT_LAPSE, 400)]
    assert watched.hold((LOST, 2000), (event.EVENT_CUE, 2000), (BACK, 7001)) == [(event.EVENT_LAPSE, 5001)]


def test_a_loss_that_ends_the_hold_is_no_lapse() -> None:
    watched = Watched()
    assert watched.hold((START, 0), (LOST, 5000), (event.EVENT_CUE, 5000), (END, 5000), (START, 9000)) == []
    assert watched.hold((BACK, 9500)) == []  # the cue belonged to the hold before
    assert watched.attention.engagement_permille == 1000


@pytest.mark.parametrize(("peak", "is_passive"), [(79, True), (80, False), (0, True), (4095, False)])
def test_passive_is_below_the_share(peak: int, is_passive: bool) -> None:
    watched = Watched(passive_pct=8)
    assert watched.attention.end_rep(peak, 500) is is_passive
    box = watched.outbox
    told = [(box.kinds[i], box.values[i], box.thresholds[i]) for i in range(box.count)]
    assert told == [(event.EVENT_PASSIVE, peak, 80)] * is_passive


@pytest.mark.parametrize(("rest_permille", "line"), [(0, 80), (53, 80), (54, 81), (100, 150), (1000, 1500)])
def test_passive_is_what_does_not_stand_out_of_a_loud_rest(rest_permille: int, line: int) -> None:
    watched = Watched(rest_permille, passive_pct=8)
    assert watched.attention.end_rep(line - 1, 500) and not watched.attention.end_rep(line, 600)
    assert watched.outbox.count == 1 and watched.outbox.thresholds[0] == line


def test_engagement_of_a_set() -> None:
    watched = Watched()
    assert watched.attention.engagement_permille == -1
    for peak in (500, 20, 500, 20):
        watched.attention.end_rep(peak, 0)
    assert watched.attention.engagement_permille == 500
    watched.hold((START, 0), (LOST, 2000), (BACK, 4000), (END, 10_000))
    assert watched.attention.engagement_permille == (500 + 800) // 2
    watched.attention.begin_set()
    watched.hold((START, 0), (LOST, 2000), (BACK, 4500), (END, 10_000))
    assert watched.attention.engagement_permille == 750
