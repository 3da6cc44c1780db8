"""`mmc-host sim`: a simulated wearable on a serial port of this machine; its buzzes show as they happen."""

import signal
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mmc_host.terminal import clock_text, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Generator

    from mmc_host.firmware import Happening, Simulator

DEFAULT_SCENARIO = "holds"
_BURST_GAP_MS = 700  # pulses closer together than this belong to one cue
_POLL_S = 0.5


class LiveLines:
    """Prints what the wearer does, and one line per cue that grows pulse by pulse: `00:12.4  bzz bzz  80 %, 150 ms`."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        """Start with no line open. steps: a word for each step of the wearer's script."""
        self._steps = steps
        self._pulse_ms: int | None = None  # start of the newest pulse while a line is open
        self._length_ms = 0
        self._strength_pct = 0

    def take(self, happening: "Happening") -> None:
        """Show what happened."""
        if happening.what == "motor on":
            if self._pulse_ms is not None and happening.ms - self._pulse_ms > _BURST_GAP_MS:
                self.finish()
            if self._pulse_ms is None:
                say(f"{clock_text(happening.ms)}  ", end="")
            say("bzz ", end="")
            self._pulse_ms, self._strength_pct = happening.ms, happening.value or 0
        elif happening.what == "motor off" and self._pulse_ms is not None:
            self._length_ms = happening.ms - self._pulse_ms
        elif happening.what == "step" and self._steps:
            self._tell_step(happening.ms, happening.value or 0)

    def _tell_step(self, ms: int, step: int) -> None:
        if self._steps[step] != self._steps[step - 1]:
            self.finish()
            say(f"{clock_text(ms)}  the wearer: {self._steps[step]}")

    def finish(self) -> None:
        """End the line, if one is open."""
        if self._pulse_ms is not None:
            say(f" {self._strength_pct} %, {self._length_ms} ms")
            self._pulse_ms = None


@click.command("sim")
@click.option("--scenario", metavar="NAME", help=f"What the wearer does (default: {DEFAULT_SCENARIO}); see --list.")
@click.option(
    "--play",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Play a recording instead: .npz or .csv.",
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="CHANNEL=MUSCLE",
    help="A channel of the recording, and the muscle it is on.",
)
@click.option("--speed", default="1", metavar="max|N", help="How many times faster than real time (default: 1).")
@click.option("--seed", default=1, metavar="N", help="Another seed, another body (default: 1).")
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="Keep flash and settings here for the next time."
)
@click.option("--link", type=click.Path(path_type=Path), help="Make a symbolic link to the port.")
@click.option(
    "--press",
    "presses",
    multiple=True,
    metavar="AT_S[+FOR_S]",
    help="Press the button at that time, in seconds, for 0.1 s or as long as given; docs/button.md says what it does.",
)
@click.option("--once", is_flag=True, help="End when the script is done and a host has pulled.")
@click.option("--list", "only_list", is_flag=True, help="List the scenarios.")
@json_option
def command(
    scenario: str | None,
    play: Path | None,
    mapping: tuple[str, ...],
    speed: str,
    seed: int,
    state: Path | None,
    link: Path | None,
    presses: tuple[str, ...],
    once: bool,
    only_list: bool,
    as_json: bool,
) -> None:
    """Start a simulated wearable: the same firmware, on a serial port, on a wearer who follows a script."""
    import tempfile

    from mmc_core.errors import UsageError
    from mmc_host import firmware
    from mmc_host.fitting import fit_recording, fit_scenario
    from mmc_host.statefolder import StateLock
    from mmc_host.transport.discover import registered

    if only_list:
        _print_scenarios(as_json)
        return
    if scenario and play:
        raise UsageError("--scenario and --play exclude each other: the wearer follows a script or a recording")
    if mapping and not play:
        raise UsageError("--map belongs to --play: scenarios have their own muscles")
    speed_pct = firmware.parse_speed(speed)
    script = firmware.parse_presses(presses)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # the firmware's process must not outlive this one
    with ExitStack() as stack:
        if state is None:
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmc-sim-")))
        stack.enter_context(StateLock(state))
        if play is not None:
            fitted = fit_recording(state, play, mapping, seed)
        else:
            fitted = fit_scenario(state, scenario or DEFAULT_SCENARIO, seed)
        firmware.write_presses(state, script)
        simulator = stack.enter_context(firmware.start(state, speed_pct))
        stack.enter_context(registered(simulator.port, fitted.summary))
        if link is not None:
            stack.enter_context(linked(link, simulator.port))
        pace = "as fast as possible" if speed == "max" else f"speed {speed}"
        say(f"wearable on {link or simulator.port}   ({fitted.summary}, {pace}); Ctrl-C ends it")
        for note in fitted.notes:
            say(note)
        try:
            _show(simulator, LiveLines(fitted.steps), state / "flash.bin", once)
        except KeyboardInterrupt:
            say()
            say("the wearable is switched off")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _print_scenarios(as_json: bool) -> None:
    from mmc_host import body

    found = body.scenarios()
    if as_json:
        print_json([{"name": name, "description": text} for name, text in found.items()])
    else:
        print_table(["scenario", "what the wearer does"], list(found.items()))


