"""The simulated board: every part behind its role name, from the folder that MMC_SIM_DIR names.

MMC_SIM_SPEED: percent of real time, 0 for as fast as possible. MMC_SIM_STOP_MS: power-off at that time; unset: never.
MMC_SIM_TICKS: ticks at power-on, to see them wrap.
"""

import os
import select
import sys

import board_facts
from mmc_sim.console import StandardConsole
from mmc_sim.wearable import open_folder


def open_board():
    """The board's roles."""
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)

    def tell(text):
        sys.stderr.write(text + "\n")

    def can_read():
        for _, flags in poller.ipoll(0):
            if flags & select.POLLHUP and not flags & select.POLLIN:
                raise SystemExit  # whoever held the line is gone
            return flags & select.POLLIN
        return False

    console = StandardConsole(sys.stdin.buffer, sys.stdout.buffer, can_read)
    number = lambda name: int(os.getenv(name) or "0")  # noqa: E731 - the only place that needs it
    return open_folder(
        board_facts,
        os.getenv("MMC_SIM_DIR"),
        console,
        tell,
        number("MMC_SIM_SPEED"),
        number("MMC_SIM_TICKS"),
        number("MMC_SIM_STOP_MS"),
    )
