"""What tests of commands share: running one, and a session to look at."""

import json
from typing import Any

from click.testing import CliRunner, Result
from host.session_builder import SessionBuilder

from mmc_host import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, list(arguments), prog_name="mmc-host")


def run_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def workout(session: int = 1) -> bytes:
    """One hold of 4 s, from 2.0 to 6.0 s, at 40 %, with one cue."""
    builder = SessionBuilder(session=session).header(device="mmc-fake").channel()
    builder.setting("target_low_pct", 25).setting("target_high_pct", 75)
    for at in range(10):
        builder.features([(400 if 2 <= at < 8 else 10,)] * 16)
    return builder.bytes()
