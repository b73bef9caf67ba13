"""Mode that shows runs in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
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
