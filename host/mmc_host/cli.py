"""`mmc-host`: the command table, and the one place that turns errors into words and exit codes.

In:    the command line
Out:   what commands print; errors as words on standard error, with the exit codes of `mmc_host.errors`
Cost:  a command's module is imported when it is needed, and heavy libraries inside commands: `--help` takes < 0.3 s
"""

import errno
import importlib
import os
import sys

import rich_click as click
from click.exceptions import Abort, ClickException, Exit

from mmc_core.errors import MmcError
from mmc_host.errors import exit_code

# In the order of a day: connect, set up, train, bring home, look.
COMMANDS = (
    "flash",
    "doctor",
    "devices",
    "settings",
    "program",
    "check",
    "calibrate",
    "start",
    "stop",
    "sim",
    "pull",
    "sessions",
    "show",
    "practice",
    "replay",
    "report",
)


class CommandTable(click.RichGroup):
    """The commands; each is the `command` of the module of its name in `mmc_host.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of a day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return it."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mmc_host.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; whatever it raises becomes words and an exit code here and nowhere else."""
        try:
            return super().invoke(ctx)
        except (ClickException, Exit, Abort):
            raise  # click's own: its words are good
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                # The reader of our output went away (`mmc-host sessions | head`): nobody is left to tell.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                ctx.exit(0)
            debug = bool(ctx.params.get("debug"))
            if debug:
                import traceback

                traceback.print_exc()
            click.echo(f"mmc-host: {_words(error, debug)}", err=True)
            ctx.exit(exit_code(error))


def _words(error: BaseException, debug: bool) -> str:
    if isinstance(error, MmcError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    hint = "" if debug else "; `mmc-host --debug ...` shows where"
    return f"unexpected {type(error).__name__}: {error}{hint}"


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from mmc_host import __version__

        click.echo(f"mmc-host {__version__}")
        ctx.exit()


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def cli(debug: bool) -> None:
    """Feel your muscles work: pull sessions from the wearable, simulate it, see what happened.

    Exit codes: 0 done, 1 unexpected, 2 usage, 3 no device or link, 4 the device refused, 5 damaged data, 130 Ctrl-C.
    """


def main() -> None:
    """Run the command line."""
    cli(prog_name="mmc-host")
