"""The C++ library of the native online loop, for those who build it: `python -m freqjax.native.build`.

Nothing here is compiled or loaded before `freqjax.training.gradients.native` asks for it.
"""
