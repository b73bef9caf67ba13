"""PyTorch state_dicts: forward, round trip, layouts, and files that must be refused."""

import errno
import json
import os
import re
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from freqjax import UserError
from freqjax.checkpoints import manifests
from freqjax.checkpoints.store import read_meta
from freqjax.deploy import torch as interop
from freqjax.deploy.torch import state_dict
from freqjax.deploy.trained import Trained, load
from freqjax.main import main
from freqjax.networks import count_parameters, make_network
from freqjax.tasks import make_task
from tests.twins import tiny_config

KINDS = [
    {},
    {"learned_carry": True},
    {"cell": "gru"},
    {"cell": "rnn", "layers": 2, "bidirectional": True, "learned_carry": True},
    {"cell": "rnn", "nonlinearity": "relu", "layers": 2},
    {"cell": "lstm", "layers": 3, "conditioning": "film", "dropout": 0.1},
]
LRU = {"cell": "lru", "learned_carry": True}


def trained(**fields) -> Trained:
    """Return a network of the fields with arbitrary weights, none of them zero."""
    config = tiny_config(network={"hidden_size": 6, **fields})
    network = make_network(config.network, make_task(config.task))
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    rng = np.random.default_rng(1)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(0.4 * rng.normal(size=leaf.shape), jnp.float32), shapes
    )
    return Trained(config, params)


def arrays_of(network: Trained) -> dict[str, np.ndarray]:
    """Return the state_dict of a network."""
    return safetensors.numpy.load(interop.to_safetensors(network))


def assert_same(a: Trained, b: Trained) -> None:
    assert jax.tree.structure(a.params) == jax.tree.structure(b.params)
    for one, other in zip(jax.tree.leaves(a.params), jax.tree.leaves(b.params), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


# Forward.


def torch_module(cell: str, inputs: int, hidden: int, **options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
            self.core = kind(inputs, hidden, **options)
            directions = 2 if options.get("bidirectional") else 1
            self.out = torch.nn.Linear(hidden * directions, 1, bias=options.get("bias", True))

        def forward(self, xs):
            return self.out(self.core(xs)[0])

    torch.manual_seed(3)
    return torch, Model()


_TWINS = [
    ("lstm", {}),
    ("gru", {}),
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("lstm", {"bias": False}),
    ("lstm", {"num_layers": 2, "bidirectional": True}),
]


@pytest.mark.parametrize(("cell", "options"), _TWINS)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_an_imported_network_is_the_pytorch_one(tmp_path, cell, options, suffix):
    torch, model = torch_module(cell, 5, 16, **options)
    path = tmp_path / f"model.{suffix}"
    if suffix == "pt":
        torch.save({"model": model.state_dict(), "epoch": 7}, path)
    else:
        safetensors.numpy.save_file({k: v.numpy() for k, v in model.state_dict().items()}, path)
    _, config = interop.read(path, "it")
    config.network.nonlinearity = options.get("nonlinearity", "tanh")
    told = []
    network = interop.load(path, config, told.append)
    xs = np.random.default_rng(0).normal(size=(40, 3, 5)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(xs)).numpy()
    np.testing.assert_allclose(network.unroll(xs)[1], expected, atol=1e-6)
    if "bias" in options:
        assert [line.partition(": ")[2].partition(":")[0] for line in told] == [
            "it has no biases (bias=False) in core and out"
        ]
        biases = [network.params["cell"][part]["bias"] for part in ("input", "recurrent")]
        np.testing.assert_array_equal(np.stack(biases), np.zeros((2, 64)))
    else:
        assert count_parameters(network.params) == sum(p.numel() for p in model.parameters())
        assert len(told) == (cell == "rnn" and not options)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"cell": "gru", "layers": 2}, {"num_layers": 2}),
        ({"cell": "rnn", "nonlinearity": "relu"}, {"nonlinearity": "relu"}),
    ],
)
def test_pytorch_takes_what_is_written(tmp_path, fields, options):
    cell = fields.get("cell", "lstm")
    torch, model = torch_module(cell, 3, 6, **options)
    network = trained(**fields)
    interop.save(tmp_path / "model.pt", network)
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    names = {cell: "core", "fc": "out"}
    state = {names[k.split(".")[0]] + "." + k.split(".")[1]: v for k, v in state.items()}
    model.load_state_dict(state, strict=True)
    xs = np.random.default_rng(0).normal(size=(30, 2, 3)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(
            model(torch.from_numpy(xs)).numpy(), network.unroll(xs)[1], atol=1e-6
        )


# Round trip.


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_a_round_trip_changes_no_bit(tmp_path, fields):
    network = trained(**fields)
    path = tmp_path / "model.safetensors"
    interop.save(path, network)
    again = interop.load(path)
    assert again.config == network.config
    assert_same(again, network)
    interop.save(tmp_path / "again.safetensors", again)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    with pytest.raises(UserError, match="exists already, and is left as it is"):
        interop.save(path, again)


@pytest.mark.parametrize("fields", KINDS, ids=str)
def test_a_round_trip_through_pytorch_changes_no_bit(tmp_path, fields):
    pytest.importorskip("torch", reason="PyTorch is not installed: .pt not checked")
    network = trained(**fields)
    interop.save(tmp_path / "model.pth", network)
    assert_same(interop.load(tmp_path / "model.pth", network.config), network)


def test_weights_transpose_into_kernels():
    network = trained(learned_carry=True)
    arrays, cell = arrays_of(network), network.params["cell"]
    np.testing.assert_array_equal(arrays["lstm.weight_ih_l0"], cell["input"]["kernel"].T)
    np.testing.assert_array_equal(arrays["lstm.weight_hh_l0"], cell["recurrent"]["kernel"].T)
    np.testing.assert_array_equal(arrays["lstm.bias_ih_l0"], cell["input"]["bias"])
    np.testing.assert_array_equal(arrays["lstm.bias_hh_l0"], cell["recurrent"]["bias"])
    np.testing.assert_array_equal(arrays["fc.weight"], network.params["head"]["kernel"].T)
    np.testing.assert_array_equal(arrays["carry"], [network.params["carry"]])


@pytest.mark.parametrize(
    ("core", "head"),
    [("lstm", "fc"), ("module.encoder.rnn", "module.decoder.out"), ("0", "1"), ("", "")],
)
def test_any_prefix_will_do(core, head):
    names = {"lstm.": f"{core}." if core else "", "fc.": f"{head}." if head else ""}
    arrays = {
        key.replace("lstm.", names["lstm."]).replace("fc.", names["fc."]): array
        for key, array in arrays_of(trained()).items()
    }
    assert len(arrays) == 6
    found = state_dict.from_arrays(arrays, "it")
    for key, array in state_dict.to_arrays(found).items():
        np.testing.assert_array_equal(array, arrays_of(trained())[key], strict=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, jnp.bfloat16])
