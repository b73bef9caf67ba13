"""Documents of a run that are text alone: CARD.md and report.md."""

from __future__ import annotations

from freqjax.report import markdown
from freqjax.report.card import NAME as CARD
from freqjax.report.card import write as write_card
from freqjax.report.parts import Run

REPORT = "report.md"
NAMES = (CARD, REPORT)


def write(run: Run, *, card: bool = True) -> None:
    """Write the documents of a run; the report last, since a run with a report is a finished one.

    Without `card` the card stays as it is: a network's own card is of its own rows, and not of others that it
    is diagnosed on.
    """
    if card:
        write_card(run.folder / CARD, run)
    parts = run.values, run.evaluation, run.task, run.rows, run.figures, run.diagnosis
    markdown.write(run.folder / REPORT, *parts)
