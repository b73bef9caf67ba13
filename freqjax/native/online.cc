// Online training in closed form, with the equations of freqjax/training/gradients/closed_form.py, as one
// loop over the rows.
//
// A row costs one pass over the weights of the gates and their moments, W [K, 4H] with K = H + D + 2:
// it computes the gradient a ⊗ δz, updates the weight, and adds its product to the gate arguments of the
// next row, all while the weight is in a register. Everything that is the same for all weights of a row
// (learning rate, bias corrections) is computed by JAX and passed in `factors`.
//
// Axes: U rows, H hidden, D inputs, O outputs; A arrays, the weights and their moments.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>

#include "numerics.h"
#include "xla/ffi/api/ffi.h"

namespace {

// Columns of W that one pass processes together: four registers of 16 numbers, whose four chains of
// additions hide each other's latency.
constexpr int64_t kWidth = 64;

struct Sizes {
  int64_t rows, inputs, hidden, outputs;
  bool learned;  // whether the initial c of a stream is a parameter

  int64_t columns() const { return 4 * hidden; }
  int64_t height() const { return hidden + inputs + 2; }
  int64_t blocks() const { return (columns() + kWidth - 1) / kWidth; }
  int64_t rest() const { return hidden * outputs + outputs + (learned ? hidden : 0); }
};

// Constants of all rows, in the order of `_constants` of gradients/native.py: weight decay, the decay of the
// first moment (or the momentum) and that of the second, each with its complement to 1.
struct Constants {
  float clip_norm, decay, first, first_rest, second, second_rest, epsilon;
};

// Update rules of the optimizers. `move` takes a weight, whose moments follow it at distances of `stride`
// numbers, and the gradient; it updates them and returns the new weight.

enum class Decay { kNone, kCoupled, kDecoupled };

template <Decay decay>
struct Adam {
  static constexpr int kArrays = 3;
  static constexpr int kFactors = 3;
  float beta1, beta1_rest, beta2, beta2_rest, rate, epsilon, weight_decay;

  Adam(const Constants& c, const float* f)
      : beta1(c.first),
        beta1_rest(c.first_rest),
        beta2(c.second),
        beta2_rest(c.second_rest),
        rate(f[0]),
        epsilon(f[1]),
        weight_decay(decay == Decay::kDecoupled ? f[2] * c.decay : c.decay) {}

  float move(float* at, int64_t stride, float gradient) const {
    const float p = at[0];
    if constexpr (decay == Decay::kCoupled) gradient += weight_decay * p;
    const float m = beta1 * at[stride] + beta1_rest * gradient;
    const float v = beta2 * at[2 * stride] + beta2_rest * (gradient * gradient);
    float step = rate * m / (std::sqrt(v) + epsilon);
    if constexpr (decay == Decay::kDecoupled) step += weight_decay * p;
    at[stride] = m;
    at[2 * stride] = v;
    return at[0] = p - step;
  }
};

template <Decay decay>
struct Sgd {
  static constexpr int kArrays = 2;
  static constexpr int kFactors = 1;
  float momentum, rate, weight_decay;

  Sgd(const Constants& c, const float* f) : momentum(c.first), rate(f[0]), weight_decay(c.decay) {}

  float move(float* at, int64_t stride, float gradient) const {
    const float p = at[0];
    if constexpr (decay == Decay::kCoupled) gradient += weight_decay * p;
    const float trace = momentum * at[stride] + gradient;
    at[stride] = trace;
    return at[0] = p - rate * (gradient + momentum * trace);
  }
};

template <Decay decay>
struct RmsProp {
  static constexpr int kArrays = 2;
  static constexpr int kFactors = 1;
  float rms_decay, rms_rest, rate, epsilon, weight_decay;

  RmsProp(const Constants& c, const float* f)
      : rms_decay(c.second),
        rms_rest(c.second_rest),
        rate(f[0]),
        epsilon(c.epsilon),
        weight_decay(c.decay) {}

