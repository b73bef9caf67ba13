// Tangent of a scan of an LSTM: how h changes with the weights and the first c, by the equations of
// freqjax/networks/lstm_linear.py. Its adjoint is the gradient of lstm.cc.
//
// The changes of the gates' arguments are products of the changed weights with what the samples have read, made for
// a part of the samples at once as in lstm.cc, and what their own changes of h bring, step by step.
//
// Axes: T time, B streams, D inputs, H hidden; P is H, filled up to whole registers.

#include <algorithm>
#include <cstdint>
#include <exception>

#include "lstm_scan.h"
#include "threads.h"

namespace {

// The point of the tangent: c and h after every sample and t = tanh(s z), [T, B, 4, H].
struct Point {
  const float *cs, *hs, *gates;
};

// The changes as a loop reads them, all times the slopes, and W_h; a thread has up to `streams` streams.
struct Changes {
  Changes(const Scan& s, int64_t streams, const float* input_kernel, const float* kernel,
          const float* own_bias)
      : bias(widened(s, {{own_bias, 1}})),
        both(widened(s, {{kernel, s.hidden}, {input_kernel, s.inputs}}), s.hidden + s.inputs,
             4 * s.width(), kMany),
        recurrent(widened(s, {{s.kernel, s.hidden}}), s.hidden, 4 * s.width(), streams) {}

  Floats bias;
  Packed both, recurrent;
};

class Tangent {
 public:
  Tangent(Worker& worker, const Point& point)
      : w_(worker),
        s_(worker.s_),
        point_(point),
        first_(worker.first_),
        count_(worker.count_),
        reader_(worker),
        dc_(zeros(count_ * s_.width())),
        dh_(zeros(count_ * s_.width())) {}

  // The change of every h [T, B, H], if that of the first c is dc [B, H]; the first h does not change.
  void run(const Changes& changes, const float* dc, float* dhs) {
    w_.read(dc, dc_.get());
    for (int64_t begin = 0; begin < s_.samples; begin += w_.steps_) {
      const int64_t steps = std::min(w_.steps_, s_.samples - begin);
      reader_.collect(point_.hs, begin, steps);
      w_.start(changes.bias.get(), steps);
      changes.both.add_to(w_.z_.get(), s_.stride(), reader_.samples(steps * count_));
      for (int64_t t = 0; t < steps; ++t) {
        float* z = w_.z_.get() + t * count_ * s_.stride();
        changes.recurrent.add_to(z, s_.stride(), {dh_.get(), count_, s_.width(), 1});
        for (int64_t b = 0; b < count_; ++b) {
          step(begin + t, b, z + b * s_.stride());
          std::copy_n(dh_.get() + b * s_.width(), s_.hidden,
                      dhs + ((begin + t) * s_.streams + first_ + b) * s_.hidden);
        }
      }
    }
  }

 private:
  // Replace the changes of c and h by those after sample t; z is s δz.
  void step(int64_t t, int64_t b, const float* z) {
    const int64_t width = s_.width(), place = (t * s_.streams + first_ + b) * s_.hidden;
    const float* c_before = reader_.before(s_.c, s_.c_initial, point_.cs, t, b);
    float *dc = dc_.get() + b * width, *dh = dh_.get() + b * width;
    for (int64_t n = 0; n < width; n += kLanes) {
      const auto at = [&](const float* of) { return load_up_to(of + n, s_.hidden - n); };
      Lanes gate[4], change[4];
      for (int k = 0; k < 4; ++k) {
        const Lanes bounded = at(point_.gates + 4 * place + k * s_.hidden);
        gate[k] = bounded * kSlopes[k] + kLevels[k];
        change[k] = kSlopes[k] * (1.0f - bounded * bounded) * load(z + k * width + n);
      }
      const Lanes read = tanh_of(at(point_.cs + place));
      const Lanes after = gate[1] * load(dc + n) + change[1] * at(c_before) + change[0] * gate[2] +
                          gate[0] * change[2];
      store(dc + n, after);
      store(dh + n, change[3] * read + gate[3] * (1.0f - read * read) * after);
    }
  }

  Worker& w_;
  const Scan& s_;
  const Point& point_;
  int64_t first_, count_;
  Reader reader_;
  Floats dc_, dh_;
};

ffi::Error tangent(int64_t threads, Array xs, Flags resets, Array c, Array h, Array c_initial,
                   Array h_initial, Array input_kernel, Array kernel, Array bias, Count count,
                   Array cs, Array hs, Array gates, Array d_input_kernel, Array d_kernel,
                   Array d_bias, Array d_c, Result dhs) {
  const Scan scan =
      scan_of(xs, resets, c, h, c_initial, h_initial, input_kernel, kernel, bias, count);
  const Point point{cs.typed_data(), hs.typed_data(), gates.typed_data()};
  threads = std::clamp(scan.streams, int64_t{1}, threads);
  scan.clear_rest(dhs->typed_data(), scan.hidden);
  try {
    const Changes changes(scan, (scan.streams + threads - 1) / threads,
                          d_input_kernel.typed_data(), d_kernel.typed_data(), d_bias.typed_data());
    divide(scan.streams, threads, [&](int64_t, int64_t first, int64_t last) {
      Worker worker(scan, first, last);
      Tangent(worker, point).run(changes, d_c.typed_data(), dhs->typed_data());
    });
  } catch (const std::exception& error) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

// The handler that XLA calls; no stream is reset.
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_lstm_tangent, tangent,
                              with_scan(ffi::Ffi::Bind().Attr<int64_t>("threads"))
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>());
