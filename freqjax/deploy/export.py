"""Export of a trained network to files that run without freqjax: `--mode export`.

    weights.safetensors  the weights, with the config; in PyTorch's names, which freqjax and PyTorch read, or
                         by their place in the parameters if PyTorch has no such network
    init_carry.bin       x [B, D] → carry; only B is taken from x
    step.bin             carry, x [B, D] → carry, y [B, O]; only of a causal network
    unroll.bin           carry, xs [T, B, D] → carry, ys [T, B, O]
    README.md            a description of the files and an example of their use

The .bin files are programs of `jax.export`: B and T are free (T of an autoencoder is at most that of its
task), the weights are constants inside, and each holds the code for CPU, CUDA and TPU. A carry is a tuple of
arrays, because a class of freqjax could not be read without freqjax. Matrix products have the full precision
of float32 on every platform: the reduced precision that TPUs, and GPUs with TF32, use by default makes a
clock drift within thousands of samples.

The same weights give the same bytes with the same versions of freqjax and JAX.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp

from freqjax.deploy import torch as interop
from freqjax.deploy.trained import Trained
from freqjax.errors import UserError
from freqjax.networks import Bounded, Described, GivesNetwork, Network, Streams, count_parameters
from freqjax.run.workdir import IDLE
from freqjax.system import devices, files, leftovers
from freqjax.tasks import Task, make_task
from freqjax.tasks.task import SAMPLES, Input

PLATFORMS = ("cpu", "cuda", "tpu")
# What an export writes.
_WRITTEN = (
    "weights.safetensors", "init_carry.bin", "step.bin", "unroll.bin", "README.md",
)  # fmt: skip

# Samples of the example, where a network takes so many.
_SAMPLES = 1000
_LOADER = """\
from pathlib import Path

import jax
import numpy as np
from jax import export


def program(name):
    content = Path("{folder}", name).read_bytes()
    return jax.jit(export.deserialize(bytearray(content)).call)


init_carry, unroll = program("init_carry.bin"), program("unroll.bin")
xs = np.zeros(({samples}, 2, {inputs}), np.float32)  # T samples, B streams, D inputs
{select}carry = init_carry(xs[0])
"""
_ONE_BY_ONE = """\
step = program("step.bin")
for x in xs[:10]:
    carry, y = step(carry, x)  # one sample at a time, y [B, O]
carry, ys = unroll(carry, xs[10:])  # many samples, ys [T, B, O]
"""
_AT_ONCE = "carry, ys = unroll(carry, xs)  # ys [T, B, O]\n"


def run(trained: Trained, folder: Path, *, say: Callable[[str], None]) -> None:
    """Write the files of `trained` to a new or empty `folder`: all of them, or none.

    Raises:
      UserError: the folder holds files or cannot be written.
    """
    require_empty(folder)
    task = make_task(trained.config.task)
    contents = {"weights.safetensors": interop.to_safetensors(trained)}
    contents |= {f"{name}.bin": program for name, program in programs(trained).items()}
    names = tuple(contents)
    contents["README.md"] = _readme(trained, task, folder.absolute().name, names).encode()
    try:
        with files.filling(folder, contents):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                with files.creating(folder / name) as file:
                    file.write(content)
    except OSError as error:
        raise UserError(
            f"--output is {folder}: it cannot be written ({files.reason(error)})."
        ) from None
    say(f"wrote {', '.join(contents)} to {folder}")


def require_empty(folder: Path) -> None:
    """Raise UserError if `folder` exists and is not an empty folder.

    What a killed export has left half-written is removed, once nothing can still write it.
    """
    if folder.is_dir():
        leftovers.remove_temporaries(folder, _WRITTEN, idle=IDLE)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output is {folder}: it is a file, and must be a folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"--output is {folder}: it is not empty, and is left as it is.")


def programs(trained: Trained) -> dict[str, bytes]:
    """Serialize init_carry, step (of a causal network) and unroll, with the weights as constants."""
    network, params = trained.network, trained.params
    inputs = make_task(trained.config.task).input_size
    structure = jax.tree.structure(jax.eval_shape(lambda: network.init_carry(params, 1)))

    def init_carry(x: jax.Array) -> tuple[jax.Array, ...]:
        return tuple(jax.tree.leaves(network.init_carry(params, x.shape[0])))

    def unroll(
        carry: tuple[jax.Array, ...], xs: jax.Array
    ) -> tuple[tuple[jax.Array, ...], jax.Array]:
        resets = jnp.zeros(xs.shape[:2], bool)
        after, ys = network.unroll(params, jax.tree.unflatten(structure, carry), xs, resets)
        return tuple(jax.tree.leaves(after)), ys

    (streams,) = jax.export.symbolic_shape("B")
    x = jax.ShapeDtypeStruct((streams, inputs), jnp.float32)
    found = {"init_carry": _serialize(init_carry, x)}
    if isinstance(network, Streams):
        advance = network.step

        def step(
            carry: tuple[jax.Array, ...], x: jax.Array
        ) -> tuple[tuple[jax.Array, ...], jax.Array]:
            after, y = advance(params, jax.tree.unflatten(structure, carry), x)
            return tuple(jax.tree.leaves(after)), y

        found["step"] = _serialize(step, jax.eval_shape(init_carry, x), x)
    # A program may only speak of the sizes that its arguments have.
    most = [f"T <= {network.longest}"] if isinstance(network, Bounded) else []
    streams, time = jax.export.symbolic_shape("B, T", constraints=most)
    xs = jax.ShapeDtypeStruct((time, streams, inputs), jnp.float32)
    return found | {
        "unroll": _serialize(unroll, jax.eval_shape(lambda xs: init_carry(xs[0]), xs), xs)
    }


def _serialize(function: Callable[..., Any], *arguments: Any) -> bytes:
    with _without_source_paths(), jax.default_matmul_precision("highest"):
        exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)
        return bytes(exported.serialize(vjp_order=0))


@contextlib.contextmanager
def _without_source_paths() -> Iterator[None]:
    """Leave source paths out of programs, so that their bytes do not depend on the machine."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def loader(task: Task, folder: str, network: Network) -> str:
    """Return Python code that calls the programs in `folder` with jax and numpy alone."""
    samples = min(_SAMPLES, network.longest) if isinstance(network, Bounded) else _SAMPLES
    select = ""
    if task.selectors:
        first, last = task.selectors[0], task.selectors[-1]
        select = (
            f"xs[:, 0, {first}] = xs[:, 1, {last}] = 1"
            f"  # stream 0 selects {task.group_names[0]}, stream 1 {task.group_names[-1]}\n"
        )
    head = _LOADER.format(folder=folder, samples=samples, inputs=task.input_size, select=select)
    return head + (_ONE_BY_ONE if isinstance(network, Streams) else _AT_ONCE)


