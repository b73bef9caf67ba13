"""The command line: what each mode leaves, and that every mistake is one sentence and leaves nothing."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import freqjax
from freqjax import UserError
from freqjax.checkpoints.store import CheckpointStore
from freqjax.commandline import parse
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.main import main
from freqjax.modes import FLAGS, MODES
from freqjax.tasks import make_task
from tests.root import ROOT
from tests.sentences import assert_one_sentence
from tests.twins import tiny_config

# Twenty rows a block; ten go into an update.
_TBPTT = {"regime": "tbptt", "truncation": 10}
_TOY = "tests.config.toys:Toy"
_CONFIG_FILE = f"""from tests.twins import tiny_config


def get_config():
    return tiny_config(train={_TBPTT})
"""
# What a clock or a process measures differs from run to run, and so do checksums of it.
_MEASURED = ("seconds", "memory_mb", "wall_seconds", "crc32", "sha256")
_ONLY_TRAINING_KNOWS = {
    "prequential_mse",
    "prequential_mse_per_frequency",
    "frozen_prequential_ratio",
    "wall_seconds",
    "stop_reason",
    "epochs",
    "updates",
    "distinct_rows",
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Return a folder with config.py and run/, a run of it with overrides; nothing may write there."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "config.py").write_text(_CONFIG_FILE)
    words = [
        "--config.network.learned_carry", "true", "--config.optimizer.clip_norm=2",
        "--config", str(folder / "config.py"), "--workdir", str(folder / "run"),
        "--config.optimizer.clip_norm", "none", "--config.optimizer.learning_rate=2e-3",
    ]  # fmt: skip
    assert main(words) == 0
    return folder


@pytest.fixture
def invoke(tmp_path, monkeypatch, capsys):
    """Call the program in an empty folder; return (code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


def start(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Start the program as a subprocess."""
    return subprocess.run(
        [sys.executable, "-m", "freqjax.main", *map(str, words)],
        cwd=folder,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def read_json(path: Path):
    return json.loads(path.read_text())


def without_measurements(values: dict) -> dict:
    return {key: value for key, value in values.items() if key not in _MEASURED}


def metrics(folder: Path) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [without_measurements(json.loads(line)) for line in lines]


def contents(*folders: Path) -> dict[Path, int]:
    """Return every file and folder, with the time it was last written to."""
    return {
        path: path.stat().st_mtime_ns for folder in folders for path in [folder, *folder.rglob("*")]
    }


# Help.


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--nonsense", "--help"]])
def test_help_alone_lists_the_modes_in_a_screen(invoke, words):
    code, text, error = invoke(*words)
    assert (code, error) == (0, "")
    assert re.findall(r"^  (\w+) +(.*?)(?: \(default\))?$", text, re.MULTILINE)[: len(MODES)] == [
        (name, mode.doc) for name, mode in MODES.items()
    ]
    assert "usage: freqjax MODE" in text
    assert "python -m freqjax.main" in text
    assert {*re.findall(r"\w+", text)} >= {"quick", "clock64", "completion"}
    assert len(text.splitlines()) <= 30


@pytest.mark.parametrize("name", MODES)
def test_help_of_a_mode_lists_its_flags_in_a_screen(invoke, name):
    code, text, error = invoke(name, "--help")
    assert (code, error) == (0, "")
    assert invoke(f"--mode={name}", "--nonsense", "--help") == (code, text, error)
    assert invoke("--help", "--mode", name) == (code, text, error)
    mode = MODES[name]
    assert mode.doc in text
    listed = dict(re.findall(r"^  --([\w-]+) +(.*)$", text, re.MULTILINE))
    assert listed == {flag: FLAGS[flag].doc for flag in mode.flags}
    assert len(text.splitlines()) <= 30


@pytest.mark.parametrize(
    ("words", "config"),
    [
        (["--config", "quick"], freqjax.load_config("quick")),
        (["train", "--config=sweep_seeds"], freqjax.load_config("sweep_seeds")),
        (["--config", "CONFIG"], tiny_config(train=_TBPTT)),
        (["--config.task.name=tests.config.toys:Toy"], configs.default_config(_TOY)),
        (
            [
                "sweep",
                "--config=default",
                f"--config.task.name={_TOY}",
                "--config.task.noise=fixed",
            ],
            None,
        ),
    ],
)
def test_help_of_a_config_lists_its_fields(inputs, invoke, words, config):
    code, text, error = invoke(
        *[str(inputs / "config.py") if w == "CONFIG" else w for w in words], "-h"
    )
    assert (code, error) == (0, "")
    listed = re.findall(r"^  --config\.(\S+?)=(.*)((?:\n {6}.*)+)$", text, re.MULTILINE)
    if config is None:  # a config under another task
        pairs = [("task.name", _TOY), ("task.noise", "fixed")]
        config = overrides.apply(freqjax.load_config("default"), pairs)
    assert len(listed) == sum(len(dataclasses.fields(s)) for _, s in configs.sections(config))
    # What it shows can be given back.
    base = configs.default_config(config.task.name)
    assert overrides.apply(base, [(name, value) for name, value, _ in listed]) == config
    for name, _, words in listed:
        section, field = name.split(".")
        metadata = type(getattr(config, section)).__dataclass_fields__[field].metadata
        said = " ".join(words.split())
        assert said.startswith(" ".join(metadata["doc"].split()))
        assert metadata["allowed"] == "any" or said.endswith(metadata["allowed"])


def test_the_version(invoke):
    assert invoke("--version") == (0, f"freqjax {freqjax.__version__}\n", "")


# Train.


def test_train_leaves_a_run(inputs):
    names = {path.name for path in (inputs / "run").iterdir()}
    assert {
        "config.json",
        "metrics.jsonl",
        "summary.json",
        "report.md",
        "CARD.md",
        "checkpoints",
    } <= names
    assert read_json(inputs / "run" / "summary.json")["stop_reason"] == "epochs_done"
    assert not (inputs / "__pycache__").exists()  # an older config.py must not be run from there


def test_the_config_json_of_a_run_repeats_it(inputs, tmp_path, invoke):
    run = inputs / "run"
    code, text, error = invoke("--mode", "train", "--device=cpu", "--config", run / "config.json")
    assert (code, error) == (0, "")
    (again,) = (tmp_path / "runs").iterdir()  # where no --workdir is given
    assert f"everything: runs/{again.name}" in text
    assert (again / "config.json").read_bytes() == (run / "config.json").read_bytes()
    assert metrics(again) == metrics(run)
    first, second = (without_measurements(read_json(f / "summary.json")) for f in (run, again))
    assert first == second


def test_overrides_take_an_equals_sign_or_a_space(inputs):
    expected = tiny_config(
        train=_TBPTT,
        network={"learned_carry": True},
        optimizer={"clip_norm": None, "learning_rate": 0.002},
    )
    assert validation.from_dict(read_json(inputs / "run" / "config.json"), "here") == expected


def test_a_mode_is_a_word_or_a_flag(inputs, invoke):
    for words in (["generate"], ["--mode", "generate"], ["--mode=generate"]):
        out = f"{len(words[0])}-{len(words)}.csv"
        code, text, error = invoke(*words, "--config", inputs / "config.py", "--out", out)
        assert (code, text, error) == (0, f"wrote 40 rows to {out}\n", "")


def test_a_task_alone_is_a_config_of_its_defaults(invoke):
    words = ("generate", "--config.task.name=extraction", "--config.task.duration=0.05")
    code, text, error = invoke(*words, "--out", "a.csv")
    assert (code, text, error) == (0, "wrote 200 rows to a.csv\n", "")


def test_what_a_killed_generate_left_is_removed(invoke):
    left = Path(f".a.csv.{'0' * 16}")
    left.write_text("")
    os.utime(left, (0, 0))
    words = ("generate", "--config.task.name=extraction", "--config.task.duration=0.05")
    assert invoke(*words, "--out", "a.csv")[0] == 0
    assert not left.exists() and Path("a.csv").exists()


def test_a_resume_needs_no_config(inputs, invoke):
    before = contents(inputs)
    code, text, error = invoke("train", "--resume", "--workdir", inputs / "run")
    assert (code, error) == (0, "")
    assert "is finished" in text
    after = contents(inputs)
    assert {path.name for path in after if after[path] != before.get(path)} <= {".lock"}


# Evaluate.


def evaluate(invoke, folder: Path, checkpoint: Path, *words: object) -> dict:
    """Evaluate into `folder` and return evaluation.json."""
    code, text, error = invoke(
        "--mode=evaluate", "--checkpoint", checkpoint, "--workdir", folder, *words
    )
    assert (code, error) == (0, "")
    assert f"everything: {folder}" in text
    phases = ["evaluating the weights, the baselines and the limit …"]
    if not {"--no-figures", "--nofigures"} & set(words):
        phases.append("drawing the figures …")
    assert [line for line in text.splitlines() if line.endswith(" …")] == phases
    return read_json(folder / "evaluation.json")


def test_evaluate_says_what_the_summary_said(inputs, tmp_path, invoke):
    before = contents(inputs)
    found = evaluate(invoke, tmp_path / "new", inputs / "run", "--no-figures")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {".lock", "evaluation.json"}
    summary = read_json(inputs / "run" / "summary.json")
    del summary["sha256"]  # a checksum of the summary alone
    assert list(found) == list(summary)
    assert {key for key, value in found.items() if value is None} == _ONLY_TRAINING_KNOWS
    assert found == summary | dict.fromkeys(_ONLY_TRAINING_KNOWS)
    assert contents(inputs) == before


def test_evaluate_takes_the_folder_of_a_step(inputs, tmp_path, invoke):
    before = contents(inputs)
    step = inputs / "run" / "checkpoints" / "4"
    found = evaluate(invoke, tmp_path / "new", step)
    assert contents(inputs) == before
    assert len(list((tmp_path / "new" / "evaluation").glob("*.png"))) >= 5
    assert [*found, "sha256"] == list(read_json(inputs / "run" / "summary.json"))
    assert found["weights"] == "step 4"
    np.testing.assert_allclose(
        found["train"]["mse"], metrics(inputs / "run")[0]["frozen_mse"], rtol=1e-6
    )


def test_another_test_seed_changes_the_test_alone(inputs, tmp_path, invoke):
    found = evaluate(
        invoke, tmp_path / "new", inputs / "run", "--nofigures", "--config.task.test_seed=3"
    )
    summary = read_json(inputs / "run" / "summary.json")
    changed = {key for key in found if found[key] != summary[key]} - _ONLY_TRAINING_KNOWS
    assert changed == {"test", "score", "score_per_frequency", "train_test_ratio", "probes"}
    assert found["test"]["mse"] != summary["test"]["mse"]


def test_evaluate_needs_no_config_that_can_be_trained(inputs, tmp_path, invoke):
    trained = freqjax.load(inputs / "run")
    config = trained.config
    config.train.truncation, config.train.evaluate_every, config.train.patience = 7, 0, 1
    with CheckpointStore(tmp_path / "old" / "checkpoints", warn=print) as store:
        store.save(1, trained.params, {}, {"config": configs.to_dict(config)}, metric=0.0)
    (tmp_path / "old.json").write_text(json.dumps(configs.to_dict(config)))
    assert invoke("--config=old.json", "--workdir=run")[0] == 2
    found = evaluate(invoke, tmp_path / "new", tmp_path / "old", "--no-figures")
    assert found["train"] == read_json(inputs / "run" / "summary.json")["train"]


def test_a_run_of_version_0_1_evaluates_and_says_so_once(tmp_path, invoke):
    """The shipped network, which version 0.1 wrote, as a user's own; as it ships, nothing is said."""
    shutil.copytree(ROOT / "checkpoints" / "clock64", tmp_path / "old")
    words = ("--no-figures", "--config.task.duration=0.5")
    code, text, error = invoke("evaluate", "--checkpoint=old", "--workdir=a", *words)
    assert code == 0
    assert "version 0.1" not in text
    (line,) = error.splitlines()
    assert line.startswith(
        "freqjax: the checkpoint old: it is of version 0.1, and this version reads network.rotor"
    )
    code, text, error = invoke("evaluate", "--checkpoint", "clock64", "--workdir=b", *words)
    assert (code, error) == (0, "")
    assert "of version" not in text
    assert read_json(tmp_path / "a" / "evaluation.json") == read_json(
        tmp_path / "b" / "evaluation.json"
    )


# Generate.


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_generated_rows_are_read_back(inputs, tmp_path, invoke, suffix):
    task = make_task(tiny_config().task)
    for split, blocks in (("train", task.rows("train")), ("test", task.rows("test"))):
        path = tmp_path / f"{split}.{suffix}"
        words = () if split == "train" else ("--split", split)
        code, text, error = invoke(
            "--mode", "generate", "--config", inputs / "config.py", "--out", path, *words
        )
        assert (code, text, error) == (0, f"wrote 40 rows to {path}\n", "")
        read = make_task(tiny_config(task={"train_path": str(path)}).task).rows("train")
        for field, written in blocks._asdict().items():
            np.testing.assert_array_equal(getattr(read, field), written, strict=True)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"train.{suffix}", f"test.{suffix}"}


def test_generate_follows_the_overrides(inputs, tmp_path, invoke):
    words = ("--mode=generate", "--config", inputs / "config.py")
    code, text, _ = invoke(*words, "--out=a.csv", "--config.task.duration", "2.5")
    assert (code, text) == (0, "wrote 100 rows to a.csv\n")
    again = ("--config.task.duration=2.5", "--config.task.train_path=a.csv")
    assert invoke(*words, *again, "--out=b.csv")[0] == 0
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


# Mistakes.

_TRAIN = "--config CONFIG --workdir new"
_EVALUATE = "--mode=evaluate --checkpoint RUN --workdir new"
_GENERATE = "--mode=generate --config CONFIG"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        # Words.
        ("", "--config is missing: it must name"),
        ("--config", "Missing value for flag --config"),
        ("--mode=tune", "--mode is 'tune': it must be one of train, sweep, "),
        ("--mode=tune --help", "--mode is 'tune': it must be one of train, sweep, "),
        ("trian --config CONFIG", "'trian' is not a mode: the nearest one is train"),
        ("train --mode train", "--mode is given beside the mode train: it must be given once"),
        ("completion", "completion is given no shell: it must be one of bash, zsh, fish"),
        ("completion tcsh", "completion is tcsh: it must be one of bash, zsh, fish"),
        ("--help --config none.py", "--config is none.py: there is no such file"),
        ("--workdr=new", "--workdr is not a flag: the nearest one is --workdir"),
        (f"{_TRAIN} more", "'more' is not a flag: flags begin with --"),
        (f"{_TRAIN} --config CONFIG", "--config is given 2 times: it must be given once"),
        (f"{_TRAIN} --mode train --mode train", "--mode is given 2 times"),
        (f"{_TRAIN} --resume=maybe", "--resume is 'maybe': it must be true or false"),
        (f"{_TRAIN} --flagfile=flags.txt", "--flagfile is not a flag: --config names a file"),
        (f"{_TRAIN} --config.train.epochs", "--config.train.epochs has no value: write"),
        ("--config.train.epochs --config CONFIG", "--config.train.epochs has no value: write"),
        (f"{_TRAIN} --out=a.npz", "--out is not a flag of --mode train, which takes --config, "),
        (f"{_TRAIN} --no-figures", "--figures is not a flag of --mode train"),
        (f"{_EVALUATE} --resume", "--resume is not a flag of --mode evaluate"),
        (f"{_GENERATE} --workdir=new", "--workdir is not a flag of --mode generate"),
        (f"{_TRAIN} --device=abacus", "--device is 'abacus': it must be one of cpu, gpu, tpu"),
        # Config files.
        ("--config none.py", "--config is none.py: there is no such file"),
        (
            "--config quik",
            "there is no such file, and of the configs that ship the nearest is quick",
        ),
        ("--config RUN", "there is no such file"),
        ("--config RUN/report.md", r"report.md: it must be a .py file with get_config\(\)"),
        ("--config RUN/summary.json", "summary.json: parameters must be a section"),
        ("--config BROKEN", "running it gave RuntimeError: first line second line"),
        # Fields.
        (f"{_TRAIN} --config.train.epoch=3", "the nearest one is config.train.epochs"),
        (f"{_TRAIN} --config.frequencies=3", "the nearest one is config.task.frequencies"),
        (f"{_TRAIN} --config.train.epochs=many", "train.epochs is 'many': it must be a whole"),
        (f"{_TRAIN} --config.network.learned_carry 2", "it must be true or false"),
        (f"{_TRAIN} --config.optimizer.learning_rate=nan", "it must be a finite number"),
        (f"{_TRAIN} --config.optimizer.learning_rate -0.1", "it must be a number above 0"),
        (
            f"{_TRAIN} --config.task.duration=1e308",
            "task.duration is 1e.308: it must be a finite number",
        ),
        (f"{_TRAIN} --config.task.frequencies=1,10", "it must lie below the Nyquist frequency"),
        (f"{_TRAIN} --config.train.truncation=7", "it must divide the 20 rows of a block"),
        (f"{_TRAIN} --config.task.train_path=none.csv", "task.train_path is none.csv: there is no"),
        ("--config CONFIG --workdir RUN", "it is not empty; --resume goes on"),
        ("--config CONFIG --resume", "--resume needs --workdir"),
        # Checkpoints.
        ("--mode evaluate", "--checkpoint is missing: it must name"),
        (
            "--mode evaluate --checkpoint clock6",
            "--checkpoint is clock6: there is no such folder, and of the checkpoints that ship the "
            "nearest is clock64",
        ),
        (f"{_TRAIN} --config.task.name=tests.nowhere:Toy", "there is no module tests.nowhere in"),
        (
            f"{_TRAIN} --config.task.name={_TOY}",
            "task.frequencies, task.sampling_rate, task.duration are",
        ),
        (
            f"{_TRAIN} --config.network.cell={_TOY}",
            "must be a subclass of freqjax.networks.cell.Cell",
        ),
        (
            "--config.task.name=none",
            "task.name is 'none': it must be one of extraction, lines, autoencoder, classifier, or package",
        ),
        ("--mode evaluate --checkpoint CONFIG", "config.py is not a checkpoint"),
        ("--mode evaluate --checkpoint RUN/checkpoints", "is not a checkpoint"),
        (f"{_EVALUATE} --config none.py", "--config is none.py: there is no such file"),
        (
            f"{_EVALUATE} --config.network.hidden_size=5",
            "network.hidden_size is 5: the network of --checkpoint .*run was made with 4",
        ),
        (
            f"{_EVALUATE} --config.task.frequencies=1,3,5",
            r"task.frequencies is \(1.0, 3.0, 5.0\): the network of --checkpoint",
        ),
        # Datasets.
        (_GENERATE, "--out is missing: it must name"),
        ("--mode generate --out a.npz", "--config is missing: it must name"),
        (f"{_GENERATE} --out a.npz --split=both", "--split is 'both': it must be train or test"),
        (f"{_GENERATE} --out a.txt", "--out is a.txt: it must end in .npz, .csv, .npy or .wav"),
        (f"{_GENERATE} --out none/a.npz", "--out is none/a.npz: it cannot be written"),
        (f"{_GENERATE} --out CONFIG.csv", "it exists already, and is left as it is"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    inputs, tmp_path, tmp_path_factory, invoke, line, sentence
):
    others = tmp_path_factory.mktemp("others")
    (others / "broken.py").write_text("raise RuntimeError('first line\\nsecond line.')\n")
    (others / "taken.csv").write_text("t,S\n")
    names = {
        "CONFIG.csv": others / "taken.csv",
        "CONFIG": inputs / "config.py",
        "RUN": inputs / "run",
        "BROKEN": others / "broken.py",
    }
    for name, path in names.items():
        line = line.replace(name, str(path))
    before = contents(tmp_path, inputs, others)
    code, text, error = invoke(*line.split())
    assert (code, text) == (2, "")
    assert_one_sentence(error)
    assert re.search(sentence, error)
    assert contents(tmp_path, inputs, others) == before


# As a process.


@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_a_device_that_is_not_there(inputs, tmp_path, device):
    if device == "gpu" and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    words = ("--config", inputs / "config.py", "--workdir", "new", "--device", device)
    done = start(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_sentence(done.stderr)
    assert f"--device is {device}: JAX finds no such device here" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_program_as_a_process(inputs, tmp_path):
    words = ("--mode=generate", "--config", inputs / "config.py", "--out=a.npz")
    done = start(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "wrote 40 rows to a.npz\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--seed", "3"], "a field of the config is set as --config.train.seed=3."),
        (["--epochs=7"], "a field of the config is set as --config.train.epochs=7."),
        (["--lr", "1e-3"], "is set as --config.optimizer.learning_rate=1e-3."),
        (
            ["--batch_size=4"],
            "is set as --config.train.batch=4 or --config.windows.batch=4.",
        ),
        (["--hidden-size", "8"], "is set as --config.network.hidden_size=8."),
        (["--hiden_size"], "is set as --config.network.hidden_size=VALUE."),
        (["--train.seed=3"], "is set as --config.train.seed=3."),
        (["--out_dir=x"], "the one for this is --workdir."),
        (["--gpu"], "the one for this is --device."),
        (["--workdr=x"], "the nearest one is --workdir."),
        (["--flagfile=/dev/zero"], "--flagfile is not a flag: --config names a file."),
        (["-flagfile", "/dev/zero"], "flagfile is not a flag: --config names a file."),
    ],
)
def test_flags_that_people_try_are_answered_with_what_is_meant(words, meant):
    with pytest.raises(UserError) as error:
        parse(["train", "--config", "quick", *words])
    assert str(error.value).endswith(meant)


