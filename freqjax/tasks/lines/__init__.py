"""Lines: a sinusoidal component of unknown strength, detuning and drift in additive noise."""
