"""How long a workout fits: the README's table is what the firmware fills."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import bench_capacity
import pytest
from simulated import Simulated

from mmc_core import message
from mmc_host.session import decode
from mmc_sim.flash import BLOCK_BYTES, Flash

ROOT = Path(__file__).resolve().parents[2]


def numbers(table: str) -> dict[str, list[int]]:
    """Minutes of every row."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.M)
    return {name: [int(number) for number in re.findall(r"\d+", text)] for name, text in rows}


@pytest.mark.e2e
def test_the_table_is_what_boards_hold() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = numbers(text.split("<!-- minutes -->")[1].split("<!-- end of minutes -->")[0])
    found = numbers(bench_capacity.table(bench_capacity.measure()))
    assert told.keys() == found.keys() >= {"devkit_myoware", "devkit_i2s", "s3_ads1292r", "s3_ads1292r_4ch", "sim"}
    for name, minutes in found.items():
        assert told[name] == pytest.approx(minutes, rel=0.05, abs=1), name


class Strict(Flash):
    """Refuses to be erased while a session is open."""

    erases = 0
    is_open = False

    def ioctl(self, operation: int, argument: int) -> int:
        """Count erases."""
        if operation == 6:
            assert not self.is_open, f"block {argument} is erased within a session"
            self.erases += 1
        return super().ioctl(operation, argument)


@pytest.mark.e2e
def test_two_raw_sessions_in_a_row_erase_nothing_while_they_run(tmp_path: Path) -> None:
    """The second finds the room of the first, acknowledged by then: erased between them, never within."""
    blocks = 24
    wearable = Simulated(bench_capacity.workout(4), tmp_path, blocks=blocks)
    wearable.put(autostart="off", log_mode="raw")
    flash = Strict(io.BytesIO(b"\xff" * (blocks * BLOCK_BYTES)), blocks)
    wearable.app.journal._flash = flash
    before = 0
    for number in (1, 2):
        wearable.run(2000)
        assert wearable.ask(message.CONTROL, message.VERB_START, 0) == [message.OK]
        flash.is_open = True
        wearable.run(40_000)
        flash.is_open = False
        wearable.ask(message.CONTROL, message.VERB_STOP, 0)
        data = wearable.pull(number)
        found = decode(data)
        assert found.accounted and found.raw is not None and found.count("detail") == 1
        digest = hashlib.sha256(data).digest()
        while wearable.ask(message.ACKNOWLEDGE, number, len(data), digest)[1] == message.RESULT_PENDING:
            pass
        assert flash.erases >= before
        before = flash.erases
    wearable.run(2000)
    assert flash.erases > 0