def test_what_is_long_is_not_repeated(invoke):
    code, _, error = invoke(
        "--mode=train", "--config", "quick", "--config.train.seed=" + "3x" * 999
    )
    assert code == 2
    assert_one_sentence(error)
    assert len(error) < 250
    assert "(2,001 characters)': it must be a whole number" in error


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_folders_whose_names_are_no_text_are_refused_before_anything_is_written(tmp_path, invoke):
    folder = tmp_path / os.fsdecode(b"\xffrun")
    code, _, error = invoke("--config", "quick", "--workdir", str(folder))
    assert code == 2
    assert_one_sentence(error)
    assert "\\udcffrun: the path must be UTF-8" in error
    assert not list(tmp_path.iterdir())


def test_a_terminal_is_not_sent_what_it_would_obey(invoke):
    for name in ("\x1b]0;own\x07\x1b[31m.json", "\u202e.json", "two\nlines.json"):
        code, _, error = invoke("--config", name)
        assert code == 2
        assert_one_sentence(error)
        assert not {"\x1b", "\x07", "\u202e"} & set(error)


@pytest.mark.parametrize(
    "error", [MemoryError(), type("XlaRuntimeError", (RuntimeError,), {})("RESOURCE_EXHAUSTED: 1")]
)
def test_a_lack_of_memory_is_one_sentence(invoke, monkeypatch, error):
    def lacking(*_):
        raise error

    monkeypatch.setattr("freqjax.config.overrides.load", lacking)
    code, _, said = invoke("--config", "quick")
    assert (code, said[:46]) == (2, "freqjax: there is not enough memory for this: ")
    assert_one_sentence(said)
