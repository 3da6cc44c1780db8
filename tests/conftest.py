"""Fixtures that all tests share: the two MicroPythons, the recordings, and hypothesis' profiles.

Where CI=true nothing that belongs to the check may skip in silence: a missing MicroPython fails the test that needs it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import get_micropython
import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI") == "true"

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses an interpreter or recordings by what it asks for, so that the markers can't be forgotten."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"mpy", "mpy64", "mpy32"}:
            item.add_marker("mpy")
        if "data_dir" in names:
            item.add_marker("data")


def _refuse(reason: str) -> NoReturn:
    """Skip with the reason; fail with it in CI."""
    if IN_CI:
        pytest.fail(f"{reason} (CI=true: this may not skip)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def mpy64() -> Path:
    """The 64-bit MicroPython of the wheel, or the one that MICROPYTHON names."""
    named = os.environ.get("MICROPYTHON")
    found = named or shutil.which("micropython", path=str(Path(sys.executable).parent))
    if not found or not Path(found).exists():
        _refuse(f"MicroPython: {f'MICROPYTHON={named} does not exist' if named else 'no wheel for this platform'}")
    run = subprocess.run(
        [str(found), "-c", "import sys; print(sys.implementation.name)"], check=False, capture_output=True, text=True
    )
    if run.stdout.strip() != "micropython":
        _refuse(f"MicroPython: {found} does not run here: {run.stderr.strip()[-300:]}")
    return Path(str(found))


@pytest.fixture(scope="session")
def mpy32() -> Path:
    """The 32-bit MicroPython, the one that counts for integers."""
    path, reason = get_micropython.find()
    if path is None:
        _refuse(reason)
    return Path(str(path))


@pytest.fixture(scope="session", params=["mpy64", "mpy32"])
def mpy(request: pytest.FixtureRequest) -> Path:
    """Each of the two MicroPythons in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of recordings with known truth."""
    named = os.environ.get("MMC_DATA")
    if not named:
        pytest.skip("recordings: MMC_DATA is not set")
    path = Path(str(named))
    if not path.is_dir():
        pytest.fail(f"recordings: MMC_DATA={named} is not a folder", pytrace=False)
    return path
