"""Rows and alerts from what chunks report."""

import json
import math

import jax.numpy as jnp
import pytest

from freqjax.training import monitors
from freqjax.training.chunks import ChunkInfo
from freqjax.training.monitors import Totals

LAYERS = ["cell/kernel", "head/kernel"]


def info(loss=2.0, layers=(3.0, 4.0), at=7, bad=10):
    return ChunkInfo(
        loss_sums=jnp.asarray([loss, 3 * loss]),
        row_counts=jnp.asarray([1, 1]),
        norm_sum=jnp.asarray(50.0),
        norm_max=jnp.asarray(math.hypot(*layers)),
        norm_argmax=jnp.asarray(at),
        layer_norm_sums=jnp.asarray(layers) * 10,
        layer_norm_maxima=jnp.asarray(layers),
        layer_norm_argmax=jnp.asarray([at, at]),
        update_ratios=jnp.asarray([0.1, 0.2]),
        rate=jnp.asarray(0.5),
        bad_update=jnp.asarray(bad),
    )


def totals(*infos):
    found = Totals()
    for n, chunk in enumerate(infos):
        found.add(chunk, 1 + 10 * n, 10, 0.25)
    return found


def test_chunks_add_up_to_a_row():
    row = totals(info(), info(loss=4.0, layers=(6.0, 8.0), at=2)).row(3, 20, "class", LAYERS)
    assert row["loss"] == 6.0
    assert row["loss_per_class"] == [3.0, 9.0]
    assert (row["epoch"], row["step"], row["seconds"], row["lr"]) == (3, 20, 0.5, 0.5)
    assert row["grad_norm"] == 5.0
    assert row["grad_norm_max"] == 10.0
    assert row["grad_norm_per_layer"] == {"cell/kernel": 4.5, "head/kernel": 6.0}
    assert row["grad_norm_max_per_layer"] == {"cell/kernel": 6.0, "head/kernel": 8.0}


def test_rows_are_counted_by_their_weights():
    halves = info()._replace(row_counts=jnp.asarray([0.5, 0.25]))
    row = totals(halves, halves).row(1, 20, "class", LAYERS)
    assert row["loss_per_class"] == [4.0, 24.0]
    assert row["loss"] == pytest.approx(32 / 3)
    nothing = totals(info()._replace(row_counts=jnp.zeros(2)))
    assert math.isnan(nothing.loss)
    assert nothing.row(1, 10, "class", LAYERS)["loss_per_class"] == [None, None]


def test_the_largest_norm_is_placed_by_step():
    assert totals(info(), info(layers=(6.0, 8.0), at=2)).norm_max_step == 13


def test_rows_are_json_even_where_numbers_are_not():
    row = totals(info(loss=math.nan)).row(1, 10, "class", LAYERS)
    assert json.loads(json.dumps(row, allow_nan=False))["loss"] is None


@pytest.mark.parametrize(
    ("chunk", "earlier", "expected"),
    [
        (info(), [], []),
        (info(layers=(3.0, 1e-8)), [], ["vanishing gradient in head/kernel: at most 1.0e-08 up to step 10"]),
        (info(layers=(200.0, 1.0)), [], ["exploding gradient in cell/kernel: 200 at step 8"]),
        (info(layers=(math.nan, 1.0)), [], ["non-finite gradient in cell/kernel at step 8"]),
        (info(bad=4), [], ["non-finite loss or gradient first at step 5"]),
        (info(), [1.5, 1.6, 1.7], ["loss spike: 4 in the epoch that ends at step 10"]),
        (info(), [4.0] * 9, ["plateau: the loss has stayed within 1%"]),
        (info(), [8.0 - n / 10 for n in range(20)], []),
    ],
)  # fmt: skip
def test_alerts_name_step_and_layer(chunk, earlier, expected):
    found = monitors.alerts(totals(chunk), 10, LAYERS, earlier)
    assert len(found) == len(expected)
    for sentence, beginning in zip(found, expected, strict=True):
        assert sentence.startswith(beginning)
