"""A session as one HTML file that needs nothing else: no server, no network, no viewer but a browser."""

from mmc_host.report.page import render

__all__ = ["render"]
