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


def suggestion(name, known):
    """The one of `known` that shares most of its beginning and end with `name`, as a question; "" when none does."""
    best, best_score = "", 2
    for one in known:
        score = tail = 0
        while score < len(name) and score < len(one) and name[score] == one[score]:
            score += 1
        while tail < len(name) and tail < len(one) and name[-1 - tail] == one[-1 - tail]:
            tail += 1
        if score + tail > best_score:
            best, best_score = one, score + tail
    return "; did you mean {!r}?".format(best) if best else ""
