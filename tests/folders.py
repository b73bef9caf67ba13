"""Folders that all processes of a run of the tests share."""

import atexit
import os
import shutil
import tempfile


def shared_folder(name: str, prefix: str) -> str:
    """Return the folder in the variable `name`, which the first process makes and removes."""
    if name not in os.environ:
        os.environ[name] = tempfile.mkdtemp(prefix=prefix)
        atexit.register(shutil.rmtree, os.environ[name], ignore_errors=True)
    return os.environ[name]
