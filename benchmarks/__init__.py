"""Benchmarks that take minutes. Each writes JSON to benchmarks/results, which is committed."""
