"""Raw NOR flash on a file: erase by blocks, program by pages, nothing is forgiven, and power can fail at any operation.

In:    the block-device calls that the journal makes: readblocks, writeblocks with an offset, ioctl
Out:   bytes; FlashMisuse for what real flash would silently spoil; PowerCut when the power fails
State: the file; the count of operations
Cost:  one seek and one transfer per call
Source: ESP32 partition interface; NOR flash programs ones to zeros and erases whole blocks
"""

_COUNT, _SIZE, _ERASE = 4, 5, 6
BLOCK_BYTES = 4096
PAGE_BYTES = 256


class PowerCut(Exception):
    """The power fails at this operation; what was under way is half done."""


class FlashMisuse(Exception):
    """The program did what would damage data on real flash."""


class Flash:
    """The role `flash`. `cut_at`: the operation (program or erase, from 1) at which the power fails; 0: never."""

    def __init__(self, file, blocks, cut_at=0, torn=True):
        """torn: a cut program or erase is half done; else not begun."""
        self._file = file
        self._blocks = blocks
        self._cut_at = cut_at
        self._torn = torn
        self._page = bytearray(PAGE_BYTES)
        self.operations = 0

    def readblocks(self, block, buffer, offset):
        """Read len(buffer) bytes from `offset` in a block."""
        self._check(block, buffer, offset)
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset):
        """Program one erased page. There is no two-argument form: on the ESP32 it erases."""
        self._check(block, buffer, offset)
        if offset % PAGE_BYTES or len(buffer) != PAGE_BYTES:
            raise FlashMisuse("a program is one whole page")
        self._file.seek(block * BLOCK_BYTES + offset)
        self._file.readinto(self._page)
        if self._page != b"\xff" * PAGE_BYTES:
            raise FlashMisuse("block {} offset {} is not erased".format(block, offset))
        cut = self._count()
        if not cut or self._torn:
            self._file.seek(block * BLOCK_BYTES + offset)
            self._file.write(bytes(buffer[: PAGE_BYTES // 2]) if cut else buffer)
        if cut:
            raise PowerCut(self.operations)

    def ioctl(self, operation, argument):
        """Block count, block size, erase."""
        if operation == _COUNT:
            return self._blocks
        if operation == _SIZE:
            return BLOCK_BYTES
        if operation != _ERASE or not 0 <= argument < self._blocks:
            raise FlashMisuse("ioctl {} {}".format(operation, argument))
        cut = self._count()
        if not cut or self._torn:
            self._file.seek(argument * BLOCK_BYTES)
            self._file.write(b"\xff" * (BLOCK_BYTES // 2 if cut else BLOCK_BYTES))
        if cut:
            raise PowerCut(self.operations)
        return 0

    def _count(self):
        self.operations += 1
        return self.operations == self._cut_at

    def _check(self, block, buffer, offset):
        if not 0 <= block < self._blocks or offset < 0 or offset + len(buffer) > BLOCK_BYTES:
            raise FlashMisuse("block {} offset {} length {}".format(block, offset, len(buffer)))
