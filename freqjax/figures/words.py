"""Formatting of numbers in figures."""

import math


def times(ratio: float) -> str:
    """Format a ratio as 1.8×, 720× or 2e+06×."""
    if ratio < 10:
        return f"{ratio:.1f}×"
    return f"{ratio:.0f}×" if ratio < 1e4 else f"{ratio:.1g}×"


def number(value: float | None) -> str:
    """Format a number with three digits, or two below 0.01: 0.277, 0.0006, 4e-10."""
    if value is None or not math.isfinite(value):
        return "not finite"
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.2g}"
