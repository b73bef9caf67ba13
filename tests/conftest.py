"""Settings of all tests: strict ranks, and no accelerator."""

import os

from tests.folders import shared_folder
from tests.rounding import OPTIMIZED

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

# Most of the time of the tests is compiling: programs are compiled quickly and run slowly. .ci/all tries them
# as users compile them too.
if not OPTIMIZED:
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"
    flags = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")
    os.environ["XLA_FLAGS"] = " ".join((os.environ.get("XLA_FLAGS", ""), *flags))

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
jax.devices("cpu")  # before a sweep asks for as many as there are cores


@pytest.fixture
def float64():
    """Double precision for the length of a test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True, scope="session")
def no_pictures():
    """Figures that are made but not drawn, and no pages: both take most of the time of a short run."""
    from freqjax.figures import canvas, processes
    from freqjax.page import writing
    from tests.figures.reading import PIXEL

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "png", lambda figure: PIXEL)
        patch.setattr(processes, "usable_cores", lambda: 1)
        patch.setattr(writing, "is_possible", lambda: False)
        yield


@pytest.fixture(scope="module")
def pictures(no_pictures):
    """Figures as they are drawn, for a module."""
    from freqjax.figures import canvas
    from tests.figures.reading import PNG

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "png", PNG)
        yield


@pytest.fixture(scope="module")
def pages(no_pictures):
    """Pages as they are written, for a module."""
    from freqjax.page import writing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "is_possible", lambda: True)
        yield
