"""Modes that use a trained autoencoder: encode, decode, interpolate, nearest and sample.

What is written is an .npz that does not exist yet. Axes: N sequences, T samples, D dimensions, K numbers of a
code.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqjax.config.sections import Config
from freqjax.errors import UserError
from freqjax.modes.networks import refuse_other_network
from freqjax.modes.outputs import new_file
from freqjax.system import files
from freqjax.system.output import tell, warn
from freqjax.text import number, printable, shortened

if TYPE_CHECKING:
    import numpy as np

    from freqjax.deploy.autoencoder import TrainedAutoencoder

# Texts that are printed, and the characters of each.
_PRINTED, _LONGEST = 10, 300
# Codes on a line, neighbours and draws, if the command line does not say.
_STEPS, _NEIGHBOURS, _DRAWS = 5, 3, 10
_SEQUENCES = "an .npz of sequences, or a .txt, .json or folder of a text"


def encode(config: Config, flags: dict[str, Any]) -> int:
    """Write codes of sequences: numbers, the levels of these, and the groups and lengths of the sequences."""
    import numpy as np

    given, output = _input(flags, _SEQUENCES), new_file(flags["output"], ".npz")
    network = _network(config, flags)
    part, groups = network.read(given, "--input")
    codes = network.codes_of(part)
    _write(
        output,
        codes=codes,
        indices=network.indices(codes),
        group=np.array(groups, np.str_)[part.group],
        # To the last vector that is present.
        lengths=part.mask.shape[1] - part.mask[:, ::-1].argmax(axis=1),
    )
    bits = network.numbers * network.bits
    tell(f"wrote {len(codes):,} codes of {network.numbers} numbers, {bits} bits each, to {output}")
    return 0


def decode(config: Config, flags: dict[str, Any]) -> int:
    """Write the sequences of codes, as long as the lengths beside the codes say, if there are any."""
    given, output = (
        _input(flags, "an .npz of codes, as --mode encode writes it"),
        new_file(flags["output"], ".npz"),
    )
    network = _network(config, flags)
    codes, more = _codes(given, network)
    _write_sequences(output, network, network.decode(codes, **more), **more)
    return 0


def interpolate(config: Config, flags: dict[str, Any]) -> int:
    """Write the sequences on the straight lines between the codes of the first sequence, the second, …."""
    import numpy as np

    given, output = _input(flags, _SEQUENCES), new_file(flags["output"], ".npz")
    steps = _whole(flags, "steps", _STEPS, least=2)
    network = _network(config, flags)
    part, _ = network.read(given, "--input")
    if len(part.mask) < 2:
        raise UserError(f"--input is {printable(str(given))}: it must have at least 2 sequences.")
    codes = network.codes_of(part)
    lines = np.concatenate([network.line(a, b, steps) for a, b in itertools.pairwise(codes)])
    pair = np.repeat(np.arange(len(codes) - 1), steps)
    share = np.tile(np.linspace(0, 1, steps, dtype=np.float32), len(codes) - 1)
    _write_sequences(output, network, network.decode(lines), codes=lines, pair=pair, share=share)
    return 0


def nearest(config: Config, flags: dict[str, Any]) -> int:
    """Print, and write if --output names a file, the training sequences whose codes are nearest."""
    import numpy as np

    given = _input(flags, _SEQUENCES)
    output = None if flags["output"] is None else new_file(flags["output"], ".npz")
    count = _whole(flags, "count", _NEIGHBOURS)
    network = _network(config, flags)
    part, groups = network.read(given, "--input")
    found = [network.neighbours(code, count) for code in network.codes_of(part)]
    for index, neighbours in enumerate(found[:_PRINTED]):
        tell(f"{groups[part.group[index]]}:")
        named = zip(neighbours.distances.tolist(), neighbours.groups, strict=True)
        texts = _texts(network, neighbours.sequences, neighbours.mask) or [""] * len(
            neighbours.rows
        )
        for (distance, group), text in zip(named, texts, strict=True):
            tell(f"  {number(distance)}  {group}{': ' if text else ''}{shortened(text, _LONGEST)}")
    _tell_rest(len(found))
    if output is not None:
        _write(
            output,
            rows=np.stack([neighbours.rows for neighbours in found]),
            distances=np.stack([neighbours.distances for neighbours in found]),
            group=np.array([neighbours.groups for neighbours in found], np.str_),
        )
        tell(f"wrote the neighbours of {len(found):,} sequences to {output}")
    return 0


def sample(config: Config, flags: dict[str, Any]) -> int:
    """Write sequences of codes that are drawn from a normal distribution fitted to the training codes."""
    output, count = new_file(flags["output"], ".npz"), _whole(flags, "count", _DRAWS)
    network = _network(config, flags)
    vectors = network.generate(count, config.task.test_seed)
    codes = network.draw_codes(count, config.task.test_seed)
    tell("codes are drawn from a normal distribution fitted to those of the training sequences:")
    _write_sequences(output, network, vectors, codes=codes)
    return 0


def _network(config: Config, flags: dict[str, Any]) -> TrainedAutoencoder:
    """Load the network of --checkpoint under the fields of the command line.

    Raises:
      UserError: it is of another task, or a field of the network is another than that of the checkpoint.
    """
    from freqjax.deploy.autoencoder import TrainedAutoencoder, task_of
    from freqjax.deploy.trained import Trained, load

    task_of(config)
    trained = load(flags["checkpoint"], warn)
    refuse_other_network(config, trained.config, flags["checkpoint"])
    used = Trained(config, trained.params, trained.initializer, trained.weights, trained.origin)
    return TrainedAutoencoder(used, Path(flags["checkpoint"]))


def _input(flags: dict[str, Any], what: str) -> Path:
    if flags["input"] is None:
        raise UserError(f"--input is missing: it must name {what}.")
    return Path(flags["input"])


def _whole(flags: dict[str, Any], name: str, default: int, least: int = 1) -> int:
    """Return the whole number of a flag.

    Raises:
      UserError: it is none, or below `least`.
    """
    text = flags[name]
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise UserError(f"--{name} is {text!r}: it must be a whole number of at least {least}.")
    return value


def _codes(path: Path, network: TrainedAutoencoder) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read codes [N, K], and the lengths [N] of their sequences by name, if the file has them.

    Raises:
      UserError: the file is damaged, or its codes or lengths are not those of the network.
    """
    from freqjax.recordings import require_file
    from freqjax.tasks.archives import read_arrays
    from freqjax.tasks.autoencoder import given

    source = f"--input is {printable(str(path))}"
    require_file(path, "--input")
    found = read_arrays(path, source, ("codes",), ("lengths",))
    codes = given.codes(found.pop("codes"), network.numbers, f"{source}: codes")
    for lengths in found.values():
        given.within(lengths, len(codes), network.shape[0], source)
    return codes, found


