"""What the simulated wearer does: synthetic scenarios and recordings, turned into a body file for the simulator.

In:     the name of a scenario, or a recording (.npz or .csv)
Out:    `body.bin`, integers only (its layout: bodyfile.py), and what was made, as a frozen record
State:  none; the same input and seed give the same bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ScenarioInfo:
    """A scenario that was written.

    Attributes:
        name: the scenario.
        summary: one line that says what happens.
        muscles: SENIAM names, one per channel.
        target_channel: the channel that contracts.
        n_samples: EMG samples per channel, all takes together.
        steps: what the wearer does, step by step.
    """

    name: str
    summary: str
    muscles: tuple[str, ...]
    target_channel: int
    n_samples: int
    steps: tuple[str, ...]


def scenarios() -> dict[str, str]:
    """Return the shipped scenarios: name to one line that says what happens."""
    from mmc_host.body.scenario import SCENARIOS

    return {scenario.name: scenario.summary for scenario in SCENARIOS}


def write_scenario(name: str, path: Path, seed: int = 0) -> ScenarioInfo:
    """Write the body file of a scenario.

    Args:
        name: one of `scenarios()`.
        path: the file to write; it is replaced.
        seed: 0 or more; decides all that is random.

    Raises:
        UsageError: unknown name or negative seed.
    """
    from mmc_host.body import bodyfile, wearer

    scenario = wearer.find(name)
    body = wearer.build(scenario, seed)
    bodyfile.write(body, path)
    return ScenarioInfo(
        name=scenario.name,
        summary=scenario.summary,
        muscles=tuple(muscle.name for muscle in scenario.muscles),
        target_channel=scenario.target_channel,
        n_samples=len(body.emg),
        steps=tuple(step.take for step in scenario.steps),
    )
