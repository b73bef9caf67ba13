"""Short benchmark of the online loop: one Adam step a sample, hidden 64.

    python -m benchmarks.smoke

Trains two epochs with freqjax and, where PyTorch is installed, some thousand steps of the usual
PyTorch loop, alternately in one process, and prints the microseconds a step of both, their ratio, and
how often anything was compiled after the first chunk. Writes benchmarks/results/smoke.json.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from statistics import median

import jax
import numpy as np

from benchmarks import record
from freqjax import Config
from freqjax.networks import make_network
from freqjax.tasks import Sequences, make_task
from freqjax.training.trainers import StreamTrainer

_TORCH_STEPS = 1500


def freqjax_loop(blocks: Sequences) -> tuple[Callable[[], float], list[str]]:
    """Return a function that trains one chunk, → µs a step, and the list of later compilations."""
    config = Config()
    task = make_task(config.task)
    trainer = StreamTrainer(make_network(config.network, task), task, config, blocks)
    trainer.advance()
    compilations: list[str] = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if "compile" in event:
            compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)

    def chunk() -> float:
        first, began = trainer.step, time.perf_counter()
        trainer.advance()
        jax.block_until_ready(trainer.params)
        return (time.perf_counter() - began) * 1e6 / (trainer.step - first)

    return chunk, compilations


def pytorch_loop(blocks: Sequences) -> Callable[[], float] | None:
    """Return a function that trains the same network on the same rows in PyTorch; None without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    torch.manual_seed(0)
    lstm, head = torch.nn.LSTM(5, 64), torch.nn.Linear(64, 1)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    inputs = torch.from_numpy(np.array(blocks.inputs).reshape(-1, 1, 1, 5))
    targets = torch.from_numpy(np.array(blocks.targets).reshape(-1, 1, 1, 1))
    state = None

    def steps() -> float:
        nonlocal state
        began = time.perf_counter()
        for x, target in zip(inputs[:_TORCH_STEPS], targets[:_TORCH_STEPS], strict=True):
            optimizer.zero_grad()
            hidden, state = lstm(x, state)
            loss = (head(hidden) - target).square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            state = tuple(part.detach() for part in state)
        return (time.perf_counter() - began) * 1e6 / _TORCH_STEPS

    return steps


def main() -> None:
    """Alternate the two loops over two epochs and write the times."""
    blocks = make_task(Config().task).rows("train")
    ours, compilations = freqjax_loop(blocks)
    theirs = pytorch_loop(blocks)
    if theirs is not None:
        theirs()  # warm-up
    times: dict[str, list[float]] = {"freqjax": [], "pytorch": []}
    for _ in range(7):  # with the warm-up, the 8 chunks of two epochs
        times["freqjax"].append(ours())
        if theirs is not None:
            times["pytorch"].append(theirs())
    rows = [
        {
            "job": "online, hidden 64, one Adam step with clipping a sample",
            "engine": engine,
            "platform": jax.default_backend(),
            "median_us": round(median(found), 1),
            "min_us": round(min(found), 1),
            "max_us": round(max(found), 1),
            "runs": len(found),
        }
        for engine, found in times.items()
        if found
    ]
    for row in rows:
        print(f"{row['engine']:>8}: {row['median_us']:8.1f} µs a step")
    if theirs is not None:
        print(f"   ratio: {rows[1]['median_us'] / rows[0]['median_us']:8.1f} ×")
    else:
        print("PyTorch is not installed: nothing to compare with")
    print(f"compilations after the first chunk: {len(compilations)}")
    rows[0]["compilations_after_first_chunk"] = len(compilations)
    record.write("smoke", "python -m benchmarks.smoke", rows)


if __name__ == "__main__":
    main()
