"""Runs before main.py and does nothing: a device that is reset always reaches its console first."""