def test_other_floats_are_taken_where_they_are_exact(dtype):
    halves = {
        k: np.asarray(np.round(a * 8).astype(dtype) / dtype(8))
        for k, a in arrays_of(trained()).items()
    }
    found = state_dict.to_arrays(state_dict.from_arrays(halves, "it"))
    for key, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, halves[key].astype(np.float32))


def test_a_bfloat16_file_is_read(tmp_path):
    torch, model = torch_module("lstm", 5, 4)
    torch.save(model.bfloat16().state_dict(), tmp_path / "model.pt")
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert_same(interop.load(tmp_path / "model.pt"), interop.load(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("without", [("lstm",), ("fc",), ("lstm", "fc")])
def test_biases_that_are_not_there_are_zero(without):
    """Alone or in both modules, a cell as well: the outputs of a module without biases are so defined."""
    arrays = arrays_of(trained())
    biases = [key for key in arrays if "bias" in key and key.split(".")[0] in without]
    for kept in (arrays, _renamed(arrays, "_l0", "")):
        keys = [key if key in kept else key.replace("_l0", "") for key in biases]
        found = state_dict.from_arrays(_without(*keys)(kept), "it")
        again = state_dict.to_arrays(found)
        for key, array in arrays.items():
            expected = np.zeros_like(array) if key in biases else array
            np.testing.assert_array_equal(again[key], expected, strict=True)
        assert len(found.told) == 1
        assert f"it: it has no biases (bias=False) in {' and '.join(without)}: " in found.told[0]
    assert state_dict.from_arrays(arrays, "it").told == ()


# Mistakes.


def _renamed(arrays, old, new):
    return {key.replace(old, new): array for key, array in arrays.items()}


def _with(**changed):
    return lambda arrays: arrays | {k.replace("__", "."): v for k, v in changed.items()}


def _without(*keys):
    return lambda arrays: {k: v for k, v in arrays.items() if k not in keys}


def _changed(key, change):
    return lambda arrays: arrays | {key: change(arrays[key])}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda a: {}, "it holds no recurrent module: .* there are none"),
        (lambda a: _renamed(a, "h_l0", "h_0"), "no recurrent module: .*lstm.weight_hh_0, lstm.weight_ih_0"),
        (
            lambda a: a | _renamed(a, "lstm", "gru"),
            "it holds 2 recurrent modules, gru, lstm: it must hold one, .* its linear head.$",
        ),
        (
            lambda a: _renamed(a | _renamed(a, "lstm", "b.1"), "_l0", ""),
            "2 recurrent modules, b.1, lstm: .*with b.1.weight_ih as weight_ih_l0, lstm.weight_ih as .*_l1",
        ),
        (
            lambda a: a | {"lstm.weight_ih": a["lstm.weight_ih_l0"]},
            "it holds lstm.weight_ih beside lstm.bias_hh_l0, .*: it must hold one module or cell",
        ),
        (_without("lstm.bias_hh_l0"), "lstm.bias_hh_l0 is missing beside .*lstm.weight_hh_l0"),
        (lambda a: _renamed(a, "_l0", "_l1"), "lstm.weight_hh_l0, lstm.weight_ih_l0 are missing beside"),
        (
            lambda a: a | {"lstm.weight_hh_l1": a["lstm.weight_hh_l0"]},
            "lstm.bias_hh_l1, lstm.bias_ih_l1, lstm.weight_ih_l1 are missing beside",
        ),
        (_without("fc.weight"), "it holds no linear head: .* in .weight, .* there are .*fc.bias"),
        (_with(fc2__weight=np.ones((1, 1))), "it holds 2 linear layers, fc.weight, fc2.weight"),
        (_with(norm__weight=np.ones(6)), "it also holds norm.weight, which"),
        (
            _with(lstm__weight_hr_l0=np.ones((2, 6))),
            r"it holds lstm.weight_hr_l0, a projection of the state \(proj_size\), which must not be there",
        ),
        (_changed("lstm.weight_hh_l0", lambda a: a[:12]), "rows must be 4 .* times its columns"),
        (_changed("lstm.weight_ih_l0", lambda a: a[:-1]), r"has shape \(23, 3\): it must be \(24, 3\)"),
        (_changed("lstm.bias_ih_l0", lambda a: a[:, None]), r"bias_ih_l0 has shape \(24, 1\)"),
        (_changed("lstm.weight_ih_l0", lambda a: a[0]), r"has shape \(3,\): it must be a matrix"),
        (_changed("fc.weight", lambda a: a[:, 1:]), r"fc.weight has shape \(1, 5\): it must be \(1, 6\)"),
        (_changed("fc.bias", lambda a: a[:0]), r"fc.bias has shape \(0,\): it must be \(1,\)"),
        (_with(carry=np.ones(6)), r"carry has shape \(6,\): it must be \(1, 6\)"),
        (_with(film__scale_l0=np.ones((6, 2))), "film.shift_l0 is missing: FiLM acts on every"),
        (
            _with(film__scale_l0=np.ones((6, 2)), film__shift_l0=np.ones((5, 2))),
            r"film.shift_l0 has shape \(5, 2\): it must be \(6, 2\)",
        ),
        (_changed("fc.bias", lambda a: a * np.nan), "fc.bias holds a value that is not finite"),
        (_changed("fc.bias", lambda a: np.array([0.1])), "float64 values that float32 cannot hold"),
        (_changed("fc.bias", lambda a: np.array([1e300])), "float64 values that float32 cannot hold"),
        (_changed("fc.bias", lambda a: np.array([1])), "fc.bias holds int64: it must hold floating"),
    ],
)  # fmt: skip
def test_a_damaged_state_dict_is_refused_by_key(damage, sentence):
    with pytest.raises(UserError, match=f"^the file: .*{sentence}"):
        state_dict.from_arrays(damage(arrays_of(trained())), "the file")


