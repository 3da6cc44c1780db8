"""A simulated wearable fitted to a recording: its settings as the firmware reads them, and the notes for people."""

import binascii
from pathlib import Path

import numpy as np

from mmc_core import decoding, record, settings
from mmc_host import fitting
from mmc_host.columns import LOOK_AHEAD_SITE


def stored(state: Path) -> dict[str, int | str]:
    """What the device's settings file says."""
    data = (state / "config" / "settings.mmc").read_bytes()
    assert int.from_bytes(data[-4:], "little") == binascii.crc32(data[:-4])
    records = list(decoding.decode(data, 0, len(data) - 4))
    assert all(kind == record.SETTING for _, kind, _, _ in records)
    return dict(settings.from_wire(*values) for _, _, values, _ in records)


def test_a_recording_that_is_not_scored_begins_its_session_by_itself(tmp_path: Path) -> None:
    table = tmp_path / "c.csv"
    table.write_text("# fs=1000\n# units=uV\nbiceps,triceps\n" + "1,-2\n-1,2\n" * 1000)
    fitted = fitting.fit_recording(tmp_path, table, [], 1)
    assert stored(tmp_path) == {
        "ch0_muscle": "biceps",
        "ch1_muscle": "triceps",
        "ch0_site": "recording",
        "ch1_site": "recording",
        "autostart": "always",
    }
    assert fitted.notes == ("biceps: no reference is known, so nothing is scored; a session begins by itself",)


def test_a_reference_of_a_recording_is_told_to_be_look_ahead(tmp_path: Path) -> None:
    emg = np.tile([[50.0, 20.0], [-50.0, -20.0]], (1000, 1))
    path = tmp_path / "a.npz"
    np.savez(path, emg=emg, fs=1000.0, channels=["one", "two"], units="EMG: uV", mvc_ref=np.array([200.0, 80.0]))
    fitted = fitting.fit_recording(tmp_path, path, ["one=soleus"], 1)
    assert stored(tmp_path) == {
        "ch0_muscle": "soleus",
        "ch0_site": LOOK_AHEAD_SITE,
        "ch0_reference_kind": "mvc",
        "ch0_reference_nv": 200_000,
        "ch0_rest_nv": 10_000,
    }
    assert len(LOOK_AHEAD_SITE.encode()) <= 24
    assert fitted.notes == (
        "soleus: 100 % = 200 µV, look-ahead: from the whole recording",
        "channels of the file that are not worn: two",
    )


def test_a_reference_of_another_channel_than_the_coached_one_scores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, emg=np.zeros((1000, 2)), fs=1000.0, channels=["a", "b"], mvc_ref=np.array([np.nan, 2.0]))
    fitted = fitting.fit_recording(tmp_path, path, [], 1)
    values = stored(tmp_path)
    assert (values["autostart"], values["ch0_site"], values["ch1_site"]) == ("always", "recording", LOOK_AHEAD_SITE)
    assert fitted.notes == (
        "b: 100 % = 400 µV, look-ahead: from the whole recording",
        "its size at the skin is not known: it is scaled so that 100 % = 400 µV",
        "a: no reference is known, so nothing is scored; a session begins by itself",
    )


def test_samples_beyond_the_front_end_are_told(tmp_path: Path) -> None:
    emg = np.zeros((1000, 2))
    emg[0], emg[1, 1] = 4.2, -4.2  # the rails stand at 4.096 mV
    path = tmp_path / "a.npz"
    np.savez(path, emg=emg, fs=1000.0, channels=["a", "b"], units="EMG: mV")
    notes = fitting.fit_recording(tmp_path, path, [], 1).notes
    assert notes[-2:] == (
        "a: 1 sample is beyond what the front end can take, and clipped",
        "b: 2 samples are beyond what the front end can take, and clipped",
    )
