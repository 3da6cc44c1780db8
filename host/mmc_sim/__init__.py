"""Simulated parts behind a board's roles: strict, seeded by their data, on virtual time, in the subset that MicroPython runs."""
