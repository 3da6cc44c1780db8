"""Putting firmware and app on a board: one question per file."""