def _write_sequences(
    path: Path, network: TrainedAutoencoder, vectors: np.ndarray, **more: np.ndarray
) -> None:
    """Write sequences, and, if they are words and the data are still there, texts, which are printed."""
    import numpy as np

    texts = _texts(network, vectors)
    if texts is not None:
        more["text"] = np.array(texts, np.str_)
        for text in texts[:_PRINTED]:
            tell(shortened(text, _LONGEST))
        _tell_rest(len(texts))
    _write(path, sequences=vectors, **more)
    tell(f"wrote {len(vectors):,} sequences of {vectors.shape[1]} vectors to {path}")


def _texts(
    network: TrainedAutoencoder, vectors: np.ndarray, mask: np.ndarray | None = None
) -> list[str] | None:
    """Return the nearest words of sequences; None if they are no words, or the words are gone."""
    if not network.is_text:
        return None
    try:
        return network.words(vectors, mask)
    except UserError as error:
        warn(f"no words are told, since the data cannot be read: {error}")
        return None


def _tell_rest(count: int) -> None:
    if count > _PRINTED:
        tell(f"… and {count - _PRINTED:,} more")


def _write(path: Path, **arrays: Any) -> None:
    """Write arrays to a new .npz, which appears when it is whole.

    Raises:
      UserError: it cannot be written.
    """
    import numpy as np

    shown = printable(str(path))
    try:
        with files.creating(path) as file:
            np.savez_compressed(file, **arrays)
    except FileExistsError:
        raise UserError(f"--output is {shown}: it exists already, and is left as it is.") from None
    except OSError as error:
        raise UserError(
            f"--output is {shown}: it cannot be written ({files.reason(error)})."
        ) from None