@contextmanager
def linked(link: Path, port: str) -> "Generator[None]":
    """Keep a symbolic link to a port for the duration of the context; UsageError when it can't be made."""
    from mmc_core.errors import UsageError

    try:
        if link.is_symlink():
            link.unlink()  # left over, or of a simulator that this one takes over from
        elif link.exists():
            raise UsageError(f"{link} exists and is no symbolic link: choose another path")
        link.symlink_to(port)
    except OSError as error:
        raise UsageError(
            f"the link {link} can't be made ({error.strerror}): choose a path in a folder that is yours"
        ) from error
    try:
        yield
    finally:
        if link.is_symlink() and str(link.readlink()) == port:
            link.unlink()


def _show(simulator: "Simulator", live: LiveLines, flash: Path, once: bool) -> None:
    """Print what happens until the process ends, or for `once` until the script is done and a host has pulled."""
    from mmc_host.errors import LinkError
    from mmc_host.firmware import parse_line

    script_is_done = had_sessions = False
    quiet_since = time.monotonic()
    while not simulator.has_ended:
        line = simulator.next_line(_POLL_S)
        if line is None:
            if time.monotonic() - quiet_since >= _BURST_GAP_MS / 1000:
                live.finish()
            if once:
                waiting = bool(waiting_sessions(flash))
                if script_is_done and had_sessions and not waiting:
                    return
                had_sessions = had_sessions or waiting
            continue
        quiet_since = time.monotonic()
        happening = parse_line(line)
        if happening is None:
            live.finish()
            click.echo(line, err=True)
            continue
        live.take(happening)
        if happening.what == "script done":
            script_is_done = True
            live.finish()
            say(f"{clock_text(happening.ms)}  the script is done, the wearer rests; bring it home with: mmc-host pull")
    live.finish()
    raise LinkError("the simulator stopped by itself; what it said last is above")


def waiting_sessions(flash: Path) -> set[int]:
    """Return the sessions in the simulated journal that no host has acknowledged."""
    from mmc_core import page
    from mmc_core.errors import FormatError

    found: set[int] = set()
    acknowledged: set[int] = set()
    looked_at = (0, *range(page.FIRST_BLOCK_PAGES, page.BLOCK_PAGES))
    with flash.open("rb") as file:
        while len(block := file.read(page.BLOCK_BYTES)) == page.BLOCK_BYTES:
            for number in looked_at:
                try:
                    _, session, _, flags = page.unseal(block[number * page.PAGE_BYTES :][: page.PAGE_BYTES])
                except FormatError:
                    continue
                (acknowledged if flags & page.FLAG_ACKNOWLEDGEMENT else found).add(session)
    return found - acknowledged
