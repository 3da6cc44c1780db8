"""The compiled kernel computes the same bits as the plain one, on any input, and goes on where it was."""

from __future__ import annotations

import numpy as np
import pytest
from histories import history

from mmc_core.errors import UsageError
from mmc_core.kernel import Kernel
from mmc_host import replay as module
from mmc_host.replay import replay


def test_the_same_bits_as_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = history(2000, 2, 1)
    flags = np.random.default_rng(2).random(2000) < 0.1
    fast, plain = (Kernel(2, 0, 16384, 50, harmonic=True) for _ in range(2))
    for kernel in (fast, plain):
        kernel.set_reference(0, 5000, 0)
        kernel.set_reference(1, 0, 8192)
    first = replay(fast, counts[:7000], flags[:700])
    second = replay(fast, counts[7000:], flags[700:])
    monkeypatch.setattr(module, "_compiled", lambda: None)
    whole = replay(plain, counts, flags)
    assert (first.executor, second.executor, whole.executor) == ("numba", "numba", "python")
    assert np.array_equal(np.concatenate([first.words, second.words]), whole.words)
    assert [list(words) for words in fast.words] == [list(words) for words in plain.words]
    assert list(fast.filtered) == list(plain.filtered)


def test_wrong_shapes_are_refused() -> None:
    kernel = Kernel(2, 0, 16384, 50)
    with pytest.raises(UsageError, match="2 channels"):
        replay(kernel, np.zeros((100, 3), np.int16))
    with pytest.raises(UsageError, match="9 flags for 10 blocks"):
        replay(kernel, np.zeros((100, 2), np.int16), np.zeros(9, bool))
