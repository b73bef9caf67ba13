"""The native online loop against differentiation and optax, and what it says where it is not."""

import _ctypes
import concurrent.futures
import ctypes
import dataclasses
import functools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.cpp_online import time_cpp
from freqjax import Config, NetworkConfig, TaskConfig, UserError
from freqjax.native import library
from freqjax.networks import make_network
from freqjax.system import devices
from freqjax.tasks import make_task
from freqjax.tasks.objectives import Cosine, SquaredError
from freqjax.training.chunks import make_chunk
from freqjax.training.gradients.closed_form import make_online_chunk
from freqjax.training.gradients.native import make_native_chunk, why_not
from freqjax.training.optimizers import make_schedule
from freqjax.training.streams import Stream, layout
from freqjax.training.update import state_of
from tests.slow import some
from tests.twins import tiny_config, tiny_rows

needs_compiler = pytest.mark.skipif(
    library.compiler_command() is None,
    reason="no C++ compiler is installed",
)

# Between them every rule with and without decay, every schedule, clipping or none, a learned carry or
# zero, all kinds of resets, and sizes whose gates fill one pass over W, part of one, and more than one.
CASES = {
    # Without decay it is adam.
    "adam": (
        {"name": "adamw", "clip_norm": 0.1},
        {"learned_carry": True, "hidden_size": 17},
        {},
    ),
    "adam decayed": (
        {"weight_decay": 0.1, "clip_norm": None, "schedule": "cosine"},
        {"learned_carry": True},
        {"reset": "never"},
    ),
    "adamw": (
        {"name": "adamw", "weight_decay": 0.1, "schedule": "warm_restarts"},
        {"learned_carry": True, "hidden_size": 16},
        {"reset": "epoch"},
    ),
    "sgd": ({"name": "sgd", "clip_norm": 0.1}, {"learned_carry": True}, {"reset": "epoch"}),
    "sgd decayed": (
        {"name": "sgd", "weight_decay": 0.1, "schedule": "cosine"},
        {"hidden_size": 17},
        {},
    ),
    "rmsprop": ({"name": "rmsprop", "schedule": "plateau"}, {}, {}),
    "rmsprop decayed": (
        {"name": "rmsprop", "weight_decay": 0.1, "clip_norm": None},
        {"learned_carry": True},
        {},
    ),
}


