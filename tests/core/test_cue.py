"""The cue policy as properties of whole histories: rare, in order, silent in a probe and when it is too late."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import event, settings
from mmc_core.coach.outbox import Outbox
from mmc_core.cue import CuePolicy
from mmc_device.haptic import Haptic

BLOCK = 10
START, END, LOST, REGAINED = 1, 2, 3, 4
RANKS = (
    event.CUE_TIRED, event.CUE_DRIFT, event.CUE_LEAK, event.CUE_ENGAGE, event.CUE_SQUEEZE, event.CUE_MILESTONE,
    event.CUE_TICK,
)  # fmt: skip
# What makes each cue wait: kind, value, threshold, reason.
CAUSES = {
    event.CUE_TIRED: (event.EVENT_ADVICE, 0, 0, event.REASON_STOP),
    event.CUE_DRIFT: (event.EVENT_DRIFT, 200, 150, event.REASON_ABOVE),
    event.CUE_LEAK: (event.EVENT_LEAK, 700, 500, event.REASON_ABOVE),
    event.CUE_ENGAGE: (event.EVENT_ACTIVATION_LOST, 100, 200, event.REASON_LOST),
    event.CUE_SQUEEZE: (event.EVENT_SQUEEZE, 300, 500, event.REASON_BELOW),
    event.CUE_MILESTONE: (event.EVENT_MILESTONE, 5, 0, 0),
    event.CUE_TICK: (event.EVENT_REP, 3, 0, 0),
}
ALL_ON = {f"cue_{name}": "on" for name in ("tired", "drift", "leak", "engage", "squeeze", "milestone", "tick")}


class Policy:
    """A policy with an outbox of its own, told one event at a time."""

    def __init__(self, **changed: object) -> None:
        config = settings.Settings()
        for name, value in {"cue_fade": "off", "cue_max_per_min": 30, **changed}.items():
            config.put(name, value)
        self.outbox = Outbox()
        self.cue = CuePolicy(config, self.outbox)
        self.t = 0

    def hear(self, kind: int, value: int = 0, threshold: int = 0, reason: int = 0, channel: int = 0) -> None:
        self.outbox.clear()
        self.outbox.tell(kind, channel, value, threshold, reason, self.t)
        self.cue.hear(0)

    def cause(self, pattern: int) -> None:
        self.hear(*CAUSES[pattern])

    def next(self, busy: bool = False, t: int | None = None, speed: int = 0) -> int:
        self.t = self.t + BLOCK if t is None else t
        return self.cue.next(busy, self.t, speed)

    def unit(self, fault: int = 0) -> int:
        """A hold of a second, with a fault in it or not; what was said."""
        self.hear(START)
        if fault:
            self.cause(fault)
        said = [self.next() for _ in range(100)]
        self.hear(END)
        self.t += 60_000  # nothing is limited by what was said before
        return max(said)


histories = st.lists(
    st.tuples(st.sampled_from([0] * 12 + [START, END, LOST, LOST, REGAINED]), st.booleans(), st.integers(1, 60)),
    max_size=60,
)


@profile(max_examples=200)
@given(histories, st.integers(300, 5000))
def test_any_history(history: list[tuple[int, bool, int]], rest_ms: int) -> None:
    """Motor state and events in any order: what may be said, and what must be."""
    cue = Policy(cue_rest_ms=rest_ms)
    last = None  # when the motor was last busy or a cue last began
    given_at: list[int] = []
    away = False
    for kind, busy, blocks in history:
        for n in range(blocks):
            if n == 0 and not busy and kind:
                cue.hear(kind)
                away = kind == LOST
            said = cue.next(busy)
            t = cue.t
            if busy:
                assert said == event.CUE_NONE
                last = t
                continue
            rested = last is None or t - last >= rest_ms
            seldom = len(given_at) < 30 or t - given_at[-30] >= 60_000
            assert said == (event.CUE_ENGAGE if away and rested and seldom else event.CUE_NONE)
            if said:
                last, away = t, False
                given_at.append(t)


@profile(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from([START, END, REGAINED, *RANKS]), st.booleans(), st.integers(1, 90)),
        min_size=1,
        max_size=60,
    ),
    st.integers(300, 3000),
    st.integers(1, 30),
    st.integers(0, 5),
    st.booleans(),
)
def test_rules_that_hold_in_every_history(
    history: list[tuple[int, bool, int]], rest_ms: int, most: int, probe_every: int, fades: bool
) -> None:
    """Rest time, limit per minute, silence in probes, nothing while the motor is busy or the limb fast: all at once."""
    cue = Policy(
        **ALL_ON,
        cue_rest_ms=rest_ms,
        cue_max_per_min=most,
        cue_probe_every=probe_every,
        cue_fade="on" if fades else "off",
    )
    said_at: list[tuple[int, int]] = []
    busy_t = -10_000
    for what, fast, blocks in history:
        if what in CAUSES and what > END:
            cue.cause(what)
        else:
            cue.hear(what)
        for n in range(blocks):
            busy = n % 50 == 49
            speed = 500 if fast else 0
            said = cue.next(busy, speed=speed)
            if busy:
                busy_t = cue.t
            if not said:
                continue
            assert not busy and cue.t - busy_t >= rest_ms
            assert not said_at or cue.t - said_at[-1][0] >= rest_ms
            if said != event.CUE_TIRED:
                assert not fast
                within = [t for t, one in said_at if cue.t - t < 60_000]
                assert len(within) < most
                assert not cue.cue.is_probe
            said_at.append((cue.t, said))


# What makes no cue wait, and what does, in any order; blocks of a slow or a fast limb, and what was not seen before.
what = st.lists(st.sampled_from([START, END, REGAINED, *RANKS, *RANKS]), max_size=4)
unseen_ms = st.sampled_from([0, 0, 19_000, 59_000])
many = st.lists(st.tuples(what, st.booleans(), st.integers(1, 90), unseen_ms), min_size=1, max_size=40)


@profile(max_examples=200)
@given(many, st.integers(300, 2000), st.sampled_from([1, 2, 3, 30]))
def test_the_most_important_of_all_that_waits_is_said_as_soon_as_it_may(
    history: list[tuple[list[int], bool, int, int]], rest_ms: int, most: int
) -> None:
    """Without fading and probes every cue can be told beforehand: none is lost, none comes before a better one."""
    cue = Policy(**ALL_ON, cue_rest_ms=rest_ms, cue_max_per_min=most)
    waiting: set[int] = set()
    given_at: list[int] = []
    for causes, fast, blocks, unseen in history:
        cue.t += unseen
        for what in causes:
            if what in CAUSES and what > END:
                cue.cause(what)
                waiting.add(what)
            else:
                cue.hear(what)
                waiting -= {event.CUE_ENGAGE} if what == REGAINED else set(RANKS[1:5])
        for _ in range(blocks):
            said = cue.next(speed=500 if fast else 0)
            best = next((pattern for pattern in RANKS if pattern in waiting), event.CUE_NONE)
            may = not given_at or cue.t - given_at[-1] >= rest_ms
            if best != event.CUE_TIRED:
                may &= not fast and (len(given_at) < most or cue.t - given_at[-most] >= 60_000)
            assert said == (best if may else event.CUE_NONE)
            waiting -= {said, event.CUE_MILESTONE, event.CUE_TICK}
            given_at += [cue.t] if said else []


@given(st.integers(0, 4095), st.integers(0, 4095), st.integers(0, 50))
def test_silence_within_any_band(value: int, wanted: int, band_pct: int) -> None:
    """A squeeze or a leak is said where the value is beyond the band, and there only."""
    for kind, pattern, beyond in (
        (event.EVENT_SQUEEZE, event.CUE_SQUEEZE, value < wanted * (1 - Fraction(band_pct, 100))),
        (event.EVENT_LEAK, event.CUE_LEAK, value > wanted * (1 + Fraction(band_pct, 100))),
    ):
        cue = Policy(**ALL_ON, cue_band_pct=band_pct)
        cue.hear(kind, value, wanted)
        assert cue.next() == (pattern if beyond else event.CUE_NONE)


# Units without a fault, several of them in a row, and with up to six.
units = st.lists(
    st.one_of(st.integers(1, 9).map(lambda n: [[]] * n), st.lists(st.lists(st.sampled_from(RANKS), max_size=6))),
    max_size=8,
).map(lambda runs: [faults for run in runs for faults in run])


@profile(max_examples=150)
@given(units, st.integers(0, 5))
def test_fading_only_leaves_out(history: list[list[int]], probe_every: int) -> None:
    """Where no cue waits for another, those given with fading are among those without it; only what is of a unit is
    left out, at most three in a row. (Otherwise one that is left out makes room for a later one, which is given.)"""
    fading = Policy(**ALL_ON, cue_rest_ms=300, cue_fade="on", cue_probe_every=probe_every)
    plain = Policy(**ALL_ON, cue_rest_ms=300, cue_fade="off", cue_probe_every=probe_every)
    left_out = good = 0
    for faults in history:
        for cue in (fading, plain):
            cue.hear(START)
        for pattern in faults:
            for cue in (fading, plain):
                cue.t += 10_000
                cue.cause(pattern)
            few, all_of_them = fading.next(), plain.next()
            assert few in (all_of_them, event.CUE_NONE)
            if few != all_of_them:
                assert pattern in RANKS[1:5] and good >= 2
                left_out += 1
            elif few in RANKS[1:5]:
                left_out = 0
            assert left_out <= 3
        good += not set(RANKS[1:5]) & set(faults)
        for cue in (fading, plain):
            cue.hear(END)


def test_a_cue_that_is_left_out_makes_room_for_another() -> None:
    """Why fading is no subset in every history."""
    said = {}
    for fade in ("on", "off"):
        cue = Policy(**ALL_ON, cue_fade=fade)
        for _ in range(2):
            cue.unit()
        cue.hear(START)
        cue.cause(event.CUE_ENGAGE)
        first = cue.next()
        cue.cause(event.CUE_TICK)
        said[fade] = (first, cue.next())
    assert said == {"on": (event.CUE_NONE, event.CUE_TICK), "off": (event.CUE_ENGAGE, event.CUE_NONE)}


@pytest.mark.parametrize("pattern", RANKS)
def test_nothing_but_stop_is_said_in_a_probe(pattern: int) -> None:
    """Neither what happens within it nor what waits when it begins."""
    said = event.CUE_TIRED if pattern == event.CUE_TIRED else event.CUE_NONE
    for waits in (False, True):
        cue = Policy(**ALL_ON, cue_probe_every=1)
        if waits:
            cue.cause(pattern)
        cue.hear(START)
        if not waits:
            cue.cause(pattern)
        assert max(cue.next() for _ in range(300)) == said
        cue.hear(END)
        assert not any(cue.next() for _ in range(300))


def test_the_most_important_one_comes_first() -> None:
    cue = Policy(**ALL_ON, cue_rest_ms=300)
    cue.hear(START)
    for pattern in reversed(RANKS):
        cue.cause(pattern)
    said = [one for one in (cue.next() for _ in range(1000)) if one]
    assert said == list(RANKS[:5])  # milestone and tick are stale by then
    for pattern in (event.CUE_MILESTONE, event.CUE_TICK):
        cue.t += 10_000
        cue.cause(pattern)
        assert cue.next() == pattern


def test_what_a_cue_is_about() -> None:
    cue = Policy(cue_leak="on")
    cue.hear(event.EVENT_LEAK, 700, 500, event.REASON_ABOVE, channel=2)
    assert cue.next() == event.CUE_LEAK
    assert (cue.cue.channel, cue.cue.value, cue.cue.threshold) == (2, 700, 500)


def test_four_are_on_by_default() -> None:
    """Engage, squeeze, stop; the fourth, error, is not the policy's."""
    for pattern in RANKS:
        cue = Policy()
        cue.cause(pattern)
        is_on = pattern in (event.CUE_TIRED, event.CUE_ENGAGE, event.CUE_SQUEEZE)
        assert cue.next() == (pattern if is_on else event.CUE_NONE)


