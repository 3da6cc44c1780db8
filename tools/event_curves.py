"""Precision and recall over signal-to-noise ratio, a small chart for each kind of event, as one SVG.

In:     figures of bench_events.py: {kind: {ratio in dB: figures}}
Out:    the text of an SVG; bars are 95 % intervals
State:  none
"""

from __future__ import annotations

from html import escape
from typing import Any

COLUMNS = 5
PANEL_WIDTH, PANEL_HEIGHT = 190, 120  # of a chart's inside, px
GAP_X, GAP_Y = 50, 70
LEFT, TOP, BOTTOM = 64, 124, 46
SERIES = (("precision", "#1b6ca8", -2.5), ("recall", "#d1601f", 2.5))  # name, colour, px aside, so that both show
INK, FAINT = "#333", "#bbb"


def draw(found: dict[str, dict[int, dict[str, Any]]], goal: float, goal_db: float, title: str) -> str:
    """One chart for each kind, in the order given.

    Args:
        found: per kind and ratio: `truths`, `precision`, `precision_interval`, `recall`, `recall_interval`.
        goal: share that is asked for, a dashed line.
        goal_db: ratio at which it is asked for, another.
        title: stands above all.
    """
    rows = -(-len(found) // COLUMNS)
    width = LEFT + COLUMNS * (PANEL_WIDTH + GAP_X)
    height = TOP + rows * (PANEL_HEIGHT + GAP_Y) - GAP_Y + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="11" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(LEFT, 30, title, size=17),
        *_legend(goal, goal_db),
    ]
    for number, (name, row) in enumerate(found.items()):
        x = LEFT + number % COLUMNS * (PANEL_WIDTH + GAP_X)
        y = TOP + number // COLUMNS * (PANEL_HEIGHT + GAP_Y)
        parts.append(f'<g transform="translate({x},{y})">{"".join(_panel(name, row, goal, goal_db))}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _legend(goal: float, goal_db: float) -> list[str]:
    parts: list[str] = []
    for at, (name, colour, _) in enumerate(SERIES):
        x = LEFT + 5 + 105 * at
        parts += [_line(x, 53, x + 24, 53, colour, 2), _dot(x + 12, 53, colour), _text(x + 31, 57, name)]
    x = LEFT + 215
    parts += [
        _line(x, 53, x + 24, 53, INK, 1, dash=True),
        _text(x + 31, 57, f"goal: {goal} at {goal_db:g} dB"),
        _text(x + 175, 57, "bars: 95 % intervals; n: truths; a missing point: nothing was told, or nothing is true"),
        _text(LEFT + 5, 76, "across: signal-to-noise ratio in dB; upwards: share, 0 to 1", colour="#666"),
    ]
    return parts


def _panel(name: str, row: dict[int, dict[str, Any]], goal: float, goal_db: float) -> list[str]:
    snrs_db = sorted(row)
    low, high = min(snrs_db) - 1.5, max(snrs_db) + 1.5

    def x_of(snr_db: float) -> float:
        return (snr_db - low) / (high - low) * PANEL_WIDTH

    def y_of(share: float) -> float:
        return PANEL_HEIGHT * (1 - share)

    truths = max(one["truths"] for one in row.values())
    parts = [_text(0, -9, name, size=13), _text(PANEL_WIDTH, -9, f"n = {truths}", anchor="end", colour="#666")]
    for share in (0.0, 0.5, 1.0):
        parts += [
            _line(0, y_of(share), PANEL_WIDTH, y_of(share), FAINT, 0.6),
            _text(-6, y_of(share) + 4, f"{share:g}", anchor="end"),
        ]
    for snr_db in snrs_db:
        parts.append(_text(x_of(snr_db), PANEL_HEIGHT + 15, f"{snr_db:g}", anchor="middle"))
    parts += [
        _text(PANEL_WIDTH + 4, PANEL_HEIGHT + 15, "dB", colour="#666"),
        _line(0, y_of(goal), PANEL_WIDTH, y_of(goal), INK, 0.8, dash=True),
        _line(x_of(goal_db), 0, x_of(goal_db), PANEL_HEIGHT, INK, 0.8, dash=True),
    ]
    for key, colour, aside in SERIES:
        points = [(x_of(snr_db) + aside, row[snr_db]) for snr_db in snrs_db if row[snr_db][key] is not None]
        path = " ".join(f"{x:.1f},{y_of(one[key]):.1f}" for x, one in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        for x, one in points:
            bottom, top = one[f"{key}_interval"]
            parts += [_line(x, y_of(bottom), x, y_of(top), colour, 1.2), _dot(x, y_of(one[key]), colour)]
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, *, dash: bool = False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"{dashes}/>'
    )


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", colour: str = INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )
