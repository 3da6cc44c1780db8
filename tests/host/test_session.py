"""session.py: every number against one worked out by hand; every kind of damage located, nothing else ever raised."""

import datetime
import random
from array import array

import numpy as np
import pytest
from host.session_builder import UTC_MS, SessionBuilder

from mmc_core import decoding, event, page, record, settings
from mmc_core.errors import FormatError
from mmc_core.rice import Packer
from mmc_host import clockfit, session


def short_session():
    """Two pages: header, two channels, three settings, one of everything."""
    return (
        SessionBuilder()
        .header(channels=2)
        .channel(0)
        .channel(1, "triceps brachii", kind=0, side=1, site="lateral head")
        .setting("target_low_pct", 30)
        .setting("target_high_pct", 60)
        .setting("wearer=otter", 0)
        .features([(250, 7), (4095, 9), (0, 0)], motor=0b010, quality=0x21, last_samples=30)
        .gap(120, cause=2)
        .features([(500, 8)])
        .imu([(0x001, 0xFFF, 0x800, 100), (256, 0, 0, 4095)], t_samples=40, motor=0b10)
        .event(event.EVENT_HOLD_START, 60, value=412, threshold=200, reason=event.REASON_ENTER)
        .event(event.EVENT_CUE, 90, value=80, reason=event.CUE_ENGAGE)
        .event(event.EVENT_MOTOR_OFF, 110, channel=event.NO_CHANNEL, value=150, motor=1)
        .raw([(1, -2), (-16383, 16383)], t_samples=10, motor=1)
        .fault(event.FAULT_FLASH, -5)
        .end()
    )


def test_header_and_channels_have_their_fields():
    s = session.decode(short_session().bytes())
    assert (s.header.session, s.header.rate_hz, s.header.device, s.header.wearer) == (7, 1000, "mmc-3f2a", "otter")
    assert (s.header.boot_count, s.header.frame_blocks, s.header.log_mode, s.header.assumed) == (
        12,
        5,
        "features",
        False,
    )
    biceps, triceps = s.channels
    assert (biceps.muscle, biceps.side, biceps.reference_kind, biceps.unit) == (
        "biceps brachii",
        "right",
        "mvc",
        "%MVC",
    )
    assert biceps.reference_uv == 3200 / 8 * 250 / 1000 == 100.0
    assert biceps.rest_uv == 64 / 8 * 250 / 1000 == 2.0
    assert (triceps.side, triceps.site, triceps.unit, triceps.reference_uv) == ("left", "lateral head", "uV", None)


def test_submaximal_reference_is_never_called_mvc():
    s = session.decode(SessionBuilder().header().channel(kind=2).bytes())
    assert (s.channels[0].unit, s.channels[0].reference_kind) == ("%ref", "ref")


def test_features_in_units_with_frame_ends():
    f = session.decode(short_session().bytes()).features
    # 3 frames of 50, 50, 30 samples from 0; 120 lost; one frame of 50 from 250
    assert f.t_s.tolist() == [0.050, 0.100, 0.130, 0.300]
    assert f.samples.tolist() == [50, 50, 30, 50]
    assert f.envelope_pct.tolist() == [[25.0, 7.0], [409.5, 9.0], [0.0, 0.0], [50.0, 8.0]]
    assert f.motor.tolist() == [False, True, False, False]
    assert f.quality.tolist() == [[1, 2], [1, 2], [1, 2], [0, 0]]


def test_columns_are_read_only():
    s = session.decode(short_session().bytes())
    assert s.raw is not None
    columns = [*vars(s.features).values(), *vars(s.imu).values(), *vars(s.raw).values()]
    arrays = [column for column in columns if not isinstance(column, tuple)]
    assert len(arrays) == 12
    for column in arrays:
        with pytest.raises(ValueError, match="read-only"):
            column[...] = 0
    with pytest.raises(AttributeError):
        s.samples = 1  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        s.settings["wearer"] = "eve"  # pyright: ignore[reportIndexIssue]


def test_imu_sign_and_scale():
    imu = session.decode(short_session().bytes()).imu
    assert imu.t_s.tolist() == [0.040, 0.140]
    np.testing.assert_allclose(imu.accel_g, [[0.003906, -0.003906, -2048 * 0.003906], [256 * 0.003906, 0, 0]])
    np.testing.assert_allclose(imu.gyro_dps, [97.7, 4095 * 0.977])
    assert imu.motor.tolist() == [False, True]


