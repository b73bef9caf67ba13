"""Processes that share a sweep or a run: how they meet, talk, and find out who is lost."""
