// Scan of an LSTM by one thread, for part of its streams, and what its derivatives read of it.
//
// Axes: T time, B streams, D inputs, H hidden; P is H, filled up to whole registers.

#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "lstm.h"
#include "numerics.h"
#include "products.h"
#include "xla/ffi/api/ffi.h"

namespace {

// Floats that a part's arguments of the gates may take, what a second cache holds.
constexpr int64_t kPart = 1 << 17;

// The row of a stream at sample t of an array [T, B, count].
const float* row(const Scan& s, const float* of, int64_t t, int64_t stream, int64_t count) {
  return of + (t * s.streams + stream) * count;
}

// Part of the streams of a scan, for one thread.
class Worker {
 public:
  Worker(const Scan& s, int64_t first, int64_t last)
      : s_(s),
        first_(first),
        count_(last - first),
        steps_(std::clamp(kPart / std::max(count_ * s.stride(), int64_t{1}), int64_t{1},
                          std::max(s.samples, int64_t{1}))),
        z_(zeros(steps_ * count_ * s.stride())) {}

  // c and h after every sample, and if `gates` is given t = tanh(s z), [T, B, 4, H].
  void forward(const ForwardWeights& weights, float* cs, float* hs, float* gates) {
    const int64_t width = s_.width();
    const Floats xs = zeros(steps_ * count_ * s_.inputs);
    const Floats c = zeros(count_ * width), h = zeros(count_ * width);
    read(s_.c, c.get());
    read(s_.h, h.get());
    for (int64_t begin = 0; begin < s_.samples; begin += steps_) {
      const int64_t steps = std::min(steps_, s_.samples - begin);
      for (int64_t t = 0; t < steps; ++t)
        std::copy_n(row(s_, s_.xs, begin + t, first_, s_.inputs), count_ * s_.inputs,
                    xs.get() + t * count_ * s_.inputs);
      start(weights.bias.get(), steps);
      weights.input.add_to(z_.get(), s_.stride(), {xs.get(), steps * count_, s_.inputs, 1});
      for (int64_t t = 0; t < steps; ++t) {
        const int64_t at = begin + t;
        float* z = z_.get() + t * count_ * s_.stride();
        for (int64_t b = 0; b < count_; ++b)
          if (s_.resets[at * s_.streams + first_ + b]) {
            std::copy_n(s_.c_initial + (first_ + b) * s_.hidden, s_.hidden, c.get() + b * width);
            std::copy_n(s_.h_initial + (first_ + b) * s_.hidden, s_.hidden, h.get() + b * width);
          }
        weights.recurrent.add_to(z, s_.stride(), {h.get(), count_, width, 1});
        for (int64_t b = 0; b < count_; ++b) {
          step(z + b * s_.stride(), c.get() + b * width, h.get() + b * width);
          const int64_t place = (at * s_.streams + first_ + b) * s_.hidden;
          std::copy_n(c.get() + b * width, s_.hidden, cs + place);
          std::copy_n(h.get() + b * width, s_.hidden, hs + place);
          if (gates != nullptr)
            for (int64_t gate = 0; gate < 4; ++gate)
              std::copy_n(z + b * s_.stride() + gate * width, s_.hidden,
                          gates + 4 * place + gate * s_.hidden);
        }
      }
    }
  }

 private:
  friend class Reader;
  friend class Adjoint;
  friend class Tangent;

  // Copy the rows of `from` [B, H] of this part of the streams to rows of P.
  void read(const float* from, float* to) const {
    for (int64_t b = 0; b < count_; ++b)
      std::copy_n(from + (first_ + b) * s_.hidden, s_.hidden, to + b * s_.width());
  }

  // Set the arguments of the gates to the bias.
  void start(const float* bias, int64_t steps) {
    for (int64_t k = 0; k < steps * count_; ++k)
      std::copy_n(bias, 4 * s_.width(), z_.get() + k * s_.stride());
  }

  // Replace s z by t, and c and h by the next ones.
  void step(float* z, float* c, float* h) const {
    const int64_t width = s_.width();
    for (int64_t n = 0; n < width; n += kLanes) {
      Lanes t[4], gate[4];
      for (int k = 0; k < 4; ++k) {
        t[k] = tanh_of(load(z + k * width + n));
        gate[k] = t[k] * kSlopes[k] + kLevels[k];
        store(z + k * width + n, t[k]);
      }
      const Lanes after = gate[1] * load(c + n) + gate[0] * gate[2];
      store(c + n, after);
      store(h + n, gate[3] * tanh_of(after));
    }
  }

