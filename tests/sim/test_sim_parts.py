"""The other simulated parts: clock, flash, consoles, motor, watchdog; strict where real ones spoil in silence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import load_facts, make_body, noise

from mmc_sim import clock as clock_module
from mmc_sim.clock import Clock
from mmc_sim.console import INPUT_BYTES, PipeConsole, StandardConsole
from mmc_sim.flash import BLOCK_BYTES, PAGE_BYTES, Flash, FlashMisuse, PowerCut
from mmc_sim.wearable import Motor, Watchdog, Wearable, open_folder

# Clock


@given(st.integers(0, 2**30 - 1), st.lists(st.integers(0, 2**28), max_size=20))
def test_ticks_wrap_at_2_to_the_30(start: int, sleeps: list[int]) -> None:
    clock = Clock(0, start)
    for ms in sleeps:
        clock.sleep_ms(ms)
    assert clock.now_ms == sum(sleeps)
    assert clock.ticks_ms() == (start + sum(sleeps)) % 2**30


def test_power_off_at_the_end_of_the_simulated_time() -> None:
    clock = Clock(0, 0, 30)
    clock.sleep_ms(20)
    with pytest.raises(SystemExit):
        clock.sleep_ms(10)
    assert clock.now_ms == 30


def real_time(sleep_ms: Callable[[int], None], ticks_ms: Callable[[], int]) -> SimpleNamespace:
    """MicroPython's real time, injected."""
    return SimpleNamespace(sleep_ms=sleep_ms, ticks_ms=ticks_ms, ticks_diff=lambda end, start: end - start)


