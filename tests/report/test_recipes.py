"""Recipes of docs/tracking.md: short, and each runs where its package is installed."""

import importlib.util
import re
import subprocess
import sys

import pytest

from tests.root import ROOT

RECIPES = {
    code.split("\n", 1)[0].removeprefix("# "): code
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "docs/tracking.md").read_text(), re.S)
}


def test_there_is_a_recipe_for_each_tool_of_at_most_twenty_lines():
    assert set(RECIPES) == {"tensorboardX", "wandb", "mlflow", "optuna"}
    for name, code in RECIPES.items():
        lines = [line for line in code.splitlines()[1:] if line.strip()]
        assert len(lines) <= 20, name


@pytest.mark.slow
@pytest.mark.parametrize("package", RECIPES)
def test_a_recipe_runs(package, tmp_path):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    code = RECIPES[package].replace(
        'freqjax.load_config("quick")',
        'freqjax.load_config("quick")\nconfig.train.epochs = 3\nconfig.train.page = False'
        if package != "optuna"
        else 'freqjax.load_config("quick"); config.train.epochs = 3; config.train.page = False',
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert list((tmp_path / "runs").glob("*/summary.json"))
