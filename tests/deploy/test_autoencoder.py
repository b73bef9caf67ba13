"""Use of an autoencoder from Python: codes, sequences, words, lines between codes, draws and neighbours."""

import re

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import freqjax
from freqjax import UserError
from freqjax.deploy import export
from freqjax.deploy import torch as interop
from freqjax.deploy.autoencoder import task_of
from freqjax.deploy.autoencoder_training import set_fields
from freqjax.tasks import make_task
from freqjax.tasks.autoencoder.network.encoders import resets_of
from freqjax.tasks.autoencoder.presets import preset
from tests.tasks.autoencoder.made import (
    LINEAR,
    D,
    K,
    T,
    sequences,
    untrained,
    write_sequences,
    write_text,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("autoencoder")
    plain = {"cell": "rnn", "encoder": "recurrent", "decoder": "recurrent"}
    return untrained(folder / "run", {"data": str(write_sequences(folder))}, **plain)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return untrained(folder / "run", write_text(folder), **LINEAR)


def test_a_line_trains_an_autoencoder_and_its_folder_gives_it_again(tmp_path):
    data = write_sequences(tmp_path)
    said = []
    found = freqjax.autoencoder(
        data, workdir=tmp_path / "run", say=said.append,
        numbers=K, epochs=1, diagnose=False, **LINEAR,
    )  # fmt: skip
    assert found.folder == tmp_path / "run"
    assert task_of(found.config).data == str(data)
    assert found.summary["metric"] == "cosine_distance"
    assert any(str(tmp_path / "run") in line for line in said)
    test = found.dataset.test
    outputs = found.decode(found.codes_of(test))[test.mask]
    cosines = np.sum(outputs * test.vectors[test.mask], axis=1)
    cosines /= np.linalg.norm(outputs, axis=1) * np.linalg.norm(test.vectors[test.mask], axis=1)
    assert found.summary["test"]["cosine"] == pytest.approx(cosines.mean(), abs=1e-4)
    again = freqjax.load_autoencoder(tmp_path / "run")
    np.testing.assert_array_equal(again.codes_of(test), found.codes_of(test))


def test_codes_decode_to_what_the_network_gives(trained):
    given = sequences(7, seed=3)
    mask = np.arange(T) < np.array([6, 5, 4, 3, 2, 1, 6])[:, None]
    codes = trained.encode(given, mask)
    xs = jnp.asarray(np.where(mask[..., None], given, 0)).swapaxes(0, 1)
    outputs = trained.network.unroll(trained.trained.params, (), xs, resets_of(mask))[1]
    assert codes.shape == (7, K)
    assert codes.dtype == np.float32
    np.testing.assert_allclose(trained.decode(codes), np.swapaxes(outputs, 0, 1), atol=1e-5)


def test_indices_are_the_levels_of_the_codes(trained):
    codes = trained.encode(sequences(9, seed=4))
    indices = trained.indices(codes)
    assert trained.bits == 8
    assert indices.min() >= 0
    assert indices.max() <= 255
    np.testing.assert_allclose(codes, -1 + indices * 2 / 255, atol=1e-6)


def test_sequences_of_other_lengths_are_padded(trained):
    long, short = sequences(1, seed=5)[0], sequences(1, 4, seed=6)[0]
    listed = trained.encode([long, short])
    np.testing.assert_allclose(listed[1:], trained.encode(short[None]), atol=1e-6)
    masked = np.concatenate([short, np.full((T - 4, D), np.nan)])[None]
    np.testing.assert_allclose(
        listed[1:], trained.encode(masked, np.arange(T)[None] < 4), atol=1e-6
    )


def test_a_line_between_codes_ends_at_them(trained):
    a, b = sequences(2, seed=7)
    found = trained.interpolate(a, b, 5)
    codes = trained.encode([a, b])
    middle = trained.decode((codes[:1] + codes[1:]) / 2)
    np.testing.assert_allclose(found[[0, -1]], trained.decode(codes), atol=1e-5)
    np.testing.assert_allclose(found[2:3], middle, atol=1e-5)
    with pytest.raises(UserError, match="steps is 1: it must be a whole number of at least 2"):
        trained.interpolate(a, b, 1)


def test_draws_have_the_mean_and_covariance_of_the_codes(trained):
    train = trained.dataset.train
    known = trained.codes_of(train)
    drawn = trained.draw_codes(4000, seed=1)
    spread = known.std(axis=0).max()
    np.testing.assert_allclose(drawn.mean(axis=0), known.mean(axis=0), atol=0.1 * spread + 0.01)
    np.testing.assert_allclose(
        np.cov(drawn.T), np.cov(known.T), atol=0.15 * np.abs(np.cov(known.T)).max()
    )
    np.testing.assert_array_equal(trained.draw_codes(3, seed=2), trained.draw_codes(3, seed=2))
    assert np.any(trained.draw_codes(3, seed=2) != trained.draw_codes(3, seed=3))
    found = trained.generate(3, seed=2)
    np.testing.assert_allclose(found, trained.decode(trained.draw_codes(3, seed=2)), atol=1e-6)
    with pytest.raises(UserError, match="count is 0"):
        trained.generate(0)


def test_a_training_sequence_is_nearest_to_itself(trained):
    train = trained.dataset.train
    length = int(train.mask[4].sum())
    found = trained.nearest(train.vectors[4][:length], 3)
    codes = trained.codes_of(train)
    expected = np.sort(np.linalg.norm(codes - codes[4], axis=1))[:3]
    np.testing.assert_allclose(found.distances, expected, atol=1e-6)
    assert found.distances[0] == 0
    assert 4 in found.rows
    np.testing.assert_array_equal(found.sequences, train.vectors[found.rows])
    assert found.groups[0] == trained.dataset.group_names[train.group[found.rows[0]]]
    assert len(trained.nearest(train.vectors[4], 10_000).rows) == len(codes)


def test_a_loaded_network_is_the_same_and_needs_no_data_to_encode_and_decode(trained, tmp_path):
    given = sequences(3, seed=8)
    (tmp_path / "run").symlink_to(trained.folder)
    data = trained.folder.parent / "own.npz"
    data.rename(tmp_path / "elsewhere.npz")
    try:
        loaded = freqjax.load_autoencoder(tmp_path / "run")
        codes = loaded.encode(given)
        np.testing.assert_array_equal(codes, trained.encode(given))
        np.testing.assert_array_equal(loaded.decode(codes), trained.decode(codes))
        with pytest.raises(UserError, match=r"task\.data is .*own\.npz: there is no such file"):
            loaded.nearest(given[0])
    finally:
        (tmp_path / "elsewhere.npz").rename(data)
    assert loaded.summary == {}
    assert task_of(loaded.config).data == str(data)


def test_texts_are_encoded_and_vectors_spelled(words):
    texts = ["Sea, sky, and STONE", "wind rain tree sea sky stone"]
    codes = words.encode(texts)
    vocabulary = words.vocabulary
    rows = vocabulary.rows_of(["wind", "rain", "tree", "sea", "sky", "stone"])
    np.testing.assert_allclose(codes[1:], words.encode(vocabulary.vectors[rows][None]), atol=1e-6)
    assert words.words(vocabulary.vectors[rows][None]) == ["wind rain tree sea sky stone"]
    part = words.part(texts)
    assert words.words(part.vectors, part.mask) == ["sea sky stone", texts[1]]
    assert [len(text.split()) for text in words.words(words.decode(codes))] == [T, T]
    whole, cut = words.decode(codes), words.decode(codes, [3, T])
    np.testing.assert_array_equal(cut[0], np.where(np.arange(T)[:, None] < 3, whole[0], 0))
    np.testing.assert_array_equal(cut[1], whole[1])
    assert [len(text.split()) for text in words.words(cut)] == [3, T]
    assert words.words(np.zeros((1, T, D))) == [""]
    for lengths in ([3], [0, 3], [3, T + 1], [1.5, 2]):
        with pytest.raises(
            UserError, match=r"lengths is given: .* whole numbers \(2,\) from 1 to 6"
        ):
            words.decode(codes, lengths)
    assert words.interpolate(*texts, 3).shape == (3, T, D)
    assert words.nearest(texts[0], 2).distances.shape == (2,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sea sky", "sequences is a text: it must be a list of texts"),
        (["sea sky", "nothing known"], r"sequences\[1\] is a text of 0 words that have vectors"),
        (["sea " * 7], r"sequences\[0\] is a text of 7 words .* from 1 to 6"),
        (["sea", 3], r"sequences\[1\] is no text"),
    ],
)
def test_texts_that_cannot_be_encoded_are_refused(words, given, message):
    with pytest.raises(UserError, match=message):
        words.encode(given)