def test_a_state_dict_larger_than_memory_is_refused():
    """Ten thousand terabytes, of which every row is the same one."""
    hidden = 5 * 10**7
    shapes = {"weight_ih": (hidden, 3), "weight_hh": (hidden, hidden)}
    zero = np.float32(0)
    arrays = {f"rnn.{part}_l0": np.broadcast_to(zero, shape) for part, shape in shapes.items()}
    arrays["fc.weight"] = np.broadcast_to(zero, (1, hidden))
    with pytest.raises(UserError, match="not enough memory for its hidden size, 50,000,000"):
        state_dict.from_arrays(arrays, "the file")


@pytest.mark.parametrize(
    ("network", "task", "sentence"),
    [
        ({"cell": "gru"}, {}, "network.cell is gru: it must be lstm, as in .*model.safe"),
        (
            {"cell": "rnn", "nonlinearity": "relu"},
            {},
            "network.cell is rnn: it must be lstm, as in .*model.safe",
        ),
        ({"layers": 2}, {}, "network.layers is 2: it must be 1, as in"),
        ({"bidirectional": True}, {}, "network.bidirectional is True: it must be False, as in"),
        ({"conditioning": "film"}, {}, "network.conditioning is film: it must be input, as in"),
        ({"hidden_size": 5}, {}, "network.hidden_size is 5: it must be 6, as in .*model.safe"),
        (
            {"recurrence": "pairs"},
            {},
            "network.recurrence is pairs: it must be dense, since .*model.safe",
        ),
        ({"learned_carry": False}, {}, "network.learned_carry is false: it must be true, since"),
        ({}, {"frequencies": (1.0, 2.0, 3.0)}, "task.frequencies holds 3: .* 4 inputs, .* has 3"),
    ],
)
def test_a_state_dict_must_fit_the_config(tmp_path, network, task, sentence):
    path = tmp_path / "model.safetensors"
    interop.save(path, trained(learned_carry=True))
    fields = {"hidden_size": 6, "learned_carry": True, **network}
    with pytest.raises(UserError, match=sentence):
        interop.load(path, tiny_config(network=fields, task=task))


