// An LSTM's scan: its inputs, its weights as a loop reads them, and its gates.
//
// Axes: T time, B streams, D inputs, H hidden; P is H, and E is D, filled up to whole registers.

#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "numerics.h"
#include "products.h"

namespace {

// Slopes s and levels l of the gates i, f, g, o: a gate is s tanh(s z) + l.
constexpr float kSlopes[4] = {0.5f, 0.5f, 1.0f, 0.5f}, kLevels[4] = {0.5f, 0.5f, 0.0f, 0.5f};

// tanh x = x p(x²)/q(x²) to a relative error below 3e-8 before rounding; |x| above 9 is 9. NaN stays NaN.
inline Lanes tanh_of(Lanes x) {
  const Lanes most = Lanes{} + 9.0f;
  x = x > most ? most : x;
  x = x < -most ? -most : x;
  const Lanes u = x * x;
  Lanes p = u * 1.33546398e-08f + 2.06090657e-05f;
  p = p * u + 0.00349558708f;
  p = p * u + 0.133810248f;
  p = p * u + 0.999999979f;
  Lanes q = u * 7.77654915e-07f + 0.000328563313f;
  q = q * u + 0.0258769782f;
  q = q * u + 0.467143404f;
  q = q * u + 1.0f;
  return x * p / q;
}

// Inputs of a scan: xs [T, B, D], resets [T, B]; c and h before the first sample and the initial ones, [B, H] each;
// W_i [D, 4H], W_h [H, 4H], and the sum of both biases [4H]. It ends after `samples` of the T = `given` samples.
struct Scan {
  int64_t given, samples, streams, inputs, hidden;
  const float* xs;
  const bool* resets;
  const float *c, *h, *c_initial, *h_initial, *input_kernel, *kernel, *bias;

  int64_t width() const { return padded(hidden); }
  // Distance of two rows of arguments of the gates; not a power of two, so that rows share no place in a cache.
  int64_t stride() const { return 4 * width() + 16; }

  // Set the rows [B, count] of an array [T, B, count] that the scan does not reach to 0.
  void clear_rest(float* of, int64_t count) const {
    std::fill_n(of + samples * streams * count, (given - samples) * streams * count, 0.0f);
  }
};

// Rows of a matrix [count, 4H].
struct Rows {
  const float* at;
  int64_t count;
};

// Copy rows of matrices [·, 4H] to one [·, 4P], times the slopes.
Floats widened(const Scan& s, std::initializer_list<Rows> parts) {
  int64_t count = 0;
  for (const Rows& part : parts) count += part.count;
  Floats wide = zeros(count * 4 * s.width());
  float* to = wide.get();
  for (const Rows& part : parts)
    for (int64_t k = 0; k < part.count; ++k)
      for (int64_t gate = 0; gate < 4; ++gate, to += s.width())
        for (int64_t n = 0; n < s.hidden; ++n)
          to[n] = kSlopes[gate] * part.at[(k * 4 + gate) * s.hidden + n];
  return wide;
}

// Transpose a matrix [rows, 4H] to [4P, columns].
Floats turned(const Scan& s, const Rows& from, int64_t columns) {
  constexpr int64_t kBlock = 16;  // rows at a time: a line of a cache is written at once
  Floats to = zeros(4 * s.width() * columns);
  for (int64_t first = 0; first < from.count; first += kBlock)
    for (int64_t gate = 0; gate < 4; ++gate)
      for (int64_t n = 0; n < s.hidden; ++n)
        for (int64_t k = first; k < std::min(from.count, first + kBlock); ++k)
          to[(gate * s.width() + n) * columns + k] = from.at[(k * 4 + gate) * s.hidden + n];
  return to;
}

// Rows of a product that is made for many samples at once.
constexpr int64_t kMany = 4;

// The weights of the forward scan; a thread has up to `streams` streams.
struct ForwardWeights {
  ForwardWeights(const Scan& s, int64_t streams)
      : bias(widened(s, {{s.bias, 1}})),
        input(widened(s, {{s.input_kernel, s.inputs}}), s.inputs, 4 * s.width(), kMany),
        recurrent(widened(s, {{s.kernel, s.hidden}}), s.hidden, 4 * s.width(), streams) {}

  Floats bias;
  Packed input, recurrent;
};

// The weights of the backward scan: [W_h; W_i], if it computes the gates, and both transposed.
struct BackwardWeights {
  BackwardWeights(const Scan& s, int64_t streams, bool gates)
      : bias(widened(s, {{s.bias, 1}})),
        both(widened(s, {{s.kernel, s.hidden * gates}, {s.input_kernel, s.inputs * gates}}),
             (s.hidden + s.inputs) * gates, 4 * s.width(), kMany),
        to_input(turned(s, {s.input_kernel, s.inputs}, padded(s.inputs)), 4 * s.width(),
                 padded(s.inputs), kMany),
        to_state(turned(s, {s.kernel, s.hidden}, s.width()), 4 * s.width(), s.width(),
                 streams) {}

  Floats bias;
  Packed both, to_input, to_state;
};

}  // namespace