  const Scan& s_;
  int64_t first_, count_, steps_;
  Floats z_;
};

// What the samples of a part read: the state before them and their inputs.
class Reader {
 public:
  explicit Reader(const Worker& worker)
      : s_(worker.s_),
        first_(worker.first_),
        count_(worker.count_),
        rows_(s_.hidden + s_.inputs + 1),
        across_(((worker.steps_ * count_ + 31) / 32 * 2 + 1) * 16),
        read_(zeros(rows_ * across_)) {}

  bool reset(int64_t t, int64_t b) const { return s_.resets[t * s_.streams + first_ + b]; }

  // The state [H] that sample t of a stream reads, of those before the first sample, initial ones, and all after.
  const float* before(const float* first, const float* initial, const float* all, int64_t t,
                      int64_t b) const {
    const int64_t stream = first_ + b;
    if (reset(t, b)) return initial + stream * s_.hidden;
    return t > 0 ? row(s_, all, t - 1, stream, s_.hidden) : first + stream * s_.hidden;
  }

  // Collect [h before, x, 1] of a part, a row for each of its numbers; hs are those after every sample.
  void collect(const float* all, int64_t begin, int64_t steps) {
    constexpr int64_t kBlock = 16;  // samples at a time: a line of a cache is written at once
    const int64_t samples = steps * count_;
    for (int64_t first = 0; first < samples; first += kBlock) {
      const int64_t block = std::min(kBlock, samples - first);
      const float *hs[kBlock], *xs[kBlock];
      for (int64_t k = 0; k < block; ++k) {
        const int64_t t = begin + (first + k) / count_, b = (first + k) % count_;
        hs[k] = before(s_.h, s_.h_initial, all, t, b);
        xs[k] = row(s_, s_.xs, t, first_ + b, s_.inputs);
      }
      float* to = read_.get() + first;
      for (int64_t n = 0; n < s_.hidden; ++n, to += across_)
        for (int64_t k = 0; k < block; ++k) to[k] = hs[k][n];
      for (int64_t n = 0; n < s_.inputs; ++n, to += across_)
        for (int64_t k = 0; k < block; ++k) to[k] = xs[k][n];
      std::fill_n(to, block, 1.0f);
    }
  }

  // What was collected, as a matrix with a row for each of so many samples, or for each of the numbers.
  Left samples(int64_t count) const { return {read_.get(), count, 1, across_}; }
  Left numbers() const { return {read_.get(), rows_, across_, 1}; }

 private:
  const Scan& s_;
  int64_t first_, count_;
  // Rows of what a sample reads, and their distance: an odd number of lines, so that they share no place in a cache.
  int64_t rows_, across_;
  Floats read_;
};

// Load a register of units, of which a row may have fewer left.
inline Lanes load_up_to(const float* at, int64_t left) {
  if (left >= kLanes) return load(at);
  float rest[kLanes] = {};
  std::copy_n(at, left, rest);
  return load(rest);
}

namespace ffi = xla::ffi;
using Array = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Count = ffi::Buffer<ffi::S32>;
using Result = ffi::Result<Array>;

// The scan of a handler's arguments; `count` [] is the number of samples after which it ends.
Scan scan_of(Array xs, Flags resets, Array c, Array h, Array c_initial, Array h_initial,
             Array input_kernel, Array kernel, Array bias, Count count) {
  const auto shape = xs.dimensions();
  return {shape[0],
          std::clamp(int64_t{count.typed_data()[0]}, int64_t{0}, shape[0]),
          shape[1],
          shape[2],
          static_cast<int64_t>(c.dimensions()[1]),
          xs.typed_data(),
          resets.typed_data(),
          c.typed_data(),
          h.typed_data(),
          c_initial.typed_data(),
          h_initial.typed_data(),
          input_kernel.typed_data(),
          kernel.typed_data(),
          bias.typed_data()};
}

// Add the arguments of a scan to what a handler takes.
template <typename Binding>
auto with_scan(Binding binding) {
  return std::move(binding)
      .template Arg<Array>()   // xs
      .template Arg<Flags>()   // resets
      .template Arg<Array>()   // c
      .template Arg<Array>()   // h
      .template Arg<Array>()   // c_initial
      .template Arg<Array>()   // h_initial
      .template Arg<Array>()   // input_kernel
      .template Arg<Array>()   // kernel
      .template Arg<Array>()   // bias
      .template Arg<Count>();  // count
}

}  // namespace
