"""Generator of the documents that show measured numbers, and of their figures.

    python -m benchmarks.document

Reads benchmarks/results/*.json and the shipped checkpoint, and rewrites docs/results.md,
docs/diagnosis.md, docs/speed.md, docs/example.md, docs/records.md, docs/online.md, docs/which_method.md,
docs/autoencoder.md, docs/classifier.md, the blocks between the markers of README.md, docs/headline.png,
docs/online.png, and the tables and figures beside the files of `benchmarks.devices`. docs/page.png is written
by `python -m benchmarks.page_picture`. The tests check that the committed documents are what this command
would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import freqjax
from benchmarks import (
    classifier_page,
    clock,
    config_table,
    diagnosis_page,
    example_page,
    lines_page,
    online_figure,
    online_page,
    poems_page,
    record,
    records_page,
    results_page,
    speed,
    speed_figure,
)
from freqjax.tasks import make_task
from freqjax.tasks.extraction import figures
from freqjax.tasks.extraction.config import extraction_of
from freqjax.training.frozen import make_forward

_ROOT = Path(__file__).parent.parent
_BEGIN, _END = "<!-- results: python -m benchmarks.document -->", "<!-- /results -->"
# The lowest losses reported for the originals; all are prequential, none is of a frozen network.
REPORTED = {"original A, while training": 0.2847, "original B, reported": 0.30}


# Config of the main job → its rule, in the README's words.
_RULES = {
    "default": "one update a sample over growing streams, nothing stored, no backpropagation through time",
    "gauss_newton": "Gauss-Newton steps through whole streams",
}


def readme_block() -> str:
    """Make the table at the top of the README from the committed results."""
    original = record.read("originals")[0]
    seconds = {name: config_table.seconds(name) for name in clock.CONFIGS}
    lines = [
        "| | MSE | what it is |",
        "|---|---|---|",
        *(_main_row(name, words) for name, words in _RULES.items()),
        online_page.summary(),
        f"| original A, as reported | {REPORTED['original A, while training']} | measured while the weights "
        "change |",
        f"| original A, here | {original['prequential_mse'][0]:.3g} | the same; with the weights "
        f"frozen it is {original['frozen_test_mse']:.3g} |",
        "| original B, as reported | 0.30 | windows of 50 samples, phase_scale 0.1 |",
        "| predicting zero | 0.50 | |",
        "",
        f"The whole command took {seconds['default']:.0f} s, and {seconds['gauss_newton']:.0f} s with "
        f"Gauss-Newton (medians of {len(_main_rows('default'))} seeds, figures included), on two shared CPU "
        "cores. Known beforehand are the band of the rotors (0.5 to 20 Hz), that units turn in pairs, which "
        "selector owns which pair, and the scales of useful changes; no frequency. How the usual recipe "
        "fares under the same rules: [docs/online.md](docs/online.md).",
    ]
    return "\n".join(lines)


def _main_rows(config: str) -> list[dict[str, Any]]:
    """Return the rows of the main task with a config."""
    wanted = {"config": config, "task": clock.MAIN_TASK}
    return [row for row in record.read("clock") if row.items() >= wanted.items()]


def _main_row(config: str, rule: str) -> str:
    """Return the README's row of the main task with a config."""
    rows = _main_rows(config)
    worst = max(row["worst_test_mse"] for row in rows)
    carried = max(row["worst_test_mse_carried"] for row in rows)
    return (
        f"| **freqjax**, `configs/{config}.py` | **{worst:.2g}** | {rule}; frozen weights, worst frequency "
        f"of {len(rows)} training seeds and 3 test seeds; {carried:.2g} with one state carried through all "
        "blocks |"
    )


def readme(text: str) -> str:
    """Return `text` with new blocks between the markers."""
    text = _replaced(text, _BEGIN, _END, readme_block())
    configs = "\n".join(config_table.block())
    return _replaced(text, config_table.BEGIN, config_table.END, configs)


def _replaced(text: str, begin: str, end: str, block: str) -> str:
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    return f"{head}{begin}\n{block}\n{end}{tail}"


def draw() -> None:
    """Draw docs/headline.png from the shipped checkpoint, docs/online.png, and the figures of speed."""
    network = freqjax.load(_ROOT / "checkpoints" / "clock64")
    task = make_task(extraction_of(network.config))
    blocks, batch = task.rows("test"), task.split("test")
    assert batch is not None
    outputs = make_forward(network.network)(network.params, blocks, "block")
    record_ = figures.EvaluationRecord(
        frequencies_hz=task.frequencies,
        sampling_rate_hz=task.sampling_rate,
        mixture=np.asarray(blocks.inputs[..., 0]),
        targets=np.asarray(blocks.targets[..., 0]),
        outputs=outputs[..., 0],
        selected=np.asarray(blocks.groups),
        tones=task.tones(outputs, batch),
    )
    figures.headline(record_, [], 0.5, REPORTED, _ROOT / "docs")
    online_figure.draw(record.read("online"), _ROOT / "docs" / "online.png")
    for path in speed.files(record.RESULTS):
        speed_figure.write_beside(path)


def main() -> None:
    """Rewrite all documents and figures."""
    (_ROOT / "docs").mkdir(exist_ok=True)
    (_ROOT / "docs" / "results.md").write_text(results_page.page())
    (_ROOT / "docs" / "diagnosis.md").write_text(diagnosis_page.page())
    (_ROOT / "docs" / "speed.md").write_text(speed.document(record.RESULTS, record.read("startup")))
    (_ROOT / "docs" / "example.md").write_text(example_page.page())
    (_ROOT / "docs" / "records.md").write_text(records_page.page())
    (_ROOT / "docs" / "online.md").write_text(online_page.page())
    (_ROOT / "docs" / "which_method.md").write_text(lines_page.page())
    (_ROOT / "docs" / "autoencoder.md").write_text(poems_page.page())
    (_ROOT / "docs" / "classifier.md").write_text(classifier_page.page())
    path = _ROOT / "README.md"
    path.write_text(readme(path.read_text()))
    draw()


if __name__ == "__main__":
    main()
