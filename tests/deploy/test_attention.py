"""Classifiers of attention against modules of PyTorch with the same arrays, both ways."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from freqjax import ClassifierConfig, Config, NetworkConfig, TrainConfig, UserError
from freqjax.config import sections as configs
from freqjax.deploy import export, stream
from freqjax.deploy import torch as interop
from freqjax.deploy.torch import attention
from freqjax.deploy.trained import Trained, load
from freqjax.main import main
from freqjax.networks import count_parameters
from freqjax.tasks import make_task
from freqjax.tasks.classifier import parts
from freqjax.tasks.classifier.network.layout import Layout
from freqjax.training.prepared import Prepared
from tests.tasks.classifier.test_task import write

L, B, C = 12, 5, 3
CHANNELS = {"pose": 6, "path": 2}
# Of a published form: pose of 72 numbers and trajectory of 2.
PUBLISHED = {"pose": 72, "path": 2}


def network_of(encoder, size=16, layers=2, heads=4, channels=CHANNELS, **fields):
    task = ClassifierConfig(encoder=encoder, layers=layers, heads=heads, dropout=0.0, **fields)
    config = NetworkConfig(cell="gru", hidden_size=size)
    return parts.make(task, config, Layout(L, channels), C, C)


def drawn(network, seed=1) -> Any:
    """Return arbitrary weights, none of them zero."""
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    return jax.tree.map(
        lambda leaf: jnp.asarray(0.3 * random.normal(size=leaf.shape), jnp.float32), shapes
    )


def twin(torch, encoder, size, layers, heads, channels, outputs):
    """Make the modules that `freqjax.deploy.torch.attention` lists."""
    nn, pooled = torch.nn, encoder == "pooled"

    def tokens(count):
        if not pooled:
            return nn.Linear(4 * (count + 1), size)
        return nn.Sequential(
            nn.Conv1d(count, size // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(size // 2, size, 3, padding=1),
            nn.ReLU(),
        )

    layer = nn.TransformerEncoderLayer(
        size, heads, 4 * size, dropout=0.0, activation="relu" if pooled else "gelu",
        batch_first=True, norm_first=not pooled,
    )  # fmt: skip
    last = None if pooled else nn.LayerNorm(size)
    model = nn.Module()
    model.reader = nn.Parameter(torch.zeros(size))
    model.kinds = nn.Parameter(torch.zeros(len(channels), size))
    model.tokens = nn.ModuleDict({name: tokens(count) for name, count in channels.items()})
    if pooled:
        model.last = nn.ModuleDict({name: nn.Linear(size, size) for name in channels})
    model.encoder = nn.TransformerEncoder(layer, layers, last, enable_nested_tensor=False)
    model.norm, model.head = nn.LayerNorm(size), nn.Linear(size, outputs)
    return model


def run_twin(torch, model, parts, pooled):
    """Classify windows as a script of PyTorch would: {modality: ([B, L, F], [B, L])} → [B, O]."""
    tokens, hidden = [model.reader.expand(B, 1, -1)], [torch.zeros(B, 1, dtype=torch.bool)]
    for number, (name, (values, present)) in enumerate(parts.items()):
        values, present = torch.from_numpy(values), torch.from_numpy(present)
        if pooled:
            found = model.tokens[name](values.transpose(1, 2)).transpose(1, 2)
            share = present.float() / present.sum(1, keepdim=True).clamp(min=1)
            own = model.last[name]((found * share[..., None]).sum(1, keepdim=True))
            here = present.any(1, keepdim=True)
        else:
            patches = torch.cat([values, present[..., None].float()], -1).reshape(B, L // 4, -1)
            place = torch.arange(L // 4)[:, None]
            size = model.reader.shape[0]
            angle = place * 10_000.0 ** (-2 * torch.arange(size // 2) / size)
            own = model.tokens[name](patches) + torch.cat([angle.sin(), angle.cos()], 1)
            here = present.reshape(B, L // 4, 4).any(-1)
        tokens.append(own + model.kinds[number])
        hidden.append(~here)
    mask = torch.cat(hidden, 1)
    found = model.encoder(torch.cat(tokens, 1), src_key_padding_mask=mask)[:, 0]
    return model.head(model.norm(found))


def windows(seed=0) -> Any:
    """Draw {modality: (values, present)} with a missing modality, and a window with missing samples."""
    random = np.random.default_rng(seed)
    found = {}
    for name, count in CHANNELS.items():
        present = np.ones((B, L), bool)
        if name == "path":
            present[1] = False
            present[2, 3:9] = False
        values = random.normal(size=(B, L, count)).astype(np.float32) * present[..., None]
        found[name] = (values.astype(np.float32), present)
    return found


def inputs_of(parts) -> Any:
    """Return a step's inputs [1, B, D]."""
    values = [value.reshape(B, -1) for value, _ in parts.values()]
    flags = [present.astype(np.float32) for _, present in parts.values()]
    return np.concatenate([*values, *flags], axis=1)[None]


