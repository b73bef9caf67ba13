"""Exported programs: called in a process without freqjax they are the network they were made of."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from freqjax import UserError, load
from freqjax.deploy import export
from freqjax.deploy import torch as interop
from freqjax.main import main
from freqjax.networks import Streams
from freqjax.system import files
from tests.deploy.test_torch import KINDS, LRU, assert_same, trained
from tests.root import ROOT
from tests.rounding import OPTIMIZED

CLOCK = ROOT / "checkpoints" / "clock64"
PAGE = (ROOT / "docs" / "export.md").read_text()
# A program that imports freqjax after this line stops.
_NO_FREQJAX = "import sys; sys.modules['freqjax'] = None\n"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Return the shipped checkpoint, exported as the page says."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    words = ["--mode=export", f"--checkpoint={CLOCK}"]
    assert main([*words, f"--output={folder}"]) == 0
    return folder


def python(code: str, folder: Path) -> str:
    """Run `code` in a new, isolated interpreter without freqjax, and return its output."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", _NO_FREQJAX + code],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_pages_loader_runs_without_freqjax_as_it_stands(exported):
    code = blocks()[0]
    assert len(code.splitlines()) <= 20
    assert code in (exported / "README.md").read_text()
    more = """
carry = init_carry(np.zeros((3, 5)))
xs = np.random.default_rng(0).normal(size=(70, 3, 5)).astype(np.float32)
_, short = unroll(init_carry(xs[0, :1]), xs[:1, :1])
np.savez("found.npz", last=ys[-1], y=y, long=unroll(carry, xs)[1], short=short)
"""
    python(code + more, exported.parent)
    found = np.load(exported.parent / "found.npz")
    network = load(CLOCK)
    xs = np.zeros((1000, 2, 5), np.float32)
    xs[:, 0, 1] = xs[:, 1, 4] = 1
    ys = network.unroll(xs)[1]
    most = 1e-6 if OPTIMIZED else 5e-6
    np.testing.assert_allclose(found["y"], ys[9], atol=most)
    np.testing.assert_allclose(found["last"], ys[-1], atol=most)
    xs = np.random.default_rng(0).normal(size=(70, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(found["long"], network.unroll(xs)[1], atol=1e-6)
    np.testing.assert_allclose(found["short"], network.unroll(xs[:1, :1])[1], atol=1e-6)


def test_the_pages_pytorch_model_is_the_network(exported):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: example not run")
    xs = np.random.default_rng(0).normal(size=(50, 2, 5)).astype(np.float32)
    names: dict = {}
    before = Path.cwd()
    os.chdir(exported.parent)
    try:
        exec(blocks()[1], names)
    finally:
        os.chdir(before)
    with torch.no_grad():
        found = names["model"](torch.from_numpy(xs)).numpy()
    network = load(CLOCK)
    np.testing.assert_allclose(found, network.unroll(xs)[1], atol=1e-6)


@pytest.mark.parametrize("fields", [*KINDS[1:], LRU], ids=str)
def test_programs_are_the_network_at_any_size(fields):
    network = trained(**fields)
    made = {
        name: jax.export.deserialize(bytearray(p)) for name, p in export.programs(network).items()
    }
    steps = {"step"} if isinstance(network.network, Streams) else set()
    assert set(made) == {"init_carry", "unroll"} | steps
    for program in made.values():
        assert program.platforms == ("cpu", "cuda", "tpu")
    xs = np.random.default_rng(0).normal(size=(12, 3, 3)).astype(np.float32)
    for time, streams in ((12, 3), (1, 2)):
        part = xs[:time, :streams]
        carry = made["init_carry"].call(part[0])
        assert type(carry) is tuple
        expected_carry, expected = network.unroll(part)
        after, ys = jax.jit(made["unroll"].call)(carry, part)
        np.testing.assert_allclose(ys, expected, rtol=1e-6, atol=1e-6)
        for a, b in zip(after, jax.tree.leaves(expected_carry), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        if "step" in made:
            after, y = made["step"].call(carry, part[0])
            np.testing.assert_allclose(y, expected[0], atol=1e-6)


def test_an_export_is_read_back(exported, tmp_path, monkeypatch):
    network = load(CLOCK)
    again = interop.load(exported / "weights.safetensors")
    assert again.config == network.config
    assert_same(again, network)
    monkeypatch.chdir(tmp_path)
    weights = exported / "weights.safetensors"
    assert main(["--mode=import", f"--input={weights}", "--workdir=run"]) == 0
    assert_same(load("run"), network)


def test_a_network_that_pytorch_does_not_have_is_exported_by_the_places_of_its_weights(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "programs", lambda trained: {})
    network = trained(**LRU)
    export.run(network, tmp_path / "e", say=print)
    arrays = safetensors.numpy.load_file(tmp_path / "e" / "weights.safetensors")
    assert arrays.keys() == {
        *("recurrence.nu", "recurrence.theta", "input.re", "input.im"),
        *("head.re", "head.im", "head.bias", "carry.re", "carry.im"),
    }
    np.testing.assert_array_equal(arrays["input.im"], network.params["input"]["im"])
    assert "by their place in the parameters" in (tmp_path / "e" / "README.md").read_text()
    with pytest.raises(UserError, match=r"^it: it holds a network of network.cell lru, which PyT"):
        interop.read(tmp_path / "e" / "weights.safetensors", "it")


def test_residual_layers_are_exported_by_the_places_of_their_weights_and_run_as_they_are(tmp_path):
    """PyTorch would read the same arrays as layers that do not add their inputs."""
    network = trained(cell="rnn", layers=2, residual=True)
    made = {
        name: jax.export.deserialize(bytearray(p)) for name, p in export.programs(network).items()
    }
    xs = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    _, ys = jax.jit(made["unroll"].call)(made["init_carry"].call(xs[0]), xs)
    np.testing.assert_allclose(ys, network.unroll(xs)[1], rtol=1e-6, atol=1e-6)
    (tmp_path / "it.safetensors").write_bytes(interop.to_safetensors(network))
    arrays = safetensors.numpy.load_file(tmp_path / "it.safetensors")
    assert "layer_1.input.kernel" in arrays
    with pytest.raises(UserError, match=r"^it: it holds a network of network.residual True, which"):
        interop.read(tmp_path / "it.safetensors", "it")
    with pytest.raises(
        UserError, match=r"^network.residual is True: it must be False to be written"
    ):
        interop.save(tmp_path / "other.safetensors", network)
    interop.save(tmp_path / "plain.safetensors", trained(cell="rnn", layers=2))
    with pytest.raises(UserError, match=r"^network.residual is True: it must be False, as in"):
        interop.load(tmp_path / "plain.safetensors", network.config)


def test_an_export_is_the_same_every_time_and_names_no_source(exported, tmp_path):
    jax.clear_caches()
    export.run(load(CLOCK), tmp_path / "exported", say=print)
    names = {path.name for path in exported.iterdir()}
    assert names == {"weights.safetensors", "init_carry.bin", "step.bin", "unroll.bin", "README.md"}
    for name in names:
        content = (exported / name).read_bytes()
        assert content == (tmp_path / "exported" / name).read_bytes(), name
        assert b".py" not in content and str(ROOT).encode() not in content, name


def test_the_config_that_an_export_was_asked_for_goes_with_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        export, "programs", lambda trained: {}
    )  # the slow part, and not asked about
    words = f"--mode=export --checkpoint={CLOCK} --output={tmp_path / 'e'}"
    assert main([*words.split(), "--config.task.test_seed=9"]) == 0
    assert capsys.readouterr().out == f"wrote weights.safetensors, README.md to {tmp_path / 'e'}\n"
    assert interop.read(tmp_path / "e" / "weights.safetensors", "it")[1].task.test_seed == 9


@pytest.mark.parametrize("there", [False, True])
def test_an_export_to_a_full_disk_leaves_nothing(tmp_path, monkeypatch, capsys, there):
    goal, written, original = tmp_path / "new" / "e", [], files.finish

    def finish(file):
        written.append(file.name)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(file)

    monkeypatch.setattr(files, "finish", finish)
    monkeypatch.setattr(export, "programs", lambda trained: {"step": b"1"})
    if there:
        goal.mkdir(parents=True)
    words = ["--mode=export", f"--checkpoint={CLOCK}", f"--output={goal}"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error == f"freqjax: --output is {goal}: it cannot be written (the disk is full).\n"
    assert [p.name for p in tmp_path.rglob("*")] == (["new", "e"] if there else [])
    assert main(words) == 0
    assert len(list(goal.iterdir())) == 3


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--checkpoint CLOCK", "--output is missing: it must name a new or empty folder."),
        ("--output new", "--checkpoint is missing: it must name a run's folder"),
        ("--checkpoint CLOCK --output full", "--output is full: it is not empty, and is left"),
        ("--checkpoint CLOCK --output full/a", "--output is full/a: it is a file, and must be a"),
        ("--checkpoint CLOCK --output full/a/b", "--output is full/a/b: it cannot be written"),
        (
            "--checkpoint CLOCK --output new --config.network.hidden_size=32",
            "network.hidden_size is 32: the network of --checkpoint",
        ),
        ("--checkpoint full --output new", "full is not a checkpoint"),
    ],
)
def test_a_mistaken_export_leaves_nothing(tmp_path, monkeypatch, capsys, line, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    line = line.replace("CLOCK", str(CLOCK))
    assert main(["--mode=export", *line.split()]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_export_left_does_not_make_a_folder_full(tmp_path):
    left = tmp_path / f".unroll.bin.{'0' * 16}"
    left.write_text("")
    with pytest.raises(UserError, match="it is not empty"):
        export.require_empty(tmp_path)  # another export may be writing it
    os.utime(left, (0, 0))
    export.require_empty(tmp_path)
    assert not any(tmp_path.iterdir())
