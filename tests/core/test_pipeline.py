"""The pipeline's bookkeeping: what is scored, and that every record says what the kernel and the counter said."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from packed import blocks_of as packed_blocks
from simulated import load_facts, noise

from mmc_core import event, pipeline, record, settings
from mmc_core.chain import OUT_DISPLAY, OUT_ENVELOPE, OUT_Q3, OUT_QUALITY
from mmc_core.fitting import to_nanovolt, to_q3
from mmc_core.kernel import Kernel
from mmc_core.pipeline import Pipeline

FACTS = load_facts()
REFERENCE_NV = 400_000


def calibrated(**changed: object) -> settings.Settings:
    config = settings.Settings()
    config.put("ch0_reference_nv", REFERENCE_NV)
    config.put("ch0_reference_kind", "mvc")
    for name, value in changed.items():
        config.put(name, value)
    return config


class Run:
    """A pipeline with a counter, and what it wrote."""

    def __init__(self, config: settings.Settings, facts: object = FACTS) -> None:
        self.pipeline = Pipeline(config, facts)
        self.t = 0
        self.records: list[tuple[int, tuple, list | None]] = []

    def write(self, kind: int, values: tuple, tail: object, count: int) -> None:
        self.records.append((kind, values, None if tail is None else list(tail)[:count]))  # type: ignore[call-overload]

    def step(self, block: np.ndarray, imu: object = None, busy: bool = False) -> int:
        self.t += 10
        data = array("h", np.asarray(block, "<i2").tobytes())
        cue = self.pipeline.step(data, self.t, imu, busy)
        self.pipeline.write_records(self.write, data, self.t, busy)
        return cue

    def lose(self, samples: int) -> None:
        self.pipeline.skip(self.write, self.t, samples, 1)
        self.t += samples

    def close(self) -> None:
        self.pipeline.close(self.write, self.t)

    def of(self, kind: int) -> list[tuple[tuple, list | None]]:
        return [(values, tail) for found, values, tail in self.records if found == kind]

    def events(self) -> list[tuple[int, int]]:
        return [(values[1], values[0]) for values, _ in self.of(record.EVENT)]


def blocks_of(counts: np.ndarray) -> list[np.ndarray]:
    return [counts[at : at + 10] for at in range(0, len(counts) - 9, 10)]


HOLD = blocks_of(noise(3, [200, 20, 100, 5], seed=2))
REST = blocks_of(noise(3, [2, 2, 2, 2], seed=4))


def reading(*six: int) -> array:
    return array("h", six)


def test_step_reads_on_one_page() -> None:
    """House law: the whole device flow in one function of at most 40 lines."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Pipeline.step)))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef) and function.end_lineno
    assert function.end_lineno - function.lineno + 1 <= 40


def test_a_hold_a_loss_a_cue() -> None:
    run = Run(calibrated())
    cues = [run.step(block) for block in HOLD + REST[:100]]
    ours = (event.EVENT_HOLD_START, event.EVENT_ACTIVATION_LOST, event.EVENT_CUE)
    assert tuple(kind for kind, _ in run.events() if kind in ours) == ours
    assert sum(cue == event.CUE_ENGAGE for cue in cues) == 1
    assert run.pipeline.cues == 1
    lost = next(values for values, _ in run.of(record.EVENT) if values[1] == event.EVENT_ACTIVATION_LOST)
    cue = next(values for values, _ in run.of(record.EVENT) if values[1] == event.EVENT_CUE)
    assert lost[0] == cue[0] and 0 < lost[0] - 3000 <= 120
    assert cue[5] == event.CUE_ENGAGE and lost[3] < lost[4]
    run.close()
    assert run.pipeline.coach.hold.in_hold is False


def test_nothing_is_scored_without_a_reference() -> None:
    run = Run(settings.Settings())
    for block in HOLD + REST:
        assert run.step(block) == event.CUE_NONE
    run.close()
    assert run.of(record.EVENT) == []
    assert len(run.of(record.FEATURES)) == 12  # but logged: 6 s in records of 0.5 s


def test_a_reference_on_another_channel_does_not_count() -> None:
    run = Run(calibrated(target_channel=1))
    for block in HOLD + REST:
        run.step(block)
    assert run.of(record.EVENT) == []
    assert run.pipeline.coach.target == 1 and not run.pipeline.coach.scored


