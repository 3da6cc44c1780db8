"""The wearable: a board's parts, and the app that makes them one device."""

import gc

gc.threshold(4096)  # collected early, garbage cannot scatter what stays all over the small heap

import board
from mmc_device.app import App

App(board.open_board()).run()