@pytest.mark.parametrize(
    ("given", "mask", "message"),
    [
        (np.zeros((2, D)), None, r"sequences is an array \(2, 4\)"),
        (np.zeros((2, T + 1, D)), None, "at most 6 samples"),
        (np.zeros((2, T, D + 1)), None, r"numbers \[N, T, 4\]"),
        (np.zeros((0, T, D)), None, r"sequences is an array \(0, 6, 4\)"),
        ([np.zeros((T, D)), np.zeros(D)], None, r"sequences\[1\] is an array \(4,\)"),
        (np.zeros((2, T, D)), np.ones((2, T - 1)), r"mask is an array \(2, 5\)"),
        (np.zeros((2, T, D)), np.eye(2, T) * [[1], [0]], r"mask\[1\] flags nothing"),
        (np.full((1, T, D), np.inf), None, "not finite"),
        (np.full((1, T, D), "a"), None, "it must be numbers"),
        (["a text"], None, r"task\.data is .*own\.npz: it must be a text"),
    ],
)
def test_sequences_that_cannot_be_encoded_are_refused(trained, given, mask, message):
    with pytest.raises(UserError, match=message):
        trained.encode(given, mask)


def test_codes_that_cannot_be_decoded_are_refused(trained):
    with pytest.raises(UserError, match=r"codes is an array \(2, 4\): .* \[N, 3\]"):
        trained.decode(np.zeros((2, K + 1)))
    with pytest.raises(UserError, match="codes holds a number outside its range"):
        trained.decode(np.full((2, K), 1.5))


