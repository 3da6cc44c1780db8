"""Runs first and chooses what starts: the app in the active folder, or nothing, so that the console can be reached.

/active       names the folder of the app; MicroPython then looks for main.py, and main.py for the rest, in there
/maintenance  if it is there, nothing starts; it is used up by that
/button       pin of the button and its level while pressed, for example `0 0`; while it is held nothing starts
"""

import os


def start():
    """Go to the active app's folder, or say why not."""

    def words(path):
        try:
            with open(path) as file:
                return file.read(32).split()
        except (OSError, ValueError):  # not there; not text
            return []

    try:
        os.remove("/maintenance")
        return print("mmc: maintenance, no app is started this once")
    except OSError:
        pass
    try:
        pin, pressed = words("/button")
        from machine import Pin

        pull = Pin.PULL_DOWN if pressed == "1" else Pin.PULL_UP
        if Pin(int(pin), Pin.IN, pull).value() == int(pressed):
            return print("mmc: the button is held, no app is started")
    except (ImportError, ValueError):
        pass  # a board without a button
    for folder in words("/active"):
        try:
            os.stat(folder + "/main.py")
            return os.chdir(folder)
        except OSError:
            pass
    print("mmc: there is no app yet")


start()
del start