@pytest.mark.parametrize("name", [name.removeprefix("cue_") for name in ALL_ON])
def test_each_can_be_switched_off(name: str) -> None:
    pattern = getattr(event, f"CUE_{name.upper()}")
    cue = Policy(**{**ALL_ON, f"cue_{name}": "off"})
    cue.cause(pattern)
    assert not any(cue.next() for _ in range(500))


def test_silence_within_the_band() -> None:
    """15 % by default: 426 of 500 is near enough, 424 is not; a leak from 575 on."""
    for value, said in ((426, 0), (425, 0), (424, event.CUE_SQUEEZE)):
        cue = Policy()
        cue.hear(event.EVENT_SQUEEZE, value, 500, event.REASON_BELOW)
        assert cue.next() == said
    for value, said in ((575, 0), (576, event.CUE_LEAK)):
        cue = Policy(cue_leak="on")
        cue.hear(event.EVENT_LEAK, value, 500, event.REASON_ABOVE)
        assert cue.next() == said
    cue = Policy(cue_band_pct=0)
    cue.hear(event.EVENT_SQUEEZE, 499, 500, event.REASON_BELOW)
    assert cue.next() == event.CUE_SQUEEZE


def test_a_cue_waits_for_the_limb_to_slow_down() -> None:
    cue = Policy(cue_fastest_dps=150)
    cue.cause(event.CUE_SQUEEZE)
    assert [cue.next(speed=speed) for speed in (400, 151, 150, 0)] == [0, 0, event.CUE_SQUEEZE, 0]
    cue = Policy(cue_fastest_dps=0)
    cue.cause(event.CUE_SQUEEZE)
    assert cue.next(speed=2000) == event.CUE_SQUEEZE
    cue = Policy()
    cue.cause(event.CUE_TIRED)
    assert cue.next(speed=2000) == event.CUE_TIRED


