"""Recordings: resampling, units, choice of channels, noise around them, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from mmc_core.errors import FormatError, UsageError
from mmc_host.body import bodyfile, recording, resampling, source
from mmc_host.body.bodyfile import Step, Until

REST_SAMPLES = 3000  # take 0


def save(path: Path, emg: np.ndarray, fs: float = 1000.0, **arrays: object) -> Path:
    np.savez(path, emg=emg, fs=fs, **arrays)
    return path


def tone(rate_hz: float, hz: float, seconds: float = 4.0, phase: float = 0.3) -> np.ndarray:
    return np.sin(2 * math.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz + phase)[:, None]


def played_uv(path: Path) -> np.ndarray:
    """The take of the recording, microvolt, all channels of the board."""
    built = bodyfile.read(path)
    assert built.takes[0].n_samples == built.takes[1].first_sample == REST_SAMPLES
    return built.emg[REST_SAMPLES:] * 0.25


# Resampling


@pytest.mark.parametrize("rate_hz", [2000.0, 1500.0, 2048.0, 800.0, 999.4, 1259.259259])
@pytest.mark.parametrize("hz", [7.0, 100.0, 350.0])
def test_a_tone_keeps_amplitude_and_phase(rate_hz: float, hz: float) -> None:
    made = resampling.resample(tone(rate_hz, hz), rate_hz, 1000.0)
    wanted = tone(1000.0, hz)[: len(made)]
    assert len(made) == math.ceil(round(4 * rate_hz) * resampling.ratio(rate_hz, 1000.0))
    inner = slice(500, 3400)
    assert made[inner] == pytest.approx(wanted[inner], abs=4e-4)


@pytest.mark.parametrize("hz", [500.5, 560.0, 700.0, 930.0, 999.0])
def test_nothing_above_half_the_rate_comes_through(hz: float) -> None:
    made = resampling.resample(tone(2000.0, hz), 2000.0, 1000.0)[500:3400]
    assert 20 * math.log10(np.abs(made).max()) < -(resampling.STOPBAND_DB - 1)


def test_the_filter_meets_its_specification() -> None:
    for up, down in ((1, 2), (125, 256), (2, 3), (5, 4)):
        taps = resampling.anti_alias_taps(up, down)
        hz, response = signal.freqz(taps, worN=1 << 15, fs=2.0)
        gain = np.abs(response)
        edge = 1 / max(up, down)
        assert len(taps) % 2 == 1
        assert np.abs(gain[hz <= resampling.PASSBAND * edge] - 1).max() < 1.5e-4
        assert 20 * np.log10(gain[hz >= edge].max()) < -resampling.STOPBAND_DB + 1


def test_the_same_rate_changes_nothing() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 3))
    assert np.array_equal(resampling.resample(x, 1000.0, 1000.0), x)


# Units and scale


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("EMG: mV; angle: deg", 1000.0),
        ("emg: mV (PLUX transfer function, VCC 3 V, gain 1000); adc: raw counts", 1000.0),
        ("V", 1e6),
        ("µV", 1.0),
        ("force: N; EMG: uV", 1.0),
        ("EMG: not stated in the source, consistent with uV (12-bit steps of 2.44); force: kgf", None),
        ("ADC counts, 12 bit", None),
        ("acc g; gyro rad/s", None),
        ("", None),
    ],
)
def test_units_are_taken_only_when_stated(text: str, factor: float | None) -> None:
    assert source.unit_factor(text, "emg", source._UV_PER) == factor


def test_stated_millivolt_becomes_exact_counts(tmp_path: Path) -> None:
    emg = np.zeros((1000, 1))
    emg[:4, 0] = [0.1, -0.25, 4.0, -4.2]
    info = recording.write_recording(save(tmp_path / "a.npz", emg, units="EMG: mV"), tmp_path / "b")
    assert info.scale_uv_per_unit == 1000
    assert info.scale_source == "stated by the file"
    assert bodyfile.read(tmp_path / "b").emg[REST_SAMPLES : REST_SAMPLES + 4, 0].tolist() == [400, -1000, 16000, -16383]
    assert info.clipped_samples == (1,)
    assert info.reference_uv == (None,)


def test_the_reference_scales_what_states_no_unit(tmp_path: Path) -> None:
    emg = np.random.default_rng(0).standard_normal((1000, 2)) * [50, 100]
    path = save(tmp_path / "a.npz", emg, mvc_ref=np.array([80.0, 160.0]), channels=["one", "two"])
    info = recording.write_recording(path, tmp_path / "b")
    assert info.scale_uv_per_unit == 2.5
    assert info.scale_source == "by reference"
    assert info.reference_uv == (200.0, 400.0)
    info = recording.write_recording(path, tmp_path / "b", {"one": "biceps brachii"})
    assert info.scale_uv_per_unit == 5.0  # only the chosen channel counts
    info = recording.write_recording(path, tmp_path / "b", scale_uv=2.0)
    assert (info.scale_uv_per_unit, info.scale_source) == (2.0, "given")
    assert info.reference_uv == (160.0, 320.0)


def test_a_stated_unit_of_an_amplifiers_output_gives_way_to_the_reference(tmp_path: Path) -> None:
    emg = np.random.default_rng(0).standard_normal((2000, 1)) * 0.04
    info = recording.write_recording(save(tmp_path / "a.npz", emg, units="V", mvc_ref=np.array([0.04])), tmp_path / "b")
    assert info.scale_source == "by reference"
    assert info.reference_uv == (pytest.approx(400.0),)
    info = recording.write_recording(save(tmp_path / "a.npz", emg, units="V"), tmp_path / "b")
    assert info.scale_source == "stated by the file"  # nothing else is known
    assert info.clipped_samples[0] > 1500


def test_without_unit_and_reference_it_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.zeros((1000, 1)), units="ADC counts")
    with pytest.raises(UsageError, match=r"neither unit \('ADC counts'\) nor reference is known: add an array `units`"):
        recording.write_recording(path, tmp_path / "b")
    table = tmp_path / "a.csv"
    table.write_text("# fs=1000\nbiceps\n" + "1\n" * 1000)
    with pytest.raises(UsageError, match="nor reference is known: add a line `# units=uV`"):
        recording.write_recording(table, tmp_path / "b")
    with pytest.raises(UsageError, match="scale of 0"):
        recording.write_recording(path, tmp_path / "b", scale_uv=0.0)


def test_an_offset_is_taken_out(tmp_path: Path) -> None:
    emg = 2048 + np.tile([[-1.0], [0.0], [1.0]], (400, 1))
    recording.write_recording(save(tmp_path / "a.npz", emg), tmp_path / "b", scale_uv=10.0)
    assert played_uv(tmp_path / "b")[:3, 0].tolist() == [-10.0, 0.0, 10.0]


# Channels


def test_channels_are_chosen_by_name_or_index(tmp_path: Path) -> None:
    emg = np.outer(np.tile([1.0, -1.0], 500), [10, 20, 30, 40, 50])
    path = save(tmp_path / "a.npz", emg, channels=["R-Bic", "R-Tri", "L-Bic", "L-Tri", "3"])
    info = recording.write_recording(
        path, tmp_path / "b", {"l-tri": "triceps", "0": "biceps", "3": "knee"}, scale_uv=1.0
    )
    assert info.channels == ("L-Tri", "R-Bic", "3")  # "3" is a name before it is an index
    assert info.muscles == ("triceps", "biceps", "knee")
    assert info.left_out == ("R-Tri", "L-Bic")
    assert np.abs(played_uv(tmp_path / "b")).max(axis=0).tolist() == [40.0, 10.0, 50.0, 0.0]  # the fourth is not worn
    info = recording.write_recording(path, tmp_path / "b", scale_uv=1.0)
    assert info.channels == info.muscles == ("R-Bic", "R-Tri", "L-Bic", "L-Tri")
    assert info.left_out == ("3",)


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"Bic": "x"}, "no channel is called 'Bic'; there are 0 'a', 1 'b'"),
        ({"2": "x"}, "no channel is called '2'"),
        ({"a": "x", "0": "y"}, "channel 'a' is mapped twice"),
        ({}, "0 channels are mapped"),
        (dict.fromkeys("abcde", "x"), "5 channels are mapped: the front end has 1 to 4"),
    ],
)
def test_a_bad_mapping_is_refused(tmp_path: Path, mapping: dict[str, str], sentence: str) -> None:
    path = save(tmp_path / "a.npz", np.zeros((1000, 2)), channels=["a", "b"])
    with pytest.raises(UsageError) as error:
        recording.write_recording(path, tmp_path / "b", mapping, scale_uv=1.0)
    assert sentence in str(error.value)


def test_mappings_are_parsed() -> None:
    assert recording.parse_mapping(["0=biceps brachii", " R-Tri = triceps=long"]) == {
        "0": "biceps brachii",
        "R-Tri": "triceps=long",
    }
    for text in ("biceps", "=x", "0="):
        with pytest.raises(UsageError, match="give CHANNEL=MUSCLE"):
            recording.parse_mapping([text])
    with pytest.raises(UsageError, match="'0' is mapped twice"):
        recording.parse_mapping(["0=a", "0=b"])


# What is around the recording


def level_uv(x: np.ndarray) -> float:
    """Mean rectified value behind a high-pass of 20 Hz, order 2."""
    return float(np.mean(np.abs(signal.lfilter(*signal.butter(2, 20, "highpass", fs=1000), x)[200:])))


def spread(seconds: float) -> float:
    """Five standard errors of the mean rectified value of rest noise, whose equivalent bandwidth is about 190 Hz."""
    return 5 * math.sqrt((math.pi / 2 - 1) / (2 * 190 * seconds))


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """Five seconds at 2 kHz, two channels of 100 and 50 units."""
    emg = np.random.default_rng(1).standard_normal((10_000, 2)) * math.sqrt(math.pi / 2) * [100, 50]
    return save(tmp_path / "hold.npz", emg, 2000.0, mvc_ref=np.array([200.0, 80.0]))


def test_leads_hold_rest_noise_at_their_level(tmp_path: Path, hold: Path) -> None:
    info = recording.write_recording(hold, tmp_path / "b", lead_s=(8.0, 20.0), seed=3)
    assert info.lead_samples == (8000, 20_000)
    assert (info.recording_samples, info.n_samples) == (5000, 33_000)
    assert info.reference_uv == (400.0, 160.0)
    assert info.rest_uv == (20.0, 8.0)
    uv = played_uv(tmp_path / "b")
    for channel, wanted in enumerate((20.0, 8.0)):
        assert level_uv(uv[:8000, channel]) == pytest.approx(wanted, rel=spread(8))
        assert level_uv(uv[13_000:, channel]) == pytest.approx(wanted, rel=spread(20))
        assert level_uv(bodyfile.read(tmp_path / "b").emg[:REST_SAMPLES, channel] * 0.25) == pytest.approx(
            wanted, rel=spread(2.8)
        )
    assert level_uv(uv[8000:13_000, 0]) > 100
    assert np.all(uv[:, 2:] == 0)


def test_rest_fraction_scales_the_noise(tmp_path: Path, hold: Path) -> None:
    recording.write_recording(hold, tmp_path / "a", lead_s=(4.0, 4.0), rest_fraction=0.05)
    recording.write_recording(hold, tmp_path / "b", lead_s=(4.0, 4.0), rest_fraction=0.1)
    five, ten = (played_uv(tmp_path / name)[:4000] for name in "ab")
    assert ten[:, :2] == pytest.approx(2 * five[:, :2], abs=0.4)  # rounding to counts of 0.25 uV


def test_spans_are_replaced_and_nothing_else(tmp_path: Path, hold: Path) -> None:
    recording.write_recording(hold, tmp_path / "a", lead_s=(3.0, 3.0), seed=4)
    info = recording.write_recording(hold, tmp_path / "b", lead_s=(3.0, 3.0), seed=4, replace_s=[(3.0, 99.0)])
    whole, cut = played_uv(tmp_path / "a"), played_uv(tmp_path / "b")
    assert np.array_equal(whole[:6000], cut[:6000])
    assert np.array_equal(whole[8000:], cut[8000:])
    assert level_uv(cut[6000:8000, 0]) == pytest.approx(info.rest_uv[0], rel=spread(1.8))
    for span in ((4.0, 3.0), (-1.0, 2.0), (6.0, 7.0)):
        with pytest.raises(UsageError, match="give a span within 0 and 5 s"):
            recording.write_recording(hold, tmp_path / "b", replace_s=[span])


def test_same_seed_same_bytes(tmp_path: Path, hold: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        recording.write_recording(hold, tmp_path / name, lead_s=(3.0, 3.0), seed=seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_the_script_plays_the_recording_once_from_the_first_sample(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.zeros((1003, 1)), mvc_ref=np.array([1.0]))
    info = recording.write_recording(path, tmp_path / "b", lead_s=(1.0, 0.5))
    built = bodyfile.read(tmp_path / "b")
    assert built.steps == (Step(1, Until.TIME, 2510),)
    assert info.lead_samples == (1000, 507)  # filled up to whole IMU readings
    assert info.n_samples == built.takes[1].n_samples == 2510
    assert built.artefact_counts == 0


def test_leads_need_a_reference(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.zeros((1000, 2)), mvc_ref=np.array([1.0, np.nan]), channels=["a", "b"])
    with pytest.raises(UsageError, match="needs mvc_ref for every chosen channel"):
        recording.write_recording(path, tmp_path / "b", lead_s=(3.0, 3.0))
    info = recording.write_recording(path, tmp_path / "b", {"a": "x"}, lead_s=(3.0, 3.0))
    assert info.reference_uv == (400.0,)
    for arguments in ({"lead_s": (-1.0, 3.0)}, {"rest_fraction": 0.0}, {"seed": -1}):
        with pytest.raises(UsageError, match="out of range"):
            recording.write_recording(path, tmp_path / "b", {"a": "x"}, **arguments)


# IMU


def test_a_recorded_imu_is_converted_and_resampled(tmp_path: Path) -> None:
    t_s = np.arange(200) / 50  # 50 Hz beside 4 s of EMG
    imu = np.zeros((200, 6))
    imu[:, 2] = 9.80665
    imu[:, 4] = np.sin(2 * math.pi * 2 * t_s)  # rad/s
    path = save(
        tmp_path / "a.npz",
        np.zeros((4000, 1)),
        mvc_ref=np.array([1.0]),
        imu=imu,
        imu_channels=["ax", "ay", "az", "wx", "wy", "wz"],
        units="acc m/s2; gyro rad/s",
    )
    recording.write_recording(path, tmp_path / "b", lead_s=(1.0, 1.0))
    counts = bodyfile.read(tmp_path / "b").imu
    assert counts.shape == (900, 6)
    assert np.all(counts[:, 2] == 4096)
    assert np.all(counts[:400, 4] == 0)  # rest and lead stand still
    wanted = np.degrees(np.sin(2 * math.pi * 2 * np.arange(400) / 100)) * 16
    assert counts[450:750, 4] == pytest.approx(wanted[50:350], abs=2)


def test_without_imu_there_is_gravity(tmp_path: Path, hold: Path) -> None:
    recording.write_recording(hold, tmp_path / "b")
    assert np.all(bodyfile.read(tmp_path / "b").imu == [0, 0, 4096, 0, 0, 0])


# Files


def test_csv_by_its_times_or_its_comment(tmp_path: Path) -> None:
    uv = [0.25 * (i % 7 - 3) for i in range(2000)]
    by_times = tmp_path / "times.csv"
    by_times.write_text("# units=uV\nt_s,biceps\n" + "".join(f"{i / 1000:.4f},{v}\n" for i, v in enumerate(uv)))
    by_comment = tmp_path / "comment.csv"
    by_comment.write_text("# fs=1000\n# units: uV\nbiceps,triceps\n" + "".join(f"{v},0\n" for v in uv))
    for path, channels in ((by_times, ("biceps",)), (by_comment, ("biceps", "triceps"))):
        info = recording.write_recording(path, tmp_path / "b")
        assert info.channels == channels
        assert info.rate_hz == pytest.approx(1000.0)
        assert info.scale_source == "stated by the file"
        assert played_uv(tmp_path / "b")[:2000, 0].tolist() == uv


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        (
            "biceps\n" + "1\n" * 2000,
            UsageError,
            "the rate is not known: add a column t_s in seconds, or a line `# fs=1000`",
        ),
        ("# fs=fast\nbiceps\n" + "1\n" * 2000, UsageError, "`# fs=fast` is no rate"),
        ("# fs=1000\n1,2\n" + "1,2\n" * 2000, UsageError, "the first row must name the channels"),
        ("# fs=1000\nbiceps\n" + "1\n" * 900, UsageError, "900 samples are less than a second"),
        ("# fs=10\nbiceps\n" + "1\n" * 900, UsageError, "10 Hz is no rate of EMG"),
        ("# fs=1000\nbiceps\n1\n2\nx\n", FormatError, "line 5 holds something else than numbers: x"),
        ("# fs=1000\na,b\n1,2\n3\n", FormatError, "line 4 has 1 columns, the header 2"),
        ("# fs=1000\nbiceps\n" + "1\n" * 1000 + "nan\n", UsageError, "EMG sample 1000 of column 0 is no number"),
        ("# fs=1000\na,a\n" + "1,2\n" * 1000, UsageError, "two channels have the same name: a, a"),
        ("t_s,a\n" + "0,1\n" * 1000, UsageError, "the times in t_s do not rise"),
        (
            "t_s,a\n" + "".join(f"{(i + (i > 700) * 9) / 1000},1\n" for i in range(2000)),
            UsageError,
            "t_s is no steady rate",
        ),
        (
            "# fs=2000\nt_s,a\n" + "".join(f"{i / 1000},1\n" for i in range(2000)),
            UsageError,
            "t_s makes 1000 Hz, the comment says 2000 Hz",
        ),
        ("", FormatError, "a header row of channel names and rows of numbers are expected"),
    ],
)
def test_bad_csv_files_are_refused(tmp_path: Path, text: str, error: type[Exception], sentence: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(error) as raised:
        recording.write_recording(path, tmp_path / "b", scale_uv=1.0)
    assert sentence in str(raised.value)
    assert not (tmp_path / "b").exists()


def test_bad_npz_files_are_refused(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises((UsageError, FormatError)) as error:
            recording.write_recording(path, tmp_path / "b", scale_uv=1.0)
        return f"{type(error.value).__name__} {error.value}"

    path = tmp_path / "a.npz"
    assert "UsageError" in refused(path)
    for content in (b"PK\3\4 no archive", b"text", b""):
        path.write_bytes(content)
        assert refused(path) == f"FormatError {path}: no readable .npz file: it is no archive, or cut short"
    save(path, np.array([{"a": 1}] * 2000))
    assert refused(path) == f"FormatError {path}: an array in it is not made of plain numbers or texts, or is damaged"
    np.savez(path, fs=1000.0, imu=np.zeros((100, 3)))
    assert "there is no array 'emg'" in refused(path)
    np.savez(path, emg=np.zeros((2000, 1)))
    assert "there is no array 'fs'" in refused(path)
    save(path, np.zeros((2000, 2)), channels=["only one"])
    assert "2 channels, 1 names" in refused(path)
    save(path, np.zeros((2000, 1)), imu=np.zeros((200, 3)), imu_channels=["ax", "ay", "az"])
    assert "the IMU's units are not known" in refused(path)
    save(path, np.zeros((2000, 1)), imu=np.zeros((200, 2)), imu_channels=["x", "y"], units="acc g")
    assert "must be ax ay az" in refused(path)
    save(path, np.zeros((2000, 1)), imu=np.zeros((200, 6)), imu_channels=["ax", "ay", "az"], units="acc g")
    assert "must be ax ay az" in refused(path)
    save(path, np.array(["a"] * 2000))
    assert "FormatError" in refused(path)
    save(path, np.zeros((0, 3)))
    assert "FormatError" in refused(path)
    save(path, np.full((2000, 1), np.inf))
    assert "EMG sample 0 of column 0 is no number" in refused(path)
    whole = save(path, np.random.default_rng(0).standard_normal((2000, 1))).read_bytes()
    path.write_bytes(whole[:200] + bytes(64) + whole[264:])
    assert "FormatError" in refused(path)
    assert "no such file" in refused(tmp_path)  # a folder
    np.save(tmp_path / "one.npy", np.zeros(10))
    (tmp_path / "one.npy").rename(path)
    assert "FormatError" in refused(path)
    (tmp_path / "a.txt").write_text("1")
    assert "an .npz or a .csv file" in refused(tmp_path / "a.txt")


def test_real_recordings_become_bodies(data_dir: Path, tmp_path: Path) -> None:
    seen = 0
    for path in sorted(data_dir.glob("*.npz")):
        with np.load(path) as data:
            if "emg" not in data or "mvc_ref" not in data:
                continue
            shape, rate_hz, references = data["emg"].shape, float(data["fs"]), data["mvc_ref"]
        info = recording.write_recording(path, tmp_path / "b", lead_s=(3.0, 3.0), seed=1)
        built = bodyfile.read(tmp_path / "b")
        assert info.recording_samples == math.ceil(shape[0] * 1000 / rate_hz)
        assert info.n_samples == len(built.emg) - REST_SAMPLES
        assert info.reference_uv == pytest.approx(references[: len(info.channels)] * info.scale_uv_per_unit)
        assert max(info.clipped_samples) <= 0.01 * info.n_samples
        seen += 1
    assert seen > 0
