"""Settings and the boot count on the file system: kept, damaged, cut off while being written."""

from __future__ import annotations

import binascii
import builtins
import os
import struct
from pathlib import Path

import pytest

from mmc_core import decoding, record
from mmc_core import settings as schema
from mmc_device import config as module
from mmc_device.config import Config


def load(folder: Path) -> Config:
    config = Config(str(folder))
    config.load()
    return config


def sealed(body: bytes) -> bytes:
    return body + binascii.crc32(body).to_bytes(4, "little")


def longest(name: str) -> object:
    _, kind, low, high, _ = schema.find_row(name)
    return high if kind == "int" else low[-1] if kind == "word" else "x" * high


def test_a_first_start_has_defaults_and_no_damage(tmp_path):
    config = load(tmp_path)
    assert all(config.settings[name] == schema.find_row(name)[4] for name in schema.names())
    assert (config.boot_count, config.was_damaged) == (1, False)
    assert sorted(os.listdir(tmp_path)) == ["boots.mmc"]
    assert (tmp_path / "boots.mmc").read_bytes() == sealed(b"\x01\x00\x00\x00")


def test_each_start_is_counted(tmp_path):
    assert [load(tmp_path).boot_count for _ in range(5)] == [1, 2, 3, 4, 5]


def test_every_setting_survives_at_its_longest(tmp_path):
    config = load(tmp_path)
    for name in schema.names():
        config.settings.restore(name, longest(name))
    config.save()
    again = load(tmp_path)
    assert {name: again.settings[name] for name in schema.names()} == {name: longest(name) for name in schema.names()}
    assert not again.was_damaged
    assert sorted(os.listdir(tmp_path)) == ["boots.mmc", "settings.mmc"]


def test_a_calibration_survives_with_its_muscle(tmp_path):
    config = load(tmp_path)
    config.settings.put("ch1_muscle", "biceps brachii")
    config.settings.put("ch1_reference_nv", 123_456)
    config.settings.put("ch1_reference_kind", "mvc")
    config.save()
    again = load(tmp_path).settings
    assert [again.channel(1, key) for key in ("muscle", "reference_nv", "reference_kind")] == [
        "biceps brachii",
        123_456,
        "mvc",
    ]


def stored(tmp_path: Path) -> bytes:
    config = load(tmp_path)
    config.settings.put("wearer", "zoë")
    config.save()
    return (tmp_path / "settings.mmc").read_bytes()


def test_a_file_damaged_anywhere_is_set_aside_and_defaults_are_in_force(tmp_path):
    good = stored(tmp_path)
    path = tmp_path / "settings.mmc"
    cases = [good[:end] for end in range(0, len(good), 37)] + [good[:-1]]
    cases += [good[:at] + bytes((good[at] ^ 0x10,)) + good[at + 1 :] for at in range(0, len(good), 41)]
    bad: list[bytes] = []
    for data in cases:
        path.write_bytes(data)
        config = load(tmp_path)
        bad.append(data)
        assert config.was_damaged
        assert config.settings["wearer"] == "anonymous"
        assert not path.exists()
        # None of what was set aside is lost, however often it happens.
        aside = [one.read_bytes() for one in sorted(tmp_path.glob("settings.mmc.bad*"), key=lambda one: len(one.name))]
        assert aside == bad
        assert not load(tmp_path).was_damaged
    path.write_bytes(good)
    assert load(tmp_path).settings["wearer"] == "zoë"
    assert len(bad) > 40


def setting(number: int, key: str) -> bytes:
    buffer = bytearray(64)
    return bytes(buffer[: record.encode_into(buffer, 0, record.SETTING, (number, key))])


@pytest.mark.parametrize(
    "body",
    [
        setting(40, "target_low_pct") + b"\x03\x20abc",
        setting(9, "no_such_setting") + b"\x03\x20abc",
        setting(40, "target_low_pct") + bytes.fromhex("0306 00000000 01ff"),
    ],
    ids=["cut record", "foreign and cut", "no text"],
)
def test_a_whole_file_that_is_not_understood_changes_nothing(tmp_path, body):
    path = tmp_path / "settings.mmc"
    path.write_bytes(sealed(body))
    config = load(tmp_path)
    assert config.was_damaged
    assert config.settings["target_low_pct"] == 25
    assert (tmp_path / "settings.mmc.bad").read_bytes() == sealed(body)
    config.save()
    assert not load(tmp_path).was_damaged


@pytest.mark.parametrize(
    "foreign",
    [setting(9, "no_such_setting"), setting(1000, "target_high_pct"), setting(9, "mains_hz")],
    ids=["unknown name", "out of range", "unknown word"],
)
def test_what_another_version_wrote_is_passed_over_and_kept_aside(tmp_path, foreign):
    path = tmp_path / "settings.mmc"
    body = setting(40, "target_low_pct") + foreign + setting(300_000, "ch0_reference_nv")
    path.write_bytes(sealed(body))
    config = load(tmp_path)
    assert config.was_damaged
    assert (config.settings["target_low_pct"], config.settings["ch0_reference_nv"]) == (40, 300_000)
    assert (config.settings["target_high_pct"], config.settings["mains_hz"]) == (75, "auto")
    assert path.read_bytes() == sealed(body)  # reading changes nothing
    config.settings.put("wearer", "b")
    config.save()
    assert (tmp_path / "settings.mmc.bad").read_bytes() == sealed(body)
    again = load(tmp_path)
    assert not again.was_damaged
    assert [again.settings[name] for name in ("target_low_pct", "ch0_reference_nv", "wearer")] == [40, 300_000, "b"]


