"""What the page of a sweep says, compared with sweep.json and with SciPy."""

import html.parser
import json

import numpy as np
import pytest
from scipy import stats

from freqjax import SweepConfig, sweep
from freqjax.errors import UserError
from freqjax.sweep.page import curves, reading, settings, writing
from freqjax.sweep.page.contents import contents_of, coordinates_of
from freqjax.text import number
from tests.page import sweeps
from tests.twins import tiny_config

pytest.importorskip("bokeh", reason="Bokeh is not installed")

HOSTILE = "</script><img src=x onerror=alert(1)>'\"&"


class Cells(html.parser.HTMLParser):
    """Reader of the values of the table of replicas, and of the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[int, list[str]] = {}
        self.headings: list[str] = []
        self.words: list[str] = []
        self._row: list[str] | None = None
        self._inside = self._head = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "table":
            self._inside = given.get("id") == "replicas"
        self._head = tag == "th" and self._inside
        if tag == "tr" and "data-replica" in given:
            self._row = self.rows.setdefault(int(given["data-replica"] or -1), [])
        elif tag == "tr":
            self._row = None
        if tag == "td" and self._row is not None:
            self._row.append(given["data-value"] or "")

    def handle_data(self, data):
        self.words.append(data)
        if self._head:
            self.headings.append(data)
            self._head = False


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder and its sweep.json."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    return folder, sweeps.write(folder)


def test_every_number_of_the_table_is_that_of_sweep_json(swept):
    folder, found = swept
    cells = Cells(writing.page_of(folder))
    keys = {"replica": "replica", "training MSE": "train_mse", "test MSE": "test_mse"}
    keys |= {
        "worst component": "worst_test_mse",
        "epochs": "epochs",
        **{a: a for a in found["axes"]},
    }
    assert set(keys) <= set(cells.headings)
    assert list(cells.rows) == [row["replica"] for row in found["rows"]]
    for row in found["rows"]:
        shown = dict(zip(cells.headings, cells.rows[row["replica"]], strict=True))
        for heading, key in keys.items():
            value = None if shown[heading] == "" else float(shown[heading])
            assert value == row[key], (heading, row["replica"])


def test_the_headline_names_the_replica_that_training_rows_chose(swept):
    folder, found = swept
    said = contents_of(reading.read(folder), settings.settings_of(reading.read(folder)))
    rows = [row for row in found["rows"] if row["train_mse"] is not None]
    best = min(rows, key=lambda row: row["train_mse"])
    # The replica with the lowest test loss is another one: test rows choose nothing.
    assert best["replica"] != min(rows, key=lambda row: row["test_mse"])["replica"]
    assert said["title"].startswith(f"Replica {best['replica']} won: seed {best['train.seed']}")
    assert "frozen training MSE" in said["verdict"]
    for value in (best["train_mse"], best["test_mse"], 0.5):
        assert number(value) in said["verdict"]
    levels = {level.name: level.value for level in said["cards"][0].levels}
    assert levels == {"network": number(best["test_mse"]), "predicting zero": "0.5000"}


def test_settings_have_the_mean_and_the_interval_over_their_seeds(swept):
    folder, found = swept
    made = settings.settings_of(reading.read(folder))
    assert len(made) == 4 and all(len(one.replicas) == 3 for one in made)
    for one in made:
        values = [found["rows"][replica]["train_mse"] for replica in one.replicas]
        if sweeps.LOST in one.replicas:
            assert one.chosen_by == (None, None, None) and one is made[-1]
            continue
        low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
        assert one.chosen_by == pytest.approx((np.mean(values), low, high))
        alike = {
            tuple(found["rows"][r][axis] for axis in found["axes"] if "seed" not in axis)
            for r in one.replicas
        }
        assert len(alike) == 1
    means = [one.chosen_by.mean for one in made[:-1] if one.chosen_by.mean is not None]
    assert len(means) == 3 and means == sorted(means)


@pytest.mark.parametrize("key", ["loss", "frozen_mse"])
def test_curves_are_means_of_the_rows_as_long_as_all_seeds_have_one(swept, key):
    folder, _ = swept
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    read = reading.read(folder)
    made = settings.settings_of(read)
    for one, curve in zip(made, curves.curves_of(read, made, key), strict=True):
        own = {r: [x[key] for x in rows if x["replica"] == r and x[key]] for r in one.replicas}
        shared = min(map(len, own.values()))
        assert shared == (2 if sweeps.LOST in own else 4 if sweeps.SHORT in own else 6)
        values = np.array([losses[:shared] for losses in own.values()])
        np.testing.assert_allclose(curve.mean, values.mean(axis=0))
        low, high = stats.t.interval(0.95, 2, values.mean(axis=0), stats.sem(values))
        np.testing.assert_allclose(curve.low, low)
        np.testing.assert_allclose(curve.high, high)
        np.testing.assert_array_equal(curve.updates, 10 * np.arange(1, shared + 1))
        for line in curve.lines:
            np.testing.assert_array_equal(line.losses, own[line.replica])


def test_many_epochs_are_thinned_with_their_ends():
    rows = [{"epoch": epoch} for epoch in range(1, 1001)]
    kept = [row["epoch"] for row in curves.thinned(rows, 300)]
    assert kept == [1, 300, 600, 900, 1000]


def test_the_coordinates_are_those_of_every_replica(swept):
    folder, found = swept
    read = reading.read(folder)
    made = coordinates_of(read, settings.settings_of(read))
    assert [axis["name"] for axis in made["axes"]] == [*found["axes"], "training MSE", "test MSE"]
    for axis in made["axes"][:3]:
        numbers = [float(axis["texts"][place]) for place in axis["values"]]
        assert numbers == [row[axis["name"]] for row in found["rows"]]
        assert axis["texts"] == sorted(axis["texts"], key=float)
    assert made["axes"][-1]["values"] == [row["test_mse"] for row in found["rows"]]


def test_a_sweep_that_trains_has_a_page_of_what_it_has_logged(tmp_path):
    sweeps.write(tmp_path / "sweep", ended=False)
    page = writing.page_of(tmp_path / "sweep")
    assert "12 replicas, not ended" in page and "won" not in Cells(page).words
    (tmp_path / "sweep" / "metrics.jsonl").unlink()
    assert "No epoch with a finite loss was logged." in writing.page_of(tmp_path / "sweep")


def test_one_seed_a_setting_is_said_to_be_one_seed(tmp_path):
    axes = {key: values for key, values in sweeps.AXES.items() if key != "train.seed"}
    sweeps.write(tmp_path / "sweep", axes=axes)
    assert "Each setting has one seed" in writing.page_of(tmp_path / "sweep")


def test_hostile_names_and_values_are_escaped(tmp_path):
    folder = tmp_path / "a<b>&"
    sweeps.write(
        folder, axes={"train.init_from": (HOSTILE, "other"), "train.seed": tuple(range(4))}
    )
    page = writing.page_of(folder)
    assert HOSTILE not in page and "<img" not in page and "<b>&" not in page
    assert any(HOSTILE in word for word in Cells(page).words)


def test_a_page_is_no_reason_for_a_sweep_to_fail(tmp_path):
    said = []
    writing.attempt(tmp_path, said.append)
    assert len(said) == 1 and said[0].startswith("no page.html: it could not be made (UserError")
    with pytest.raises(UserError, match=r"holds no config\.json of a sweep"):
        reading.read(tmp_path)


def test_a_sweep_writes_its_page_at_its_end_where_it_may(tmp_path):
    config = tiny_config(train={"epochs": 2, "diagnose": False})
    config.sweep = SweepConfig(axes={"train.seed": (0, 1)})
    said = []
    assert sweep.run(config, tmp_path / "on", resume=False, figures=False, say=said.append) is None
    assert f"page: {tmp_path / 'on' / 'page.html'}" in said
    found = json.loads((tmp_path / "on" / "sweep.json").read_text(encoding="utf-8"))
    page = (tmp_path / "on" / "page.html").read_text(encoding="utf-8")
    assert f"Replica {found['best_replica']} won: seed {found['best_replica']}" in page
    assert 'href="best/"' in page
    config.train.page = False
    assert sweep.run(config, tmp_path / "off", resume=False, figures=False, say=said.append) is None
    assert not (tmp_path / "off" / "page.html").exists()
