"""The meeting of the processes that share a sweep or a run, before JAX connects them.

JAX ends a process with a stack of C++ if its service cannot listen, or if a process does not come in time.
So the processes meet here first, at the same address: process 0 listens, each of the others says which it is,
and once all are there process 0 lets them go. They may be started in any order. A line goes each way:

    freqjax PROCESSES PROCESS     from the others: how many there are to be, and which this is
    go | no REASON                from process 0

The connections stay open: `freqjax.processes.watch` finds by them who is lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from freqjax.errors import UserError

# How long to wait for one message, and until process 0 is asked again.
_ANSWER_SECONDS, _PAUSE_SECONDS = 5.0, 0.2
_HELLO = "freqjax"


def meet(address: str, processes: int, process: int, seconds: float) -> dict[int, socket.socket]:
    """Wait until all of the processes are there, and return a connection to each that this one talks to.

    Args:
      address: HOST:PORT of process 0.
      processes: how many there are to be.
      process: which of them this is, from 0.
      seconds: how long to wait at most.

    Returns:
      On process 0 the connections to the others, by their number; on these the one to process 0.

    Raises:
      UserError: the host is not known, process 0 cannot listen there or does not answer, a process does not
        come, or processes were started with other numbers.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        places = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _refusal(address, f"the host is not known ({_words(error)})") from None
    until = time.monotonic() + seconds
    if process != 0:
        return {0: _join(address, (host, int(port)), f"{_HELLO} {processes} {process}\n", until)}
    with _listening(address, places) as servers:
        members = _gather(servers, processes, until)
    try:
        missing = [str(number) for number in range(1, processes) if number not in members]
        if missing:
            raise UserError(
                f"run.num_processes is {processes}: process {', '.join(missing)} did not come to "
                f"{address} within {seconds:g} s."
            )
        for member in members.values():
            member.sendall(b"go\n")
    except (UserError, OSError) as error:
        for member in members.values():
            member.close()
        if isinstance(error, UserError):
            raise
        raise _refusal(address, f"a process was lost ({_words(error)})") from None
    return members


@contextlib.contextmanager
def _listening(address: str, places: list[Any]) -> Iterator[list[socket.socket]]:
    """Listen at all addresses that a name stands for, of which a machine may lack some."""
    with contextlib.ExitStack() as stack:
        servers, errors = [], []
        for family, kind, protocol, _, place in places:
            try:
                server = stack.enter_context(socket.socket(family, kind, protocol))
                # As servers do, so that an address serves again as soon as its last user has gone; on
                # Windows it would let two use one address.
                if os.name == "posix":
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(place)
                server.listen()
                servers.append(server)
            except OSError as error:
                errors.append(error)
        taken = [error for error in errors if error.errno == errno.EADDRINUSE]
        if taken or not servers:
            why = f"process 0 cannot listen there ({_words([*taken, *errors][0])})"
            raise _refusal(address, why)
        yield servers


def _gather(servers: list[socket.socket], processes: int, until: float) -> dict[int, socket.socket]:
    """Return the connections of those that came in time, by their number."""
    members: dict[int, socket.socket] = {}
    while len(members) < processes - 1 and time.monotonic() < until:
        left = max(0.0, min(until - time.monotonic(), _PAUSE_SECONDS))
        for server in select.select(servers, [], [], left)[0]:
            member = server.accept()[0]
            number = _number(member, processes, members)
            if number is None:
                member.close()
            else:
                members[number] = member
        for number in [n for n, member in members.items() if _has_gone(member)]:
            members.pop(number).close()
    return members


def _number(member: socket.socket, processes: int, members: dict[int, socket.socket]) -> int | None:
    """Read which process this is; None for a stranger, and for one that is told why it is refused."""
    member.settimeout(_ANSWER_SECONDS)
    try:
        words = member.recv(100).decode("ascii", "replace").split()
        if len(words) != 3 or words[0] != _HELLO or not all(map(str.isdigit, words[1:])):
            return None
        theirs, number = int(words[1]), int(words[2])
        if theirs != processes:
            member.sendall(f"no process 0 has run.num_processes {processes}\n".encode())
        elif not 0 < number < processes or number in members:
            member.sendall(f"no there is a process {number} already\n".encode())
        else:
            return number
    except OSError:
        pass
    return None


def _has_gone(member: socket.socket) -> bool:
    """Tell whether a process that waits was ended: it has nothing to say, so that only an end is read."""
    readable = select.select([member], [], [], 0)[0]
    try:
        return bool(readable) and not member.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def _join(address: str, place: tuple[str, int], hello: str, until: float) -> socket.socket:
    """Say hello to process 0 until it lets this process go; return the connection."""
    why = "it ended the meeting"
    while True:
        left = until - time.monotonic()
        try:
            lead = socket.create_connection(place, timeout=_ANSWER_SECONDS)
            answer = _ask(lead, hello, max(left, 0.1))
            if answer == "go":
                return lead
            lead.close()
            if answer.startswith("no "):
                raise _refusal(address, answer.removeprefix("no "))
        except OSError as error:
            why = _words(error)
        if left <= 0:
            raise _refusal(address, f"process 0 did not answer in time ({why})")
        time.sleep(_PAUSE_SECONDS)


def _ask(lead: socket.socket, hello: str, seconds: float) -> str:
    """Return what process 0 answers; the connection is closed if it does not."""
    try:
        lead.sendall(hello.encode())
        lead.settimeout(seconds)
        answer = b""
        while not answer.endswith(b"\n"):
            part = lead.recv(1)  # what comes after the answer is for others
            if not part:
                break
            answer += part
        return answer.decode("ascii", "replace").strip()
    except OSError:
        lead.close()
        raise


def _refusal(address: str, why: str) -> UserError:
    return UserError(
        f"run.coordinator is {address}: {why}; it must be HOST:PORT of process 0, with a free port."
    )


def _words(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    return (said or str(error) or type(error).__name__).rstrip(".")
