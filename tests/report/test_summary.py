"""The verdict: what a run is called by its score beside the constant predictor's and its goal."""

import numpy as np
import pytest

from freqjax.report import summary
from tests.diagnosis.runs import examined


@pytest.mark.parametrize(
    ("outputs", "opening"),
    [
        (lambda y: -y, "Worse than predicting zero: with frozen weights the test MSE is 2"),
        (np.zeros_like, "Nothing was learned: with frozen weights the test MSE is 0.5"),
        (lambda y: 0.5 * y, "Partly learned: with frozen weights the test MSE is 0.125"),
        (
            lambda y: np.stack([y[0] + 0.02, -1.0 * y[1]]),
            "Partly learned: with frozen weights the test MSE is 1",
        ),
        (lambda y: y + 0.02, "Learned: with frozen weights every component"),
    ],
)
def test_the_verdict_names_what_the_score_is(tmp_path, outputs, opening):
    run = examined(tmp_path, outputs=outputs)
    values = {"initializer": "pytorch", "frozen_prequential_ratio": None}
    said = summary.verdict(values, run.evaluation, run.task)
    assert said.startswith(opening)
