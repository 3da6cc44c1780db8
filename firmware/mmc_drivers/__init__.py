"""Drivers: one chip per file, registers and units only. The bus comes first, `begin` checks who answers."""
