// Scan of an LSTM over whole streams and its gradient, with the equations of freqjax/networks/lstm_backward.py.
//
// A step of a scan is a product of few rows, and takes longer to begin than to compute where every operation is
// one of its own. Here a thread runs its streams from the first sample to the last: the recurrent weights stay in
// its cache, and a step's gates in its registers. Products that do not wait for a state are made for a part of
// the samples at once, while what they read and write stays in the cache as well: those of the inputs before the
// part's steps; in the gradient, the gates' arguments before them, and the weights' and inputs' gradients after.
//
// Axes: T time, B streams, D inputs, H hidden; P is H, and E is D, filled up to whole registers.

#include <algorithm>
#include <cstdint>
#include <exception>

#include "lstm.h"
#include "numerics.h"
#include "products.h"
#include "threads.h"
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
  friend class Adjoint;

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

// What a gradient is made of: c and h after every sample, perhaps t, and the gradients of each h [T, B, H] and of the
// last c and h [B, H].
struct Given {
  const float *cs, *hs, *gates, *dhs, *dc, *dh;
};

// The gradients, of the shapes of a scan's inputs; the kernels' and the bias' are those of one thread.
struct Found {
  float *xs, *c, *h, *c_initial, *h_initial;
  float* kernels;  // [H + D + 1, 4P]
};

class Adjoint {
 public:
  Adjoint(Worker& worker, const Given& given, const Found& found)
      : w_(worker),
        s_(worker.s_),
        given_(given),
        found_(found),
        first_(worker.first_),
        count_(worker.count_),
        rows_(s_.hidden + s_.inputs + 1),
        across_(((worker.steps_ * count_ + 31) / 32 * 2 + 1) * 16),
        read_(zeros(rows_ * across_)),
        dxs_(zeros(worker.steps_ * count_ * padded(s_.inputs))),
        dc_(zeros(count_ * s_.width())),
        dh_(zeros(count_ * s_.width())),
        c_initial_(zeros(count_ * s_.width())),
        h_initial_(zeros(count_ * s_.width())),
        dz_(worker.steps_ * count_, 4 * s_.width(), kMany) {}

  void run(const BackwardWeights& weights) {
    const int64_t parts = (s_.samples + w_.steps_ - 1) / w_.steps_;
    w_.read(given_.dc, dc_.get());
    w_.read(given_.dh, dh_.get());
    for (int64_t part = parts - 1; part >= 0; --part) {
      const int64_t begin = part * w_.steps_, steps = std::min(w_.steps_, s_.samples - begin);
      collect(begin, steps);
      if (given_.gates == nullptr) {
        w_.start(weights.bias.get(), steps);
        weights.both.add_to(w_.z_.get(), s_.stride(), {read_.get(), steps * count_, 1, across_});
      }
      scan(weights.to_state, begin, steps);
      dz_.fill(w_.z_.get(), steps * count_, s_.stride());
      dz_.add_to(found_.kernels, 4 * s_.width(), {read_.get(), rows_, across_, 1});
      to_inputs(weights.to_input, begin, steps);
    }
    write(dc_.get(), found_.c);
    write(dh_.get(), found_.h);
    write(c_initial_.get(), found_.c_initial);
    write(h_initial_.get(), found_.h_initial);
  }

 private:
  bool reset(int64_t t, int64_t b) const { return s_.resets[t * s_.streams + first_ + b]; }

  // The state [H] that sample t of a stream reads, of those before the first sample, initial ones, and all after.
  const float* before(const float* first, const float* initial, const float* all, int64_t t,
                      int64_t b) const {
    const int64_t stream = first_ + b;
    if (reset(t, b)) return initial + stream * s_.hidden;
    return t > 0 ? row(s_, all, t - 1, stream, s_.hidden) : first + stream * s_.hidden;
  }