@pytest.fixture(scope="module")
def built():
    """Build the library as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "freqjax.native.build"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert str(library.path()) in done.stdout


def setup(name="adam"):
    """Return factory arguments, a state in the middle of a run, and a stream."""
    optimizer, network, task = CASES[name]
    config = tiny_config(optimizer=optimizer, network=network, task=task)
    task = make_task(config.task)
    network = make_network(config.network, task)
    state = state_of(network, task, config, network.init(jax.random.key(0)), 1)
    state = state._replace(
        schedule_start=state.step + 2,
        rate_scale=jnp.asarray(0.5, jnp.float32),
        step=state.step + 9,
        carry=jax.tree.map(lambda a: a + 0.3, state.carry),
    )
    arguments = (network, task, config, make_schedule(config.optimizer, 100, 10), 2)
    return arguments, state, layout(tiny_rows(), config)


# A few rows are run sooner than LLVM makes them fast.
jit = functools.partial(
    jax.jit,
    compiler_options={
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
    },
)


@functools.cache
def compiled(name):
    """Return the native and the generic chunk of a case."""
    arguments, _, _ = setup(name)
    return [jit(make(*arguments)) for make in (make_native_chunk, make_chunk)]


def part(stream: Stream, first: int, last: int) -> Stream:
    return jax.tree.map(lambda a: a[first:last], stream)


def assert_close(ours, theirs, tolerance):
    """Check that every array agrees within `tolerance` of its largest number."""
    for (path, a), b in zip(
        jax.tree_util.tree_flatten_with_path(ours)[0], jax.tree.leaves(theirs), strict=True
    ):
        atol = tolerance * np.nanmax(np.abs(b), initial=0)
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=str(path))


def assert_same(ours, theirs):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


@needs_compiler
@pytest.mark.parametrize("name", some(CASES, "adam", "sgd decayed"))
def test_equals_differentiation_with_optax(built, name):
    """20 updates of each, and 20 more of the generic chunk after either: the two may take turns."""
    (native, generic), (_, state, stream) = compiled(name), setup(name)
    first, second = part(stream, 0, 20), part(stream, 20, 40)
    (ours, info), (theirs, expected) = native(state, first), generic(state, first)
    assert_close(ours, theirs, 1e-6)
    assert_close(info, expected, 1e-5)
    assert jax.tree.structure(ours) == jax.tree.structure(state)
    assert jax.eval_shape(lambda s: s, ours) == jax.eval_shape(lambda s: s, state)
    assert_close(generic(ours, second)[0], generic(theirs, second)[0], 1e-6)


@pytest.mark.slow
@needs_compiler
def test_thousands_of_updates_learn_as_much(built):
    """Rounding grows, so that only the means are the same after 10,000 steps."""
    config = Config(task=TaskConfig(duration=2.5), network=NetworkConfig(hidden_size=4))
    task = make_task(config.task)
    network = make_network(config.network, task)
    stream = layout(task.rows("train"), config)
    schedule = make_schedule(config.optimizer, 10_000, 10_000)
    state = state_of(network, task, config, network.init(jax.random.key(0)), 1)
    native, closed = (
        jax.jit(make(network, task, config, schedule, 4))(state, stream)[1]
        for make in (make_native_chunk, make_online_chunk)
    )
    losses = [info.loss_sums / info.row_counts for info in (native, closed)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.03)
    np.testing.assert_allclose(native.norm_sum, closed.norm_sum, rtol=0.03)


@needs_compiler
def test_chunks_are_the_whole(built):
    (native, _), (_, state, stream) = compiled("sgd"), setup("sgd")
    whole, _ = native(state, stream)
    for first in (0, 20):
        state, _ = native(state, part(stream, first, first + 20))
    assert_same(state, whole)


@needs_compiler
def test_large_and_bad_numbers_go_as_in_jax(built):
    """Gates that saturate; and a NaN, which every later update sees."""
    (native, generic), (_, state, stream) = compiled("adam decayed"), setup("adam decayed")
    stream = part(stream, 0, 20)
    large = stream._replace(inputs=stream.inputs.at[5, 0, 0, 0].set(1e6))
    assert_close(native(state, large), generic(state, large), 1e-5)
    bad = stream._replace(inputs=stream.inputs.at[17, 0, 0, 0].set(jnp.nan))
    after, info = native(state, bad)
    assert int(info.bad_update) == 17
    assert np.isnan(after.params["cell"]["recurrent"]["kernel"]).all()


@needs_compiler
def test_moments_that_fade_are_flushed_and_the_caller_keeps_its_own_way(built):
    """One row of rmsprop at H = D = O = 1, called without XLA, which would flush by itself."""
    gates, rest, carry, results = (np.zeros(s, np.float32) for s in ((2, 4, 4), (2, 2), 2, 6))
    gates[1] = np.finfo(np.float32).tiny
    constants = np.array([np.inf, 0, 0, 1, 0.99, 0.01, 1e-8], np.float32)
    row, resets, sizes = np.ones(3, np.float32), np.ones(1, bool), np.ones(4, np.int64)
    arrays = (sizes, constants, row, row, resets, row, gates, rest, carry[:1], carry[1:])
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (*arrays, results[:1], results[1:])]
    library.load().freqjax_online_plain(ctypes.c_int64(5), *pointers)
    assert results[0] == 1
    # The carry starts over, so that the gradient of W_h is 0 and its moments only decay.
    assert np.all(gates[1, 0] == 0)
    assert np.finfo(np.float32).tiny * np.float32(0.5) > 0


@needs_compiler
def test_vmapped_and_threaded_equal_solo(built):
    (solo, _), (arguments, state, stream) = compiled("sgd"), setup("sgd")
    scales = jnp.array([0.5, 1.0, 2.0])
    states = [state._replace(rate_scale=scale) for scale in scales]
    alone = [solo(s, stream) for s in states]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    together = jit(jax.vmap(make_native_chunk(*arguments), (0, None)))(stacked, stream)
    assert_close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone), 1e-6)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(solo, states * 8, [stream] * 24))
    for result, expected in zip(threaded, alone * 8, strict=True):
        assert_same(result, expected)


@needs_compiler
def test_plain_loop_is_timed_and_takes_longer_for_more(built):
    few, many = (min(time_cpp(4, rows) or 0 for _ in range(3)) for rows in (10, 2000))
    assert 0 < few < many


def test_plain_loop_is_not_timed_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert time_cpp(4, 10) is None


def test_says_why_not(monkeypatch, tmp_path):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    (network, task, config, *_), _, _ = setup()
    assert why_not(network, task, config) == (
        "The native loop is not built: python -m freqjax.native.build builds it."
    )
    gru = make_network(dataclasses.replace(config.network, cell="gru"), task)
    assert (why_not(gru, task, config) or "").startswith("The network is a SingleLayerNetwork:")
    task.objective = Cosine()
    assert (why_not(network, task, config) or "").startswith(
        "The objective is the cosine distance:"
    )
    task.objective = SquaredError()
    monkeypatch.setattr(devices, "default", lambda: SimpleNamespace(platform="gpu"))
    assert why_not(network, task, config) == (
        "The device is a gpu: the native loop runs on the CPU."
    )
    config.train.streams = "parallel"
    assert (why_not(network, task, config) or "").startswith("train.streams is parallel:")
    config.optimizer.clip = "adaptive"
    assert (
        why_not(network, task, config)
        == "train.streams is parallel: the native loop has one stream."
    )
    config.train.streams = "sequential"
    with pytest.raises(ValueError, match=r"optimizer\.clip is adaptive: the native loop clips by"):
        make_native_chunk(network, task, config, lambda step, begin: step, 2)


@pytest.mark.parametrize(
    ("compiler", "sentence"),
    [
        ("", "no C++ compiler is installed"),
        ("nowhere-g++ -m64", "CXX is 'nowhere-g++ -m64': it must name a C++ compiler."),
        (" ", "CXX is ' ': it must name a C++ compiler."),
        ("g++ '-m64", 'CXX is "g++ \'-m64": it must name a C++ compiler.'),
        (sys.executable, "cannot build the native loop: Unknown option: -="),
    ],
)
def test_without_a_compiler(monkeypatch, tmp_path, compiler, sentence):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", compiler)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError) as caught:
        library.build()
    assert sentence in str(caught.value)
    assert not list(tmp_path.glob("cache/*"))
    assert not library.is_built()


def test_a_damaged_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="the native loop is not built"):
        library.load.__wrapped__()
    # No library at all, and one that holds another program.
    for content in (b"no library", Path(_ctypes.__file__).read_bytes()):
        library.path().write_bytes(content)
        with pytest.raises(UserError, match=r"native-.*\.so cannot be loaded .* rebuilds it\."):
            library.load.__wrapped__()


def test_the_place_depends_on_all_that_the_library_does(monkeypatch, tmp_path):
    (tmp_path / "numerics.h").write_text("another")
    places = {library.path()}
    for owner, name, value in (
        (library, "_FOLDER", tmp_path),
        (library, "_FLAGS", ("-O0",)),
        (library.processors, "describe", lambda: "another"),
        (jax, "__version__", "0.0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            places.add(library.path())
    assert len(places) == 5
