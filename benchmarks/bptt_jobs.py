"""Jobs of loss and gradient of an LSTM over whole streams, B × T × H × layers, on every engine that has them.

A job is the mean squared error of stacked LSTMs with a linear head on D = 5 inputs, from a zero state, and
its gradient by all weights; nothing is updated. A unit is one loss and gradient.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import machine, plain
from benchmarks.contenders import Absent, Contender, cores, repeated
from benchmarks.machine import Pass
from benchmarks.online_jobs import native_missing, pytorch_missing, thread_counts
from freqjax import NetworkConfig, TaskConfig
from freqjax.networks import HasCell, Network, make_network
from freqjax.tasks import make_task
from freqjax.training.gradients.native_bptt import NativeLstmCell

_INPUTS = 5


class Shape(NamedTuple):
    """Size of a job: B streams of T samples through stacked LSTMs of width H."""

    streams: int
    samples: int
    hidden: int
    layers: int = 1


def contenders(shape: Shape, units: int, platform: str) -> list[Contender | Absent]:
    """Prepare every engine; a run does `units` units."""
    random = np.random.default_rng(0)
    xs = random.normal(size=(shape.samples, shape.streams, _INPUTS)).astype(np.float32)
    targets = random.normal(size=(shape.samples, shape.streams, 1)).astype(np.float32)
    pytorch = _pytorch_contenders(shape, xs, targets, units, platform)
    theirs = plain.init_params(_INPUTS, shape.hidden, shape.layers)
    zeros = plain.zero_carry(shape.streams, shape.hidden, shape.layers)
    config = NetworkConfig(hidden_size=shape.hidden, layers=shape.layers)
    network, ours = make_network(config, make_task(TaskConfig())), in_network(theirs)
    carry = network.init_carry(ours, shape.streams)
    arguments = ours, carry, xs, targets
    threads = cores() if shape.streams > 1 else 1
    return [
        _jax("freqjax", partial(network_mse, network), arguments, units),
        _native(network, arguments, units, platform),
        _jax("autodiff", plain.mse, (theirs, zeros, xs, targets), units),
        *pytorch,
        machine.limit(passes(shape, threads), threads, platform),
    ]


def _native(
    network: Network, arguments: tuple[Any, ...], units: int, platform: str
) -> Contender | Absent:
    """Prepare the network with the scans of train.engine=native, which is built if needed."""
    missing = native_missing(platform)
    if missing is not None:
        return missing
    assert isinstance(network, HasCell)
    network = network.with_cell(NativeLstmCell)
    return _jax("native", partial(network_mse, network), arguments, units)


def passes(shape: Shape, threads: int) -> list[Pass]:
    """Return the passes of a loss and gradient, each thread with its own streams and copy of the weights.

    A step of a scan, forward or backward, reads the recurrent weights from a cache. The products that wait
    for no state are made over all rows at once: those with the inputs and, backward, those that give the
    weights' gradients and, above the first layer, the inputs'.
    """
    found, rows = [], shape.samples * shape.streams
    for layer in range(shape.layers):
        inputs = shape.hidden if layer else _INPUTS
        gates = 4 * shape.hidden
        step = Pass(threads * gates * shape.hidden, False, shape.streams * gates * shape.hidden)
        found.append(step._replace(times=2 * shape.samples))
        read = rows * (shape.hidden + inputs)
        found.append(Pass(read, False, rows * gates * (shape.hidden + 2 * inputs)))
        if layer:
            found.append(Pass(rows * inputs, True, rows * gates * inputs))
    return found


def in_network(params: Any) -> Any:
    """Convert parameters of `benchmarks.plain` to the layout of a network of freqjax."""
    cells = [
        {
            name: {"kernel": layer[name], "bias": layer[f"{name}_bias"]}
            for name in ("input", "recurrent")
        }
        for layer in params["layers"]
    ]
    named = {"cell": cells[0]}
    if len(cells) > 1:
        named = {f"layer_{number}": cell for number, cell in enumerate(cells)}
    return named | {"head": {"kernel": params["head"], "bias": params["head_bias"]}}


def network_mse(
    network: Network, params: Any, carry: Any, xs: jax.Array, targets: jax.Array
) -> jax.Array:
    """Compute `plain.mse` by a network of freqjax, with the gradient that it trains with."""
    _, ys = network.unroll(params, carry, xs, jnp.zeros(xs.shape[:2], bool))
    return jnp.mean(jnp.square(ys - targets))


def _jax(
    engine: str,
    loss: Callable[..., jax.Array],
    arguments: tuple[Any, ...],
    units: int,
) -> Contender:
    """Prepare the engine that differentiates loss(params, carry, xs, targets)."""
    arguments = jax.device_put(arguments)
    compiled = jax.jit(jax.value_and_grad(loss)).lower(*arguments).compile()

    def work(_: int) -> None:
        jax.block_until_ready(compiled(*arguments))

    facts = {"memory_mb": _memory_mb(compiled)}
    return Contender(engine, repeated(work, units), cores(), facts)


def _memory_mb(compiled: Any) -> float | None:
    """Return the peak memory of a program, MB, by XLA's plan: arguments, results and temporaries."""
    plan = compiled.memory_analysis()
    if plan is None:
        return None
    held = (
        plan.argument_size_in_bytes
        + plan.output_size_in_bytes
        + plan.temp_size_in_bytes
        - plan.alias_size_in_bytes
    )
    return round(held / 1e6, 3)


def _pytorch_contenders(
    shape: Shape, xs: np.ndarray, targets: np.ndarray, units: int, platform: str
) -> list[Contender | Absent]:
    """Prepare PyTorch on the platform, or say why it is not there."""
    if platform == "gpu" and has_cuda():
        contender = _pytorch(shape, xs, targets, units, 1, "cuda")
        try:
            contender.run()
        except RuntimeError as error:  # cuDNN refuses streams of more than 65,535 samples
            return [Absent("pytorch", f"PyTorch: {str(error).splitlines()[0]}")]
        return [contender]
    missing = pytorch_missing(platform)
    if missing is not None:
        return [missing]
    # A second thread has nothing to do with a single stream.
    counts = thread_counts(1 if shape.streams == 1 else 2)
    return [_pytorch(shape, xs, targets, units, threads, "cpu") for threads in counts]


def has_cuda() -> bool:
    """Return whether PyTorch is installed and can use a GPU."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


def _pytorch(
    shape: Shape, xs: np.ndarray, targets: np.ndarray, units: int, threads: int, device: str
) -> Contender:
    import torch  # an optional dependency

    torch.manual_seed(0)
    # Products as precise as those of freqjax.
    torch.backends.cudnn.allow_tf32 = False
    lstm = torch.nn.LSTM(_INPUTS, shape.hidden, shape.layers).to(device)
    head = torch.nn.Linear(shape.hidden, 1).to(device)
    parameters = [*lstm.parameters(), *head.parameters()]
    inputs, wanted = (torch.from_numpy(rows).to(device) for rows in (xs, targets))

    def work(_: int) -> None:
        torch.set_num_threads(threads)
        loss = (head(lstm(inputs)[0]) - wanted).square().mean()
        torch.autograd.grad(loss, parameters)
        if device == "cuda":
            torch.cuda.synchronize()

    return Contender("pytorch", repeated(work, units), threads)
