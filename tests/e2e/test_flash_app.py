"""Flashing a board that has the real app, on simulated parts under real MicroPython.

The self-test gives each fault its row and nothing else; the app hands its line over, asked or not.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_board import make_outside, with_parts, write_board_files
from flash_board import FlashBoard, blank
from flash_facts import IMAGE, MIB, toml, write_board
from host.command_line import run

from mmc_core.sync_client import SyncClient
from mmc_host.client import Device
from mmc_host.flash import device_files, handover
from mmc_host.flash.device_files import Mpremote
from mmc_host.replies import Status
from mmc_host.transport import open_transport

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Bench:
    """A flashed board whose faults can be chosen."""

    def __init__(self, board: FlashBoard, arguments: tuple[str, ...], outside: Path):
        self.board, self._arguments, self._outside = board, arguments, outside

    def flash(self, *more: str, code: int = 0) -> str:
        result = run("flash", *self._arguments, *more)
        assert result.exit_code == code, result.output
        return result.output

    def choose(self, faults: str) -> None:
        """From the next time on that the board is opened."""
        (self._outside / "faults").write_text(faults)

    def test(self, faults: str = "") -> dict[str, tuple[str, str]]:
        """Rows of the table as part: (verdict, the rest)."""
        self.choose(f"fast {faults}")
        self.output = self.flash("--test")
        self.choose("")
        return rows(self.output)

    def app(self) -> Status:
        """What the app does, once it has started."""
        transport = open_transport(self.board.port)
        try:
            device = Device(transport, client=SyncClient(tries=40))
            device.hello()
            return device.wait_until(lambda status: not status.preparing, 60.0, "prepare")
        finally:
            transport.close()


def rows(output: str) -> dict[str, tuple[str, str]]:
    found = {}
    for line in output.splitlines():
        for verdict in ("ok", "worth a look", "missing"):
            part, matched, rest = line.partition(f"  {verdict}  ")
            if matched and part.strip() not in found:
                found[part.strip()] = (verdict, rest.strip())
    return found


@pytest.fixture(scope="module")
def tested(mpy64: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
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
        bench = Bench(board, (str(place), "--port", board.port, "--image", str(image)), outside)
        bench.first = bench.flash()  # type: ignore[attr-defined]
        yield bench


def test_flashing_ends_with_a_table_and_the_next_command(tested: Bench) -> None:
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
def test_each_fault_has_its_row(tested: Bench, fault: str) -> None:
    found = tested.test(fault)
    bad = {part: row for part, row in found.items() if row[0] != "ok"}
    if fault == "emg-silent":  # nothing came, so nothing is said of noise but that it is flat or not
        bad = {part: row for part, row in bad.items() if not part.startswith("EMG")}
    assert bad.keys() == FAULTS[fault].keys(), tested.output
    for part, (verdict, *words) in FAULTS[fault].items():
        assert bad[part][0] == verdict
        assert all(word in bad[part][1] for word in words), bad[part]


def test_a_part_that_is_missing_is_mended_before_the_next_command(tested: Bench) -> None:
    tested.test("no-imu no-button")
    assert "A part is missing; mend that, then: mmc-host flash BOARD --test" in tested.output


def test_a_board_that_can_t_be_opened_is_flashed_all_the_same(tested: Bench) -> None:
    found = tested.test("dead")
    assert list(found) == ["self-test"]
    assert "nothing works" in found["self-test"][1]


def test_nothing_to_do_with_the_app_running_takes_seconds_and_leaves_it_running(tested: Bench) -> None:
    tested.board.reset()
    before = tested.app()
    begin = time.monotonic()
    assert tested.flash().strip().endswith("is already up to date.")
    took_s = time.monotonic() - begin
    print(f"nothing to do, with the app running: {took_s:.1f} s")
    assert took_s < 5
    after = tested.app()
    assert after.session == before.session and after.uptime_ms < before.uptime_ms + 1000 * took_s


def test_a_session_under_way_is_not_ended_by_flashing(tested: Bench) -> None:
    tested.board.reset()
    tested.app()
    assert run("start", "--port", tested.board.port).exit_code == 0
    told = tested.flash(code=2)
    assert "the wearable records session 1: end it with `mmc-host stop`, then run this again" in told
    assert tested.app().recording
    assert run("stop", "--port", tested.board.port).exit_code == 0
    assert handover.count_unpulled(tested.board.port) == 1
    assert handover.dismiss(tested.board.port) == 1
    assert device_files.folder(Mpremote(tested.board.port)) == "/"  # it waits at the prompt, and no app runs


def test_mpremote_gets_in_by_itself_at_its_second_attempt(tested: Bench) -> None:
    tested.board.reset()
    tested.app()
    starts = tested.board.starts
    console = Mpremote(tested.board.port)
    assert console.answers()
    assert tested.board.starts == starts + 1
    assert device_files.folder(console) == "/"
    device_files.restart(console)
    assert tested.app().session == 1


def test_an_app_that_is_silent_is_no_app(tested: Bench) -> None:
    tested.choose("dead")
    tested.board.reset()
    assert handover.dismiss(tested.board.port) is None
    assert tested.flash().strip().endswith("is already up to date.")
    tested.choose("")
