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

#include "lstm_scan.h"
#include "threads.h"

namespace {

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
        reader_(worker),
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
      reader_.collect(given_.hs, begin, steps);
      if (given_.gates == nullptr) {
        w_.start(weights.bias.get(), steps);
        weights.both.add_to(w_.z_.get(), s_.stride(), reader_.samples(steps * count_));
      }
      scan(weights.to_state, begin, steps);
      dz_.fill(w_.z_.get(), steps * count_, s_.stride());
      dz_.add_to(found_.kernels, 4 * s_.width(), reader_.numbers());
      to_inputs(weights.to_input, begin, steps);
    }
    write(dc_.get(), found_.c);
    write(dh_.get(), found_.h);
    write(c_initial_.get(), found_.c_initial);
    write(h_initial_.get(), found_.h_initial);
  }

 private:
  // Replace the arguments of the gates of a part by their gradients, from its last sample to its first.
  void scan(const Packed& to_state, int64_t begin, int64_t steps) {
    for (int64_t t = steps - 1; t >= 0; --t) {
      float* z = w_.z_.get() + t * count_ * s_.stride();
      for (int64_t b = 0; b < count_; ++b) step(begin + t, b, z + b * s_.stride());
      std::fill_n(dh_.get(), count_ * s_.width(), 0.0f);
      to_state.add_to(dh_.get(), s_.width(), {z, count_, s_.stride(), 1});
      for (int64_t b = 0; b < count_; ++b)
        if (reader_.reset(begin + t, b)) restart(b);
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
    const int64_t width = s_.width();
    const int64_t place = (t * s_.streams + first_ + b) * s_.hidden;
    const float* c_before = reader_.before(s_.c, s_.c_initial, given_.cs, t, b);
    const float* c = given_.cs + place;
    const float* from_output = given_.dhs + place;
    float *dc = dc_.get() + b * width, *dh = dh_.get() + b * width;
    if (given_.gates != nullptr)
      for (int64_t gate = 0; gate < 4; ++gate)
        std::copy_n(given_.gates + 4 * place + gate * s_.hidden, s_.hidden, z + gate * width);
    for (int64_t n = 0; n < width; n += kLanes) {
      const auto at = [&](const float* of) { return load_up_to(of + n, s_.hidden - n); };
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
  Reader reader_;
  Floats dxs_, dc_, dh_, c_initial_, h_initial_;
  Packed dz_;
};

// Results without elements are not wanted.
float* data(Result& result) { return result->element_count() ? result->typed_data() : nullptr; }

ffi::Error forward(int64_t threads, Array xs, Flags resets, Array c, Array h, Array c_initial,
                   Array h_initial, Array input_kernel, Array kernel, Array bias, Count count,
                   Result cs, Result hs, Result gates) {
  const Scan scan =
      scan_of(xs, resets, c, h, c_initial, h_initial, input_kernel, kernel, bias, count);
  threads = std::clamp(scan.streams, int64_t{1}, threads);
  scan.clear_rest(cs->typed_data(), scan.hidden);
  scan.clear_rest(hs->typed_data(), scan.hidden);
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
                    Array h_initial, Array input_kernel, Array kernel, Array bias, Count count,
                    Array cs, Array hs, Array gates, Array dhs, Array dc, Array dh,
                    Result d_input_kernel, Result d_kernel, Result d_bias, Result d_c, Result d_h,
                    Result d_c_initial, Result d_h_initial, Result d_xs) {
  const Scan scan =
      scan_of(xs, resets, c, h, c_initial, h_initial, input_kernel, kernel, bias, count);
  const Given given{cs.typed_data(),
                    hs.typed_data(),
                    gates.element_count() ? gates.typed_data() : nullptr,
                    dhs.typed_data(),
                    dc.typed_data(),
                    dh.typed_data()};
  threads = std::clamp(scan.streams, int64_t{1}, threads);
  const int64_t width = 4 * scan.width(), rows = scan.hidden + scan.inputs + 1;
  scan.clear_rest(d_xs->typed_data(), scan.inputs);
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
                              with_scan(ffi::Ffi::Bind().Attr<int64_t>("threads"))
                                  .Ret<Array>()
                                  .Ret<Array>()
                                  .Ret<Array>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_lstm_backward, backward,
                              with_scan(ffi::Ffi::Bind().Attr<int64_t>("threads"))
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
