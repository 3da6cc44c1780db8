#!/usr/bin/env python3
"""Run all generators: every file in the tree that a tool makes is made anew, or checked.

Usage: python tools/generate.py [--check]
    --check: write nothing; exit 1 when a file is not what its tool makes
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent

# In the order in which they depend on each other: board facts and filters go into the core, the documents describe it.
GENERATORS = (
    "design_filters.py", "design_decimator.py", "make_kernel.py", "make_board_facts.py", "make_format_doc.py",
    "make_button_doc.py", "make_vectors.py",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run them all, even after one failed; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the generated files anew.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    options = parser.parse_args(arguments)
    extra = ["--check"] if options.check else []
    failed = [
        name
        for name in GENERATORS
        if subprocess.run([sys.executable, str(TOOLS / name), *extra], cwd=TOOLS.parent, check=False).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
