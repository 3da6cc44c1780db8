"""FORMAT.md is what the core's tables say, and its offsets are those of the bytes."""

import re
import struct
from pathlib import Path

import make_format_doc
import pytest

from mmc_core import record
from mmc_host.schema import Field, record_rows

ROOT = Path(__file__).resolve().parents[2]


def test_format_md_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_format_doc.main(["--check"]) == 0, capsys.readouterr().out


def test_drift_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "FORMAT.md"
    monkeypatch.setattr(make_format_doc, "TARGET", target)
    assert make_format_doc.main(["--check"]) == 1
    assert make_format_doc.main([]) == 0
    assert make_format_doc.main(["--check"]) == 0
    target.write_text(target.read_text(encoding="utf-8").replace("u16", "u61", 1), encoding="utf-8")
    capsys.readouterr()
    assert make_format_doc.main(["--check"]) == 1
    assert "u61" in capsys.readouterr().out


def test_offsets_are_those_of_the_encoded_bytes() -> None:
    """Each fixed field of an EVENT, changed alone, changes the bytes at its offset and no others."""
    text = (ROOT / "FORMAT.md").read_text(encoding="utf-8")
    section = text.split("### `event` (type 0x12)")[1].split("###")[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \| `(\w+)`", section, re.MULTILINE)
    codes, _ = record.RECORDS[record.EVENT]
    assert [name for _, _, _, name in rows] == record_rows()[record.EVENT].names
    blank = bytearray(64)
    end = record.encode_into(blank, 0, record.EVENT, [0] * len(codes))
    for index, (offset, size, _, _) in enumerate(rows):
        values = [0] * len(codes)
        values[index] = -1 if codes[index].islower() else 2 ** (8 * struct.calcsize(codes[index])) - 1
        changed = bytearray(64)
        record.encode_into(changed, 0, record.EVENT, values)
        differing = [at - 2 for at in range(end) if changed[at] != blank[at]]
        assert differing == list(range(int(offset), int(offset) + int(size)))


def test_offsets_stop_behind_a_field_of_variable_size() -> None:
    fields = [Field(name, "-", "it") for name in "abc"]
    lines = make_format_doc.field_table("HtB", ["a", "b", "c"], fields)[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| 0", "| 2", "| +"]
    with pytest.raises(KeyError):
        make_format_doc.field_table("B", ["undescribed"], fields)
