"""The list of runs in a browser: it follows the folder and keeps the filter, the focus and what is chosen."""

import json
import os
import shutil
import time

import pytest

from freqjax.config import sections as configs
from freqjax.page.writing import NAME
from freqjax.sweep.page import writing
from tests.page import sweeps
from tests.page.browsers import Opened, browser
from tests.serve.test_server import HOSTILE, add, get, quoted, row
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")


def make(folder, **sections):
    folder.mkdir(parents=True)
    config = json.dumps(configs.to_dict(tiny_config(**sections)))
    (folder / "config.json").write_text(config, encoding="utf-8")
    add(folder, row(1))


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def root(tmp_path):
    """Two runs, one with a hostile name, a sweep that has ended and one that has not."""
    found = tmp_path / "runs"
    make(found / "first")
    make(found / HOSTILE, train={"seed": 3})
    sweeps.write(found / "swept")
    page = writing.page_of(found / "swept")
    (found / "swept" / NAME).write_text(page, encoding="utf-8")
    sweeps.write(found / "sweeping", ended=False)
    return found


def test_sweeps_are_listed_and_have_their_pages(server, root):
    status, text = get(server, "/list")
    found = {run["place"]: run for run in json.loads(text)}
    assert status == 200 and set(found) == {"first", HOSTILE, "swept", "sweeping"}
    assert (found["swept"]["kind"], found["swept"]["state"]) == ("sweep", "finished")
    assert (found["sweeping"]["kind"], found["sweeping"]["state"]) == ("sweep", "trains")
    assert found["swept"]["score"] == "12 replicas" and found["first"]["kind"] == "run"
    own = (root / "swept" / NAME).read_text(encoding="utf-8")
    assert get(server, "/runs/swept") == (200, own)
    assert "12 replicas, not ended" in get(server, "/runs/sweeping")[1]
    # One without a page of its own has one all the same.
    (root / "swept" / NAME).unlink()
    assert " won: seed " in get(server, "/runs/swept")[1]


@pytest.mark.parametrize(
    "query", ["", "?run=first", "?run=first&run=none", "?run=first&run=..%2f", "?run=a&run=b&run=c"]
)
def test_only_two_runs_of_the_folder_are_compared(server, query):
    status, text = get(server, f"/compare{query}")
    assert status == 404 and text == "Two runs of the list must be chosen.\n"
    assert get(server, "/compare?run=first&run=swept")[0] == 409


def test_two_runs_are_compared_by_their_names(server):
    status, text = get(server, f"/compare?run=first&run={quoted(HOSTILE)}")
    assert status == 200 and "<td>train.seed</td><td>0</td><td>3</td>" in text
    assert HOSTILE not in text and "<img src=x" not in text


def test_the_list_follows_the_folder_and_keeps_what_the_reader_has_done(server, root, chromium):
    opened = Opened(chromium, server.url)
    page = opened.page
    page.evaluate("window.sameDocument = true")
    first, hostile = (
        page.locator("tr", has=page.locator("a", has_text=n)) for n in ("first", "img")
    )
    assert page.is_disabled("#compare")
    page.fill("#filter", "s")
    first.locator("input").check()
    first.locator("a").focus()
    old = time.time() - 3600
    for path in (root / "first").iterdir():
        os.utime(path, (old, old))
    make(root / "newest <b>")
    shutil.rmtree(root / "sweeping")
    page.wait_for_function("document.body.textContent.includes('newest <b>')")
    # "first" is the last one now, and has still the focus and its mark.
    assert page.locator("#config tbody tr").last.get_attribute("data-place") == "first"
    assert first.locator("td").nth(2).inner_text() == "stopped"
    assert page.evaluate("document.activeElement.textContent") == "first"
    assert first.locator("input").is_checked()
    assert (
        page.input_value("#filter") == "s" and page.locator("a", has_text="sweeping").count() == 0
    )
    assert page.evaluate("window.sameDocument") is True
    page.fill("#filter", "")
    # A sweep is not chosen; two runs are.
    assert page.locator("tr[data-place='swept'] input").count() == 0
    hostile.locator("input").check()
    assert page.inner_text("#told") == "2 chosen"
    page.locator("tr[data-place='newest <b>'] input").check()
    assert page.is_disabled("#compare")
    page.locator("tr[data-place='newest <b>'] input").uncheck()
    page.click("#compare")
    page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
    assert page.inner_text("h1") == "Two runs" and HOSTILE in page.inner_text("header")
    assert opened.complaints == []
    assert all(url.startswith((server.url, "data:", "blob:")) for url in opened.requests)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_list_and_served_sweep_fit_the_window(server, chromium, width, theme):
    size = {"width": width, "height": 800}
    for place in ("", "runs/swept"):
        opened = Opened(chromium, server.url + place, viewport=size, color_scheme=theme)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.complaints == []
    link = opened.page.locator("#replicas a").evaluate("(a) => a.pathname")
    assert link == "/runs/swept/best"
