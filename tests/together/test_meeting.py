"""How processes meet: whoever is missing or in the way is told in one sentence, before JAX is asked."""

import socket
import threading
import time

import pytest

from freqjax import RunConfig, UserError
from freqjax.processes import connection, meeting


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(meeting, "_PAUSE_SECONDS", 0.02)


def outcome(address, count, number, seconds=5.0):
    """What a process is told; None where it is let go."""
    try:
        lines = meeting.meet(address, count, number, seconds)
    except UserError as error:
        return str(error)
    assert sorted(lines) == (list(range(1, count)) if number == 0 else [0])
    for line in lines.values():
        line.settimeout(5)
        if number == 0:  # who closes first keeps the port busy for a while
            line.recv(1)
        line.close()
    return None


def together(address, count, numbers, seconds=5.0, pause=0.0):
    """What each of several processes is told, which start one after another."""
    found = {}

    def run(place, number):
        time.sleep(place * pause)
        found[place] = outcome(address, count, number, seconds)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(numbers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return [found[place] for place in range(len(numbers))]


@pytest.mark.parametrize("numbers", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_all_are_let_go_in_whatever_order_they_come(numbers, host):
    address = f"{host}:{free_port()}"
    assert together(address, 3, numbers, pause=0.1) == [None] * 3
    assert outcome(address, 1, 0) is None  # the port is free again, and one process waits for none


def test_who_does_not_come_is_named():
    address = f"127.0.0.1:{free_port()}"
    lead, member = together(address, 4, (0, 2), seconds=2)
    assert lead == f"run.num_processes is 4: process 1, 3 did not come to {address} within 2 s."
    assert member.startswith(f"run.coordinator is {address}: process 0 did not answer in time")


def test_a_process_that_was_ended_and_started_again_is_taken():
    port = free_port()
    told = []
    lead = threading.Thread(target=lambda: told.append(outcome(f"127.0.0.1:{port}", 3, 0)))
    lead.start()
    while True:
        try:
            first = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.02)
    first.sendall(b"freqjax 3 1\n")
    time.sleep(0.1)
    first.close()  # ended while it waited
    time.sleep(0.1)
    assert together(f"127.0.0.1:{port}", 3, (1, 2)) == [None, None]
    lead.join(5)
    assert told == [None]


def test_other_numbers_are_refused_and_strangers_ignored():
    port = free_port()
    address, told = f"127.0.0.1:{port}", []
    lead = threading.Thread(target=lambda: told.append(outcome(address, 3, 0)))
    lead.start()
    assert "process 0 has run.num_processes 3" in (outcome(address, 2, 1) or "")
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""
    results = together(address, 3, (1, 1, 2), pause=0.1)
    assert results[0] is results[2] is None
    assert "there is a process 1 already" in results[1]
    lead.join(5)
    assert told == [None]


@pytest.fixture
def no_jax(monkeypatch):
    monkeypatch.setattr(
        connection.jax.distributed, "initialize", lambda *_, **__: pytest.fail("JAX was asked")
    )


def connect(address, number):
    connection.connect(RunConfig(coordinator=address, num_processes=2, process_id=number))


@pytest.mark.usefixtures("no_jax")
def test_a_port_in_use_is_refused_by_process_0():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(
            UserError, match=rf"run.coordinator is {address}: process 0 cannot listen"
        ):
            connect(address, 0)


@pytest.mark.usefixtures("no_jax")
def test_an_address_of_another_machine_is_refused_by_process_0():
    # An address of documentation (RFC 5737), which no machine has.
    with pytest.raises(UserError, match="process 0 cannot listen there"):
        connect("192.0.2.1:5555", 0)


@pytest.mark.usefixtures("no_jax")
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64, "bad..host"])
def test_a_host_that_is_not_known_is_refused(host, number):
    with pytest.raises(
        UserError, match=r"the host is not known \(.*must be HOST:PORT of process 0"
    ):
        connect(f"{host}:5555", number)