def test_no_more_than_so_many_in_a_minute() -> None:
    cue = Policy(cue_max_per_min=3, cue_rest_ms=300)
    said = []
    for _ in range(12_000):
        cue.hear(LOST)
        if cue.next():
            said.append(cue.t)
    assert len(said) == 6  # two minutes
    assert said[3] - said[0] == said[4] - said[1] == 60_000


def test_cues_fade_as_it_gets_better_and_come_back() -> None:
    cue = Policy(cue_fade="on")
    assert cue.unit(event.CUE_ENGAGE)
    heard = []
    for good in range(8):
        assert not cue.unit()
        if good % 2:
            heard.append(sum(cue.cue._left_out for _ in (1,)))
    assert heard == [1, 2, 3, 3]
    # One of four is given now; every faulty unit brings the cues a step nearer.
    said = [bool(cue.unit(event.CUE_ENGAGE)) for _ in range(8)]
    assert said == [False, False, True, True, True, True, True, True]
    never = Policy(cue_fade="off")
    for _ in range(8):
        never.unit()
    assert never.unit(event.CUE_ENGAGE)


def test_fading_leaves_out_the_share_it_says() -> None:
    """With as many good units as faulty ones the share stays: after three steps one of four is given."""
    cue = Policy(cue_fade="on")
    for _ in range(6):
        cue.unit()
    said = []
    for _ in range(12):
        said.append(bool(cue.unit(event.CUE_ENGAGE)))
        cue.unit()
        cue.unit()
    assert said == [False, False, False, True] * 3


