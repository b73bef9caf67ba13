"""Time for the trials of a diagnosis, however slow the machine of the tests is."""

import pytest

from freqjax.diagnosis import examined, tried


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """Let every trial make as many updates as its run did; one that has no time left has none."""
    monkeypatch.setattr(examined, "_SECONDS", 30.0)
    monkeypatch.setattr(tried, "_RATES_SECONDS", 30.0)
