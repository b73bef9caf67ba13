"""The device of a training: small updates of one sample on the CPU, unless a platform was chosen."""

import types

import jax
import jax.numpy as jnp
import pytest

from freqjax.system import devices
from freqjax.training import placement
from tests.twins import tiny_config

ONLINE, FULL = ({"regime": regime} for regime in ("online", "full"))


def default_device():
    return jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def accelerator(monkeypatch):
    """Make JAX's default device look like a GPU that was not chosen."""
    monkeypatch.setattr(devices, "_selected", [])
    monkeypatch.setattr(devices, "_chosen", lambda: "")
    monkeypatch.setattr(devices, "default", lambda: types.SimpleNamespace(platform="gpu"))


@pytest.mark.usefixtures("accelerator")
def test_one_update_a_sample_runs_on_the_cpu_and_says_so():
    said = []
    assert default_device() is None
    with placement.placed(tiny_config(train=ONLINE), said.append):
        assert default_device() == jax.devices("cpu")[0]
        assert jnp.zeros(3).devices() == {jax.devices("cpu")[0]}
    assert default_device() is None
    assert said == [
        "device: cpu, since an update of one sample takes less time there than on the gpu; --device or "
        "JAX_PLATFORMS can choose another one"
    ]
    assert placement.local(tiny_config(train=ONLINE)) == jax.local_devices(backend="cpu")


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize(
    "sections",
    [
        {"train": FULL},
        {"train": ONLINE, "network": {"hidden_size": 256}},
        {"train": ONLINE | {"gradient": "rtrl"}},
        {"train": ONLINE | {"gradient": "rtrl"}, "network": {"cell": "gru"}},
    ],
    ids=["whole streams", "wide", "dense sensitivities", "of a GRU"],
)
def test_larger_updates_stay_on_the_accelerator(sections):
    with placement.placed(tiny_config(**sections), pytest.fail):
        assert default_device() is None


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("chosen", ["cuda", "cpu"])
def test_a_chosen_platform_is_used(chosen, monkeypatch):
    monkeypatch.setattr(devices, "_chosen", lambda: chosen)
    assert devices.is_chosen()
    with placement.placed(tiny_config(train=ONLINE), pytest.fail):
        assert default_device() is None


def test_nothing_is_said_where_there_is_no_accelerator():
    assert placement.idle(tiny_config(train=ONLINE)) is None


def test_the_device_in_use_is_described():
    device = jax.devices("cpu")[-1]
    with jax.default_device(device):
        assert devices.default() == device
        assert devices.on_cpu()
    assert devices.default() == jax.devices()[0]
