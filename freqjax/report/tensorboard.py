"""Runs as event files for TensorBoard, by tensorboardX, which is an extra: `freqjax[tensorboard]`.

| in TensorBoard | of a run |
|---|---|
| scalars | every number of metrics.jsonl over the updates; those per group or layer under its name |
| images | its figures |
| hparams | the fields of its config beside the score |
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from freqjax.errors import UserError

# Columns that are no measurement.
_LEFT_OUT = ("epoch", "step", "alerts", "replica")
NAME = "tensorboard"


def require() -> None:
    """Require what writes event files.

    Raises:
      UserError: it is not installed.
    """
    if importlib.util.find_spec("tensorboardX") is None:
        raise UserError(
            "tensorboardX is not installed: pip install 'freqjax[tensorboard]' adds it."
        )


class TensorBoard:
    """Writer of event files; call it with each row of metrics.jsonl, as `on_row` of `freqjax.train`."""

    def __init__(self, folder: str | Path, groups: Sequence[str] = ()) -> None:
        """Write to a folder.

        Args:
          folder: created if it is missing; TensorBoard's --logdir is it or one above it.
          groups: names of the groups of a task, for numbers per group; empty for their places.

        Raises:
          UserError: tensorboardX is not installed.
        """
        require()
        from tensorboardX import SummaryWriter

        self._groups = groups
        self._writer = SummaryWriter(logdir=str(folder))

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Write the numbers of a row."""
        for name, value in scalars(row, self._groups):
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def figures(self, paths: Sequence[Path], step: int) -> None:
        """Write PNGs as they are after so many updates."""
        from matplotlib.image import imread

        for path in paths:
            pixels = (255 * imread(path)[..., :3]).round().astype(np.uint8)
            self._writer.add_image(path.stem, pixels, step, dataformats="HWC")

    def parameters(self, fields: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Write what was set beside what came of it."""
        plain = {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in fields.items()
        }
        self._writer.add_hparams(plain, dict(scores), name="hparams")

    def close(self) -> None:
        """End the file."""
        self._writer.close()


def scalars(row: Mapping[str, Any], groups: Sequence[str] = ()) -> Iterator[tuple[str, float]]:
    """Yield the names and values of the numbers of a row; what is not finite is left out."""
    for name, value in row.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            inner = [(f"{name}/{key.replace('/', '.')}", item) for key, item in value.items()]
        elif isinstance(value, list):
            named = groups if len(groups) == len(value) else range(len(value))
            inner = [(f"{name}/{key}", item) for key, item in zip(named, value, strict=True)]
        else:
            inner = [(name, value)]
        for label, item in inner:
            if isinstance(item, int | float) and not isinstance(item, bool) and np.isfinite(item):
                yield label, float(item)


def convert(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    config: Mapping[str, Mapping[str, Any]],
    summary: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
) -> Path:
    """Write the event files of a run or a sweep to its folder `tensorboard`, and return that.

    Args:
      folder: of the run.
      rows: of its metrics.jsonl.
      config: the object of config.json.
      summary: the object of summary.json; empty if the run has none yet.
      results: the replicas of sweep.json; empty for a run.
    """
    place = folder / NAME
    if not results:
        board = TensorBoard(place)
        for row in rows:
            board(row)
        board.figures(sorted((folder / "figures").glob("*.png")), rows[-1]["step"] if rows else 0)
        if isinstance(summary.get("score"), int | float):
            board.parameters(_flat(config), {summary["score_name"]: summary["score"]})
        board.close()
    for result in results:
        board = TensorBoard(place / f"replica_{result['replica']}")
        for row in rows:
            if row["replica"] == result["replica"]:
                board(row)
        numbers = {k: v for k, v in result.items() if k.startswith(("test_", "train_"))}
        scores = {k: v for k, v in numbers.items() if isinstance(v, int | float)}
        board.parameters({k: v for k, v in result.items() if "." in k}, scores)
        board.close()
    return place


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{section}.{field}": value
        for section, fields in config.items()
        if isinstance(fields, Mapping)
        for field, value in fields.items()
    }
