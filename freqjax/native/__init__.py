"""The online regime in C++, for those who build it: `python -m freqjax.native.build`.

Nothing here is compiled or loaded before `make_native_chunk` is called.
"""

from freqjax.training.gradients.native import make_native_chunk, why_not

__all__ = ["make_native_chunk", "why_not"]
