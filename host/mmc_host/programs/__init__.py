"""Exercise programs: TOML files for people, bytes for the wearable, and what is wrong with a file.

In:     a shipped program's name, or a file
Out:    an `Exercise`; `compiling` makes bytes of it
Errors: UsageError with every problem of the file: file, line, key, what is allowed, what was probably meant
Source: the schema is `mmc_core.program`: its rows are run for names, ranges and defaults, their comments read for units
        and meanings (`keys`). Rules between keys are in `checking`
"""

import re
from importlib import resources
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host.programs.checking import parse, problem_text, suggestion
from mmc_host.programs.exercise import Exercise


def shipped() -> list[str]:
    """Return the names of the programs that come with the product."""
    names = [entry.name for entry in resources.files(__name__).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def find(name: str) -> tuple[str, str]:
    """Return (what to call it in messages, text) of a shipped program or a file.

    Raises:
        UsageError: there is neither; the closest names are told.
    """
    if name.endswith(".toml") or "/" in name or "\\" in name:
        try:
            return name, Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{name}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}: is no UTF-8 text (byte {error.start})") from None
    stem = re.sub(r"[\s_]+", "-", name.strip().lower())
    if stem not in shipped():
        raise UsageError(
            f"no program is called {name!r}{suggestion(stem, shipped())}; `mmc-host program list` names all; a file of "
            "your own ends in .toml"
        )
    return f"{stem}.toml", resources.files(__name__).joinpath(f"{stem}.toml").read_text(encoding="utf-8")


def load(name: str) -> Exercise:
    """Return a shipped program by its name, or the program in a file.

    Raises:
        UsageError: there is none, or it has problems; all of them are told.
    """
    shown, text = find(name)
    found, problems = parse(text, Path(shown).stem)
    if found is None:
        raise UsageError("\n".join(problem_text(shown, problem) for problem in problems))
    return found
