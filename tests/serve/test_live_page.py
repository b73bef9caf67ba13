"""The page of a run that trains, in a browser: new rows are shown without loading it again."""

import json
import threading

import pytest

from freqjax.config import sections as configs
from freqjax.page import snapshots
from freqjax.serve.server import Server
from freqjax.training.prepared import Prepared
from tests.page.browsers import Opened, browser
from tests.serve.test_server import add, row
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "runs" / "one <b>"
    found.mkdir(parents=True)
    (found / "config.json").write_text(json.dumps(configs.to_dict(tiny_config())))
    add(found, row(1))
    return found


@pytest.fixture
def address(folder):
    server = Server(folder.parent, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.url
    server.ends.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_rows_outputs_and_the_end_reach_the_page(folder, address):
    prepared = Prepared(tiny_config())
    params = prepared.initial_params()
    snapshots.Recorder(prepared, folder).after(1, params)
    with browser() as chromium:
        opened = Opened(chromium, f"{address}runs/one%20%3Cb%3E")
        page = opened.page
        page.evaluate("window.sameDocument = true")
        page.wait_for_function("document.getElementById('latest').textContent.includes('epoch 1,')")
        assert opened.shown("output")
        add(folder, row(2, frozen=0.125))
        page.wait_for_function(
            "document.getElementById('latest').textContent.includes('0.125 frozen')"
        )
        assert page.evaluate("Array.from(freqjax.state.given.losses.data.x)") == [10, 20]
        snapshots.Recorder(prepared, folder, done=1).after(2, params)
        page.wait_for_function("document.getElementById('snapshot_epoch').textContent === '2'")
        assert page.evaluate("window.sameDocument") is True
        (folder / "page.html").write_text("<link rel=icon href='data:,'><title>its own</title>")
        (folder / "summary.json").write_text(json.dumps({"stop_reason": "epochs_done"}))
        page.wait_for_function("document.title === 'its own'")
        assert opened.complaints == []
        assert all(url.startswith((address, "data:", "blob:")) for url in opened.requests)


def test_a_run_without_a_row_yet_fills_its_page_as_rows_come(folder, address):
    (folder / "metrics.jsonl").unlink()
    with browser() as chromium:
        opened = Opened(chromium, f"{address}runs/one%20%3Cb%3E")
        assert opened.page.inner_text("#latest") == "No epoch was completed yet."
        add(folder, row(1))
        opened.page.wait_for_function(
            "document.getElementById('latest').textContent.startsWith('epoch 1,')"
        )
        assert opened.complaints == []