@pytest.mark.parametrize("hidden", ["motor", "clipped", "flat"])
def test_nothing_is_scored_while_motor_busy_or_block_bad(hidden: str) -> None:
    """The detector sees exactly the blocks that are neither shaken nor bad."""
    run = Run(calibrated())
    seen: list[int] = []
    real = run.pipeline.coach.hold.step
    run.pipeline.coach.hold.step = lambda e, f, t: (seen.append(t), real(e, f, t))[1]  # type: ignore[method-assign]
    wanted = []
    for n, block in enumerate(HOLD + REST[:50]):
        bad = n % 7 in (2, 3) or 100 <= n < 160
        block = block.copy()
        if bad and hidden == "clipped":
            block[n % 10, 0] = FACTS.EMG_RAIL_COUNTS if n % 2 else -FACTS.EMG_RAIL_COUNTS
        if bad and hidden == "flat":
            block[:, 0] = 3
        run.step(block, busy=bad and hidden == "motor")
        if not bad:
            wanted.append(run.t)
    assert seen == wanted


def test_a_bad_block_on_another_channel_changes_nothing() -> None:
    clean, spoilt = Run(calibrated()), Run(calibrated())
    for block in HOLD + REST[:60]:
        clean.step(block)
        bad = block.copy()
        bad[:, 3] = 0
        bad[0, 2] = FACTS.EMG_RAIL_COUNTS
        spoilt.step(bad)
    assert clean.events() == spoilt.events() != []


