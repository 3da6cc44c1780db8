"""A line over TCP: a simulator or a serial bridge that listens somewhere.

In:  `tcp://host:port`, or `socket://host:port`
Out: a `Transport`
"""

import select
import socket
from urllib.parse import urlsplit

from mmc_core.errors import UsageError
from mmc_host.errors import LinkError

_CONNECT_TIMEOUT_S = 5.0
_READ_BYTES = 65_536


class TcpTransport:
    """A connected TCP socket."""

    def __init__(self, address: str):
        """Connect to `address`.

        Args:
            address: `tcp://host:port`, or `socket://host:port`.

        Raises:
            LinkError: nobody answers there.
            UsageError: `address` names no host or no port.
        """
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port:
            raise UsageError(f"{address!r} is no address: give tcp://host:port, for example tcp://127.0.0.1:7000")
        self._name = address
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S)
        except OSError as error:
            raise LinkError(f"nobody answers at {address} ({error}): is the bridge or simulator running?") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def name(self) -> str:
        """The address."""
        return self._name

    @property
    def has_rate(self) -> bool:
        """See `Transport.has_rate`: the other end's rate is the bridge's affair."""
        return False

    def set_rate(self, bits_per_s: int) -> None:
        """See `Transport.set_rate`."""
        raise LinkError(f"{self.name} has no rate to set to {bits_per_s} bit/s")

    def read(self, timeout_s: float) -> bytes:
        """See `Transport.read`."""
        try:
            ready, _, _ = select.select([self._socket], [], [], timeout_s)
            if not ready:
                return b""
            data = self._socket.recv(_READ_BYTES)
        except (OSError, ValueError) as error:
            raise self._gone(str(error)) from error
        if not data:
            raise self._gone("the other end closed it")
        return data

    def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._gone(str(error)) from error

    def close(self) -> None:
        """See `Transport.close`."""
        self._socket.close()

    def _gone(self, why: str) -> LinkError:
        return LinkError(f"the line to {self._name} was lost ({why}): run the command again once it is back")
