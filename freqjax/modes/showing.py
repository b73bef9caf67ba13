"""Modes that show runs: in a browser, two side by side, and to TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.modes.outputs import new_file
from freqjax.run import workdir
from freqjax.system import files, leftovers
from freqjax.system.output import tell
from freqjax.text import printable

_PORT = 8642


def serve(config: Config, flags: dict[str, Any]) -> int:
    """Serve the runs below a folder until Ctrl-C."""
    from freqjax.page import writing

    port = _port(flags["port"])
    if not writing.is_possible():
        raise UserError("serve needs Bokeh: pip install 'freqjax[page]' adds it.")
    from freqjax.serve.server import Server

    server = Server(Path(flags["workdir"] or "runs"), port)
    tell(f"the runs in {server.root}: {server.url} (Ctrl-C ends)")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        tell("ended")
    finally:
        server.ends.set()
        server.server_close()
    return 0


def compare(config: Config, flags: dict[str, Any]) -> int:
    """Write the page of two runs to a new file."""
    from freqjax.page import writing

    first, second = (_run(name, flags[name]) for name in ("workdir", "with"))
    path = new_file(flags["output"], ".html")
    if not writing.is_possible():
        raise UserError("compare needs Bokeh: pip install 'freqjax[page]' adds it.")
    from freqjax.page.comparison.writing import page_of

    leftovers.remove_temporaries(path.parent, (path.name,), idle=workdir.IDLE)
    tell("running both networks on their test rows …")
    with files.creating(path) as file:
        file.write(page_of(first, second).encode(errors="backslashreplace"))
    tell(f"wrote {printable(str(path))}")
    return 0


def tensorboard(config: Config, flags: dict[str, Any]) -> int:
    """Write the event files of a run or a sweep to its own folder."""
    from freqjax.checkpoints.rows import read as read_rows
    from freqjax.report import tensorboard as board
    from freqjax.report.saved import read as read_summary

    given = flags["workdir"]
    folder = Path(given or "")
    values = files.read_json(folder / "config.json") if given else None
    if values is None:
        raise UserError(f"--workdir is {given}: it must be the folder of a run or a sweep.")
    board.require()
    results = (files.read_json(folder / "sweep.json") or {}).get("rows", [])
    rows = read_rows(folder / "metrics.jsonl", tell)
    summary = None if results else read_summary(folder / "summary.json", tell)
    place = board.convert(folder, rows, values, summary or {}, results)
    tell(f"wrote {place}: tensorboard --logdir {folder}")
    return 0


def _run(flag: str, given: str | None) -> Path:
    """Return the folder of a run.

    Raises:
      UserError: the flag is missing, or its folder has no config.json.
    """
    folder = Path(given or "")
    if given is None or not (folder / "config.json").is_file():
        shown = "missing" if given is None else printable(given)
        raise UserError(f"--{flag} is {shown}: it must be the folder of a run.")
    return folder.resolve()


def _port(given: str | None) -> int:
    """Return the number of a port.

    Raises:
      UserError: it is none.
    """
    if given is None:
        return _PORT
    if not given.isdecimal() or int(given) > 65_535:
        raise UserError(f"--port is {given}: it must be a whole number from 0 to 65535.")
    return int(given)
