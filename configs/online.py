"""Strict online learning over growing streams: configs/default.py by the name of its rule.

    python -m freqjax.main --config configs/online.py

Expected: as that, `target_reached`, every frequency below 0.001. See docs/online.md.
"""

import freqjax


def get_config() -> freqjax.Config:
    """Return the config of the command above."""
    return freqjax.load_config("default")
