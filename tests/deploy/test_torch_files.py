"""Files of PyTorch as people have them: what stands beside the weights, under any name, and damaged."""

import argparse
import collections
import io
import os
import pathlib
import pickle
import struct
import zipfile
from typing import NamedTuple

import numpy as np
import pytest

from freqjax import UserError
from freqjax.deploy import torch as interop
from freqjax.deploy.torch import saved_objects, weight_files
from freqjax.main import main
from tests.sentences import assert_one_sentence

torch = pytest.importorskip("torch", reason="PyTorch is not installed: its files not checked")

INPUTS, HIDDEN = 3, 4


class Options(dict):
    """A dictionary of hyper-parameters of a class of its own."""


class Losses(list):
    """A list of a class of its own."""


class Slots:
    """An object without a dictionary."""

    __slots__ = ("text",)

    def __init__(self):
        self.text = "nonlinearity"


class Best(NamedTuple):
    """A NamedTuple of a module of the user's."""

    epoch: int


class Model(torch.nn.Module):
    """A recurrent module or cell, and a head."""

    def __init__(self, kind, **options):
        super().__init__()
        self.core = kind(INPUTS, HIDDEN, **options)
        self.head = torch.nn.Linear(HIDDEN, 1)
        self.register_buffer("scratch", torch.zeros(2), persistent=False)


def model(kind=torch.nn.LSTM, **options):
    torch.manual_seed(5)
    return Model(kind, **options)


def tensors(module):
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def read(path):
    return weight_files.read(path, "the file")


def assert_tensors(found, module):
    expected = tensors(module)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


# What stands beside the weights.

BESIDE = {
    "numpy number": np.float64(0.25),
    "numpy array": np.arange(3.0),
    "numpy generator": np.random.default_rng(0),
    "namespace": argparse.Namespace(hidden=4, path=pathlib.Path("data")),
    "path": pathlib.PureWindowsPath("data"),
    "dictionary of a class": Options(hidden=4, inner=Options()),
    "list of a class": Losses([1.0, 0.5]),
    "defaultdict": collections.defaultdict(list, {"train": [1.0]}),
    "counter": collections.Counter("ab"),
    "slots": Slots(),
    "named tuple": Best(3),
    "function": np.mean,
    "class": Slots,
    "set": {1, 2},
    "bytes": b"abc",
}


@pytest.mark.parametrize("old", [False, True], ids=["archive", "before 1.6"])
@pytest.mark.parametrize("kind", sorted(BESIDE))
def test_what_stands_beside_the_weights_does_not_matter(tmp_path, kind, old):
    module = model()
    content = {"first": BESIDE[kind], "model_state_dict": module.state_dict(), "last": BESIDE[kind]}
    torch.save(content, tmp_path / "all.pt", _use_new_zipfile_serialization=not old)
    assert_tensors(read(tmp_path / "all.pt").arrays, module)


def test_an_optimiser_and_everything_at_once_do_not_matter(tmp_path):
    module = model(torch.nn.GRU)
    moments = {
        number: {"step": torch.tensor(3.0), "exp_avg": torch.zeros_like(tensor)}
        for number, tensor in enumerate(module.parameters())
    }
    groups = [{"lr": np.float64(1e-3), "betas": (0.9, 0.999), "params": list(moments)}]
    parallel = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    content = {"optimizer": {"state": moments, "param_groups": groups}, "net": parallel, **BESIDE}
    torch.save(content, tmp_path / "all.pt")
    found = read(tmp_path / "all.pt").arrays
    assert_tensors({name.removeprefix("module."): a for name, a in found.items()}, module)


