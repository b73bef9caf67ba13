"""Extraction: the task of separating one sinusoid from a noisy mixture."""
