"""A server of the folder that a module's fixture `root` makes."""

import threading

import pytest

from freqjax.serve.server import Server


@pytest.fixture
def server(root):
    started = Server(root, 0)
    thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield started
    started.ends.set()
    started.shutdown()
    started.server_close()
    thread.join()


@pytest.fixture(autouse=True, scope="module")
def shown(pages, pictures):
    """Bring pages and figures back."""
