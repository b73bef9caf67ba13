"""Processes that a test starts and that do not outlive it."""

import contextlib
import subprocess


@contextlib.contextmanager
def running(command, **settings):
    """Start a process, kill it at the end, and close its pipes: a test that fails leaves none behind."""
    with subprocess.Popen(command, **settings) as process:
        try:
            yield process
        finally:
            process.kill()  # nothing, if it has ended
