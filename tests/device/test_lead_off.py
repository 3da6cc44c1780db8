"""Electrodes that are off, as the front end says: into the log, and out of every score."""

from pathlib import Path

from simulated import Simulated, make_body, noise, records

from mmc_core import message, record


def test_an_electrode_that_is_off_is_marked_and_never_scored(tmp_path: Path) -> None:
    """The front end says so for one second within a hold, on the target's channel and on another one."""
    body = make_body([noise(3, [2, 2, 2, 2]), noise(6, [200, 20, 60, 3])], [(0, 0, 1000, 0), (1, 0, 6000, 0)])
    marks: dict[int, set[int]] = {}
    for mask in (0, 1, 2):
        wearable = Simulated(body, tmp_path / str(mask), blocks=24)
        wearable.put(ch0_reference_nv=400_000, cue_engage="off")
        wearable.put(ch0_reference_kind="mvc")
        wearable.power_on()
        wearable.run(9_000, lambda w=wearable: w.app.pipeline and w.app.pipeline.coach.hold.in_hold)
        wearable.run(500)
        seen = wearable.app.pipeline.coach.hold
        step, steps = seen.step, []
        seen.step = lambda *a, step=step, steps=steps: (steps.append(a), step(*a))[1]
        wearable.board.emg.lead_off = lambda mask=mask: mask
        wearable.run(1000)
        assert (len(steps) == 0) == (mask == 1)
        wearable.board.emg.lead_off = lambda: 0
        wearable.run(500)
        wearable.ask(message.CONTROL, message.VERB_STOP, 0)
        found = [values for kind, values, _ in records(wearable.pull(1)) if kind == record.FEATURES]
        marks[mask] = {channel for values in found for channel in range(4) if values[6] >> 4 * channel & 2}
    assert marks == {0: set(), 1: {0}, 2: {1}}
