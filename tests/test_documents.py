"""The documents against the program."""

import re
import subprocess
import sys

import pytest

from benchmarks import (
    classifier_page,
    diagnosis_page,
    document,
    example_page,
    lines_page,
    online_page,
    poems_page,
    record,
    records_page,
    results_page,
    speed,
)
from freqjax import commandline, sweep
from freqjax.config import overrides, validation
from freqjax.config import sections as configs
from freqjax.modes import MODES, bases
from tests import unshipped
from tests.root import ROOT

README = (ROOT / "README.md").read_text()


def test_numbers_in_documents_are_those_of_the_committed_results():
    assert document.readme(README) == README
    assert (ROOT / "docs" / "results.md").read_text() == results_page.page()
    assert (ROOT / "docs" / "diagnosis.md").read_text() == diagnosis_page.page()
    assert (ROOT / "docs" / "speed.md").read_text() == speed.document(
        record.RESULTS, record.read("startup")
    )
    assert (ROOT / "docs" / "online.md").read_text() == online_page.page()
    assert (ROOT / "docs" / "autoencoder.md").read_text() == poems_page.page()
    assert (ROOT / "docs" / "classifier.md").read_text() == classifier_page.page()
    assert (ROOT / "docs" / "which_method.md").read_text() == lines_page.page()
    assert (ROOT / "docs" / "example.md").read_text() == example_page.page()
    assert (ROOT / "docs" / "records.md").read_text() == records_page.page()


@pytest.mark.parametrize("number", range(2))
def test_the_readmes_python_runs_as_it_stands(number, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[number]
    for name in ("configs", "checkpoints"):
        (tmp_path / name).symlink_to(ROOT / name)
    found = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:freqjax", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr


def test_the_readmes_commands_name_flags_and_files_that_exist():
    lines = [line for line in README.splitlines() if line.startswith("python -m freqjax.main")]
    assert len(lines) == 19
    for line in lines:
        words = line.split()[3:]
        if commandline.answer(words) is not None:
            continue
        invocation = commandline.parse(words)
        flags = invocation.flags
        for name in ("config", "checkpoint"):
            assert flags.get(name) is None or (ROOT / flags[name]).exists(), line
        if flags.get("recipe"):
            overrides.apply(bases.of_run(flags, invocation.overrides), invocation.overrides)
            continue
        base = overrides.load(ROOT / flags["config"]) if flags.get("config") else configs.Config()
        overrides.apply(base, invocation.overrides)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.py")), ids=lambda p: p.stem)
def test_every_config_is_valid_tells_its_command_and_stands_in_the_readme(
    path, monkeypatch, tmp_path
):
    if path.stem in unshipped.CONFIGS:
        unshipped.write(tmp_path)
        monkeypatch.chdir(tmp_path)
    config = overrides.load(path)
    swept = (
        [replica.config for replica in sweep.replicas(config)] if config.sweep.axes else [config]
    )
    for one in swept:
        validation.validate_training(one)
    text = path.read_text()
    mode = "--mode sweep " if config.sweep.axes else ""
    assert f"python -m freqjax.main {mode}--config configs/{path.name}" in text
    assert "Expected" in text
    assert f"| `{path.stem}` |" in README


def test_help_tells_every_mode_and_field():
    text = commandline.answer(["--help"]) or ""
    for name, mode in MODES.items():
        assert f"  {name} " in text
        assert mode.doc in text
    text = commandline.answer(["--help", "--config", "default"]) or ""
    for section, fields in configs.to_dict(configs.Config()).items():
        for field in fields:
            assert f"--config.{section}.{field}=" in text


def test_links_in_the_documents_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page}: {link}"


def test_no_file_that_ships_names_a_path_of_the_machine_it_was_made_on():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    for name in listed:
        content = (ROOT / name).read_bytes()
        assert str(ROOT).encode() not in content or len(str(ROOT)) < 6, name
        assert not re.search(rb"/(home|root|work)/[a-z]", content), name
