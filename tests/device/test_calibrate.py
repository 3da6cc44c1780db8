"""Calibration through the whole device: synthetic wearers of known amplitude, and every reason to refuse."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from simulated import Simulated, make_body, noise, records

from mmc_core import chain, coeffs, event, message, record
from mmc_core.kernel import Kernel
from mmc_core.settings import Settings
from mmc_device.calibrate import Calibration

STARTS, RESTS = 1, 2
REST_UV = (2.0, 2.0, 2.0, 2.0)
UTC_MS = 1_790_000_000_000


class Wearable(Simulated):
    """Simulated, with what a calibration is about."""

    def calibrate(self, kind: int, limit_ms: int = 60_000) -> tuple[int, int]:
        """Run it to its end; (phase, result)."""
        assert self.ask(message.CONTROL, message.VERB_CALIBRATE, kind) == [message.OK]
        self.run(limit_ms, lambda: self.app.activity != message.ACTIVITY_CALIBRATING)
        return self.state()

    def state(self) -> tuple[int, int]:
        _, _, _, phase, result, *_ = self.ask(message.STATUS)
        return phase, result & 15

    def pulses(self) -> list[int]:
        return [int(match[1]) for line in self.told if (match := re.match(r"@(\d+) motor on", line))]


def wearer(contractions_uv: list[tuple[float, ...]], rest: np.ndarray | None = None) -> bytes:
    """Somebody who follows the buzzes: rest until the second start buzz, contract until the stop buzz, and so on.

    Take 0 is rest. Each contraction begins 300 ms after its buzz.
    """
    takes = [noise(8, REST_UV, 1) if rest is None else rest]
    # The first start buzz opens the rest phase of 5 s; the next one is the first contraction's.
    steps = [(0, STARTS, 0, 1000)]
    for n, level in enumerate(contractions_uv):
        takes.append(noise(4, level, 10 + n))
        steps.append((0, STARTS, 0, 300))
        steps.append((n + 1, RESTS, 0, 100))  # through the stop buzz and its 300 ms of quiet
    return make_body(takes, steps)


def channel_records(wearable: Wearable) -> list[tuple]:
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    wearable.run(500)
    assert wearable.ask(message.CONTROL, message.VERB_STOP, 0) == [message.OK]
    wearable.run(500)
    data = wearable.pull(wearable.app.journal.session)
    return [values for kind, values, _ in records(data) if kind == record.CHANNEL]


def setting(wearable: Wearable, name: str) -> object:
    return wearable.app.desk.config.settings[name]


@pytest.fixture
def strong(tmp_path: Path) -> Wearable:
    """Three maxima; the greatest is the second on channel 0, the first on channel 1; 2 and 3 are not contracted."""
    levels = [(260.0, 120.0, 2.0, 2.0), (400.0, 90.0, 2.0, 2.0), (330.0, 60.0, 2.0, 2.0)]
    wearable = Wearable(wearer(levels), tmp_path / "state", blocks=24)
    wearable.put(autostart="off", ch0_muscle="biceps brachii", target_channel=0)
    wearable.ask(message.SET_TIME, UTC_MS)
    return wearable


def test_three_maxima_give_the_greatest(strong: Wearable) -> None:
    """Value against the known mean rectified amplitude, +-10 %.

    The reference is the greatest half-second mean. Of Gaussian noise with a band of B = 345 Hz, the rectified mean over
    T = 0.5 s deviates by sqrt(1.14 / (4 B T)) = 4 %; the greatest of four windows lies 1.03 of that higher, with a
    deviation of 0.7 of it: 4.2 +- 2.8 %, so that +10 % is two deviations away. The notch takes 5 of 345 Hz, 0.7 %.
    """
    assert strong.calibrate(message.CALIBRATE_MAXIMUM) == (message.PHASE_DONE, message.CALIBRATION_GOOD)
    assert setting(strong, "ch0_reference_nv") == pytest.approx(400_000, rel=0.10)
    assert setting(strong, "ch1_reference_nv") == pytest.approx(120_000, rel=0.10)
    assert [setting(strong, f"ch{n}_reference_kind") for n in range(4)] == ["mvc", "mvc", "none", "none"]
    # Rest is 2 uV = 8 counts; the kernel's level is good to a count there (test_kernel), the mean wobbles by 4 %.
    assert setting(strong, "ch0_rest_nv") == pytest.approx(2000, abs=250 + 100)
    assert abs(int(setting(strong, "ch0_calibrated_utc_s")) - UTC_MS // 1000) < 60  # type: ignore[call-overload]


def test_the_buzzes_come_in_the_order_of_the_protocol(strong: Wearable) -> None:
    """Start; rest 5 s; three times start, 3 s, stop (two pulses), 4 s; and the last stop."""
    began = strong.clock.now_ms
    strong.calibrate(message.CALIBRATE_MAXIMUM)
    strong.run(1000)
    times = [t - began for t in strong.pulses()]
    wanted = [0]
    for n in range(3):
        wanted += [5000 + 7000 * n, 8000 + 7000 * n, 8450 + 7000 * n]
    wanted += [26000, 26450]
    assert len(times) == len(wanted)
    assert all(abs(t - w) <= 30 for t, w in zip(times, wanted, strict=True))
    assert not strong.board.motor.is_on


def test_the_calibration_is_in_force_and_survives_a_restart(strong: Wearable) -> None:
    strong.calibrate(message.CALIBRATE_MAXIMUM)
    reference_nv = int(setting(strong, "ch0_reference_nv"))  # type: ignore[call-overload]
    mvc, relative = 1, 3
    for restart, expected in ((False, mvc), (True, relative), (True, mvc)):
        if restart:
            strong.power_on()
            strong.run(500)
        if restart and expected == mvc:  # with a clock that says that it was just now, the placement is the same
            assert strong.ask(message.SET_TIME, UTC_MS + 60_000) == [message.OK]
        assert strong.app.desk.is_scored
        found = channel_records(strong)
        _, _, kind, rest_q3, reference_q3, nv_per_count, utc_ms, muscle, _, units = found[0]
        assert (kind, nv_per_count, muscle, units) == (expected, 250, "biceps brachii", "permille")
        assert reference_q3 == reference_nv * 8 // 250
        assert rest_q3 == int(setting(strong, "ch0_rest_nv")) * 8 // 250  # type: ignore[call-overload]
        assert abs(utc_ms - UTC_MS) < 60_000
        assert found[2][2:5:2] == (0, 0) and found[2][9] == "uV"


def test_a_submaximal_reference_is_named_so(strong: Wearable) -> None:
    """Mean of the three contractions' best half seconds: (260 + 400 + 330) / 3; labelled 2, never as a maximum."""
    assert strong.calibrate(message.CALIBRATE_REFERENCE) == (message.PHASE_DONE, message.CALIBRATION_GOOD)
    assert setting(strong, "ch0_reference_nv") == pytest.approx(330_000, rel=0.10)
    assert setting(strong, "ch1_reference_nv") == pytest.approx(90_000, rel=0.10)
    assert setting(strong, "ch0_reference_kind") == "ref"
    found = channel_records(strong)
    assert [values[2] for values in found] == [2, 2, 0, 0]
    assert [values[9] for values in found] == ["permille", "permille", "uV", "uV"]


