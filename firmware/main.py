"""The wearable: a board's parts, and the app that makes them one device."""

import board
from mmc_device.app import App

App(board.open_board()).run()
