"""How active was each muscle over the whole session?

In:    Session
Out:   one Activation per channel that is in use
Source: time-weighted over the frames that count (scoring.py). `p95` is the weighted 95th percentile: the smallest
        value that at least 95 % of the scored time does not exceed, a peak that one spike cannot make. Electrical
        activity is neither force nor growth: sEMG amplitude is no validated predictor of hypertrophy
        (Vigotsky et al. 2018, 10.3389/fphys.2017.00985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmc_host.analysis.scoring import band_seconds, counts, frame_seconds, target_band
from mmc_host.columns import Session


@dataclass(frozen=True)
class Activation:
    """mean, p95, peak (the greatest frame): in `unit`; None when no frame counts.

    scored_s: time that counts; unscored_s: frames left out (motor, clipped, flat). below_share, in_band_share,
    above_share: of the scored time, 0 to 1; None on muscles that have no target band.
    """

    channel: int
    muscle: str
    side: str
    unit: str
    scored_s: float
    unscored_s: float
    mean: float | None
    p95: float | None
    peak: float | None
    below_share: float | None
    in_band_share: float | None
    above_share: float | None


def activation(session: Session) -> list[Activation]:
    """Answer for every channel that is in use."""
    import numpy as np

    seconds = frame_seconds(session, 0.0, math.inf)
    band = target_band(session)
    answers: list[Activation] = []
    for channel in session.channels_in_use:
        scored = counts(session, channel.channel)
        values, weights = session.features.envelope_pct[scored, channel.channel], seconds[scored]
        total = float(weights.sum())
        mean = p95 = peak = None
        below = inside = above = None
        if total > 0.0:
            mean = float((values * weights).sum() / total)
            order = np.argsort(values, kind="stable")
            reached = np.cumsum(weights[order])
            p95 = float(values[order][np.searchsorted(reached, 0.95 * total * (1.0 - 1e-12))])
            peak = float(values.max())
            if band is not None and band.channel == channel.channel:
                below, inside, above = (share / total for share in band_seconds(values, weights, band))
        answers.append(
            Activation(
                channel=channel.channel,
                muscle=channel.muscle,
                side=channel.side,
                unit=channel.unit,
                scored_s=total,
                unscored_s=float(seconds.sum()) - total,
                mean=mean,
                p95=p95,
                peak=peak,
                below_share=below,
                in_band_share=inside,
                above_share=above,
            )
        )
    return answers
