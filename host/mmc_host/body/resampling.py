"""Change a recording's rate without folding what lies above half of the new rate into the band.

In:     samples x columns at any rate
Out:    samples x columns at the wanted rate
Filter: polyphase, linear-phase FIR, Kaiser window: flat up to PASSBAND of half the lower rate, STOPBAND_DB down from
        half the lower rate on (and as flat); its delay is taken out, so that times stay
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STOPBAND_DB = 80.0
PASSBAND = 0.9  # of half the lower of the two rates

_FINEST_RATIO = 5000  # largest denominator of the ratio of rates: off by less than 1e-7


def ratio(rate_in_hz: float, rate_out_hz: float) -> Fraction:
    """Return rate_out / rate_in as a fraction that a polyphase filter can use."""
    return (Fraction(rate_out_hz) / Fraction(rate_in_hz)).limit_denominator(_FINEST_RATIO)


def anti_alias_taps(up: int, down: int) -> NDArray[np.float64]:
    """Taps of the filter that runs at `up` times the input's rate, gain 1 at 0 Hz, an odd number of them."""
    from scipy.signal import firwin, kaiserord

    edge = 1 / max(up, down)  # half of the lower rate over half of the rate that the filter runs at
    n_taps, beta = kaiserord(STOPBAND_DB, (1 - PASSBAND) * edge)
    return firwin(n_taps | 1, (1 + PASSBAND) / 2 * edge, window=("kaiser", beta))


def resample(samples: NDArray[np.float64], rate_in_hz: float, rate_out_hz: float) -> NDArray[np.float64]:
    """Return samples x columns at `rate_out_hz`; row 0 keeps its time.

    Args:
        samples: samples x columns, their mean near zero (beyond the ends they count as zero).
        rate_in_hz: rate of `samples`.
        rate_out_hz: rate that is wanted, between a hundredth and a hundred times of that.
    """
    import numpy as np
    from scipy.signal import upfirdn

    by = ratio(rate_in_hz, rate_out_hz)
    if by == 1:
        return np.array(samples, dtype=np.float64)
    taps = anti_alias_taps(by.numerator, by.denominator) * by.numerator
    delay = len(taps) // 2
    fill = -delay % by.denominator  # so that the delay is whole samples of the output
    made = upfirdn(np.concatenate([np.zeros(fill), taps]), samples, by.numerator, by.denominator, axis=0)
    first = (delay + fill) // by.denominator
    return np.asarray(made, dtype=np.float64)[first : first + math.ceil(len(samples) * by)]
