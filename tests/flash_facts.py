"""A board to flash in tests: its board.toml, and an image as small as one can be."""

import hashlib
from pathlib import Path

KIB = 1024
MIB = KIB * KIB

IMAGE_OFFSET = 0x1000
FACTORY = 0x10000

# Boot loader, erased flash, a table of the image's own, erased flash, the program.
IMAGE = (
    (b"\xe9boot loader" * 40).ljust(0x7000, b"\xff")
    + (b"\xaa\x50 the image's own table").ljust(0x8000, b"\xff")
    + b"\xe9MicroPython" * 999
)

TOML = """
name = "{name}"
chip = "esp32"
device_id = "test-0001"

[journal]
blocks = 32
block_bytes = 4096

[flash]
size_bytes = 0x400000
mpy_architecture = "{architecture}"

[image]
name = "TEST-v1.29.0.bin"
version = "{version}"
url = "https://firmware.invalid/TEST-v1.29.0.bin"
offset = 0x1000
size_bytes = {size}
sha256 = "{sha256}"

[boot]
button_pin = 4
button_pressed = 0

[partitions]
nvs = [0x9000, 0x6000]
phy_init = [0xF000, 0x1000]
factory = [0x10000, 0x1F0000]
vfs = [0x200000, 0x100000]
journal = [0x300000, 0x20000]
"""


def toml(name: str = "tester", architecture: str = "xtensawin", version: str = "1.29.0") -> str:
    return TOML.format(
        name=name,
        architecture=architecture,
        version=version,
        size=len(IMAGE),
        sha256=hashlib.sha256(IMAGE).hexdigest(),
    )


def write_board(folder: Path, text: str | None = None) -> Path:
    """Write a board's folder; return it."""
    folder.mkdir(parents=True)
    (folder / "board.toml").write_text(toml(folder.name) if text is None else text)
    return folder
