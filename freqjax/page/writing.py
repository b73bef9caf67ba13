"""Writing of page.html: the template filled, with the figures and their program in it.

Bokeh draws (https://bokeh.org, BSD-3-Clause): it is kept, can be part of a file that is read without a
network, and serves Python and browser with one model. It is an extra, `freqjax[page]`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from freqjax import progress
from freqjax.figures.history import Scale, history_of
from freqjax.page import snapshots, traces
from freqjax.page.contents import contents_of
from freqjax.report.parts import Run
from freqjax.system.files import write_text
from freqjax.text import printable

NAME = "page.html"
MISSING = "no page.html: it needs Bokeh, which pip install 'freqjax[page]' adds."


class Embedded(NamedTuple):
    """Figures and programs as a template holds them.

    Attributes:
      library: the programs of Bokeh.
      script: what makes the figures; like the library empty where there are none.
      figures: name → the place of the figure.
    """

    library: str
    script: str
    figures: dict[str, str]


class Drawn(NamedTuple):
    """Part of the page of a run that takes the time, and needs neither its pictures nor its diagnosis.

    Attributes:
      traces: names of the signals that are shown.
      left_out: samples behind those.
      embedded: the figures.
    """

    traces: list[str]
    left_out: int
    embedded: Embedded


def is_possible() -> bool:
    """Return whether what draws a page is installed."""
    return importlib.util.find_spec("bokeh") is not None


def attempt(run: Run, say: Callable[[str], None], drawn: Drawn | None = None) -> None:
    """Write the page of a run; nothing is lost where it cannot be written, and `say` is told why.

    `drawn` is what `draw_ahead` returned.
    """
    attempt_at(run.folder / NAME, lambda path: write(path, run, drawn), say)


def draw_ahead(run: Run) -> Drawn | None:
    """Return what takes the time of a page; None where it cannot be made, which `attempt` will tell."""
    try:
        return _draw(run) if is_possible() else None
    except Exception:
        return None


def attempt_at(path: Path, make: Callable[[Path], None], say: Callable[[str], None]) -> None:
    """Write a page to `path` by `make`; `say` is told where it is, or why there is none."""
    if not is_possible():
        say(MISSING)
        return
    try:
        with progress.phase("page"):
            make(path)
        say(f"page: {printable(str(path))}")
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0].rstrip(".: ")
        say(
            f"no page.html: it could not be made ({printable(reason)}); all else is as it should be."
        )


def write(path: Path, run: Run, drawn: Drawn | None = None) -> None:
    """Write the page of a run.

    Raises:
      ImportError: Bokeh is not installed.
    """
    write_text(path, page_of(run, drawn))


def page_of(run: Run, drawn: Drawn | None = None) -> str:
    """Return the page of a run as HTML; `drawn` is what `draw_ahead` returned."""
    drawn = _draw(run) if drawn is None else drawn
    shown = {"traces": drawn.traces, "left_out": drawn.left_out}
    return _fill("run.html", contents_of(run) | shown, drawn.embedded)


def _draw(run: Run) -> Drawn:
    """Return the signals and the losses of a run."""
    from freqjax.page import panels

    given: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    found = traces.traces_of(run.task, run.frozen)
    time = run.task.time
    if found:
        kept = snapshots.read(run.folder)
        made = panels.signals(found, kept, time.name, time.samples)
        figures |= made.figures
        given |= made.given
    if run.rows:
        history = history_of(run.rows, len(run.task.group_names), run.task.columns)
        if np.isfinite(history.loss).any():
            made = panels.losses(history, scale_of(run))
            figures |= made.figures
            given |= made.given
    return Drawn([trace.name for trace in found], _left_out(found), _embed(figures, given))


def scale_of(run: Run) -> Scale:
    """Return the names and reference levels of the losses of a run."""
    evaluation, task = run.evaluation, run.task
    possible: list[tuple[float, str]] = []
    if evaluation.scores_loss and evaluation.limit:
        possible.append((evaluation.limit, "limit"))
    return Scale(
        name=evaluation.loss_name,
        groups=task.group_names,
        everything="all",
        constant=evaluation.constant_loss,
        constant_name=evaluation.constant_name,
        goal=evaluation.goal if evaluation.scores_loss else None,
        unit=task.time.name,
        possible=possible,
    )


def _left_out(found: list[traces.Trace]) -> int:
    return max((trace.left_out for trace in found), default=0)


def render(
    template: str, variables: dict[str, Any], figures: dict[str, Any], given: dict[str, Any]
) -> str:
    """Fill a template.

    A template names the programs that it needs, and `source` gives their text.

    Args:
      template: its file.
      variables: text; it is escaped.
      figures: name → Bokeh figure, for the variable of the same name in `figures`.
      given: what the page's program is called with.
    """
    return _fill(template, variables, _embed(figures, given))


def _embed(figures: dict[str, Any], given: dict[str, Any]) -> Embedded:
    from bokeh.document import Document
    from bokeh.embed import components
    from bokeh.models import CustomJS
    from bokeh.resources import Resources

    if not figures:
        return Embedded("", "", {})
    document = Document()
    for name, one in figures.items():
        one.name = f"figure {name}"
        document.add_root(one)
    start = CustomJS(args={"given": given}, code="freqjax.start(given)")
    document.js_on_event("document_ready", start)
    script, parts = components(figures, wrap_script=False)
    library = Resources(mode="inline", components=["bokeh"]).render_js()
    return Embedded(library, script, parts)


def _fill(template: str, variables: dict[str, Any], embedded: Embedded) -> str:
    import jinja2

    folder = resources.files("freqjax.page") / "templates"

    def source(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(
        **variables, **embedded._asdict(), source=source
    )