  float move(float* at, int64_t stride, float gradient) const {
    const float p = at[0];
    if constexpr (decay == Decay::kCoupled) gradient += weight_decay * p;
    const float v = rms_decay * at[stride] + rms_rest * (gradient * gradient);
    at[stride] = v;
    return at[0] = p - gradient * rate / (std::sqrt(v) + epsilon);
  }
};

// Updates nothing: a pass with it computes the product alone, in the same order of additions.
template <int arrays>
struct Still {
  static constexpr int kArrays = arrays;
  float move(float* at, int64_t, float) const { return at[0]; }
};

// Inputs and outputs of a call, in the order of `_run` of gradients/native.py.
struct Call {
  Sizes sizes;
  Constants constants;
  const float *x, *target;  // [U, D], [U, O]
  const uint8_t* reset;     // [U]
  const float* factors;     // [U, factors of the rule]
  const float *gates, *rest, *c, *h;  // [A, K, 4H], [A, H·O + O (+ H)], [H], [H]
  float *gates_after, *rest_after, *c_after, *h_after;
  float *losses, *powers;  // [U], [U, 5]: Σ² of δz, of h before the row, of e, of h, of the learned c's
};

template <class Rule>
class Loop {
 public:
  explicit Loop(const Call& call)
      : call_(call),
        s_(call.sizes),
        gates_(zeros(s_.blocks() * s_.height() * kStep)),
        rest_(zeros(Rule::kArrays * s_.rest())),
        rest_gradient_(zeros(s_.rest())),
        a_(zeros(s_.height())),
        ahead_(zeros(s_.height())),
        z_(zeros(s_.blocks() * kWidth)),
        dz_(zeros(s_.blocks() * kWidth)),
        c_(zeros(s_.hidden)),
        h_(zeros(s_.hidden)),
        bounded_(zeros(s_.hidden)),
        e_(zeros(s_.outputs)) {
    for (int array = 0; array < Rule::kArrays; ++array) {
      each_gate(array, [&](float& ours, int64_t theirs) { ours = call.gates[theirs]; });
      each_rest(array, [&](float& ours, int64_t theirs) { ours = call.rest[theirs]; });
    }
    std::copy_n(call.c, s_.hidden, c_.get());
    std::copy_n(call.h, s_.hidden, h_.get());
  }

  void run() {
    if (s_.rows > 0) {
      column(0, ahead_.get());
      pass(Still<Rule::kArrays>());
    }
    for (int64_t row = 0; row < s_.rows; ++row) {
      std::swap(a_, ahead_);
      const float norm = differentiate(row);
      const float scale =
          std::min(1.0f, call_.constants.clip_norm / std::max(norm, 1.17549435e-38f));
      for (int64_t k = 0; k < s_.columns(); ++k) dz_[k] *= scale;
      const Rule rule(call_.constants, call_.factors + row * Rule::kFactors);
      const int64_t n = s_.rest();
      float* rest = rest_.get();
#pragma omp simd
      for (int64_t k = 0; k < n; ++k) rule.move(rest + k, n, scale * rest_gradient_[k]);
      column(std::min(row + 1, s_.rows - 1), ahead_.get());
      pass(rule);
    }
    for (int array = 0; array < Rule::kArrays; ++array) {
      each_gate(array, [&](float& ours, int64_t theirs) { call_.gates_after[theirs] = ours; });
      each_rest(array, [&](float& ours, int64_t theirs) { call_.rest_after[theirs] = ours; });
    }
    std::copy_n(c_.get(), s_.hidden, call_.c_after);
    std::copy_n(h_.get(), s_.hidden, call_.h_after);
  }

 private:
  // Numbers from one row of a block to the next: weights, then each moment.
  static constexpr int64_t kStep = Rule::kArrays * kWidth;

  // W is stored in blocks of kWidth columns, each block row by row, so that a pass reads memory in order.
  // Columns beyond 4H are zero and stay zero.
  template <class Visit>
  void each_gate(int array, Visit visit) {
    for (int64_t k = 0; k < s_.height(); ++k)
      for (int64_t j = 0; j < s_.columns(); ++j)
        visit(gates_[(j / kWidth * s_.height() + k) * kStep + array * kWidth + j % kWidth],
              (array * s_.height() + k) * s_.columns() + j);
  }

