"""Use of trained networks: streams, recordings, exports, PyTorch weights."""
