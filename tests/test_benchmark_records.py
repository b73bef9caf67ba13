"""The records of the benchmarks, and the regression that stands in for their unknown lines."""

import numpy as np
import pytest

from benchmarks import records, samples
from configs.daily import DAY


def test_a_regression_with_a_future_finds_lines_of_slowly_changing_strength():
    hours = np.arange(24 * 40.0)
    first = (1 + hours / 2000) * np.cos(2 * np.pi * hours / 24 + 1)
    second = 0.5 * np.sin(2 * np.pi * hours / 12)
    third = 2 * np.sin(2 * np.pi * hours / 8)
    values = first + second + third + 30 + 0.02 * hours
    found = records.with_future(values, 3600.0, (1 / DAY, 2 / DAY), 2 * DAY)
    # At the ends the window has one side alone.
    inside = slice(6 * 24, -6 * 24)
    wanted = np.stack([first, second])[:, inside]
    np.testing.assert_allclose(found[:, inside], wanted, atol=1e-3)


@pytest.mark.parametrize("name", ["daily", "annual"])
def test_a_measured_record_is_written_with_dates(name, tmp_path):
    pytest.importorskip({"daily": "vega_datasets", "annual": "statsmodels"}[name])
    path = samples.write(name, tmp_path)
    head, first, *rest = path.read_text().splitlines()
    assert head == "date,value"
    assert (
        first.split(",")[0]
        == {"daily": "2010-01-01 00:00:00", "annual": "1958-03-29 00:00:00"}[name]
    )
    assert len(rest) == {"daily": 8759, "annual": 2283}[name]
