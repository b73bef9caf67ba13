"""Checkpoints, each proven by a manifest."""
