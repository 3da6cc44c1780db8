"""`mmc-host program`: exercises, shipped or your own: look at them, check them, take them to the wearable."""

from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_host.terminal import connected, json_option, port_option, print_json, print_table, say

if TYPE_CHECKING:
    from mmc_host.programs import Exercise
    from mmc_host.programs.keys import Key


@click.group("program")
def command() -> None:
    """Exercise programs: muscles and their roles, holds or repetitions, cues, when to stop."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the programs that come with mmc-host."""
    from mmc_host.programs import load, shipped
    from mmc_host.programs.exercise import dose_text

    found = [load(name) for name in shipped()]
    if as_json:
        print_json([_entry(exercise) for exercise in found])
        return
    rows = [(one.stem, one.mode, dose_text(one), _muscle(one, one.target_channel)) for one in found]
    print_table(["program", "mode", "what to do", "target"], rows)


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a program: muscles, every value with its meaning, what is known about it."""
    from mmc_host.programs import load
    from mmc_host.programs.exercise import dose_text, progress_text
    from mmc_host.programs.keys import number_keys

    exercise = load(name)
    if as_json:
        print_json(_entry(exercise))
        return
    say(f"{exercise.name}: {exercise.mode}, {dose_text(exercise)}")
    for text in (exercise.description, exercise.evidence):
        say()
        say(text)
    say()
    channels = enumerate(exercise.channels)
    print_table(["channel", "role", "muscle"], [(at, one.role, _muscle(exercise, at)) for at, one in channels])
    say()
    keys = [key for key in number_keys().values() if exercise.applies(key.name)]
    print_table(
        ["key", "value", "meaning"], [(key.name, _shown(exercise.value(key.name)), _meaning(key)) for key in keys]
    )
    if exercise.applies("progress_step_pct"):
        say()
        say(f"progress: {progress_text(exercise)}")


@command.command("keys")
@json_option
@click.option("--markdown", is_flag=True, help="Print the table of docs/programs.md.")
def keys_(as_json: bool, markdown: bool) -> None:
    """List the keys of a program's file, with range, default and meaning; no wearable is needed."""
    from mmc_host.programs.keys import all_keys, key_table

    if markdown:
        say(key_table(), end="")
    elif as_json:
        print_json(
            [
                {"name": name, "unit": key.unit, "range": key.range_text, "default": default, "meaning": key.meaning}
                for name, key, default in all_keys()
            ]
        )
    else:
        rows = [(name, key.range_text, _shown(default), _meaning(key)) for name, key, default in all_keys()]
        print_table(["key", "range", "default", "meaning"], rows)


@command.command("check")
@click.argument("file", metavar="FILE|NAME")
def check(file: str) -> None:
    """Check a program's file: every problem with its line, what is allowed, and what was probably meant."""
    from mmc_host.programs import load
    from mmc_host.programs.checking import notes
    from mmc_host.programs.compiling import compile_program

    exercise = load(file)
    size = len(compile_program(exercise))
    for note in notes(exercise):
        say(f"{file}: note: {note}")
    say(f"{file}: good: {exercise.name}, {size} bytes for the wearable")


