"""Picture of the page of a run for the README, taken in a browser.

    python -m benchmarks.page_picture

Runs configs/default.py, opens its page.html in the machine's Chromium (Debian's package `chromium`), driven
by Playwright, and writes the top of it to docs/page.png.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks import record

_OUT = Path(__file__).parent.parent / "docs" / "page.png"
_WIDTH, _HEIGHT = 1000, 1130


def main() -> None:
    """Train, open the page and take its picture."""
    from playwright.sync_api import sync_playwright

    with record.scratch() as scratch, sync_playwright() as playwright:
        folder = Path(scratch) / "four-clocks"
        record.train(["--config", "configs/default.py"], folder)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        size: Any = {"width": _WIDTH, "height": _HEIGHT}
        page = browser.new_context(viewport=size, color_scheme="light").new_page()
        page.goto((folder / "page.html").as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
        page.wait_for_timeout(500)
        page.screenshot(path=_OUT)
        browser.close()
    print(f"wrote {_OUT}")


if __name__ == "__main__":
    main()
