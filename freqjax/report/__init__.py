"""What a run says at its end: summary and report."""