@pytest.mark.parametrize("key", ["muscle", "side", "site"])
def test_another_muscle_drops_it(strong: Wearable, key: str) -> None:
    strong.calibrate(message.CALIBRATE_MAXIMUM)
    strong.put(**{"ch0_" + key: "right" if key == "side" else "soleus"})
    assert not strong.app.desk.is_scored
    found = channel_records(strong)
    assert found[0][2] == 0 and found[0][4] == 0 and found[0][9] == "uV"
    assert found[1][2] == 1  # the other channel keeps its own
    strong.power_on()
    assert setting(strong, "ch0_reference_kind") == "none"


def refused(tmp_path: Path, body: bytes, kind: int = message.CALIBRATE_MAXIMUM) -> tuple[int, int, Wearable]:
    wearable = Wearable(body, tmp_path / "state", blocks=24)
    wearable.put(autostart="always", ch0_reference_nv=300_000, ch1_reference_nv=200_000)
    wearable.put(ch0_reference_kind="mvc")
    if wearable.app.activity == message.ACTIVITY_RECORDING:
        wearable.ask(message.CONTROL, message.VERB_STOP, 0)
    wearable.run(100)
    wearable.put(autostart="off")
    phase, result = wearable.calibrate(kind)
    # What was in force before stays in force, on the device and after a restart; five pulses say that it was refused.
    assert setting(wearable, "ch0_reference_nv") == 300_000 and setting(wearable, "ch0_reference_kind") == "mvc"
    at = wearable.clock.now_ms
    wearable.run(2000)
    assert len([t for t in wearable.pulses() if t > at - 100]) == 5 and not wearable.board.motor.is_on
    wearable.power_on()
    assert setting(wearable, "ch0_reference_nv") == 300_000
    return phase, result, wearable


THREE = [(300.0, 50.0, 2.0, 2.0)] * 3


def test_clipping_is_refused(tmp_path: Path) -> None:
    loud = [(300.0, 50.0, 2.0, 2.0), (2500.0, 50.0, 2.0, 2.0), (300.0, 50.0, 2.0, 2.0)]
    assert refused(tmp_path, wearer(loud))[:2] == (message.PHASE_REFUSED, message.CALIBRATION_CLIPPED)


