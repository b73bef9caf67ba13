"""Update rules against PyTorch's, schedules against their formulas, the plateau by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from freqjax.config.sections import OptimizerConfig
from freqjax.training.optimizers import (
    Optimizer,
    Plateau,
    clip_scale,
    make_direction,
    make_schedule,
)

RULES = {
    "adam": lambda torch, p: torch.optim.Adam(p, lr=0.01),
    "adam with decay": lambda torch, p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda torch, p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "sgd": lambda torch, p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "rmsprop": lambda torch, p: torch.optim.RMSprop(p, lr=0.01, alpha=0.99),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_equal_pytorch(name, float64):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    config = OptimizerConfig(
        name=name.split()[0], weight_decay=0.1 * ("decay" in name or name == "adamw")
    )
    start = np.random.default_rng(0).normal(size=(4, 3))
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = RULES[name](torch, [theirs])
    direction = make_direction(config)
    ours, state = jnp.asarray(start), direction.init(jnp.asarray(start))
    for _ in range(30):
        grads = jax.grad(lambda w: jnp.sum(jnp.square(jnp.sin(w) - 0.3)))(ours)
        step, state = direction.update(grads, state, ours)
        ours = jax.tree.map(lambda w, s: w - 0.01 * s, ours, step)
        optimizer.zero_grad()
        (torch.sin(theirs) - 0.3).square().sum().backward()
        optimizer.step()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-12)


def rates(updates=100, per_epoch=5, **fields):
    schedule = make_schedule(OptimizerConfig(learning_rate=0.5, **fields), updates, per_epoch)
    return np.array([float(schedule(jnp.asarray(n), jnp.asarray(0))) for n in range(updates)])


def test_constant():
    np.testing.assert_array_equal(rates(), 0.5)


def test_cosine_warms_up_and_falls_to_its_final_share():
    found = rates(schedule="cosine", warmup_fraction=0.1, final_fraction=0.2)
    np.testing.assert_allclose(found[:10], 0.5 * np.arange(1, 11) / 11, rtol=1e-6)
    falling = 0.1 + 0.4 * 0.5 * (1 + np.cos(np.pi * np.arange(90) / 90))
    np.testing.assert_allclose(found[10:], falling, rtol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_warm_restarts_equal_pytorch(factor):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    found = rates(
        schedule="warm_restarts", restart_epochs=2, restart_factor=factor, final_fraction=0.1
    )
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10, factor, 0.05)
    expected = []
    for _ in found:
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_warm_restarts_begin_anew_in_cycles_that_lengthen(factor):
    found = rates(schedule="warm_restarts", restart_epochs=2, restart_factor=factor)
    expected, length = [], 10
    while len(expected) < 100:
        expected += [0.25 * (1 + math.cos(math.pi * n / length)) for n in range(length)]
        length *= factor
    np.testing.assert_allclose(found, expected[:100], atol=1e-5)


@pytest.mark.parametrize(("norm", "expected"), [(0.0, 1.0), (0.5, 1.0), (4.0, 0.25), (np.inf, 0.0)])
def test_clipping_scales_to_the_norm(norm, expected):
    assert float(clip_scale(jnp.float32(norm), 1.0)) == expected


def test_no_clipping():
    assert clip_scale(jnp.float32(1e9), None) == 1.0


def adaptive(grads, params, ratio=0.1):
    config = OptimizerConfig(
        name="sgd", momentum=0.0, clip="adaptive", clip_ratio=ratio, learning_rate=1.0
    )
    optimizer = Optimizer(config, make_schedule(config, 1, 1))
    state = make_direction(config).init(params)
    change, _ = optimizer.change(grads, state, params, jnp.ones(()))
    return jax.tree.map(lambda c: -np.asarray(c), change)


def test_adaptive_clipping_equals_optax_in_all_but_the_head():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (5, 8), "bias": (8,)}
    scales = np.array([1e-6, 1e-3, 0.1, 1, 1, 1, 10, 0])
    params = {
        layer: {k: jnp.asarray(scales * rng.normal(size=s), jnp.float32) for k, s in shapes.items()}
        for layer in ("cell", "head")
    }
    grads = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), params)
    found = adaptive(grads, params)
    theirs, _ = optax.adaptive_grad_clip(0.1).update(
        grads["cell"], optax.EmptyState(), params["cell"]
    )
    expected = jax.tree.map(np.asarray, theirs)
    for name in shapes:
        np.testing.assert_allclose(found["cell"][name], expected[name], rtol=1e-5)
        np.testing.assert_array_equal(found["head"][name], grads["head"][name])
        assert (found["cell"][name] != grads["cell"][name]).any()


def test_adaptive_clipping_is_unit_by_unit():
    """Where one input feeds many units optax takes a kernel for a vector; here each unit has its norm."""
    params = {"cell": {"kernel": jnp.array([[0.0, 1.0, 2.0]])}}
    grads = {"cell": {"kernel": jnp.array([[3.0, 4.0, -0.1]])}}
    found = adaptive(grads, params)["cell"]["kernel"]
    np.testing.assert_allclose(found, [[1e-4, 0.1, -0.1]], rtol=1e-5)


def test_plateau_falls_after_its_patience_and_counts_anew():
    plateau = Plateau(factor=0.5, patience=2, min_delta=0.1)
    assert [plateau.observe(loss) for loss in (1.0, 1.0, 0.95, 1.0, 1.0, 1.0, 1.0)] == [
        1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25,
    ]  # fmt: skip


def test_plateau_knows_negative_losses():
    plateau = Plateau(factor=0.5, patience=0, min_delta=0.0)
    assert [plateau.observe(loss) for loss in (-1.0, -2.0, -3.0)] == [1.0, 1.0, 1.0]
    assert plateau.observe(-2.5) == 0.5


def test_plateau_with_no_patience_does_not_cut_on_improvement():
    plateau = Plateau(factor=0.5, patience=0, min_delta=0.0)
    assert [plateau.observe(loss) for loss in (3.0, 2.0, 1.0)] == [1.0, 1.0, 1.0]


def test_plateau_never_takes_nan_for_an_improvement():
    plateau = Plateau(factor=0.5, patience=0, min_delta=0.0)
    plateau.observe(1.0)
    assert plateau.observe(math.nan) == 0.5
    assert plateau.best == 1.0
    assert plateau.observe(0.5) == 0.5


@pytest.mark.parametrize("factor", [1, 2**32 - 1])
def test_cycles_longer_than_any_run_are_one_half_cosine(factor):
    config = OptimizerConfig(
        learning_rate=0.5, schedule="warm_restarts", restart_epochs=2**32 - 1, restart_factor=factor
    )
    schedule = make_schedule(config, 20, 10)
    first = 10 * (2**32 - 1)
    for step in (0, 19, 2**31 - 1):
        expected = 0.25 * (1 + np.cos(np.pi * step / first))
        found = schedule(jnp.asarray(step, jnp.int32), jnp.asarray(0, jnp.int32))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
