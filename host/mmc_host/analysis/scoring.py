"""Which frames count, for how long, and against which band?

In:    Session, a channel, a stretch of time
Out:   seconds per frame; the target band
Source: a frame does not count while the motor runs or spins down (its vibration is in the EMG), nor when the channel
        was clipped, flat or shaken by a spike in its record of up to 16 frames: what the device does not score. Mains
        only marks. Gaps have no frames, so they count nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmc_core.sample import QUALITY_BAD
from mmc_host.columns import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Band:
    """Target band of the muscle that the wearer wants to feel, both edges included, in percent of its reference."""

    channel: int
    low_pct: float
    high_pct: float


def target_channel(session: Session) -> int | None:
    """The channel on the muscle to feel, from the session's settings; None when the session has no such channel."""
    channel = session.settings.get("target_channel", 0)
    return channel if isinstance(channel, int) and 0 <= channel < len(session.channels) else None


def target_band(session: Session) -> Band | None:
    """The band from the session's settings; None without one, or when the target muscle is not calibrated."""
    channel = target_channel(session)
    low, high = session.settings.get("target_low_pct"), session.settings.get("target_high_pct")
    if channel is None or not session.channels[channel].calibrated:
        return None
    if not isinstance(low, int) or not isinstance(high, int) or low > high:
        return None
    return Band(channel, float(low), float(high))


def frame_seconds(session: Session, start_s: float, end_s: float) -> NDArray[np.float64]:
    """How long each frame overlaps [start_s, end_s], in seconds; 0 outside."""
    import numpy as np

    ends = session.features.t_s
    starts = ends - session.features.samples / session.header.rate_hz
    return np.clip(np.minimum(ends, end_s) - np.maximum(starts, start_s), 0.0, None)


def counts(session: Session, channel: int) -> NDArray[np.bool_]:
    """Which frames count for a channel: motor off, and a signal that the device would score."""
    return ~session.features.motor & ((session.features.quality[:, channel] & QUALITY_BAD) == 0)


def band_seconds(values: NDArray[np.float64], seconds: NDArray[np.float64], band: Band) -> tuple[float, float, float]:
    """Seconds below, inside and above the band."""
    below = float(seconds[values < band.low_pct].sum())
    above = float(seconds[values > band.high_pct].sum())
    return below, float(seconds.sum()) - below - above, above
