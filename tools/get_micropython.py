#!/usr/bin/env python3
"""Fetch the 32-bit MicroPython that integer tests count on.

A 64-bit MicroPython has 63-bit small integers and does not wrap viper arithmetic at 32 bits, so it can't show the
faults a wearable would have. Debian builds MicroPython for i386; this tool unpacks it, with the few libraries it needs,
into `.cache/micropython-i386/` and leaves the system's package set-up alone: apt gets private lists, state and cache.

In:     the Debian mirror that the system's own apt sources name, or `--mirror URL`
Out:    `.cache/micropython-i386/micropython32`, an executable that takes MicroPython's arguments
Needs:  Linux on x86-64 with apt-get and dpkg-deb; no root, no installed i386 package
Others: `find()` answers where the interpreter is, or why there is none. `MICROPYTHON32=/path` overrides it
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".cache" / "micropython-i386"
SUITE = "sid"  # the only Debian suite whose MicroPython is recent enough for the firmware
EXPECTED = "1.26.1"  # the version the figures in the documents were taken with; another one is used, with a remark
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
KEYRINGS = tuple(Path("/usr/share/keyrings") / f"debian-archive-keyring.{end}" for end in ("gpg", "pgp"))

PROBE = """
import micropython, sys
@micropython.viper
def wraps(v: int) -> int:
    return v * 65536
assert wraps(65536) == 0, "viper does not wrap at 32 bits"
print(".".join(str(n) for n in sys.implementation.version[:3]), sys.maxsize)
"""

WRAPPER = """#!/bin/sh
# Starts the 32-bit MicroPython through its own loader, so that nothing of it has to be installed.
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/{loader}" --library-path "{libraries}" "$here/root/usr/bin/micropython" "$@"
"""

APT_CONF = """
Dir::Etc "{work}/etc/";
Dir::Etc::SourceList "{work}/etc/sources.list";
Dir::Etc::SourceParts "{work}/etc/sources.list.d/";
Dir::Etc::Preferences "{work}/etc/preferences";
Dir::Etc::PreferencesParts "{work}/etc/preferences.d/";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d/";
Dir::State "{work}/state/";
Dir::State::Lists "{work}/state/lists/";
Dir::State::Status "{work}/state/status";
Dir::Cache "{work}/cache/";
Dir::Cache::Archives "{work}/cache/archives/";
Dir::Log "{work}/log/";
APT::Architecture "i386";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Architectures;
APT::Architectures {{ "i386"; }};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


class Unavailable(Exception):
    """This machine can't fetch or run the 32-bit MicroPython; the text says why."""


class Mirror(NamedTuple):
    """One place that may hold Debian packages, and the key file its source names (empty: none named)."""

    uri: str
    signed_by: str


def find() -> tuple[Path | None, str]:
    """Return the 32-bit interpreter and an empty reason, or None and the reason why there is none."""
    override = os.environ.get("MICROPYTHON32")
    path = Path(override) if override else HOME / "micropython32"
    if not path.exists():
        where = "MICROPYTHON32 names a file that does not exist" if override else "not fetched"
        return None, f"32-bit MicroPython: {where} (run tools/get_micropython.py)"
    try:
        probe(path)
    except Unavailable as error:
        return None, f"32-bit MicroPython: {error}"
    return path, ""


