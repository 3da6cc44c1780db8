"""`mmc-host report`: a session as one HTML file."""

from pathlib import Path

import rich_click as click

from mmc_host.terminal import say


@click.command("report")
@click.argument("session", default="last")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it (default: session-ID.html in this folder).",
)
def command(session: str, open_it: bool, output: Path | None) -> None:
    """Write the report of SESSION: `last`, a number, the first letters of an id, or a file."""
    from mmc_host.report import render
    from mmc_host.session import load
    from mmc_host.store import Store

    with Store() as store:
        path = store.find(session)
    found = load(path)
    target = output or Path(f"session-{path.stem[:14]}.html")  # number and eight digits of the hash
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(found, source=path.stem[:14]), encoding="utf-8")
    say(f"wrote {target}")
    if open_it:
        import webbrowser

        webbrowser.open(target.resolve().as_uri())
