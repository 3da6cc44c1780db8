"""What the simulated wearer does, as data: muscles, takes (what each muscle does for some seconds) and steps.

A wearer knows nothing of the device but its buzzes. A device's calibration is: a buzz and 5 s of rest; then three times
a buzz, 3 s of contraction, two pulses and 4 s of rest; then it tells that it is done, and a session begins with a buzz.
`CALIBRATION` follows that: wait for a cue to be over, do what comes next, and give up after a while. Its first step
waits for ever, because the host decides when to calibrate; so `holds`, `steady`, `clipping` and `weak` expect one
calibration before anything else, and whoever wears them does nothing until the device's first buzz.

Curves are (seconds, fraction of MVC), straight lines between them, level before the first and after the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmc_host.body.bodyfile import Until
from mmc_host.body.motion import Posture
from mmc_host.body.muscle import Muscle, Surroundings

Curve = tuple[tuple[float, float], ...]

REST_LEVEL = 0.01  # tone and posture, fraction of MVC
HOLD_LEVEL = 0.45
LET_GO_LEVEL = 0.08
REACTION_MS = 350  # from the start of the buzz until the muscle begins to come back


@dataclass(frozen=True)
class TakeSpec:
    """What the muscles do for some seconds.

    Attributes:
        name: unique within the scenario; steps refer to it.
        seconds: length, a multiple of 0.1 s so that mains join without a seam.
        curves: activation of each muscle.
        moves_s: when the wrist moves a little.
    """

    name: str
    seconds: float
    curves: tuple[Curve, ...]
    moves_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class StepSpec:
    """A take by name, and until when it plays; see `bodyfile.Step`."""

    take: str
    until: Until
    limit_ms: int
    reaction_ms: int = 0


@dataclass(frozen=True)
class Scenario:
    """A wearer and what they do.

    Attributes:
        name: what users type.
        summary: one line for them.
        muscles: one per channel, at most as many as the board has channels.
        takes: the first is rest, at least 2 s.
        steps: what is played, in order; then the first take for ever.
        target_channel: the channel that contracts.
        artefact_uv: peak that the running motor adds to the EMG.
    """

    name: str
    summary: str
    muscles: tuple[Muscle, ...]
    takes: tuple[TakeSpec, ...]
    steps: tuple[StepSpec, ...]
    target_channel: int = 0
    artefact_uv: float = 30.0
    surroundings: Surroundings = field(default_factory=Surroundings)
    posture: Posture = field(default_factory=Posture)


BICEPS = Muscle("biceps brachii", mvc_uv=400.0, median_hz=90.0)
TRICEPS = Muscle("triceps brachii", mvc_uv=250.0, median_hz=85.0)
BRACHIORADIALIS = Muscle("brachioradialis", mvc_uv=250.0, median_hz=90.0)
DELTOIDEUS = Muscle("deltoideus anterior", mvc_uv=300.0, median_hz=87.0)
OVERLOADED = Muscle("biceps brachii", mvc_uv=6000.0, median_hz=90.0)  # far beyond the front end's rails of 4096 uV

ARM = (BICEPS, TRICEPS, BRACHIORADIALIS, DELTOIDEUS)
_CURL = (1.0, 0.12, 0.6, 0.08)  # share of the target's activation: antagonist, synergist and stabiliser go along
_WHOLE_ARM = (1.0, 0.9, 0.95, 0.9)  # in calibration the wearer tenses the whole arm


def _take(
    name: str, seconds: float, curve: Curve, moves_s: tuple[float, ...] = (), shares: tuple[float, ...] = _CURL
) -> TakeSpec:
    """A take in which every muscle of the arm follows the target's curve at its share, but never below rest."""
    curves = (tuple((t_s, max(REST_LEVEL, share * level)) for t_s, level in curve) for share in shares)
    return TakeSpec(name, seconds, tuple(curves), moves_s)


