"""Tests of the server of runs."""
