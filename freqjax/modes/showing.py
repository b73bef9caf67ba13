"""Modes that show runs: in a browser, and to TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.system import files
from freqjax.system.output import tell

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
