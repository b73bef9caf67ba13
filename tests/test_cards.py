"""Cards of the checkpoints that ship, against the files beside them."""

import json

import pytest

from benchmarks.ship import card
from tests.root import ROOT

FOLDERS = sorted(path.parent for path in (ROOT / "checkpoints").glob("*/CARD.md"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_card_is_that_of_the_files_beside_it(folder):
    config, summary = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("config.json", "summary.json")
    )
    assert (folder / "CARD.md").read_text(encoding="utf-8") == card(folder.name, config, summary)
