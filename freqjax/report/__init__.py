"""Summary and report of a run."""
