"""Self-test: what the parts of a board measure while nobody wears it, for the host to judge (`mmc-host flash`).

In:    a board, opened, without an app
Out:   `tell` with a word and whole numbers per finding, `end` behind the last; see below
State: none that lasts
Cost:  about 4 s; runs in MicroPython's console while no app does, so that the app's heap is spared
Source: who answers at all is checked by the drivers, chip by chip, when the board is opened

| line | values |
| --- | --- |
| missing | role, then words |
| broken | role, then words: it answered first, and failed later |
| samples | came, lost, were due |
| late | microseconds: one half, 99 in a hundred, all samples were no later |
| emg | channel, noise at rest in nV RMS, percent of blocks that were clipped, flat, with the electrode off |
| imu | readings, mean acceleration in mg, its spread in mg RMS with the motor off, and on |
| button | 1: pressed |
| power | percent, minutes left, 1: on USB |
| journal | blocks, bytes of each, blocks that are erased |
| heap | bytes free |
| cause | reset cause |
"""

import gc
from array import array

from mmc_core.chain import OUT_QUALITY
from mmc_core.compat import const
from mmc_core.features import OUT_EXPONENT, OUT_SQUARE
from mmc_core.kernel import Kernel
from mmc_core.page import BLANK, PAGE_BYTES
from mmc_core.sample import BLOCK_MS, BLOCK_SAMPLES, QUALITY_CLIPPED, QUALITY_FLAT, QUALITY_LEAD_OFF
from mmc_device.clock import Monotonic

_SETTLE_MS = const(700)
_REST_MS = const(1500)
_SPIN_UP_MS = const(200)
_SPIN_MS = const(600)
_STRENGTH_PCT = const(100)
_AXES = const(3)
_FLASH_BLOCKS = const(4)  # ioctl


def run(board, tell=print):
    """Measure everything that is there; the motor ends off, whatever happens."""
    gc.collect()
    heap_free = getattr(gc, "mem_free", int)()
    missing = [role for role, _ in board.missing]
    for role, words in board.missing:
        tell("missing", role, words)
    bench = _Bench(board, tell, missing)
    try:
        bench.measure()
    finally:
        board.motor.off()
        board.emg.stop()
    if "button" not in missing:
        tell("button", int(board.button.is_down()))
    if "power" not in missing:
        _tell_power(board.power, tell)
    _tell_journal(board, tell)
    tell("heap", heap_free)
    tell("cause", board.reset_cause)
    tell("end")


def _tell_power(power, tell):
    try:
        tell("power", power.percent(), power.minutes(), int(power.on_usb()))
    except OSError as error:
        tell("broken", "power", error)


def _tell_journal(board, tell):
    """A block that holds anything holds it in its first page; reading all pages would take the time of a start."""
    flash, look, erased = board.flash, bytearray(PAGE_BYTES), 0
    blocks = flash.ioctl(_FLASH_BLOCKS, 0)
    try:
        for block in range(blocks):
            flash.readblocks(block, look, 0)
            erased += look == BLANK
    except OSError as error:
        tell("broken", "flash", error)
    tell("journal", blocks, board.facts.JOURNAL_BLOCK_BYTES, erased)


class _Motion:
    """Sums over the readings of a stretch."""

    def __init__(self):
        self.count = 0
        self._sums = [0] * _AXES
        self._squares = [0] * _AXES

    def take(self, reading):
        """Count a reading in."""
        self.count += 1
        for axis in range(_AXES):
            self._sums[axis] += reading[axis]
            self._squares[axis] += reading[axis] * reading[axis]

    def mean_mg(self, per_g):
        """Length of the mean vector."""
        return int(sum([one * one for one in self._sums]) ** 0.5 * 1000 / (max(1, self.count) * per_g))

    def spread_mg(self, per_g):
        """RMS distance from the mean, all axes together."""
        n = max(1, self.count)
        spread = sum([square * n - one * one for square, one in zip(self._squares, self._sums)])
        return int(spread**0.5 * 1000 / (n * per_g))


