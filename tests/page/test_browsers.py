"""Tests with a browser do without one, but where it is required."""

import shutil
import sys

import pytest

from tests.page import browsers
from tests.root import ROOT


@pytest.mark.parametrize("missing", ["Chromium", "Playwright"])
def test_a_browser_that_is_missing_is_a_failure_where_it_is_required(missing, monkeypatch):
    if missing == "Chromium":
        monkeypatch.setattr(browsers, "_PROGRAMS", ())
    else:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    monkeypatch.delenv(browsers.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=missing), browsers.browser():
        pass
    monkeypatch.setenv(browsers.REQUIRED, "required")
    with pytest.raises(pytest.fail.Exception, match=missing), browsers.browser():
        pass


def test_the_whole_check_requires_a_browser():
    script = (ROOT / ".ci" / "all").read_text(encoding="utf-8")
    assert (
        f"{browsers.REQUIRED}=required .venv/bin/python -m pytest tests/page tests/serve\n"
        in script
    )
