"""The sample block: how EMG counts lie in memory between the front end and the kernel.

A block is array('h') of BLOCK_SAMPLES x channels, interleaved (sample 0 of every channel, then sample 1, ...), in
counts with mid-scale at zero. Blocks follow each other without a seam; what was lost is a gap, never a silent jump. A
gap always begins at a block's edge: the sampler fills it up or leaves it out whole.
"""

from mmc_core.compat import const

RATE_HZ = const(1000)
BLOCK_SAMPLES = const(10)
BLOCK_MS = const(10)

QUALITY_CLIPPED = const(1)  # a sample stood at the rail of the front end
QUALITY_FLAT = const(2)  # all samples of the block were the same: nothing is connected, or the front end is stuck
QUALITY_MAINS = const(4)  # for about the last second the notches took away more than three quarters of what was left
QUALITY_SPIKE = const(8)  # a spike passed within the last 300 ms: an electrode was touched, a cable moved
QUALITY_LEAD_OFF = const(16)  # the front end says that an electrode is off
QUALITY_MOTOR = const(32)  # the motor shook the electrodes
QUALITY_BAD = const(59)  # any of these and nothing is scored; a block with mains is scored, and marked
QUALITY_BITS = const(4)  # bits per channel in the log: lead-off counts as flat there, the motor has a field of its own