def test_weights_in_pairs_come_back_from_a_state_dict(tmp_path):
    config = tiny_config(network={"hidden_size": 6, "recurrence": "pairs"})
    network = make_network(config.network, make_task(config.task))
    written = Trained(config, network.init(jax.random.key(0)))
    interop.save(tmp_path / "model.safetensors", written)
    assert_same(interop.load(tmp_path / "model.safetensors", config), written)


def test_a_cell_that_pytorch_lacks_is_not_written(tmp_path):
    network = trained()
    network.config.network.cell = "mgu"
    with pytest.raises(UserError, match="is mgu: it must be one of lstm, gru, rnn to"):
        interop.save(tmp_path / "model.safetensors", network)
    assert not list(tmp_path.iterdir())


def test_a_head_of_two_outputs_is_refused(tmp_path):
    arrays = arrays_of(trained())
    for key in ("fc.weight", "fc.bias"):
        arrays[key] = np.concatenate([arrays[key], arrays[key]])
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(arrays, path)
    with pytest.raises(UserError, match="its head has 2 outputs: it must have 1"):
        interop.load(path, trained().config)


def test_a_missing_carry_starts_at_zero(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(arrays_of(trained()), path)
    config = tiny_config(network={"hidden_size": 6, "learned_carry": True})
    xs = np.random.default_rng(0).normal(size=(9, 2, 3)).astype(np.float32)
    found, plain = interop.load(path, config), interop.load(path, trained().config)
    np.testing.assert_array_equal(found.unroll(xs)[1], plain.unroll(xs)[1])


# Files.

_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def _claiming(numbers: int) -> bytes:
    """A .safetensors of one tensor whose header says that it has so many numbers, and which has none."""
    entry = {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}
    header = json.dumps({"lstm.weight_ih_l0": entry}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.safetensors", None, "there is no such file"),
        (".", None, "it is a folder: it must be a file"),
        ("model.safetensors", b"", "it is empty"),
        ("model.pt", b"", "it is empty"),
        ("model.onnx", b"\x08\x07" * 20, "it is neither what torch.save writes nor a safetensors"),
        (
            "model.safetensors",
            b"\xff" * 40,
            "it is neither what torch.save writes nor a safetensors",
        ),
        (
            "model.safetensors",
            b"\x02" + bytes(7) + b"{]",
            "it cannot be read as safetensors (Error",
        ),
        (
            "model.safetensors",
            (10**12).to_bytes(8, "little") + b'{"a": 1}',
            "its header claims 1,000,000,000,000 bytes: it must hold them, and holds 8",
        ),
        ("model.safetensors", _claiming(10**12), "it cannot be read as safetensors (Error"),
        ("model.pt", _POINTER, "it is a pointer of Git LFS: git lfs pull fetches"),
    ],
)
def test_a_file_that_is_no_state_dict_is_one_sentence(
    tmp_path, monkeypatch, capsys, name, content, sentence
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert main(["--mode=import", "--input", name, "--workdir=run"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"freqjax: --input {name}: {sentence}")
    assert error.endswith(".\n") and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_truncated_or_altered_safetensors_is_refused(tmp_path):
    content = interop.to_safetensors(trained())
    path = tmp_path / "model.safetensors"
    for damaged in (content[:-4], content[:30], content.replace(b"F32", b"I32", 1)):
        path.write_bytes(damaged)
        with pytest.raises(
            UserError, match=r"cannot be read as safetensors|holds I32: it must be|claims"
        ):
            interop.load(path)
    path.write_bytes(content.replace(b'{\\"task', b'[\\"task'))
    with pytest.raises(UserError, match="its config is not JSON"):
        interop.load(path)


def test_without_pytorch_a_pt_is_one_sentence_and_safetensors_works(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    interop.save(tmp_path / "model.safetensors", trained())
    assert_same(interop.load(tmp_path / "model.safetensors"), trained())
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    for call in (lambda: interop.load(tmp_path / "model.pt"),
                 lambda: interop.save(tmp_path / "new.pt", trained())):  # fmt: skip
        with pytest.raises(UserError, match="needs PyTorch, which is not installed here"):
            call()
    assert not (tmp_path / "new.pt").exists()


# The mode.


def test_an_import_makes_a_run_that_other_modes_take(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = trained(learned_carry=True)
    interop.save("model.safetensors", network)
    assert main(["--mode", "import", "--input", "model.safetensors", "--workdir", "run"]) == 0
    assert "run" in capsys.readouterr().out
    assert_same(load("run"), network)
    assert load("run").config == network.config
    assert json.loads((tmp_path / "run" / "config.json").read_text())["network"]["hidden_size"] == 6
    assert read_meta(tmp_path / "run", warn=print).step == 0
    words = "--mode evaluate --checkpoint run --workdir run --no-figures"
    assert main(words.split()) == 0
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert found["parameters"] == count_parameters(network.params)
    blocks = make_task(network.config.task).rows("test")
    ys = network.unroll(np.swapaxes(blocks.inputs, 0, 1))[1]
    expected = np.square(np.swapaxes(ys, 0, 1) - blocks.targets).mean()
    np.testing.assert_allclose(found["test"]["mse"], expected, rtol=1e-5)


@pytest.mark.parametrize("there", [False, True])
def test_an_import_to_a_full_disk_leaves_nothing(tmp_path, monkeypatch, capsys, there):
    monkeypatch.chdir(tmp_path)
    interop.save("model.safetensors", trained())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if there:
        Path("a/run").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    words = ["--mode", "import", "--input", "model.safetensors", "--workdir", "a/run"]
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "write", full)
        assert main(words) == 2
    assert "cannot save checkpoint 0 in" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert main(words) == 0
    assert_same(load("a/run"), trained())


def test_a_new_file_of_weights_is_whole_or_absent(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for name in ("model.safetensors", "model.pt"):
        if name.endswith("pt"):
            pytest.importorskip("torch")
        with pytest.raises(UserError, match=rf"{name} cannot be written \(the disk is full\)"):
            interop.save(tmp_path / name, trained())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "--input is missing: it must name a state_dict"),
        ("--input model.safetensors --config none.py", "--config is none.py: there is no such"),
        (
            "--input model.safetensors --config.network.hidden_size=8",
            "network.hidden_size is 8: it must be 6, as in --input model.safetensors",
        ),
        (
            "--input model.safetensors --config.task.frequencies=1",
            "task.frequencies holds 1: with the mixture these are 2 inputs, but --input .* has 3",
        ),
        ("--input model.safetensors --workdir full", "--workdir is full: it is not empty"),
    ],
)
def test_a_mistaken_import_leaves_nothing(tmp_path, monkeypatch, capsys, line, sentence):
    monkeypatch.chdir(tmp_path)
    interop.save("model.safetensors", trained())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["--mode=import", *line.split()]) == 2
    error = capsys.readouterr().err
    assert re.match(f"freqjax: {sentence}", error) and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