def test_stop_is_never_left_out() -> None:
    cue = Policy(cue_fade="on", cue_probe_every=1, cue_max_per_min=1)
    for _ in range(10):
        cue.unit()
    assert cue.unit(event.CUE_TIRED) == event.CUE_TIRED


def test_every_third_unit_is_a_probe_and_is_told() -> None:
    cue = Policy(cue_probe_every=3)
    said, told = [], []
    for _ in range(7):
        cue.hear(START)
        told.append([cue.outbox.values[i] for i in range(1, cue.outbox.count)])
        cue.cause(event.CUE_ENGAGE)
        said.append(any(cue.next() for _ in range(300)))
        cue.hear(END)
        cue.t += 60_000
    assert said == [True, True, False, True, True, False, True]
    assert told == [[], [], [3], [], [], [6], []]


@profile(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from([LOST, LOST, REGAINED, END]), st.integers(1, 90)), min_size=1, max_size=30),
    st.integers(300, 3000),
    st.integers(60, 500),
    st.integers(50, 500),
    st.integers(1, 5),
)
def test_with_the_motor_itself(
    history: list[tuple[int, int]], rest_ms: int, pulse_ms: int, gap_ms: int, pulses: int
) -> None:
    """Closed loop with the haptic: from the last pulse's end to the next cue's start at least the rest time passes, and
    no cue begins between the pulses of another, whatever the gap is."""
    cue = Policy(cue_rest_ms=rest_ms, cue_gap_ms=gap_ms)
    running: list[bool] = []
    motor = SimpleNamespace(on=lambda pct: running.append(True), off=lambda: running.append(False))
    config = {"cue_pulse_ms": pulse_ms, "cue_gap_ms": gap_ms, "cue_pulses": pulses, "cue_strength_pct": 80}
    haptic = Haptic(motor, SimpleNamespace(MOTOR_SPIN_DOWN_MS=60), lambda code, detail: None)
    haptic.configure(config)
    now, last_off, ons, cues = 0, None, 0, 0
    for kind, blocks in history:
        for n in range(blocks):
            now += BLOCK
            was_on = haptic.is_on
            haptic.tick(now)
            if was_on and not haptic.is_on:
                last_off = now
            ons += haptic.is_on and not was_on
            busy = haptic.is_busy(now)
            if n == 0 and not busy:
                cue.hear(kind)
            said = cue.next(busy, now)
            if said:
                assert not haptic.is_on
                assert last_off is None or now - last_off >= rest_ms
                assert ons == cues * pulses  # the cue before has ended
                cues += 1
                haptic.play(said, now)
                ons += 1