def probe(path: Path) -> str:
    """Run the interpreter once; return its version, or raise `Unavailable` if it isn't a working 32-bit build."""
    try:
        run = subprocess.run([path, "-c", PROBE], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{path} does not run here: {error}") from error
    if run.returncode != 0:
        raise Unavailable(f"{path} does not run here (exit code {run.returncode}): {run.stderr.strip()[-500:]}")
    version, maxsize = run.stdout.split()
    if int(maxsize) != 2**31 - 1:
        raise Unavailable(f"{path} is not a 32-bit build: sys.maxsize is {maxsize}")
    return version


def system_mirrors(apt: Path = Path("/etc/apt")) -> list[Mirror]:
    """Return the Debian mirrors that the system's own apt sources name, those signed with Debian's own keys first."""
    found: list[Mirror] = []
    parts = apt / "sources.list.d"
    for path in [apt / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.is_file():
            found += _one_line_sources(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(parts.glob("*.sources")):
        found += _deb822_sources(path.read_text(encoding="utf-8", errors="replace"))
    mirrors = [mirror for mirror in dict.fromkeys(found) if _looks_like_debian(mirror.uri)]
    return sorted(mirrors, key=lambda mirror: "debian-archive" not in mirror.signed_by)


def _one_line_sources(text: str) -> list[Mirror]:
    """Read `deb [options] uri suite components` lines."""
    found: list[Mirror] = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].replace("[", " [ ").replace("]", " ] ").split()
        if not words or words[0] != "deb":
            continue
        options: list[str] = []
        rest = words[1:]
        if rest and rest[0] == "[" and "]" in rest:
            end = rest.index("]")
            options, rest = rest[1:end], rest[end + 1 :]
        if len(rest) >= 3 and "main" in rest[2:]:
            keys = [word.split("=", 1)[1] for word in options if word.startswith("signed-by=")]
            found.append(Mirror(rest[0], keys[0] if keys else ""))
    return found


def _deb822_sources(text: str) -> list[Mirror]:
    """Read the stanzas of a `.sources` file."""
    found: list[Mirror] = []
    stanza: dict[str, list[str]] = {}
    key = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            enabled = stanza.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0")
            if enabled and "deb" in stanza.get("types", []) and "main" in stanza.get("components", []):
                signed_by = stanza.get("signed-by", [])
                named = signed_by[0] if len(signed_by) == 1 and signed_by[0].startswith("/") else ""
                found += [Mirror(uri, named) for uri in stanza.get("uris", [])]
            stanza, key = {}, ""
        elif line[0] in " \t":
            stanza.setdefault(key, []).extend(line.split())
        elif ":" in line:
            key, value = line.split(":", 1)
            key = key.strip().lower()
            stanza[key] = value.split()
    return found


def _looks_like_debian(uri: str) -> bool:
    """Tell Debian's main archive from its security archive and from other vendors' by the last part of the path."""
    path = Path(urlsplit(uri).path)
    return path.name == "debian" or (uri.startswith("mirror+file:") and path.stem == "debian")


def check_platform() -> None:
    """Raise `Unavailable` where the build can't run or can't be unpacked."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64", "i686", "i386"):
        raise Unavailable(f"it needs Linux on x86-64; this is {platform.system()} on {platform.machine()}")
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise Unavailable(f"it comes as Debian packages, and this machine has no {' and no '.join(missing)}")


def fetch(mirrors: list[Mirror], home: Path = HOME) -> str:
    """Download, unpack and check the build; return its version. What was in `home` stays until the new one works."""
    home.parent.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    for mirror in mirrors:
        work = Path(tempfile.mkdtemp(prefix="micropython-i386.", dir=home.parent))
        work.chmod(0o755)
        try:
            fresh = _unpack(_download(mirror, work), work)
            version = probe(fresh / "micropython32")
            if home.exists():
                home.rename(work / "old")
            fresh.rename(home)
            return version
        except Unavailable as error:
            reasons.append(f"{mirror.uri}: {error}")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    raise Unavailable("\n".join(reasons))


def _download(mirror: Mirror, work: Path) -> list[Path]:
    """Let apt fetch and verify the packages into folders of its own below `work`."""
    for folder in (
        "etc/sources.list.d",
        "etc/preferences.d",
        "state/lists/partial",
        "cache/archives/partial",
        "log",
        "debs",
    ):
        (work / folder).mkdir(parents=True)
    (work / "state/status").touch()
    keyring = next((str(path) for path in KEYRINGS if path.exists()), mirror.signed_by)
    options = f"arch=i386 target=Packages{' signed-by=' + keyring if keyring else ''}"
    (work / "etc/sources.list").write_text(f"deb [{options}] {mirror.uri} {SUITE} main\n", encoding="utf-8")
    (work / "etc/apt.conf").write_text(APT_CONF.format(work=work), encoding="utf-8")
    apt = ["apt-get", "-c", str(work / "etc/apt.conf"), "-q"]
    _run([*apt, "update", "--error-on=any"], work)
    _run([*apt, "download", *PACKAGES], work / "debs")
    return sorted((work / "debs").glob("*.deb"))


def _unpack(debs: list[Path], work: Path) -> Path:
    """Unpack the packages and write the script that starts the interpreter; return the folder that holds both."""
    fresh = work / "fresh"
    root = fresh / "root"
    root.mkdir(parents=True)
    for deb in debs:
        _run(["dpkg-deb", "-x", str(deb), str(root)], work)
    (fresh / "PACKAGES").write_text("".join(f"{deb.name}\n" for deb in debs), encoding="utf-8")
    loader = next((path for path in sorted(root.rglob("ld-linux.so.2")) if path.is_file()), None)
    if loader is None:
        raise Unavailable("the libc6 package has no ld-linux.so.2")
    folders = sorted({path.parent.relative_to(fresh) for path in root.rglob("*.so*") if path.is_file()})
    libraries = ":".join(f"$here/{folder}" for folder in folders if "gconv" not in folder.parts)
    wrapper = fresh / "micropython32"
    text = WRAPPER.format(loader=loader.relative_to(fresh), libraries=libraries)
    wrapper.write_text(text, encoding="utf-8")
    wrapper.chmod(0o755)
    return fresh


def _run(command: list[str], folder: Path) -> None:
    """Run a command quietly; its output becomes the reason when it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        words = " ".join(command[:1] + [word for word in command[1:] if word in ("update", "download", "-x")])
        raise Unavailable(f"{words} failed:\n{done.stdout.strip()[-2000:]}")


def main(arguments: list[str] | None = None) -> int:
    """Fetch the build unless a working one is there; return the exit code."""
    parser = argparse.ArgumentParser(description="Fetch the 32-bit MicroPython that integer tests count on.")
    parser.add_argument(
        "--mirror", metavar="URL", help="Debian mirror to use instead of the one in the system's apt sources"
    )
    parser.add_argument("--force", action="store_true", help="fetch again even if a working one is there")
    parser.add_argument(
        "--optional",
        action="store_true",
        help="exit with 0 and the reason where it can't be had (not if CI=true): tests that need it skip then",
    )
    chosen = parser.parse_args(arguments)
    try:
        path, _ = find()
        if path is None or chosen.force:
            check_platform()
            mirrors = [Mirror(chosen.mirror, "")] if chosen.mirror else system_mirrors()
            if not mirrors:
                raise Unavailable("no Debian mirror in this system's apt sources; name one with --mirror URL")
            print(f"fetching the 32-bit MicroPython (Debian {SUITE}, i386) ...", flush=True)
            fetch(mirrors)
            path = HOME / "micropython32"
        version = probe(path)
    except Unavailable as error:
        print(f"no 32-bit MicroPython: {error}", file=sys.stderr)
        if chosen.optional and os.environ.get("CI") != "true":
            print("going on without it; tests that need it will skip", file=sys.stderr)
            return 0
        return 1
    remark = "" if version == EXPECTED else f" (the documents' figures were taken with {EXPECTED})"
    print(f"32-bit MicroPython {version}{remark}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
