"""Wear: what is known about this wearing of the device, from one session to the next; power-off forgets it.

In:    what the desk and the sessions find out
Out:   the same, to whoever asks
State: this
Cost:  a few words
Source: a calibration belongs to a placement of electrodes: what came off, or was put on by somebody else, is not it
"""

from mmc_core import message


class Wear:
    """Findings about electrodes, calibration and wearer."""

    def __init__(self):
        self.values = None  # of the settings, while a session runs
        self.boot_count = 0
        self.target = 0  # channel
        self.asks = False  # the wearer wants to be asked how it was
        self.phase = message.PHASE_NONE  # of the newest calibration
        self.result = message.CALIBRATION_GOOD
        self.calibrated = 0  # bits of the channels calibrated since power-on
        self.came_off = 0  # bits of the channels whose electrode was off since then
        self.bad = 0  # bits of the channels that the newest check found bad
        self.checked = 0  # as message.CHECKED says: no check, under way, done
        self.findings = b""
        self.notes = []  # (kind, channel, value, threshold, reason) for the next session's log
