"""Meanings from comments: every row of the core's tables has one, and the reader of them takes what it should."""

import pytest

from mmc_core import event, frame, message, page, record, settings
from mmc_host import schema

SOURCE = """
from mmc_core.compat import const

ONE = const(0x11)  # the first
TWO = const(2)
lower = const(3)

TABLE = {
    ONE: ("one", "BH", "a b_ms", 0),
    # a                  -         a plain number: 1; 2
    # b_ms               ms        a time
    # tail               counts    and what follows
    TWO: (
        "two",
        "",
        "",
        TWO,
    ),

    # not a comment of a row: a line is between
}
SINGLE = ("single", "B", "x")
# x                  bits      bit 0: yes
ROWS = (
    ("speed_ms", "int", 1, 9, 3),
    # how fast,
    # and why
    ("name", "text", 0, 9, "#no comment"),
)
"""


def test_rows_fields_and_meanings() -> None:
    found = schema.tables(SOURCE)
    assert list(found) == ["TABLE", "SINGLE", "ROWS"]
    one, two = found["TABLE"]
    assert (one.key, one.parts) == ("ONE", ("one", "BH", "a b_ms", 0))
    assert one.fields == (
        schema.Field("a", "-", "a plain number: 1; 2"),
        schema.Field("b_ms", "ms", "a time"),
        schema.Field("tail", "counts", "and what follows"),
    )
    assert (two.key, two.parts, two.fields) == ("TWO", ("two", "", "", None), ())
    (single,) = found["SINGLE"]
    assert single.fields == (schema.Field("x", "bits", "bit 0: yes"),)
    assert [(row.key, row.meaning) for row in found["ROWS"]] == [("speed_ms", "how fast, and why"), ("name", "")]


def test_constants_with_their_comments() -> None:
    assert schema.constants(SOURCE) == [schema.Constant("ONE", 0x11, "the first"), schema.Constant("TWO", 2, "")]
    assert schema.constants(SOURCE, "TW") == [schema.Constant("TWO", 2, "")]


def names_of(row: schema.Row) -> list[str]:
    return [field.name for field in row.fields]


def test_every_field_of_every_record_is_described_in_order() -> None:
    rows = schema.tables(schema.source_of("mmc_core.record"))["RECORDS"]
    assert len(rows) == len(record.RECORDS)
    for row in rows:
        codes, tail = record.RECORDS[getattr(record, row.key)]
        assert row.parts[0] == codes
        assert len(row.names) == len(codes), row.key
        assert names_of(row) == row.names + (["tail"] if tail else []), row.key
        assert all(field.meaning for field in row.fields)


@pytest.mark.parametrize(("module", "table"), [(page, "PAGE"), (frame, "FRAME")])
def test_every_field_of_pages_and_frames_is_described(module: object, table: str) -> None:
    (row,) = schema.tables(schema.source_of(f"mmc_core.{table.lower()}"))[table]
    assert row.parts == getattr(module, table)
    assert names_of(row) == row.names
    assert len(row.names) == len(getattr(module, table)[0])


def test_every_field_of_every_message_is_described() -> None:
    rows = schema.tables(schema.source_of("mmc_core.message"))["MESSAGES"]
    assert len(rows) == len(message.MESSAGES)
    for row in rows:
        codes = message.MESSAGES[getattr(message, row.key)]
        assert row.parts == codes
        assert [len(row.request), len(row.reply)] == [len(one) for one in codes], row.key
        assert sorted(names_of(row)) == sorted(set(row.request + row.reply)), row.key


def test_a_message_without_its_line_of_names_is_found() -> None:
    (row,) = schema.tables('ROW = ("BB",)\n# a  -         first\n# b  -         second')["ROW"]
    with pytest.raises(ValueError, match="ROW: no comment"):
        _ = row.request


def test_rows_by_number() -> None:
    assert schema.record_rows()[record.FAULT].names == ["t_samples", "code", "detail"]
    assert schema.message_rows()[message.SET_TIME].request == ["utc_ms"]
    assert schema.message_rows()[message.SET_TIME].name == "set_time"


def test_every_setting_and_every_event_has_a_meaning() -> None:
    meanings = schema.setting_meanings()
    assert set(meanings) == {*settings.keys(settings.SCHEMA), *settings.keys(settings.CHANNEL_SCHEMA)}
    assert all(len(text) > 8 for text in meanings.values())
    assert meanings["cue_pulse_ms"] == "length of one pulse of the motor"
    found = schema.constants(schema.source_of("mmc_core.event"))
    assert {constant.name: constant.value for constant in found}["EVENT_CUE"] == event.EVENT_CUE
    for prefix in ("EVENT_", "REASON_", "FAULT_"):
        assert all(constant.meaning for constant in found if constant.name.startswith(prefix))
