"""Simulated parts behind a board's roles: strict, on virtual time, in the language that MicroPython runs."""
