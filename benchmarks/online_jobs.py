"""Jobs of one Adam step with clipping a sample on the rows of the main task, by engine."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import plain
from benchmarks.contenders import Absent, Contender, cores, repeated, timed
from benchmarks.cpp_online import time_cpp
from benchmarks.speed import FASTER_ADAM
from freqjax import Config, NetworkConfig, TaskConfig
from freqjax.errors import UserError
from freqjax.native import library
from freqjax.networks import make_network
from freqjax.tasks import Sequences, make_task
from freqjax.training.filter.trainer import FilterTrainer
from freqjax.training.trainers import StreamTrainer


def contenders(hidden: int, steps: int, platform: str) -> list[Contender | Absent]:
    """Prepare every engine at H = `hidden`; a run makes `steps` updates, of PyTorch a tenth.

    `steps` is a multiple of 40: four blocks, one a frequency, and a whole tenth.
    """
    config = Config(
        task=TaskConfig(duration=steps / 4000), network=NetworkConfig(hidden_size=hidden)
    )
    blocks = make_task(config.task).rows("train")
    return [
        freqjax_contender(config, blocks, steps),
        native(config, blocks, steps, platform),
        _autodiff(config, blocks, steps),
        *pytorch(config, blocks, steps // 10, platform),
        _cpp(hidden, steps, platform),
    ]


def freqjax_contender(config: Config, blocks: Sequences, steps: int) -> Contender:
    """Prepare training as in a run, with everything that it reports of a chunk."""
    task = make_task(config.task)
    network = make_network(config.network, task)
    make = FilterTrainer if config.is_filter else StreamTrainer
    trainer = make(network, task, config, blocks)

    def work() -> None:
        before = trainer.step
        while trainer.step - before < steps:
            trainer.advance()
        jax.block_until_ready(trainer.params)

    by_native = config.train.engine == "native"
    # Of what is native, the sensitivities alone have more than one thread.
    several = config.train.gradient_method == "rtrl" and not config.is_filter
    threads = cores() if several or not by_native else 1
    return Contender("native" if by_native else "freqjax", timed(work, steps), threads)


def native(config: Config, blocks: Sequences, steps: int, platform: str) -> Contender | Absent:
    """Prepare the same with train.engine=native, which is built if needed."""
    missing = native_missing(platform)
    if missing is not None:
        return missing
    train = dataclasses.replace(config.train, engine="native")
    try:
        return freqjax_contender(dataclasses.replace(config, train=train), blocks, steps)
    except UserError as error:
        return Absent("native", str(error))


def native_missing(platform: str) -> Absent | None:
    """Build and load the native loops; return why they do not run on `platform`, or None."""
    if platform != "cpu":
        return Absent("native", "The native loop runs on the CPU alone.")
    try:
        if not library.is_built():
            library.build()
        library.load()
    except UserError as error:
        return Absent("native", str(error))
    return None


def _autodiff(config: Config, blocks: Sequences, steps: int) -> Contender:
    hidden, inputs = config.network.hidden_size, blocks.inputs.shape[-1]
    clip_norm = config.optimizer.clip_norm
    assert clip_norm is not None
    optimizer, chunk = plain.make_online_chunk(clip_norm, config.optimizer.learning_rate)
    params = plain.init_params(inputs, hidden, layers=1)
    state = plain.State(params, optimizer.init(params), plain.zero_carry(1, hidden, layers=1))
    rows = (
        jnp.asarray(blocks.inputs).reshape(-1, 1, inputs),
        jnp.asarray(blocks.targets).reshape(-1, 1, 1),
    )

    def work() -> None:
        nonlocal state
        state, losses = chunk(state, rows)
        jax.block_until_ready((state, losses))

    return Contender("autodiff", timed(work, steps), cores())


def pytorch(
    config: Config, blocks: Sequences, steps: int, platform: str
) -> list[Contender | Absent]:
    """Prepare PyTorch's loop with the gradient cut at one sample, on one thread and on two.

    Each round times it with plain Adam and clipping, and with Adam in one fused kernel and clipping of all
    weights at once, and the faster one counts.
    """
    missing = pytorch_missing(platform)
    if missing is not None:
        return [missing]
    return [_pytorch_loop(config, blocks, steps, threads) for threads in thread_counts(2)]


def pytorch_missing(platform: str) -> Absent | None:
    """Return why PyTorch is not compared on `platform`; None if it is."""
    if importlib.util.find_spec("torch") is None:
        return Absent("pytorch", "PyTorch is not installed.")
    if platform != "cpu":
        return Absent("pytorch", "PyTorch is timed on the CPU alone.")
    return None


def thread_counts(most: int) -> list[int]:
    """Return the numbers of threads that PyTorch is timed with: from one to `most` or the number of cores."""
    return list(range(1, min(most, cores()) + 1))


def _pytorch_loop(config: Config, blocks: Sequences, steps: int, threads: int) -> Contender:
    makers = (
        partial(pytorch_step, config, blocks, threads, fused=fused) for fused in (False, True)
    )
    runs = [repeated(make(), steps) for make in makers]
    facts = {"adam": FASTER_ADAM}
    return Contender("pytorch", lambda: min(run() for run in runs), threads, facts)


def pytorch_step(
    config: Config, blocks: Sequences, threads: int, *, fused: bool
) -> Callable[[int], Any]:
    """Make PyTorch's step of the sample with a number, which returns its loss.

    Args:
      config: of the network and the optimiser.
      blocks: the rows, in whose order the numbers count.
      threads: of the host.
      fused: whether Adam is one kernel, and the gradients of all weights are clipped at once.
    """
    import torch  # an optional dependency

    torch.manual_seed(0)
    lstm = torch.nn.LSTM(blocks.inputs.shape[-1], config.network.hidden_size)
    head = torch.nn.Linear(config.network.hidden_size, 1)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=config.optimizer.learning_rate, fused=fused)
    clip_norm = config.optimizer.clip_norm
    assert clip_norm is not None
    inputs = torch.from_numpy(np.array(blocks.inputs).reshape(-1, 1, 1, lstm.input_size))
    targets = torch.from_numpy(np.array(blocks.targets).reshape(-1, 1, 1, 1))
    state: Any = None

    def step(number: int) -> Any:
        nonlocal state
        torch.set_num_threads(threads)
        optimizer.zero_grad()
        hidden, state = lstm(inputs[number], state)
        loss = (head(hidden) - targets[number]).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, clip_norm, foreach=fused)
        optimizer.step()
        state = tuple(part.detach() for part in state)
        return loss

    return step


def _cpp(hidden: int, steps: int, platform: str) -> Contender | Absent:
    """Prepare the fused loop of `benchmarks.cpp_online`, which needs a compiler."""
    if platform != "cpu":
        return Absent("cpp", "The C++ loop runs on the CPU alone.")
    try:
        if time_cpp(hidden, steps) is None:
            return Absent("cpp", "There is no C++ compiler here.")
    except UserError as error:
        return Absent("cpp", str(error))

    def run() -> float:
        seconds = time_cpp(hidden, steps)
        assert seconds is not None
        return seconds * 1e6 / steps

    return Contender("cpp", run, 1)
