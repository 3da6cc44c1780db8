"""How the proofs of small_int_proofs.py are held against code: a slip in a text, and the code as it runs."""

from __future__ import annotations

import inspect
import random
from contextlib import suppress
from typing import Any

from interval_bounds import Interpreter
from interval_values import Unknown, watched
from small_int_proofs import Proof

from mmc_core import event, settings


def catches(proof: Proof, old: str, new: str) -> bool:
    """Whether a proof fails on its module with another text in one place."""
    text = inspect.getsource(proof.module)
    assert text.count(old) == 1, "the mutant has to follow the text"
    mutant = text.replace(old, new)
    machine = Interpreter(mutant, watched(mutant), proof.rules, proof.invariant.fields)
    with suppress(Unknown):  # a lemma that can't be, an element out of an array, a division by what may be 0
        return next(proof.faults(machine), "") != ""  # the first is enough
    return True


class Watch:
    """A module made from its text, whose every operation is held against the range that was proved of it."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        _, self.machine = proof.check()
        self.names = watched(inspect.getsource(proof.module), self.machine.entered, self._see, proof.rules.known)
        self.seen: set[str] = set()

    def _see(self, place: str, value: Any) -> Any:
        if isinstance(value, int):  # and no text or tuple
            low, high = self.machine.widest[place]
            assert low <= value <= high, (place, value)
            self.seen.add(place.rsplit("@", 1)[0])
        return value

    def unseen_lemmas(self) -> set[str]:
        return self.proof.rules.known.keys() - self.seen


def levels(rng: random.Random, most: int, count: int = 400) -> list[int]:
    """Pieces at either end, and anything between: what a signal would do, and what it would not."""
    found: list[int] = []
    while len(found) < count:
        low = rng.choice([0, 0, most, rng.randrange(most)])
        high = rng.choice([low, most, rng.randrange(low, most + 1)])
        found += [rng.randint(low, high) for _ in range(rng.choice([1, 8, 60, 350]))]
    return found


def any_settings(rng: random.Random) -> settings.Settings:
    """Numbers at either end of the schema, or as they are."""
    config = settings.Settings()
    for name, kind, low, high, default in map(settings.find_row, settings.keys(settings.SCHEMA)):
        if kind == "int":
            config.put(name, rng.choice([low, high, default]))
    return config


def tell_any(rng: random.Random, outbox: Any, t_samples: int) -> None:
    """Events that no question would tell, at times more of them than there is room for."""
    outbox.clear()
    for _ in range(rng.choice([0, 0, 0, 0, 1, 2, 14])):
        kind = rng.choice([rng.randrange(32), event.EVENT_HOLD_START, event.EVENT_HOLD_END, event.EVENT_SQUEEZE])
        value, threshold = (rng.choice([0, 4095, -(2**30), 2**30 - 1, rng.randrange(4096)]) for _ in range(2))
        outbox.tell(kind, rng.choice([0, 3, 255]), value, threshold, rng.randrange(22), t_samples)
