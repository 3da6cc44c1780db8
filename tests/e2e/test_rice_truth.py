"""Every recording as the device packs it: no sample is another, and it is smaller than zlib makes it."""

from __future__ import annotations

from pathlib import Path

import instructions
import numpy as np
import pytest
import truth_rice

FEWEST = 3  # recordings that a folder has to have for its median to say anything


def test_every_recording_comes_back_and_is_smaller(data_dir: Path) -> None:
    rows = truth_rice.judge_all(data_dir)
    if len(rows) < FEWEST:
        pytest.skip(f"{len(rows)} recordings with EMG")
    assert [name for name, row in rows.items() if not row["lossless"]] == []
    median = {name: np.median([row[name] for row in rows.values()]) for name in ("records", "zlib_4k", "zlib")}
    assert median["records"] > 1.15 * median["zlib"] > median["zlib_4k"]
    assert min(row["records"] for row in rows.values()) > 1


def test_the_devices_code_packs_the_same_bytes() -> None:
    """The tool compares bytes and state, block by block; the cost stays near the kernel's."""
    assert instructions.pack_instructions("xtensawin", 400) == pytest.approx(398, abs=20)