def test_imu_reading_cut_short_by_a_gap_is_not_taken_for_a_step_back():
    builder = SessionBuilder().header().imu([(0, 0, 0, 0)] * 2, t_samples=0).imu([(0, 0, 0, 0)], t_samples=130)
    s = session.decode(builder.bytes())
    assert (s.imu.t_s.tolist(), s.damage) == ([0.0, 0.1, 0.13], ())


def test_raw_in_microvolt():
    raw = session.decode(short_session().bytes()).raw
    assert raw is not None
    assert raw.t_s.tolist() == [0.010, 0.011]
    assert raw.uv.tolist() == [[0.25, -0.5], [-4095.75, 4095.75]]
    assert raw.motor.tolist() == [True, True]
    assert session.decode(SessionBuilder().header().bytes()).raw is None


def packed_session(lose=(), blocks=60, seed=5):
    """Random counts of two channels in packed records, but the ones that are lost; the counts."""
    counts = np.random.default_rng(seed).integers(-900, 900, (blocks, 10, 2))
    builder = SessionBuilder().header(channels=2, log_mode=1).channel(0).channel(1)
    packer = Packer(2)
    number = 0
    for block in range(blocks):
        reading = array("h", (block, -block, 0, 1, 2, 3)) if block % 2 else None
        data = array("h", counts[block].astype("<i2").tobytes())
        if packer.add(data, reading, block % 5 == 0, 10 * block) or block == blocks - 1:
            if number not in lose:
                values = (packer.t_samples, 10, 2, packer.blocks, packer.carried)
                builder.add(record.PACKED, values, packer.out, packer.size())
            number += 1
            packer.cut()
    return builder.bytes(), counts


def test_packed_is_what_raw_is():
    data, counts = packed_session()
    s = session.decode(data)
    assert s.raw is not None and s.damage == ()
    assert np.array_equal(s.raw.uv, counts.reshape(-1, 2) * 0.25)
    assert np.array_equal(np.rint(s.raw.t_s * 1000), np.arange(600))
    assert s.raw.motor.reshape(-1, 10).tolist() == [[block % 5 == 0] * 10 for block in range(60)]
    assert s.raw.imu_counts == tuple((b, -b, 0, 1, 2, 3) if b % 2 else None for b in range(60))


def test_a_lost_packed_record_costs_itself_and_the_block_that_was_cut():
    data, counts = packed_session(lose={2})
    raw = session.decode(data).raw
    assert raw is not None
    ticks = np.rint(raw.t_s * 1000).astype(int)
    assert np.array_equal(raw.uv, counts.reshape(-1, 2)[ticks] * 0.25)
    lost = sorted(set(range(600)) - set(ticks.tolist()))
    assert lost == list(range(lost[0], lost[-1] + 1))  # one hole
    whole = [values for kind, values, _ in _records(packed_session()[0]) if kind == record.PACKED]
    assert lost[-1] + 1 == whole[3][0] and lost[0] in (whole[2][0], whole[2][0] - 10)


def test_a_packed_session_that_is_cut_short_has_all_blocks_but_the_last():
    data, counts = packed_session(lose=set(range(3, 99)))
    s = session.decode(data)
    assert s.raw is not None and s.damage == ()
    assert np.array_equal(s.raw.uv, counts.reshape(-1, 2)[: len(s.raw.uv)] * 0.25)
    *_, (start, _, _, blocks, _) = [values for kind, values, _ in _records(data) if kind == record.PACKED]
    assert len(s.raw.uv) == start + 10 * (blocks - 1)


def _records(data):
    for at in range(0, len(data), page.PAGE_BYTES):
        one = data[at : at + page.PAGE_BYTES]
        used = page.unseal(one)[2]
        for _, kind, values, tail in decoding.decode(one, page.HEADER_BYTES, page.HEADER_BYTES + used):
            yield kind, values, tail


