"""Settings and facts of the board to a kernel that fits them, and amplitudes to its unit and back.

In:    settings in force, facts
Out:   a Kernel with filters and references
State: none
Cost:  once per session
Source: kernel.py says what the numbers are
"""

from mmc_core.kernel import Kernel


def make_kernel(config, facts):
    """The kernel with the filters and references of the settings."""
    # Only now: a session lets go of the settings, and so must whoever is resident.
    from mmc_core.settings import mains_in_force_hz

    kernel = Kernel(
        facts.EMG_CHANNELS,
        facts.EMG_KERNEL_SHIFT,
        facts.EMG_RAIL_COUNTS,
        mains_in_force_hz(config),
        highpass=config["highpass"] == "on",
        harmonic=config["mains_harmonic"] == "on",
        lowpass=config["lowpass"] == "on",
        nv_per_count=facts.EMG_NV_PER_COUNT,
    )
    for channel in range(facts.EMG_CHANNELS):
        reference_q3 = 0
        if config.channel(channel, "reference_kind") != "none":
            reference_q3 = to_q3(config.channel(channel, "reference_nv"), facts)
        # Without a reference the output is in microvolt: nV per count, over 8 for Q3, over 1000, times 2^18.
        kernel.set_reference(channel, reference_q3, (facts.EMG_NV_PER_COUNT << 15) // 1000 >> facts.EMG_KERNEL_SHIFT)
    return kernel


def to_q3(nanovolt, facts):
    """Amplitude at the skin in nV to the kernel's unit, counts/8 after its input shift; at least 1."""
    return max(1, (nanovolt * 8 // facts.EMG_NV_PER_COUNT) << facts.EMG_KERNEL_SHIFT)


def to_nanovolt(q3, facts):
    """Undo `to_q3`."""
    return (q3 >> facts.EMG_KERNEL_SHIFT) * facts.EMG_NV_PER_COUNT // 8