  // W_y is stored by outputs here, and by units outside; b_y and the learned c follow.
  template <class Visit>
  void each_rest(int array, Visit visit) {
    const int64_t kernel = s_.hidden * s_.outputs;
    for (int64_t k = 0; k < s_.rest(); ++k) {
      const int64_t theirs =
          k < kernel ? k % s_.hidden * s_.outputs + k / s_.hidden : k;
      visit(rest_[array * s_.rest() + k], array * s_.rest() + theirs);
    }
  }

  // The a of a row, from h before it.
  void column(int64_t row, float* a) const {
    if (call_.reset[row])
      std::fill_n(a, s_.hidden, 0.0f);
    else
      std::copy_n(h_.get(), s_.hidden, a);
    std::copy_n(call_.x + row * s_.inputs, s_.inputs, a + s_.hidden);
    a[s_.hidden + s_.inputs] = a[s_.hidden + s_.inputs + 1] = 1.0f;
  }

  // Update W with the gradient a ⊗ δz, and write its product with the next row's a to z.
  template <class Any>
  void pass(const Any& rule) {
    for (int64_t block = 0; block < s_.blocks(); ++block) {
      float* at = gates_.get() + block * s_.height() * kStep;
      alignas(64) float dz[kWidth], z[kWidth] = {};
      std::copy_n(dz_.get() + block * kWidth, kWidth, dz);
      for (int64_t k = 0; k < s_.height(); ++k, at += kStep) {
        const float a = a_[k], ahead = ahead_[k];
#pragma omp simd
        for (int64_t j = 0; j < kWidth; ++j) z[j] += ahead * rule.move(at + j, kWidth, a * dz[j]);
      }
      std::copy_n(z, kWidth, z_.get() + block * kWidth);
    }
  }

  // Compute loss, gradient, and c and h after the row; return the norm of the gradient.
  float differentiate(int64_t row) {
    const int64_t hidden = s_.hidden, outputs = s_.outputs;
    const bool reset = call_.reset[row];
    const float* rest = rest_.get();
    const float *kernel = rest, *bias = rest + hidden * outputs, *learned = bias + outputs;
    float *c = c_.get(), *h = h_.get(), *bounded = bounded_.get(), *e = e_.get(), *z = z_.get();
    float *d_kernel = rest_gradient_.get(), *d_learned = d_kernel + hidden * outputs + outputs;
    float* dz = dz_.get();
    float* powers = call_.powers + row * 5;

    powers[1] = dot(a_.get(), a_.get(), hidden);
    const float x_power = dot(a_.get() + hidden, a_.get() + hidden, s_.inputs);
    if (reset && s_.learned) std::copy_n(learned, hidden, c);
    if (reset && !s_.learned) std::fill_n(c, hidden, 0.0f);

    // z is overwritten by the gates; the f part of dz temporarily holds c before the row.
#pragma omp simd
    for (int64_t k = 0; k < hidden; ++k) {
      const float i = z[k] = sigmoid(z[k]);
      const float f = z[hidden + k] = sigmoid(z[hidden + k]);
      const float g = z[2 * hidden + k] = tanhf_(z[2 * hidden + k]);
      const float o = z[3 * hidden + k] = sigmoid(z[3 * hidden + k]);
      dz[hidden + k] = c[k];
      c[k] = f * c[k] + i * g;
      bounded[k] = tanhf_(c[k]);
      h[k] = o * bounded[k];
    }
    float loss = 0;
    for (int64_t o = 0; o < outputs; ++o) {
      const float difference =
          dot(kernel + o * hidden, h, hidden) + bias[o] - call_.target[row * outputs + o];
      loss += difference * difference;
      e[o] = d_kernel[hidden * outputs + o] = 2 * difference;
    }
    call_.losses[row] = loss;

    std::fill_n(dz, hidden, 0.0f);
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t k = 0; k < hidden; ++k) {
        dz[k] += kernel[o * hidden + k] * e[o];
        d_kernel[o * hidden + k] = h[k] * e[o];
      }
#pragma omp simd
    for (int64_t k = 0; k < hidden; ++k) {
      const float i = z[k], f = z[hidden + k], g = z[2 * hidden + k], o = z[3 * hidden + k];
      const float dh = dz[k], before = dz[hidden + k];
      const float dc = dh * o * (1 - bounded[k] * bounded[k]);
      dz[k] = dc * g * i * (1 - i);
      dz[hidden + k] = dc * before * f * (1 - f);
      dz[2 * hidden + k] = dc * i * (1 - g * g);
      dz[3 * hidden + k] = dh * h[k] * (1 - o);
      bounded[k] = dc * f;
    }
    for (int64_t k = 0; s_.learned && k < hidden; ++k) d_learned[k] = reset ? bounded[k] : 0.0f;
    powers[0] = dot(dz, dz, s_.columns());
    powers[2] = dot(e, e, outputs);
    powers[3] = dot(h, h, hidden);
    powers[4] = s_.learned ? dot(d_learned, d_learned, hidden) : 0.0f;
    return std::sqrt(powers[0] * (powers[1] + x_power + 2) + powers[2] * (powers[3] + 1) + powers[4]);
  }

