"""The body player: takes and steps at their times, the motor felt, and the artefact it leaves."""

from __future__ import annotations

import io
import struct
from array import array

import numpy as np
import pytest
from simulated import make_body

from mmc_sim.body import Body, Imu
from mmc_sim.clock import Clock

RAIL = 16383
UNTIL_TIME, UNTIL_STARTS, UNTIL_RESTS = 0, 1, 2


def take(level: int, samples: int) -> np.ndarray:
    return np.full((samples, 4), level, "<i2")


class Play:
    def __init__(self, takes: list[np.ndarray], steps: list[tuple[int, int, int, int]], artefact: int = 0) -> None:
        self.clock = Clock(0)
        self.told: list[str] = []
        self.body = Body(io.BytesIO(make_body(takes, steps, artefact)), self.clock, RAIL, 256, self.told.append)
        self.body.begin()

    def blocks(self, count: int) -> list[np.ndarray]:
        found = []
        for _ in range(count):
            self.clock.sleep_ms(10)
            block = array("h", bytes(80))
            assert self.body.read_into(block)
            found.append(np.array(block).reshape(10, 4))
        return found

    def levels(self, ms: int) -> list[tuple[int, int]]:
        """(level, ms) runs of channel 0 over a stretch."""
        runs: list[tuple[int, int]] = []
        for block in self.blocks(ms // 10):
            for value in block[:, 0].tolist():
                if runs and runs[-1][0] == value:
                    runs[-1] = (value, runs[-1][1] + 1)
                else:
                    runs.append((value, 1))
        return runs


def test_steps_last_as_long_as_they_say_and_then_there_is_rest() -> None:
    play = Play([take(1, 2000), take(7, 500), take(9, 300)], [(1, 0, 700, 0), (2, 0, 200, 0)])
    assert not play.body.is_done
    assert play.levels(4000) == [(7, 700), (9, 200), (1, 3100)]
    assert play.body.is_done and not play.body.is_waiting
    assert play.told == ["step 1", "script done"]


def test_takes_loop_sample_by_sample() -> None:
    """A loop's seam inside a block is where it must be, for every channel."""
    numbered = np.arange(14 * 4).reshape(14, 4)
    play = Play([numbered], [])
    played = np.concatenate(play.blocks(7))
    assert np.array_equal(played, np.concatenate([numbered] * 5))


def test_a_step_until_the_motor_starts() -> None:
    play = Play([take(1, 2000), take(5, 500), take(8, 500)], [(1, UNTIL_STARTS, 0, 250), (2, 0, 300, 0)])
    assert play.body.is_waiting
    assert play.levels(400) == [(5, 400)]
    play.body.feel_motor(True)
    assert not play.body.is_waiting
    assert play.levels(1000) == [(5, 250), (8, 300), (1, 450)]


def test_a_wait_has_a_limit() -> None:
    play = Play([take(1, 2000), take(5, 500)], [(1, UNTIL_STARTS, 300, 250)])
    assert not play.body.is_waiting
    assert play.levels(1000) == [(5, 300), (1, 700)]
    play = Play([take(1, 2000), take(5, 500)], [(1, UNTIL_RESTS, 300, 0)])
    assert play.levels(1000) == [(5, 300), (1, 700)]


def test_a_step_until_the_motor_rests() -> None:
    """Two pulses: the wearer waits for 300 ms of quiet behind the last, then reacts."""
    play = Play([take(1, 2000), take(5, 500)], [(1, UNTIL_RESTS, 0, 200)])
    play.levels(100)
    for _ in range(2):
        play.body.feel_motor(True)
        assert play.levels(150) == [(5, 150)]
        play.body.feel_motor(False)
        assert play.levels(100) == [(5, 100)]
    assert play.levels(1000) == [(5, 200 + 200), (1, 600)]


def test_a_motor_that_started_before_the_step_does_not_count() -> None:
    play = Play([take(1, 2000), take(5, 500), take(6, 500)], [(1, 0, 100, 0), (2, UNTIL_RESTS, 0, 0)])
    play.body.feel_motor(True)
    play.levels(50)
    play.body.feel_motor(False)
    assert play.levels(2000) == [(5, 50), (6, 1950)]


def test_the_running_motor_adds_its_line_within_the_rails() -> None:
    """167 Hz, peak as the file says, on every channel, and only while it runs."""
    play = Play([np.repeat([[0, 16300, -16300, 100]], 3000, axis=0)], [], 640)
    play.body.feel_motor(True)
    shaken = np.concatenate(play.blocks(60))
    expected = np.array([0, 550, 550, 0, -550, -550])[np.arange(600) % 6]
    assert np.array_equal(shaken[:, 0], expected) and np.array_equal(shaken[:, 3], 100 + expected)
    assert np.array_equal(shaken[:, 1], np.minimum(16300 + expected, RAIL))
    assert np.array_equal(shaken[:, 2], np.maximum(-16300 + expected, -RAIL))
    hertz = np.argmax(np.abs(np.fft.rfft(shaken[:, 0]))) * 1000 / 600
    assert hertz == pytest.approx(167, abs=1)
    play.body.feel_motor(False)
    assert np.array_equal(play.blocks(1)[0][:, 0], np.zeros(10))


def test_readings_come_with_their_samples() -> None:
    takes = [take(1, 200), take(2, 100)]
    data = bytearray(make_body(takes, [(1, 0, 150, 0)]))
    imu = np.arange(30 * 6).reshape(30, 6).astype("<i2")
    data[-imu.nbytes :] = imu.tobytes()
    clock = Clock(0)
    body = Body(io.BytesIO(data), clock, RAIL, 256, lambda text: None)
    reader, block, reading = Imu(body), array("h", bytes(80)), array("h", bytes(12))
    assert not reader.read_into(reading)
    body.begin()
    seen = []
    for _ in range(20):
        clock.sleep_ms(10)
        assert body.read_into(block) and reader.read_into(reading)
        seen.append(reading[0] // 6)
    assert seen == [20 + n % 10 for n in range(15)] + [0, 1, 2, 3, 4]


def test_the_script_goes_on_while_samples_are_lost() -> None:
    play = Play([take(1, 2000), take(5, 500), take(6, 500)], [(1, 0, 400, 0), (2, 0, 400, 0)])
    play.clock.sleep_ms(500)
    block = array("h", bytes(80))
    read = 0
    while play.body.read_into(block):
        read += 1
    assert read == 25 and play.body.take_lost() == 250 and play.body.take_lost() == 0
    assert play.levels(600) == [(6, 300), (1, 300)]


@pytest.mark.parametrize("data", [b"", b"MMCBODY1", b"MMCBODY2" + bytes(40), struct.pack("<8s", b"RIFF")])
def test_what_is_no_body_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a body file"):
        Body(io.BytesIO(data), Clock(0), RAIL, 256, print)
