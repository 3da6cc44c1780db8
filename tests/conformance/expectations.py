"""What conformance routines share: they run on CPython and on MicroPython, so they use neither pytest nor f-strings."""

from mmc_sim.bus import I2C, BusMisuse


def same(got, wanted):
    """Assert equality; both sides are told, on MicroPython too."""
    assert got == wanted, "got {}, wanted {}".format(got, wanted)


def register_writes(bus):
    """What was written since the last call, as (register, value) pairs of single bytes."""
    written, bus.written = bus.written, []
    return [(register, data[0]) for register, data in written]


def fails(action, errno, *words):
    """Assert that `action` raises OSError with this number, and that its text has all the words."""
    try:
        action()
    except OSError as error:
        same(error.errno, errno)
        for word in words:
            assert word in str(error), str(error)
        return
    raise AssertionError("no OSError")


def refuses(action):
    """Assert that `action` raises ValueError before anything is done."""
    try:
        action()
    except ValueError:
        return
    raise AssertionError("no ValueError")


def each_transaction_fails(build, action, *words):
    """Let every single transaction of `action(part)` fail in turn; each must end in OSError that says where.

    build() -> (part, fault of its bus), with nothing done yet but what the action needs.
    """
    part, fault = build()
    before = fault.transactions
    action(part)
    count = fault.transactions - before
    assert count
    for number in range(1, count + 1):
        part, fault = build()
        fault.fail_at = fault.transactions + number
        fails(lambda part=part: action(part), 19, *words)
    part, fault = build()
    fault.is_stuck = True
    fails(lambda: action(part), 110, *words)


__all__ = ("I2C", "BusMisuse", "each_transaction_fails", "fails", "refuses", "register_writes", "same")