def test_records_of_other_kinds_are_passed_over(tmp_path):
    (tmp_path / "settings.mmc").write_bytes(sealed(b"\x7f\x02ab" + setting(40, "target_low_pct")))
    config = load(tmp_path)
    assert (config.was_damaged, config.settings["target_low_pct"]) == (False, 40)


@pytest.mark.parametrize("data", [b"", b"\x01", b"abcd" * 3, sealed(b"\x01\x02"), sealed(b"\x01" * 8)], ids=len)
def test_a_damaged_boot_count_is_set_aside_and_counting_begins_anew(tmp_path, data):
    (tmp_path / "boots.mmc").write_bytes(data)
    config = load(tmp_path)
    assert (config.was_damaged, config.boot_count) == (True, 1)
    assert (tmp_path / "boots.mmc.bad").read_bytes() == data
    again = load(tmp_path)
    assert (again.was_damaged, again.boot_count) == (False, 2)


def test_saving_after_damage_leaves_what_was_set_aside(tmp_path):
    (tmp_path / "settings.mmc").write_bytes(b"what was here")
    config = load(tmp_path)
    config.settings.put("wearer", "b")
    config.save()
    assert (tmp_path / "settings.mmc.bad").read_bytes() == b"what was here"
    assert load(tmp_path).settings["wearer"] == "b"


class PowerCut(Exception):
    """The test's own."""


def test_power_cut_between_write_and_rename_keeps_the_old(tmp_path, monkeypatch):
    good = stored(tmp_path)

    def cut(source: str, target: str) -> None:
        raise PowerCut

    config = load(tmp_path)
    config.settings.put("wearer", "new")
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "rename", cut)
        with pytest.raises(PowerCut):
            config.save()
    assert (tmp_path / "settings.mmc").read_bytes() == good
    assert (tmp_path / "settings.mmc.new").exists()
    again = load(tmp_path)
    assert (again.settings["wearer"], again.was_damaged) == ("zoë", False)
    again.settings.put("wearer", "newer")
    again.save()
    assert load(tmp_path).settings["wearer"] == "newer"
    assert not (tmp_path / "settings.mmc.new").exists()


@pytest.mark.parametrize("left", [b"", b"x", bytes(2000)], ids=len)
def test_a_rest_of_a_write_that_was_cut_disturbs_nothing(tmp_path, left):
    stored(tmp_path)
    for name in ("settings.mmc.new", "boots.mmc.new"):
        (tmp_path / name).write_bytes(left)
    config = load(tmp_path)
    assert (config.settings["wearer"], config.boot_count, config.was_damaged) == ("zoë", 2, False)
    config.save()
    assert load(tmp_path).settings["wearer"] == "zoë"


def test_a_file_system_that_refuses_stops_no_start(tmp_path, monkeypatch):
    stored(tmp_path)
    real = builtins.open

    def full(path: str, mode: str = "r", **options: object):
        if "w" in mode:
            raise OSError(28, "no space left")
        return real(path, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module, "open", full, raising=False)
    config = load(tmp_path)
    assert (config.settings["wearer"], config.boot_count, config.was_damaged) == ("zoë", 2, True)
    with pytest.raises(OSError):
        config.save()  # the app tells who asked


def test_a_file_that_cannot_be_read_is_set_aside_not_lost(tmp_path, monkeypatch):
    good = stored(tmp_path)
    real = builtins.open

    def broken(path: str, mode: str = "r", **options: object):
        if path.endswith("settings.mmc") and mode == "rb":
            raise OSError(5, "input/output error")
        return real(path, mode, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(module, "open", broken, raising=False)
        config = load(tmp_path)
    assert (config.was_damaged, config.settings["wearer"]) == (True, "anonymous")
    config.save()
    assert (tmp_path / "settings.mmc.bad").read_bytes() == good


def test_the_file_is_records_and_a_checksum(tmp_path):
    data = stored(tmp_path)
    assert struct.unpack("<I", data[-4:])[0] == binascii.crc32(data[:-4])
    found = [schema.from_wire(*values) for _, _, values, _ in decoding.decode(data, 0, len(data) - 4)]
    assert [name for name, _ in found] == list(schema.names())
    assert dict(found)["wearer"] == "zoë"


def test_a_folder_that_is_not_there_is_made(tmp_path):
    """As on a file system that was formatted a moment ago."""
    folder = tmp_path / "config"
    config = Config(str(folder))
    config.load()
    assert config.boot_count == 1 and not config.was_damaged
    config.settings.put("cue_pulses", 3)
    config.save()
    again = Config(str(folder))
    again.load()
    assert again.boot_count == 2 and again.settings["cue_pulses"] == 3
