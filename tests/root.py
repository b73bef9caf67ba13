"""The folder of the repository, which tests run commands in."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
