"""Configs: typed fields with their rules, sections, validation and overrides."""
