"""Header: what stands at the beginning of a session's log: device, wearer, channels, settings, program.

In:    the settings in force, facts of the board, numbers of this session
Out:   records through a writer
State: none
Cost:  about a kilobyte of log, once; needed only then, and let go of
Source: FORMAT.md
"""

from mmc_core import record, settings
from mmc_core.fitting import to_q3
from mmc_core.pipeline import FRAME_BLOCKS, IMU_BLOCKS, IMU_SHIFT
from mmc_core.sample import BLOCK_SAMPLES, RATE_HZ

_UNITS = ("uV", "permille", "permille", "permille")


def write_header(log, config, facts, numbers, firmware):
    """Write the header. numbers: session, boot count, reset cause, wall clock in ms."""
    channels = facts.EMG_CHANNELS
    fields = (record.FORMAT_MAJOR, record.FORMAT_MINOR) + numbers
    fields += (RATE_HZ, BLOCK_SAMPLES, FRAME_BLOCKS, facts.IMU_RATE_HZ // IMU_BLOCKS)
    fields += ((1000000 << IMU_SHIFT) // facts.IMU_ACCEL_COUNTS_PER_G,)
    fields += ((1000 << IMU_SHIFT) // facts.IMU_GYRO_COUNTS_PER_DPS,)
    fields += (channels, 1 if config["log_mode"] == "raw" else 0)
    log(record.SESSION, fields + (facts.DEVICE_ID, firmware, facts.NAME, config["wearer"]))
    for channel in range(channels):
        key = "ch{}_".format(channel)
        kind, _ = settings.to_wire(key + "reference_kind", config[key + "reference_kind"])
        side, _ = settings.to_wire(key + "side", config[key + "side"])
        fields = (channel, side, kind, to_q3(config[key + "rest_nv"], facts))
        fields += (to_q3(config[key + "reference_nv"], facts) if kind else 0, facts.EMG_NV_PER_COUNT)
        fields += (config[key + "calibrated_utc_s"] * 1000,)
        log(record.CHANNEL, fields + (config[key + "muscle"], config[key + "site"], _UNITS[kind]))
    for name in settings.keys(settings.SCHEMA):
        log(record.SETTING, settings.to_wire(name, config[name]))
    for channel in range(channels):
        name = "ch{}_role".format(channel)
        log(record.SETTING, settings.to_wire(name, config[name]))