def test_clipping_of_another_channel_leaves_only_that_one_out(tmp_path: Path) -> None:
    wearable = Wearable(wearer([(300.0, 2500.0, 60.0, 2.0)] * 3), tmp_path / "state", blocks=24)
    wearable.put(autostart="off")
    assert wearable.calibrate(message.CALIBRATE_MAXIMUM) == (message.PHASE_DONE, message.CALIBRATION_GOOD)
    assert [setting(wearable, f"ch{n}_reference_kind") for n in range(4)] == ["mvc", "none", "mvc", "none"]


def test_not_above_rest_is_refused(tmp_path: Path) -> None:
    for kind in (message.CALIBRATE_MAXIMUM, message.CALIBRATE_REFERENCE):
        weak = wearer([(3.0, 300.0, 2.0, 2.0)] * 3)
        folder = tmp_path / str(kind)
        folder.mkdir()
        assert refused(folder, weak, kind)[:2] == (message.PHASE_REFUSED, message.CALIBRATION_NOT_ABOVE_REST)


def test_a_noisy_rest_is_refused(tmp_path: Path) -> None:
    """Rest that swings by more than fourfold: a burst of 200 uV in the middle of it."""
    burst = np.concatenate([noise(3, REST_UV, 1), noise(1.5, (200.0, 2, 2, 2), 2), noise(4.5, REST_UV, 3)])
    assert refused(tmp_path, wearer(THREE, burst))[:2] == (message.PHASE_REFUSED, message.CALIBRATION_REST_NOISY)


def test_a_flat_line_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, wearer(THREE, np.zeros((8000, 4), "<i2")))[:2] == (
        message.PHASE_REFUSED,
        message.CALIBRATION_NO_SIGNAL,
    )


def test_cancelled_by_the_host(strong: Wearable) -> None:
    assert strong.ask(message.CONTROL, message.VERB_CALIBRATE, message.CALIBRATE_MAXIMUM) == [message.OK]
    strong.run(7000)
    assert strong.ask(message.CONTROL, message.VERB_CALIBRATE, message.CALIBRATE_MAXIMUM) == [message.RESULT_BUSY]
    assert strong.ask(message.CONTROL, message.VERB_START, 0) == [message.RESULT_BUSY]
    assert strong.ask(message.CONTROL, message.VERB_CANCEL, 0) == [message.OK]
    strong.run(2000)
    assert strong.state() == (message.PHASE_REFUSED, message.CALIBRATION_CANCELLED)
    assert strong.app.activity == message.ACTIVITY_IDLE and not strong.board.motor.is_on
    assert setting(strong, "ch0_reference_kind") == "none"


def test_a_calibration_ends_the_session_that_runs(strong: Wearable) -> None:
    assert strong.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    strong.run(300)
    assert strong.ask(message.CONTROL, message.VERB_CALIBRATE, message.CALIBRATE_MAXIMUM) == [message.OK]
    assert not strong.app.journal.is_open
    kinds = [kind for kind, _, _ in records(strong.pull(1))]
    assert kinds[0] == record.SESSION and kinds[-1] == record.END


def test_an_unknown_kind_is_refused(strong: Wearable) -> None:
    for argument in (0, 4, 255):
        assert strong.ask(message.CONTROL, message.VERB_CALIBRATE, argument) == [message.RESULT_RANGE]
    assert strong.app.activity != message.ACTIVITY_CALIBRATING


def test_the_motors_own_blocks_are_left_out() -> None:
    """Blocks in which the motor shook, however loud, do not count, nor does the first second of a phase."""
    kernel = Kernel(1, 0, 16383, 50)
    calibration = Calibration(kernel, 0, Settings())
    now = 0
    assert calibration.start(message.CALIBRATE_MAXIMUM, now) == event.CUE_START
    contracting = 0
    while calibration.is_running:
        now += 10
        busy = now % 70 == 0
        in_contraction = calibration._contracting
        contracting += in_contraction
        age = now - calibration._began_ms
        quiet = 64 if not in_contraction else 8000
        kernel.out[0][chain.OUT_Q3] = 400_000 if busy or age < 1000 else quiet
        calibration.step(busy, now)
    assert calibration.phase == message.PHASE_DONE and contracting == 900
    assert calibration.rest_q3[0] == 64 and calibration.reference_q3[0] == 8000


def hum(hz: float, peak_uv: float, seconds: float = 8) -> np.ndarray:
    """Rest of 2 uV with a line of the mains on all channels."""
    line = np.rint(4 * peak_uv * np.sin(2 * np.pi * hz * np.arange(int(1000 * seconds)) / 1000))
    return (noise(seconds, REST_UV, 1) + line[:, None]).astype("<i2")


