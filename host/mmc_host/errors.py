"""Who is to blame, as an exit code: one table for the whole program.

The core's three errors are used as they are; the host adds one for the wire. Nobody tests the text of an error.

| code | means | raised as |
| --- | --- | --- |
| 0 | done | - |
| 1 | unexpected: a fault of this program | any other exception |
| 2 | usage: unknown or out of range | `UsageError`, click's own |
| 3 | no device, or the link failed | `LinkError` |
| 4 | the device refused, or broke the protocol | `PeerError` |
| 5 | damaged data, or a format that this version does not read | `FormatError` |
| 130 | stopped with Ctrl-C | `KeyboardInterrupt` |
"""

from mmc_core.errors import FormatError, MmcError, PeerError, UsageError

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_USAGE = 2
EXIT_LINK = 3
EXIT_PEER = 4
EXIT_FORMAT = 5
EXIT_INTERRUPTED = 130


class LinkError(MmcError):
    """There is no device, or the wire to it failed: what, where, and what to do is in the message."""


_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UsageError, EXIT_USAGE),
    (LinkError, EXIT_LINK),
    (PeerError, EXIT_PEER),
    (FormatError, EXIT_FORMAT),
    (KeyboardInterrupt, EXIT_INTERRUPTED),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code that belongs to an error; `EXIT_UNEXPECTED` for whatever was not raised on purpose."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), EXIT_UNEXPECTED)
