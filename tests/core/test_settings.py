"""The settings' one schema: ranges, defaults, suggestions, and the way over the wire for every value there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from mmc_core import decoding, message, record, settings
from mmc_core.errors import UsageError

ALL = list(settings.names())


def values_of(name: str) -> st.SearchStrategy:
    """Every value that the schema allows for a setting."""
    _, kind, low, high, _ = settings.find_row(name)
    if kind == "int":
        return st.integers(low, high)
    if kind == "word":
        return st.sampled_from(low)
    return st.text(st.characters(exclude_characters="=\x00", exclude_categories=["Cs"])).filter(
        lambda text: len(text.encode()) <= high
    )


named_values = st.sampled_from(ALL).flatmap(lambda name: st.tuples(st.just(name), values_of(name)))


def test_names_are_the_schema_and_four_channels() -> None:
    assert len(ALL) == len(set(ALL)) == settings.SCHEMA.count("\n") + 4 * settings.CHANNEL_SCHEMA.count("\n")
    assert ALL[0] == "wearer" and "ch0_muscle" in ALL and "ch3_calibrated_utc_s" in ALL


@pytest.mark.parametrize("name", ALL)
def test_every_default_is_valid(name: str) -> None:
    row = settings.find_row(name)
    assert settings.validate(name, row[4]) == row[4]
    assert settings.Settings()[name] == row[4]


@pytest.mark.parametrize("name", [name for name in ALL if settings.find_row(name)[1] == "int"])
def test_ranges_include_their_ends_and_nothing_beyond(name: str) -> None:
    _, _, low, high, default = settings.find_row(name)
    assert low <= default <= high
    assert settings.validate(name, low) == low and settings.validate(name, str(high)) == high
    for beyond in (low - 1, high + 1):
        with pytest.raises(UsageError) as caught:
            settings.validate(name, beyond)
        for part in (name, str(beyond), str(low), str(high), str(default)):
            assert part in str(caught.value)
    with pytest.raises(UsageError, match="whole number"):
        settings.validate(name, "many")


@pytest.mark.parametrize("name", [name for name in ALL if settings.find_row(name)[1] == "word"])
def test_words_are_those_listed(name: str) -> None:
    words = settings.find_row(name)[2]
    assert [settings.validate(name, word) for word in words] == list(words)
    with pytest.raises(UsageError, match=", ".join(words)):
        settings.validate(name, words[0] + "x")


@pytest.mark.parametrize("name", [name for name in ALL if settings.find_row(name)[1] == "text"])
def test_texts_are_measured_in_bytes(name: str) -> None:
    limit = settings.find_row(name)[3]
    assert settings.validate(name, "m" * limit) == "m" * limit
    assert settings.validate(name, "\u00b5" * (limit // 2)) == "\u00b5" * (limit // 2)
    for bad in ("m" * (limit + 1), "\u00b5" * (limit // 2 + 1), "a=b", "a\x00b"):
        with pytest.raises(UsageError, match=name):
            settings.validate(name, bad)


def test_values_take_the_schemas_type() -> None:
    assert settings.validate("cue_pulses", "3") == 3
    assert settings.validate("mains_hz", 50) == "50"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("hold_enter_ptc", "hold_enter_pct"), ("cue_pulse", "cue_pulse_ms"), ("ch0_mussle", "ch0_muscle"),
        ("wearrs", "wearers"), ("enter_pct", "hold_enter_pct"), ("ch2_reference_mv", "ch2_reference_nv"),
    ],
)  # fmt: skip
def test_an_unknown_name_gets_a_suggestion(wrong: str, right: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings.find_row(wrong)
    assert repr(wrong) in str(caught.value)
    assert str(caught.value).endswith(f"did you mean {right!r}?")


@pytest.mark.parametrize("name", ["", "zq", "ch4_muscle", "ch0_", "ch0", "ch0_wearer", "chx_muscle", "_muscle"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no setting is called"):
        settings.find_row(name)
    with pytest.raises(UsageError):
        settings.from_wire(0, name)


@pytest.mark.parametrize("name", ALL)
def test_every_default_goes_over_the_wire(name: str) -> None:
    value = settings.find_row(name)[4]
    assert settings.from_wire(*settings.to_wire(name, value)) == (name, value)


@profile(max_examples=400)
@given(named_values)
def test_every_value_goes_over_the_wire_and_into_the_log(named: tuple[str, object]) -> None:
    """Through the wire's pair, a record's bytes, and a request's bytes."""
    name, value = named
    number, key = settings.to_wire(name, value)
    assert settings.from_wire(number, key) == (name, value)
    buffer = bytearray(80)
    end = record.encode_into(buffer, 0, record.SETTING, (number, key))
    assert 0 < end <= 64  # what Config gives a setting
    (found,) = decoding.decode(buffer, 0, end)
    assert found[1] == record.SETTING and settings.from_wire(*found[2]) == (name, value)
    codes = message.MESSAGES[message.PUT_SETTING][0]
    assert codes == "it" and -(2**31) <= number < 2**31 and len(key.encode()) < 192 - 20


@given(st.integers(-(2**31), 2**31 - 1), st.one_of(st.sampled_from(ALL), st.text(max_size=40)))
def test_the_wire_is_checked(number: int, key: str) -> None:
    """Whatever comes in gives a valid value or UsageError."""
    try:
        name, value = settings.from_wire(number, key)
    except UsageError:
        return
    assert settings.validate(name, value) == value


def test_words_out_of_their_list_are_refused() -> None:
    for number in (-1, 4, 2**30):
        with pytest.raises(UsageError, match="mains_hz"):
            settings.from_wire(number, "mains_hz")


@pytest.mark.parametrize("key", ["muscle", "side", "site"])
def test_another_muscle_drops_the_calibration_of_its_channel_only(key: str) -> None:
    config = settings.Settings()
    for channel in (0, 1):
        config.put(f"ch{channel}_reference_nv", 500_000)
        config.put(f"ch{channel}_reference_kind", "mvc")
    config.put("ch1_" + key, config.channel(1, key))  # the same again: nothing happens
    assert config.channel(1, "reference_kind") == "mvc"
    config.put("ch1_" + key, "left" if key == "side" else "soleus")
    assert (config.channel(1, "reference_kind"), config.channel(1, "reference_nv")) == ("none", 0)
    assert (config.channel(0, "reference_kind"), config.channel(0, "reference_nv")) == ("mvc", 500_000)


def test_restore_has_no_consequences_and_put_is_checked_first() -> None:
    config = settings.Settings()
    config.restore("ch0_reference_kind", "ref")
    config.restore("ch0_muscle", "soleus")
    assert config["ch0_reference_kind"] == "ref"
    with pytest.raises(UsageError):
        config.put("ch0_muscle", "x" * 25)
    with pytest.raises(UsageError):
        config.restore("cue_pulses", 6)
    assert (config["ch0_reference_kind"], config["ch0_muscle"]) == ("ref", "soleus")
