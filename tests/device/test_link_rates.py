"""The line besides frames of requests: the way into MicroPython's console, and other rates."""

from __future__ import annotations

import pytest
from device import rig
from device.rig import recorded

from mmc_core import message, page


def quiet(line: rig.Line, ms: int) -> None:
    """Nobody says anything for so long."""
    for _ in range(ms // 10):
        line.tick()


@pytest.mark.parametrize("asked", [b"\x03", b"\r\x03", b"\x03\x03", b"\r\x03\x03"])
def test_an_interrupt_on_a_quiet_line_lets_tools_in(asked):
    _, line = recorded(1)
    quiet(line, 30)
    line.console.send(asked)
    line.tick()
    assert line.app.left >= 1


@pytest.mark.parametrize("asked", [b"\x02\x03", b"a\r\x03", b"\x00\x03", b"\n\x03", b"\xff\xff\x03"])
def test_an_interrupt_behind_anything_else_is_noise(asked):
    _, line = recorded(1)
    quiet(line, 30)
    line.console.send(asked)
    line.tick()
    assert line.app.left == 0


def test_an_interrupt_in_a_frame_that_came_in_pieces_is_a_byte_of_it():
    _, line = recorded(1)
    wire = line.client.request(message.CONTROL, (message.VERB_CALIBRATE, 3), line.now_ms)
    at = wire.index(b"\x03", 3)  # the argument; with no byte before it but a zero it would be asking
    line.console.send(wire[:at])
    quiet(line, 500)
    line.console.send(wire[at:])
    assert line.tick() == [(message.CONTROL, [message.OK])]
    assert line.app.left == 0 and line.app.controls == [(message.VERB_CALIBRATE, 3)]


def test_what_was_half_said_a_second_ago_is_no_reason_to_keep_tools_out():
    _, line = recorded(1)
    line.console.send(b"\x00half a frame")
    quiet(line, 900)
    line.console.send(b"\x03")
    line.tick()
    assert line.app.left == 0
    quiet(line, 1010)
    line.console.send(b"\x03")
    line.tick()
    assert line.app.left == 1


def test_bye_is_answered_before_the_app_leaves():
    _, line = recorded(1)
    assert line.ask(message.BYE) == [message.OK] and line.app.left == 1


def test_a_rate_is_applied_behind_its_reply_and_kept_while_frames_come():
    _, line = recorded(1)
    assert line.ask(message.RATE, 460_800) == [message.OK]
    assert line.console.bits_per_s == 460_800
    for _ in range(5):
        quiet(line, 900)
        assert line.ask(message.LIST, 0)
    quiet(line, 4900)
    assert line.console.bits_per_s == 460_800
    quiet(line, 200)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S


def test_a_rate_without_a_proof_is_given_up_after_a_second():
    _, line = recorded(1)
    line.ask(message.RATE, 921_600)
    line.console.send(b"\xa5\x5a" * 40)  # garbled
    quiet(line, 990)
    assert line.console.bits_per_s == 921_600
    quiet(line, 40)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S
    assert line.ask(message.LIST, 0)


def test_a_stream_is_a_proof_as_long_as_it_runs():
    _, line = recorded(100)
    line.ask(message.RATE, 460_800)
    line.send(message.READ, 1, 0, 1 << 20)
    for _ in range(50):
        line.now_ms += 190
        assert [len(piece[2]) for _, piece in line.tick()] == [page.PAGE_BYTES] * 2  # two at a time
        assert line.console.bits_per_s == 460_800
    assert line.now_ms > 9000
    quiet(line, 5100)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S


def test_rates_that_the_console_or_the_table_refuse_change_nothing():
    _, line = recorded(1)
    assert line.ask(message.RATE, 9600) == [message.RESULT_RANGE]
    assert line.ask(message.RATE, 4_000_000) == [message.OK]  # heard at the old rate: the host comes back to it
    assert line.console.bits_per_s == message.LINE_BITS_PER_S
    quiet(line, 2000)
    assert line.ask(message.RATE, 460_800) == [message.OK] and line.console.bits_per_s == 460_800
    assert line.ask(message.RATE, message.LINE_BITS_PER_S) == [message.OK]
    quiet(line, 10_000)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S


@pytest.mark.parametrize("pause_ms", [20, 60, 200])
@pytest.mark.parametrize(("kind", "values"), [(message.STATUS, ()), (message.LIST, (0,)), (message.HELLO, (1, 2))])
def test_a_frame_that_breaks_behind_its_first_zero_is_no_interrupt(pause_ms, kind, values):
    """The code behind that zero may be 3."""
    _, line = recorded(1)
    quiet(line, 30)
    wire = line.client.request(kind, values, line.now_ms)
    assert wire[1] == 3
    line.console.send(wire[:1])
    line.link.tick(line.now_ms)
    line.now_ms += pause_ms
    line.console.send(wire[1:])
    assert len(line.tick()) == 1 and line.app.left == 0


def test_a_rate_asked_for_again_is_applied_again():
    """Its reply was lost, and meanwhile the device went back."""
    _, line = recorded(1)
    wire = line.send(message.RATE, 460_800)
    line.link.tick(line.now_ms)
    line.console.take()
    quiet(line, 1100)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S
    line.console.send(wire)
    assert line.tick() == [(message.RATE, [message.OK])] and line.console.bits_per_s == 460_800


def test_the_way_back_is_tried_until_it_works():
    _, line = recorded(1)
    line.ask(message.RATE, 460_800)
    set_rate, fails = line.console.set_rate, [1, 1, 1]

    def stubborn(bits_per_s):
        if fails:
            fails.pop()
            raise OSError(5)
        set_rate(bits_per_s)

    line.console.set_rate = stubborn
    quiet(line, 1100)
    assert line.console.bits_per_s == message.LINE_BITS_PER_S and not fails


def test_flash_that_fails_before_any_request_refuses_nothing():
    _, line = recorded(1)

    def leave():
        raise OSError(28)

    line.app.leave = leave
    line.console.send(b"\x03")
    with pytest.raises(OSError):
        line.link.tick(1000)
    assert line.console.take() == b""