class _Bench:
    """Front end, IMU and motor, measured together."""

    def __init__(self, board, tell, missing):
        facts = board.facts
        self._board, self._tell, self._missing = board, tell, missing
        self._time = Monotonic(board.clock.ticks_ms())
        self._kernel = Kernel(facts.EMG_CHANNELS, facts.EMG_KERNEL_SHIFT, facts.EMG_RAIL_COUNTS, 0)
        self._kernel.search_mains()  # notches at 50 and 60 Hz: open inputs hear the mains, which is no fault of theirs
        self._block = array("h", bytes(2 * BLOCK_SAMPLES * facts.EMG_CHANNELS))
        self._reading = array("h", bytes(2 * 6))
        self._blocks = self._lost = 0
        self._squares = [0] * facts.EMG_CHANNELS
        self._marks = [[0] * 3 for _ in range(facts.EMG_CHANNELS)]
        self._motion = _Motion()

    def measure(self):
        """At rest, then with the motor."""
        board = self._board
        board.emg.begin()
        self._stretch(_SETTLE_MS, False)
        self._blocks = self._lost = 0
        self._motion = still = _Motion()
        took_ms = self._stretch(_REST_MS, True)
        if "emg" not in self._missing:
            self._tell_emg(took_ms)
        moving = _Motion()
        if "motor" not in self._missing:
            try:
                board.motor.on(_STRENGTH_PCT)
                self._motion = _Motion()  # of the start nobody asks
                self._stretch(_SPIN_UP_MS, False)
                self._motion = moving
                self._stretch(_SPIN_MS, False)
                board.motor.off()
            except OSError as error:
                self._tell("broken", "motor", error)
                self._missing.append("motor")
        if "imu" not in self._missing:
            per_g = board.facts.IMU_ACCEL_COUNTS_PER_G
            spreads = still.spread_mg(per_g), moving.spread_mg(per_g)
            self._tell("imu", still.count, still.mean_mg(per_g), *spreads)

    def _stretch(self, ms, counts):
        """Take what comes for so long; return how long it was."""
        board = self._board
        start_ms = now_ms = self._now_ms()
        while now_ms - start_ms < ms:
            self._take_blocks(counts)
            if "imu" not in self._missing:
                self._feel()
            board.clock.sleep_ms(BLOCK_MS)
            now_ms = self._now_ms()
        return now_ms - start_ms

    def _now_ms(self):
        return self._time.now_ms(self._board.clock.ticks_ms())

    def _take_blocks(self, counts):
        emg = self._board.emg
        try:
            while emg.read_into(self._block):
                self._blocks += 1
                self._kernel.process(self._block, False, emg.lead_off())
                if counts:
                    self._count(self._kernel.out)
            self._lost += emg.take_lost()
        except OSError as error:
            if "emg" not in self._missing:
                self._tell("broken", "emg", error)
                self._missing.append("emg")

    def _count(self, out):
        for channel in range(len(out)):
            words, marks = out[channel], self._marks[channel]
            self._squares[channel] += words[OUT_SQUARE] << words[OUT_EXPONENT]
            for at, bit in enumerate((QUALITY_CLIPPED, QUALITY_FLAT, QUALITY_LEAD_OFF)):
                if words[OUT_QUALITY] & bit:
                    marks[at] += 1

    def _feel(self):
        try:
            if self._board.imu.read_into(self._reading):
                self._motion.take(self._reading)
        except OSError as error:
            self._tell("broken", "imu", error)
            self._missing.append("imu")

    def _tell_emg(self, took_ms):
        facts, emg = self._board.facts, self._board.emg
        self._tell("samples", self._blocks * BLOCK_SAMPLES, self._lost, took_ms * facts.EMG_RATE_HZ // 1000)
        self._tell("late", emg.late_us(500), emg.late_us(990), emg.late_us(1000))
        blocks = max(1, self._blocks)
        for channel in range(len(self._squares)):
            noise_counts = (self._squares[channel] / blocks) ** 0.5 / (1 << facts.EMG_KERNEL_SHIFT)
            shares = [100 * mark // blocks for mark in self._marks[channel]]
            self._tell("emg", channel, int(noise_counts * facts.EMG_NV_PER_COUNT), *shares)
