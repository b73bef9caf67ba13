"""A browser for the tests: the machine's own Chromium, without a network, driven by Playwright."""

import contextlib
import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

# Nothing that a browser does besides: no look-ups, no updates.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Variable of the environment that .ci/all sets to "required", so that no page goes unseen there.
REQUIRED = "FREQJAX_TESTS_BROWSER"


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Start a browser; where there is none, the test is skipped, or fails if a browser is required."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        _do_without("no Chromium on this machine: Debian's package is chromium")
    try:
        api = importlib.import_module("playwright.sync_api")
    except ImportError:
        _do_without("Playwright is not installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield started
        started.close()


def _do_without(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Opened:
    """Page that was opened, and what it complained of."""

    def __init__(self, started: Any, path: Path | str, **options: Any) -> None:
        """Open a file or an address, and wait until its figures are drawn."""
        self.complaints: list[str] = []
        self.requests: list[str] = []
        options.setdefault("viewport", {"width": 1200, "height": 900})
        self.page = started.new_context(**options).new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        address = path if isinstance(path, str) else path.resolve().as_uri()
        self.page.goto(address)
        self.page.wait_for_function("document.documentElement.dataset.ready === 'yes'")

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def outside(self) -> list[str]:
        """Requests for anything that is no part of the page."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def settle(self) -> None:
        """Wait until what was asked for is drawn: the page draws once a frame."""
        self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def shown(self, column: str) -> list[float]:
        """Return what a column of the signals' figure holds now."""
        return list(self.page.evaluate(f"Array.from(freqjax.state.given.shown.data['{column}'])"))

    def range(self) -> list[float]:
        """Return the limits of the time that is shown."""
        return self.page.evaluate(
            "[freqjax.state.given.range.start, freqjax.state.given.range.end]"
        )