def test_nothing_of_the_file_is_imported_or_called(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(Slots, "__reduce__", lambda self: (calls.append, (1,)), raising=False)
    monkeypatch.setattr(Slots, "__setstate__", calls.append, raising=False)
    monkeypatch.setattr(Options, "__setitem__", lambda self, *pair: calls.append(pair))
    monkeypatch.setattr(Options, "__init__", lambda self, *_: calls.append(self))
    module = model()

    class Evaluates:
        def __reduce__(self):
            return eval, ("1 / 0",)

    content = {"options": dict.__new__(Options), "code": Evaluates(), "model": module.state_dict()}
    torch.save(content, tmp_path / "all.pt")
    del calls[:]
    assert_tensors(read(tmp_path / "all.pt").arrays, module)
    assert calls == []


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ((os.system, ("exit 3",)), f"{os.system.__module__}.system"),
        ((bytearray, (10**13,)), "builtins.bytearray"),
    ],
)
def test_a_file_that_calls_the_system_is_refused(tmp_path, call, named):
    class Calls:
        def __reduce__(self):
            return call

    torch.save({"model": model().state_dict(), "more": Calls()}, tmp_path / "all.pt")
    with pytest.raises(UserError, match=f"^the file: it calls {named}, which no weights need: "):
        read(tmp_path / "all.pt")


def test_a_dictionary_that_holds_itself_is_read(tmp_path):
    module, circle = model(), {}
    circle["again"] = [circle, (circle,)]
    torch.save(circle, tmp_path / "circle.pt")
    assert read(tmp_path / "circle.pt").arrays == {}
    circle["model"] = module.state_dict()
    torch.save(circle, tmp_path / "circle.pt")
    assert_tensors(read(tmp_path / "circle.pt").arrays, module)


def test_a_dictionary_of_any_depth_is_read(tmp_path):
    """Two thousand within one another, more than Python's stack has."""
    module = model()
    torch.save(module.state_dict(), tmp_path / "flat.pt")
    with zipfile.ZipFile(tmp_path / "flat.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    inner = members[name][2:-1]  # without PROTO 2 and STOP
    members[name] = b"\x80\x02" + b"}X\x01\x00\x00\x00k" * 2000 + inner + b"s" * 2000 + b"."
    with zipfile.ZipFile(tmp_path / "deep.pt", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert_tensors(read(tmp_path / "deep.pt").arrays, module)


def test_several_state_dicts_are_refused_by_name(tmp_path):
    state = model().state_dict()
    torch.save({"model": state, "mean": {"of": model().state_dict()}}, tmp_path / "two.pt")
    with pytest.raises(
        UserError, match=r"holds 2 state_dicts, under model, mean\.of: it must hold one"
    ):
        read(tmp_path / "two.pt")


@pytest.mark.parametrize("content", [[1, 2], 3, {"a": 1}, {"bias": torch.ones(2)}, b"text"])
def test_a_file_without_a_recurrent_module_is_one_sentence(tmp_path, content):
    torch.save(content, tmp_path / "none.pt")
    keys = "bias" if isinstance(content, dict) and "bias" in content else "none"
    with pytest.raises(UserError, match=rf"it holds no recurrent module: .* there are {keys}\.$"):
        interop.load(tmp_path / "none.pt")


# Modules and cells.


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"])
def test_a_whole_module_is_its_state_dict(tmp_path, kind):
    module = model(getattr(torch.nn, kind))
    torch.save(module, tmp_path / "module.pt")
    torch.save({"epoch": 3, "net": module}, tmp_path / "net.pt")
    for name in ("module.pt", "net.pt"):
        found = read(tmp_path / name)
        assert_tensors(found.arrays, module)
        assert found.nonlinearity == ("tanh" if kind.startswith("RNN") else None)


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell", "RNNCell"])
def test_a_cell_is_a_module_of_one_layer(tmp_path, kind):
    cell = model(getattr(torch.nn, kind))
    torch.save(cell.state_dict(), tmp_path / "cell.pt")
    network = interop.load(tmp_path / "cell.pt", config_of(tmp_path / "cell.pt"), lambda _: None)
    xs = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 2, INPUTS)).astype(np.float32))
    expected, state = [], None
    for x in xs:
        state = cell.core(x, state)
        expected.append(cell.head(state[0] if isinstance(state, tuple) else state))
    ys = torch.stack(expected).detach().numpy()
    np.testing.assert_allclose(network.unroll(xs.numpy())[1], ys, atol=1e-6)


def config_of(path):
    """The config that an import takes, for the inputs of these modules."""
    _, config = interop.read(path, "the file")
    config.task.frequencies = (1.0, 3.0)
    return config


