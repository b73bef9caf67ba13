"""Settings of all tests: strict ranks, and no accelerator."""

import atexit
import os
import shutil
import tempfile

# Limits that the tests compute are kept for this run of them alone, not in the user's cache.
os.environ["FREQJAX_CACHE"] = tempfile.mkdtemp(prefix="freqjax-tests-")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

# Many tests compile the same programs: one run of the tests shares them, in all of its processes.
if "FREQJAX_TESTS_COMPILED" not in os.environ:
    os.environ["FREQJAX_TESTS_COMPILED"] = tempfile.mkdtemp(prefix="freqjax-tests-compiled-")
    atexit.register(shutil.rmtree, os.environ["FREQJAX_TESTS_COMPILED"], ignore_errors=True)
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["FREQJAX_TESTS_COMPILED"]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import jax
import pytest

import tests.annotations

# Every call into the package is checked against its annotations: shapes by jaxtyping, types by beartype.
tests.annotations.check_package()

atexit.register(shutil.rmtree, os.environ["FREQJAX_CACHE"], ignore_errors=True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 4)  # for sweeps; everything else uses the first


@pytest.fixture
def float64():
    """Double precision for the length of a test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
