"""HTTP server of the runs below a folder: on this machine's own address alone, reading only.

| address | answer |
|---|---|
| / | the list of runs and sweeps |
| /list | the same list as JSON, which the list asks for while it is open |
| /runs/PLACE | page.html of a finished run or sweep, or the page of one that still trains |
| /compare?run=PLACE&run=PLACE | the page of two runs |
| /events/PLACE | what is new of a run, as server-sent events |

A request whose header Host is another name is refused, so that no page from elsewhere can read runs by a
name that it has pointed at this machine.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from freqjax.errors import UserError
from freqjax.page import writing
from freqjax.page.comparison import writing as comparison
from freqjax.serve import live
from freqjax.serve.listing import is_sweep, runs_in, state_of
from freqjax.sweep.page import writing as sweep
from freqjax.text import printable

ADDRESS = "127.0.0.1"
_NAMES = (ADDRESS, "localhost")


class Server(ThreadingHTTPServer):
    """Server of the runs below a folder."""

    daemon_threads = True

    def __init__(self, root: Path, port: int) -> None:
        """Listen on a port of 127.0.0.1; 0 for any that is free.

        Raises:
          UserError: the folder is missing, or the port is taken.
        """
        if not root.is_dir():
            raise UserError(f"--workdir is {printable(str(root))}: it must be a folder of runs.")
        self.root = root.resolve()
        self.ends = threading.Event()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise UserError(
                f"--port is {port}: it must be one that is free ({error.strerror})."
            ) from None

    @property
    def url(self) -> str:
        """The address of the list of runs."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.0"  # a connection ends with its answer, and events with theirs

    def do_GET(self) -> None:
        """Answer a request."""
        if not self._is_own_name():
            self._refuse(HTTPStatus.FORBIDDEN, "This server answers on its own machine alone.")
            return
        address = urllib.parse.urlsplit(self.path)
        kind, _, place = urllib.parse.unquote(address.path).lstrip("/").partition("/")
        # Those of the whole folder, and those of a run.
        general = {"": self._list, "list": self._rows, "compare": self._compare}
        answers: dict[str, Callable[[Path], None]] = {"runs": self._page, "events": self._events}
        try:
            folder = self._folder(place)
            if kind in general and not place:
                general[kind](urllib.parse.parse_qs(address.query))
            elif kind in answers and folder is not None:
                answers[kind](folder)
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "There is no such run.")
        except UserError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the reader has gone

    def _is_own_name(self) -> bool:
        host = self.headers.get("Host", "")
        return urllib.parse.urlsplit(f"//{host}").hostname in _NAMES

    def _folder(self, place: str) -> Path | None:
        """Return the folder of a run; None where there is none, or where it is outside the root."""
        try:
            folder = (self.server.root / place).resolve()
            inside = folder.is_relative_to(self.server.root)
            return folder if inside and (folder / "config.json").is_file() else None
        except (OSError, ValueError):  # names that no file can have
            return None

    def _list(self, _: dict[str, list[str]]) -> None:
        root = self.server.root
        self._send(writing.render("list.html", {"root": root.name, "runs": _runs(root)}, {}, {}))

    def _rows(self, _: dict[str, list[str]]) -> None:
        self._begin(HTTPStatus.OK, "application/json")
        self.wfile.write(json.dumps(_runs(self.server.root)).encode())

    def _compare(self, query: dict[str, list[str]]) -> None:
        folders = [self._folder(place) for place in query.get("run", [])]
        found = [folder for folder in folders if folder is not None]
        if len(folders) != 2 or len(found) != 2:
            self._refuse(HTTPStatus.NOT_FOUND, "Two runs of the list must be chosen.")
            return
        self._send(comparison.page_of(found[0], found[1]))

    def _page(self, folder: Path) -> None:
        page = folder / writing.NAME
        if state_of(folder) != "trains" and page.is_file():
            self._send(page.read_text(encoding="utf-8"))
            return
        if is_sweep(folder):
            self._send(sweep.page_of(folder))
            return
        events = urllib.parse.quote("/events/" + folder.relative_to(self.server.root).as_posix())
        self._send(live.page_of(folder, events))

    def _events(self, folder: Path) -> None:
        found = live.events(folder, self.server.ends.is_set)
        first = next(found, b"")
        self._begin(HTTPStatus.OK, "text/event-stream")
        for event in _chain(first, found):
            self.wfile.write(event)
            self.wfile.flush()

    def _send(self, text: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._begin(status, "text/html; charset=utf-8")
        self.wfile.write(text.encode())

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self._begin(status, "text/plain; charset=utf-8")
        self.wfile.write(f"{printable(sentence)}\n".encode())

    def _begin(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _runs(root: Path) -> list[dict[str, Any]]:
    """Return the runs and sweeps below a folder, each with the address of its page."""
    return [
        {**run._asdict(), "address": urllib.parse.quote(f"/runs/{run.place}")}
        for run in runs_in(root)
    ]
