"""A file system in memory in which each operation may be the last, and what starts from it, by the real boot.py."""

import builtins
import hashlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mmc_host.flash import manifest
from mmc_host.flash.manifest import DeviceFiles, File, Operation

BOOT_TEXT = (Path(__file__).resolve().parent.parent / "firmware" / "boot.py").read_text(encoding="utf-8")
BLOCK = 4096


class NotVerified(Exception):
    """Files are not as they shall be."""


class Disk:
    """Files by absolute path, and folders."""

    def __init__(self, files: dict[str, bytes] | None = None, folders: Iterable[str] = ()):
        self.files = dict(files or {})
        self.folders = set(folders)

    def copy(self) -> "Disk":
        return Disk(self.files, self.folders)

    def apply(self, operation: Operation) -> None:
        """Do it whole; what a file system would refuse raises."""
        match operation:
            case manifest.MakeFolder(path):
                assert path not in self.folders and path not in self.files
                assert path.count("/") == 1 or path.rsplit("/", 1)[0] in self.folders
                self.folders.add(path)
            case manifest.Remove(path):
                del self.files[path]
            case manifest.RemoveFolder(path):
                assert not [one for one in [*self.files, *self.folders] if one.startswith(path + "/")]
                self.folders.remove(path)
            case manifest.Copy(data, path):
                assert path.count("/") == 1 or path.rsplit("/", 1)[0] in self.folders
                assert path not in self.folders
                self.files[path] = data
            case manifest.Rename(old, new):
                self.files[new] = self.files.pop(old)
            case manifest.Verify(files, folder):
                wanted = {file.path: file for file in files}
                prefix = f"{folder}/" if folder else None
                found = {path for path in self.files if (path.startswith(prefix) if prefix else path in wanted)}
                if found != set(wanted) or any(self.entry(path) != wanted[path] for path in found):
                    raise NotVerified(str(operation))

    def torn(self, operation: Operation) -> list["Disk"]:
        """What may be there when power fails in the middle; only a copy has a middle."""
        if not isinstance(operation, manifest.Copy):
            return []
        disks = []
        for length in {0, len(operation.data) // 2}:
            disk = self.copy()
            disk.files[operation.path] = operation.data[:length]
            disks.append(disk)
        return disks

    def entry(self, path: str) -> File:
        return File(path, len(self.files[path]), hashlib.sha256(self.files[path]).hexdigest())

    def listing(self) -> DeviceFiles:
        """What the device tells of itself."""
        shown = [path for path in self.files if path.count("/") == 1 or path.startswith(("/app_a/", "/app_b/"))]
        return DeviceFiles(
            {path: self.entry(path) for path in shown},
            frozenset(self.folders),
            self.files.get("/active", b"").decode().strip(),
            1 << 20,
            BLOCK,
        )

    def boot(self, machine: Any = None) -> str | None:
        """Run boot.py as MicroPython does; return the text of the main.py that starts then, None without one."""
        here = ["/"]

        def stat(path: str) -> None:
            if path not in self.files and path not in self.folders:
                raise OSError(2)

        def remove(path: str) -> None:
            stat(path)
            del self.files[path]

        def chdir(path: str) -> None:
            stat(path)
            here[0] = path

        def read(path: str) -> io.StringIO:
            stat(path)
            return io.StringIO(self.files[path].decode())

        modules = {"os": SimpleNamespace(stat=stat, remove=remove, chdir=chdir), "machine": machine}

        def load(name: str, *rest: object) -> Any:
            if modules.get(name) is None:
                raise ImportError(name)
            return modules[name]

        names: dict[str, Callable[..., Any]] = {"__import__": load, "open": read, "print": lambda *words: None}
        if "/boot.py" in self.files:
            exec(self.files["/boot.py"].decode(), {"__builtins__": {**vars(builtins), **names}})
        main = self.files.get(here[0].rstrip("/") + "/main.py")
        return None if main is None else main.decode()
