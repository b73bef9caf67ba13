"""Extraction: everything that knows a sinusoid."""
