"""The C++ library of the native online loop, built by `python -m freqjax.native.build`.

It is loaded only when `freqjax.training.gradients.native` needs it.
"""
