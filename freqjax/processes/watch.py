"""The watch over processes that share a sweep or a run: one that is lost ends the others with a sentence.

JAX finds a lost process after a minute, or when its service goes, and then ends the process that finds it
with a stack of C++; a computation that waits for a lost process may wait for ever. So the connections of the
meeting stay open. Over each a line a few seconds goes both ways:

    here            I go on
    lost PROCESS    process 0 tells the others which one it has lost
    bye             I have nothing left to do, and end

A connection that ends without a bye, or is silent for long, is that of a lost process.
The others reach JAX's service, which is process 0's, through a relay in their own process: JAX does not see
that the service has gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

from freqjax.system import output

# How often a process says that it goes on, and for how long it may be silent.
_PULSE_SECONDS, _SILENCE_SECONDS = 5.0, 45.0

Lost = Callable[[int], None]


class Watch:
    """Watch of this process over those that it has a connection to, while it works with them.

    The processes may work together several times, each of which ends with a bye.
    """

    def __init__(self, lines: dict[int, socket.socket], lost: Lost) -> None:
        """Begin to watch.

        Args:
          lines: connections by the number of the process at the other end.
          lost: called, in a thread of the watch, with the number of a process that is lost.
        """
        self._lines, self._lost = lines, lost
        self._works, self._ended = True, 0
        self._byes = dict.fromkeys(lines, 0)
        self._sending = threading.Lock()
        for number, line in lines.items():
            line.settimeout(_SILENCE_SECONDS)
            self._start(self._listen, number, line)
        if lines:
            self._start(self._pulse)

    def needs(self, number: int) -> bool:
        """Return whether process `number` must not end: this one works, and that has not said bye."""
        return self._works and self._byes[number] <= self._ended

    def begin(self) -> None:
        """Begin to work with the others, again if this process has parted."""
        self._works = True

    def part(self) -> None:
        """Say bye to all, so that the end of this process is none that they have to be told of."""
        if self._works:
            self._works = False
            self._ended += 1
            self._say("bye")

    def leave(self) -> None:
        """Close the connections without a bye: for the others this process is lost."""
        self._works = False
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def tell(self, number: int) -> None:
        """Tell the others that process `number` is lost."""
        self._say(f"lost {number}")

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, name="watch", daemon=True).start()

    def _say(self, words: str) -> None:
        with self._sending:
            for line in self._lines.values():
                with contextlib.suppress(OSError):  # whoever listens there finds out
                    line.sendall(f"{words}\n".encode())

    def _pulse(self) -> None:
        while True:
            time.sleep(_PULSE_SECONDS)
            self._say("here")

    def _listen(self, number: int, line: socket.socket) -> None:
        """Read what a process says until it ends."""
        gone = number
        with (
            contextlib.suppress(OSError),
            line.makefile(encoding="ascii", errors="replace") as said,
        ):
            for words in said:
                if words == "bye\n":
                    self._byes[number] += 1
                elif words.startswith("lost ") and words[5:].strip().isdigit():
                    gone = int(words[5:])
                    break
        if self.needs(number):
            self._lost(gone)


class Relay:
    """Relay between JAX in this process and its service in process 0.

    Attributes:
      address: where JAX finds it, on this machine alone.
    """

    def __init__(self, host: str, port: int, needed: Callable[[], bool]) -> None:
        """Listen; when the service has gone, connections to it stay open if it is still `needed`."""
        self._place, self._needed = (host, port), needed
        self._open: list[socket.socket] = []  # what nothing refers to would be closed
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, name="relay", daemon=True).start()

    def _serve(self) -> None:
        while True:
            ours = self._server.accept()[0]
            try:
                theirs = socket.create_connection(self._place)
            except OSError:  # not there yet: JAX asks again
                ours.close()
                continue
            self._open += [ours, theirs]
            for pair in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._copy, args=pair, name="relay", daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := source.recv(65536):
                sink.sendall(data)
            if not self._needed():
                sink.shutdown(socket.SHUT_WR)


_ending = threading.Lock()


def end_with(sentence: str) -> None:
    """End this process at once with a sentence and exit code 2; files are complete at any moment.

    Of several threads that find the same thing out the first one is heard.
    """
    if not _ending.acquire(blocking=False):
        threading.Event().wait()
    output.warn(sentence)
    # An exit would let JAX wait for the lost process, and end with a stack trace.
    os._exit(2)
