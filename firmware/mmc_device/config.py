"""Settings and boot count on the file system: written whole beside the old file, then renamed over it.

In:    a folder path; settings to keep
Out:   settings in force, boot count; whether the file was damaged
State: none of its own
Cost:  about 1.5 KiB of file; written only when a setting changes and once per start
Source: the records of record.py, so that the device has one way to write things down

A file that cannot be read or understood is set aside as `<name>.bad` (`.bad~` when that exists), never overwritten, and
the defaults are in force. Single settings that another version wrote are passed over, the others are in force; the file
that has them is set aside at the next change.
"""

import binascii
import os
import struct

from mmc_core import decoding, record, settings
from mmc_core.errors import FormatError, UsageError

_SETTINGS = "settings.mmc"
_BOOTS = "boots.mmc"
_NO_ENTRY = 2  # ENOENT


class Config:
    """Keeps `settings` and `boot_count` in a folder."""

    def __init__(self, folder, values=None):
        """values: what `settings` holds, where it was loaded before."""
        self._folder = folder
        self.settings = settings.Settings(values)
        self.boot_count = 0
        self.was_damaged = False
        self._is_foreign = False  # the file holds settings that are not understood here

    def load(self):
        """Read what is there and count this start. Missing files mean a first start."""
        self.settings = settings.Settings()
        try:
            self._take(self.read(_SETTINGS))
        except FormatError:
            self.set_aside(_SETTINGS)
            self._is_foreign = False
            self.settings = settings.Settings()
        try:
            data = self.read(_BOOTS)
            if len(data) not in (0, 4):
                raise FormatError("length does not match")
            self.boot_count = struct.unpack("<I", data)[0] if data else 0
        except FormatError:
            self.set_aside(_BOOTS)
        self.boot_count += 1
        try:
            self.write(_BOOTS, struct.pack("<I", self.boot_count))
        except OSError:
            self.was_damaged = True  # a full file system stops no training

    def save(self):
        """Keep the settings as they are now."""
        if self._is_foreign:
            self.set_aside(_SETTINGS)
            self._is_foreign = False
        buffer = bytearray(64)
        parts = []
        for name in settings.names():
            values = settings.to_wire(name, self.settings[name])
            parts.append(bytes(buffer[: record.encode_into(buffer, 0, record.SETTING, values)]))
        self.write(_SETTINGS, b"".join(parts))

    def _take(self, body):
        for _, kind, values, _ in decoding.decode(body, 0, len(body)):
            if kind == 0:
                raise FormatError(values)
            if kind == record.SETTING:
                try:
                    name, value = settings.from_wire(*values)
                    self.settings.restore(name, value)
                except UsageError:  # another version wrote it
                    self.was_damaged = self._is_foreign = True

    def read(self, name):
        """The file's bytes in front of a valid checksum; b"" when there is no such file."""
        try:
            with open(self._folder + "/" + name, "rb") as file:
                data = file.read()
        except OSError as error:
            if error.errno == _NO_ENTRY:
                return b""
            raise FormatError("cannot be read: {}".format(error)) from None
        if len(data) < 4 or struct.unpack("<I", data[-4:])[0] != binascii.crc32(data[:-4]):
            raise FormatError("checksum does not match")
        return data[:-4]

    def write(self, name, data):
        """Replace a file, whole."""
        path = self._folder + "/" + name
        try:
            os.stat(self._folder)
        except OSError:
            os.mkdir(self._folder)  # a new file system
        with open(path + ".new", "wb") as file:
            file.write(data + struct.pack("<I", binascii.crc32(data)))
        os.rename(path + ".new", path)

    def set_aside(self, name):
        """Give a file that can't be understood another name."""
        self.was_damaged = True
        bad = name + ".bad"
        while bad in os.listdir(self._folder):
            bad += "~"
        os.rename(self._folder + "/" + name, self._folder + "/" + bad)
