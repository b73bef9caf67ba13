"""Start-up of commands: imports, and the cache of compiled programs."""

import os
import subprocess
import sys

import pytest

import freqjax
from freqjax.system import compiled
from tests.root import ROOT

# Says what JAX's compilation cache did for one program.
PROGRAM = """
import jax, jax.numpy as jnp
from freqjax.system import devices

events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event.rpartition("/")[2]))
devices.select(None)
assert jax.jit(lambda x: jnp.cumsum(x) * 2)(jnp.arange(4.0)).tolist() == [0, 2, 6, 12]
print(events.count("cache_hits"), events.count("cache_misses"))
"""


def python(code, **environment):
    """Run `code` in a process of its own, where warnings are errors; what it prints."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    return found.stdout


def test_the_command_line_is_read_without_jax():
    heavy = ("jax", "flax", "optax", "orbax", "matplotlib", "scipy", "torch")
    said = python(
        "import sys\nfrom freqjax.main import main\n"
        "assert main(['--help']) == 0\nsys.stderr = sys.stdout\nassert main(['--mode', 'x']) == 2\n"
        f"print('imported:', [name for name in {heavy} if name in sys.modules])"
    )
    assert said.endswith("imported: []\n")
    assert "--mode is 'x'" in said


def test_configs_are_read_and_shown_without_jax():
    said = python(
        "import sys, io, contextlib, freqjax\nfrom freqjax.config import shipped\n"
        "from freqjax.main import main\n"
        "for name in shipped.config_names():\n    freqjax.load_config(name)\n"
        "freqjax.load_config('checkpoints/clock64/config.json')\n"
        "with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):\n"
        "    assert main(['train', '--help', '--config', 'default']) == 0\n"
        "print([name for name in ('jax', 'flax', 'optax', 'scipy') if name in sys.modules])"
    )
    assert said == "[]\n"


def test_a_run_without_figures_needs_neither_matplotlib_nor_torch():
    said = python(
        "import sys, freqjax\nfreqjax.load('checkpoints/clock64')\n"
        "print([name for name in ('matplotlib', 'torch', 'scipy.signal') if name in sys.modules])"
    )
    assert said == "[]\n"


def test_what_is_imported_later_is_what_it_says():
    assert {"train", "load", "Trained"} <= set(freqjax.__all__)
    named = {n: getattr(freqjax, n).__name__ for n in freqjax.__all__ if n != "__version__"}
    others = {name: found for name, found in named.items() if found != name}
    assert others == {"TaskConfig": "ExtractionConfig", "load_config": "load"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        freqjax.nothing  # noqa: B018


def test_a_second_process_compiles_nothing(tmp_path):
    hits, misses = map(int, python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split())
    assert hits == 0
    assert misses > 0
    assert python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split() == [str(misses), "0"]
    # A kill may cut a file short: it is compiled again, and nothing is said.
    for entry in tmp_path.rglob("*-cache"):
        entry.write_bytes(entry.read_bytes()[:100])
    assert python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split() == ["0", str(misses)]


def test_a_folder_that_cannot_be_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    said = python(PROGRAM, FREQJAX_CACHE=str(tmp_path / "file" / "cache"))
    assert said == "0 0\n"


def test_a_cache_of_the_users_own_is_left_to_him(tmp_path):
    own = tmp_path / "own"
    python(PROGRAM, FREQJAX_CACHE=str(tmp_path / "ours"), JAX_COMPILATION_CACHE_DIR=str(own))
    assert own.is_dir()
    assert not (tmp_path / "ours").exists()
    off = {"JAX_ENABLE_COMPILATION_CACHE": "false", "FREQJAX_CACHE": str(tmp_path / "ours")}
    assert python(PROGRAM, **off) == "0 0\n"
    assert not (tmp_path / "ours").exists()


def test_the_oldest_programs_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "_MOST", 250)
    for age, name in enumerate(["newest", "middle", "oldest"]):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    compiled._shrink(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "newest"]
