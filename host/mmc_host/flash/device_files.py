"""Files on a device through MicroPython's raw REPL, with `mpremote` as a program: what is there, and an update.

In:     a serial port where MicroPython's console answers; operations of `manifest`
Out:    `Device`, what it has and what runs it; the operations done, in order
Errors: LinkError: the console does not answer. PeerError: an operation failed, or a file arrived damaged
Cost:   about 0.1 s a call of mpremote, so that what follows each other goes in one call. The device hashes its files in
        pieces of 512 bytes
Source: mpremote's own page: its command line is stable, its Python interface is not; `resume` spares the soft reset
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Protocol

from mmc_core.errors import FormatError, PeerError, UsageError
from mmc_host.errors import LinkError
from mmc_host.flash.manifest import (
    ACTIVE,
    FOLDERS,
    MAINTENANCE,
    Copy,
    DeviceFiles,
    File,
    MakeFolder,
    Operation,
    Remove,
    RemoveFolder,
    Rename,
    Verify,
)
from mmc_host.flash.partitions import Partition, Table
from mmc_host.flash.tools import Failed, TimedOut, run_tool

_CALL_TIMEOUT_S = 120.0
_ANSWER_TIMEOUT_S = 5.0
_KNOCKS = 2  # an app that hears the first goes into maintenance; the console hears the second
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)  # fmt: skip - in the order of MicroPython's py/persistentcode.h
_MPY_VERSION = 6

_LIST = """
import os, sys, hashlib, binascii
def tell(path):
    digest, size, part = hashlib.sha256(), 0, bytearray(512)
    with open(path, "rb") as file:
        while True:
            n = file.readinto(part)
            if not n:
                break
            digest.update(memoryview(part)[:n])
            size += n
    print("file", size, binascii.hexlify(digest.digest()).decode(), path)
def walk(folder):
    for name, kind, *_ in sorted(os.ilistdir(folder or "/")):
        path = folder + "/" + name
        if kind != 0x4000:
            tell(path)
        elif folder or path in {folders!r}:
            print("folder", path)
            walk(path)
for start in {starts!r}:
    try:
        kind = os.stat(start or "/")[0]
    except OSError:
        continue
    walk(start) if kind & 0x4000 else tell(start)
try:
    with open({active!r}, "rb") as file:
        print("active", binascii.hexlify(file.read(32)).decode())
except OSError:
    pass
space = os.statvfs("/")
print("space", space[1] * space[3], space[1])
try:
    from esp32 import Partition
    for kind in (Partition.TYPE_APP, Partition.TYPE_DATA):
        for part in Partition.find(kind):
            print("partition", *part.info()[:5])
except ImportError:
    pass
version = sys.implementation[1]
print("micropython", ".".join(str(n) for n in version[:3]), getattr(sys.implementation, "_mpy", 0))
print("end")
"""


@dataclass(frozen=True)
class Device:
    """What a device says of itself."""

    files: DeviceFiles
    micropython: str  # "1.26.1"
    mpy_version: int  # of the .mpy files that it loads
    architecture: str  # of the machine code in them, "" for none
    table: Table  # sorted by offset; empty where MicroPython knows of none


class Console(Protocol):
    """MicroPython's console, with nothing running."""

    def run(self, script: str) -> str:
        """Run a script on the device; return what it printed."""
        ...

    def answers(self) -> bool:
        """Whether it is there, within seconds."""
        ...

    def copy(self, files: Sequence[Copy]) -> None:
        """Write files in place."""
        ...

    def reset(self) -> None:
        """Start the device anew; return when the console answers, or when it plainly does not."""
        ...


class Mpremote:
    """The console of a serial port, through mpremote."""

    def __init__(self, port: str):
        """Nothing is opened yet.

        Raises:
            UsageError: mpremote is not installed.
        """
        if find_spec("mpremote") is None:
            raise UsageError("mpremote is missing: pip install 'mmc-host[flash]'")
        self.port = port

    def run(self, script: str) -> str:
        """See `Console`."""
        return self._call("exec", script)

    def answers(self) -> bool:
        """See `Console`."""
        for _ in range(_KNOCKS):
            with contextlib.suppress(LinkError):
                self._call("exec", "pass", timeout_s=_ANSWER_TIMEOUT_S)
                return True
        return False

    def copy(self, files: Sequence[Copy]) -> None:
        """See `Console`."""
        with tempfile.TemporaryDirectory(prefix="mmc-copy-") as folder:
            arguments: list[str] = []
            for target, group in groupby(files, key=lambda file: file.path.rpartition("/")[0]):
                sources: list[str] = []
                for file in group:
                    source = Path(folder, *file.path.split("/")[1:])
                    source.parent.mkdir(parents=True, exist_ok=True)
                    source.write_bytes(file.data)
                    sources.append(str(source))
                # `:/` would be the current folder to mpremote, so what goes to the root is named in full.
                into = [[*sources, f":{target}/"]] if target else [[one, f":/{Path(one).name}"] for one in sources]
                for names in into:
                    arguments += [*(["+"] if arguments else []), "cp", *names]
            self._call(*arguments)

    def reset(self) -> None:
        """See `Console`."""
        self._call("reset")

    def _call(self, *arguments: str, timeout_s: float = _CALL_TIMEOUT_S) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", self.port, "resume", *arguments]
        try:
            return run_tool(command, timeout_s)
        except TimedOut:
            raise LinkError(f"{self.port}: MicroPython did not answer within {timeout_s:.0f} s") from None
        except Failed as failed:
            raise LinkError(f"{self.port}: {failed}") from None


def read_device(console: Console) -> Device:
    """Return what the device has: the files of the root and of both app folders, and its MicroPython.

    Raises:
        LinkError: the console does not answer.
        FormatError: it answers anything else.
    """
    return parse(console.run(script([""])))