def test_events_gaps_faults_end():
    s = session.decode(short_session().bytes())
    start, cue, off = s.events
    assert (start.t_s, start.kind, start.channel, start.reason) == (0.06, "hold_start", 0, "enter")
    assert (start.value, start.threshold) == (pytest.approx(41.2), 20.0)
    assert (cue.kind, cue.value, cue.reason, cue.motor) == ("cue", 80, "engage", False)
    assert (off.kind, off.channel, off.value, off.reason, off.motor) == ("motor_off", None, 150, "", True)
    assert s.gaps == (session.Gap(0.130, 0.120, 120, "front_end_loss"),)
    assert s.faults == (session.Fault(0.300, "flash", -5),)
    assert s.end == session.End(0.300, 180, 120, 0, 1, "asked")
    assert (s.count("cue"), s.count("cue", "engage"), s.count("cue", "stop")) == (1, 1, 0)


def test_every_event_of_the_core_has_a_name():
    kinds = {value for name, value in vars(event).items() if name.startswith("EVENT_")}
    builder = SessionBuilder().header()
    for kind in sorted(kinds):
        builder.event(kind)
    names = [e.kind for e in session.decode(builder.event(99).bytes()).events]
    assert names[:2] == ["hold_start", "hold_end"] and names[-1] == "unknown_99"
    assert len(set(names)) == len(kinds) + 1 and not any(name.startswith("unknown") for name in names[:-1])


def test_settings_words_texts_and_unknown_ones():
    builder = SessionBuilder().header().setting("from_the_future", 5).setting("motto=slow is smooth", 0)
    for name, value in (("mains_hz", "60"), ("ch1_muscle", "soleus"), ("cue_rest_ms", 2500)):
        number, key = settings.to_wire(name, value)
        builder.setting(key, number)
    s = session.decode(builder.setting("mains_hz", 9).bytes())
    assert s.settings["from_the_future"] == 5
    assert s.settings["motto"] == "slow is smooth"
    assert s.settings["ch1_muscle"] == "soleus"
    assert s.settings["cue_rest_ms"] == 2500
    assert s.settings["mains_hz"] == 9  # out of this version's range: kept raw
    assert s.unknown_settings == {"from_the_future", "motto", "mains_hz"}


def test_accounting_is_exact():
    s = session.decode(short_session().bytes())
    assert (s.samples, s.lost_samples, s.span_samples) == (50 + 50 + 30 + 50, 120, 300)
    assert s.accounted and s.missing == () and s.duration_s == 0.3


def test_a_lost_features_page_shows_in_the_accounting():
    builder = SessionBuilder().header().channel().flush().level(1.0, 100).flush().level(1.0, 100).flush()
    data = bytearray(builder.level(1.0, 100).end().bytes())
    data[2 * page.PAGE_BYTES - 100] ^= 1  # the second page: records of the first second
    s = session.decode(bytes(data))
    assert (s.samples, s.span_samples, s.accounted) == (2000, 3000, False)
    assert s.missing == (session.Missing(0.0, 1.0),)
    assert s.damage == (session.Damage(1, 256, "page checksum does not match"),)
    assert s.pages == len(data) // page.PAGE_BYTES - 1


def test_without_an_end_the_last_frame_is_the_span():
    s = session.decode(SessionBuilder().header().channel().level(2.0, 300).gap(40).bytes())
    assert s.end is None
    assert (s.samples, s.span_samples, s.accounted) == (2000, 2040, True)


def test_lost_header_still_gives_the_rest():
    data = SessionBuilder(session=9).header(channels=2).flush().features([(300, 200)] * 4).end().bytes()
    s = session.decode(bytes(256) + data[256:])
    assert s.header.assumed and s.header.session == 9 and s.header.rate_hz == 1000
    assert s.features.envelope_pct.tolist() == [[300.0, 200.0]] * 4
    assert [c.unit for c in s.channels] == ["unknown", "unknown"]
    assert (s.damage[0].page, s.accounted) == (0, True)


def test_newer_major_is_refused_with_advice_and_newer_minor_is_read():
    with pytest.raises(FormatError, match="update mmc-host"):
        session.decode(SessionBuilder().header(major=record.FORMAT_MAJOR + 1).bytes())
    builder = SessionBuilder().header().channel()
    builder._page[builder._end : builder._end + 5] = b"\x7f\x03abc"  # a record of a later minor version
    builder._end += 5
    s = session.decode(builder.level(0.4, 10).bytes())
    assert (s.skipped_records, s.samples, s.damage) == (1, 400, ())


