"""The line handed over: the app that runs is asked for what only it knows, then for MicroPython's console.

In:     a port; an app that answers there, or none
Out:    the number of its sessions that no host has verified, None where no app answers
Errors: UsageError: a session is being recorded
Source: an app that is not asked lets `mpremote` in as well, but only its second attempt
"""

from __future__ import annotations

from time import monotonic

from mmc_core.errors import PeerError, UsageError
from mmc_core.sync_client import SyncClient
from mmc_host.client import Device
from mmc_host.errors import LinkError
from mmc_host.transport import Transport, open_transport

_TRIES = 2
_PATIENT_TRIES = 30  # of 500 ms: an app that starts, and mounts its journal first
_CONSOLE_TIMEOUT_S = 5.0
_PROMPT = b">>> "


def dismiss(port: str) -> int | None:
    """Let the app make room for the console; return how many sessions it holds that no host has verified.

    Raises:
        UsageError: it records a session.
        LinkError: the port can't be opened.
    """
    transport = open_transport(port)
    try:
        device = Device(transport, client=SyncClient(tries=_TRIES))
        try:
            device.hello()
            status = device.status()
            unpulled = len(list(device.sessions()))
        except (LinkError, PeerError):
            return None
        if status.recording:
            raise UsageError(
                f"the wearable records session {status.session}: end it with `mmc-host stop`, then run this again"
            )
        try:
            device.bye()
        except (LinkError, PeerError):
            return unpulled  # an app from before it knew that: the console stops it
        _wait_for_prompt(transport)
        return unpulled
    finally:
        transport.close()


def count_unpulled(port: str) -> int | None:
    """Return how many sessions the app that starts at a port holds that no host has verified."""
    transport = open_transport(port)
    try:
        device = Device(transport, client=SyncClient(tries=_PATIENT_TRIES))
        device.hello()
        return len(list(device.sessions()))
    except (LinkError, PeerError):
        return None
    finally:
        transport.close()


def _wait_for_prompt(transport: Transport) -> None:
    """Return when the prompt was seen; who does not see it goes on all the same."""
    end, seen = monotonic() + _CONSOLE_TIMEOUT_S, b""
    while _PROMPT not in seen and monotonic() < end:
        try:
            seen = seen[-len(_PROMPT) :] + transport.read(0.1)
        except LinkError:
            return  # a chip whose own USB went away with its app