def parse(text: str) -> Device:
    """Return what a device told; lines of others in between are no matter.

    Raises:
        FormatError: it is not whole.
    """
    files: dict[str, File] = {}
    folders: set[str] = set()
    table: list[Partition] = []
    active, space, version, mpy, whole = "", (0, 0), "", 0, False
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.partition(" ")
        try:
            if word == "file":
                size, sha256, path = rest.split(" ", 2)
                files[path] = File(path, int(size), sha256)
            elif word == "folder":
                folders.add(rest)
            elif word == "active":
                active = bytes.fromhex(rest).decode("ascii", "replace").strip()
            elif word == "space":
                free, block = rest.split()
                space = int(free), int(block)
            elif word == "partition":
                kind, subtype, offset, size, name = rest.split(" ", 4)
                table.append(Partition(name, int(kind), int(subtype), int(offset), int(size)))
            elif word == "micropython":
                version, tag = rest.split()
                mpy = int(tag)
            elif line == "end":
                whole = True
        except ValueError:
            raise FormatError(f"what the device tells of its files, line {number}: {line!r}") from None
    if not whole or not space[1] or not version:
        raise FormatError("what the device tells of its files is not whole")
    architecture = mpy >> 10 & 0xF
    return Device(
        DeviceFiles(files, frozenset(folders), active, *space),
        version,
        mpy & 0xFF,
        _ARCHITECTURES[architecture] if architecture < len(_ARCHITECTURES) else f"number {architecture}",
        tuple(sorted(table, key=lambda part: part.offset)),
    )


def check_loads(device: Device, architecture: str) -> None:
    """Refuse a device whose MicroPython does not load the app's .mpy files.

    Raises:
        UsageError: it does not; the message says which it would load.
    """
    if device.mpy_version != _MPY_VERSION:
        raise UsageError(
            f"MicroPython {device.micropython} loads .mpy of version {device.mpy_version}, the app's are of version "
            f"{_MPY_VERSION}: flash the board's own image"
        )
    if device.architecture != architecture:
        raise UsageError(
            f"this MicroPython loads machine code for {device.architecture or 'no processor'}, the board's is "
            f"{architecture}: is it another board?"
        )


def carry_out(
    console: Console,
    operations: Sequence[Operation],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Do all operations in their order.

    Args:
        console: of the device.
        operations: of `manifest.operations`, made from what the device has now.
        on_progress: called with the number of operations done and of all.

    Raises:
        LinkError: the console does not answer any more, or the device could not do it; the message has its words.
        PeerError: a file is not what was sent. What started before still starts.
    """
    done = 0
    for batch in batches(operations):
        first = batch[0]
        if isinstance(first, Copy):
            console.copy([one for one in batch if isinstance(one, Copy)])
        elif isinstance(first, Verify):
            _verify(console, first)
        else:
            console.run("import os\n" + "".join(f"{_statement(one)}\n" for one in batch))
        done += len(batch)
        on_progress(done, len(operations))


def batches(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Yield operations that go to the device together, in order: copies, or small ones; a check goes alone."""
    for kind, group in groupby(operations, key=lambda one: type(one) if isinstance(one, Copy | Verify) else None):
        if kind is Verify:
            yield from ([one] for one in group)
        else:
            yield list(group)


def restart(console: Console, maintenance: bool = False) -> None:
    """Reset the device: into its app, or for this once into its console.

    Args:
        console: of the device.
        maintenance: leave the flag that keeps boot.py from starting the app; only for a device that has our boot.py.

    Raises:
        LinkError: the console does not answer.
    """
    flag = f"open({MAINTENANCE!r}, 'w').close()" if maintenance else f"os.remove({MAINTENANCE!r})"
    console.run(f"import os\ntry:\n    {flag}\nexcept OSError:\n    pass")
    console.reset()


def wait_for(console: Console, timeout_s: float, now: Callable[[], float] = time.monotonic) -> None:
    """Return when the console answers.

    Raises:
        LinkError: it does not within `timeout_s`.
    """
    end = now() + timeout_s
    while not console.answers():
        if now() >= end:
            raise LinkError(f"MicroPython's console does not answer within {timeout_s:.0f} s")


def folder(console: Console) -> str:
    """Return the folder that the device works in: "/" where boot.py started no app."""
    return console.run("import os\nprint(os.getcwd())").strip()


def make_folder(console: Console, path: str) -> None:
    """Make a folder unless it is there."""
    console.run(f"import os\ntry:\n    os.stat({path!r})\nexcept OSError:\n    os.mkdir({path!r})")


def script(starts: Sequence[str]) -> str:
    """Return what makes a device tell of these paths, for `parse`; "" is the root, and both app folders."""
    return _LIST.format(folders=FOLDERS, starts=list(starts), active=ACTIVE)


def _verify(console: Console, wanted: Verify) -> None:
    starts = [wanted.folder] if wanted.folder else [file.path for file in wanted.files]
    found = parse(console.run(script(starts))).files.files
    shall = {file.path: file for file in wanted.files}
    wrong = sorted(path for path in shall.keys() | found.keys() if shall.get(path) != found.get(path))
    if wrong:
        raise PeerError(
            f"{', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}: not what was sent; what started before still "
            "starts. Run it again; if that goes on, the flash or the line is bad"
        )


def _statement(one: Operation) -> str:
    match one:
        case MakeFolder(path):
            return f"os.mkdir({path!r})"
        case Remove(path):
            return f"os.remove({path!r})"
        case RemoveFolder(path):
            return f"os.rmdir({path!r})"
        case Rename(old, new):
            return f"os.rename({old!r}, {new!r})"
        case Copy() | Verify():
            raise TypeError(f"{type(one).__name__} is no statement")