def test_pacing_makes_up_for_the_devices_own_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real time is injected: 10 ms of virtual time at 200 % are 5 ms, less what the device used since."""
    real = [1000]
    slept = []

    def sleep(ms: int) -> None:
        slept.append(ms)
        real[0] += ms

    monkeypatch.setattr(clock_module, "time", real_time(sleep, lambda: real[0]))
    clock = Clock(200)
    for work_ms in (0, 2, 5, 9, 0, 0):
        real[0] += work_ms
        clock.sleep_ms(10)
    # 5; 5-2; 5-5: none; 5-9: none, 4 behind; 5-4; back in step
    assert slept == [5, 3, 1, 5]
    assert clock.now_ms == 60


def test_unpaced_unless_somebody_must_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[int] = []
    monkeypatch.setattr(clock_module, "time", real_time(slept.append, lambda: 0))
    clock = Clock(0)
    clock.sleep_ms(10)
    assert slept == []
    clock.pace_while(lambda: True)
    clock.sleep_ms(10)
    assert slept == [10]


# Flash


def flash(blocks: int = 4, **options: object) -> tuple[Flash, io.BytesIO]:
    file = io.BytesIO(b"\xff" * (blocks * BLOCK_BYTES))
    return Flash(file, blocks, **options), file


def test_flash_reads_what_was_programmed() -> None:
    part, file = flash()
    page = bytes(range(256))
    part.writeblocks(2, page, 512)
    buffer = bytearray(300)
    part.readblocks(2, buffer, 500)
    assert buffer == b"\xff" * 12 + page + b"\xff" * 32
    assert file.getvalue().count(b"\xff" * 256) > 0
    assert (part.ioctl(4, 0), part.ioctl(5, 0), part.operations) == (4, 4096, 1)
    part.ioctl(6, 2)
    part.readblocks(2, buffer, 500)
    assert buffer == b"\xff" * 300 and part.operations == 2


@pytest.mark.parametrize(
    "misuse",
    [
        lambda f: f.writeblocks(0, bytes(256), 256 * 3),  # a second time: see the test
        lambda f: f.writeblocks(0, bytes(256), 100),
        lambda f: f.writeblocks(0, bytes(255), 0),
        lambda f: f.writeblocks(0, bytes(512), 0),
        lambda f: f.writeblocks(4, bytes(256), 0),
        lambda f: f.writeblocks(-1, bytes(256), 0),
        lambda f: f.writeblocks(0, bytes(256), 4096),
        lambda f: f.readblocks(0, bytearray(256), 4000),
        lambda f: f.readblocks(4, bytearray(1), 0),
        lambda f: f.ioctl(6, 4),
        lambda f: f.ioctl(6, -1),
        lambda f: f.ioctl(3, 0),
    ],
)
def test_flash_forgives_nothing(misuse: object) -> None:
    part, file = flash()
    part.writeblocks(0, bytes(256), 256 * 3)
    before = file.getvalue()
    with pytest.raises(FlashMisuse):
        misuse(part)  # type: ignore[operator]
    assert file.getvalue() == before and part.operations == 1


def test_there_is_no_two_argument_form() -> None:
    part, _ = flash()
    with pytest.raises(TypeError):
        part.writeblocks(0, bytes(256))  # type: ignore[call-arg]


@pytest.mark.parametrize("torn", [True, False])
def test_power_fails_at_the_operation_named(torn: bool) -> None:
    """Torn: half the page, half the erase; else nothing of it."""
    part, file = flash(cut_at=2, torn=torn)
    part.writeblocks(0, bytes(256), 0)
    with pytest.raises(PowerCut):
        part.writeblocks(0, bytes(256), 256)
    written = file.getvalue()
    assert written[:256] == bytes(256)
    assert written[256:512] == (bytes(128) if torn else b"\xff" * 128) + b"\xff" * 128
    file = io.BytesIO(bytes(2 * BLOCK_BYTES))
    part = Flash(file, 2, cut_at=1, torn=torn)
    with pytest.raises(PowerCut):
        part.ioctl(6, 1)
    half = BLOCK_BYTES // 2
    assert file.getvalue() == bytes(BLOCK_BYTES) + ((b"\xff" * half + bytes(half)) if torn else bytes(BLOCK_BYTES))
    assert PAGE_BYTES * 16 == BLOCK_BYTES


# Consoles


def test_a_console_keeps_259_bytes_and_drops_the_rest() -> None:
    console = PipeConsole()
    sent = bytes(n % 251 for n in range(300))
    console.send(sent)
    got = bytes(iter(console.read, -1))
    assert got == sent[:259] and console._inbox.dropped == 41 and INPUT_BYTES == 259
    console.send(b"again")
    assert bytes(iter(console.read, -1)) == b"again"


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 300)), max_size=20))
def test_the_ring_is_a_queue_with_an_end(history: list[tuple[bytes, int]]) -> None:
    console = PipeConsole()
    kept = bytearray()
    for data, reads in history:
        console.send(data)
        kept += data[: 259 - len(kept)]
        for _ in range(reads):
            assert console.read() == (kept.pop(0) if kept else -1)


def test_what_the_device_sends_is_taken_once() -> None:
    console = PipeConsole()
    console.write(bytearray(b"abcdef"), 4)
    console.write(memoryview(b"xyz"), 2)
    assert console.take() == b"abcdxy" and console.take() == b""


def test_the_standard_console_takes_what_waits_and_never_more() -> None:
    data = bytes(n % 256 for n in range(400))
    stdin, stdout = io.BytesIO(data), io.BytesIO()
    waiting = [300, 100]

    def poll() -> bool:
        return stdin.tell() < sum(waiting[:1]) or (len(waiting) == 1 and stdin.tell() < 400)

    console = StandardConsole(stdin, stdout, poll)
    got = bytes(iter(console.read, -1))
    assert got == data[:259] + b""  # 300 came at once: 41 fell off
    assert stdin.tell() == 300
    waiting[0] = 400
    assert bytes(iter(console.read, -1)) == data[300:]
    console.write(bytearray(b"\n\x00end"), 2)
    assert stdout.getvalue() == b"\n\x00"


def test_the_end_of_the_input_is_no_byte() -> None:
    console = StandardConsole(io.BytesIO(b""), io.BytesIO(), lambda: True)
    assert console.read() == -1


# Motor, watchdog, the whole


def test_the_motor_tells_the_body_and_people_once_per_switch() -> None:
    told, felt = [], []
    motor = Motor(SimpleNamespace(feel_motor=felt.append), told.append)
    motor.off()
    motor.on(70)
    assert motor.is_on
    motor.off()
    motor.off()
    assert not motor.is_on and told == ["motor on 70", "motor off"] and felt == [True, False]


def test_the_watchdog_bites_after_8_s() -> None:
    clock = Clock(0)
    watchdog = Watchdog(clock)
    clock.sleep_ms(8000)
    watchdog.feed()
    clock.sleep_ms(8001)
    with pytest.raises(RuntimeError, match="8001 ms"):
        watchdog.feed()


def test_a_folder_makes_a_wearable_and_keeps_its_flash(tmp_path: Path) -> None:
    facts = load_facts()
    (tmp_path / "config").mkdir()
    (tmp_path / "body.bin").write_bytes(make_body([noise(2, [2, 2, 2, 2])], []))
    told: list[str] = []
    for start in range(2):
        board = open_folder(facts, str(tmp_path), PipeConsole(), told.append, 0, 5, 0)
        buffer = bytearray(256)
        board.flash.readblocks(facts.JOURNAL_BLOCKS - 1, buffer, 0)
        assert buffer == (bytes(256) if start else b"\xff" * 256)
        if not start:
            board.flash.writeblocks(facts.JOURNAL_BLOCKS - 1, bytes(256), 0)
        assert board.clock.ticks_ms() == 5
        assert (
            board.clock._condition and board.clock._condition()
        )  # a wearer without a script rests: that takes its time
        board.clock.pace_while(lambda: False)
        board.clock.sleep_ms(40)
        board.motor.on(50)
        board.flash._file.close()
        board.emg._file.close()
    assert (tmp_path / "flash.bin").stat().st_size == facts.JOURNAL_BLOCKS * 4096
    assert [line for line in told if "motor" in line] == ["@40 motor on 50"] * 2


def test_a_body_of_other_channels_is_refused(tmp_path: Path) -> None:
    facts = load_facts()
    facts.EMG_CHANNELS = 2
    body = io.BytesIO(make_body([noise(2, [2, 2, 2, 2])], []))
    with pytest.raises(ValueError, match="4 channels"):
        Wearable(facts, body, io.BytesIO(b"\xff" * (384 * 4096)), str(tmp_path), PipeConsole(), Clock(0), print)
