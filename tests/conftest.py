"""Settings of all tests: strict ranks, and no accelerator."""

import os

from tests.folders import shared_folder

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

# Lines of progress, which only a slow machine has time for, are none of what a test expects of a command.
os.environ["FREQJAX_PROGRESS"] = "off"

# Limits and the native library are made once in a run of the tests, and not in the user's cache.
os.environ["FREQJAX_CACHE"] = shared_folder("FREQJAX_TESTS_CACHE", "freqjax-tests-")
# Many tests compile the same programs.
os.environ["JAX_COMPILATION_CACHE_DIR"] = shared_folder(
    "FREQJAX_TESTS_COMPILED", "freqjax-tests-compiled-"
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import jax
import pytest

import tests.annotations

# Every call into the package is checked against its annotations: shapes by jaxtyping, types by beartype.
tests.annotations.check_package()

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 4)  # for sweeps; everything else uses the first


@pytest.fixture
def float64():
    """Double precision for the length of a test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True)
def no_pages(request, monkeypatch):
    """Write no pages, which take a second each, except in the tests of pages."""
    if not request.node.nodeid.startswith(("tests/page/", "tests/serve/")):
        from freqjax.page import writing

        monkeypatch.setattr(writing, "is_possible", lambda: False)
