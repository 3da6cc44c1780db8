"""A serial port on TCP, as `socket://` names it: one client at a time, what arrives without one is lost."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading


class Bridge:
    """Carries bytes between a port of this machine and whoever connects; a context manager."""

    def __init__(self, port: str):
        """port: path of a serial port or pseudo-terminal."""
        self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self.clients = 0
        self._ends = False
        self._thread = threading.Thread(target=self._serve, name="bridge", daemon=True)
        self._thread.start()

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *rest: object) -> None:
        self._ends = True
        self._thread.join(5.0)
        self._server.close()
        os.close(self._port)

    def _serve(self) -> None:
        client: socket.socket | None = None
        while not self._ends:
            ready = select.select([self._port, client or self._server], [], [], 0.1)[0]
            if self._server in ready:
                client, _ = self._server.accept()
                self.clients += 1
            if self._port in ready:
                data = os.read(self._port, 4096)
                with contextlib.suppress(OSError):  # it hung up: lost, as on a serial port
                    if client:
                        client.sendall(data)
            if client in ready and client is not None:
                data = _received(client)
                if not data:
                    client.close()
                    client = None
                while data:
                    data = data[os.write(self._port, data) :]
        if client:
            client.close()


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(4096)
    except OSError:
        return b""