@profile(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2000), max_size=4), st.integers(30, 330))
def test_features_are_the_kernels_output_at_frame_ends(seed: int, losses: list[int], length: int) -> None:
    """Values, motor and quality bits, times and lengths, against a kernel run beside it; and the sum of samples."""
    rng = np.random.default_rng(seed)
    run = Run(calibrated())
    beside = Kernel(4, FACTS.EMG_KERNEL_SHIFT, FACTS.EMG_RAIL_COUNTS, 50)
    beside.set_reference(0, REFERENCE_NV * 8 // 250, 0)
    for channel in (1, 2, 3):
        beside.set_reference(channel, 0, 8192)  # 250 nV / 8 / 1000 * 2^18
    lose_at = {int(at): lost for at, lost in zip(rng.integers(1, length, len(losses)), losses, strict=True) if lost}
    truth: list[tuple[int, list[int], list[int], bool]] = []  # counter behind the block, envelopes, qualities, busy
    busy = False
    for n in range(length):
        if n in lose_at:
            run.lose(lose_at[n])
        block = rng.integers(-900, 901, (10, 4))
        if rng.random() < 0.1:
            block[:, rng.integers(4)] = rng.choice([0, 16383])
        if rng.random() < 0.1:
            busy = not busy
        run.step(block, busy=busy)
        beside.process(array("h", block.astype("<i2").tobytes()), busy)
        truth.append(
            (run.t, [out[OUT_DISPLAY] for out in beside.out], [out[OUT_QUALITY] & 15 for out in beside.out], busy)
        )
    run.close()
    at = {t: n for n, (t, *_) in enumerate(truth)}
    samples = 0
    expected_t = 0
    gaps = {values[0]: values[1] for values, _ in run.of(record.GAP)}
    for values, tail in run.of(record.FEATURES):
        t, frame_samples, frames, last, channels, motor, quality = values
        while expected_t in gaps and t != expected_t:
            expected_t += gaps[expected_t]
        assert (t, frame_samples, channels) == (expected_t, 50, 4)
        assert tail is not None and len(tail) == frames * 4 and 0 < last <= 50
        qualities = 0
        for frame in range(frames):
            end = t + 50 * frame + (50 if frame < frames - 1 else last)
            inside = [truth[at[u]] for u in range(t + 50 * frame + 10, end + 1, 10)]
            assert tail[4 * frame : 4 * frame + 4] == inside[-1][1]
            assert bool(motor >> frame & 1) == any(one[3] for one in inside)
            for one in inside:
                for channel in range(4):
                    qualities |= one[2][channel] << 4 * channel
        assert quality == qualities
        assert motor >> frames == 0
        samples += 50 * (frames - 1) + last
        expected_t += 50 * (frames - 1) + last
    assert samples == 10 * length
    assert samples + sum(lose_at.values()) == run.t
    assert sum(gaps.values()) == sum(lose_at.values())


def test_skip_closes_the_frame_and_says_where() -> None:
    run = Run(calibrated())
    imu = reading(4096, 0, 0, 0, 0, 0)
    for block in HOLD[:7]:
        run.step(block, imu)
    run.lose(333)
    for block in HOLD[7:17]:
        run.step(block, imu)
    run.close()
    assert [(kind, values[:4]) for kind, values, _ in run.records if kind != record.EVENT] == [
        (record.FEATURES, (0, 50, 2, 20)),
        (record.IMU, (0, 100, 1, 0)),
        (record.GAP, (70, 333, 1)),
        (record.FEATURES, (403, 50, 2, 50)),
        (record.IMU, (403, 100, 1, 0)),
    ]


def test_a_gap_with_nothing_under_way_writes_only_itself() -> None:
    run = Run(calibrated())
    run.lose(5)
    run.lose(7)
    assert [(kind, values) for kind, values, _ in run.records] == [(record.GAP, (0, 5, 1)), (record.GAP, (5, 7, 1))]
    run.close()
    assert len(run.records) == 2


def test_imu_every_tenth_reading_with_its_motor_bit() -> None:
    run = Run(calibrated())
    rng = np.random.default_rng(1)
    readings = rng.integers(-32768, 32768, (100, 6))
    for n in range(100):
        run.step(REST[n], reading(*(int(v) for v in readings[n])), busy=n in (10, 11, 40, 95))
    run.close()
    found = run.of(record.IMU)
    assert [values for values, _ in found] == [(0, 100, 5, 0b10010), (500, 100, 5, 0)]
    for r, (_, tail) in enumerate(found):
        assert tail is not None
        for k in range(5):
            ax, ay, az, gx, gy, gz = (int(v) >> 4 for v in readings[50 * r + 10 * k])
            assert tail[4 * k : 4 * k + 4] == [ax, ay, az, min(4095, math.isqrt(gx * gx + gy * gy + gz * gz))]


def test_blocks_without_a_reading_do_not_shift_the_others() -> None:
    """An IMU that misses a block ends its record; the next begins where readings begin again."""
    run = Run(calibrated())
    for n in range(100):
        run.step(REST[n], None if n in (0, 1, 37) or 60 <= n < 75 else reading(16 * n, 0, 0, 0, 0, 0))
    run.close()
    found = [(values[0] // 10 + 10 * k, tail[4 * k]) for values, tail in run.of(record.IMU) for k in range(values[2])]
    assert found == [(n, n) for n in (2, 12, 22, 32, 38, 48, 58, 75, 85, 95)]
    assert all(values[1] == 100 for values, _ in run.of(record.IMU))


@profile(max_examples=500)
@given(*[st.integers(-2048, 2047)] * 3)
def test_integer_length_is_isqrt(x: int, y: int, z: int) -> None:
    assert pipeline._length(x, y, z) == min(4095, math.isqrt(x * x + y * y + z * z))


def test_integer_length_at_its_ends() -> None:
    assert pipeline._length(0, 0, 0) == 0
    assert pipeline._length(-2048, -2048, -2048) == 3547 == math.isqrt(3 * 2048 * 2048)
    for root in range(0, 2048, 3):
        assert [pipeline._length(v, 0, 0) for v in (root, -root)] == [root, root]


def test_raw_records_are_the_input() -> None:
    run = Run(calibrated(log_mode="raw"))
    rng = np.random.default_rng(8)
    blocks = [rng.integers(-16383, 16384, (10, 4)) for _ in range(23)]
    for n, block in enumerate(blocks):
        if n == 9:
            run.lose(41)
        run.step(block, reading(1, -2, 30000, -32768, 5, n) if n % 2 else None, busy=n == 4)
    run.close()
    packed = run.of(record.PACKED)
    assert {values[1:3] for values, _ in packed} == {(10, 4)} and len(packed) > 7
    assert any(values[4] for values, _ in packed)  # blocks were cut
    found = packed_blocks([(values, bytes(tail or ())) for values, tail in packed])
    assert [block.counts for _, block in found] == [tuple(block.reshape(-1).tolist()) for block in blocks]
    assert [block.motor for _, block in found] == [n == 4 for n in range(23)]
    assert [block.imu for _, block in found] == [(1, -2, 30000, -32768, 5, n) if n % 2 else None for n in range(23)]
    assert [start for start, _ in found] == [10 * n + 41 * (n >= 9) for n in range(23)]
    plain = Run(calibrated())
    plain.step(blocks[0])
    plain.close()
    assert plain.of(record.PACKED) == []


def test_packed_records_fill_the_pages_that_other_records_leave() -> None:
    """A writer that says how much room its page has gets records that end there."""
    rng = np.random.default_rng(9)
    page_bytes, sizes = [0], []

    def write(kind: int, values: tuple, tail: object, count: int) -> int:
        size = {record.FEATURES: 73, record.IMU: 40, record.EVENT: 14, record.PACKED: 10 + count}[kind]
        if page_bytes[-1] + size > 244:
            page_bytes.append(0)
        page_bytes[-1] += size
        sizes.append(10 + count if kind == record.PACKED else 0)
        return 244 - page_bytes[-1]

    run = Run(calibrated(log_mode="raw"))
    run.write = write  # type: ignore[method-assign,assignment]
    for block in blocks_of(np.rint(rng.normal(0, 100, (20_000, 4)))):
        run.step(block, reading(4096, 0, 0, 0, 0, 0))
    run.close()
    assert sum(page_bytes) / 244 / len(page_bytes) > 0.96
    assert max(sizes) <= 244


def test_a_cue_waits_for_the_motor_and_is_written_with_what_decided() -> None:
    run = Run(calibrated(cue_rest_ms=300))
    for block in HOLD:
        run.step(block)
    busy_from = None
    for n, block in enumerate(REST[:100]):
        busy = busy_from is not None and n < busy_from + 20
        if run.step(block, busy=busy):
            assert not busy
            busy_from = n + 1
    kinds = run.events()
    assert [kind for kind, _ in kinds].count(event.EVENT_CUE) == 1
    flags = [values[6] for values, _ in run.of(record.EVENT)]
    assert set(flags) == {0}


def test_reference_units_go_there_and_back() -> None:
    """nV to counts/8 loses at most one unit, 31 nV, whatever the input shift."""
    for shift in (0, 2, 4):
        facts = SimpleNamespace(EMG_NV_PER_COUNT=250, EMG_KERNEL_SHIFT=shift)
        for nanovolt in (32, 250, 1000, 399_999, 400_000, 4_000_000):
            q3 = to_q3(nanovolt, facts)
            assert q3 == (nanovolt * 8 // 250) * 2**shift
            assert 0 <= nanovolt - to_nanovolt(q3, facts) < 32
    assert to_q3(0, SimpleNamespace(EMG_NV_PER_COUNT=250, EMG_KERNEL_SHIFT=0)) == 1


def test_the_reference_is_a_thousand() -> None:
    """A signal whose envelope is the reference reads 1000: the kernel's scale is the setting's."""
    run = Run(calibrated())
    kernel = run.pipeline.kernel
    for block in blocks_of(noise(4, [400, 0, 0, 0], seed=6)):
        run.step(block)
        out = kernel.out[0]
        assert out[OUT_ENVELOPE] == min(4095, out[OUT_Q3] * (1000 * 2**18 // 12800) // 2**18)
    assert event.EVENT_HOLD_START in {values[1] for values, _ in run.of(record.EVENT)}


@pytest.mark.parametrize(("mains", "hz"), [("off", 0), ("50", 50), ("60", 60)])
def test_the_mains_setting_chooses_the_notch(mains: str, hz: int) -> None:
    run, beside = Run(calibrated(mains_hz=mains)), Kernel(4, 0, FACTS.EMG_RAIL_COUNTS, hz)
    for block in HOLD[:20]:
        run.step(block)
        beside.process(array("h", np.asarray(block, "<i2").tobytes()))
        assert [out[OUT_Q3] for out in run.pipeline.kernel.out] == [out[OUT_Q3] for out in beside.out]


def test_a_target_that_the_board_does_not_have_is_its_last() -> None:
    facts = SimpleNamespace(**{k: v for k, v in vars(FACTS).items() if k.isupper()})
    facts.EMG_CHANNELS = 2
    assert Pipeline(calibrated(target_channel=3), facts).coach.target == 1
