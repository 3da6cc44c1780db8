"""A serial port, or what looks like one: USB serial of a board, or the simulator's pseudo-terminal.

In:    the port's path
Out:   a `Transport` at first at 115200 baud, 8N1, raw. The reset lines DTR and RTS are put to rest before the port is
       opened
State: the open port, and a lock that other processes of this program respect and that says who holds it
"""

import contextlib
import errno
import fcntl
import os
import select
import termios
from pathlib import Path

from mmc_core import message
from mmc_core.errors import UsageError
from mmc_host.errors import LinkError
from mmc_host.paths import runtime_dir, writing_in

_WRITE_TIMEOUT_S = 5.0
_READ_BYTES = 4096
_GONE = (errno.EIO, errno.ENXIO, errno.ENODEV)  # what reading a device says that is no longer there


class PortLock:
    """Keeps a port to one process: a file with the holder's number, locked as long as the process lives.

    The file is left behind when it is let go of: removing it would race with a process that waits for it.
    """

    def __init__(self, port: str):
        """Take the lock of `port`.

        Raises:
            LinkError: another process holds it.
            UsageError: the runtime folder can't be written.
        """
        real = os.path.realpath(port)
        self._path = runtime_dir() / f"port{real.replace('/', '-')}.lock"
        with writing_in(self._path.parent):
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            os.close(self._file)
            self._file = -1
            raise LinkError(
                f"{port} is in use by process {holder or '(unknown)'}: wait for it, or end it (kill {holder or 'PID'})"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the port."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class SerialTransport:
    """An open serial port that nobody else of this program uses."""

    def __init__(self, port: str):
        """Open `port`.

        Args:
            port: path of a serial device.

        Raises:
            LinkError: it is missing, not ours to open, in use, or no serial port.
            UsageError: `port` is an address of another kind.
        """
        import serial

        if "://" in port:
            raise UsageError(f"{port!r} is no port: give a serial device's path, tcp://host:port or sim://scenario")
        self._name = port
        self._serial = serial.Serial(
            baudrate=message.LINE_BITS_PER_S, timeout=0, write_timeout=_WRITE_TIMEOUT_S, exclusive=True
        )
        self._serial.port = port
        self._serial.dtr = False
        self._serial.rts = False
        if not Path(port).exists():
            raise LinkError(f"there is no port {port}: plug the wearable in, and see `mmc-host devices`")
        self._lock = PortLock(port)
        try:
            self._serial.open()
        except (OSError, termios.error) as error:
            self._lock.release()
            raise LinkError(_why_not_open(port, error)) from error

    @property
    def name(self) -> str:
        """The path of the port."""
        return self._name

    @property
    def has_rate(self) -> bool:
        """See `Transport.has_rate`; a chip's own USB has none, and says yes to all of them."""
        return True

    def set_rate(self, bits_per_s: int) -> None:
        """See `Transport.set_rate`."""
        before = self._serial.baudrate
        try:
            self._serial.baudrate = bits_per_s
        except (OSError, termios.error, ValueError) as error:
            with contextlib.suppress(OSError, termios.error, ValueError):
                self._serial.baudrate = before
            raise LinkError(f"{self._name} does not do {bits_per_s} bit/s ({error})") from error

    def read(self, timeout_s: float) -> bytes:
        """See `Transport.read`."""
        try:
            ready, _, _ = select.select([self._serial.fileno()], [], [], timeout_s)
            return bytes(self._serial.read(_READ_BYTES)) if ready else b""
        except (OSError, termios.error, ValueError) as error:
            raise self._gone(error) from error

    def write(self, data: bytes) -> None:
        """See `Transport.write`."""
        import serial

        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise LinkError(
                f"{self._name} takes no data: the wearable hangs, or something else is attached; reset it, then retry"
            ) from error
        except (OSError, termios.error, ValueError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """See `Transport.close`."""
        try:
            self._serial.close()
        finally:
            self._lock.release()

    def _gone(self, error: Exception) -> LinkError:
        import serial

        gone = isinstance(error, serial.SerialException) or getattr(error, "errno", None) in _GONE
        why = "the wearable was unplugged or switched off" if gone else str(error)
        return LinkError(f"the line at {self._name} was lost: {why}; check the cable, then run the command again")


def _why_not_open(port: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(error, PermissionError) or number == 13:
        group = "uucp" if Path("/etc/arch-release").exists() else "dialout"
        return f"no permission to open {port}: join its group (sudo usermod -aG {group} $USER), then log in anew"
    if number in (11, 16, 35):
        return f"{port} is in use by another program (a serial monitor?): close it, then try again"
    return f"{port} can't be opened as a serial port ({error}): see `mmc-host devices` for those that can"
