"""Formatting of numbers and durations."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Format a number with three significant digits, or "not finite" for None."""
    if value is None:
        return "not finite"
    if value == 0:
        return "0"
    return f"{value:.4f}" if value >= 0.01 else f"{value:.2e}"


def duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
