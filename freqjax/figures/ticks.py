"""Ticks in plain numbers: typeset ones, and those between the decades, are slow to lay out.

The formatters are here and not beside the figures of a task, since a process that draws imports the module of
each, and with that of a task JAX.
"""

from __future__ import annotations

from decimal import Decimal

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter

_SUPERSCRIPTS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")


def decades(axis: Axis) -> None:
    """Mark the decades of a logarithmic axis alone."""
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_plain))


def steps(axis: Axis) -> None:
    """Mark 1, 2 and 5 in each decade of a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    decades(axis)


def whole(axis: Axis) -> None:
    """Mark at most five numbers, each written without a power of ten."""
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(_whole))


def powers(axis: Axis) -> None:
    """Write the power of ten of very small and very large numbers at the end of the axis."""
    axis.set_major_formatter(_Powers())


def _plain(value: float, place: int | None) -> str:
    del place
    return f"{value:g}".replace("-", "−")


def _whole(value: float, place: int | None) -> str:
    del place
    return f"{Decimal(f'{value:.10g}').normalize():f}".replace("-", "−")


class _Powers(ScalarFormatter):
    """Numbers whose common power of ten is plain text."""

    def __init__(self) -> None:
        super().__init__(useOffset=False)
        self.set_powerlimits((-3, 4))

    def get_offset(self) -> str:
        """Return the power of ten, such as ×10⁻³; empty if there is none."""
        power = super().get_offset().removeprefix("1e")
        return "×10" + power.translate(_SUPERSCRIPTS) if power else ""
