"""The measured series of the task autoencoder, and the section that shows what was measured."""

import re

import numpy as np
import pytest

from benchmarks import poems_page, record, weather, weather_data, weather_page
from freqjax import commandline
from freqjax.config import overrides, validation
from freqjax.modes import bases
from freqjax.tasks.autoencoder.dataset import load_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    pytest.importorskip("vega_datasets")
    return weather_data.write_sequences(tmp_path_factory.mktemp("weather") / "weather.npz")


def test_the_training_years_alone_give_the_standard_units(data):
    found = weather_data.read_weather()
    known = found.values[found.years <= 2013]
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(known.std(axis=0), 1, atol=1e-9)
    assert abs(found.values[found.years == 2015].mean(axis=0)).max() > 0.01
    assert len(found.years) == 3 * 365 + 366


def test_no_day_is_in_two_parts_and_no_test_day_in_two_sequences(data):
    parts = load_dataset(str(data)).parts
    days = {name: part.vectors.reshape(-1, 4) for name, part in parts.items()}
    years = weather_data.read_weather()
    for name, found in days.items():
        own = [year for year, part in weather_data.YEARS.items() if part == name]
        wanted = years.values[np.isin(years.years, own)].astype(np.float32)
        rows = {row.tobytes() for row in found}
        assert rows <= {row.tobytes() for row in wanted}
    test = parts["test"]
    wanted = years.values[years.years == 2015][: 13 * weather_data.DAYS].astype(np.float32)
    np.testing.assert_array_equal(test.vectors.reshape(-1, 4), wanted)
    assert len(np.unique(test.group)) == len(test.group) == 13


@pytest.mark.parametrize("name", weather.CANDIDATES)
def test_every_candidate_is_a_valid_config(name, data):
    words = [*weather.COMMON, *weather.CANDIDATES[name], f"--config.task.data={data}"]
    invocation = commandline.parse(words)
    base = bases.of_run(invocation.flags, invocation.overrides)
    validation.validate_training(overrides.apply(base, invocation.overrides))


def test_the_section_shows_the_committed_results_and_nothing_without_them(monkeypatch):
    text = "\n".join(weather_page.section())
    runs = [row for row in record.read("weather") if row["part"] == "run"]
    best = next(row for row in runs if row["chosen"])
    assert f"**{best['candidate']}**" in text and f"**{best['test']['explained']:.3f}**" in text
    for flag in [*weather.COMMON, *best["flags"]]:
        assert re.search(rf"{re.escape(flag)}\s", text)
    assert text in poems_page.page()
    validated = [row["validation"]["explained"] for row in runs if row["seed"] == 0]
    assert best["validation"]["explained"] == max(validated)
    monkeypatch.setattr(record, "read", lambda name: [])
    assert list(weather_page.section()) == []
