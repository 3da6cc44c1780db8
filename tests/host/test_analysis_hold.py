"""analysis: levels, times and answers to cues against sums done by hand."""

import pytest
from host.session_builder import SessionBuilder

from mmc_core import event
from mmc_host import session
from mmc_host.analysis.activation import activation
from mmc_host.analysis.hold import Lapse, holds
from mmc_host.analysis.scoring import Band, target_band


def begin(channels=1, **kind):
    builder = SessionBuilder().header(channels=channels).channel(0, **kind)
    if channels > 1:
        builder.channel(1, "triceps brachii")
    return builder.setting("target_low_pct", 30).setting("target_high_pct", 60).setting("target_channel", 0)


def start(builder, t_samples=None):
    return builder.event(event.EVENT_HOLD_START, t_samples, value=400, threshold=200, reason=event.REASON_ENTER)


def stop(builder, t_samples=None, reason=event.REASON_LEAVE):
    return builder.event(event.EVENT_HOLD_END, t_samples, reason=reason)


def test_levels_are_weighted_by_overlap():
    # 2 s at 5 %, 1 s at 40 %, 1 s at 70 %, 1 s at 5 %; the hold begins 10 ms into a frame and ends 20 ms into one.
    builder = begin().level(2.0, 50).level(1.0, 400).level(1.0, 700).level(1.0, 50)
    hold = holds(session.decode(stop(start(builder, 2010), 3520).end().bytes()))[0]
    assert (hold.start_s, hold.end_s, hold.duration_s) == (2.010, 3.520, pytest.approx(1.510))
    assert hold.mean_pct == pytest.approx((0.990 * 40 + 0.520 * 70) / 1.510)
    assert (hold.peak_pct, hold.time_in_target_s) == (70.0, pytest.approx(0.990))
    assert (hold.scored_s, hold.unit, hold.ended, hold.cues) == (pytest.approx(1.510), "%MVC", "released", 0)


def test_frames_with_the_motor_or_bad_signal_do_not_count():
    builder = begin().features([(400,)] * 8)
    builder.features([(900,)] * 8, motor=0b00001111)  # 200 ms of motor, 200 ms that count
    builder.features([(4000,)] * 8, quality=0x1)  # clipped: the whole record
    builder.features([(4000,)] * 8, quality=0x10)  # another channel's bit
    hold = holds(session.decode(stop(start(builder, 0)).bytes()))[0]
    assert hold.duration_s == pytest.approx(1.6)
    assert hold.scored_s == pytest.approx(0.4 + 0.2 + 0.4)
    assert hold.mean_pct == pytest.approx((0.4 * 40 + 0.2 * 90 + 0.4 * 400) / 1.0)
    assert hold.time_in_target_s == pytest.approx(0.4)


def test_what_the_device_scores_counts_and_what_it_leaves_out_does_not():
    """Mains only marks; a spike is left out."""
    builder = begin().features([(400,)] * 8, quality=0x4).features([(4000,)] * 8, quality=0x8 | 0x4)
    hold = holds(session.decode(stop(start(builder, 0)).bytes()))[0]
    assert (hold.scored_s, hold.mean_pct) == (pytest.approx(0.4), pytest.approx(40))


def test_gap_in_a_hold_is_time_that_does_not_count():
    builder = start(begin(), 0).level(1.0, 400).gap(500).level(1.0, 500)
    hold = holds(session.decode(stop(builder).end().bytes()))[0]
    assert (hold.duration_s, hold.scored_s, hold.mean_pct) == (
        pytest.approx(2.5),
        pytest.approx(2.0),
        pytest.approx(45),
    )


def test_edges_of_the_band_are_inside():
    builder = start(begin(), 0).features([(300,), (600,), (299,), (601,)])
    assert holds(session.decode(stop(builder).bytes()))[0].time_in_target_s == pytest.approx(0.1)


def test_lapses_cues_and_answers():
    builder = start(begin(), 0).level(10.0, 400)
    builder.event(event.EVENT_ACTIVATION_LOST, 2000).event(event.EVENT_CUE, 2000, reason=event.CUE_ENGAGE)
    builder.event(event.EVENT_ACTIVATION_REGAINED, 2850)
    builder.event(event.EVENT_ACTIVATION_LOST, 3000).event(event.EVENT_ACTIVATION_REGAINED, 3300)  # too soon for a cue
    builder.event(event.EVENT_ACTIVATION_LOST, 6000).event(event.EVENT_CUE, 6100, reason=event.CUE_ENGAGE)
    builder.event(event.EVENT_CUE, 8100, reason=event.CUE_ENGAGE).event(event.EVENT_ACTIVATION_REGAINED, 9100)
    hold = holds(session.decode(stop(builder).bytes()))[0]
    assert hold.lapses == (Lapse(2.0, 2.0, 2.85), Lapse(3.0, None, 3.3), Lapse(6.0, 6.1, 9.1))
    assert hold.response_times_s == (pytest.approx(0.85), pytest.approx(3.0))
    assert hold.cues == 3