_SAID = [
    (lambda m: m, "relu"),
    (lambda m: {"state_dict": m.state_dict(), "hyper_parameters": {"nonlinearity": "relu"}}, "relu"),
    (lambda m: {"model": m.state_dict(), "args": argparse.Namespace(nonlinearity="tanh")}, "tanh"),
    (lambda m: {"model": m.state_dict(), "a": {"nonlinearity": "gelu"}}, None),
    (lambda m: {"model": m.state_dict(), "a": [{"nonlinearity": "relu"}, {"mode": "RNN_TANH"}]}, None),
    (lambda m: m.state_dict(), None),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(_SAID)))
@pytest.mark.parametrize("kind", [torch.nn.RNN, torch.nn.RNNCell])
def test_the_nonlinearity_is_that_of_the_file_or_is_told(tmp_path, kind, number):
    make, nonlinearity = _SAID[number]
    path = tmp_path / "model.pt"
    torch.save(make(model(kind, nonlinearity="relu")), path)
    config, told = config_of(path), []
    assert config.network.nonlinearity == (nonlinearity or "tanh")
    interop.load(path, config, told.append)
    assert len(told) == (nonlinearity is None)
    if told:
        assert "tanh, PyTorch's default, is assumed; --config.network.nonlinearity=relu" in told[0]
    config.network.nonlinearity, told[:] = "relu", []
    if nonlinearity == "tanh":
        with pytest.raises(
            UserError, match=r"nonlinearity is relu: it must be tanh, as in .*model\.pt"
        ):
            interop.load(path, config, told.append)
    else:
        assert interop.load(path, config, told.append).config.network.nonlinearity == "relu"
    assert told == []


def test_a_safetensors_of_freqjax_says_its_nonlinearity(tmp_path):
    torch.save(model(torch.nn.RNN, nonlinearity="relu"), tmp_path / "model.pt")
    path = tmp_path / "model.safetensors"
    interop.save(path, interop.load(tmp_path / "model.pt", config_of(tmp_path / "model.pt")))
    told = []
    assert interop.load(path, warn=told.append).config.network.nonlinearity == "relu"
    interop.save(tmp_path / "bare.pt", interop.load(path))
    interop.load(tmp_path / "bare.pt", config_of(tmp_path / "bare.pt"), told.append)
    assert [line.partition(": ")[0] for line in told] == [str(tmp_path / "bare.pt")]


# Names and damage.


@pytest.mark.parametrize(
    "name", ["model.PT", "model.ckpt", "pytorch_model.bin", "model.pth.tar", "model", "model.onnx"]
)
@pytest.mark.parametrize("old", [False, True], ids=["archive", "before 1.6"])
def test_a_file_is_known_by_its_content(tmp_path, name, old):
    module = model()
    torch.save(module.state_dict(), tmp_path / name, _use_new_zipfile_serialization=not old)
    found = read(tmp_path / name)
    assert_tensors(found.arrays, module)
    assert found.told == ()


def test_a_name_that_says_something_else_is_told(tmp_path):
    module = model()
    torch.save(module.state_dict(), tmp_path / "model.safetensors")
    found = read(tmp_path / "model.safetensors")
    assert_tensors(found.arrays, module)
    assert found.told == (
        "the file: it ends in .safetensors, but holds what torch.save writes, and is read as that.",
    )
    (tmp_path / "model.pt").write_bytes(weight_files.to_safetensors(tensors(module), {}))
    found = read(tmp_path / "model.pt")
    assert_tensors(found.arrays, module)
    assert "ends in .pt, but holds a safetensors" in found.told[0]


def archive(change):
    """A file of torch.save, whose members `change` has changed."""
    content, changed = io.BytesIO(), io.BytesIO()
    torch.save(model().state_dict(), content)
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(changed, "w") as target:
        change(source, target)
    return changed.getvalue()


def compressed(source, target):
    for name in source.namelist():
        target.writestr(name, source.read(name), zipfile.ZIP_DEFLATED)


def program(source, target):
    for name in source.namelist():
        target.writestr(name, source.read(name))
    target.writestr("archive/constants.pkl", b"\x80\x02).")


