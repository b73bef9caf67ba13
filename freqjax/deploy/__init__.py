"""Trained networks in use: streams, recordings, exports, PyTorch weights."""
