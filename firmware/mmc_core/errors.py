"""Three errors, and the type says who is to blame; nobody tests their text."""


class MmcError(Exception):
    """Root of the errors raised on purpose; never raised itself."""


class FormatError(MmcError):
    """Bytes are not what their format says: storage or the line damaged them, or another version wrote them."""


class PeerError(MmcError):
    """The other end of the line broke the protocol, refused, or went away. `code` is the protocol's result code."""

    def __init__(self, message, code=0):
        super().__init__(message)
        self.code = code


class UsageError(MmcError):
    """The caller asked for something out of range or unknown: what, where, and what to do is in the message."""