def _rate(task: Task) -> str:
    """Return the sampling rate as words; nothing where samples stand for no time."""
    rate, unit = task.time.samples, task.time.name
    return "" if unit == SAMPLES.name else f" for sequences of {rate:g} samples in 1 {unit}"


def _describe(part: Input, task: Task) -> str:
    """Return an input of a network as words."""
    if part.selects:
        return f"{part.name}, one-hot for {', '.join(task.group_names)}"
    return f"{part.name}, {part.size} number{'' if part.size == 1 else 's'}"


def _kind(trained: Trained) -> str:
    """Return the kind of a network as words, with its sizes where they are known."""
    network, config = trained.network, trained.config
    if isinstance(network, Described):
        return network.description
    if isinstance(make_task(config.task), GivesNetwork):
        return f"of the task {config.task.name}"
    cell = config.network.cell
    named = f"rnn of {config.network.nonlinearity}" if cell == "rnn" else cell
    return f"{named}, layers: {config.network.layers}, hidden units: {config.network.hidden_size}"


def _carry(trained: Trained) -> str:
    """Return what a carry is made of, as a sentence."""
    network, (streams,) = trained.network, jax.export.symbolic_shape("B")
    arrays = jax.tree.leaves(
        jax.eval_shape(
            lambda x: network.init_carry(trained.params, x.shape[0]),
            jax.ShapeDtypeStruct((streams, 1), jnp.float32),
        )
    )
    if not arrays:
        return "A carry is an empty tuple: nothing is carried from one call to the next."
    each = [f"{array.dtype} [{', '.join(map(str, array.shape))}]" for array in arrays]
    count = f"{len(each)} array{'' if len(each) == 1 else 's'}"
    return f"A carry is a tuple of {count}: {', '.join(each)}."


def _readme(trained: Trained, task: Task, folder: str, names: tuple[str, ...]) -> str:
    network = trained.network
    free = "T and B are free"
    if isinstance(network, Bounded):
        free = f"T is from 1 to {network.longest}, and B is free"
    known = interop.has_names(trained)
    named = "in PyTorch's names" if known else "by their place in the parameters of freqjax"
    about = {
        "weights.safetensors": f"weights {named}, the config as JSON in its metadata",
        "init_carry.bin": "x [B, D] → carry; only B is taken from x",
        "step.bin": "carry, x [B, D] → carry, y [B, O]",
        "unroll.bin": "carry, xs [T, B, D] → carry, ys [T, B, O]",
    }
    versions = devices.versions()
    return "\n".join(
        [
            f"# {folder}",
            "",
            f"A network of {count_parameters(trained.params):,} parameters ({_kind(trained)})"
            f"{_rate(task)}.",
            f"D = {task.input_size}, O = {task.output_size}; {free}. The D inputs are, side by side: "
            f"{'; '.join(_describe(part, task) for part in task.inputs)}.",
            f"{_carry(trained)} Inputs and outputs are float32.",
            "",
            "| file | content |",
            "|---|---|",
            *(f"| `{name}` | {about[name]} |" for name in names),
            "",
            f"The .bin files are programs of `jax.export` for {', '.join(PLATFORMS)}, written by jax "
            f"{versions['jax']} and freqjax {versions['freqjax']}. They need jax and flatbuffers, but not "
            "freqjax:",
            "",
            "```python",
            loader(task, folder, network).rstrip(),
            "```",
            "",
        ]
    )
