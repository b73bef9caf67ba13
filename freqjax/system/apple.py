"""Detection of a working GPU on a Mac, whose JAX plugins are third-party; many of their versions fail.

Some fail when JAX starts, some at the first array, and some end the process. A subprocess therefore tests the
plugin, and the result is cached (`freqjax.system.cache`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pkgutil
import platform
import subprocess
import sys
from typing import Any

from freqjax.system import cache

# Computes the gradient of a scan with a random weight, as training does, compares it with NumPy and prints
# the name of the platform.
_TRIAL = """
import jax, jax.numpy as jnp, numpy as np
from jax.extend import backend

def loss(w, xs):
    def step(carry, x):
        carry = jnp.tanh(w @ carry + x)
        return carry, jnp.vdot(carry, carry)
    return jax.lax.scan(step, jnp.zeros(3), xs)[1].sum()

w, xs = jax.random.normal(jax.random.key(0), (3, 3)), jnp.ones((4, 3))
found = float(jax.jit(jax.grad(loss))(w, xs)[0, 0])
def value(change):
    changed, carry, total = np.array(w, np.float64), np.zeros(3), 0.0
    changed[0, 0] += change
    for _ in range(4):
        carry = np.tanh(changed @ carry + 1)
        total += carry @ carry
    return total
assert abs(found - (value(1e-5) - value(-1e-5)) / 2e-5) < 1e-3 * max(1, abs(found))
print(next(name for name, client in backend.backends().items() if client is backend.get_backend()))
"""
_SECONDS = 120


def gpu_platform() -> str | None:
    """Return JAX's name for this Mac's GPU; None if no plugin for it is installed, or none works."""
    plugins = _plugins()
    if not plugins:
        return None
    versions = [importlib.metadata.version(name) for name in ("jax", "jaxlib")]
    question = {"what": "gpu_platform", "plugins": plugins, "versions": versions}
    question |= {"system": platform.platform(), "python": platform.python_version()}

    def fits(kept: dict[str, Any]) -> bool:
        return kept["platform"] is None or isinstance(kept["platform"], str)

    found = cache.cached(question, lambda: {"platform": _try()}, fits)["platform"]
    return None if found == "cpu" else found


def _plugins() -> list[str]:
    """List the plugins that JAX would find, with their versions if known."""
    found = {
        f"{entry.value} {entry.dist.version if entry.dist else ''}"
        for entry in importlib.metadata.entry_points(group="jax_plugins")
    }
    spaces = importlib.util.find_spec("jax_plugins")
    if spaces is not None and spaces.submodule_search_locations:
        found |= {module.name for module in pkgutil.iter_modules(spaces.submodule_search_locations)}
    return sorted(found)


def _try() -> str | None:
    """Run a small training on the platform that JAX chooses; return its name, or None if it fails."""
    environment = {name: text for name, text in os.environ.items() if name != "JAX_PLATFORMS"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.split()[-1] if done.returncode == 0 and done.stdout else None
