"""Strict models of the chips, register by register; written from data sheets, not from the drivers."""