@command.command("push")
@click.argument("name", metavar="NAME|FILE")
@click.option("--slot", type=click.IntRange(1, 8), default=1, show_default=True, help="Its place on the wearable.")
@port_option
def push(name: str, slot: int, port: str | None) -> None:
    """Take a program to the wearable, which follows it from the next session on, and name its muscles there."""
    from mmc_core.settings import validate
    from mmc_host.programs import load
    from mmc_host.programs.checking import notes
    from mmc_host.programs.compiling import channel_settings, compile_program

    exercise = load(name)
    data = compile_program(exercise)
    wanted = {key: validate(key, value) for key, value in channel_settings(exercise).items()}
    with connected(port) as device:
        has = device.settings()
        changed = {key: value for key, value in wanted.items() if has.get(key) != value}
        shift_pct, streak, there = device.program(slot)
        if there != data:  # the same program keeps its progress
            device.put_program(slot, data)
        for key, value in {**changed, "program": slot}.items():
            if has.get(key) != value:
                device.put_setting(key, value)
                say(f"{key} = {value}")
    say(f"{exercise.name} is in place {slot}, and what the next session follows")
    if there == data and (shift_pct or streak):
        say(f"it was there already: its band stands {shift_pct} % higher by practice")
    moved = sorted({key[2] for key in changed if key[3:] in ("_muscle", "_side")})
    if moved:
        channels = f"channel{'s' if len(moved) > 1 else ''} {', '.join(moved)}"
        say(f"new muscle or side on {channels}: what 100 % is has to be found anew, with: mmc-host calibrate")
    if not exercise.numbers["cues"]:
        say("it goes without any cue")
    for note in notes(exercise):
        say(f"note: {note}")


@command.command("device")
@json_option
@port_option
def device_(as_json: bool, port: str | None) -> None:
    """List the programs on the wearable, and how far practice has moved each."""
    from mmc_core.errors import FormatError
    from mmc_core.message import PROGRAM_SLOTS
    from mmc_core.program import PROGRESS_SESSIONS, PROGRESS_STEP_PCT, TARGET_HIGH_PCT, TARGET_LOW_PCT, decode

    found: list[dict[str, Any]] = []
    with connected(port) as device:
        followed = device.settings()["program"]
        for slot in range(1, PROGRAM_SLOTS + 1):
            shift_pct, streak, data = device.program(slot)
            if not data:
                continue
            entry: dict[str, Any] = {"slot": slot, "followed": slot == followed, "shift_pct": shift_pct}
            try:
                program = decode(data)
            except FormatError as error:
                found.append({**entry, "name": f"not readable: {error}"})
                continue
            low, high, step, sessions = (
                program.numbers[place]
                for place in (TARGET_LOW_PCT, TARGET_HIGH_PCT, PROGRESS_STEP_PCT, PROGRESS_SESSIONS)
            )
            progress = f"mastered {streak} of {sessions} in a row" if step else "stays"
            found.append(
                {**entry, "name": program.name, "band_pct": [low + shift_pct, high + shift_pct], "progress": progress}
            )
    if as_json:
        print_json(found)
    elif not found:
        say("no program is on the wearable; bring one with: mmc-host program push NAME")
    else:
        rows = [
            (
                f"{entry['slot']}{' *' if entry['followed'] else ''}",
                entry["name"],
                " to ".join(map(str, entry.get("band_pct", ("?",)))) + " %",
                f"+{entry['shift_pct']} %, {entry.get('progress', '?')}",
            )
            for entry in found
        ]
        print_table(["place", "program", "band now", "practice"], rows)
        say("* followed by the next session" if any(entry["followed"] for entry in found) else "none is followed")


def _entry(exercise: "Exercise") -> dict[str, Any]:
    """Return a program as JSON has it: every key, given or not."""
    from mmc_host.programs.compiling import compile_program
    from mmc_host.programs.keys import number_keys

    return {
        "program": exercise.stem,
        "name": exercise.name,
        "description": exercise.description,
        "evidence": exercise.evidence,
        **{name: exercise.value(name) for name in number_keys() if exercise.applies(name)},
        "channel": [{"role": one.role, "muscle": one.muscle, "side": one.side} for one in exercise.channels],
        "bytes": len(compile_program(exercise)),
    }


def _muscle(exercise: "Exercise", channel: int) -> str:
    found = exercise.channels[channel]
    muscle = found.muscle or "as the settings say"
    return muscle if found.side == "not stated" else f"{muscle}, {found.side}"


def _meaning(key: "Key") -> str:
    return key.meaning if key.unit == "-" else f"[{key.unit}] {key.meaning}"


def _shown(value: int | str | list[str] | None) -> str:
    if value is None:
        return "must be given"
    return (", ".join(value) or "none") if isinstance(value, list) else str(value)