def test_lost_is_said_at_once_and_once() -> None:
    cue = Policy()
    assert cue.next() == event.CUE_NONE
    cue.hear(LOST)
    assert [cue.next() for _ in range(998)] == [event.CUE_ENGAGE] + [event.CUE_NONE] * 997


def test_a_second_loss_waits_for_the_rest_time() -> None:
    cue = Policy(cue_rest_ms=2000)
    cue.hear(LOST)
    assert cue.next(t=1000)
    cue.next(True, 1400)  # the motor's last busy block
    cue.hear(LOST)
    assert [t for t in range(1410, 6000, 10) if cue.next(t=t)] == [3400]


@pytest.mark.parametrize("kind", [REGAINED, END, START])
def test_regained_cancels_what_waits(kind: int) -> None:
    cue = Policy(cue_rest_ms=2000)
    cue.next(True, 0)
    cue.hear(LOST)
    assert not cue.next()
    cue.hear(kind)
    assert not any(cue.next() for _ in range(998))


def test_other_events_cancel_nothing() -> None:
    cue = Policy(cue_rest_ms=300)
    cue.next(True, 0)
    cue.hear(LOST)
    cue.hear(event.EVENT_LAPSE)
    assert cue.next(t=300) == event.CUE_ENGAGE


def test_reset_forgets() -> None:
    cue = Policy(cue_rest_ms=60000)
    cue.hear(LOST)
    cue.next(True, 1000)
    cue.cue.reset()
    assert cue.next(t=1010) == event.CUE_NONE
    cue.hear(LOST)
    assert cue.next(t=1020) == event.CUE_ENGAGE  # the rest time is over as well


def test_a_repetition_that_is_held_is_one_unit() -> None:
    """Both witnesses of one contraction tell its beginning and its end; what a muscle does within a hold is no unit."""
    cue = Policy(cue_probe_every=2)
    for kind in (event.EVENT_REP_START, START, event.EVENT_REP_END, event.EVENT_REP_START, event.EVENT_REP_END, END):
        cue.hear(kind)
    assert cue.cue._units == 1
    cue.hear(event.EVENT_REP_START)
    assert cue.cue.is_probe and cue.cue._units == 2
    cue.hear(START)
    cue.hear(event.EVENT_REP_END)
    assert cue.cue.is_probe
    cue.hear(END)
    assert not cue.cue.is_probe


def test_a_tick_is_said_at_once_or_never() -> None:
    cue = Policy(cue_tick="on")
    cue.cause(event.CUE_TICK)
    assert not any(cue.next(speed=speed) for speed in (400, 0, 0))