REST = _take("rest", 20.0, ((0.0, REST_LEVEL),))
MAXIMUM = _take("maximum", 12.0, ((0.0, REST_LEVEL), (0.3, 1.0), (4.0, 0.95)), (0.0,), _WHOLE_ARM)
RELAX_FROM_MAXIMUM = _take("relax from maximum", 20.0, ((0.0, 0.95), (0.25, REST_LEVEL)), (0.0,), _WHOLE_ARM)
HOLD = _take("hold", 14.0, ((0.0, REST_LEVEL), (0.4, HOLD_LEVEL)), (0.0,))
LONG_HOLD = _take("long hold", 62.0, ((0.0, REST_LEVEL), (0.4, HOLD_LEVEL)), (0.0,))
LET_GO = _take("let go", 8.0, ((0.0, HOLD_LEVEL), (0.15, LET_GO_LEVEL)))
COME_BACK = _take("come back", 8.0, ((0.0, LET_GO_LEVEL), (0.25, HOLD_LEVEL)))
RELAX = _take("relax", 8.0, ((0.0, HOLD_LEVEL), (0.3, REST_LEVEL)), (0.0,))
NO_CONTRACTION = _take("no contraction", 12.0, ((0.0, REST_LEVEL),))

_CALIBRATION_TAKES = (REST, MAXIMUM, RELAX_FROM_MAXIMUM)


def calibration(contraction: str, relaxation: str) -> tuple[StepSpec, ...]:
    """The steps that follow a device's calibration.

    Args:
        contraction: the take between a start and a stop cue.
        relaxation: the take after a stop cue.
    """
    once = (
        StepSpec(contraction, Until.MOTOR_QUIET, 6_000),
        StepSpec(relaxation, Until.MOTOR_QUIET, 8_000),
    )
    return (
        StepSpec("rest", Until.MOTOR_QUIET, 0),  # wait for ever for the host to ask for it
        StepSpec("rest", Until.MOTOR_QUIET, 10_000),  # the phase of rest, until the first start cue
        *once,
        *once,
        *once,  # its last relaxation ends with the cue "done"
        StepSpec("rest", Until.MOTOR_QUIET, 3_000),  # the cue that the session begins
    )


CALIBRATION = calibration("maximum", "relax from maximum")

_INTERRUPTED_HOLD = (
    StepSpec("hold", Until.TIME, 5_000),
    StepSpec("let go", Until.MOTOR_STARTS, 4_000, REACTION_MS),
    StepSpec("come back", Until.TIME, 5_000),
    StepSpec("relax", Until.TIME, 4_000),
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "holds",
        "calibration, then three holds at 45 %; in the second and third the muscle lets go until the device buzzes",
        ARM,
        (*_CALIBRATION_TAKES, HOLD, LET_GO, COME_BACK, RELAX),
        (
            *CALIBRATION,
            StepSpec("rest", Until.TIME, 3_000),
            StepSpec("hold", Until.TIME, 10_000),
            StepSpec("relax", Until.TIME, 4_000),
            *_INTERRUPTED_HOLD,
            *_INTERRUPTED_HOLD,
        ),
    ),
    Scenario(
        "steady",
        "calibration, then one hold of 60 s that tires the muscle and never lets go",
        ARM,
        (*_CALIBRATION_TAKES, LONG_HOLD, RELAX),
        (
            *CALIBRATION,
            StepSpec("rest", Until.TIME, 3_000),
            StepSpec("long hold", Until.TIME, 60_000),
            StepSpec("relax", Until.TIME, 4_000),
        ),
    ),
    Scenario(
        "rest",
        "nothing but rest",
        ARM,
        (REST,),
        (StepSpec("rest", Until.TIME, 30_000),),
    ),
    Scenario(
        "clipping",
        "calibration with a signal beyond the front end's rails: it must be refused",
        (OVERLOADED, TRICEPS, BRACHIORADIALIS, DELTOIDEUS),
        _CALIBRATION_TAKES,
        CALIBRATION,
    ),
    Scenario(
        "weak",
        "calibration in which the muscle stays at rest: it must be refused",
        ARM,
        (REST, NO_CONTRACTION),
        calibration("no contraction", "rest"),
    ),
)
