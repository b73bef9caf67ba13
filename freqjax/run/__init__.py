"""A run: its folder, its life from start to summary, its progress and its interrupts."""