def renamed(source, target):
    for name in source.namelist():
        target.writestr(name.replace("data.pkl", "table.npy"), source.read(name))


def claiming(size):
    """A file of torch.save whose directory says of the largest member that it has `size` bytes."""
    content = io.BytesIO()
    torch.save(model().state_dict(), content)
    with zipfile.ZipFile(content) as source:
        largest = max(source.infolist(), key=lambda member: member.file_size)
    start = content.getvalue().rindex(largest.filename.encode()) - 46
    damaged = bytearray(content.getvalue())
    assert damaged[start : start + 4] == b"PK\x01\x02"
    damaged[start + 20 : start + 28] = struct.pack("<II", size, size)
    return bytes(damaged)


def whole(old=False):
    content = io.BytesIO()
    torch.save(model().state_dict(), content, _use_new_zipfile_serialization=not old)
    return content.getvalue()


DAMAGED = [
    (lambda: archive(compressed), "its member .* is compressed: it must be stored as it is"),
    (lambda: archive(program), "it is a TorchScript archive, a program: save its weights alone, with"),
    (lambda: archive(renamed), "it is a zip archive without one data.pkl: it must be written by torch.save"),
    (lambda: claiming(4_000_000_000), r"its members claim 4,000,\d+,\d+ bytes: it must hold them, and"),
    (lambda: pickle.dumps({"model": 1}), "it is a pickle: it must be written by torch.save"),
    (lambda: whole()[:-40], r"it cannot be read \(File is not a zip file\): it must be whole"),
    (lambda: whole(old=True)[:300], "it cannot be read .*: it must be whole"),
    (lambda: whole(old=True)[:-20], "it cannot be read with weights_only .RuntimeError.: it must hold"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(DAMAGED)))
def test_a_damaged_file_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, capsys, number):
    make, sentence = DAMAGED[number]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pt").write_bytes(make())
    with pytest.raises(UserError, match=f"^the file: {sentence}"):
        read(tmp_path / "model.pt")
    assert main(["--mode=import", "--input=model.pt", "--workdir=run"]) == 2
    assert_one_sentence(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def sparse():
    # Without a choice about its checks torch warns.
    with torch.sparse.check_sparse_tensor_invariants():
        return torch.sparse_coo_tensor(torch.zeros(2, 0), torch.zeros(0), (10**6, 10**6))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**6, 10**6),
        torch.zeros(16, 3, device="meta"),
        sparse(),
    ],
    ids=["repeated", "nowhere", "sparse"],
)
def test_a_tensor_that_claims_more_than_it_holds_is_refused(tmp_path, tensor):
    torch.save(model().state_dict() | {"core.weight_hh_l0": tensor}, tmp_path / "model.pt")
    with pytest.raises(
        UserError, match=r"core\.weight_hh_l0 is not a plain dense tensor of numbers"
    ):
        read(tmp_path / "model.pt")


def test_an_import_says_what_the_file_leaves_open(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = model(torch.nn.RNN, nonlinearity="relu", bias=False)
    torch.save(module.state_dict(), "model.ckpt")
    words = ["--mode=import", "--input=model.ckpt", "--config.task.frequencies=1,3"]
    assert main([*words, "--workdir=run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(
        "--input model.ckpt: it has no biases (bias=False) in core: they are zero"
    )
    assert told[1].startswith(
        "--input model.ckpt: it does not say whether its nn.RNN applies tanh or relu"
    )
    assert told[2].endswith("of model.ckpt: rnn of tanh, layers: 1, hidden units: 4")
    assert main([*words, "--config.network.nonlinearity=relu", "--workdir=relu"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3 and "rnn of relu" in told[1]


def test_a_pytorch_that_is_too_old_is_named(tmp_path, monkeypatch):
    torch.save(model().state_dict(), tmp_path / "model.pt")
    monkeypatch.delattr(torch.serialization, "safe_globals")
    with pytest.raises(UserError, match=f"PyTorch is {torch.__version__}".replace("+", r"\+")):
        saved_objects.read(tmp_path / "model.pt", "the file")
