"""A scenario to a body: each take's activation to EMG and motion, and those to the counts that the simulator plays.

In:     a Scenario and a seed
Out:    a Body; the same scenario and seed give the same bytes
Cost:   about a second per minute of signal and muscle
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmc_core.errors import UsageError
from mmc_host.body.bodyfile import (
    IMU_DIVIDER,
    NV_PER_COUNT,
    RATE_HZ,
    Body,
    Step,
    Take,
    emg_counts,
    fill_channels,
    imu_counts,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmc_host.body.scenario import Scenario, TakeSpec

# Each take draws from generators of its own, so that another take's length changes nothing in it.
_EMG, _MOTION = 0, 1


def find(name: str) -> Scenario:
    """Return a scenario by its name.

    Raises:
        UsageError: there is none of that name; the message lists those there are.
    """
    from mmc_host.body.scenario import SCENARIOS

    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    known = ", ".join(scenario.name for scenario in SCENARIOS)
    raise UsageError(f"no scenario is called {name!r}; there are {known}")


def activation(take: TakeSpec) -> NDArray[np.float64]:
    """Activation of each muscle at each sample of a take, fraction of MVC, samples x muscles."""
    import numpy as np

    t_s = np.arange(round(take.seconds * RATE_HZ)) / RATE_HZ
    return np.stack([np.interp(t_s, *np.transpose(curve)) for curve in take.curves], axis=1)


def build(scenario: Scenario, seed: int) -> Body:
    """Make the body of a scenario.

    Args:
        scenario: what the wearer does.
        seed: 0 or more; decides all that is random.

    Raises:
        UsageError: the seed is negative.
    """
    import numpy as np

    from mmc_host.body.motion import inertial
    from mmc_host.body.muscle import surface_emg_uv

    if seed < 0:
        raise UsageError(f"seed {seed} is negative: give 0 or more")
    emg, imu, takes, first_sample = [], [], [], 0
    for number, take in enumerate(scenario.takes):
        levels = activation(take)
        emg_uv = surface_emg_uv(
            levels, scenario.muscles, scenario.surroundings, np.random.default_rng([seed, number, _EMG])
        )
        accel_g, gyro_dps = inertial(
            len(levels) // IMU_DIVIDER,
            scenario.posture,
            take.moves_s,
            np.random.default_rng([seed, number, _MOTION]),
        )
        emg.append(emg_counts(emg_uv)[0])
        imu.append(imu_counts(accel_g, gyro_dps))
        takes.append(Take(first_sample, len(levels)))
        first_sample += len(levels)
    index = {take.name: number for number, take in enumerate(scenario.takes)}
    return Body(
        emg=fill_channels(np.concatenate(emg)),
        imu=np.concatenate(imu),
        takes=tuple(takes),
        steps=tuple(Step(index[s.take], s.until, s.limit_ms, s.reaction_ms) for s in scenario.steps),
        artefact_counts=round(scenario.artefact_uv * 1000 / NV_PER_COUNT),
    )
