"""Writing of the page of two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.page import writing
from freqjax.page.comparison import sides
from freqjax.page.comparison.contents import contents_of


def page_of(first: Path, second: Path) -> str:
    """Return the page of two runs as HTML; their networks are run on the test rows, if both have the same.

    Args:
      first: folder of the run that is A.
      second: folder of the run that is B.

    Raises:
      ImportError: Bokeh is not installed.
      UserError: one of them is no run, or its config is damaged.
    """
    from freqjax.page import panels
    from freqjax.page.comparison import panels as compared

    both = sides.read("A", first), sides.read("B", second)
    test = sides.tested(*both)
    figures: dict[str, Any] = {}
    given: dict[str, Any] = {}
    if test.traces:
        time = both[0].task.time
        labels = {"output": "output of A", sides.SECOND: "output of B"}
        made = panels.signals(test.traces, None, time.name, time.samples, labels)
        figures, given = figures | made.figures, given | made.given
    contents = contents_of(both, test)
    if contents["one_loss"]:
        made = compared.losses(both)
        figures, given = figures | made.figures, given | made.given
    return writing.render("compare.html", contents, figures, given)