  // Collect [h before, x, 1] of a part, a row for each of its numbers.
  void collect(int64_t begin, int64_t steps) {
    constexpr int64_t kBlock = 16;  // samples at a time: a line of a cache is written at once
    const int64_t samples = steps * count_;
    for (int64_t first = 0; first < samples; first += kBlock) {
      const int64_t block = std::min(kBlock, samples - first);
      const float *hs[kBlock], *xs[kBlock];
      for (int64_t k = 0; k < block; ++k) {
        const int64_t t = begin + (first + k) / count_, b = (first + k) % count_;
        hs[k] = before(s_.h, s_.h_initial, given_.hs, t, b);
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

  // Replace the arguments of the gates of a part by their gradients, from its last sample to its first.
  void scan(const Packed& to_state, int64_t begin, int64_t steps) {
    for (int64_t t = steps - 1; t >= 0; --t) {
      float* z = w_.z_.get() + t * count_ * s_.stride();
      for (int64_t b = 0; b < count_; ++b) step(begin + t, b, z + b * s_.stride());
      std::fill_n(dh_.get(), count_ * s_.width(), 0.0f);
      to_state.add_to(dh_.get(), s_.width(), {z, count_, s_.stride(), 1});
      for (int64_t b = 0; b < count_; ++b)
        if (reset(begin + t, b)) restart(b);
    }
  }

  // Compute the gradients of the inputs of a part.
  void to_inputs(const Packed& to_input, int64_t begin, int64_t steps) {
    const int64_t inputs = padded(s_.inputs), samples = steps * count_;
    std::fill_n(dxs_.get(), samples * inputs, 0.0f);
    to_input.add_to(dxs_.get(), inputs, {w_.z_.get(), samples, s_.stride(), 1});
    for (int64_t k = 0; k < samples; ++k)
      std::copy_n(dxs_.get() + k * inputs, s_.inputs,
                  found_.xs + ((begin + k / count_) * s_.streams + first_ + k % count_) * s_.inputs);
  }

  // Replace s z of a sample by δz, and δc by that of the c before.
  void step(int64_t t, int64_t b, float* z) {
    const int64_t width = s_.width(), whole = s_.hidden / kLanes * kLanes;
    const int64_t place = (t * s_.streams + first_ + b) * s_.hidden;
    const float* c_before = before(s_.c, s_.c_initial, given_.cs, t, b);
    const float* c = given_.cs + place;
    const float* from_output = given_.dhs + place;
    float *dc = dc_.get() + b * width, *dh = dh_.get() + b * width;
    if (given_.gates != nullptr)
      for (int64_t gate = 0; gate < 4; ++gate)
        std::copy_n(given_.gates + 4 * place + gate * s_.hidden, s_.hidden, z + gate * width);
    for (int64_t n = 0; n < width; n += kLanes) {
      // The last units of a row may fill a part of a register.
      const auto at = [&](const float* of) {
        if (n < whole) return load(of + n);
        float rest[kLanes] = {};
        std::copy_n(of + n, s_.hidden - n, rest);
        return load(rest);
      };
      Lanes bounded[4], gate[4];
      for (int k = 0; k < 4; ++k) {
        const Lanes own = load(z + k * width + n);
        bounded[k] = given_.gates == nullptr ? tanh_of(own) : own;
        gate[k] = bounded[k] * kSlopes[k] + kLevels[k];
      }
      const Lanes read = tanh_of(at(c));
      const Lanes through_h = load(dh + n) + at(from_output);
      const Lanes through_c = load(dc + n) + through_h * gate[3] * (1.0f - read * read);
      const Lanes sides[4] = {through_c * gate[2], through_c * at(c_before), through_c * gate[0],
                              through_h * read};
      for (int k = 0; k < 4; ++k)
        store(z + k * width + n,
              kSlopes[k] * kSlopes[k] * (1.0f - bounded[k] * bounded[k]) * sides[k]);
      store(dc + n, through_c * gate[1]);
    }
  }

  // Give the gradient of a state to the initial one, and none to samples before.
  void restart(int64_t b) {
    const int64_t width = s_.width();
    for (int64_t n = b * width; n < (b + 1) * width; ++n) {
      c_initial_[n] += dc_[n];
      h_initial_[n] += dh_[n];
      dc_[n] = dh_[n] = 0.0f;
    }
  }

  void write(const float* from, float* to) const {
    for (int64_t b = 0; b < count_; ++b)
      std::copy_n(from + b * s_.width(), s_.hidden, to + (first_ + b) * s_.hidden);
  }

  Worker& w_;
  const Scan& s_;
  const Given& given_;
  const Found& found_;
  int64_t first_, count_;
  // Rows of what a sample reads, and their distance: an odd number of lines, so that they share no place in a cache.
  int64_t rows_, across_;
  Floats read_, dxs_, dc_, dh_, c_initial_, h_initial_;
  Packed dz_;
};

namespace ffi = xla::ffi;
using Array = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Result = ffi::Result<Array>;

Scan scan_of(Array xs, Flags resets, Array c, Array h, Array c_initial, Array h_initial,
             Array input_kernel, Array kernel, Array bias) {
  const auto shape = xs.dimensions();
  return {shape[0],
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

// Results without elements are not wanted.
float* data(Result& result) { return result->element_count() ? result->typed_data() : nullptr; }

ffi::Error forward(int64_t threads, Array xs, Flags resets, Array c, Array h, Array c_initial,
                   Array h_initial, Array input_kernel, Array kernel, Array bias, Result cs,
                   Result hs, Result gates) {
  const Scan scan =
      scan_of(xs, resets, c, h, c_initial, h_initial, input_kernel, kernel, bias);
  threads = std::clamp(scan.streams, int64_t{1}, threads);
  try {
    const ForwardWeights weights(scan, (scan.streams + threads - 1) / threads);
    divide(scan.streams, threads, [&](int64_t, int64_t first, int64_t last) {
      Worker(scan, first, last).forward(weights, cs->typed_data(), hs->typed_data(), data(gates));
    });
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, error.what());
  }
  return ffi::Error::Success();
}

ffi::Error backward(int64_t threads, Array xs, Flags resets, Array c, Array h, Array c_initial,
                    Array h_initial, Array input_kernel, Array kernel, Array bias, Array cs,
                    Array hs, Array gates, Array dhs, Array dc, Array dh, Result d_input_kernel,
                    Result d_kernel, Result d_bias, Result d_c, Result d_h, Result d_c_initial,
                    Result d_h_initial, Result d_xs) {
  const Scan scan =
      scan_of(xs, resets, c, h, c_initial, h_initial, input_kernel, kernel, bias);
  const Given given{cs.typed_data(),
                    hs.typed_data(),
                    gates.element_count() ? gates.typed_data() : nullptr,
                    dhs.typed_data(),
                    dc.typed_data(),
                    dh.typed_data()};
  threads = std::clamp(scan.streams, int64_t{1}, threads);
  const int64_t width = 4 * scan.width(), rows = scan.hidden + scan.inputs + 1;
  try {
    const Floats kernels = zeros(threads * rows * width);
    const BackwardWeights weights(scan, (scan.streams + threads - 1) / threads,
                                  given.gates == nullptr);
    divide(scan.streams, threads, [&](int64_t thread, int64_t first, int64_t last) {
      const Found found{d_xs->typed_data(),        d_c->typed_data(),
                        d_h->typed_data(),         d_c_initial->typed_data(),
                        d_h_initial->typed_data(), kernels.get() + thread * rows * width};
      Worker worker(scan, first, last);
      Adjoint(worker, given, found).run(weights);
    });
    for (int64_t k = 0; k < rows; ++k) {
      const bool recurrent = k < scan.hidden, last = k + 1 == rows;
      float* to = recurrent ? d_kernel->typed_data() + k * 4 * scan.hidden
                  : last    ? d_bias->typed_data()
                            : d_input_kernel->typed_data() + (k - scan.hidden) * 4 * scan.hidden;
      for (int64_t gate = 0; gate < 4; ++gate, to += scan.hidden) {
        const float* own = kernels.get() + k * width + gate * scan.width();
        std::copy_n(own, scan.hidden, to);
        for (int64_t thread = 1; thread < threads; ++thread)
          for (int64_t n = 0; n < scan.hidden; ++n) to[n] += own[thread * rows * width + n];
      }
    }
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

// The handlers that XLA calls.
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_lstm_forward, forward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("threads")
                                  .Arg<Array>()
                                  .Arg<Flags>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_lstm_backward, backward,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("threads")
                                  .Arg<Array>()
                                  .Arg<Flags>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>());