@pytest.mark.parametrize(("hz", "peak_uv", "word"), [(60, 40, "60"), (50, 40, "50"), (59.8, 8, "60"), (50.2, 8, "50")])
def test_the_mains_is_found_at_rest_and_in_force_from_then_on(
    tmp_path: Path, hz: float, peak_uv: float, word: str
) -> None:
    """A line of 20 or 4 times the noise at rest; what is left of it with the right notch is near the noise."""
    wearable = Wearable(wearer(THREE, hum(hz, peak_uv, 10)), tmp_path / "state", blocks=24)
    wearable.put(autostart="off")
    assert setting(wearable, "mains_found_hz") == "not yet"
    assert wearable.calibrate(message.CALIBRATE_MAXIMUM) == (message.PHASE_DONE, message.CALIBRATION_GOOD)
    assert setting(wearable, "mains_found_hz") == word
    # The reference was measured in its place: 2 uV of noise, and at most -26 dB of the line's mean of 0.64 of its peak.
    assert setting(wearable, "ch0_rest_nv") <= 1000 * (2.5 + 0.64 * peak_uv / 20 * (1 if hz % 10 else 0.2))
    wanted = coeffs.NOTCH[int(word)][0]
    for _ in range(2):
        assert wearable.app.desk.kernel._header[chain.SECTIONS + 4] == wanted
        wearable.power_on()
        wearable.run(500)
    assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
    logged = {values[1]: values[0] for kind, values, _ in records(wearable.pull(1)) if kind == record.SETTING}
    assert logged["mains_found_hz"] == ("not yet", "50", "60").index(word)


def test_a_quiet_room_names_no_mains_and_changes_nothing(strong: Wearable) -> None:
    strong.put(mains_found_hz="60")
    strong.calibrate(message.CALIBRATE_MAXIMUM)
    assert setting(strong, "mains_found_hz") == "60"


def test_a_notch_that_was_set_stays_where_it_is(tmp_path: Path) -> None:
    """60 Hz is heard and reported, but the wearer said 50."""
    wearable = Wearable(wearer(THREE, hum(60, 40)), tmp_path / "state", blocks=24)
    wearable.put(autostart="off", mains_hz="50")
    wearable.calibrate(message.CALIBRATE_MAXIMUM)
    assert setting(wearable, "mains_found_hz") == "60"
    assert wearable.app.desk.kernel._header[chain.SECTIONS + 4] == coeffs.NOTCH[50][0]


def test_the_mains_is_kept_when_the_references_are_refused(tmp_path: Path) -> None:
    weak = wearer([(2.0, 2.0, 2.0, 2.0)] * 3, hum(60, 40))
    phase, result, wearable = refused(tmp_path, weak)
    assert (phase, result) == (message.PHASE_REFUSED, message.CALIBRATION_NOT_ABOVE_REST)
    assert setting(wearable, "mains_found_hz") == "60"


def stepped(level_q3: int = 64) -> tuple[Calibration, Kernel]:
    """A calibration by hand, at its start, of a kernel that always says the same."""
    kernel = Kernel(1, 0, 16383, 50)
    kernel.out[0][chain.OUT_Q3] = level_q3
    calibration = Calibration(kernel, 0, Settings())
    calibration.start(message.CALIBRATE_MAXIMUM, 0)
    return calibration, kernel


def test_a_rest_that_nobody_saw_goes_on_until_it_was_seen() -> None:
    """The device was away for five seconds: half a second of blocks is still needed."""
    calibration, _ = stepped()
    now, patterns = 5000, []
    while not patterns or patterns[-1] == event.CUE_NONE:
        patterns.append(calibration.step(False, now))
        now += 10
    assert patterns[-1] == event.CUE_START and now - 5000 == pytest.approx(510, abs=20)
    assert calibration.rest_q3[0] == 64


def test_nothing_changes_the_end() -> None:
    """Blocks of the same tick come after a refusal, and after a cancel in the very last moment."""
    calibration, kernel = stepped()
    for now in range(0, 5000, 10):
        kernel.out[0][chain.OUT_Q3] = 64 if now < 4400 else 9000
        calibration.step(False, now)
    assert calibration.step(False, 5000) == event.CUE_ERROR
    for _ in range(3):
        assert calibration.step(False, 5000) == event.CUE_NONE
        assert (calibration.phase, calibration.result) == (message.PHASE_REFUSED, message.CALIBRATION_REST_NOISY)
    calibration, kernel = stepped()
    for now in range(0, 26_000, 10):
        kernel.out[0][chain.OUT_Q3] = 9000 if calibration._contracting else 64
        calibration.step(False, now)
    calibration.cancel()
    assert calibration.step(False, 30_000) == event.CUE_NONE
    assert (calibration.phase, calibration.result) == (message.PHASE_REFUSED, message.CALIBRATION_CANCELLED)
