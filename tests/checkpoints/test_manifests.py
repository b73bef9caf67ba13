"""Manifests of any shape: what is not right is damage, named by its field, and other steps are tried."""

import hashlib
import json
import os
import shutil

import jax
import jax.numpy as jnp
import pytest

from freqjax.checkpoints import manifests
from freqjax.checkpoints.leaves import parse
from freqjax.checkpoints.store import CheckpointStore, restore_params
from freqjax.errors import UserError
from tests.checkpoints.checkpoint_victim import state_at


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run with the steps 1 and 2, of which 2 is the best."""
    folder = tmp_path_factory.mktemp("run")
    with CheckpointStore(folder / "checkpoints", warn=pytest.fail) as store:
        for step in (1, 2):
            store.save(step, *state_at(step), {"step": step}, metric=-step)
    return folder


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def edit(run, change, step=2):
    """Change the content of a manifest and seal it again, as another program could."""
    path = manifests.path_of(run / "checkpoints", step)
    content = json.loads(path.read_text())["manifest"]
    content = change(content) or content
    proof = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"sha256": proof, "manifest": content}))


def restored(run):
    """Return the step that a reader gets, and what it is told."""
    said = []
    return restore_params(run, state_at(0)[0], warn=said.append).step, said


def put(*path, value):
    """A change that sets what stands at `path`."""

    def change(content):
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] = value

    return change


def without(name):
    def change(content):
        del content[name]

    return change


DIGEST = "0" * 64
SHAPES = {
    "files, a list": (put("files", value=[1]), "files must be an object"),
    "files, nothing": (put("files", value={}), "files names none of meta"),
    "a file of three": (
        put("files", "meta/x", value=[1, DIGEST, 2]),
        "file 'meta/x' must have a size and a SHA-256",
    ),
    "a size below zero": (
        put("files", "meta/x", value=[-1, DIGEST]),
        "the size of file 'meta/x' must be a whole number",
    ),
    "a short digest": (
        put("files", "meta/x", value=[1, "0"]),
        "the SHA-256 of file 'meta/x' must be 64 hexadecimal digits",
    ),
    "metric, a word": (put("metric", value="best"), "metric must be a finite number or null"),
    "metric, a list": (put("metric", value=[1]), "metric must be a finite number or null"),
    "metric, no number": (
        put("metric", value=float("nan")),
        "metric must be a finite number or null",
    ),
    "metric, true": (put("metric", value=True), "metric must be a finite number or null"),
    "keep, missing": (without("keep"), "keep must be true or false"),
    "keep, a number": (put("keep", value=1), "keep must be true or false"),
    "version, missing": (without("format_version"), "format_version must be a whole number"),
    "version, a word": (put("format_version", value="1"), "format_version must be a whole number"),
    "leaves, a list": (put("leaves", value=[]), "leaves must be those of params and of training"),
    "leaves, others": (
        put("leaves", "other", value=[]),
        "leaves must be those of params and of training",
    ),
    "leaves of params, an object": (put("leaves", "params", value={}), "leaves must be a list"),
    "a leaf of one": (
        put("leaves", "params", value=[["x"]]),
        "a leaf must be its name, shape, dtype and key_impl",
    ),
    "a shape of words": (
        put("leaves", "params", value=[["x", ["a"], "float32", None]]),
        "the shape of leaf 'x' must be a list of whole numbers",
    ),
    "a generator that is none": (
        put("leaves", "training", value=[["x", [], "key<fry>", "evil"]]),
        "leaf 'x' has a dtype that JAX does not have",
    ),
    "a dtype that is none": (
        put("leaves", "params", value=[["x", [], "O", None]]),
        "leaf 'x' has a dtype that JAX does not have",
    ),
    "two of one name": (
        put("leaves", "params", value=2 * [["x", [], "float32", None]]),
        "two leaves have the same name",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_sealed_manifest_of_another_shape_is_damage(run, name):
    change, reason = SHAPES[name]
    edit(run, change)
    step, said = restored(run)
    assert step == 1
    assert len(said) == 1
    assert said[0].startswith(f"checkpoint {run / 'checkpoints' / '2'} is damaged: its manifest ")
    assert said[0].endswith(f"2.json is not of the right form: {reason}.")


@pytest.mark.parametrize("content", ["5", "[]", "{}", '{"manifest": 5, "sha256": ""}', "[" * 10**5])
def test_a_manifest_that_is_no_manifest_is_damage(run, content):
    manifests.path_of(run / "checkpoints", 2).write_text(content)
    assert restored(run)[0] == 1


@pytest.mark.parametrize(
    "name",
    [
        "/dev/zero", "../1/meta/metadata", "meta/../../1/meta/metadata", "meta/./metadata", "meta//metadata",
        "C:/x", "..\\x", "meta/\0", "",
    ],
)  # fmt: skip
def test_a_manifest_names_files_of_its_step_alone(run, name):
    edit(run, put("files", name, value=[0, DIGEST]))
    step, said = restored(run)
    assert step == 1
    assert f"{name!r} is not the name of a file in the step's folder" in said[0]


def outside(tmp_path, file):
    """Put a link to an equal file elsewhere in the place of `file`."""
    shutil.copy(file, tmp_path / "elsewhere")
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
@pytest.mark.parametrize("kind", ["pipe", "device", "link", "folder"])
def test_only_regular_files_are_read(run, tmp_path, kind):
    file = run / "checkpoints" / "2" / "meta" / "metadata"
    if kind == "link":
        outside(tmp_path, file)
    else:
        file.unlink()
        if kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        else:
            file.symlink_to("/dev/zero")
    step, said = restored(run)
    assert step == 1
    assert said[0].endswith("its meta/metadata is not a file in its folder.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_a_manifest_that_is_a_pipe_is_not_waited_for(run):
    path = manifests.path_of(run / "checkpoints", 2)
    path.unlink()
    os.mkfifo(path)
    step, said = restored(run)
    assert step == 1 and said[0].endswith("2.json is not a file.")


def test_a_file_of_another_length_is_not_read(run, monkeypatch):
    file, original = run / "checkpoints" / "2" / "meta" / "metadata", manifests._fingerprint
    file.write_bytes(file.read_bytes() + b" ")

    def fingerprint(path):
        assert path != file
        return original(path)

    monkeypatch.setattr(manifests, "_fingerprint", fingerprint)
    step, said = restored(run)
    assert step == 1 and "its file meta/metadata differs from the manifest" in said[0]


def test_arrays_that_memory_does_not_hold_are_refused_before_they_are_made(run):
    shape = [2**40, 2**20]
    edit(run, put("leaves", "params", value=[["w", shape, "float32", None]]))
    wide = {"w": jax.ShapeDtypeStruct(tuple(shape), jnp.float32)}
    with pytest.raises(
        UserError, match=r"checkpoints/2 holds arrays of 4\.61e\+09 GB, and this mach"
    ):
        restore_params(run / "checkpoints" / "2", wide, warn=pytest.fail)


def test_arrays_that_are_not_those_of_the_manifest_are_not_read(run):
    leaf = ["Dense_0/kernel", [64, 33], "float32", None]
    edit(run, put("leaves", "params", value=[leaf]))
    template = {"Dense_0": {"kernel": jax.ShapeDtypeStruct((64, 33), jnp.float32)}}
    with pytest.raises(
        UserError, match=r"its Dense_0/kernel is float32\[64,32\], and float32\[64,33\] in"
    ):
        restore_params(run / "checkpoints" / "2", template, warn=pytest.fail)


def test_leaves_of_every_type_are_parsed():
    values = [
        ["a", [2, 0], "bfloat16", None],
        ["k", [3], "key<rbg>", "rbg"],
        ["b", [], "bool", None],
    ]
    assert [list(leaf) for leaf in parse(values)] == [
        [name, tuple(shape), *rest] for name, shape, *rest in values
    ]