def test_foreign_repeated_and_blank_pages_are_skipped_and_named():
    mine = SessionBuilder().header().channel().level(3.0, 200).bytes()
    other = SessionBuilder(session=8, first_sequence=900).header().bytes()
    first, rest = mine[:256], mine[256:]
    s = session.decode(first + page.BLANK + other + first + rest + b"\x01\x02")
    assert [(d.page, d.reason) for d in s.damage] == [
        (1, "page was never written"),
        (2, "page belongs to session 8"),
        (3, "page is out of order"),
        (3 + len(mine) // 256, "page is cut short: 2 of 256 bytes"),
    ]
    assert s.samples == 3000 and s.accounted


@pytest.mark.parametrize(
    ("kind", "values", "tail", "reason"),
    [
        (record.FEATURES, (0, 50, 4, 50, 1, 0, 0), [1, 2], "values, 4 expected"),
        (record.FEATURES, (0, 50, 17, 50, 1, 0, 0), [1] * 17, "out of range"),
        (record.FEATURES, (0, 50, 2, 50, 2, 0, 0), [1] * 4, "not the session's"),
        (record.FEATURES, (0, 0, 1, 0, 1, 0, 0), [1], "out of range"),
        (record.IMU, (0, 0, 1, 0), [1] * 4, "out of range"),
        (record.RAW, (0, 4, 2, 0), [1] * 7, "7 values, 8 expected"),
        (record.PACKED, (0, 10, 4, 40, 0), b"\x00" * 90, "packed: bits end at"),
        (record.PACKED, (0, 10, 4, 1, 0), b"\x00" * 90, "is the last of 1 blocks"),
        (record.PACKED, (0, 10, 4, 1, 91), b"\x00" * 90, "carried bytes is out of range"),
        (record.PACKED, (0, 10, 5, 1, 0), b"\x00" * 90, "channels or carried"),
        (record.PACKED, (0, 0, 1, 1, 0), b"\x00" * 90, "number of samples"),
        (record.CLOCK, (0, 1 << 63), None, "out of range"),
        (record.CHANNEL, (200, 0, 1, 0, 0, 0, 0, "", "", ""), None, "out of range"),
    ],
)
def test_nonsense_in_a_sound_page_is_located(kind, values, tail, reason):
    builder = SessionBuilder().header().add(kind, values, tail, len(tail or ()))
    at = builder._end
    s = session.decode(builder.bytes())
    assert len(s.damage) == 1 and reason in s.damage[0].reason
    assert s.damage[0].page == 0 and page.HEADER_BYTES < s.damage[0].offset < at
    assert s.samples == 0


def test_counter_never_goes_back():
    builder = SessionBuilder().header().level(1.0, 100)
    builder.t_samples = 500
    s = session.decode(builder.features([(100,)]).bytes())
    assert s.damage[0].reason == "features: the sample counter goes back"
    assert np.all(np.diff(s.features.t_s) > 0)


def test_control_characters_of_a_device_never_get_out():
    s = session.decode(SessionBuilder().header(wearer="a\x1b[2Jb\n", device="d\x07").channel(muscle="b\x9b").bytes())
    assert (s.header.wearer, s.header.device, s.channels[0].muscle) == ("a\ufffd[2Jb\ufffd", "d\ufffd", "b\ufffd")


def test_truncated_at_each_offset():
    data = short_session().level(2.0, 100, 5).bytes()
    whole = session.decode(data)
    for size in range(len(data)):
        if size < page.PAGE_BYTES:
            with pytest.raises(FormatError):
                session.decode(data[:size])
            continue
        s = session.decode(data[:size])
        n = len(s.features.t_s)
        assert s.features.envelope_pct.tolist() == whole.features.envelope_pct[:n].tolist()
        assert s.events == whole.events[: len(s.events)]
        assert s.pages == size // page.PAGE_BYTES and len(s.damage) == (size % page.PAGE_BYTES > 0)


def test_each_bit_flipped_costs_one_page():
    builder = short_session().flush().level(1.0, 100, 5)
    data = builder.bytes()
    pages = len(data) // page.PAGE_BYTES
    assert pages == 3
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        s = session.decode(bytes(flipped))
        assert s.pages == pages - 1
        assert [(d.page, d.offset) for d in s.damage] == [(bit // 2048, bit // 2048 * 256)]


def test_each_bit_flipped_inside_sound_pages_never_raises():
    """The checksum mended after the flip: the damage is in the records themselves."""
    data = short_session().bytes()
    for bit in range(8 * len(data)):
        at = bit >> 3
        first = at // 256 * 256
        if at - first < page.HEADER_BYTES:
            continue
        content = bytearray(data[first : first + 256])
        content[at - first] ^= 1 << (bit & 7)
        sequence, number, used, flags = page.unseal(data[first : first + 256])
        page.seal(content, sequence, number, used, flags)
        try:
            s = session.decode(data[:first] + bytes(content) + data[first + 256 :])
        except FormatError as error:
            assert "newer firmware" in str(error)
            continue
        assert len(s.features.t_s) == len(s.features.envelope_pct) == len(s.features.motor) == len(s.features.quality)
        assert s.clock.utc() is None or s.clock.utc().year < 2300


def test_noise_raises_format_error_only():
    rng = random.Random(1)
    for _ in range(300):
        with pytest.raises(FormatError):
            session.decode(rng.randbytes(rng.randrange(0, 2000)))
    for n in range(600):  # noise in sound pages: records of any content
        content = bytearray(rng.randbytes(256))
        if n % 2:
            content[page.HEADER_BYTES] = rng.choice(list(record.RECORDS))
        page.seal(content, 5, 3, rng.randrange(245), 0)
        s = session.decode(SessionBuilder(session=3, first_sequence=1).header().bytes() + bytes(content))
        assert s.header.session == 3


def test_load_names_the_file(tmp_path):
    path = tmp_path / "x.mmc"
    path.write_bytes(b"not a session")
    with pytest.raises(FormatError, match=r"x\.mmc: no readable page"):
        session.load(path)
    path.write_bytes(short_session().bytes())
    assert session.load(path).samples == 180


def test_clock_unknown_until_set_and_then_fitted_with_drift():
    quiet = SessionBuilder().header(utc_ms=0).level(1.0, 10)
    assert session.decode(quiet.bytes()).clock == clockfit.Clock("unknown", None, None, 0.0, 0)
    # The device's crystal is 40 ppm slow: at nominal 1000 s, 1000.04 s have passed.
    builder = SessionBuilder().header(utc_ms=0)
    for t_s in (100, 400, 1000):
        builder.clock(UTC_MS + t_s * 1000 + round(t_s * 0.04), t_s * 1000)
    clock = session.decode(builder.bytes()).clock
    assert (clock.state, clock.readings) == ("fitted", 3)
    assert clock.drift_ppm == pytest.approx(40.0, abs=0.01)
    assert clock.utc_ms_at_start == pytest.approx(UTC_MS, abs=0.01)
    assert clock.utc(1000.0) == datetime.datetime.fromtimestamp((UTC_MS + 1_000_040) / 1000, datetime.UTC)


def test_clock_least_squares_against_numpy():
    rng = random.Random(3)
    readings = [(t, UTC_MS + round(1000.07 * t) + rng.randrange(-3, 4)) for t in sorted(rng.sample(range(3000), 9))]
    slope, start = np.polyfit([t for t, _ in readings], [utc - UTC_MS for _, utc in readings], 1)
    clock = clockfit.fit(readings)
    assert clock.drift_ppm == pytest.approx((slope / 1000 - 1) * 1e6, rel=1e-6)
    assert clock.utc_ms_at_start == pytest.approx(UTC_MS + start, abs=1e-3)


def test_clock_that_was_set_anew_counts_from_the_last_reading():
    builder = SessionBuilder().header(utc_ms=UTC_MS).clock(UTC_MS + 3_600_000, 60_000)
    clock = session.decode(builder.bytes()).clock
    assert (clock.state, clock.utc_ms_at_start, clock.drift_ppm) == ("stepped", UTC_MS + 3_540_000, None)
    assert session.decode(SessionBuilder().header().bytes()).clock.state == "offset"
