"""Checkpoints, each verified against a manifest."""
