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


@pytest.mark.parametrize("threads", [2, 3, 9])
def test_the_same_bits_from_several_threads(threads: int) -> None:
    counts = history(2000, 4, 3)
    flags = np.random.default_rng(4).random(2000) < 0.1
    one, several = (Kernel(4, 0, 16384, 60) for _ in range(2))
    for kernel in (one, several):
        kernel.set_reference(2, 5000, 0)
    expected = replay(one, counts, flags, threads=1).words
    found = np.concatenate([
        replay(several, counts[:9000], flags[:900], threads=threads).words,
        replay(several, counts[9000:], flags[900:], threads=threads).words,
    ])  # fmt: skip
    assert np.array_equal(found, expected)
    assert several.words == one.words
    assert several.filtered == one.filtered


def test_counts_and_flags_may_be_laid_out_in_any_way() -> None:
    counts = history(6000, 2, 5)
    flags = np.arange(6000) % 7 == 0
    expected = replay(Kernel(2, 0, 16384, 50), counts, flags).words
    wide = np.repeat(np.asfortranarray(counts), 2, axis=0)[::2]
    assert np.array_equal(replay(Kernel(2, 0, 16384, 50), wide, np.repeat(flags, 2)[::2]).words, expected)


def test_wrong_shapes_are_refused() -> None:
    kernel = Kernel(2, 0, 16384, 50)
    with pytest.raises(UsageError, match="2 channels"):
        replay(kernel, np.zeros((100, 3), np.int16))
    with pytest.raises(UsageError, match="9 flags for 10 blocks"):
        replay(kernel, np.zeros((100, 2), np.int16), np.zeros(9, bool))
