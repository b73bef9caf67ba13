"""Execution of the notebook docs/tour.ipynb.

    python -m benchmarks.tour
    python -m benchmarks.tour --check

The first writes the outputs into the notebook; the second, which .ci/all runs, writes nothing. Both fail
where a cell does, or says anything on standard error. They need `pip install -e '.[tour]'`, and less than
three minutes on two cores.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parent.parent / "docs" / "tour.ipynb"
# Seconds that a cell may take on a machine that is busy.
_LONGEST_CELL = 600


def executed(path: Path) -> dict[str, Any]:
    """Return the notebook with the outputs of all its cells, without what depends on this execution.

    Raises:
      nbclient.exceptions.CellExecutionError: a cell raised an exception.
      RuntimeError: a cell wrote on standard error.
    """
    # Of the extra tour.
    import nbclient  # pyright: ignore[reportMissingImports]
    import nbformat  # pyright: ignore[reportMissingImports]

    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook,
        timeout=_LONGEST_CELL,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    found = json.loads(nbformat.writes(notebook))
    found["metadata"]["language_info"] = {"name": "python"}  # the version is that of the machine
    for cell in found["cells"]:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError("".join(output["text"]))
    return found


def main() -> None:
    """Execute the notebook, and write it unless the command line has --check."""
    began = time.perf_counter()
    found = executed(NOTEBOOK)
    if "--check" not in sys.argv[1:]:
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        NOTEBOOK.write_text(text, encoding="utf-8")
    print(f"{NOTEBOOK.name} ran in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
