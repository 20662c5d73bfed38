"""Plots as SVG: bars beside each other, and lines over a scale. Written by hand: the same figures give the same octets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, RIGHT, ROW = 760, 190, 90, 22
OURS, OTHERS = "#1769aa", "#b0b8c0"
COLOURS = ("#1769aa", "#d1495b", "#2a9d8f", "#8a5a00", "#6a4c93")
_FONT = 'font-family="sans-serif" font-size="12"'


def bars(title: str, values: Mapping[str, float], ours: Sequence[str], unit: str = "") -> str:
    """Horizontal bars in the order given, those of `ours` in another colour.

    Args:
        title: What is shown.
        values: The length of each bar.
        ours: Names of those that stand out.
        unit: Behind each figure.
    """
    most = max(values.values(), default=0) or 1
    lines = [_text(10, 20, title, weight="bold")]
    for number, (name, value) in enumerate(values.items()):
        y = 34 + number * ROW
        width = (WIDTH - LEFT - RIGHT) * value / most
        colour = OURS if name in ours else OTHERS
        lines.append(_text(LEFT - 8, y + 14, name, anchor="end"))
        lines.append(f'<rect x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 6}" fill="{colour}"/>')
        lines.append(_text(LEFT + width + 6, y + 14, f"{value:,.2f}{unit}" if value < 10 else f"{value:,.0f}{unit}"))
    return _svg(lines, 44 + len(values) * ROW)


def lines(title: str, axis: str, series: Mapping[str, Sequence[tuple[float, float]]], unit: str = "") -> str:
    """Lines over a logarithmic scale, from zero upwards.

    Args:
        title: What is shown.
        axis: What the scale counts.
        series: Points by name, each of a place above 0 and a value.
        unit: Of the values.
    """
    points = [point for each in series.values() for point in each]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    most = max(y for _, y in points) * 1.1 or 1
    span = math.log(high / low) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        return 60 + (WIDTH - 80) * math.log(x / low) / span, 290 - 240 * y / most

    drawn = [_text(10, 20, title, weight="bold"), _text(WIDTH - 20, 330, axis, anchor="end")]
    for step in range(5):
        _, y = place(low, most * step / 4)
        drawn.append(f'<line x1="60" y1="{y:.1f}" x2="{WIDTH - 20}" y2="{y:.1f}" stroke="#ddd"/>')
        drawn.append(_text(54, y + 4, f"{most * step / 4:,.4g}{unit}", anchor="end"))
    drawn += [_text(place(x, 0)[0], 308, f"{x:,.4g}", anchor="middle") for x in sorted({x for x, _ in points})]
    for number, (name, each) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in each))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(_text(70 + number * 170, 40, name, fill=colour))
    return _svg(drawn, 340)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", fill: str = "#222") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _svg(drawn: Sequence[str], height: int) -> str:
    ground = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {_FONT}>{ground}{"".join(drawn)}</svg>\n'
