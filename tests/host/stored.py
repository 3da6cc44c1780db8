"""A whole session into a store, as a pull would bring it."""

import hashlib

from mmc_host.store import Entry, Store


def put(store: Store, device: str, session: int, data: bytes) -> Entry:
    """Store a session that was never begun before."""
    with store.partial(device, session, len(data)) as partial:
        partial.append(data)
        return partial.finish(hashlib.sha256(data).digest())
