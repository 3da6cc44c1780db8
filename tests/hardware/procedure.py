"""What is done to a board on the bench: flash it, let it hold what is played to it, pull, compare with the simulator.

The same procedure runs on a real board (`test_board.py`) and on the stand-in (`tests/e2e/test_hardware_procedure.py`),
so that it is known to work before anybody connects one.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import make_board_facts
from host.command_line import run, run_json
from simulated import ROOT, make_body, noise

from mmc_core.sync_client import SyncClient
from mmc_host import firmware, session
from mmc_host.client import Device
from mmc_host.columns import Session
from mmc_host.flash import device_files, handover
from mmc_host.flash.device_files import Mpremote
from mmc_host.flash.manifest import Copy
from mmc_host.pull import pull
from mmc_host.store import Store
from mmc_host.transport import open_transport

PLAYED = Path(__file__).resolve().parent / "played"
REST_S = 20.0  # at first: the session has to begin in it
SCRIPT_S = 24.0
TAKES = ((2.0, 4), (2.0, 160), (2.0, 120))  # seconds, microvolt; a step plays its take again and again
STEPS = ((0, REST_S), (1, 4.0), (0, 0.6), (1, 2.4), (0, 6.0), (2, 5.0), (0, 6.0))
SETTINGS = (
    "ch0_muscle=biceps brachii",
    "ch0_reference_nv=400000",
    "ch0_rest_nv=4000",
    "ch0_reference_kind=mvc",
    "autostart=off",
    "confirm=off",
)
KINDS = ("hold_start", "activation_lost", "activation_regained", "hold_end")


def port_of_the_bench() -> str | None:
    """The port that the environment names, for whoever has a board."""
    return os.environ.get("MMC_PORT") or os.environ.get("PORT") or None


def body() -> bytes:
    """Counts: rest; a hold of 7 s with a lapse of 600 ms in it; rest; a hold of 5 s; rest, whatever the motor does."""
    takes = [noise(seconds, [level, 3, 3, 3], seed) for seed, (seconds, level) in enumerate(TAKES, 1)]
    steps = [(take, 0, round(1000 * seconds), 0) for take, seconds in STEPS]
    return make_body(takes, steps)


def write_board(folder: Path, flashing: str | None = None) -> Path:
    """Make the folder of the board that plays counts.

    Args:
        folder: to be made.
        flashing: its tables from [flash] on; None: those of the devkit with MyoWare.
    """
    folder.mkdir()
    devkit = (ROOT / "boards/devkit_myoware/board.toml").read_text(encoding="utf-8")
    flashing = flashing or devkit[devkit.index("[flash]") : devkit.index("[pins]")]
    flashing = re.sub(r"button_pin = \d+", "button_pin = 0", flashing)
    simulator = (ROOT / "boards/sim/board.toml").read_text(encoding="utf-8")
    parts = simulator[simulator.index("[emg]") : simulator.index("[journal]")]
    blocks = tomllib.loads(flashing)["partitions"]["journal"][1] // 4096
    rest = f"[journal]\nblocks = {blocks}\nblock_bytes = 4096\n[console]\ninput_bytes = 259\n"
    head = f'name = "{folder.name}"\nchip = "esp32"\ndevice_id = "played"\n'
    (folder / "board.toml").write_text(head + parts + rest + flashing, encoding="utf-8")
    facts = make_board_facts.read(folder / "board.toml")
    (folder / "board_facts.py").write_text(make_board_facts.render(facts), encoding="utf-8")
    (folder / "board.py").write_bytes((PLAYED / "board.py").read_bytes())
    (folder / "body.py").write_bytes((ROOT / "host/mmc_sim/body.py").read_bytes())
    return folder


def flash(board: str, port: str, *more: str) -> str:
    """Run `mmc-host flash`; return what it said."""
    result = run("flash", board, "--port", port, *more)
    assert result.exit_code == 0, result.output
    return result.output


def put_body(port: str) -> None:
    """Bring /body.bin, and start the app with it."""
    handover.dismiss(port)
    console = Mpremote(port)
    device_files.wait_for(console, 60.0)
    console.copy([Copy(body(), "/body.bin")])
    device_files.restart(console)


def hold(port: str, home: Path) -> Session:
    """Log the holds that are played in a session, and bring it home."""
    transport = open_transport(port)
    try:
        device = Device(transport, client=SyncClient(tries=60))
        device.hello()
        begun = device.wait_until(lambda status: not status.preparing, 120.0, "prepare its flash")
        for assignment in SETTINGS:
            name, _, value = assignment.partition("=")
            device.put_setting(name, value)
        device.control(1)
        device.wait_until(lambda status: status.recording, 10.0, "begin a session")
        left_s = REST_S + SCRIPT_S - begun.uptime_ms / 1000
        assert left_s > SCRIPT_S, f"it took {begun.uptime_ms / 1000:.0f} s to start: the first hold is over"
        device.wait_until(lambda status: status.uptime_ms > 1000 * (REST_S + SCRIPT_S), 3 * left_s, "play", 0.5)
        device.stop()
        with Store(home) as store:
            found = pull(device, store)
    finally:
        transport.close()
    return session.load(found[-1].path)


def hold_on_the_simulator(state: Path, interpreter: Path, home: Path) -> Session:
    """The same body, the same settings, on 32-bit MicroPython."""
    state.mkdir()
    (state / "body.bin").write_bytes(body())
    with firmware.start(state, 200, interpreter=interpreter) as simulator:
        return hold(simulator.port, home)


def told(found: Session) -> list[tuple[str, float, float]]:
    """Kinds of events with their time after the first one, and their value."""
    events = [event for event in found.events if event.kind in KINDS]
    assert events, "nothing happened"
    return [(event.kind, event.t_s - events[0].t_s, event.value) for event in events]


def check_alike(board: Session, simulator: Session) -> None:
    """The same events; times to 100 ms and values to 5 %, because each begins somewhere in a block."""
    assert board.accounted and not board.damage
    one, other = told(board), told(simulator)
    assert [kind for kind, _, _ in one] == [kind for kind, _, _ in other]
    for (kind, t_s, value), (_, wanted_s, wanted) in zip(one, other, strict=True):
        assert abs(t_s - wanted_s) <= 0.1, (kind, t_s, wanted_s)
        assert abs(value - wanted) <= max(0.05 * abs(wanted), 3), (kind, value, wanted)


def doctor(port: str) -> dict[str, object]:
    """What `mmc-host doctor` tells."""
    found: dict[str, object] = run_json("doctor", "--port", port)
    return found
