"""Training: streams and windows, updates, trainers, stopping and frozen evaluation."""
