"""What every message to a user must be."""

import re


def assert_one_sentence(error: str) -> None:
    """Check that standard error holds one sentence of freqjax and nothing else."""
    assert error.startswith("freqjax: ")
    assert error.endswith(".\n")
    assert not error.endswith("..\n")
    assert error.count("\n") == 1
    assert not re.search(r"\. [A-Z]", error)
    assert "Traceback" not in error
