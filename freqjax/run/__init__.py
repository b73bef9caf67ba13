"""A run: its folder, its course from start to summary, its progress and its interrupts."""