@pytest.mark.parametrize("encoder", ["pooled", "transformer"])
def test_outputs_are_those_of_pytorch_by_the_weights_of_either(encoder):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    network, given = network_of(encoder), windows()
    resets: Any = np.zeros((1, B), bool)
    params = drawn(network)
    model = twin(torch, encoder, 16, 2, 4, CHANNELS, C)
    arrays = attention.from_params(params)
    model.load_state_dict({name: torch.tensor(a) for name, a in arrays.items()}, strict=True)
    with torch.no_grad():
        wanted = run_twin(torch, model.eval(), given, encoder == "pooled").numpy()
    found = np.asarray(network.unroll(params, (), inputs_of(given), resets)[1])[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)

    # PyTorch's own weights, whose keys have a bias that changes nothing.
    torch.manual_seed(3)
    model = twin(torch, encoder, 16, 2, 4, CHANNELS, C)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
        wanted = run_twin(torch, model.eval(), given, encoder == "pooled").numpy()
    theirs = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = attention.to_params(theirs, shapes, "here")
    found = np.asarray(network.unroll(params, (), inputs_of(given), resets)[1])[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "layers", "heads", "published"), [(256, 4, 8, 3_881_091), (64, 2, 4, 151_459)]
)
def test_the_published_counts_are_those_of_its_modules(size, layers, heads, published):
    """Beside what is classified by: a second head, for a confidence, and two heads of pretraining."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: twin not checked")
    nn = torch.nn

    def count(module):
        return sum(weight.numel() for weight in module.parameters())

    own = count(twin(torch, "pooled", size, layers, heads, PUBLISHED, 2))
    confidence = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 1))
    rebuilt = nn.Sequential(
        nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size)
    )
    projected = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size // 2))
    assert own + sum(map(count, (confidence, rebuilt, projected))) == published
    task = ClassifierConfig(encoder="pooled", layers=layers, heads=heads)
    config = NetworkConfig(hidden_size=size)
    network = parts.make(task, config, Layout(60, PUBLISHED), 2, 2)
    params = jax.eval_shape(network.init, jax.random.key(0))
    # No bias of the keys, which changes no output.
    assert count_parameters(params) == own - layers * size


@pytest.mark.parametrize("encoder", ["pooled", "transformer"])
@pytest.mark.parametrize("context", ["none", "past", "both"])
def test_arrays_there_and_back_are_the_same(encoder, context):
    network = network_of(encoder, context=context)
    params = drawn(network)
    again = attention.to_params(attention.from_params(params), params, "here")
    assert jax.tree.structure(again) == jax.tree.structure(params)
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_of_another_network_are_refused():
    network = network_of("pooled")
    params = drawn(network)
    arrays = attention.from_params(params)
    with pytest.raises(UserError, match=r"here: it has no head\.weight"):
        attention.to_params({k: v for k, v in arrays.items() if k != "head.weight"}, params, "here")
    with pytest.raises(UserError, match=r"kinds has shape \(1, 16\): it must be \(2, 16\)"):
        attention.to_params(arrays | {"kinds": arrays["kinds"][:1]}, params, "here")
    with pytest.raises(UserError, match="it holds more, which is none of the network"):
        attention.to_params(arrays | {"more": arrays["kinds"]}, params, "here")
    broken = arrays | {"kinds": np.full((2, 16), np.nan, np.float32)}
    with pytest.raises(UserError, match="kinds holds a value that is not finite"):
        attention.to_params(broken, params, "here")


def trained(tmp_path, **fields) -> Trained:
    config = Config(
        task=ClassifierConfig(
            data=str(write(tmp_path / "a.npz")), folds=4, layers=1, baseline_kernels=84, **fields
        ),
        network=NetworkConfig(hidden_size=8),
        train=TrainConfig(regime="examples"),
    )
    return Trained(config, drawn(Trained(config, {}).network))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_file_is_read_under_its_config(tmp_path, suffix):
    if suffix == ".pt":
        pytest.importorskip("torch", reason="PyTorch is not installed: .pt not written")
    network, path = trained(tmp_path, encoder="pooled"), tmp_path / f"weights{suffix}"
    interop.save(path, network)
    again = interop.load(path, network.config)
    xs = np.random.default_rng(0).normal(size=(1, 4, make_task(network.config.task).input_size))
    np.testing.assert_array_equal(again.unroll(xs)[1], network.unroll(xs)[1])


@pytest.mark.parametrize(
    "fields",
    [{"encoder": "convolutions"}, {"encoder": "recurrent"}, {"encoder": "pooled", "members": 2}],
    ids=str,
)
def test_a_classifier_that_pytorch_lacks_is_not_written(tmp_path, fields):
    with pytest.raises(UserError, match=r"^task.name is classifier: PyTorch has no such network; "):
        interop.save(tmp_path / "weights.safetensors", trained(tmp_path, **fields))
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("fields", "named", "said", "carried"),
    [
        (
            {"encoder": "pooled"},
            True,
            "parameters (classifier, encoder: transformer of 8 features)",
            "an empty tuple: nothing is carried from one call to the next.",
        ),
        (
            {"encoder": "convolutions", "context": "past", "windows": 3, "members": 2},
            False,
            "parameters (ensemble of 2, each a classifier, encoder: convolutions of 24 features, reader of "
            "the windows before: 8 hidden units)",
            "a tuple of 2 arrays: float32 [B, 2, 3, 24], bool [B, 2, 3].",
        ),
    ],
)
def test_an_exported_classifier_is_the_network(tmp_path, monkeypatch, fields, named, said, carried):
    monkeypatch.setattr(export, "PLATFORMS", ("cpu",))
    network = trained(tmp_path, **fields)
    export.run(network, tmp_path / "out", say=lambda _: None)
    arrays = safetensors.numpy.load_file(tmp_path / "out" / "weights.safetensors")
    assert ("head.weight" in arrays) == named
    assert sum(array.size for array in arrays.values()) >= count_parameters(network.params)
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert said in readme and "lstm" not in readme and "T and B are free" in readme
    assert f"A carry is {carried}" in readme

    def program(name):
        content = (tmp_path / "out" / name).read_bytes()
        return jax.export.deserialize(bytearray(content)).call

    for count, batch in ((1, 3), (5, 2)):
        xs = np.random.default_rng(0).normal(
            size=(count, batch, make_task(network.config.task).input_size)
        )
        xs = jnp.asarray(xs, jnp.float32)
        _, found = program("unroll.bin")(program("init_carry.bin")(xs[0]), xs)
        np.testing.assert_allclose(found, network.unroll(xs)[1], atol=1e-5)


# The mode import.


def run_of(words, capsys):
    """Run a command; return its exit code and what it said."""
    code = main(words.split())
    captured = capsys.readouterr()
    return code, captured.out + captured.err


@pytest.mark.parametrize(
    ("encoder", "fields"),
    [("pooled", {}), ("transformer", {"length": 16, "context": "past", "windows": 2})],
)
def test_an_import_makes_a_run_that_other_modes_take(
    tmp_path, monkeypatch, capsys, encoder, fields
):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: .pt not written")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "PLATFORMS", ("cpu",))
    network = trained(tmp_path, encoder=encoder, **fields)
    interop.save("alone.pt", network)
    # As training scripts save it, beside what an optimiser keeps.
    optimizer = {"state": {0: {"exp_avg": torch.zeros(3)}}}
    torch.save({"optimizer": optimizer, "model": torch.load("alone.pt")}, "weights.pt")
    Path("config.json").write_text(json.dumps(configs.to_dict(network.config)))
    words = "--mode import --input weights.pt --workdir run --config config.json"
    code, said = run_of(words, capsys)
    kind = f"{encoder} classifier, layers: 1, heads: 4, hidden units: 8"
    assert (
        code == 0
        and f"{count_parameters(network.params):,} parameters of weights.pt: {kind}" in said
    )
    again = load("run")
    assert again.config == network.config
    assert jax.tree.structure(again.params) == jax.tree.structure(network.params)
    prepared: Any = Prepared(network.config)
    for name in prepared.batches:
        xs = np.swapaxes(np.asarray(prepared.rows(name).inputs), 0, 1)
        np.testing.assert_array_equal(again.unroll(xs)[1], network.unroll(xs)[1])

    assert run_of("--mode evaluate --checkpoint run --workdir run --no-figures", capsys)[0] == 0
    found = json.loads(Path("run/evaluation.json").read_text())
    loss = prepared.frozen_losses(network.params, "test").mean
    assert found["test"][prepared.task.objective.metric] == pytest.approx(loss, rel=1e-5)
    assert run_of("--mode export --checkpoint run --output out", capsys)[0] == 0
    arrays = safetensors.numpy.load_file("out/weights.safetensors")
    for name, array in attention.from_params(network.params).items():
        np.testing.assert_array_equal(arrays[name], array)

    answers = []
    window = prepared.task.dataset.test.inputs["motion"][0]
    monkeypatch.setattr(stream, "run", lambda own, _: answers.append(own.advance(window)) or 0)
    assert run_of("--mode stream --checkpoint run", capsys)[0] == 0
    wanted = prepared.task.judged(prepared.frozen(network.params)).probabilities["test"]
    np.testing.assert_allclose(answers[0], wanted[:1], atol=1e-5)


def test_the_config_in_a_file_is_that_of_its_import(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = trained(tmp_path, encoder="pooled")
    interop.save("weights.safetensors", network)
    code, said = run_of("--mode import --input weights.safetensors --workdir run", capsys)
    assert code == 0, said
    assert load("run").config == network.config
    xs = np.random.default_rng(0).normal(size=(1, 4, make_task(network.config.task).input_size))
    np.testing.assert_array_equal(load("run").unroll(xs)[1], network.unroll(xs)[1])


def test_fields_of_the_command_line_are_a_config(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch", reason="PyTorch is not installed: .pt not written")
    monkeypatch.chdir(tmp_path)
    network = trained(tmp_path, encoder="pooled")
    interop.save("weights.pt", network)
    words = (
        "--mode import --input weights.pt --workdir run --config.task.name=classifier "
        "--config.task.data=a.npz --config.task.folds=4 --config.task.encoder=pooled "
        "--config.task.layers=1 --config.network.hidden_size=8 --config.train.regime=examples"
    )
    code, said = run_of(words, capsys)
    assert code == 0, said
    xs = np.random.default_rng(0).normal(size=(1, 4, make_task(network.config.task).input_size))
    np.testing.assert_array_equal(load("run").unroll(xs)[1], network.unroll(xs)[1])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("", r"--input it\.safetensors: tokens\.motion\.weight has shape"),
        ("--config.task.encoder=convolutions", "task.encoder is convolutions: it must be transf"),
        (
            "--config.task.encoder=pooled",
            r"--input it\.safetensors: it has no last\.motion\.weight",
        ),
        ("--config.task.pretraining=5", "task.pretraining is 5: it must be 0 to take the weights"),
        ("--config.task.members=2", "task.members is 2: it must be 1 to take the weights"),
        ("--config.task.layers=2", r"--input it\.safetensors: it has no encoder\.layers\.1"),
        ("--config.task.context=past --config.network.cell=lru", "network.cell is lru: it must be"),
    ],
)
def test_a_mistaken_import_is_one_sentence(tmp_path, monkeypatch, capsys, fields, sentence):
    monkeypatch.chdir(tmp_path)
    network = trained(tmp_path, encoder="transformer", derived=not fields)
    interop.save("it.safetensors", network)
    wanted = fields or "--config.task.derived=false"
    code, said = run_of(f"--mode import --input it.safetensors --workdir run {wanted}", capsys)
    assert code == 2 and re.match(f"freqjax: {sentence}", said) and said.count("\n") == 1
    assert not Path("run").exists()


def test_attention_without_a_config_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = trained(tmp_path, encoder="transformer")
    safetensors.numpy.save_file(attention.from_params(network.params), "bare.safetensors")
    code, said = run_of("--mode import --input bare.safetensors --workdir run", capsys)
    assert code == 2 and said.count("\n") == 1
    assert "it holds encoder.layers.0.self_attn.in_proj_weight, of attention, and no config" in said


def test_values_that_float32_does_not_hold_are_refused():
    network = network_of("pooled")
    params = drawn(network)
    arrays = attention.from_params(params)
    arrays["kinds"] = arrays["kinds"].astype(np.float64)
    again = attention.to_params(arrays, params, "here")
    np.testing.assert_array_equal(again["encoder"]["kinds"], params["encoder"]["kinds"])
    with pytest.raises(UserError, match="kinds holds float64 values that float32 cannot hold"):
        attention.to_params(arrays | {"kinds": arrays["kinds"] + 1e-12}, params, "here")
