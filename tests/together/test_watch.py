"""The watch over processes: who ends without a bye, or is silent, is lost; who says bye is not."""

import queue
import socket
import threading

import pytest

from freqjax.processes import watch
from freqjax.processes.watch import Relay, Watch


@pytest.fixture
def pair(monkeypatch):
    """Two watches over each other, each with a queue of those that it has lost."""
    monkeypatch.setattr(watch, "_PULSE_SECONDS", 0.02)
    monkeypatch.setattr(watch, "_SILENCE_SECONDS", 0.3)
    ends = socket.socketpair()
    found = queue.Queue(), queue.Queue()
    watches = Watch({1: ends[0]}, found[0].put), Watch({0: ends[1]}, found[1].put)
    yield watches, found, ends
    for end in ends:
        end.close()


def nobody(found):
    with pytest.raises(queue.Empty):
        found.get(timeout=0.5)
    return True


def test_who_goes_on_is_not_lost_and_who_leaves_is(pair):
    (first, second), found, _ = pair
    assert nobody(found[0]) and nobody(found[1])
    second.leave()
    assert found[0].get(timeout=5) == 1
    assert first.needs(1) and nobody(found[1])


def test_who_is_silent_is_lost(monkeypatch):
    monkeypatch.setattr(watch, "_SILENCE_SECONDS", 0.1)
    ends, found = socket.socketpair(), queue.Queue()
    Watch({3: ends[0]}, found.put)
    assert found.get(timeout=5) == 3
    for end in ends:
        end.close()


def test_process_0_tells_whom_it_has_lost(pair):
    (first, _), found, _ = pair
    first.tell(7)
    assert found[1].get(timeout=5) == 7


def test_who_has_said_bye_may_end_until_both_work_again(pair):
    (first, second), found, ends = pair
    second.part()
    while first.needs(1):
        pass
    first.part()
    first.begin()
    second.begin()
    assert first.needs(1)
    while not second.needs(0):
        pass
    second.part()
    ends[1].shutdown(socket.SHUT_RDWR)
    assert nobody(found[0])


@pytest.mark.parametrize("needed", [True, False])
def test_a_relay_hides_the_end_of_a_service_that_is_needed(needed):
    with socket.create_server(("127.0.0.1", 0)) as server:
        served = queue.Queue()
        threading.Thread(target=lambda: served.put(server.accept()[0])).start()
        relay = Relay("127.0.0.1", server.getsockname()[1], lambda: needed)
        host, _, port = relay.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as ours:
            ours.sendall(b"ping")
            with served.get(timeout=5) as theirs:
                assert theirs.recv(4) == b"ping"
                theirs.sendall(b"pong")
                assert ours.recv(4) == b"pong"
                theirs.shutdown(socket.SHUT_RDWR)
            ours.settimeout(0.3)
            if needed:
                with pytest.raises(TimeoutError):
                    ours.recv(1)
            else:
                assert ours.recv(1) == b""
