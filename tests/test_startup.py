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


# Variables with which conftest.py lets the processes of the tests share their programs.
SHARED = (
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES",
)


def users(**environment):
    """Return the environment of a user, without the settings of the tests, and with what is given."""
    return {n: text for n, text in os.environ.items() if n not in SHARED} | environment


def python(code, **environment):
    """Run `code` in a process of its own, where warnings are errors; what it prints."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, env=users(**environment), capture_output=True, text=True, check=False,
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


@pytest.mark.parametrize("name", ["clock64", "hum50"])
def test_a_run_without_figures_needs_neither_matplotlib_nor_torch(name):
    said = python(
        f"import sys, freqjax\nfreqjax.load('checkpoints/{name}')\nimport freqjax.tasks.lines.task\n"
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


def test_a_program_of_another_key_is_compiled_again(tmp_path):
    misses = int(python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split()[1])
    entries = sorted(tmp_path.rglob("*.program"))
    assert len(entries) == misses > 1
    contents = [entry.read_bytes() for entry in entries]
    for entry, content in zip(entries, [*contents[1:], contents[0]], strict=True):
        entry.write_bytes(content)
    assert python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split() == ["0", str(misses)]
    # What was damaged is written anew.
    assert python(PROGRAM, FREQJAX_CACHE=str(tmp_path)).split() == [str(misses), "0"]


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-3], lambda c: b"", lambda c: c[:-1] + b"?", lambda c: c + b"?"]
)
def test_a_program_proves_that_it_is_whole(tmp_path, damage):
    programs = compiled.Programs(tmp_path)
    assert programs.get("key") is None
    programs.put("key", b"a program")
    assert (programs.get("key"), programs.get("other")) == (b"a program", None)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert programs.get("key") is None
    programs.put("key", b"another")
    assert programs.get("key") == b"another"


def test_a_program_that_cannot_be_kept_is_done_without(tmp_path):
    compiled.Programs(tmp_path / "none").put("key", b"a program")
    assert compiled.Programs(tmp_path / "none").get("key") is None


def test_a_jax_that_keeps_programs_in_another_way_is_told(tmp_path):
    code = (
        "import io, sys\nsys.stderr = io.StringIO()\n"
        "from jax._src import compilation_cache\ndel compilation_cache.get_file_cache\n"
        f"{PROGRAM}\nprint(sys.stderr.getvalue())"
    )
    said = python(code, FREQJAX_CACHE=str(tmp_path))
    assert said.startswith("0 0\nfreqjax: JAX ")
    assert "programs are compiled anew" in said


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not tell modes")
@pytest.mark.parametrize("place", ["", "compiled"])
def test_a_folder_that_others_can_write_is_done_without(tmp_path, place):
    cache = tmp_path / "cache"
    python(PROGRAM, FREQJAX_CACHE=str(cache))
    (cache / place).chmod(0o720)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, env=users(FREQJAX_CACHE=str(cache)),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "0 0\n"
    assert done.stderr == (
        f"freqjax: {cache / place} can be written by others (chmod go-w takes that away): "
        "it is not used as a cache.\n"
    )


def test_every_folder_of_the_cache_is_the_users_alone(tmp_path):
    if not hasattr(os, "getuid"):
        pytest.skip("the system does not tell modes")
    code = f"import os; os.umask(0)\n{PROGRAM}"
    python(code, FREQJAX_CACHE=str(tmp_path / "cache"))
    modes = {p: p.stat().st_mode & 0o777 for p in tmp_path.rglob("*") if p.is_dir()}
    assert len(modes) == 3
    assert set(modes.values()) == {0o700}


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
