"""Device counter to wall clock: a straight line through the readings that a session carries.

In:    (t_s, utc_ms) readings: seconds on the device's nominal clock, milliseconds since 1970 UTC
Out:   Clock: offset and drift, and how they were found
Source: ordinary least squares; the limits below are this file's
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

END_OF_TIME_MS = 7_258_118_400_000  # 2200-01-01; a later reading is no reading
MAX_DRIFT_PPM = 1000.0  # a crystal is ten times better; more than this means that somebody set the clock meanwhile
STEP_MS = 50.0  # readings have whole milliseconds: deviations below this are no step, however short the session


@dataclass(frozen=True)
class Clock:
    """Wall clock of a session.

    state: "unknown" (never set), "offset" (one reading), "fitted" (two or more), "stepped" (set anew during the
    session: the last reading counts). drift_ppm: by how many millionths a second of the device's sample clock lasts
    longer than a true second; None unless fitted. residual_ms: greatest distance of a reading from the line.
    """

    state: str
    utc_ms_at_start: float | None
    drift_ppm: float | None
    residual_ms: float
    readings: int

    def utc(self, t_s: float = 0.0) -> datetime.datetime | None:
        """Wall clock at `t_s` seconds after sample 0; None when unknown."""
        if self.utc_ms_at_start is None:
            return None
        utc_ms = self.utc_ms_at_start + 1000.0 * t_s * (1.0 + (self.drift_ppm or 0.0) / 1e6)
        if not 0 <= utc_ms < 2 * END_OF_TIME_MS:
            return None
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=utc_ms)


def is_plausible(utc_ms: int) -> bool:
    """Whether a reading can be a wall clock: set, and before the year 2200."""
    return 0 < utc_ms < END_OF_TIME_MS


def fit(readings: Sequence[tuple[float, int]]) -> Clock:
    """Lay a line through the readings (any order, plausible ones only)."""
    if not readings:
        return Clock("unknown", None, None, 0.0, 0)
    last_t, last_utc = max(readings)
    mean_t = sum(t for t, _ in readings) / len(readings)
    mean_off = sum(utc - last_utc for _, utc in readings) / len(readings)
    spread = sum((t - mean_t) ** 2 for t, _ in readings)
    if spread == 0.0:
        return Clock("offset", last_utc - 1000.0 * last_t, None, 0.0, len(readings))
    slope = sum((t - mean_t) * (utc - last_utc - mean_off) for t, utc in readings) / spread
    start = last_utc + mean_off - slope * mean_t
    drift_ppm = (slope / 1000.0 - 1.0) * 1e6
    residual_ms = max(abs(utc - start - slope * t) for t, utc in readings)
    span_s = max(t for t, _ in readings) - min(t for t, _ in readings)
    drifted_ms = abs(drift_ppm) * span_s / 1000.0
    if residual_ms > STEP_MS or (abs(drift_ppm) > MAX_DRIFT_PPM and drifted_ms > STEP_MS):
        return Clock("stepped", last_utc - 1000.0 * last_t, None, residual_ms, len(readings))
    return Clock("fitted", start, drift_ppm, residual_ms, len(readings))