  const Call& call_;
  const Sizes s_;
  Floats gates_, rest_, rest_gradient_, a_, ahead_, z_, dz_, c_, h_, bounded_, e_;
};

template <class Rule>
void run(const Call& call) {
  const FlushDenormals flushed;
  Loop<Rule>(call).run();
}

// The rules in the order of `_RULES` of gradients/native.py.
void (*const kRules[])(const Call&) = {
    run<Adam<Decay::kNone>>, run<Adam<Decay::kCoupled>>,    run<Adam<Decay::kDecoupled>>,
    run<Sgd<Decay::kNone>>,  run<Sgd<Decay::kCoupled>>,     run<RmsProp<Decay::kNone>>,
    run<RmsProp<Decay::kCoupled>>,
};

namespace ffi = xla::ffi;
using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::Result<Array>;

ffi::Error online(int64_t rule, Array x, Array target, ffi::Buffer<ffi::PRED> reset, Array factors,
                  Array constants, Array gates, Array rest, Array c, Array h, Result gates_after,
                  Result rest_after, Result c_after, Result h_after, Result losses, Result powers) {
  const int64_t hidden = c.dimensions()[0], outputs = target.dimensions()[1];
  const float* k = constants.typed_data();
  const Call call = {
      {x.dimensions()[0], x.dimensions()[1], hidden, outputs,
       rest.dimensions()[1] > (hidden + 1) * outputs},
      {k[0], k[1], k[2], k[3], k[4], k[5], k[6]},
      x.typed_data(),
      target.typed_data(),
      reinterpret_cast<const uint8_t*>(reset.typed_data()),
      factors.typed_data(),
      gates.typed_data(),
      rest.typed_data(),
      c.typed_data(),
      h.typed_data(),
      gates_after->typed_data(),
      rest_after->typed_data(),
      c_after->typed_data(),
      h_after->typed_data(),
      losses->typed_data(),
      powers->typed_data(),
  };
  try {
    kRules[rule](call);
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the native online loop");
  }
  return ffi::Error::Success();
}

}  // namespace

// The handler that XLA calls.
XLA_FFI_DEFINE_HANDLER_SYMBOL(freqjax_online, online,
                              ffi::Ffi::Bind()
                                  .Attr<int64_t>("rule")
                                  .Arg<Array>()
                                  .Arg<Array>()
                                  .Arg<ffi::Buffer<ffi::PRED>>()
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
                                  .Ret<Array>());

// The loop without XLA, for benchmarks/cpp_online.py: sizes are U, D, H, O; without a learned c.
extern "C" void freqjax_online_plain(int64_t rule, const int64_t* sizes, const float* constants,
                                     const float* x, const float* target, const uint8_t* reset,
                                     const float* factors, float* gates, float* rest, float* c,
                                     float* h, float* losses, float* powers) {
  const float* k = constants;
  kRules[rule]({{sizes[0], sizes[1], sizes[2], sizes[3], false},
                {k[0], k[1], k[2], k[3], k[4], k[5], k[6]},
                x, target, reset, factors, gates, rest, c, h, gates, rest, c, h, losses, powers});
}
