"""Lines to a wearable, behind one contract: a serial port, TCP, or a simulator that is started for the purpose.

In:    a port as the user names it: a serial path, `tcp://host:port` (or `socket://host:port`, as esptool and mpremote
       name it), `sim://scenario`; None: the one that is attached, or that is chosen at the terminal
Out:   a `Transport`: bytes in, bytes out. Every failure of the wire is a `LinkError` that says what, where, what to do
"""

from typing import Protocol

from mmc_core.errors import UsageError


class Transport(Protocol):
    """A line to a device. Not for use by two threads at once."""

    @property
    def name(self) -> str:
        """How the user would name this line."""
        ...

    @property
    def has_rate(self) -> bool:
        """Whether both ends of this line have a rate that can be changed."""
        ...

    def set_rate(self, bits_per_s: int) -> None:
        """Send and receive at another rate from now on; only where `has_rate`.

        Raises:
            LinkError: this end can't do that; the rate is what it was.
        """
        ...

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived, at most `timeout_s` seconds from now; empty when nothing did.

        Raises:
            LinkError: the line is gone.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            LinkError: the line is gone, or takes nothing.
        """
        ...

    def close(self) -> None:
        """Let go of the line; twice is once."""
        ...


def open_transport(port: str | None = None) -> Transport:
    """Open the line that `port` names.

    Args:
        port: a serial device's path, `tcp://host:port`, `sim://scenario[?speed=max|N&seed=N&state=DIR]`; None takes the
            one wearable that is attached, or asks at a terminal.

    Raises:
        LinkError: there is none, there are several, or it can't be opened.
        UsageError: `port` is no address.
    """
    if port is None:
        from mmc_host.transport.discover import find_one

        port = find_one().port
    if not port.strip():
        raise UsageError(
            "the port is empty: give a serial device's path, tcp://host:port or sim://scenario, or leave --port away "
            "to take the one wearable that is attached"
        )
    if port.startswith(("tcp://", "socket://")):
        from mmc_host.transport.tcp import TcpTransport

        return TcpTransport(port)
    if port.startswith("sim://"):
        from mmc_host.transport.sim import SimTransport

        return SimTransport(port)
    from mmc_host.transport.serial import SerialTransport

    return SerialTransport(port)
