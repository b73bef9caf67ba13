"""The C++ library of the native loops, built by `python -m freqjax.native.build`.

online         training in closed form, one update a row
filter         strict online learning by a Kalman filter: pairs of LSTM units (pairs.h), the root of the
               covariance (root.h)
sensitivities  dense sensitivities of real-time recurrent learning, one sample on
lstm           scans of LSTMs over whole streams, their gradient, and their tangent (lstm_tangent)
numerics       arithmetic and memory of all

It is loaded only when `freqjax.training.gradients` or `freqjax.training.filter` needs it.
"""