def test_a_decoder_that_leaks_decodes_no_code(trained, tmp_path):
    leaking = untrained(
        tmp_path / "run",
        {"data": task_of(trained.config).data},
        cell="rnn",
        encoder="recurrent",
        decoder="encoder",
    )
    given = sequences(2)
    codes = leaking.encode(given)
    for use in (
        lambda: leaking.decode(codes),
        lambda: leaking.interpolate(given[0], given[1], 3),
        lambda: leaking.generate(2),
    ):
        with pytest.raises(UserError, match=r"task\.decoder is encoder: it must be one that reads"):
            use()


def test_fields_are_found_by_their_names():
    config = preset("tiny")
    set_fields(config, {"numbers": 5, "epochs": 3, "optimizer.clip": "adaptive", "seed": 4})
    assert task_of(config).numbers == 5
    assert (config.train.epochs, config.train.seed) == (3, 4)
    assert config.optimizer.clip == "adaptive"
    assert config.network.hidden_size == 128
    with pytest.raises(UserError, match="numbrs is not a field: the nearest one is numbers"):
        set_fields(config, {"numbrs": 5})
    with pytest.raises(UserError, match=r"config\.train\.epoch is not a field"):
        set_fields(config, {"train.epoch": 5})
    with pytest.raises(UserError, match="data is given as a field"):
        set_fields(config, {"data": "poems.json"})


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "encoder: linear and recurrent, code: 3 numbers of 8 bits, decoder: parallel"),
        ({"decoder": "slots", "positions": 4}, "decoder: recurrent"),
        ({"encoder": "nearest", "decoder": "curves"}, "encoder: nearest"),
    ],
    ids=str,
)
def test_an_export_is_the_network_at_any_length(tmp_path, monkeypatch, fields, kind):
    monkeypatch.setattr(export, "PLATFORMS", ("cpu",))
    made = untrained(tmp_path / "run", {"data": str(write_sequences(tmp_path))}, **fields).trained
    export.run(made, tmp_path / "out", say=lambda _: None)
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"T is from 1 to {T}, and B is free" in readme and kind in readme
    assert "A carry is an empty tuple: nothing is carried" in readme and "lstm" not in readme
    programs = {
        name: jax.export.deserialize(bytearray((tmp_path / "out" / f"{name}.bin").read_bytes()))
        for name in ("init_carry", "unroll")
    }
    for samples, count in ((T, 2), (1, 3)):
        xs = jnp.asarray(np.swapaxes(sequences(count, samples), 0, 1))
        after, found = programs["unroll"].call(programs["init_carry"].call(xs[0]), xs)
        assert after == ()
        np.testing.assert_allclose(found, made.unroll(xs)[1], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="shapes"):
        programs["unroll"].call((), jnp.zeros((T + 1, 1, D)))
    monkeypatch.chdir(tmp_path)
    (loader,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict = {}
    exec(compile(loader, "README.md", "exec"), names)
    assert names["ys"].shape == (T, 2, D)


def test_a_card_says_of_longer_sequences_what_happens_to_them(trained):
    task = make_task(trained.config.task)
    (said,) = [line for line in task.usage(trained.network).limitations if "longer" in line]
    assert said == (
        f"It reads at most {T} vectors of {D} numbers at a time; longer sequences are refused."
    )
    with pytest.raises(UserError, match=f"at most {T} samples each"):
        trained.encode(sequences(1, T + 1))


def test_the_card_of_words_says_that_texts_in_files_are_cut(words, tmp_path):
    limits = " ".join(make_task(words.config.task).usage(words.network).limitations)
    assert "longer sequences are refused, but a file of text is cut into windows" in limits
    (tmp_path / "a.txt").write_text("sea sky stone tree wind rain " * 2)
    assert len(words.read(tmp_path / "a.txt")[0].mask) > 1
    with pytest.raises(UserError, match=f"it must have from 1 to {T}"):
        words.encode(["sea sky stone tree wind rain " * 2])


def test_it_is_not_written_in_names_of_pytorch(trained, tmp_path):
    with pytest.raises(
        UserError, match=r"^task.name is autoencoder: PyTorch has no such network; "
    ):
        interop.save(tmp_path / "weights.safetensors", trained.trained)
    assert not list(tmp_path.iterdir())


def test_other_networks_are_refused():
    with pytest.raises(UserError, match=r"task\.name is extraction: it must be autoencoder"):
        freqjax.load_autoencoder("clock64")
    with pytest.raises(UserError, match="preset is 'huge': it must be one of tiny"):
        freqjax.autoencoder("poems.json", preset="huge")