def test_letting_go_for_good_belongs_to_the_hold_that_it_ended():
    # The end is decided last but carries the time of the crossing, before the loss and the cue.
    builder = start(begin(), 0).level(5.0, 400)
    builder.event(event.EVENT_ACTIVATION_LOST, 4080).event(event.EVENT_CUE, 4080, reason=event.CUE_ENGAGE)
    stop(builder, 4000).event(event.EVENT_CUE, 5000, reason=event.CUE_STOP)
    hold = holds(session.decode(builder.bytes()))[0]
    assert (hold.end_s, hold.cues, hold.lapses) == (4.0, 1, (Lapse(4.08, 4.08, None),))
    assert hold.response_times_s == ()


def test_session_end_power_cut_and_lost_end_are_told_apart():
    builder = start(begin(), 0).level(2.0, 400)
    assert [h.ended for h in holds(session.decode(builder.bytes()))] == ["cut"]
    assert holds(session.decode(builder.bytes()))[0].end_s == 2.0
    stop(builder, reason=event.REASON_SESSION_END)
    assert [h.ended for h in holds(session.decode(builder.end().bytes()))] == ["session_end"]
    lost_end = start(start(begin(), 0).level(2.0, 400)).level(1.0, 500)
    first, second = holds(session.decode(stop(lost_end).bytes()))
    assert (first.ended, first.end_s, second.ended) == ("cut", 2.0, "released")
    assert second.mean_pct == pytest.approx(50.0)


def test_hold_whose_end_is_in_a_damaged_page_ends_where_the_record_stops():
    builder = start(begin(), 0).level(1.0, 400).flush()
    cut = len(builder.bytes())
    builder = stop(builder.level(1.0, 400), 1500).flush()
    after = len(builder.bytes())
    data = builder.level(1.0, 50).end().bytes()
    damaged = data[:cut] + bytes(after - cut) + data[after:]
    hold = holds(session.decode(damaged))[0]
    assert (hold.end_s, hold.ended, hold.mean_pct) == (1.0, "cut", 40.0)


def test_uncalibrated_muscle_has_no_band_and_reports_microvolt():
    s = session.decode(stop(start(begin(kind=0), 0).level(1.0, 37)).bytes())
    assert target_band(s) is None
    hold = holds(s)[0]
    assert (hold.unit, hold.mean_pct, hold.time_in_target_s) == ("uV", 37.0, None)


def test_band_needs_settings_that_make_sense():
    assert target_band(session.decode(begin().bytes())) == Band(0, 30.0, 60.0)
    assert target_band(session.decode(SessionBuilder().header().channel().bytes())) is None
    assert target_band(session.decode(begin().setting("target_low_pct", 70).bytes())) is None
    assert target_band(session.decode(begin().setting("target_channel", 3).bytes())) is None


def test_hold_without_a_frame_that_counts_has_no_level():
    hold = holds(session.decode(stop(start(begin(), 0).features([(400,)], motor=1)).bytes()))[0]
    assert (hold.mean_pct, hold.peak_pct, hold.scored_s, hold.time_in_target_s) == (None, None, 0.0, 0.0)


def test_activation_of_each_muscle():
    # target: 18 frames at 20 %, one at 45 %, one at 90 %; the other muscle steady at 10 %
    builder = begin(channels=2)
    for _ in range(3):
        builder.features([(200, 100)] * 6)
    builder.features([(450, 100), (900, 100)])
    biceps, triceps = activation(session.decode(builder.end().bytes()))
    assert biceps.mean == pytest.approx((18 * 20 + 45 + 90) / 20)
    assert (biceps.p95, biceps.peak) == (45.0, 90.0)  # 19 of 20 frames, 95 %, are at most 45
    assert (biceps.below_share, biceps.in_band_share, biceps.above_share) == pytest.approx((0.9, 0.05, 0.05))
    assert (biceps.scored_s, biceps.unscored_s) == (pytest.approx(1.0), pytest.approx(0.0))
    assert (triceps.mean, triceps.p95, triceps.in_band_share) == (pytest.approx(10.0), 10.0, None)


def test_activation_without_frames_says_nothing():
    answer = activation(session.decode(begin().bytes()))[0]
    assert (answer.mean, answer.p95, answer.peak, answer.in_band_share, answer.scored_s) == (
        None,
        None,
        None,
        None,
        0.0,
    )
