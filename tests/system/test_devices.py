"""Selection of JAX's platform, and the error if it is not available."""

import os
import subprocess
import sys

import jax
import pytest

from freqjax import UserError
from freqjax.system import apple, devices
from tests.root import ROOT

# A plugin such as a Mac has: what happens when JAX starts it, or when it is used.
_PLUGIN = """
import os, sys
from jax._src import xla_bridge

def initialize():
    xla_bridge.register_backend_factory("METAL", start, priority=500, fail_quietly=False)

def start():
    {start}
    return xla_bridge.make_cpu_client()
"""
_STARTS = {
    "works": "",
    "fails": "raise RuntimeError('UNIMPLEMENTED: default_memory_space is not supported.')",
    "ends": "sys.stderr.write('LLVM ERROR: Failed to infer result types'); os.abort()",
    "fails when used": "import jax; jax.jit = None",
    "is wrong": "import jax.numpy as jnp; jnp.tanh = jnp.sin",
}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a plugin of a kind for this process and its children; return its folder."""
    if os.path.exists("/dev/nvidia0"):
        pytest.skip("this machine has a GPU, which JAX prefers")

    def install(kind):
        folder = tmp_path / "plugins"
        (folder / "jax_plugins" / "metal_plugin").mkdir(parents=True)
        text = _PLUGIN.format(start=_STARTS[kind])
        (folder / "jax_plugins/metal_plugin/__init__.py").write_text(text, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("FREQJAX_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("JAX_PLATFORMS", raising=False)
        return folder

    return install


@pytest.mark.parametrize("kind", _STARTS)
def test_a_plugin_is_tried_before_it_is_used(plugin, kind, monkeypatch):
    plugin(kind)
    expected = "METAL" if kind == "works" else None
    assert apple.gpu_platform() == expected
    monkeypatch.setattr(apple, "_try", lambda: pytest.fail("it was tried before"))
    assert apple.gpu_platform() == expected


def test_without_a_plugin_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(apple, "_plugins", lambda: [])
    monkeypatch.setattr(apple, "_try", lambda: pytest.fail("there is nothing to try"))
    assert apple.gpu_platform() is None


def test_a_trial_that_does_not_end_or_start_is_a_failure(monkeypatch):
    monkeypatch.setattr(apple, "_TRIAL", "import time; time.sleep(60)")
    monkeypatch.setattr(apple, "_SECONDS", 0.2)
    assert apple._try() is None
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert apple._try() is None


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("works", "None", "METAL"),
        ("fails", "None", "cpu"),
        ("ends", "None", "cpu"),
        ("works", "'gpu'", "METAL"),
        ("works", "'cpu'", "cpu"),
        ("fails", "'gpu'", "--device is gpu: JAX finds no such device here"),
    ],
)
def test_a_mac_runs_whatever_its_plugin_does(plugin, kind, words, expected):
    plugin(kind)
    code = (
        "import sys, jax, jax.numpy as jnp\n"
        "from jax.extend import backend\n"
        "sys.platform = 'darwin'\n"
        "from freqjax.system import devices\n"
        "from freqjax import UserError\n"
        "try:\n"
        f"    devices.select({words}); devices.require(); devices.select(None)\n"
        "    assert jnp.arange(3.0).sum() == 3\n"
        "    chosen = backend.get_backend()\n"
        "    print([n for n, b in backend.backends().items() if b is chosen][0])\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(expected)


@pytest.mark.parametrize("platforms", ["cuda", "cuda,rocm", "no_such_platform"])
def test_the_environment_may_name_a_platform_that_is_not_there(tmp_path, platforms):
    if os.path.exists("/dev/nvidia0"):
        pytest.skip("this machine has a GPU")
    command = [sys.executable, "-m", "freqjax.main", "--config", "configs/quick.py"]
    done = subprocess.run(
        [*command, "--workdir", str(tmp_path / "run")],
        cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": platforms},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"freqjax: JAX_PLATFORMS is {platforms}: JAX finds no such device here; "
        "unset it to use what it finds.\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_is_refused():
    platforms = "jax_platforms"
    before = getattr(jax.config, platforms)
    with pytest.raises(UserError, match="--device is 'metal': it must be one of cpu, gpu, tpu"):
        devices.select("metal")
    assert getattr(jax.config, platforms) == before


def test_memory_that_a_plugin_does_not_tell_is_the_hosts(monkeypatch):
    class Device:
        def memory_stats(self):
            raise jax.errors.JaxRuntimeError("UNIMPLEMENTED")

    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    hosts = devices.peak_memory_mb()
    assert hosts is not None and hosts > 1
    monkeypatch.setattr(Device, "memory_stats", lambda _: {"peak_bytes_in_use": 5e6})
    assert devices.peak_memory_mb() == 5


@pytest.mark.parametrize("chosen", [None, "tensorfloat32"])
def test_products_have_the_precision_of_float32_unless_the_user_chose_another(chosen):
    code = (
        "import jax, jax.numpy as jnp\n"
        "from freqjax.system import devices\n"
        "devices.select(None)\n"
        "print(jax.make_jaxpr(lambda a: a @ a)(jnp.ones((2, 2))))\n"
    )
    environment = {k: v for k, v in os.environ.items() if "PRECISION" not in k}
    if chosen is not None:
        environment["JAX_DEFAULT_MATMUL_PRECISION"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    found = " ".join(done.stdout.split())
    assert ("precision=(Precision.HIGHEST, Precision.HIGHEST)" in found) == (chosen is None)
    assert ("HIGHEST" in found) == (chosen is None)
