"""Who is measured on USB power: nobody, unless the user says that the other end is isolated from the mains.

In:    what was typed
Out:   the option that commands share; the wearable told, until it starts anew
Source: DESIGN.md; IEC 60601-1 limits what may flow through electrodes, and a charger is not built for that
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import rich_click as click

from mmc_core import message
from mmc_core.errors import PeerError
from mmc_host.parts import ISOLATION

if TYPE_CHECKING:
    from mmc_host.client import Device


def usb_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --on-usb-power."""
    return click.option(
        "--on-usb-power",
        is_flag=True,
        help="Measure although the wearable hangs on USB power: you know that it is isolated from the mains.",
    )(command)


def accept(device: "Device", on_usb_power: bool) -> None:
    """Tell the wearable that USB power is accepted until it starts anew; nothing if nobody said so.

    Raises:
        PeerError: it refused. Firmware that does not know USB power measures anyway.
    """
    if not on_usb_power:
        return
    click.echo(f"on USB power: {ISOLATION}", err=True)
    try:
        device.control(message.VERB_ON_USB, 1)
    except PeerError as error:
        if error.code not in (message.RESULT_RANGE, message.RESULT_UNKNOWN):
            raise
