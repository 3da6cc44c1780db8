"""A wearable that is simulated for one command: started on opening, stopped on closing.

In:  `sim://scenario[?speed=max|N&seed=N&state=DIR]`
Out: a `Transport`; with `state` the simulated device keeps its flash and its settings from one command to the next
"""

import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from mmc_core.errors import UsageError
from mmc_host import firmware
from mmc_host.errors import LinkError
from mmc_host.fitting import fit_scenario
from mmc_host.statefolder import StateLock
from mmc_host.transport.serial import SerialTransport

DEFAULT_SEED = 1
_KEPT_BYTES = 4096


class SimTransport:
    """The line to a simulator that lives as long as this object is open."""

    def __init__(self, address: str):
        """Start the simulator that `address` describes.

        Args:
            address: `sim://scenario[?speed=max|N&seed=N&state=DIR]`.

        Raises:
            UsageError: the address, the scenario or an option is unknown; the state folder is in use; or there is no
                MicroPython.
        """
        self._name = address
        self._read_last = b""
        scenario, options = _parse(address)
        speed_pct = firmware.parse_speed(options.get("speed", "1"))
        seed = _whole(options.get("seed", str(DEFAULT_SEED)))
        self._temporary = None if "state" in options else tempfile.TemporaryDirectory(prefix="mmc-sim-")
        state = Path(options["state"] if self._temporary is None else self._temporary.name)
        self._lock = StateLock(state)
        try:
            fit_scenario(state, scenario, seed)
            self.simulator = firmware.start(state, speed_pct)
            try:
                self._serial = SerialTransport(self.simulator.port)
            except BaseException:
                self.simulator.stop()
                raise
        except BaseException:
            self._lock.release()
            raise

    @property
    def name(self) -> str:
        """The address."""
        return self._name

    @property
    def has_rate(self) -> bool:
        """See `Transport.has_rate`: a pseudo-terminal has none."""
        return False

    def set_rate(self, bits_per_s: int) -> None:
        """See `Transport.set_rate`."""
        raise LinkError(f"{self.name} has no rate to set to {bits_per_s} bit/s")

    def read(self, timeout_s: float) -> bytes:
        """See `Transport.read`."""
        try:
            data = self._serial.read(timeout_s)
        except LinkError as error:
            raise self._stopped(error) from error
        self._read_last = (self._read_last + data)[-_KEPT_BYTES:]
        return data

    def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        try:
            self._serial.write(data)
        except LinkError as error:
            raise self._stopped(error) from error

    def close(self) -> None:
        """See `Transport.close`; stops the simulator."""
        try:
            self._serial.close()
        finally:
            self.simulator.stop()
            self._lock.release()
            if self._temporary:
                self._temporary.cleanup()

    def _stopped(self, error: LinkError) -> LinkError:
        if self.simulator.running:
            return error
        # 64-bit MicroPython prints a traceback to standard output, which is the line.
        at = self._read_last.rfind(b"Traceback")
        traceback = self._read_last[at:].decode(errors="replace") if at >= 0 else ""
        return LinkError(f"the simulator stopped: {traceback or self.simulator.last_words or error}")


def _parse(address: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise UsageError(f"{address!r}: options read like ?speed=max&seed=7") from None
    unknown = sorted(set(options) - {"speed", "seed", "state"})
    if unknown:
        raise UsageError(f"{address!r}: option {unknown[0]!r} is not known; there are speed, seed and state")
    return parts.netloc + parts.path, options


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"seed {text!r} is no whole number") from None
