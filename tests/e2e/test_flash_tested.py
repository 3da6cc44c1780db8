"""The self-test after flashing, on simulated parts under real MicroPython: each fault gives its row, nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_board import make_outside, with_parts, write_board_files
from flash_board import FlashBoard, blank
from flash_facts import IMAGE, MIB, toml, write_board
from host.command_line import run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Tested:
    """A flashed board whose faults can be chosen."""

    def __init__(self, board: FlashBoard, arguments: tuple[str, ...], outside: Path):
        self.board, self._arguments, self._outside = board, arguments, outside

    def flash(self, *more: str, code: int = 0) -> str:
        result = run("flash", *self._arguments, *more)
        assert result.exit_code == code, result.output
        return result.output

    def test(self, faults: str = "") -> dict[str, tuple[str, str]]:
        """Rows of the table as part: (verdict, the rest)."""
        (self._outside / "faults").write_text(f"fast {faults}")
        self.output = self.flash("--test")
        (self._outside / "faults").write_text("")
        return rows(self.output)


def rows(output: str) -> dict[str, tuple[str, str]]:
    found = {}
    for line in output.splitlines():
        for verdict in ("ok", "worth a look", "missing"):
            part, matched, rest = line.partition(f"  {verdict}  ")
            if matched and part.strip() not in found:
                found[part.strip()] = (verdict, rest.strip())
    return found


@pytest.fixture(scope="module")
def tested(mpy64: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tested]:
    if sys.maxsize < 1 << 32:
        pytest.skip("the stand-in runs machine code for x64")
    folder = tmp_path_factory.mktemp("bench")
    place = write_board(folder / "tester", toml(architecture="x64"))
    write_board_files(place)
    image, outside = folder / "image.bin", make_outside(folder / "outside")
    image.write_bytes(IMAGE)
    (outside / "faults").write_text("fast")
    flash = blank(folder / "flash.bin", 4 * MIB)
    with pytest.MonkeyPatch.context() as patch, FlashBoard(mpy64, flash, 0, 0, outside) as board:
        patch.setenv("MMC_HOME", str(folder / "home"))
        patch.setenv("ESPTOOL", str(board.esptool))
        with_parts(patch)
        bench = Tested(board, (str(place), "--port", board.port, "--image", str(image)), outside)
        bench.first = bench.flash()  # type: ignore[attr-defined]
        yield bench


def test_flashing_ends_with_a_table_and_the_next_command(tested: Tested) -> None:
    said = tested.first  # type: ignore[attr-defined]
    found = rows(said)
    assert {verdict for verdict, _ in found.values()} == {"ok"}, said
    assert list(found) == [
        "EMG channel 0", "EMG channel 1", "EMG channel 2", "EMG channel 3", "sampling", "timing", "motion sensor",
        "motor", "button", "battery", "journal", "heap", "last start",
    ]  # fmt: skip
    assert found["EMG channel 0"][1].startswith("2.5 µV RMS at rest")
    assert found["sampling"][1].startswith("1500 of 1500 samples came, 0 were lost")
    assert found["motion sensor"][1].startswith("gravity is 1.00 g")
    assert found["journal"][1].startswith("1.50 MiB, 100 % of it erased")
    assert f"Done, and started. Next, with the electrodes on: mmc-host check --port {tested.board.port}" in said


FAULTS = {
    "no-emg": {"front end": ("missing", "emg 0x68 register 0x75: no answer", "no session can begin")},
    "no-imu": {"motion sensor": ("missing", "no answer", "check its supply, its ground and its wires")},
    "no-motor": {"motor": ("missing", "no answer", "there are no buzzes")},
    "no-button": {"button": ("missing", "no answer", "by `mmc-host` alone")},
    "no-power": {"battery gauge": ("missing", "no answer", "nobody knows when the battery is empty")},
    "emg-silent": {"sampling": ("worth a look", "0 of 15", "the front end does not convert")},
    "flat": {"EMG channel 1": ("worth a look", "flat: no signal at all", "check the amplifier's supply")},
    "clipped": {"EMG channel 2": ("worth a look", "clipped: at the converter's limit for 100 %", "the reference")},
    "noisy": {"EMG channel 3": ("worth a look", "µV RMS at rest", "on a relaxed muscle it should be below 25 µV")},
    "lossy": {"sampling": ("worth a look", "were lost", "run it again")},
    "late": {"timing": ("worth a look", "99 % up to 400 µs", "timer interrupts come late")},
    "imu-silent": {"motion sensor": ("worth a look", "no readings come", "check its supply")},
    "imu-scale": {"motion sensor": ("worth a look", "gravity is 2.00 g", "lay it down")},
    "imu-dies": {"motion sensor": ("worth a look", "it answered first", "IMU 0x68 register 0x3A: not read")},
    "motor-unfelt": {"motor": ("worth a look", "shakes by 0 mg, and by 0 mg without it", "did you feel it?")},
    "pressed": {"button": ("worth a look", "pressed", "its wire touches ground")},
    "empty": {"battery": ("worth a look", "4 % left", "charge it")},
    "brown-out": {"last start": ("worth a look", "brown-out", "the supply dipped: mostly when the motor starts")},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_row(tested: Tested, fault: str) -> None:
    found = tested.test(fault)
    bad = {part: row for part, row in found.items() if row[0] != "ok"}
    if fault == "emg-silent":  # nothing came, so nothing is said of noise but that it is flat or not
        bad = {part: row for part, row in bad.items() if not part.startswith("EMG")}
    assert bad.keys() == FAULTS[fault].keys(), tested.output
    for part, (verdict, *words) in FAULTS[fault].items():
        assert bad[part][0] == verdict
        assert all(word in bad[part][1] for word in words), bad[part]


def test_a_part_that_is_missing_is_mended_before_the_next_command(tested: Tested) -> None:
    tested.test("no-imu no-button")
    assert "A part is missing; mend that, then: mmc-host flash BOARD --test" in tested.output


def test_a_board_that_can_t_be_opened_is_flashed_all_the_same(tested: Tested) -> None:
    found = tested.test("dead")
    assert list(found) == ["self-test"]
    assert "nothing works" in found["self-test"][1]
